//! What happens, told to people or to programs.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use interaction_gov::time::Time;
use serde::Serialize;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, in milliseconds since midnight.
    pub ms: u64,
    /// What kind of thing.
    pub event: &'static str,
    /// Whose doing.
    pub who: String,
    /// What.
    pub what: String,
    /// What was decided, if something was.
    #[serde(flatten)]
    pub ruling: Option<Ruling>,
    /// What was counted, if something was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<&'static str, usize>,
    /// The state of the interaction.
    pub state: &'static str,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ruling {
    /// Whether it may be done.
    pub permits: bool,
    /// Why, or why not.
    pub verdict: String,
    /// The authority that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<&'static str>,
    /// In which file the rule stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'static str>,
    /// In which line of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u16>,
    /// The text of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Against which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What has to be done with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<&'static str>,
}

impl Ruling {
    /// What was refused by something other than a policy, or taken by it.
    pub fn plain<T, E: ToString>(done: &Result<T, E>, granted: &str) -> Self {
        let verdict = done.as_ref().map_or_else(E::to_string, |_| granted.into());
        Self { permits: done.is_ok(), verdict, ..Self::default() }
    }
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text for people.
    Story,
    /// JSON for programs: an object in a line.
    Json,
    /// No output.
    Silent,
}

/// What has been told so far.
pub struct Teller {
    style: Style,
    /// All of it.
    pub told: Vec<Event>,
}

impl Teller {
    /// Nothing yet.
    pub const fn new(style: Style) -> Self {
        Self { style, told: Vec::new() }
    }

    /// Something has happened.
    pub fn tell(&mut self, event: Event) {
        show(self.style, &event);
        self.told.push(event);
    }
}

/// Tells one thing.
pub fn show(style: Style, event: &Event) {
    match style {
        Style::Story => print(&story(event)),
        Style::Json => json(event),
        Style::Silent => {}
    }
}

/// An object in a line.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(line) => print(&line),
        Err(error) => print(&format!("{{\"event\":\"trouble\",\"what\":\"{error}\"}}")),
    }
}

/// A closed standard output is no reason to stop.
pub fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Hours, minutes, seconds; and milliseconds, if there are any.
pub fn clock(Time(ms): Time) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest == 0 { clock } else { format!("{clock}.{rest:03}") }
}

/// As wide as a time and a name.
const MARGIN: &str = "                                  ";

fn story(Event { ms, event, who, what, ruling, .. }: &Event) -> String {
    if *event == "chapter" {
        return format!("\n{what}");
    }
    let mut text = format!("  {:<8}  {who:<20}  {what}", clock(Time(*ms)));
    if let Some(Ruling { permits, verdict, authority, file, line, rule, obligations, .. }) = ruling {
        let mark = if *permits { "✓" } else { "✗" };
        text += &format!("\n{MARGIN}{mark} {verdict}");
        match (file, line, rule, authority) {
            (Some(file), Some(line), Some(rule), _) => text += &format!("  [{file}:{line}  {rule}]"),
            (_, _, _, Some(authority)) => text += &format!("  [{authority}]"),
            _ => {}
        }
        // The rule names its own obligations; other authorities' rules may add to them.
        let stands_there = |obligation: &&&str| rule.as_ref().is_none_or(|rule| !rule.contains(**obligation));
        let others: Vec<&str> = obligations.iter().filter(stands_there).copied().collect();
        if !others.is_empty() {
            text += &format!("\n{MARGIN}  others oblige to: {}", others.join(", "));
        }
    }
    text
}
