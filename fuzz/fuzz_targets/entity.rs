//! Hosts with their agents, driven by what agents ask, what happens to hosts, and what strangers send.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::entity(bytes));
