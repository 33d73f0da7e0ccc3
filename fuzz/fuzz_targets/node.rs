//! A directory node under any frames from anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::node(bytes));
