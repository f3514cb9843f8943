//! See `tests/probe/records.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regrant_fuzz::probe::records::probe(data));
