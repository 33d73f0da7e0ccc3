//! Texts that people write for machines, and everything that is wrong with one, each with its place.

use std::fmt;
use std::path::Path;

use interaction_gov::TextError;
use interaction_gov::policy::PolicyError;
use interaction_gov::vocabulary::Vocabulary;
use serde::Serialize;

use crate::advice;

/// The number of statements without which the others mean nothing: the one naming the authority, and the one giving the
/// version.
pub const HEAD: usize = 2;
/// The longest line that is quoted, in bytes.
const WIDEST: usize = 160;
/// The most complaints that are reported about one text.
const MOST: usize = 100;

/// Something that is wrong with a file, reported in the form of compiler messages, so that editors find the place.
#[derive(Clone, Serialize)]
pub struct Complaint {
    ok: bool,
    file: String,
    line: Option<u16>,
    column: Option<u16>,
    error: String,
    /// The line, and how much of it is meant, in bytes.
    #[serde(skip)]
    quote: Option<(String, usize)>,
}

impl Complaint {
    /// About a place in a file: its line and the byte within the line.
    #[must_use]
    pub fn at(path: &Path, (line, column): (u16, u16), error: impl ToString) -> Self {
        Self { line: Some(line), column: Some(column), ..Self::about(path, error) }
    }

    /// About a whole file.
    #[must_use]
    pub fn about(path: &Path, error: impl ToString) -> Self {
        Self { ok: false, file: shown(path), line: None, column: None, error: error.to_string(), quote: None }
    }

    /// Adds the line that contains the place.
    fn quoting(self, line: &str) -> Self {
        let at = usize::from(self.column.unwrap_or(1)).saturating_sub(1);
        let quote = line.is_char_boundary(at).then(|| (line.trim_end().to_owned(), advice::word_at(line, at).len()));
        // A line of this length is not repeated.
        Self { quote: quote.filter(|(line, _)| line.len() <= WIDEST), ..self }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.error)?;
        let (Some(number), Some(column), Some((line, length))) = (self.line, self.column, &self.quote) else {
            return Ok(());
        };
        let before = line.get(..usize::from(column).saturating_sub(1)).unwrap_or_default();
        let number = number.to_string();
        let (blanks, marks) = (printable(before).chars().count(), (*length).max(1));
        write!(f, "\n  {number} | {}\n", printable(line))?;
        write!(f, "  {:width$} | {:blanks$}{}", "", "", "^".repeat(marks), width = number.len())
    }
}

/// A path with control characters escaped.
#[must_use]
pub fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// A text with control characters escaped. Quotes are harmless.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printable = String::new();
    for c in text.chars() {
        match c {
            '"' | '\'' => printable.push(c),
            c => printable.extend(c.escape_debug()),
        }
    }
    printable
}

/// Everything that is wrong with a vocabulary.
#[must_use]
pub fn wrong_with_vocabulary(path: &Path, text: &str) -> Vec<Complaint> {
    wrong(path, text, None, |text| Vocabulary::read(text).map(|_| ()).map_err(PolicyError::from))
}

/// Everything that is wrong with a text, where `check` finds only the first error: it is called again without each line
/// that was wrong. For a policy, which has a vocabulary, it is not called again without the head, because the other
/// lines would mean something else.
pub fn wrong(
    path: &Path,
    text: &str,
    vocabulary: Option<&Vocabulary<'_>>,
    mut check: impl FnMut(&str) -> Result<(), PolicyError>,
) -> Vec<Complaint> {
    let head = vocabulary.map_or(0, |_| HEAD);
    let mut lines: Vec<&str> = text.lines().collect();
    let mut found: Vec<Complaint> = Vec::new();
    while let Err(error) = check(&lines.join("\n")) {
        let PolicyError::Text(TextError { line, column, trouble }) = error else {
            found.push(Complaint::about(path, error));
            break;
        };
        let quote = lines.get(usize::from(line) - 1).copied().unwrap_or_default();
        let more = advice::about(vocabulary, trouble, quote, column);
        found.push(Complaint::at(path, (line, column), format!("{trouble}{more}")).quoting(quote));
        let place = statements(&lines).position(|(number, _)| number == usize::from(line));
        // Lines beyond the last number cannot be told apart.
        let Some(place) = place.filter(|place| *place >= head && line < u16::MAX) else { break };
        if found.len() == MOST {
            found.push(Complaint::about(path, format!("there is more than the first {MOST}")));
            break;
        }
        if let Some(line) = lines.get_mut(usize::from(line) - 1) {
            // The statement behind the head may be a scope, and only that one: its place stays taken.
            *line = if head > 0 && place == head { "over any" } else { "" };
        }
    }
    found.sort_by_key(|complaint| (complaint.line.is_none(), complaint.line, complaint.column));
    found
}

/// The lines with a statement, with their numbers and without their comments.
pub fn statements<'t>(lines: &[&'t str]) -> impl Iterator<Item = (usize, &'t str)> {
    let numbered = (1..).zip(lines.iter().map(|line| line.split_once('#').map_or(*line, |(before, _)| before).trim()));
    numbered.filter(|(_, line)| !line.is_empty())
}
