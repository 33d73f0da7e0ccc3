//! The meaning of an object's visible name (`CEP §5`).

use std::fmt;

use cep_envelope::{Moment, Precision, Surface, SurfaceError, Warning};
use serde::Serialize;

use crate::utc::utc;

/// Reads a name.
///
/// # Errors
///
/// The name is not a surface.
pub fn read(name: &[u8]) -> Result<Explained<'_>, SurfaceError> {
    Surface::parse_bytes(name).map(Explained)
}

/// A surface, in the order in which its parts are printed.
#[derive(Serialize)]
pub struct Shown<'a> {
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
#[derive(Clone, Copy)]
pub struct Explained<'a>(Surface<'a>);

impl<'a> Explained<'a> {
    /// The same as a value.
    #[must_use]
    pub fn shown(&self) -> Shown<'a> {
        Shown::new(&self.0)
    }
}

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
    // Only years before 1970 are negative, and no object is from that time.
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
