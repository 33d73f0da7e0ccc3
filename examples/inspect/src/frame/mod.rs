//! `inspect frame`: what the bytes of a frame say.

mod explain;
mod json;
mod notes;

use std::process::ExitCode;

use anyhow::Result;
use iacp_wire::{Frame, ParseError};

use crate::answers::{self, Answers, Input};
use crate::hexadecimal::{self, HexError};

/// Explains frames, field by field.
///
/// Frames are given in hex; blanks, colons, upper case and 0x are no obstacle. Whatever a frame carries is shown,
/// secrets too. The exit code is 1 if any frame is malformed.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Frames; without any, each line of standard input is one, and empty lines are none.
    #[arg(value_name = "HEX")]
    frames: Vec<String>,
    /// Prints a JSON object per frame, a line each.
    #[arg(long)]
    json: bool,
}

/// No datagram fills a longer line, however it is spaced.
const LONGEST_LINE: u64 = 1 << 20;

/// Why a line is no frame.
#[derive(Debug)]
enum Fault {
    Hex(HexError),
    Frame(ParseError),
    LongLine,
}

impl Fault {
    const fn offset(&self) -> usize {
        match self {
            Self::Hex(error) => error.offset,
            Self::Frame(error) => error.offset,
            Self::LongLine => 0,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hex(error) => error.fmt(f),
            Self::Frame(error) => error.fmt(f),
            Self::LongLine => write!(f, "hex: the line is longer than any datagram"),
        }
    }
}

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
        Ok(frame) => answers.explain(|| json::shown(&frame, &bytes), || explain::explain(&frame, &bytes)),
        Err(error) => refuse(answers, Fault::Frame(error)),
    }
}
