//! A governed interaction under any order of steps: decisions are coherent, permits end in time, the trail is whole.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::interaction(bytes));
