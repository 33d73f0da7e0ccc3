//! What is approved is what was sealed, once; and no line continues twice.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::delivery(bytes));
