//! Of two records of one slot at most one displaces the other.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::judge(bytes));
