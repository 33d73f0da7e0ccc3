//! A whole file drop: what is approved is what was sealed, once; nothing that came is lost.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::drop(bytes));
