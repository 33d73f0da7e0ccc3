//! The documentation shows how things are used: each public type stands in an example that compiles. A function that can
//! fail says when, and a constant says its unit.
//!
//! A type is shown if its own documentation has an example, or if another example of the crate or of its README names it.
//! `missing.txt` lists what is not so yet; it only ever shrinks.

mod docs;

use std::collections::{BTreeMap, BTreeSet};

use docs::Docs;

/// The library crates, and how many public types each has at least: the reader of the source has not gone blind.
const CRATES: [(&str, usize); 4] =
    [("iacp-wire", 100), ("iacp-core", 300), ("cep-envelope", 60), ("interaction-gov", 90)];

/// Compares what was found with the list of what is known.
fn check(what: &str, find: fn(&Docs) -> BTreeMap<String, String>) {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let known: BTreeSet<&str> = include_str!("missing.txt").lines().collect();
    let mut open = BTreeSet::new();
    let mut faults = Vec::new();
    for (krate, least) in CRATES {
        let docs = Docs::read(&root.join(krate));
        assert!(docs.types.len() >= least, "{krate}: only {} public types were found", docs.types.len());
        for (name, place) in find(&docs) {
            let row = format!("{krate}: {name} has no {what}");
            if !known.contains(&*row) {
                faults.push(format!("{row} ({place})"));
            }
            open.insert(row);
        }
    }
    let done = known.iter().filter(|row| row.ends_with(&format!("has no {what}")) && !open.contains(**row));
    faults.extend(done.map(|row| format!("{row}: listed, but done")));
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

#[test]
fn each_public_type_is_shown_by_a_compiled_example() {
    check("example", Docs::not_shown);
}

#[test]
fn each_function_that_can_fail_says_when() {
    check("Errors", Docs::silent);
}

#[test]
fn each_constant_says_its_unit() {
    check("unit", Docs::unitless);
}
