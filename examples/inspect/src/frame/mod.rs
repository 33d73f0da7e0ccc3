//! `inspect frame`: what the bytes of a frame say.

mod explain;
mod json;
mod notes;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Result;
use iacp_wire::{Frame, ParseError};

use crate::hexadecimal::{self, HexError};
use crate::lines;

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
    let mut printer =
        Printer { json: arguments.json, out: BufWriter::new(io::stdout().lock()), any: false, failed: false };
    for (number, text) in (1_u64..).zip(&arguments.frames) {
        printer.print("frame", number, text.as_bytes())?;
    }
    if arguments.frames.is_empty() {
        lines::each(LONGEST_LINE, |line| {
            if line.cut {
                printer.fault("line", line.number, &Fault::LongLine)?;
            } else if !line.text.trim_ascii().is_empty() {
                printer.print("line", line.number, line.text)?;
            }
            if line.last_for_now {
                printer.out.flush()?;
            }
            Ok(())
        })?;
    }
    printer.out.flush()?;
    Ok(if printer.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

struct Printer<W> {
    json: bool,
    out: W,
    /// Something was explained before.
    any: bool,
    failed: bool,
}

impl<W: Write> Printer<W> {
    fn print(&mut self, unit: &str, number: u64, text: &[u8]) -> Result<()> {
        let bytes = match hexadecimal::read(text) {
            Ok(bytes) => bytes,
            Err(error) => return self.fault(unit, number, &Fault::Hex(error)),
        };
        let frame = match Frame::parse(&bytes) {
            Ok(frame) => frame,
            Err(error) => return self.fault(unit, number, &Fault::Frame(error)),
        };
        if self.json {
            json::write(&mut self.out, &frame, &bytes)?;
        } else {
            if self.any {
                writeln!(self.out)?;
            }
            self.out.write_all(explain::explain(&frame, &bytes).as_bytes())?;
        }
        self.any = true;
        Ok(())
    }

    fn fault(&mut self, unit: &str, number: u64, fault: &Fault) -> Result<()> {
        self.failed = true;
        if self.json {
            json::write_fault(&mut self.out, fault)?;
        } else {
            self.out.flush()?;
            eprintln!("inspect: {unit} {number}: {fault}");
        }
        Ok(())
    }
}
