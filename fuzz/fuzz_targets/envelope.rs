//! See `tests/probe/envelope.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regrant_fuzz::probe::envelope::probe(data));
