//! The control plane against a model of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::rollout(bytes));
