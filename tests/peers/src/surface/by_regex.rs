//! The regex crate.

use regex::{CaptureLocations, Regex};

use super::Segments;

/// The grammar, with the common prefix of the time's forms factored out: so each byte allows one way only, and the
/// crate can use the fastest of its engines that finds groups.
const GRAMMAR: &str = r"(?-u)\A
    ([0-9]{4} (?: [0-9]{4} [tT] [0-9]{6} [zZ]
                | -[0-9]{2}-[0-9]{2} (?: [tT] [0-9]{2}-[0-9]{2}-[0-9]{2} [zZ] )? ))
    \. ([a-z0-9-]{1,48})
    \. ([a-z0-9-]{1,48})
    \. ([a-z0-9-]{1,32})
    (?: \. ([a-z0-9-]{1,48}) )?
    \z";

/// A pattern that is compiled once, and the memory for what it finds.
pub struct Parser {
    regex: Regex,
    found: CaptureLocations,
}

impl Default for Parser {
    fn default() -> Self {
        let regex = regex::RegexBuilder::new(GRAMMAR).ignore_whitespace(true).build().expect("it is a pattern");
        Self { found: regex.capture_locations(), regex }
    }
}

impl Parser {
    /// Reads a name.
    pub fn parse<'a>(&mut self, name: &'a str) -> Option<Segments<'a>> {
        self.regex.captures_read(&mut self.found, name)?;
        let group = |number| self.found.get(number).and_then(|(start, end)| name.get(start..end));
        Some(Segments {
            time: group(1)?,
            context: group(2)?,
            profile: group(3)?,
            priority: group(4)?,
            extension: group(5),
        })
    }
}
