//! `inspect surface`: what the visible name of an object says.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use anyhow::Result;
use cep_envelope::{Moment, Precision, Surface, Warning};
use clap::Args;
use serde::Serialize;

use crate::answers;
use crate::utc::utc;

/// Explains the names of envelopes (CEP §5), segment by segment.
///
/// A name is a hint: nothing here is true of the object. Nothing is normalised either: a blank is part of its name.
/// The exit code is 1 if any name is no surface; a time that no calendar has is still a surface.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Names; without any, each line of standard input is one, and empty lines are none.
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// Prints a JSON object per name, a line each.
    #[arg(long)]
    json: bool,
}

/// A line is read this far and no further: a name is refused long before.
const LONGEST_LINE: u64 = 4_096;

/// Runs the subcommand.
///
/// # Errors
///
/// An input that cannot be read, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let given = arguments.names.iter().map(|name| name.as_encoded_bytes());
    answers::to_each(arguments.json, "name", given, LONGEST_LINE, |answers, input| {
        if input.is_empty_line() {
            return Ok(());
        }
        match Surface::parse_bytes(input.text) {
            Ok(surface) => answers.explain(|| Shown::new(&surface), || Explained(surface)),
            Err(error) => {
                // The byte itself, in a form that a terminal does not obey.
                let byte = input.text.get(error.offset).map(|byte| format!(": {}", byte.escape_ascii()));
                answers.refuse(input, &error, error.offset, &byte.unwrap_or_default())
            }
        }
    })
}

/// A surface, in the order in which its parts are printed.
#[derive(Serialize)]
struct Shown<'a> {
    ok: bool,
    time: &'a str,
    context: &'a str,
    profile: &'a str,
    priority: &'a str,
    extension: Option<&'a str>,
    warnings: Vec<&'static str>,
}

impl<'a> Shown<'a> {
    fn new(surface: &Surface<'a>) -> Self {
        Self {
            ok: true,
            time: surface.time_text(),
            context: surface.context(),
            profile: surface.profile(),
            priority: surface.priority(),
            extension: surface.extension(),
            warnings: surface.warnings().iter().map(Warning::name).collect(),
        }
    }
}

/// A surface for people, a segment a line.
struct Explained<'a>(Surface<'a>);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(surface) = self;
        writeln!(f, "{surface}")?;
        writeln!(f, "  time       {}", surface.time_text())?;
        match surface.time().calendar() {
            Ok(moment) => writeln!(f, "  calendar   {}", in_words(moment))?,
            Err(error) => writeln!(f, "  calendar   not a real time: {error}")?,
        }
        writeln!(f, "  context    {}", surface.context())?;
        writeln!(f, "  profile    {}", surface.profile())?;
        writeln!(f, "  priority   {} (a hint that decides nothing)", surface.priority())?;
        if let Some(extension) = surface.extension() {
            writeln!(f, "  extension  {extension} (never trusted)")?;
        }
        for warning in surface.warnings().iter() {
            writeln!(f, "  warning    {}: {}", warning.name(), remark(warning))?;
        }
        Ok(())
    }
}

/// `2026-05-16T12:00:00Z, Unix 1778932800`; a day has no time of day.
fn in_words(moment: Moment) -> String {
    let seconds = moment.unix_seconds();
    // Only years before 1970 are negative, and nobody hands objects over then.
    let text = u64::try_from(seconds).map(|seconds| utc(seconds * 1_000)).unwrap_or_default();
    let digits = match moment.precision() {
        Precision::Day => text.get(..10).map(str::to_owned),
        Precision::Second => text.get(..19).map(|text| format!("{text}Z")),
    };
    let leap = seconds.div_euclid(86_400) != i64::from(moment.unix_day());
    match digits {
        _ if leap => format!("a real time, the leap second before Unix {seconds}"),
        Some(digits) => format!("a real time, {digits}, Unix {seconds}"),
        None => format!("a real time, Unix {seconds}"),
    }
}

fn remark(warning: Warning) -> &'static str {
    match warning {
        Warning::UpperCase => "T or Z, where lower case is preferred",
        Warning::LongName => "more than 180 bytes",
        Warning::LongSegment => "a segment of more than 32 bytes",
        _ => "see the crate",
    }
}
