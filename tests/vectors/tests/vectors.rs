//! `docs/vectors.json` is what the library makes and PROFILE specifies. `VECTORS=write` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use iacp_wire::{Frame, MessageType};
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/vectors.json");

/// Two levels of lines, so that a change is seen where it is.
fn printed(all: &Value) -> String {
    let mut out = String::from("{\n");
    let sections = all.as_object().expect("an object");
    for (at, (name, section)) in sections.iter().enumerate() {
        let comma = if at + 1 < sections.len() { "," } else { "" };
        match section {
            Value::Array(list) => {
                let lines: Vec<String> = list.iter().map(Value::to_string).collect();
                writeln!(out, "\"{name}\": [\n{}\n]{comma}", lines.join(",\n")).expect("room");
            }
            other => writeln!(out, "\"{name}\": {other}{comma}").expect("room"),
        }
    }
    out + "}\n"
}

#[test]
fn the_vectors_are_what_the_library_makes_and_a_reader_of_the_page_agrees() {
    let anew = printed(&vectors::all());
    assert!(serde_json::from_str::<Value>(&anew).is_ok());
    if std::env::var_os("VECTORS").is_some() {
        fs::write(FILE, &anew).expect("written");
    }
    let there = fs::read_to_string(FILE).unwrap_or_default();
    let differs = there.lines().zip(anew.lines()).find(|(one, other)| one != other);
    assert!(there == anew, "docs/vectors.json is old; VECTORS=write writes it anew: {differs:?}");
}

#[test]
fn every_message_has_a_golden_frame_and_frames_that_are_refused() {
    let all: Value = serde_json::from_str(&fs::read_to_string(FILE).expect("a file")).expect("JSON");
    let frames = |section: &str| all[section].as_array().expect("a list").clone();
    let names = |section: &str| -> BTreeSet<String> {
        frames(section).iter().map(|frame| frame["message"].as_str().expect("a name").to_owned()).collect()
    };
    let every: BTreeSet<String> = MessageType::ALL.iter().map(|one| one.name().to_owned()).collect();
    assert_eq!(names("frames"), every);
    assert_eq!(names("refused"), every);
    for (section, good) in [("frames", true), ("refused", false)] {
        for frame in frames(section) {
            let bytes = hex::decode(frame["hex"].as_str().expect("hex")).expect("hex");
            assert_eq!(Frame::parse(&bytes).is_ok(), good, "{frame}");
        }
    }
}
