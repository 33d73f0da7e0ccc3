//! Names and parts for properties.

#![allow(dead_code, reason = "no test needs all of it")]

use cep_envelope::{Clock, Date, Parts, TimeFragment};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// A failing case is written to a file beside its test, and tried first from then on.
pub fn config(cases: u32) -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(beside)), ..ProptestConfig::default() }
}

/// Any name, upper-case marks included.
pub fn names() -> impl Strategy<Value = String> {
    let time = "[0-9]{8}[tT][0-9]{6}[zZ]|[0-9]{4}-[0-9]{2}-[0-9]{2}([tT][0-9]{2}-[0-9]{2}-[0-9]{2}[zZ])?";
    let rest = "\\.[a-z0-9-]{1,48}\\.[a-z0-9-]{1,48}\\.[a-z0-9-]{1,32}(\\.[a-z0-9-]{1,48})?";
    (time, rest).prop_map(|(time, rest)| time + &rest)
}

/// Parts that own their text.
#[derive(Clone, Debug)]
pub struct OwnParts {
    time: TimeFragment,
    segments: [String; 3],
    extension: Option<String>,
}

impl OwnParts {
    pub fn parts(&self) -> Parts<'_> {
        let [context, profile, priority] = &self.segments;
        Parts { time: self.time, context, profile, priority, extension: self.extension.as_deref() }
    }
}

pub fn parts() -> impl Strategy<Value = OwnParts> {
    let segments = ["[a-z0-9-]{1,48}", "[a-z0-9-]{1,48}", "[a-z0-9-]{1,32}"].map(|text| text.prop_map(String::from));
    (times(), segments, proptest::option::of("[a-z0-9-]{1,48}")).prop_map(|(time, segments, extension)| OwnParts {
        time,
        segments,
        extension,
    })
}

/// Any time fragment, whether or not the calendar has it.
pub fn times() -> impl Strategy<Value = TimeFragment> {
    let date = (0..=9_999_u16, 0..=99_u8, 0..=99_u8);
    let clock = (0..=99_u8, 0..=99_u8, 0..=99_u8);
    (0..3, date, clock).prop_map(|(form, (year, month, day), (hour, minute, second))| {
        let date = Date::new(year, month, day).expect("digits");
        let clock = Clock::new(hour, minute, second).expect("digits");
        match form {
            0 => TimeFragment::Compact { date, clock },
            1 => TimeFragment::Dashed { date, clock },
            _ => TimeFragment::DateOnly { date },
        }
    })
}
