//! A trail takes only what continues it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::trail(bytes));
