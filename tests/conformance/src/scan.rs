//! Citations: the comments by which code and tests name the requirements that they keep and show.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::Error;

/// What a citation claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The code below keeps the requirement.
    Keeps,
    /// The test below shows that it is kept.
    Shows,
}

impl Role {
    const ALL: [Self; 2] = [Self::Keeps, Self::Shows];

    /// The word of the comment.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Keeps => "keeps",
            Self::Shows => "shows",
        }
    }
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, relative to the workspace root, with forward slashes.
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One id of one citation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// What it claims.
    pub role: Role,
    /// The requirement that it names, which need not exist.
    pub id: String,
    /// The section that it names.
    pub section: Option<String>,
    /// Its place.
    pub place: Place,
}

/// A comment that looks like a citation and is not well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its place.
    pub place: Place,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// All citations of some source text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Well-formed citations, in the order of files and lines.
    pub citations: Vec<Citation>,
    /// Lines that only look like one.
    pub malformed: Vec<Malformed>,
}

impl Scan {
    /// Where a requirement is cited.
    #[must_use]
    pub fn places(&self, role: Role, id: &str) -> Vec<Place> {
        let cited = self.citations.iter().filter(|citation| citation.role == role && citation.id == id);
        cited.map(|citation| citation.place.clone()).collect()
    }

    fn append(&mut self, mut other: Self) {
        self.citations.append(&mut other.citations);
        self.malformed.append(&mut other.malformed);
    }
}

/// The workspace that this crate was built in, if it is still there.
#[must_use]
pub fn source_root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    root.join("requirements.csv").is_file().then(|| root.to_owned())
}

/// Scans every Rust file below `root`, build directories and hidden ones excepted.
///
/// # Errors
///
/// A file or folder that cannot be read.
pub fn scan_tree(root: &Path) -> Result<Scan, Error> {
    let mut scan = Scan::default();
    for (name, text) in rust_files(root)? {
        scan.append(scan_text(&name, &text));
    }
    Ok(scan)
}

/// Name and text of every Rust file below `root`, build directories and hidden ones excepted, in the order of names.
///
/// # Errors
///
/// A file or folder that cannot be read.
pub fn rust_files(root: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut texts = Vec::new();
    for path in files {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // Listed a moment ago and gone by now.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(Error::Read { path, source }),
        };
        let relative = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        texts.push((parts.join("/"), text));
    }
    Ok(texts)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read = |source| Error::Read { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(read)?;
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Scans the text of one file.
#[must_use]
pub fn scan_text(file: &str, text: &str) -> Scan {
    let mut scan = Scan::default();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        let place = Place { file: file.to_owned(), line: number };
        let verdict = match citation(line) {
            Some((role, ids)) => parse_ids(ids).map(|ids| (role, ids)),
            None if resembles_citation(line) => Err("not in the one fixed form"),
            None => continue,
        };
        match verdict {
            Ok((role, ids)) => scan.citations.extend(ids.into_iter().map(|(id, section)| Citation {
                role,
                id: id.to_owned(),
                section: section.map(str::to_owned),
                place: place.clone(),
            })),
            Err(why) => scan.malformed.push(Malformed { place, text: line.to_owned(), why }),
        }
    }
    scan
}

/// The role and the ids of a line in the fixed form.
fn citation(line: &str) -> Option<(Role, &str)> {
    let comment = line.strip_prefix("// ")?;
    Role::ALL.into_iter().find_map(|role| Some((role, comment.strip_prefix(role.word())?.strip_prefix(": ")?)))
}

/// Ids, each with its section where it is named: `IACP-084 (§4.2.4.1), CEP-016`.
fn parse_ids(ids: &str) -> Result<Vec<(&str, Option<&str>)>, &'static str> {
    let mut found = Vec::new();
    for cited in ids.split(", ") {
        let (id, section) = match cited.split_once(" (") {
            None => (cited, None),
            Some((id, rest)) => (id, Some(rest.strip_suffix(')').ok_or(SHAPE)?)),
        };
        let is_named =
            |section: &str| !section.is_empty() && !section.contains(['(', ')']) && section.trim() == section;
        if !is_id(id) || !section.is_none_or(is_named) {
            return Err(SHAPE);
        }
        found.push((id, section));
    }
    let mut sorted: Vec<&str> = found.iter().map(|(id, _)| *id).collect();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() == found.len() { Ok(found) } else { Err("an id is named twice") }
}

const SHAPE: &str = "ids must look like IACP-001 or IACP-001 (§1.2), parted by a comma and a blank";

/// The line of a citation with the section of each id that names none: the first one of `section_of`. Other lines, and
/// ids without a section to name, stay as they are.
#[must_use]
pub fn with_sections(line: &str, section_of: impl Fn(&str) -> Option<String>) -> String {
    let Some((role, ids)) = citation(line.trim()) else { return line.to_owned() };
    let Ok(ids) = parse_ids(ids) else { return line.to_owned() };
    let one = |(id, section): (&str, Option<&str>)| match section.map(str::to_owned).or_else(|| section_of(id)) {
        Some(section) => format!("{id} ({section})"),
        None => id.to_owned(),
    };
    let indent = line.len() - line.trim_start().len();
    let ids: Vec<String> = ids.into_iter().map(one).collect();
    format!("{}// {}: {}", line.get(..indent).unwrap_or_default(), role.word(), ids.join(", "))
}

fn is_id(id: &str) -> bool {
    id.split_once('-').is_some_and(|(draft, number)| {
        matches!(draft, "IACP" | "CEP" | "IOE") && number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Whether a comment anywhere in the line starts like a citation: the word, then a colon or an id.
fn resembles_citation(line: &str) -> bool {
    let comments = line.match_indices("//").chain(line.match_indices("/*"));
    comments.filter_map(|(start, _)| line.get(start..)).any(|comment| {
        let comment = comment.trim_start_matches(['/', '*', '!', ' ', '\t']);
        let end = comment.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(comment.len());
        let (word, rest) = comment.split_at(end);
        let rest = rest.trim_start();
        ["keep", "keeps", "show", "shows"].iter().any(|expected| word.eq_ignore_ascii_case(expected))
            && [":", "=", "IACP-", "CEP-", "IOE-"].iter().any(|start| rest.starts_with(start))
    })
}

#[cfg(test)]
mod tests {
    use super::{Place, Role, Scan, scan_text, with_sections};

    fn scan(text: &str) -> Scan {
        scan_text("f.rs", text)
    }

    fn cited(scan: &Scan) -> Vec<(Role, &str, usize)> {
        scan.citations.iter().map(|c| (c.role, c.id.as_str(), c.place.line)).collect()
    }

    // The snippets are assembled from parts, so that a scan of this file finds no citation in them.
    #[test]
    fn the_fixed_form_is_read() {
        let text = concat!(
            "fn a() {}\n",
            "    //",
            " keeps: IACP-084, CEP-016  \n",
            "fn b() {}\n",
            "//",
            " shows: IOE-055\n",
        );
        let found = scan(text);
        assert_eq!(found.malformed, []);
        assert_eq!(
            cited(&found),
            [(Role::Keeps, "IACP-084", 2), (Role::Keeps, "CEP-016", 2), (Role::Shows, "IOE-055", 4)]
        );
        assert_eq!(found.places(Role::Keeps, "CEP-016"), [Place { file: "f.rs".into(), line: 2 }]);
        assert_eq!(found.places(Role::Shows, "CEP-016"), []);
    }

    #[test]
    fn a_citation_may_name_sections() {
        let found = scan(concat!("//", " keeps: IACP-084 (§4.2.4.1), CEP-016, IOE-070 (4.5 R5)"));
        assert_eq!(found.malformed, []);
        let sections: Vec<_> = found.citations.iter().map(|citation| citation.section.as_deref()).collect();
        assert_eq!(sections, [Some("§4.2.4.1"), None, Some("4.5 R5")]);
    }

    #[test]
    fn sections_are_written_where_none_is_named() {
        let section_of = |id: &str| (id != "IACP-003").then(|| "§9".to_owned());
        let written = |line: &str| with_sections(line, section_of);
        assert_eq!(
            written(concat!("  //", " keeps: IACP-001, IACP-002 (§1), IACP-003")),
            concat!("  //", " keeps: IACP-001 (§9), IACP-002 (§1), IACP-003")
        );
        for line in ["let a = 1;", "// keeps the window open", concat!("//", " keeps: IACP-1")] {
            assert_eq!(written(line), line);
        }
    }

    #[test]
    fn an_id_of_the_right_shape_counts_though_it_names_nothing() {
        assert_eq!(cited(&scan(concat!("//", " keeps: IACP-999"))), [(Role::Keeps, "IACP-999", 1)]);
    }

    #[test]
    fn whatever_only_resembles_a_citation_is_malformed() {
        for text in [
            concat!("//", "keeps: IACP-084"),
            concat!("//", "keeps IACP-084"),
            concat!("//", "  keeps: IACP-084"),
            concat!("//", " keeps:IACP-084"),
            concat!("//", " keeps:"),
            concat!("//", " keeps: "),
            concat!("//", " keeps IACP-084"),
            concat!("//", " Keeps: IACP-084"),
            concat!("//", " keep: IACP-084"),
            concat!("///", " keeps: IACP-084"),
            concat!("//!", " shows: IACP-084"),
            concat!("/*", " shows: IACP-084 */"),
            concat!("let a = 1; //", " shows: IACP-084"),
            concat!("//", " shows: IACP-84"),
            concat!("//", " shows: IACP-0084"),
            concat!("//", " shows: XXXX-084"),
            concat!("//", " shows: iacp-084"),
            concat!("//", " shows: IACP-084,IACP-086"),
            concat!("//", " shows: IACP-084 IACP-086"),
            concat!("//", " shows: IACP-084,"),
            concat!("//", " shows: IACP-084 ()"),
            concat!("//", " shows: IACP-084 (§1"),
            concat!("//", " shows: IACP-084(§1)"),
            concat!("//", " shows: IACP-084 (§1) and more"),
            concat!("//", " shows: IACP-084 ( §1)"),
            concat!("//", " shows: IACP-084 (§1, §2)"),
            concat!("//", " shows: IACP-084, IACP-084"),
            concat!("//", " shows: all of it"),
        ] {
            let found = scan(text);
            assert_eq!(found.citations, [], "{text}");
            assert_eq!(found.malformed.len(), 1, "{text}");
        }
    }

    #[test]
    fn prose_is_left_alone() {
        for text in [
            "// keeps the window open",
            "/// Shows the table.",
            "// what this shows: nothing",
            "let url = \"https://keeps.example\";",
            "fn keeps() {}",
            "// IACP-084",
        ] {
            assert_eq!(scan(text), Scan::default(), "{text}");
        }
    }
}
