//! Standard input, or another one, a line at a time, so that the input may be endless.

use std::io::{self, BufRead, BufReader, Read};

use anyhow::{Context, Result};

/// A line without its end.
pub struct Line<'a> {
    /// 1 for the first.
    pub number: u64,
    pub text: &'a [u8],
    /// The line was longer than the limit, and only its beginning is here.
    pub cut: bool,
    /// Nothing more has come yet: the answer to this one is due.
    pub last_for_now: bool,
}

/// Calls `handle` for every line of standard input, of which at most `limit` bytes are read.
///
/// # Errors
///
/// An input that cannot be read, or whatever `handle` finds.
pub fn each(limit: u64, handle: impl FnMut(&Line<'_>) -> Result<()>) -> Result<()> {
    each_of(&mut BufReader::new(io::stdin().lock()), "standard input", limit, handle)
}

/// The same for another input, which errors name.
///
/// # Errors
///
/// An input that cannot be read, or whatever `handle` finds.
pub fn each_of<R: Read>(
    input: &mut BufReader<R>,
    name: &str,
    limit: u64,
    mut handle: impl FnMut(&Line<'_>) -> Result<()>,
) -> Result<()> {
    let cannot = || name.to_owned();
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        let length = input.by_ref().take(limit).read_until(b'\n', &mut text).with_context(cannot)?;
        if length == 0 {
            break;
        }
        let mut cut = false;
        if text.last() == Some(&b'\n') {
            text.pop();
            // Some systems end lines so.
            text.pop_if(|last| *last == b'\r');
        } else {
            cut = input.skip_until(b'\n').with_context(cannot)? > 0;
        }
        handle(&Line { number, text: &text, cut, last_for_now: input.buffer().is_empty() })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_long_ones_are_cut() {
        let mut seen = Vec::new();
        each_of(&mut BufReader::new(&b"one\r\n\nlonger than eight\nlast"[..]), "a text", 8, |line| {
            seen.push((line.number, line.text.to_vec(), line.cut));
            Ok(())
        })
        .unwrap();
        let expected = [(1, "one", false), (2, "", false), (3, "longer t", true), (4, "last", false)];
        assert_eq!(seen, expected.map(|(number, text, cut)| (number, text.as_bytes().to_vec(), cut)));
    }
}
