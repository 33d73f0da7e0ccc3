//! What the subcommands for many inputs share: where the inputs come from, and how each is answered.

use std::fmt::Display;
use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use crate::lines;

/// The unit of standard input.
const LINE: &str = "line";

/// One input.
pub struct Input<'a> {
    /// Its place, as in `line 3`.
    unit: &'static str,
    number: u64,
    pub text: &'a [u8],
    /// The input was longer than the limit, and only its beginning is here.
    pub cut: bool,
}

impl Input<'_> {
    /// An empty line of standard input; an empty argument still counts as an input.
    pub fn is_empty_line(&self) -> bool {
        self.unit == LINE && self.text.is_empty() && !self.cut
    }

    /// The same, or nothing but blanks.
    pub fn is_blank_line(&self) -> bool {
        self.unit == LINE && self.text.trim_ascii().is_empty() && !self.cut
    }
}

/// Answers every one of `given`, or, if there are none, every line of standard input.
///
/// # Errors
///
/// An input that cannot be read, or an output that cannot be written.
pub fn to_each<'a>(
    json: bool,
    unit: &'static str,
    given: impl ExactSizeIterator<Item = &'a [u8]>,
    longest_line: u64,
    mut answer: impl FnMut(&mut Answers, &Input<'_>) -> Result<()>,
) -> Result<ExitCode> {
    let mut answers = Answers { json, out: BufWriter::new(io::stdout().lock()), any: false, failed: false };
    if given.len() == 0 {
        lines::each(longest_line, |line| {
            answer(&mut answers, &Input { unit: LINE, number: line.number, text: line.text, cut: line.cut })?;
            if line.last_for_now {
                answers.out.flush()?;
            }
            Ok(())
        })?;
    }
    for (number, text) in (1..).zip(given) {
        answer(&mut answers, &Input { unit, number, text, cut: false })?;
    }
    answers.out.flush()?;
    Ok(if answers.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Explanations and objects on standard output, complaints on standard error.
pub struct Answers {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
    /// Something was explained before.
    any: bool,
    failed: bool,
}

impl Answers {
    /// An object a line, or explanations with an empty line between; only the requested form is computed.
    pub fn explain<J: Serialize, T: Display>(
        &mut self,
        object: impl FnOnce() -> J,
        explanation: impl FnOnce() -> T,
    ) -> Result<()> {
        if self.json {
            return self.line(&object());
        }
        if self.any {
            writeln!(self.out)?;
        }
        self.any = true;
        Ok(write!(self.out, "{}", explanation())?)
    }

    /// An input that is not what it should be, wrong at byte `offset`; `remark` is for people only.
    pub fn refuse(&mut self, input: &Input<'_>, error: &impl Display, offset: usize, remark: &str) -> Result<()> {
        self.failed = true;
        if self.json {
            return self.line(&Refused { ok: false, error: error.to_string(), offset });
        }
        self.out.flush()?;
        eprintln!("inspect: {} {}: {error}{remark}", input.unit, input.number);
        Ok(())
    }

    fn line(&mut self, object: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, object).map_err(io::Error::from)?;
        Ok(writeln!(self.out)?)
    }
}

#[derive(Serialize)]
struct Refused {
    ok: bool,
    error: String,
    offset: usize,
}
