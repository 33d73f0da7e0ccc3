//! Where lists and citations disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Kind, Malformed, Open, Place, Requirement, Role, Scan};

/// One disagreement. Ordered so that like stands beside like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Two requirements share an id.
    ListedTwice(String),
    /// The open list names what is no requirement.
    OpenUnknown(String),
    /// The open list names what is no MUST.
    OpenNoMust(String),
    /// The open list names something twice.
    OpenTwice(String),
    /// The open list does not say why.
    OpenWithoutWhy(String),
    /// The open list names what is kept and shown: the list must shrink.
    OpenDone(String),
    /// A comment looks like a citation and is none.
    Malformed {
        /// Where it stands.
        place: Place,
        /// The line.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A citation names what is no requirement.
    CitedUnknown {
        /// Where it stands.
        place: Place,
        /// What it names.
        id: String,
    },
    /// A MUST is neither open nor both kept and shown.
    Unmet {
        /// The MUST.
        id: String,
        /// What it demands.
        text: String,
        /// Whether code keeps it.
        kept: bool,
        /// Whether a test shows it.
        shown: bool,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListedTwice(id) => write!(f, "requirements.csv: {id} stands there twice"),
            Self::OpenUnknown(id) => write!(f, "requirements-open.csv: {id} is no requirement"),
            Self::OpenNoMust(id) => write!(f, "requirements-open.csv: {id} is no MUST"),
            Self::OpenTwice(id) => write!(f, "requirements-open.csv: {id} stands there twice"),
            Self::OpenWithoutWhy(id) => write!(f, "requirements-open.csv: {id} has no reason"),
            Self::OpenDone(id) => write!(f, "requirements-open.csv: {id} is kept and shown; take it out"),
            Self::Malformed { place, text, why } => write!(f, "{place}: {why}: {text}"),
            Self::CitedUnknown { place, id } => write!(f, "{place}: {id} is no requirement"),
            Self::Unmet { id, text, kept, shown } => {
                let lack = match (kept, shown) {
                    (false, false) => "neither kept nor shown",
                    (false, true) => "shown, but kept nowhere",
                    (true, _) => "kept, but shown nowhere",
                };
                write!(f, "{id} is {lack}: {text}")
            }
        }
    }
}

/// Every disagreement between the lists and the citations, in a fixed order.
#[must_use]
pub fn faults(requirements: &[Requirement], open: &[Open], scan: &Scan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut kinds = BTreeMap::new();
    for requirement in requirements {
        if kinds.insert(requirement.id.as_str(), requirement.kind).is_some() {
            faults.push(Fault::ListedTwice(requirement.id.clone()));
        }
    }
    let cited = |role: Role| -> BTreeSet<&str> {
        scan.citations.iter().filter(|citation| citation.role == role).map(|citation| citation.id.as_str()).collect()
    };
    let (keeps, shows) = (cited(Role::Keeps), cited(Role::Shows));

    let mut opened = BTreeSet::new();
    for Open { id, why } in open {
        if !opened.insert(id.as_str()) {
            faults.push(Fault::OpenTwice(id.clone()));
        }
        if why.trim().is_empty() {
            faults.push(Fault::OpenWithoutWhy(id.clone()));
        }
        match kinds.get(id.as_str()) {
            None => faults.push(Fault::OpenUnknown(id.clone())),
            Some(Kind::Must) if keeps.contains(id.as_str()) && shows.contains(id.as_str()) => {
                faults.push(Fault::OpenDone(id.clone()));
            }
            Some(Kind::Must) => {}
            Some(_) => faults.push(Fault::OpenNoMust(id.clone())),
        }
    }
    for Malformed { place, text, why } in &scan.malformed {
        faults.push(Fault::Malformed { place: place.clone(), text: text.clone(), why });
    }
    for citation in scan.citations.iter().filter(|citation| !kinds.contains_key(citation.id.as_str())) {
        faults.push(Fault::CitedUnknown { place: citation.place.clone(), id: citation.id.clone() });
    }
    for Requirement { id, text, .. } in requirements.iter().filter(|requirement| requirement.kind == Kind::Must) {
        let (kept, shown) = (keeps.contains(id.as_str()), shows.contains(id.as_str()));
        if !(opened.contains(id.as_str()) || kept && shown) {
            faults.push(Fault::Unmet { id: id.clone(), text: text.clone(), kept, shown });
        }
    }
    faults.sort();
    faults
}

#[cfg(test)]
mod tests {
    use super::{Fault, faults};
    use crate::{Kind, Open, Requirement, scan_text};

    fn requirement(id: &str, kind: Kind) -> Requirement {
        Requirement { id: id.into(), section: "§1".into(), kind, text: "demand".into() }
    }

    fn opened(id: &str) -> Open {
        Open { id: id.into(), why: "not built yet".into() }
    }

    fn unmet(kept: bool, shown: bool) -> Fault {
        Fault::Unmet { id: "IACP-001".into(), text: "demand".into(), kept, shown }
    }

    const KEPT: &str = concat!("//", " keeps: IACP-001\n");
    const SHOWN: &str = concat!("//", " shows: IACP-001\n");

    #[test]
    fn a_must_is_open_or_kept_and_shown() {
        let musts = [requirement("IACP-001", Kind::Must)];
        let both = [KEPT, SHOWN].concat();
        for (text, fault) in [("", unmet(false, false)), (KEPT, unmet(true, false)), (SHOWN, unmet(false, true))] {
            assert_eq!(faults(&musts, &[], &scan_text("f.rs", text)), [fault]);
            assert_eq!(faults(&musts, &[opened("IACP-001")], &scan_text("f.rs", text)), []);
        }
        assert_eq!(faults(&musts, &[], &scan_text("f.rs", &both)), []);
    }

    #[test]
    fn the_open_list_shrinks() {
        let musts = [requirement("IACP-001", Kind::Must)];
        let both = [KEPT, SHOWN].concat();
        let found = faults(&musts, &[opened("IACP-001")], &scan_text("f.rs", &both));
        assert_eq!(found, [Fault::OpenDone("IACP-001".into())]);
    }

    #[test]
    fn the_open_list_holds_musts_with_a_reason_once() {
        let rows = [requirement("IACP-001", Kind::Must), requirement("IACP-002", Kind::Should)];
        let silent = Open { id: "IACP-001".into(), why: " ".into() };
        let open = [opened("IACP-001"), silent, opened("IACP-002"), opened("IACP-003")];
        assert_eq!(
            faults(&rows, &open, &scan_text("f.rs", "")),
            [
                Fault::OpenUnknown("IACP-003".into()),
                Fault::OpenNoMust("IACP-002".into()),
                Fault::OpenTwice("IACP-001".into()),
                Fault::OpenWithoutWhy("IACP-001".into()),
            ]
        );
    }

    #[test]
    fn citations_name_what_exists() {
        let facts = [requirement("IACP-002", Kind::Fact), requirement("IACP-002", Kind::Fact)];
        let text = [KEPT, concat!("//", "keeps: IACP-002\n")].concat();
        let found: Vec<String> =
            faults(&facts, &[], &scan_text("f.rs", &text)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "requirements.csv: IACP-002 stands there twice".to_owned(),
                ["f.rs:2: not in the one fixed form: /", "/keeps: IACP-002"].concat(),
                "f.rs:1: IACP-001 is no requirement".to_owned(),
            ]
        );
    }
}
