//! What people read of a set.

use core::fmt;

/// The members of a set in words: "none", or one after the other.
pub(crate) fn list(f: &mut fmt::Formatter<'_>, mut members: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    let Some(first) = members.next() else { return f.pad("none") };
    first.fmt(f)?;
    members.try_for_each(|member| write!(f, ", {member}"))
}
