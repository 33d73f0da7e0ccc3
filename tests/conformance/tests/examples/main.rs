//! The documentation shows how things are used: each public type stands in an example that compiles. A function that can
//! fail says when, and a constant says its unit.
//!
//! A type is shown if its own documentation has an example, or if another example of the crate or of its README names it.

mod docs;

use std::collections::BTreeMap;

use docs::Docs;

/// The library crates, and how many public types each has at least: the reader of the source has not gone blind.
const CRATES: [(&str, usize); 4] =
    [("iacp-wire", 100), ("iacp-core", 300), ("cep-envelope", 60), ("interaction-gov", 90)];

/// Whatever has none of this, in any crate.
fn check(what: &str, find: fn(&Docs) -> BTreeMap<String, String>) {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let mut faults = Vec::new();
    for (krate, least) in CRATES {
        let docs = Docs::read(&root.join(krate));
        assert!(docs.types.len() >= least, "{krate}: only {} public types were found", docs.types.len());
        faults.extend(find(&docs).into_iter().map(|(name, place)| format!("{krate}/{place}: {name} has no {what}")));
    }
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

#[test]
fn each_public_type_is_shown_by_a_compiled_example() {
    check("example", Docs::not_shown);
}

#[test]
fn each_function_that_can_fail_says_when() {
    check("section # Errors", Docs::silent);
}

#[test]
fn each_constant_says_its_unit() {
    check("unit", Docs::unitless);
}
