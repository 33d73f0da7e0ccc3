//! Numbers and the names that a vocabulary has for them.

use anyhow::{Context, Result};
use interaction_gov::vocabulary::{Listed, Name as _, Region, Set, Vocabulary};

/// The number of a name that an option gives.
///
/// # Errors
///
/// The vocabulary does not have it.
pub fn find<T: Listed>(vocabulary: &Vocabulary<'_>, option: &str, name: &str) -> Result<T> {
    vocabulary.find(name).with_context(|| {
        let names: Vec<_> = vocabulary.all::<T>().map(|(_, name)| name).collect();
        let names = if names.is_empty() { "there is none".into() } else { format!("there are {}", names.join(", ")) };
        format!("{option}: the vocabulary has no {} {name:?}; {names}", singular::<T>())
    })
}

/// The word for an unknown region, unless the vocabulary has a region of that name.
const UNKNOWN: &str = "unknown";

/// The regions that an option gives.
///
/// # Errors
///
/// The vocabulary does not have one.
pub fn find_regions(vocabulary: &Vocabulary<'_>, option: &str, names: &[String]) -> Result<Set<Region>> {
    let find = |name: &String| match vocabulary.find::<Region>(name) {
        None if name == UNKNOWN => Ok(Region::UNKNOWN),
        _ => find(vocabulary, option, name),
    };
    names.iter().map(find).collect()
}

/// The numbers of all names that an option gives.
///
/// # Errors
///
/// The vocabulary does not have one.
pub fn find_all<T: Listed>(vocabulary: &Vocabulary<'_>, option: &str, names: &[String]) -> Result<Set<T>> {
    names.iter().map(|name| find::<T>(vocabulary, option, name)).collect()
}

/// The name with a number, or `action 7`.
pub fn name<T: Listed>(vocabulary: &Vocabulary<'_>, name: T) -> String {
    match T::list(vocabulary).get(usize::from(name.number())) {
        Some(name) => (*name).to_owned(),
        None if T::LIST == Region::LIST && name.number() == Region::UNKNOWN.number() => UNKNOWN.to_owned(),
        None => format!("{} {}", singular::<T>(), name.number()),
    }
}

/// The names of a set.
pub fn names<T: Listed>(vocabulary: &Vocabulary<'_>, set: Set<T>) -> Vec<String> {
    set.iter().map(|one| name(vocabulary, one)).collect()
}

/// One of what a list lists.
fn singular<T: Listed>() -> String {
    match T::LIST.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => T::LIST.trim_end_matches('s').to_owned(),
    }
}
