//! Size is a test: what a sealed manifest, and a governed interaction, take of a microcontroller stays within its budget.

use std::io::{Write, stderr};
use std::path::Path;

use footprint::image::{TARGET, target_is_available};
use footprint::program::{Budgets, INTERACTION, MANIFEST, Measured, Program};
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;

/// Not `eprintln!`, which is only shown for tests that fail.
fn say(line: &str) {
    writeln!(stderr(), "\n{line}").expect("standard error is open");
}

/// In a directory of its own: other tests build at the same time.
fn measure(program: &Program, directory: &str) -> Option<Measured> {
    if !target_is_available() {
        say(&format!("*** NOT TESTED: {TARGET} is absent, and `rustup target add` failed. ***"));
        return None;
    }
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(directory);
    let measured = program.measure(&target_dir, &mut ()).unwrap_or_else(|error| panic!("{error:?}"));
    say(&measured.table(program));
    let found = measured.violations(program, program.budgets);
    assert!(found.is_empty(), "{found:#?}");
    // Each budget can fail: with one byte less than measured it does.
    let exact = Budgets {
        flash: measured.flash,
        ram: measured.ram(),
        stack: measured.stack(),
        in_all: measured.in_all(program),
    };
    assert!(measured.violations(program, exact).is_empty());
    let less = |number: u32| number.checked_sub(1);
    let all = [
        less(exact.flash).map(|flash| Budgets { flash, ..exact }),
        less(exact.ram).map(|ram| Budgets { ram, ..exact }),
        less(exact.stack).map(|stack| Budgets { stack, ..exact }),
        less(exact.in_all).map(|in_all| Budgets { in_all, ..exact }),
    ];
    for budgets in all.into_iter().flatten() {
        assert_eq!(measured.violations(program, budgets).len(), 1, "{budgets:?}");
    }
    if let Some(why) = &measured.not_run {
        say(&format!("*** NOT TESTED: stack: {why} ***"));
    }
    Some(measured)
}

#[test]
fn verifying_a_manifest_takes_no_more_than_its_budget() {
    measure(&MANIFEST, "envelope");
}

#[test]
fn a_governed_interaction_takes_no_more_than_its_budget_and_is_empty_at_first() {
    let Some(measured) = measure(&INTERACTION, "policy") else { return };
    // An empty control plane, an interaction's place and an empty log are zeros: no initial values lie in flash.
    assert_eq!(measured.initialised, 0);
}

#[test]
fn the_policy_of_the_firmware_is_what_its_texts_compile_to() {
    let names = Vocabulary::read(include_str!("../../../examples/conference/policies/robot/names.vocabulary"));
    let names = names.expect("a vocabulary");
    let mut policy = Box::<Policy<4>>::default();
    for text in [
        include_str!("../../../examples/conference/policies/robot/plant.policy"),
        include_str!("../../../examples/conference/policies/robot/vendor.policy"),
        include_str!("../../../examples/conference/policies/robot/works-council.policy"),
    ] {
        policy.add(text, &names).expect("a policy");
    }
    let mut bytes = vec![0; policy.compile(&mut []).expect_err("it takes bytes")];
    assert_eq!(policy.compile(&mut bytes), Ok(bytes.len()));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/src/robot.policy.bin");
    if std::env::var_os("POLICY").is_some_and(|value| value == "write") {
        std::fs::write(&file, &bytes).expect("written");
    }
    assert!(std::fs::read(&file).is_ok_and(|there| there == bytes), "texts have changed: run it with POLICY=write");
}
