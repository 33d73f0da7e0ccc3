//! Any bytes are a frame or refused, and the judge of the property tests has nothing to object.
#![no_main]

#[path = "../../iacp-wire/tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| oracle::judge(bytes));
