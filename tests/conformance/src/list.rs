//! The two lists: what the drafts demand, and what is still open.

use std::fmt;
use std::path::PathBuf;

const REQUIREMENTS: &str = include_str!("../../../requirements.csv");
const OPEN: &str = include_str!("../../../requirements-open.csv");

/// How strongly a draft speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Demanded (`MUST`, `MUST NOT`, `REQUIRED`, `SHALL`).
    Must,
    /// Recommended.
    Should,
    /// Allowed.
    May,
    /// Stated without a key word: a byte layout, a formula, a behaviour.
    Fact,
}

impl Kind {
    /// The spelling in the list.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Fact => "FACT",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Must, Self::Should, Self::May, Self::Fact].into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One demand of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// `IACP-nnn`, `CEP-nnn` or `IOE-nnn`.
    pub id: String,
    /// Where the draft speaks.
    pub section: String,
    /// How strongly.
    pub kind: Kind,
    /// What it says, in our words.
    pub text: String,
}

/// A MUST that no code reaches yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The requirement.
    pub id: String,
    /// Why it is still open.
    pub why: String,
}

/// Why the table could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A list is no well-formed CSV.
    Csv {
        /// The list.
        list: &'static str,
        /// What is wrong with it.
        source: csv::Error,
    },
    /// A list has other columns than it should have.
    Columns {
        /// The list.
        list: &'static str,
    },
    /// A requirement is of no known kind.
    Kind {
        /// The requirement.
        id: String,
        /// The kind given.
        kind: String,
    },
    /// A source file or folder could not be read.
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Csv { list, source } => write!(f, "{list}: {source}"),
            Self::Columns { list } => write!(f, "{list}: unexpected columns"),
            Self::Kind { id, kind } => write!(f, "requirements.csv: {id} is of unknown kind {kind:?}"),
            Self::Read { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Csv { source, .. } => Some(source),
            Self::Read { source, .. } => Some(source),
            Self::Columns { .. } | Self::Kind { .. } => None,
        }
    }
}

/// Everything that the three drafts demand.
///
/// # Errors
///
/// `requirements.csv` is not well-formed.
pub fn requirements() -> Result<Vec<Requirement>, Error> {
    records("requirements.csv", ["id", "section", "kind", "requirement"], REQUIREMENTS)?
        .into_iter()
        .map(|[id, section, kind, text]| match Kind::parse(&kind) {
            Some(kind) => Ok(Requirement { id, section, kind, text }),
            None => Err(Error::Kind { id, kind }),
        })
        .collect()
}

/// Every MUST that no code reaches yet.
///
/// # Errors
///
/// `requirements-open.csv` is not well-formed.
pub fn open() -> Result<Vec<Open>, Error> {
    let records = records("requirements-open.csv", ["id", "why"], OPEN)?;
    Ok(records.into_iter().map(|[id, why]| Open { id, why }).collect())
}

fn records<const N: usize>(list: &'static str, columns: [&str; N], text: &str) -> Result<Vec<[String; N]>, Error> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|source| Error::Csv { list, source })?;
    if !headers.iter().eq(columns) {
        return Err(Error::Columns { list });
    }
    reader
        .records()
        .map(|record| {
            let record = record.map_err(|source| Error::Csv { list, source })?;
            let fields: Vec<String> = record.iter().map(str::to_owned).collect();
            fields.try_into().map_err(|_| Error::Columns { list })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Error, open, records, requirements};

    #[test]
    fn both_lists_are_well_formed() {
        assert!(requirements().is_ok());
        assert!(open().is_ok());
    }

    #[test]
    fn quoted_fields_keep_their_commas() {
        let rows = records("t", ["id", "why"], "id,why\nA,\"one, two\"\n").expect("well-formed");
        assert_eq!(rows, [["A".to_owned(), "one, two".to_owned()]]);
    }

    #[test]
    fn other_columns_are_refused() {
        assert!(matches!(records("t", ["id", "why"], "id,reason\nA,b\n"), Err(Error::Columns { list: "t" })));
        assert!(matches!(records("t", ["id", "why"], "id,why\nA,b,c\n"), Err(Error::Csv { .. })));
    }
}
