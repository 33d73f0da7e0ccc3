//! What programs read of us: lines on standard output.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// A line for the reader of our output. Without a reader there is no point in going on.
pub fn print_line(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to standard output")
}
