//! A responder of anonymous discovery agrees with a model of it, whatever the order of requests, repeats and clocks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::discovery(bytes));
