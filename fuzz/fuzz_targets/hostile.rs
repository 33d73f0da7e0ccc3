//! Two ends on a network on which a changed frame is still authentic: nothing panics, nothing is delivered twice.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::hostile(bytes));
