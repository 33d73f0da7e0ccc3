//! `inspect frame`: the meaning of a frame's bytes.

use std::process::ExitCode;

use anyhow::Result;
use explain::frame::{self, Fault};
use explain::hexadecimal;
use iacp_wire::Frame;

use crate::answers::{self, Answers, Input};

/// Explains frames, field by field.
///
/// Frames are given in hex; blanks, colons, upper case and 0x are allowed. Whatever a frame carries is shown,
/// secrets too. The exit code is 1 if any frame is malformed.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Frames; without any, each line of standard input is one, and empty lines are skipped.
    #[arg(value_name = "HEX")]
    frames: Vec<String>,
    /// Prints a JSON object per frame, a line each.
    #[arg(long)]
    json: bool,
}

/// No datagram needs a longer line, however it is spaced.
const LONGEST_LINE: u64 = 1 << 20;

/// Runs the subcommand.
///
/// # Errors
///
/// An input that cannot be read, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let given = arguments.frames.iter().map(String::as_bytes);
    answers::to_each(arguments.json, "frame", given, LONGEST_LINE, |answers, input| {
        if input.is_blank_line() { Ok(()) } else { answer(answers, input) }
    })
}

fn answer(answers: &mut Answers, input: &Input<'_>) -> Result<()> {
    let refuse = |answers: &mut Answers, fault: Fault| answers.refuse(input, &fault, fault.offset(), "");
    if input.cut {
        return refuse(answers, Fault::LongLine);
    }
    let bytes = match hexadecimal::read(input.text) {
        Ok(bytes) => bytes,
        Err(error) => return refuse(answers, Fault::Hex(error)),
    };
    match Frame::parse(&bytes) {
        Ok(parsed) => answers.explain(|| frame::shown(&parsed, &bytes), || frame::table(&parsed, &bytes)),
        Err(error) => refuse(answers, Fault::Frame(error)),
    }
}
