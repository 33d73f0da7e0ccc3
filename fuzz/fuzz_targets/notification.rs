//! Any bytes are a notification or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::notification(bytes));
