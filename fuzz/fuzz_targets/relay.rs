//! See `tests/probe/relay.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regrant_fuzz::probe::relay::probe(data));
