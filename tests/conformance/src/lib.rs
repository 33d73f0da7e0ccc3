//! The requirements of the three drafts, and where this project keeps and shows each of them.
//!
//! `requirements.csv` lists what the drafts demand and state; `requirements-open.csv` lists the MUSTs that no code
//! reaches yet, and `requirements-uncited.csv` what else is cited nowhere, each with the reason. Both only ever shrink.
//! Code and tests cite a requirement in one fixed form, a comment on a line of its own: two slashes, a blank, the word
//! `keeps:` (at code) or `shows:` (at a test), a blank, and ids parted by comma and blank. Behind an id stands its
//! section, in parentheses; `cargo run -p conformance -- PATH…` writes sections where they are missing. [`table`] joins
//! lists and citations; [`faults`] lists where they disagree.

mod faults;
mod list;
mod scan;

pub use faults::{Fault, faults};
pub use list::{Error, Kind, Lists, Reason, Requirement};
pub use scan::{Citation, Malformed, Place, Role, Scan, rust_files, scan_text, scan_tree, source_root, with_sections};

/// One requirement with everything that the project records about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the draft demands.
    pub requirement: Requirement,
    /// The code that keeps it.
    pub kept: Vec<Place>,
    /// The tests that show it.
    pub shown: Vec<Place>,
    /// Why it is still open, if it is: a MUST.
    pub open: Option<String>,
    /// Why it is cited nowhere, if it is not: no MUST.
    pub uncited: Option<String>,
}

/// All requirements in the order of `requirements.csv`.
///
/// Places are collected from the source tree that this crate was built in; where that tree is gone (an installed
/// program), the rows carry none. [`source_root`] tells the two apart.
///
/// # Errors
///
/// A list that is not well-formed, or a source file that cannot be read.
pub fn table() -> Result<Vec<Row>, Error> {
    let scan = match source_root() {
        Some(root) => scan_tree(&root)?,
        None => Scan::default(),
    };
    Ok(join(Lists::read()?, &scan))
}

/// Joins the lists with the citations.
#[must_use]
pub fn join(lists: Lists, scan: &Scan) -> Vec<Row> {
    let Lists { requirements, open, uncited } = lists;
    let reason =
        |reasons: &[Reason], id: &str| reasons.iter().find(|reason| reason.id == id).map(|reason| reason.why.clone());
    requirements
        .into_iter()
        .map(|requirement| Row {
            kept: scan.places(Role::Keeps, &requirement.id),
            shown: scan.places(Role::Shows, &requirement.id),
            open: reason(&open, &requirement.id),
            uncited: reason(&uncited, &requirement.id),
            requirement,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Kind, Lists, Place, Reason, Requirement, Role, join, scan_text, table};

    #[test]
    fn a_row_joins_list_and_citations() {
        let (id, section, text) = ("IACP-084".into(), "§4.2.4.1".into(), "cookies".into());
        let requirement = Requirement { id, section, kind: Kind::Must, text };
        let open = vec![Reason { id: "IACP-084".into(), why: "half built".into() }];
        let scan = scan_text("a.rs", concat!("\n//", " keeps: IACP-084\n"));
        let rows = join(Lists { requirements: vec![requirement.clone()], open, uncited: vec![] }, &scan);
        let [row] = rows.as_slice() else { panic!("one requirement, one row") };
        assert_eq!(row.requirement, requirement);
        assert_eq!(row.kept, [Place { file: "a.rs".into(), line: 2 }]);
        assert_eq!(row.shown, scan.places(Role::Shows, "IACP-084"));
        assert_eq!(row.open.as_deref(), Some("half built"));
        assert_eq!(row.uncited, None);
    }

    #[test]
    fn the_table_has_every_requirement() {
        let rows = table().expect("the lists are well-formed");
        assert_eq!(rows.len(), 468);
        assert_eq!(rows.iter().filter(|row| row.requirement.id.starts_with("IACP-")).count(), 171);
    }
}
