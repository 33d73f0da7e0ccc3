//! Two honest ends on a hostile network: what arrives is what was sent, once; what was changed is discarded.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::session(bytes));
