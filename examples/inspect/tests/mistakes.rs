//! What `inspect policy` prints about twenty common mistakes, beside Cedar's messages for the same ones.
//! `MISTAKES=print` prints ours anew.

mod govern;
mod program;

use std::fmt::Write as _;
use std::fs;

use govern::{NAMES, Place};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/peers/mistakes.txt");

#[test]
fn our_words_are_those_of_the_table() {
    let place = Place::new("mistakes");
    let names = place.file("names", NAMES);
    let table = fs::read_to_string(TABLE).expect("a table");
    let mut anew = String::new();
    for line in table.lines().filter(|line| !line.starts_with("ours says ")) {
        writeln!(anew, "{line}").expect("room");
        let Some(rules) = line.strip_prefix("ours  | ") else { continue };
        let rules = rules.replace("; ", "\n").replace("\\u{202e}", "\u{202e}");
        let file = place.file("bad.policy", format!("authority corporate\nversion 1\n{rules}\n"));
        let (out, said, ok) = program::run(&["policy", &file, "--vocabulary", &names], b"");
        assert!(out.is_empty() && !ok, "it is a mistake: {rules}");
        for said in said.replace(&place.path(""), "").lines() {
            writeln!(anew, "ours says  | {said}").expect("room");
        }
    }
    if std::env::var_os("MISTAKES").is_some() {
        fs::write(TABLE, &anew).expect("written");
    }
    assert_eq!(table, anew, "MISTAKES=print writes it anew");
    // Each is reported at its place, and a word with the list in which it was looked up.
    let mistakes: Vec<&str> = anew.split("\n== ").skip(1).collect();
    assert_eq!(mistakes.len(), 20);
    for mistake in mistakes {
        let ours: Vec<&str> = mistake.lines().filter_map(|line| line.strip_prefix("ours says  | ")).collect();
        assert!(ours.iter().any(|line| line.starts_with("bad.policy:")), "{mistake}");
        assert!(ours.iter().any(|line| line.trim_start_matches([' ', '|']).starts_with('^')), "{mistake}");
        assert!(mistake.contains("cedar says | "), "{mistake}");
    }
}
