//! Any bytes, and archives of any entries, are a sound container or not.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::container(bytes));
