//! `inspect surface`: the meaning of an object's visible name.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use explain::surface;

use crate::answers;

/// Explains the names of envelopes (CEP §5), segment by segment.
///
/// A name is a hint: nothing here is true of the object. Nothing is normalised either: a blank is part of its name.
/// The exit code is 1 if any name is no surface; an impossible date is still a surface.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Names; without any, each line of standard input is one, and empty lines are skipped.
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// Prints a JSON object per name, a line each.
    #[arg(long)]
    json: bool,
}

/// A line is read up to this length: no valid name is as long.
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
        match surface::read(input.text) {
            Ok(surface) => answers.explain(|| surface.shown(), || surface),
            Err(error) => {
                // The byte itself, escaped for a terminal.
                let byte = input.text.get(error.offset).map(|byte| format!(": {}", byte.escape_ascii()));
                answers.refuse(input, &error, error.offset, &byte.unwrap_or_default())
            }
        }
    })
}
