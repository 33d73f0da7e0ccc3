//! The lists, the code and the tests agree on what is kept, what is shown, what is open and why the rest is cited nowhere.

use conformance::{Lists, faults, scan_tree, source_root, table};

#[test]
fn requirements_code_and_tests_agree() {
    let root = source_root().expect("the guard runs inside its workspace");
    let lists = Lists::read().expect("the lists are well-formed");
    let scan = scan_tree(&root).expect("the source tree is readable");
    let found = faults(&lists, &scan);
    let lines: Vec<String> = found.iter().map(|fault| format!("  {fault}")).collect();
    assert!(found.is_empty(), "{} disagreements:\n{}\n", found.len(), lines.join("\n"));
}

#[test]
fn no_requirement_is_silent() {
    for row in table().expect("the lists are well-formed") {
        let told = !row.kept.is_empty() || !row.shown.is_empty() || row.open.is_some() || row.uncited.is_some();
        assert!(told, "{}: {}", row.requirement.id, row.requirement.text);
    }
}

#[test]
fn citations_name_their_section() {
    let root = source_root().expect("the guard runs inside its workspace");
    let scan = scan_tree(&root).expect("the source tree is readable");
    let bare: Vec<String> = (scan.citations.iter())
        .filter(|citation| citation.section.is_none())
        .map(|citation| format!("  {}: {}", citation.place, citation.id))
        .collect();
    let with = scan.citations.iter().filter(|citation| citation.section.is_some()).count();
    assert!(with > 100, "only {with} citations name their section");
    assert!(bare.is_empty(), "without a section (cargo run -p conformance writes them):\n{}\n", bare.join("\n"));
}
