//! Any text is a policy or refused; what is taken decides as its rules say, one by one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::policy(bytes));
