//! The modules of this crate use each other in one direction, without cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Uses = BTreeMap<String, BTreeSet<String>>;

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The modules that each module names in paths that begin with `crate::`.
fn uses() -> Uses {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = Uses::new();
    for file in files_below(&source) {
        let inner = file.strip_prefix(&source).expect("below it").with_extension("");
        let module = inner.iter().next().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&file).expect("it can be read");
        let named = text.split("crate::").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
            rest.split_at(end).0.to_owned()
        });
        let others: Vec<_> = named.filter(|name| *name != module && !name.is_empty()).collect();
        uses.entry(module).or_default().extend(others);
    }
    uses.remove("lib");
    uses
}

/// A cycle, if there is one.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    fn follow(uses: &Uses, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let last = path.last().expect("a module").clone();
        for next in uses.get(&last).into_iter().flatten() {
            let seen = path.contains(next);
            path.push(next.clone());
            if seen || (!done.contains(next) && follow(uses, path, done)) {
                return true;
            }
            path.pop();
        }
        done.insert(last);
        false
    }
    let mut done = BTreeSet::new();
    uses.keys().find_map(|module| {
        let mut path = vec![module.clone()];
        follow(uses, &mut path, &mut done).then_some(path)
    })
}

#[test]
fn no_module_leads_back_to_itself() {
    let uses = uses();
    assert!(uses.len() > 10 && uses["decision"].contains("lineage"), "{uses:#?}");
    assert_eq!(circle(&uses), None, "{uses:#?}");
}

#[test]
fn a_circle_would_be_found() {
    let mut uses = uses();
    uses.entry("lineage".into()).or_default().insert("decision".into());
    assert!(circle(&uses).is_some());
}
