//! Any bytes are a frame or refused, and the judge of the property tests has nothing to object.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::frame(bytes));
