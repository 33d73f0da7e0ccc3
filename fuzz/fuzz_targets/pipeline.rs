//! The interpreter's pipeline ends, keeps its limits and sends nothing inwards, whatever it is answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::pipeline(bytes));
