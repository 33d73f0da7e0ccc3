//! Any bytes are a surface exactly if the grammar derives them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::surface(bytes));
