//! The hub of a Discovery Space against a model of its members.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::hub(bytes));
