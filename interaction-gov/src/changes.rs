//! The latest changes of the control plane: each interaction records them in its own trail before its next decision
//! (`IoE R6`).

use crate::codes::codes;
use crate::list::Blank;
use crate::policy::AUTHORITIES;
use crate::vocabulary::{Authority, Set};

/// How many of the last changes are kept. If there were more between two steps of an interaction, its trail has the
/// number of those that it does not record one by one.
pub(crate) const KEPT: usize = 8;

codes! {
    /// What changed in the control plane: the `action` of a record of the kind
    /// [`RecordKind::Changed`](crate::audit::RecordKind::Changed).
    ///
    /// ```
    /// use interaction_gov::audit::Change;
    ///
    /// assert_eq!(Change::from_code(3), Some(Change::RolledBack));
    /// assert_eq!(Change::RolledBack.to_string(), "rolled back");
    /// ```
    Change {
        /// From now on, a version governs a track.
        Published = 0, "published";
        /// A version governs everything.
        Emergency = 1, "emergency";
        /// The emergency is over.
        EmergencyLifted = 2, "emergency lifted";
        /// The stable track went back to an earlier version, for the text of one authority.
        RolledBack = 3, "rolled back";
        /// From now on, a version governs some of the new interactions, on a track of their own.
        CanaryStarted = 4, "canary started";
        /// The canary was rolled back.
        CanaryRolledBack = 5, "canary rolled back";
        /// The canary is over.
        CanaryEnded = 6, "canary ended";
        /// An authority cannot be asked.
        Silent = 7, "cannot be asked";
        /// An authority can be asked again.
        Reachable = 8, "can be asked again";
        /// An authority delegated to another one.
        Delegated = 9, "delegated";
        /// An authority took back its delegation.
        Revoked = 10, "revoked";
        /// Another vocabulary is known, in which an authority has delegated.
        Adopted = 11, "vocabulary adopted";
    }
}

/// A change. Fields that do not apply are all ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub what: Change,
    /// The authority that it is about.
    pub authority: u8,
    /// The authority that a delegation goes to.
    pub to: u8,
    pub version: u32,
    pub track: u32,
}

impl Blank for Entry {
    const BLANK: Self = Self { what: Change::Published, authority: 0, to: 0, version: 0, track: 0 };
}

impl Entry {
    const fn new(what: Change) -> Self {
        Self { what, authority: u8::MAX, to: u8::MAX, version: u32::MAX, track: 0 }
    }

    /// Something about a version, on a track.
    pub const fn of_version(what: Change, version: Option<u32>, track: u32) -> Self {
        let version = match version {
            Some(version) => version,
            None => u32::MAX,
        };
        Self { version, track, ..Self::new(what) }
    }

    /// Something that an authority did, or that was done to it.
    pub const fn by(what: Change, authority: Authority) -> Self {
        Self { authority: authority.0, ..Self::new(what) }
    }
}

/// The count of all changes, and the last ones one by one.
#[derive(Clone)]
pub struct Changes {
    pub count: u32,
    /// For each authority, the number of the last change of its speaker.
    pub of: [u32; AUTHORITIES],
    /// The change with the number `n` stands at `n` modulo their number.
    pub latest: [Entry; KEPT],
}

impl Default for Changes {
    fn default() -> Self {
        Self::new()
    }
}

impl Changes {
    pub const fn new() -> Self {
        Self { count: 0, of: [0; AUTHORITIES], latest: [Entry::BLANK; KEPT] }
    }

    fn place(number: u32) -> usize {
        usize::try_from(number).unwrap_or(usize::MAX) % KEPT
    }

    /// One change more.
    pub fn add(&mut self, entry: Entry) {
        self.count = self.count.saturating_add(1);
        if let Some(place) = self.latest.get_mut(Self::place(self.count)) {
            *place = entry;
        }
    }

    /// Adds a change of the speaker of these authorities.
    pub fn of_speaker(&mut self, whose: Set<Authority>, entry: Entry) {
        self.add(entry);
        for authority in whose.iter() {
            if let Some(place) = self.of.get_mut(usize::from(authority.0)) {
                *place = self.count;
            }
        }
    }

    /// The number of the oldest change that is kept.
    pub fn first(&self) -> u32 {
        let kept = u32::try_from(KEPT).unwrap_or(u32::MAX);
        self.count.saturating_sub(kept).saturating_add(1)
    }

    /// A change by its number, if it is kept.
    pub fn get(&self, number: u32) -> Option<&Entry> {
        let known = (self.first()..=self.count).contains(&number);
        self.latest.get(Self::place(number)).filter(|_| known)
    }

    /// Whether the speakers of these authorities are the same since then.
    pub fn same_since(&self, count: u32, authorities: Set<Authority>) -> bool {
        let since = |authority: Authority| self.of.get(usize::from(authority.0)).is_some_and(|at| *at > count);
        // When the numbers are used up, nothing counts as the same.
        (self.count == count || !authorities.iter().any(since)) && self.count < u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_changes_are_known_and_no_others() {
        let mut changes = Changes::new();
        assert_eq!((changes.get(0), changes.get(1)), (None, None));
        for number in 1..=40 {
            changes.add(Entry::of_version(Change::Published, Some(number), 0));
        }
        assert!((0..=50).all(|number| changes.get(number).is_some() == (33..=40).contains(&number)));
        assert!((33..=40).all(|number| changes.get(number).is_some_and(|entry| entry.version == number)));
    }

    #[test]
    fn without_numbers_left_no_permit_holds_on() {
        let mut changes = Changes { count: u32::MAX - 1, ..Changes::new() };
        assert!(changes.same_since(u32::MAX - 1, Set::EMPTY));
        let one = Set::one(Authority(0));
        changes.of_speaker(one, Entry::by(Change::Silent, Authority(0)));
        assert!(!changes.same_since(u32::MAX, one) && !changes.same_since(u32::MAX - 1, one));
    }
}
