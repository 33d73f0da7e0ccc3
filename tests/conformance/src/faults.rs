//! Where lists and citations disagree.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::list::{OPEN_LIST, UNCITED_LIST};
use crate::{Citation, Kind, Lists, Malformed, Place, Reason, Requirement, Role, Scan};

/// One disagreement. Ordered so that similar ones are next to each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Two requirements share an id.
    ListedTwice(String),
    /// An entry of a list of reasons is wrong.
    Reason {
        /// The list.
        list: &'static str,
        /// Which requirement it names.
        id: String,
        /// What is wrong with the entry.
        wrong: &'static str,
    },
    /// A comment looks like a citation and is not well-formed.
    Malformed {
        /// Its place.
        place: Place,
        /// The line.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A citation names an id that is not in the list of requirements.
    CitedUnknown {
        /// Its place.
        place: Place,
        /// What it names.
        id: String,
    },
    /// A citation names a section that does not contain the requirement.
    OtherSection {
        /// Its place.
        place: Place,
        /// The requirement.
        id: String,
        /// The section that the citation names.
        named: String,
        /// Where the requirement stands.
        section: String,
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
    /// Another requirement is neither kept nor shown, and no reason is given.
    Silent {
        /// The requirement.
        id: String,
        /// Its text.
        text: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ListedTwice(id) => write!(f, "requirements.csv: {id} stands there twice"),
            Self::Reason { list, id, wrong } => write!(f, "{list}: {id} {wrong}"),
            Self::Malformed { place, text, why } => write!(f, "{place}: {why}: {text}"),
            Self::CitedUnknown { place, id } => write!(f, "{place}: {id} is no requirement"),
            Self::OtherSection { place, id, named, section } => {
                write!(f, "{place}: {id} stands in {section}, not in {named}")
            }
            Self::Unmet { id, text, kept, shown } => {
                let lack = match (kept, shown) {
                    (false, false) => "neither kept nor shown",
                    (false, true) => "shown, but kept nowhere",
                    (true, _) => "kept, but shown nowhere",
                };
                write!(f, "{id} is {lack}: {text}")
            }
            Self::Silent { id, text } => {
                write!(f, "{id} is neither kept nor shown, and {UNCITED_LIST} does not say why: {text}")
            }
        }
    }
}

/// Every disagreement between the lists and the citations, in a fixed order.
#[must_use]
pub fn faults(lists: &Lists, scan: &Scan) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut rows = BTreeMap::new();
    for requirement in &lists.requirements {
        if rows.insert(requirement.id.as_str(), requirement).is_some() {
            faults.push(Fault::ListedTwice(requirement.id.clone()));
        }
    }
    let cited = |role: Role| -> BTreeSet<&str> {
        scan.citations.iter().filter(|citation| citation.role == role).map(|citation| citation.id.as_str()).collect()
    };
    let (keeps, shows) = (cited(Role::Keeps), cited(Role::Shows));
    let kept_and_shown = |id: &str| (keeps.contains(id), shows.contains(id));

    let opened = reasons(OPEN_LIST, &lists.open, &mut faults, |id| match (rows.get(id)?.kind, kept_and_shown(id)) {
        (Kind::Must, (true, true)) => Some("is kept and shown; take it out"),
        (Kind::Must, _) => None,
        _ => Some("is no MUST"),
    });
    let excused =
        reasons(UNCITED_LIST, &lists.uncited, &mut faults, |id| match (rows.get(id)?.kind, kept_and_shown(id)) {
            (Kind::Must, _) => Some("is a MUST"),
            (_, (false, false)) => None,
            _ => Some("is cited; take it out"),
        });
    for (list, id) in [(OPEN_LIST, &opened), (UNCITED_LIST, &excused)]
        .iter()
        .flat_map(|(list, ids)| ids.iter().map(move |id| (list, id)))
    {
        if !rows.contains_key(id) {
            faults.push(Fault::Reason { list, id: (*id).to_owned(), wrong: "is no requirement" });
        }
    }

    for Malformed { place, text, why } in &scan.malformed {
        faults.push(Fault::Malformed { place: place.clone(), text: text.clone(), why });
    }
    for Citation { id, section, place, .. } in &scan.citations {
        let (place, id) = (place.clone(), id.clone());
        match (rows.get(id.as_str()), section) {
            (None, _) => faults.push(Fault::CitedUnknown { place, id }),
            (Some(row), Some(named)) if !row.sections().any(|section| bare(section) == bare(named)) => {
                let (named, section) = (named.clone(), row.section.clone());
                faults.push(Fault::OtherSection { place, id, named, section });
            }
            _ => {}
        }
    }
    for Requirement { id, text, kind, .. } in &lists.requirements {
        let (id, text, (kept, shown)) = (id.clone(), text.clone(), kept_and_shown(id));
        let listed = opened.contains(id.as_str()) || excused.contains(id.as_str());
        match kind {
            _ if listed || kept && shown => {}
            Kind::Must => faults.push(Fault::Unmet { id, text, kept, shown }),
            _ if kept || shown => {}
            _ => faults.push(Fault::Silent { id, text }),
        }
    }
    faults.sort();
    faults
}

/// A section without the sign "§", which the lists of two drafts omit.
fn bare(section: &str) -> &str {
    section.trim_start_matches('§')
}

/// The ids of a list of reasons; entries that are wrong go to `faults`.
fn reasons<'a>(
    list: &'static str,
    entries: &'a [Reason],
    faults: &mut Vec<Fault>,
    wrong: impl Fn(&str) -> Option<&'static str>,
) -> BTreeSet<&'a str> {
    let mut ids = BTreeSet::new();
    for Reason { id, why } in entries {
        let twice = (!ids.insert(id.as_str())).then_some("stands there twice");
        let silent = why.trim().is_empty().then_some("has no reason");
        let found = [twice, silent, wrong(id)].into_iter().flatten();
        faults.extend(found.map(|wrong| Fault::Reason { list, id: id.clone(), wrong }));
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::{Fault, OPEN_LIST, UNCITED_LIST, faults};
    use crate::{Kind, Lists, Reason, Requirement, scan_text};

    fn requirement(id: &str, kind: Kind) -> Requirement {
        Requirement { id: id.into(), section: "§1, §2".into(), kind, text: "demand".into() }
    }

    fn reason(id: &str) -> Reason {
        Reason { id: id.into(), why: "not built yet".into() }
    }

    fn lists(requirements: &[Requirement], open: &[Reason], uncited: &[Reason]) -> Lists {
        Lists { requirements: requirements.to_vec(), open: open.to_vec(), uncited: uncited.to_vec() }
    }

    fn wrong(list: &'static str, id: &str, wrong: &'static str) -> Fault {
        Fault::Reason { list, id: id.into(), wrong }
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
            assert_eq!(faults(&lists(&musts, &[], &[]), &scan_text("f.rs", text)), [fault]);
            assert_eq!(faults(&lists(&musts, &[reason("IACP-001")], &[]), &scan_text("f.rs", text)), []);
        }
        assert_eq!(faults(&lists(&musts, &[], &[]), &scan_text("f.rs", &both)), []);
    }

    #[test]
    fn what_is_no_must_is_cited_or_has_a_reason() {
        for kind in [Kind::Should, Kind::May, Kind::Fact] {
            let rows = [requirement("IACP-001", kind)];
            let silent = Fault::Silent { id: "IACP-001".into(), text: "demand".into() };
            assert_eq!(faults(&lists(&rows, &[], &[]), &scan_text("f.rs", "")), [silent]);
            assert_eq!(faults(&lists(&rows, &[], &[reason("IACP-001")]), &scan_text("f.rs", "")), []);
            for text in [KEPT, SHOWN] {
                assert_eq!(faults(&lists(&rows, &[], &[]), &scan_text("f.rs", text)), []);
                assert_eq!(
                    faults(&lists(&rows, &[], &[reason("IACP-001")]), &scan_text("f.rs", text)),
                    [wrong(UNCITED_LIST, "IACP-001", "is cited; take it out")]
                );
            }
        }
    }

    #[test]
    fn the_open_list_shrinks() {
        let musts = [requirement("IACP-001", Kind::Must)];
        let both = [KEPT, SHOWN].concat();
        let found = faults(&lists(&musts, &[reason("IACP-001")], &[]), &scan_text("f.rs", &both));
        assert_eq!(found, [wrong(OPEN_LIST, "IACP-001", "is kept and shown; take it out")]);
    }

    #[test]
    fn lists_of_reasons_hold_what_they_are_for_with_a_reason_once() {
        let rows = [requirement("IACP-001", Kind::Must), requirement("IACP-002", Kind::Should)];
        let silent = Reason { id: "IACP-001".into(), why: " ".into() };
        let open = [reason("IACP-001"), silent, reason("IACP-002"), reason("IACP-003")];
        let uncited = [reason("IACP-001"), reason("IACP-002")];
        assert_eq!(
            faults(&lists(&rows, &open, &uncited), &scan_text("f.rs", "")),
            [
                wrong(OPEN_LIST, "IACP-001", "has no reason"),
                wrong(OPEN_LIST, "IACP-001", "stands there twice"),
                wrong(OPEN_LIST, "IACP-002", "is no MUST"),
                wrong(OPEN_LIST, "IACP-003", "is no requirement"),
                wrong(UNCITED_LIST, "IACP-001", "is a MUST"),
            ]
        );
    }

    #[test]
    fn citations_name_what_exists_in_its_section() {
        let facts = [requirement("IACP-002", Kind::Fact), requirement("IACP-002", Kind::Fact)];
        let text = [
            KEPT,
            concat!("//", "keeps: IACP-002\n"),
            concat!("//", " shows: IACP-002 (§2)\n"),
            concat!("//", " shows: IACP-002 (§3)\n"),
        ]
        .concat();
        let found: Vec<String> =
            faults(&lists(&facts, &[], &[]), &scan_text("f.rs", &text)).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "requirements.csv: IACP-002 stands there twice".to_owned(),
                ["f.rs:2: not in the one fixed form: /", "/keeps: IACP-002"].concat(),
                "f.rs:1: IACP-001 is no requirement".to_owned(),
                "f.rs:4: IACP-002 stands in §1, §2, not in §3".to_owned(),
            ]
        );
    }
}
