//! The three lists: what the drafts demand, what is still open, and why the rest is cited nowhere.

use std::fmt;
use std::path::PathBuf;

const REQUIREMENTS: &str = include_str!("../../../requirements.csv");
const OPEN: &str = include_str!("../../../requirements-open.csv");
const UNCITED: &str = include_str!("../../../requirements-uncited.csv");

/// The file of the MUSTs that no code reaches yet.
pub(crate) const OPEN_LIST: &str = "requirements-open.csv";
/// The file of the other requirements that no line of code keeps and no test shows.
pub(crate) const UNCITED_LIST: &str = "requirements-uncited.csv";

/// How strongly a draft states a requirement.
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
    /// Where the draft states it.
    pub section: String,
    /// How strongly.
    pub kind: Kind,
    /// Its content, in our words.
    pub text: String,
}

impl Requirement {
    /// The sections that contain it, each as a citation may name it.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.section.split(", ").map(str::trim)
    }

    /// Which draft it is of: `IACP`, `CEP` or `IOE`.
    #[must_use]
    pub fn draft(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    /// Whether it is in a section or below it: `4.2.6`, `§4.2.6`, `A.22`, `App. B`, `R5`, or with its draft, `CEP 5.2`.
    #[must_use]
    pub fn stands_in(&self, section: &str) -> bool {
        let mut words: Vec<&str> = section.split_whitespace().collect();
        if let [draft, _, ..] = words.as_slice()
            && ["IACP", "CEP", "IOE"].iter().any(|name| name.eq_ignore_ascii_case(draft))
        {
            if !draft.eq_ignore_ascii_case(self.draft()) {
                return false;
            }
            words.remove(0);
        }
        let wanted: Vec<String> = words.iter().filter_map(|word| spelled(word)).collect();
        !wanted.is_empty()
            && self.sections().any(|section| {
                let named: Vec<String> =
                    section.split_whitespace().filter_map(spelled).flat_map(|word| range(&word)).collect();
                wanted.iter().all(|wanted| named.iter().any(|named| is_below(named, wanted)))
            })
    }
}

/// A section without the sign "§", in upper case, and without the word for an appendix.
fn spelled(word: &str) -> Option<String> {
    let word = word.trim_start_matches('§').trim_end_matches('.').to_uppercase();
    (!word.is_empty() && word != "APP" && word != "APPENDIX").then_some(word)
}

/// `7.2–7.4` is three sections, `4.1.4.2–3` is two.
fn range(word: &str) -> Vec<String> {
    let Some((first, last)) = word.split_once('–') else { return vec![word.to_owned()] };
    let (stem, first) = first.rsplit_once('.').unwrap_or(("", first));
    let last = last.rsplit_once('.').map_or(last, |(_, last)| last);
    match (first.parse::<u8>(), last.parse::<u8>()) {
        (Ok(first), Ok(last)) => (first..=last).map(|number| format!("{stem}.{number}")).collect(),
        _ => vec![word.to_owned()],
    }
}

fn is_below(named: &str, wanted: &str) -> bool {
    named.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Why a requirement is not kept and shown, or not cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The requirement.
    pub id: String,
    /// Why.
    pub why: String,
}

/// All three lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Everything that the three drafts demand or state.
    pub requirements: Vec<Requirement>,
    /// Every MUST that no code reaches yet.
    pub open: Vec<Reason>,
    /// Every other requirement that is cited nowhere.
    pub uncited: Vec<Reason>,
}

impl Lists {
    /// Reads the lists as they were when this crate was built.
    ///
    /// # Errors
    ///
    /// A list that is not well-formed.
    pub fn read() -> Result<Self, Error> {
        Ok(Self {
            requirements: requirements()?,
            open: reasons(OPEN_LIST, OPEN)?,
            uncited: reasons(UNCITED_LIST, UNCITED)?,
        })
    }
}

/// Why the table could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A list is not well-formed CSV.
    Csv {
        /// The list.
        list: &'static str,
        /// What is wrong with it.
        source: csv::Error,
    },
    /// A list has columns other than the expected ones.
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

fn requirements() -> Result<Vec<Requirement>, Error> {
    records("requirements.csv", ["id", "section", "kind", "requirement"], REQUIREMENTS)?
        .into_iter()
        .map(|[id, section, kind, text]| match Kind::parse(&kind) {
            Some(kind) => Ok(Requirement { id, section, kind, text }),
            None => Err(Error::Kind { id, kind }),
        })
        .collect()
}

fn reasons(list: &'static str, text: &str) -> Result<Vec<Reason>, Error> {
    Ok(records(list, ["id", "why"], text)?.into_iter().map(|[id, why]| Reason { id, why }).collect())
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
    use super::{Error, Kind, Lists, Requirement, records};

    #[test]
    fn the_lists_are_well_formed() {
        let lists = Lists::read().expect("they are");
        assert_eq!(lists.requirements.len(), 468);
    }

    fn at(id: &str, section: &str) -> Requirement {
        Requirement { id: id.into(), section: section.into(), kind: Kind::Fact, text: String::new() }
    }

    #[test]
    fn a_section_finds_what_stands_in_it_and_below_it() {
        let row = at("IACP-094", "§4.2.6.1, A.22");
        for section in ["§4.2.6.1", "4.2.6.1", "§4.2.6", "4.2", "4", "A.22", "a.22", "IACP §4.2.6", "iacp 4.2.6.1"] {
            assert!(row.stands_in(section), "{section}");
        }
        for section in ["§4.2.6.2", "§4.2.6.1.1", "4.2.60", "§5", "A.2", "B.22", "CEP 4.2.6", "", "§", "CEP"] {
            assert!(!row.stands_in(section), "{section}");
        }
    }

    #[test]
    fn ranges_appendices_and_numbered_requirements_are_found() {
        let ranges = at("IACP-001", "§4.1.4.2–3, A.5–A.7");
        for (section, found) in
            [("4.1.4.1", false), ("4.1.4.2", true), ("4.1.4.3", true), ("A.6", true), ("A.8", false)]
        {
            assert_eq!(ranges.stands_in(section), found, "{section}");
        }
        let numbered = at("IOE-070", "4.5 R5");
        assert!(numbered.stands_in("R5") && numbered.stands_in("4.5") && numbered.stands_in("IoE 4.5 R5"));
        assert!(!numbered.stands_in("R6") && !numbered.stands_in("4.5 R6"));
        let appendix = at("CEP-139", "App. A 3");
        assert!(appendix.stands_in("App. A") && appendix.stands_in("A") && appendix.stands_in("App. A 3"));
        assert!(!appendix.stands_in("App. B"));
        assert!(at("CEP-001", "Abstract").stands_in("abstract"));
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
