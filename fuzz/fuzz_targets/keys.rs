//! See `tests/probe/keys.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regrant_fuzz::probe::keys::probe(data));
