//! What a program of a workspace of its own runs is what the tests of the libraries have tested: the libraries' dependencies have the
//! version of the first `Cargo.lock` in each other one, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What the four libraries link. The stand-ins of `tests/no-panic/probe` are no library's code.
const LINKED: [&str; 12] = [
    "aes-gcm",
    "chacha20",
    "chacha20poly1305",
    "ed25519-compact",
    "heapless",
    "hmac",
    "rand_core",
    "sha2",
    "siphasher",
    "subtle",
    "zerocopy",
    "zeroize",
];
const LOCKS: [&str; 9] = [
    "examples/directory",
    "examples/fetch",
    "examples/firmware",
    "examples/lens",
    "examples/mqtt",
    "fuzz",
    "tests/footprint/firmware",
    "tests/no-panic/libraries",
    "tests/peers",
];

fn versions(folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let path = folder.join("Cargo.lock");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        let value = |key: &str| line.strip_prefix(key).map(|value| value.trim_matches('"'));
        if let Some(value) = value("name = ") {
            name = value;
        } else if let Some(value) = value("version = ") {
            versions.entry(name.to_owned()).or_default().insert(value.to_owned());
        }
    }
    versions
}

#[test]
fn the_libraries_link_the_same_versions_in_every_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
    let first = versions(root);
    for folder in LOCKS {
        let other = versions(&root.join(folder));
        for name in LINKED {
            let (Some(ours), Some(theirs)) = (first.get(name), other.get(name)) else { continue };
            assert!(!ours.is_disjoint(theirs), "{folder}: {name} {theirs:?}, and {ours:?} in the first lock");
        }
    }
    assert!(LINKED.iter().filter(|name| first.contains_key(**name)).count() >= 11, "they are named as in the lock");
}
