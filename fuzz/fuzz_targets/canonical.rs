//! Canonical text is the same however it is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::canonical(bytes));
