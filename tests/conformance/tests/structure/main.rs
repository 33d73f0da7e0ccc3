//! Arrows between the modules of a crate point one way.
//!
//! Two things hold. At the top level of each library crate, a module uses only those that its row of the table names. And
//! in no folder of any crate do entries use each other in a circle, but for those that are listed here until they are
//! opened: a listed one that has changed or is gone fails too, so the list shrinks.

mod arrows;

use std::collections::{BTreeMap, BTreeSet};

use arrows::{Arrow, Circle, arrows, between, circles};

/// A crate, and what its top-level modules may use. Rows of modules that are not built yet say where they will be.
struct Crate {
    folder: &'static str,
    may_use: &'static [(&'static str, &'static [&'static str])],
    /// Circles that are known and not opened yet: the folder, and everything in it that lies on the circle.
    known: &'static [(&'static str, &'static [&'static str])],
}

/// "lib" stands for what `lib.rs` itself defines.
const CRATES: [Crate; 4] = [
    Crate {
        folder: "iacp-wire",
        may_use: &[
            ("error", &[]),
            ("figure", &[]),
            ("put", &[]),
            ("read", &["error", "figure"]),
            ("field", &["figure"]),
            ("header", &["error", "read"]),
            ("tlv", &["error", "field", "figure", "put", "read"]),
            ("layout", &["error", "field", "figure", "put", "read"]),
            ("message", &["error", "field", "figure", "header", "put", "read"]),
            ("frame", &["error", "field", "header", "message", "put", "read", "tlv"]),
            ("generate", &["field", "header", "message", "tlv"]),
        ],
        known: &[],
    },
    Crate {
        folder: "iacp-core",
        may_use: &[
            ("time", &[]),
            ("scope", &[]),
            ("crypto", &[]),
            ("machine", &[]),
            ("slots", &["time"]),
            ("identity", &["crypto", "machine", "time"]),
            ("guard", &["crypto", "identity", "machine", "slots", "time"]),
            ("pss", &["crypto", "identity", "machine", "slots", "time"]),
            ("discovery", &["crypto", "guard", "identity", "machine", "slots", "time"]),
            ("directory", &["crypto", "discovery", "governance", "guard", "identity", "machine", "slots", "time"]),
            ("governance", &["crypto", "identity", "machine", "slots", "time"]),
            ("dhi", &["crypto", "directory", "guard", "identity", "machine", "scope", "slots", "time"]),
            (
                "erp",
                &[
                    "crypto",
                    "dhi",
                    "directory",
                    "governance",
                    "guard",
                    "identity",
                    "machine",
                    "pss",
                    "scope",
                    "slots",
                    "time",
                ],
            ),
            ("tables", &["dhi", "directory", "discovery", "erp", "governance", "guard", "identity", "machine", "pss"]),
        ],
        known: &[],
    },
    Crate {
        folder: "cep-envelope",
        may_use: &[
            ("lib", &[]),
            ("digest", &[]),
            ("json", &[]),
            ("time", &[]),
            ("outcome", &[]),
            ("state", &[]),
            ("words", &[]),
            ("surface", &["lib", "time", "words"]),
            ("finding", &["outcome", "words"]),
            ("generate", &["json", "manifest", "notification", "state", "surface"]),
            ("manifest", &["digest", "json", "lib", "surface", "time", "words"]),
            ("notification", &["json", "lib", "manifest", "state", "surface"]),
            ("ladder", &["digest", "lib", "manifest", "state"]),
            ("drift", &["finding", "lib", "manifest", "time"]),
            ("lineage", &["digest", "lib", "manifest"]),
            (
                "decision",
                &[
                    "digest",
                    "drift",
                    "finding",
                    "ladder",
                    "lib",
                    "lineage",
                    "manifest",
                    "notification",
                    "outcome",
                    "state",
                    "surface",
                    "time",
                ],
            ),
        ],
        known: &[],
    },
    Crate {
        folder: "interaction-gov",
        may_use: &[
            ("lib", &[]),
            ("bytes", &[]),
            ("codes", &[]),
            ("identity", &[]),
            ("lifecycle", &[]),
            ("list", &[]),
            ("text", &[]),
            ("time", &[]),
            ("number", &[]),
            ("measure", &["lib"]),
            ("vocabulary", &["text"]),
            ("policy", &["bytes", "lib", "list", "text", "time", "vocabulary"]),
            ("changes", &["codes", "list", "policy", "vocabulary"]),
            ("proof", &["policy", "time"]),
            ("lease", &["identity", "number", "policy", "time", "vocabulary"]),
            ("authority", &["changes", "lib", "number", "policy", "proof", "text", "time", "vocabulary"]),
            ("audit", &["changes", "codes", "identity", "policy", "proof", "time", "vocabulary"]),
            ("protocol", &["identity", "proof", "time"]),
            ("snapshot", &["bytes", "identity", "proof", "time"]),
            ("participant", &["audit", "lease", "number", "policy", "proof", "time", "vocabulary"]),
            ("rollout", &["authority", "changes", "identity", "number", "policy", "proof", "time", "vocabulary"]),
            ("function", &["lease", "number", "participant", "policy", "proof", "time", "vocabulary"]),
            (
                "keep",
                &["authority", "bytes", "changes", "number", "policy", "rollout", "snapshot", "time", "vocabulary"],
            ),
            ("told", &["interaction", "lease", "measure", "policy", "rollout", "vocabulary"]),
            (
                "words",
                &[
                    "audit",
                    "function",
                    "identity",
                    "interaction",
                    "measure",
                    "number",
                    "policy",
                    "protocol",
                    "rollout",
                    "time",
                    "vocabulary",
                ],
            ),
            (
                "interaction",
                &[
                    "audit",
                    "authority",
                    "bytes",
                    "function",
                    "identity",
                    "lease",
                    "lib",
                    "lifecycle",
                    "number",
                    "participant",
                    "policy",
                    "proof",
                    "rollout",
                    "snapshot",
                    "time",
                    "vocabulary",
                ],
            ),
        ],
        known: &[],
    },
];

/// The one program that is large enough to have an order.
const AGENT: Crate = Crate { folder: "examples/agent", may_use: &[], known: &[] };

fn read(krate: &Crate) -> Vec<Arrow> {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let arrows = arrows(&root.join(krate.folder).join("src"));
    assert!(arrows.len() > 50, "{}: {} arrows are too few to be all", krate.folder, arrows.len());
    arrows
}

/// Circles that are not listed, and listed ones that are not there as listed.
fn circle_faults(krate: &Crate, found: &[Circle]) -> Vec<String> {
    let is_known = |circle: &&Circle| {
        let entries = circle.entries.iter().map(String::as_str);
        krate.known.iter().any(|(folder, known)| *folder == circle.folder && entries.clone().eq(known.iter().copied()))
    };
    let new = found.iter().filter(|circle| !is_known(circle)).map(|circle| format!("{}: {circle}", krate.folder));
    let gone = krate.known.iter().filter(|(folder, entries)| {
        !found.iter().any(|circle| circle.folder == *folder && circle.entries.iter().eq(entries.iter()))
    });
    let gone = gone.map(|(folder, entries)| {
        let entries = entries.join(", ");
        format!("{}: src/{folder} has no circle of just {entries}: take it off the list of known ones", krate.folder)
    });
    new.chain(gone).collect()
}

/// Arrows that the table does not name. What lies on a known circle is its own fault.
fn table_faults(krate: &Crate, arrows: &[Arrow]) -> Vec<String> {
    let rows: BTreeMap<&str, BTreeSet<&str>> =
        krate.may_use.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let known = |from: &str, to: &str| {
        krate
            .known
            .iter()
            .any(|(folder, entries)| folder.is_empty() && entries.contains(&from) && entries.contains(&to))
    };
    let mut faults = Vec::new();
    for ((from, to), arrow) in between("", arrows) {
        let Arrow { from: file, line, path, .. } = arrow;
        match rows.get(from) {
            None => faults.push(format!("{}: {from} has no row in the table of what may use what", krate.folder)),
            Some(row) if row.contains(to) || known(from, to) => {}
            Some(_) => {
                faults.push(format!("{}: {from} may not use {to}\n    src/{file}:{line} uses {path}", krate.folder))
            }
        }
    }
    faults.dedup();
    faults
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

#[test]
fn modules_use_only_what_the_table_names() {
    let faults: Vec<String> = CRATES.iter().flat_map(|krate| table_faults(krate, &read(krate))).collect();
    report(&faults);
}

#[test]
fn no_folder_has_a_circle_that_is_not_known() {
    let all = CRATES.iter().chain([&AGENT]);
    let faults: Vec<String> = all.flat_map(|krate| circle_faults(krate, &circles(&read(krate)))).collect();
    report(&faults);
}

#[test]
fn the_table_itself_has_no_circle() {
    for krate in &CRATES {
        let row = |(from, to): &(&str, &[&str])| {
            let arrow =
                |to: &&str| Arrow { from: format!("{from}.rs"), to: format!("{to}.rs"), line: 0, path: String::new() };
            to.iter().map(arrow).collect::<Vec<_>>()
        };
        let drawn: Vec<Arrow> = krate.may_use.iter().flat_map(row).collect();
        assert_eq!(circles(&drawn), [], "{}", krate.folder);
        let rows: BTreeSet<&str> = krate.may_use.iter().map(|(from, _)| *from).collect();
        assert_eq!(rows.len(), krate.may_use.len(), "{}: a module has one row", krate.folder);
        for to in krate.may_use.iter().flat_map(|(_, to)| *to) {
            assert!(rows.contains(to), "{}: {to} has no row", krate.folder);
        }
    }
}

/// The arrows between the modules of a crate, without those that a longer way makes already.
fn reduced(arrows: &[Arrow]) -> BTreeSet<(String, String)> {
    let all: BTreeSet<(&str, &str)> = between("", arrows).into_keys().collect();
    let mut reached = all.clone();
    loop {
        let longer: BTreeSet<(&str, &str)> = reached
            .iter()
            .flat_map(|(from, by)| all.iter().filter(move |(start, _)| start == by).map(move |(_, to)| (*from, *to)))
            .collect();
        let before = reached.len();
        reached.extend(longer);
        if reached.len() == before {
            break;
        }
    }
    let is_long = |from: &str, to: &str| all.iter().any(|(start, by)| *start == from && reached.contains(&(*by, to)));
    all.iter().filter(|(from, to)| !is_long(from, to)).map(|(from, to)| (from.to_string(), to.to_string())).collect()
}

#[test]
fn the_drawing_of_the_modules_is_of_the_code() {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let page = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("it is read");
    for krate in &CRATES[1..] {
        // The list of all tables, and what lib.rs itself defines, are not modules to draw.
        let mut arrows = read(krate);
        arrows.retain(|arrow| !["tables.rs", "lib.rs"].iter().any(|no| arrow.from == *no || arrow.to == *no));
        let lines: String = reduced(&arrows).iter().map(|(from, to)| format!("    {from} --> {to}\n")).collect();
        let folder = krate.folder;
        let drawn = format!("<!-- arrows: {folder} -->\n```mermaid\nflowchart TD\n{lines}```\n<!-- end -->\n");
        assert!(page.contains(&drawn), "ARCHITECTURE.md does not draw the modules of {folder} so:\n{drawn}");
    }
}

#[test]
fn a_new_circle_a_larger_one_and_one_that_is_gone_are_faults() {
    let arrow = |from: &str, to: &str| Arrow {
        from: format!("{from}.rs"),
        to: format!("{to}.rs"),
        line: 7,
        path: format!("crate::{to}"),
    };
    let krate = Crate { folder: "x", may_use: &[("a", &["b"]), ("b", &[]), ("c", &[])], known: &[("", &["a", "b"])] };
    let faults = |arrows: &[Arrow]| (circle_faults(&krate, &circles(arrows)), table_faults(&krate, arrows));
    let known = [arrow("a", "b"), arrow("b", "a")];
    assert_eq!(faults(&known), (vec![], vec![]));
    let gone = "x: src/ has no circle of just a, b: take it off the list of known ones".to_owned();
    assert_eq!(faults(&known[..1]), (vec![gone.clone()], vec![]));
    let [one, other] = known;
    let larger = [one, other, arrow("b", "c"), arrow("c", "a")];
    let told = "x: src/: a circle of a, b, c\n    src/a.rs:7 uses crate::b of src/b.rs\n    src/b.rs:7 uses crate::a of \
                src/a.rs";
    let table = [("b", "c"), ("c", "a")]
        .map(|(from, to)| format!("x: {from} may not use {to}\n    src/{from}.rs:7 uses crate::{to}"));
    assert_eq!(faults(&larger), (vec![told.to_owned(), gone], table.to_vec()));
}
