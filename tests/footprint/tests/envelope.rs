//! Size is a test: what a sealed manifest takes of a microcontroller stays within its budget.

use std::io::{Write, stderr};
use std::path::Path;

use footprint::envelope::{Envelope, FLASH, STACK};
use footprint::image::{TARGET, target_is_available};

/// Not `eprintln!`, which is only shown for tests that fail.
fn say(line: &str) {
    writeln!(stderr(), "\n{line}").expect("standard error is open");
}

#[test]
fn verifying_a_manifest_takes_no_more_than_its_budget() {
    if !target_is_available() {
        return say(&format!("*** NOT TESTED: {TARGET} is absent, and `rustup target add` failed. ***"));
    }
    // A directory of its own: the other test builds at the same time.
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envelope");
    let measured = Envelope::measure(&target_dir).unwrap_or_else(|error| panic!("{error:?}"));
    say(&measured.table());
    let found = measured.violations(FLASH, STACK);
    assert!(found.is_empty(), "{found:#?}");
    // Each budget can fail.
    assert_eq!(measured.violations(measured.flash - 1, STACK).len(), 1);
    if let Some(why) = &measured.not_run {
        return say(&format!("*** NOT TESTED: stack: {why} ***"));
    }
    let most = measured.steps.iter().map(|(_, cost)| cost.stack).max().expect("steps");
    assert!(!measured.violations(FLASH, most - 1).is_empty());
}
