//! `inspect policy compile`, as a user runs it.

mod govern;
mod program;

use std::fs;

use govern::{CORPORATE, NAMES, PRIVACY, Place};
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::Vocabulary;
use serde_json::{Value, json};

fn run(place: &Place, args: &[&str]) -> (String, String, Option<i32>) {
    let output = program::inspect(&[&["policy"], args].concat(), b"");
    let folder = place.path("");
    let text = |bytes| String::from_utf8(bytes).expect("text").replace(&folder, "");
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn policies_compile_to_bytes_that_decide_the_same() {
    let place = Place::governed("compile");
    let (names, corporate, privacy) =
        (place.path("names"), place.path("corporate.policy"), place.path("privacy.policy"));
    let out = place.path("policy.bin");
    let args = ["compile", &corporate, &privacy, "--vocabulary", &names, "--out", &out];
    let (told, complaints, code) = run(&place, &args);
    assert_eq!((complaints.as_str(), code), ("", Some(0)));
    let bytes = fs::read(&out).expect("bytes");
    let vocabulary = Vocabulary::read(NAMES).expect("a vocabulary");
    let mut policy = Policy::<2>::new();
    for text in [CORPORATE, PRIVACY] {
        policy.add(text, &vocabulary).expect("a policy");
    }
    let digest = hex::encode(policy.digest());
    let expected = format!(
        "policy.bin: {} bytes, for a Version<2>\nauthorities corporate 1, privacy 1\ndigest {digest}\n",
        bytes.len()
    );
    assert_eq!(told, expected);
    let compiled = Policy::<2>::compiled(&bytes).expect("a compiled policy");
    assert_eq!(compiled.digest(), policy.digest());
    for (one, other) in compiled.members().iter().zip(policy.members()) {
        assert!(one == other && compiled.rules_of(one).eq(policy.rules_of(other)));
    }
    // The same texts give the same bytes; a text that is not a policy gives none, and leaves the existing file as it
    // is.
    let (json, _, _) = run(&place, &[&args[..], &["--json"]].concat());
    let object: Value = serde_json::from_str(&json).expect("an object");
    assert_eq!((&object["words"], &object["digest"]), (&2.into(), &digest.into()));
    assert_eq!(object["authorities"][1], json!({ "authority": "privacy", "version": 1 }));
    let typo = place.file("typo.policy", "authority corporate\nversion 1\npermit jion\n");
    let (_, complaints, code) = run(&place, &["compile", &typo, "--vocabulary", &names, "--out", &out]);
    assert!(complaints.starts_with("typo.policy:3:8: ") && code == Some(1), "{complaints}");
    assert_eq!(fs::read(&out).expect("bytes"), bytes);
    let nowhere = place.path("nowhere/policy.bin");
    let (_, complaints, code) = run(&place, &["compile", &corporate, "--vocabulary", &names, "--out", &nowhere]);
    assert!(complaints.contains("cannot write nowhere/policy.bin") && code == Some(1), "{complaints}");
}
