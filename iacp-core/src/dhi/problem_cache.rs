//! The problem cache (`IACP §4.1.2.3`): a URI that failed is not requested for at least 300 s, then probed once.
//!
//! It is a fixed table in the caller's memory. An ingestion reserves its places before it begins, so that its failure
//! can be recorded; one authority has an eighth of the table at most.

use super::uri::Uri;
use crate::time::Mono;

/// The least life of a fault, in milliseconds.
pub const LIFE_MIN: u64 = 300_000;
/// The longest life of a fault, reached by doubling after each failed probe, in milliseconds.
pub const LIFE_MAX: u64 = 3_600_000;
/// A place that an ingestion has reserved is free again after this, whatever its outcome: T_eval and a second.
const HELD: u64 = 16_000;

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Fault {
    /// A URI did not answer, or answered that it does not exist.
    Problem,
    /// A well-known URI does not exist: it is skipped.
    Absent,
    /// No connection to an authority, recorded at its well-known URI: all its URIs are short-circuited.
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Free,
    /// An ingestion may need it.
    Reserved,
    Fault(Fault),
}

/// One place of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    key: [u8; 32],
    /// The authority to which the place is counted.
    by: [u8; 8],
    kind: Kind,
    until: Mono,
    life: u64,
    /// A probe holds the entry until then.
    probe: Option<Mono>,
}

impl Entry {
    /// A free place.
    pub const FREE: Self = Self { key: [0; 32], by: [0; 8], kind: Kind::Free, until: Mono(0), life: 0, probe: None };

    /// Whether the place may be given to another URI.
    fn gives_way(&self, now: Mono) -> bool {
        self.kind == Kind::Free || (now >= self.until && self.probe.is_none_or(|end| now >= end))
    }
}

/// How a URI stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// No fault is known.
    Open,
    /// The life of the fault is over, and the current caller has the probe.
    Probe,
    /// It failed, and may be requested again in this many milliseconds.
    Blocked(Fault, u64),
}

/// Whether an ingestion may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// It may begin; `skip` if the well-known URI is skipped.
    Go { skip: bool },
    /// Not for this many milliseconds.
    Not(u64),
}

/// Short-circuits for URIs that failed.
///
/// ```
/// use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
///
/// let mut entries = [Entry::FREE; 256];
/// let cache = ProblemCache::new(&mut entries);
/// assert_eq!(cache.capacity(), 256);
/// ```
pub struct ProblemCache<'m> {
    entries: &'m mut [Entry],
    share: usize,
}

/// The authority of a URI, for counting.
pub(super) fn authority(uri: &Uri) -> [u8; 8] {
    uri.origin_digest().first_chunk().copied().unwrap_or_default()
}

impl<'m> ProblemCache<'m> {
    /// A cache in the caller's memory. Entries of an earlier one are kept. An ingestion needs two places, and one authority
    /// may have an eighth of them, but two at least.
    pub fn new(entries: &'m mut [Entry]) -> Self {
        let share = (entries.len() / 8).max(2);
        Self { entries, share }
    }

    /// How many faults it can record.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// How many places are taken now, by live faults and by ingestions under way.
    #[must_use]
    pub fn taken(&self, now: Mono) -> usize {
        self.entries.iter().filter(|entry| !entry.gives_way(now)).count()
    }

    fn find(&mut self, key: &[u8; 32]) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.kind != Kind::Free && entry.key == *key)
    }

    /// The standing of a URI, without taking its probe.
    fn peek(&mut self, now: Mono, key: &[u8; 32]) -> Standing {
        let Some(Entry { kind: Kind::Fault(fault), until, probe, .. }) = self.find(key) else { return Standing::Open };
        match probe {
            _ if now < *until => Standing::Blocked(*fault, until.since(now)),
            Some(end) if now < *end => Standing::Blocked(*fault, end.since(now)),
            _ => Standing::Probe,
        }
    }

    /// The standing of a URI. If the life of its fault is over, the caller gets the one probe.
    // keeps: IACP-040 (§4.1.2.3)
    pub(super) fn ask(&mut self, now: Mono, key: &[u8; 32]) -> Standing {
        let standing = self.peek(now, key);
        if standing == Standing::Probe
            && let Some(entry) = self.find(key)
        {
            entry.probe = Some(now.after(HELD));
        }
        standing
    }

    /// Whether a URI is short-circuited. No probe is taken.
    pub(super) fn is_blocked(&mut self, now: Mono, key: &[u8; 32]) -> bool {
        matches!(self.peek(now, key), Standing::Blocked(..))
    }

    /// Begins an ingestion, if no fault blocks it and there are places for its faults.
    // keeps: IACP-040 (§4.1.2.3)
    pub(super) fn begin(&mut self, now: Mono, by: [u8; 8], target: &[u8; 32], well_known: &[u8; 32]) -> Begin {
        if let Standing::Blocked(_, wait) = self.peek(now, target) {
            return Begin::Not(wait);
        }
        let skip = match self.peek(now, well_known) {
            Standing::Blocked(Fault::Absent, _) => true,
            Standing::Blocked(_, wait) => return Begin::Not(wait),
            Standing::Open | Standing::Probe => false,
        };
        let missing = [target, well_known].into_iter().filter(|key| self.find(key).is_none()).count();
        if !self.has_room(now, &by, missing) {
            return Begin::Not(self.wait(now, &by));
        }
        for key in [target, well_known] {
            self.ask(now, key);
            self.reserve(now, by, key);
        }
        Begin::Go { skip }
    }

    fn has_room(&self, now: Mono, by: &[u8; 8], places: usize) -> bool {
        let free = self.entries.iter().filter(|entry| entry.gives_way(now)).count();
        let taken = self.entries.iter().filter(|entry| entry.by == *by && !entry.gives_way(now)).count();
        free >= places && taken.saturating_add(places) <= self.share
    }

    /// The time until a place for this authority is free: the soonest end of any entry if the table is full, otherwise
    /// of its own entries.
    fn wait(&self, now: Mono, by: &[u8; 8]) -> u64 {
        let full = self.entries.iter().all(|entry| !entry.gives_way(now));
        let ends = self.entries.iter().filter(|entry| (full || entry.by == *by) && !entry.gives_way(now));
        ends.map(|entry| entry.until.max(entry.probe.unwrap_or_default()).since(now)).min().unwrap_or(LIFE_MIN)
    }

    fn reserve(&mut self, now: Mono, by: [u8; 8], key: &[u8; 32]) {
        if self.find(key).is_some() {
            return;
        }
        // Free places first: a fault whose life is over still needs its probe.
        let free = self.entries.iter().position(|entry| entry.kind == Kind::Free);
        let place = free.or_else(|| self.entries.iter().position(|entry| entry.gives_way(now)));
        if let Some(entry) = place.and_then(|at| self.entries.get_mut(at)) {
            *entry = Entry { key: *key, by, kind: Kind::Reserved, until: now.after(HELD), life: 0, probe: None };
        }
    }

    /// Records a fault, if it has a place or `by` may have one more. A failed probe doubles the life.
    // keeps: IACP-031 (§4.1.2.1), IACP-040 (§4.1.2.3)
    pub(super) fn fail(&mut self, now: Mono, by: [u8; 8], key: &[u8; 32], fault: Fault) -> bool {
        if self.find(key).is_none() && self.has_room(now, &by, 1) {
            self.reserve(now, by, key);
        }
        let Some(entry) = self.find(key) else { return false };
        let is_probe = entry.probe.take().is_some();
        let is_live = matches!(entry.kind, Kind::Fault(_)) && now < entry.until;
        entry.kind = match entry.kind {
            // The worse fault stays: an authority that is down is more than a missing well-known URI.
            Kind::Fault(Fault::Down) if is_live => Kind::Fault(Fault::Down),
            _ => Kind::Fault(fault),
        };
        if !is_live {
            entry.life = if is_probe { entry.life.saturating_mul(2).clamp(LIFE_MIN, LIFE_MAX) } else { LIFE_MIN };
            entry.until = now.after(entry.life);
        }
        true
    }

    /// The URI answered: its fault is removed.
    pub(super) fn clear(&mut self, now: Mono, key: &[u8; 32]) {
        if let Some(entry) = self.find(key)
            && (entry.probe.is_some() || now >= entry.until || entry.kind == Kind::Reserved)
        {
            *entry = Entry::FREE;
        }
    }

    /// An ingestion ended without a result for this URI: its place and its probe are given back.
    pub(super) fn release(&mut self, key: &[u8; 32]) {
        if let Some(entry) = self.find(key) {
            entry.probe = None;
            if entry.kind == Kind::Reserved {
                *entry = Entry::FREE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: [u8; 32] = [1; 32];
    const KNOWN: [u8; 32] = [2; 32];
    const BY: [u8; 8] = [9; 8];
    const GO: Begin = Begin::Go { skip: false };

    fn numbered(number: u8) -> [u8; 32] {
        let mut key = [0xaa; 32];
        key[0] = number;
        key
    }

    #[test]
    fn a_fault_lasts_300_seconds_then_one_request_owns_the_probe() {
        // shows: IACP-031 (§4.1.2.1), IACP-040 (§4.1.2.3)
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        assert_eq!(cache.begin(Mono(0), BY, &TARGET, &KNOWN), GO);
        assert!(cache.fail(Mono(10), BY, &TARGET, Fault::Problem));
        cache.release(&KNOWN);
        let end = 10 + LIFE_MIN;
        assert_eq!(cache.begin(Mono(end - 1), BY, &TARGET, &KNOWN), Begin::Not(1));
        assert_eq!(cache.begin(Mono(end), BY, &TARGET, &KNOWN), GO, "the probe");
        assert_eq!(cache.begin(Mono(end), BY, &TARGET, &KNOWN), Begin::Not(HELD), "and only one");
        assert!(cache.fail(Mono(end + 5), BY, &TARGET, Fault::Problem));
        assert_eq!(cache.begin(Mono(end + 5), BY, &TARGET, &KNOWN), Begin::Not(2 * LIFE_MIN), "doubled");
    }

    #[test]
    fn the_life_doubles_to_an_hour_and_success_forgets_it() {
        // shows: IACP-040 (§4.1.2.3)
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        let mut now = Mono(0);
        for life in [300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 3_600_000] {
            assert_eq!(cache.begin(now, BY, &TARGET, &KNOWN), GO);
            assert!(cache.fail(now, BY, &TARGET, Fault::Problem));
            assert_eq!(cache.ask(now, &TARGET), Standing::Blocked(Fault::Problem, life));
            now = now.after(life);
        }
        assert_eq!(cache.begin(now, BY, &TARGET, &KNOWN), GO);
        cache.clear(now, &TARGET);
        assert_eq!(cache.ask(now, &TARGET), Standing::Open);
    }

    #[test]
    fn a_probe_that_never_reports_is_given_to_the_next_one() {
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        cache.fail(Mono(0), BY, &TARGET, Fault::Problem);
        assert_eq!(cache.ask(Mono(LIFE_MIN), &TARGET), Standing::Probe);
        assert_eq!(cache.ask(Mono(LIFE_MIN + HELD - 1), &TARGET), Standing::Blocked(Fault::Problem, 1));
        assert_eq!(cache.ask(Mono(LIFE_MIN + HELD), &TARGET), Standing::Probe);
    }

    #[test]
    fn an_absent_well_known_uri_is_passed_over_and_one_that_is_down_blocks_its_authority() {
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        cache.fail(Mono(0), BY, &KNOWN, Fault::Absent);
        assert_eq!(cache.begin(Mono(1), BY, &TARGET, &KNOWN), Begin::Go { skip: true });
        cache.release(&TARGET);
        cache.fail(Mono(2), BY, &KNOWN, Fault::Down);
        assert_eq!(cache.begin(Mono(2), BY, &TARGET, &KNOWN), Begin::Not(LIFE_MIN - 2));
        cache.fail(Mono(3), BY, &KNOWN, Fault::Absent);
        assert_eq!(cache.ask(Mono(3), &KNOWN), Standing::Blocked(Fault::Down, LIFE_MIN - 3), "the worse one stays");
    }

    /// The attack *Filling the problem cache; denying on the path*.
    #[test]
    fn one_authority_fills_an_eighth_and_a_full_cache_begins_nothing() {
        // shows: IACP-040 (§4.1.2.3)
        let mut entries = [Entry::FREE; 32];
        let mut cache = ProblemCache::new(&mut entries);
        for number in 0..100 {
            let kept = cache.fail(Mono(u64::from(number)), BY, &numbered(number), Fault::Problem);
            assert_eq!(kept, number < 4, "fault {number}");
        }
        assert_eq!(cache.begin(Mono(100), BY, &TARGET, &KNOWN), Begin::Not(LIFE_MIN - 100), "its share is full");
        assert_eq!(cache.begin(Mono(100), [8; 8], &TARGET, &KNOWN), GO, "others have theirs");
        for number in 0..100 {
            cache.fail(Mono(100), [number; 8], &numbered(number + 100), Fault::Problem);
        }
        assert_eq!(cache.taken(Mono(100)), 32);
        assert_eq!(cache.begin(Mono(101), [200; 8], &numbered(250), &numbered(251)), Begin::Not(HELD - 1));
        assert_eq!(
            cache.begin(Mono(LIFE_MIN + 101), [200; 8], &numbered(250), &numbered(251)),
            GO,
            "ended ones give way"
        );
    }

    #[test]
    fn an_ingestion_that_ends_without_a_word_leaves_nothing() {
        let mut entries = [Entry::FREE; 2];
        let mut cache = ProblemCache::new(&mut entries);
        assert_eq!(cache.begin(Mono(0), BY, &TARGET, &KNOWN), GO);
        assert_eq!(
            cache.begin(Mono(0), [8; 8], &numbered(1), &numbered(2)),
            Begin::Not(HELD),
            "no room for its faults"
        );
        cache.release(&TARGET);
        cache.release(&KNOWN);
        assert_eq!(cache.taken(Mono(0)), 0);
        assert_eq!(cache.begin(Mono(0), [8; 8], &numbered(1), &numbered(2)), GO);
        assert_eq!(cache.begin(Mono(HELD), BY, &TARGET, &KNOWN), GO, "one that was dropped holds its places for 16 s");
    }

    #[test]
    fn success_clears_a_fault_only_at_its_end_and_a_released_probe_is_given_again() {
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        assert_eq!((cache.capacity(), cache.taken(Mono(0))), (16, 0));
        assert!(cache.fail(Mono(0), BY, &TARGET, Fault::Problem));
        cache.clear(Mono(LIFE_MIN - 1), &TARGET);
        assert!(cache.is_blocked(Mono(LIFE_MIN - 1), &TARGET), "another document succeeded meanwhile");
        assert_eq!((cache.taken(Mono(LIFE_MIN - 1)), cache.taken(Mono(LIFE_MIN))), (1, 0), "it gives way at its end");
        assert!(!cache.is_blocked(Mono(LIFE_MIN), &TARGET));
        assert_eq!(cache.ask(Mono(LIFE_MIN), &TARGET), Standing::Probe);
        assert_eq!(cache.taken(Mono(LIFE_MIN)), 1, "but not while it is probed");
        assert!(cache.is_blocked(Mono(LIFE_MIN), &TARGET));
        cache.release(&TARGET);
        assert_eq!(cache.ask(Mono(LIFE_MIN), &TARGET), Standing::Probe);
        cache.clear(Mono(LIFE_MIN), &TARGET);
        assert_eq!(cache.ask(Mono(LIFE_MIN), &TARGET), Standing::Open);
        // What was only reserved leaves nothing either.
        assert_eq!(cache.begin(Mono(0), BY, &TARGET, &KNOWN), GO);
        assert_eq!(cache.taken(Mono(0)), 2);
        cache.clear(Mono(0), &TARGET);
        assert_eq!(cache.taken(Mono(0)), 1);
    }

    #[test]
    fn a_fault_without_a_probe_begins_anew_and_a_live_one_keeps_its_end() {
        let mut entries = [Entry::FREE; 16];
        let mut cache = ProblemCache::new(&mut entries);
        for (now, wait) in [(0, LIFE_MIN), (1, LIFE_MIN - 1), (LIFE_MIN, LIFE_MIN)] {
            assert!(cache.fail(Mono(now), BY, &TARGET, Fault::Problem));
            assert_eq!(cache.ask(Mono(now), &TARGET), Standing::Blocked(Fault::Problem, wait), "at {now}");
        }
        // Of one that is over, the worse fault does not stay.
        assert!(cache.fail(Mono(0), BY, &KNOWN, Fault::Down));
        assert!(cache.fail(Mono(LIFE_MIN), BY, &KNOWN, Fault::Absent));
        assert_eq!(cache.ask(Mono(LIFE_MIN), &KNOWN), Standing::Blocked(Fault::Absent, LIFE_MIN));
    }
}
