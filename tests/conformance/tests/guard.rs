//! The lists, the code and the tests agree on what is kept, what is shown and what is open.

use conformance::{faults, open, requirements, scan_tree, source_root};

#[test]
fn requirements_code_and_tests_agree() {
    let root = source_root().expect("the guard runs inside its workspace");
    let requirements = requirements().expect("requirements.csv is well-formed");
    let open = open().expect("requirements-open.csv is well-formed");
    let scan = scan_tree(&root).expect("the source tree is readable");
    let found = faults(&requirements, &open, &scan);
    let lines: Vec<String> = found.iter().map(|fault| format!("  {fault}")).collect();
    assert!(found.is_empty(), "{} disagreements:\n{}\n", found.len(), lines.join("\n"));
}
