//! See `tests/probe/text.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regrant_fuzz::probe::text::probe(data));
