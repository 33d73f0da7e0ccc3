//! Any bytes are a manifest or refused, bare and sealed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::manifest(bytes));
