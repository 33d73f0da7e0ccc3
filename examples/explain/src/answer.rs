//! One answer for each thing that can be pasted: as text, and as the object that `inspect --json` prints.

use iacp_core::machine::{Machine, Symbol};
use serde::Serialize;
use serde_json::{Value, json};

use crate::machines::{machines, section};
use crate::{frame, manifest, policy, surface};

/// What was pasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pasted {
    /// A frame in hex.
    Frame,
    /// The name of an object.
    Surface,
    /// A manifest, bare or in its signed object.
    Manifest,
    /// A vocabulary, a line of three hyphens, and a policy.
    Policy,
    /// Nothing: all state machines are shown.
    Machines,
}

impl Pasted {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Frame, Self::Surface, Self::Manifest, Self::Policy, Self::Machines];

    /// Its name, as the subcommand of `inspect` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::Surface => "surface",
            Self::Manifest => "manifest",
            Self::Policy => "policy",
            Self::Machines => "machines",
        }
    }
}

/// An answer. Its object is a text, because a browser's numbers are too small for those of frames.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// Whether the input is of the kind that was given for it.
    pub ok: bool,
    /// For people: the explanation, or what is wrong with the input.
    pub text: String,
    /// The object that `inspect --json` prints; of a wrong policy a list of them.
    pub json: String,
}

impl Answer {
    fn new(ok: bool, text: &impl ToString, object: &impl Serialize) -> Self {
        // Serialising cannot fail, since all keys are text.
        Self { ok, text: text.to_string(), json: serde_json::to_string_pretty(object).unwrap_or_default() }
    }
}

/// Answers.
#[must_use]
pub fn answer(pasted: Pasted, text: &str) -> Answer {
    match pasted {
        Pasted::Frame => {
            let said = frame::read(text.as_bytes(), |read, bytes| {
                Answer::new(true, &frame::table(read, bytes), &frame::shown(read, bytes))
            });
            said.unwrap_or_else(|fault| refused(&fault, Some(fault.offset())))
        }
        Pasted::Surface => match surface::read(text.as_bytes()) {
            Ok(said) => Answer::new(true, &said, &said.shown()),
            Err(error) => refused(&error, Some(error.offset)),
        },
        Pasted::Manifest => match manifest::read(text.as_bytes()) {
            Ok(said) => {
                let fields = said.fields().into_iter().map(|(name, value)| (name.to_owned(), value));
                Answer::new(true, &said, &Value::Object(fields.collect()))
            }
            Err(error) => refused(&error, None),
        },
        Pasted::Policy => {
            let (vocabulary, text) = text.split_once("\n---\n").unwrap_or(("", text));
            match policy::read(vocabulary, text) {
                Ok(said) => Answer::new(true, &said, &said),
                Err(wrong) => {
                    let lines: Vec<_> = wrong.iter().map(ToString::to_string).collect();
                    Answer::new(false, &lines.join("\n"), &wrong)
                }
            }
        }
        Pasted::Machines => Answer::new(true, &"", &machines().map(drawn).collect::<Vec<_>>()),
    }
}

fn refused(error: &impl ToString, offset: Option<usize>) -> Answer {
    let error = error.to_string();
    let text = offset.map_or_else(|| error.clone(), |offset| format!("{error} (byte {offset})"));
    Answer::new(false, &text, &json!({ "ok": false, "error": error, "offset": offset }))
}

/// A machine with all that is needed to draw and to step it.
fn drawn(machine: &Machine) -> Value {
    let symbols = |symbols: &[Symbol]| -> Vec<Value> {
        symbols.iter().map(|symbol| json!({ "name": symbol.name, "meaning": symbol.meaning })).collect()
    };
    let rows: Vec<Value> = machine
        .rows
        .iter()
        .map(|row| {
            let origin = row.origin.to_string();
            json!({ "state": row.state, "event": row.event, "next": row.next, "origin": origin, "note": row.note })
        })
        .collect();
    json!({
        "name": machine.name, "section": section(machine), "initial": machine.initial, "finals": machine.finals,
        "states": symbols(machine.states), "events": symbols(machine.events), "rows": rows, "notes": machine.notes,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Pasted, answer};

    fn object(pasted: Pasted, text: &str) -> Value {
        serde_json::from_str(&answer(pasted, text).json).expect("JSON")
    }

    #[test]
    fn what_is_good_is_explained_and_what_is_not_is_refused() {
        let frame = "11100020 0707070707070707070707070707070707070707070707070707070707070707";
        assert_eq!(object(Pasted::Frame, frame)["type"], "ERP_INIT");
        assert!(!answer(Pasted::Frame, "1110").ok);
        assert_eq!(object(Pasted::Surface, "2026-05-14.note.jasper.high")["context"], "note");
        assert_eq!(object(Pasted::Surface, "2026-05-14.note")["offset"], 15);
        assert!(!answer(Pasted::Manifest, "{}").ok);
        let policy = "actions join\nauthorities clinic\n---\nauthority clinic\nversion 1\npermit join\n";
        assert_eq!(object(Pasted::Policy, policy)["permits"], 1);
        let wrong = policy.replace("permit join", "permit jion");
        assert!(answer(Pasted::Policy, &wrong).text.starts_with("policy:3:8"));
        assert_eq!(object(Pasted::Policy, &wrong)[0]["column"], 8);
    }

    #[test]
    fn each_machine_has_its_rows_and_no_row_leads_out_of_its_states() {
        let machines = object(Pasted::Machines, "");
        let machines = machines.as_array().expect("a list");
        assert_eq!(machines.len(), crate::machines::machines().count());
        for machine in machines {
            let states: Vec<_> =
                machine["states"].as_array().expect("a list").iter().map(|state| &state["name"]).collect();
            for row in machine["rows"].as_array().expect("a list") {
                assert!(states.contains(&&row["state"]) && states.contains(&&row["next"]), "{row}");
            }
        }
    }
}
