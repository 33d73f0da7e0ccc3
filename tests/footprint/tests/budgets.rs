//! Size is a test: what a session takes of a microcontroller stays within its budget.

use std::io::{Write, stderr};
use std::path::Path;

use footprint::budget::{BUDGETS, Budget, STEPS, violations};
use footprint::image::{Board, TARGET, target_is_available};
use footprint::{Footprint, table};

/// Not `eprintln!`, which is only shown for tests that fail.
fn say(line: &str) {
    writeln!(stderr(), "\n*** NOT TESTED: {line} ***\n").expect("standard error is open");
}

#[test]
fn a_session_takes_no_more_than_its_budget() {
    if !target_is_available() {
        return say(&format!("{TARGET} is absent, and `rustup target add` failed."));
    }
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("footprint");
    let (footprint, _) = Footprint::measure(&target_dir, &[]).unwrap_or_else(|error| panic!("{error:?}"));
    let found = violations(&footprint, &BUDGETS);
    assert!(found.is_empty(), "{found:#?}\n{}", table::table(&footprint));

    // Each budget can fail: with one byte less than measured it does.
    for budget in BUDGETS {
        let Some(measured) = budget.what.of(&footprint) else { continue };
        let less = Budget { limit: measured - 1, ..budget };
        assert_eq!(violations(&footprint, &[less]).len(), 1, "{budget:?}");
    }
    let Some(run) = &footprint.run else {
        return say(&format!("stack and instructions: {}.", footprint.not_run.unwrap_or_default()));
    };
    // The timer counts what the machine executes.
    assert_eq!(
        run.per_two_ticks,
        Board::Mps2.per_two_ticks(),
        "instructions to two ticks of 25 MHz at one nanosecond each"
    );
    // What is painted and what is read from the code agree: no step goes below the bound of its calls.
    for step in &STEPS {
        let (most, bound) = (run.most(step.name).expect(step.name).stack, footprint.bounds[step.name]);
        assert!(most <= bound, "{}: {most} bytes of stack, and the call graph says {bound} at most", step.name);
    }
}
