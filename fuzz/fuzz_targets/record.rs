//! Any bytes are records of the directory or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::record(bytes));
