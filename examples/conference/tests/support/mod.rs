//! The built program, as a user runs it, and its output.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs it to its end.
pub fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conference"));
    command.stdin(Stdio::null()).args(args).output().expect("the program starts")
}

/// Runs what succeeds; the text that it prints.
pub fn text(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What a run has told: its events, and the summary.
pub struct Told {
    pub events: Vec<Value>,
    pub summary: Value,
}

/// Runs it with `--json`.
pub fn told(args: &[&str]) -> Told {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let mut events: Vec<Value> =
        text(&args).lines().map(|line| serde_json::from_str(line).expect("an object in a line")).collect();
    let summary = events.pop().expect("a summary");
    assert_eq!(summary["event"], "summary");
    Told { events, summary }
}

/// What is expected of an event. Parts that are not set may be anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    pub event: &'static str,
    pub who: &'static str,
    /// A part of it.
    pub what: &'static str,
    /// The verdict, and the authority, and the line of the file, where there are some.
    pub verdict: Option<&'static str>,
    pub authority: Option<&'static str>,
    pub line: Option<(&'static str, u64)>,
    pub state: Option<&'static str>,
}

impl Expected {
    fn is(&self, event: &Value) -> bool {
        let same = |field: &str, expected: Option<&str>| expected.is_none_or(|expected| event[field] == expected);
        event["event"] == self.event
            && event["who"] == self.who
            && event["what"].as_str().is_some_and(|what| what.contains(self.what))
            && same("verdict", self.verdict)
            && same("authority", self.authority)
            && same("state", self.state)
            && self.line.is_none_or(|(file, line)| event["file"] == file && event["line"] == line)
    }
}

pub const PERMITTED: Option<&str> = Some("permitted");
pub const NO_RULE: Option<&str> = Some("no rule permits it");
pub const BY_RULE: Option<&str> = Some("a rule denies it");
pub const NOT_THERE: Option<&str> = Some("it may not go there");
pub const UNREACHABLE: Option<&str> = Some("an authority cannot be asked");
pub const NOT_ACTIVE: Option<&str> = Some("the interaction is not active");
pub const LAPSED: Option<&str> = Some("the participant's validation has lapsed");

/// A decision about a party or a thing.
pub fn decided(event: &'static str, who: &'static str, what: &'static str, verdict: Option<&'static str>) -> Expected {
    Expected { event, who, what, verdict, ..Expected::default() }
}

/// A fact.
pub fn fact(event: &'static str, who: &'static str, what: &'static str) -> Expected {
    decided(event, who, what, None)
}

impl Expected {
    /// Sets the authority that decided.
    pub fn by(self, authority: &'static str) -> Self {
        Self { authority: Some(authority), ..self }
    }

    /// By which line of which file.
    pub fn line(self, file: &'static str, line: u64) -> Self {
        Self { line: Some((file, line)), ..self }
    }

    /// In which state the interaction then is.
    pub fn then(self, state: &'static str) -> Self {
        Self { state: Some(state), ..self }
    }
}

/// These come in this order, whatever comes between them.
pub fn come_in_order(events: &[Value], expected: &[Expected]) {
    let mut left = events.iter();
    for one in expected {
        assert!(left.any(|event| one.is(event)), "this does not come, or not after what stands before it: {one:?}");
    }
}

/// The participant, the kind of request, the verdict, and the line that gave it.
pub fn verdicts(events: &[Value]) -> Vec<(String, String, Value, Value)> {
    let word = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let decided = events.iter().filter(|event| event["permits"].is_boolean());
    decided
        .map(|event| (word(event, "who"), word(event, "event"), event["verdict"].clone(), event["line"].clone()))
        .collect()
}
