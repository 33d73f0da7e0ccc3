//! winnow.

use winnow::Parser;
use winnow::Result;
use winnow::combinator::{alt, eof, opt, preceded, terminated};
use winnow::error::EmptyError;
use winnow::token::{one_of, take_while};

use super::Segments;

type Found<T> = Result<T, EmptyError>;

/// Reads a name. Errors carry nothing, which is the cheapest.
#[must_use]
pub fn parse(name: &str) -> Option<Segments<'_>> {
    let mut rest = name;
    terminated(surface, eof).parse_next(&mut rest).ok()
}

fn surface<'a>(rest: &mut &'a str) -> Found<Segments<'a>> {
    let time = time.take().parse_next(rest)?;
    let context = preceded('.', segment::<48>).parse_next(rest)?;
    let profile = preceded('.', segment::<48>).parse_next(rest)?;
    let priority = preceded('.', segment::<32>).parse_next(rest)?;
    let extension = opt(preceded('.', segment::<48>)).parse_next(rest)?;
    Ok(Segments { time, context, profile, priority, extension })
}

/// What the forms have in common is read once.
fn time(rest: &mut &str) -> Found<()> {
    (digits::<4>, alt((compact, dashed))).void().parse_next(rest)
}

fn compact(rest: &mut &str) -> Found<()> {
    (digits::<4>, one_of(['t', 'T']), digits::<6>, one_of(['z', 'Z'])).void().parse_next(rest)
}

fn dashed(rest: &mut &str) -> Found<()> {
    let clock = (one_of(['t', 'T']), digits::<2>, '-', digits::<2>, '-', digits::<2>, one_of(['z', 'Z']));
    ('-', digits::<2>, '-', digits::<2>, opt(clock)).void().parse_next(rest)
}

fn digits<'a, const COUNT: usize>(rest: &mut &'a str) -> Found<&'a str> {
    take_while(COUNT, '0'..='9').parse_next(rest)
}

fn segment<'a, const LONGEST: usize>(rest: &mut &'a str) -> Found<&'a str> {
    take_while(1..=LONGEST, ('a'..='z', '0'..='9', '-')).parse_next(rest)
}
