//! Any bytes are a Link field or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::link(bytes));
