//! A chain of delegations resolves to its last key, or breaks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::chain(bytes));
