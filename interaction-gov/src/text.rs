//! Reading texts that people write: lines of words, with the place of each error.

use core::fmt;

/// What is wrong with a text, and where.
///
/// ```
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let error = Vocabulary::read("actions join\nregoins de").err().ok_or("a list that does not exist")?;
/// assert_eq!(error.to_string(), "line 2, column 1: there is no such statement");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TextError {
    /// The line, the first one being 1.
    pub line: u16,
    /// The byte within the line, the first one being 1.
    pub column: u16,
    /// What it is.
    pub trouble: Trouble,
}

/// What can be wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Trouble {
    /// The line ends where a word has to follow.
    Ended,
    /// There is something other than a word of `a-z`, `0-9` and `-`.
    NoWord,
    /// Something other than a comma.
    NoComma,
    /// Something other than a number.
    NoNumber,
    /// A statement that does not exist.
    UnknownStatement,
    /// A clause that does not exist.
    UnknownClause,
    /// A name that the vocabulary does not have.
    UnknownName(&'static str),
    /// It occurs twice.
    Twice,
    /// There are more than can be.
    TooMany,
    /// A statement that has to come before this one is missing.
    Missing,
    /// `without consent` takes one name: two would be ambiguous.
    OneAtATime,
    /// Nothing can satisfy this.
    NeverMatches,
    /// It changes nothing.
    NoEffect,
    /// A word of the policies' own language.
    Reserved,
    /// A character that is invisible, or that changes the order in which others are displayed.
    Hidden,
    /// An earlier rule always decides first: the one in this line.
    Unreachable(u16),
    /// A deny covers this permit entirely: the one in this line.
    Contradiction(u16),
    /// More than 65,535 lines, or more bytes in a line.
    TooLong,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.trouble)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the line ends where a word has to follow",
            Self::NoWord => "not a word of a-z, 0-9 and -",
            Self::NoComma => "not a comma",
            Self::NoNumber => "not a number",
            Self::UnknownStatement => "there is no such statement",
            Self::UnknownClause => "there is no such clause",
            Self::UnknownName(list) => return write!(f, "there is no such name among the {list}"),
            Self::Twice => "it stands there twice",
            Self::TooMany => "there are too many",
            Self::Missing => "something is missing in front of it",
            Self::OneAtATime => "one name at a time: two would mean two things",
            Self::NeverMatches => "nothing can match this",
            Self::NoEffect => "it says nothing that is not so without it",
            Self::Reserved => "a word of the policies' own language",
            Self::Hidden => "a character that is not seen, or changes how others are seen",
            Self::Unreachable(line) => return write!(f, "never reached: line {line} always decides first"),
            Self::Contradiction(line) => return write!(f, "never permits: the deny in line {line} covers it"),
            Self::TooLong => "too long",
        })
    }
}

impl core::error::Error for TextError {}

/// Checks that people see exactly what is read: letters, digits, punctuation and symbols, tabs and line ends; no
/// characters that change the direction of writing or have no width, not even in comments.
pub(crate) fn visible(text: &str) -> Result<(), TextError> {
    for (number, line) in text.split(['\n']).enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some((at, _)) = line.char_indices().find(|(_, c)| !is_seen(*c)) {
            let [line, column] = [number + 1, at + 1].map(|number| u16::try_from(number).unwrap_or(u16::MAX));
            return Err(TextError { line, column, trouble: Trouble::Hidden });
        }
    }
    Ok(())
}

/// Whether a character is visible and leaves others as they are. This is a list of permitted characters: all others are
/// refused.
fn is_seen(c: char) -> bool {
    let fills =
        matches!(c, '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FFA0}');
    let marks = matches!(c, '\u{A1}'..='\u{FF}' | '\u{300}'..='\u{36F}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}'
        | '\u{20A0}'..='\u{20CF}' | '\u{2100}'..='\u{27FF}' | '\u{3001}'..='\u{303F}');
    c == '\t' || c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && (marks || c.is_alphanumeric()) && !fills)
}

/// A word, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'t> {
    pub text: &'t str,
    line: u16,
    column: u16,
}

impl Word<'_> {
    /// An error at this word.
    pub const fn at(&self, trouble: Trouble) -> TextError {
        TextError { line: self.line, column: self.column, trouble }
    }

    pub const fn line(&self) -> u16 {
        self.line
    }
}

/// A line that is not empty, without its comment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'t> {
    number: u16,
    text: &'t str,
}

/// The lines of a text that are not empty.
pub(crate) struct Lines;

impl Lines {
    /// A line beyond the highest number has the highest number.
    pub fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
        // Patterns are sets of one character: the search for a single character leaves panic paths in the code.
        let numbered = text.split(['\n']).enumerate().map(|(at, line)| {
            let number = u16::try_from(at + 1).unwrap_or(u16::MAX);
            let line = line.strip_suffix('\r').unwrap_or(line);
            let text = line.split(['#']).next().unwrap_or_default();
            Line { number, text }
        });
        numbered.filter(|line| !line.text.trim_matches([' ', '\t']).is_empty())
    }
}

/// The words and commas of a line.
#[derive(Clone)]
pub(crate) struct Words<'t> {
    line: Line<'t>,
    at: usize,
}

impl<'t> Words<'t> {
    pub const fn of(line: Line<'t>) -> Self {
        Self { line, at: 0 }
    }

    fn rest(&mut self) -> &'t str {
        let rest = self.line.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t']);
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn error(&self, trouble: Trouble) -> TextError {
        match u16::try_from(self.at + 1) {
            Ok(column) if self.line.number < u16::MAX => TextError { line: self.line.number, column, trouble },
            _ => TextError { line: self.line.number, column: u16::MAX, trouble: Trouble::TooLong },
        }
    }

    /// Whether nothing follows.
    pub fn is_over(&mut self) -> bool {
        self.rest().trim_end_matches([' ', '\t']).is_empty()
    }

    /// The next word.
    pub fn word(&mut self) -> Result<Word<'t>, TextError> {
        let rest = self.rest();
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let place = self.error(Trouble::Ended);
        if place.trouble == Trouble::TooLong || self.is_over() {
            return Err(place);
        }
        let (text, after) = rest.split_at_checked(length).unwrap_or_default();
        self.at += length;
        if text.is_empty() || !(after.is_empty() || after.starts_with([' ', '\t', ','])) {
            return Err(self.error(Trouble::NoWord));
        }
        Ok(Word { text, line: place.line, column: place.column })
    }

    /// A comma.
    pub fn comma(&mut self) -> Result<(), TextError> {
        if self.skips_comma() { Ok(()) } else { Err(self.error(Trouble::NoComma)) }
    }

    /// Passes over a comma, if there is one.
    pub fn skips_comma(&mut self) -> bool {
        let there = self.rest().starts_with(',');
        self.at += usize::from(there);
        there
    }
}
