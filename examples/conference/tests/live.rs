//! A day that is killed at any moment and goes on; and one that moves between two processes (`IoE R1`, `R4`).

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use interaction_gov::audit::{RECORD, Record, RecordKind};
use serde_json::Value;
use support::{run, told};

fn live<'a>(dir: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    ["live", dir.to_str().expect("a path")].iter().chain(more).copied().collect()
}

/// The records of a directory.
fn records(dir: &Path) -> Vec<Record> {
    let bytes = fs::read(dir.join("trail")).expect("a trail");
    let (records, rest) = bytes.as_chunks::<RECORD>();
    assert!(rest.is_empty(), "only whole records");
    records.iter().map(|bytes| Record::read(bytes).expect("a record")).collect()
}

/// What happened, whatever process it happened in: that it was taken up again is left out.
fn days(dir: &Path) -> Vec<Record> {
    let again = |record: &Record| record.kind != RecordKind::Restored;
    let same = |record: Record| Record { sequence: 0, ..record };
    records(dir).into_iter().filter(again).map(same).collect()
}

/// The day without an interruption.
fn whole() -> (tempfile::TempDir, Value) {
    let dir = tempfile::tempdir().expect("a directory");
    let summary = told(&live(dir.path(), &[])).summary;
    assert_eq!(summary["verified"], true, "{summary}");
    assert_eq!((&summary["restored"], summary["records"].as_u64().is_some_and(|count| count > 20)), (&0.into(), true));
    (dir, summary)
}

fn is_the_same_day(dir: &Path, summary: &Value, whole: &(tempfile::TempDir, Value)) {
    assert_eq!(summary["verified"], true, "{summary}");
    assert_eq!(summary["interaction"], whole.1["interaction"], "the same identity");
    assert_eq!(days(dir), days(whole.0.path()), "the same records under the same versions");
}

#[test]
fn killed_at_any_moment_it_goes_on_with_the_same_identity_versions_and_trail() {
    // shows: IOE-057 (§4.1 R1)
    let whole = whole();
    let dir = tempfile::tempdir().expect("a directory");
    let mut interrupted = 0;
    // Each process lives a little longer than the one before, until one comes to the end.
    for life in 1..200_u64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conference"));
        let mut process = command
            .args(live(dir.path(), &["--json"]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        sleep(Duration::from_micros(life * 1_500));
        process.kill().expect("it is killed, or is over");
        if process.wait().expect("it is over").success() {
            break;
        }
        interrupted += 1;
    }
    assert!(interrupted > 0, "nothing was interrupted");
    let summary = told(&live(dir.path(), &[])).summary;
    is_the_same_day(dir.path(), &summary, &whole);
}

#[test]
fn killed_after_each_step_and_between_its_two_files_it_goes_on() {
    let whole = whole();
    let steps = whole.1["steps"][1].as_u64().expect("a number");
    let dir = tempfile::tempdir().expect("a directory");
    for step in 1..steps {
        let summary = told(&live(dir.path(), &["--steps", &step.to_string()])).summary;
        assert_eq!(summary["steps"][0], step);
        // Records of a step that was not finished, half a record, and half a state that is not in its place.
        let trail = dir.path().join("trail");
        let mut longer = fs::read(&trail).expect("a trail");
        longer.extend_from_slice(&[0xA5; RECORD + 7]);
        fs::write(&trail, longer).expect("written");
        fs::write(dir.path().join("state.new"), b"{\"body\":\"").expect("written");
        // An earlier step asks for nothing that is not done.
        assert_eq!(told(&live(dir.path(), &["--steps", "1"])).summary["steps"][0], step);
    }
    let summary = told(&live(dir.path(), &[])).summary;
    is_the_same_day(dir.path(), &summary, &whole);
    assert!(summary["restored"].as_u64().is_some_and(|restored| restored >= steps - 2), "{summary}");
}

#[test]
fn from_the_edge_to_the_cloud_it_moves_between_two_processes() {
    // shows: IOE-075 (§4.4 R4)
    let whole = whole();
    let (edge, cloud) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let file = edge.path().join("given");
    let name = file.to_str().expect("a path");
    let given = told(&live(edge.path(), &["--hand-over", name])).summary;
    assert_eq!(given["verified"], Value::Null, "it goes on elsewhere");
    // The edge does not go on; it gives away what it gave away.
    let refused = run(&live(edge.path(), &[]));
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("handed over"));
    let once = fs::read(&file).expect("what was given");
    told(&live(edge.path(), &["--hand-over", name]));
    assert_eq!(fs::read(&file).expect("what was given"), once);
    let taken = told(&live(cloud.path(), &["--take-over", name]));
    is_the_same_day(cloud.path(), &taken.summary, &whole);
    assert_eq!(taken.summary["restored"], 1);
    let moves = |event: &&Value| event["event"] == "transition";
    assert_eq!(taken.events.iter().filter(moves).count(), 1, "the infrastructure changes in the cloud");
    assert_eq!(taken.events[0]["event"], "restored");
}

#[test]
fn what_is_altered_cut_or_anothers_is_not_taken() {
    let edge = tempfile::tempdir().expect("a directory");
    let file = edge.path().join("given");
    told(&live(edge.path(), &["--hand-over", file.to_str().expect("a path")]));
    let good = fs::read_to_string(&file).expect("text");
    let refused = |text: &str, more: &[&str], why: &str| {
        let cloud = tempfile::tempdir().expect("a directory");
        let bad = edge.path().join("bad");
        fs::write(&bad, text).expect("written");
        let mut args = live(cloud.path(), &["--take-over", bad.to_str().expect("a path")]);
        args.extend_from_slice(more);
        let output = run(&args);
        assert!(!output.status.success(), "{why}");
        assert!(!cloud.path().join("state").exists(), "{why}: nothing of it is kept");
    };
    refused(&good, &["--seed", "2"], "another control plane");
    refused(&good[..good.len() / 2], &[], "cut");
    refused(&good.replacen("Anna", "Anne", 1), &[], "another name");
    refused(&good.replacen("\\\"moved\\\":true", "\\\"moved\\\":false", 1), &[], "not let go of");
    let at = good.rfind("\"trail\":\"").expect("a trail") + 9;
    let flipped = if good[at + 40..].starts_with('0') { "1" } else { "0" };
    refused(&format!("{}{flipped}{}", &good[..at + 40], &good[at + 41..]), &[], "another record");
    // The state of a directory, too.
    let state = edge.path().join("state");
    let text = fs::read_to_string(&state).expect("text");
    fs::write(&state, text.replacen("moved\\\":true", "moved\\\":false", 1)).expect("written");
    assert!(!run(&live(edge.path(), &[])).status.success());
    fs::write(&state, text).expect("written");
    fs::write(edge.path().join("trail"), []).expect("written");
    let output = run(&live(edge.path(), &["--hand-over", file.to_str().expect("a path")]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the trail is shorter"));
}
