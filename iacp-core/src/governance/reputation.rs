//! Reputation (`IACP §3.6`): scores in integers, out of what a keeper saw itself, and the three verdicts with hysteresis.
//!
//! A report about others costs nothing and proves nothing, so none is counted. A signature that fails is not a key's: anyone can
//! put an EID on a bad frame. What counts is authentic.

use iacp_wire::Eid;

use super::journal::{Broken, Entry, EntryKind, Evidence, Journal, NO_EVIDENCE};
use super::window;
use crate::slots::IndexKey;
use crate::time::UnixTime;

/// Milliseconds of an epoch: 30 days. The running one counts twice, the one before once, and older ones not at all.
pub const EPOCH: u64 = 2_592_000_000;
/// How many observations a keeper needs before its own score counts.
pub const OWN: u64 = 8;
/// The score of an EID about which nothing is known, in parts per 10,000.
pub const NEWCOMER: u16 = 6_000;
/// Evidence that the keeper verified itself stands against an EID for as long as its trial may last, in milliseconds. What the
/// nodes decide meanwhile is in their records.
pub const ACCUSED: u64 = window::LAPSE * window::EPOCH;
/// A keeper counts one good event of an EID in this time, in milliseconds, so that opening and closing many sessions earns
/// nothing.
pub const GOOD: u64 = 3_600_000;
/// The amount of a [`EntryKind::Change`]: the sum of what the verdict demands from then on.
const DEMANDS: u32 = 1;
const THROTTLES: u32 = 2;
/// How many slots are tried for an account.
const WAYS: usize = 8;

/// What was counted in one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    good: u32,
    bad: u32,
    due: u32,
    met: u32,
}

/// The account of one EID.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    eid: Eid,
    epoch: u64,
    current: Counts,
    previous: Counts,
    /// When evidence against the EID was last verified here.
    accused: Option<u64>,
    /// When something good was last counted.
    good: Option<u64>,
    demands: bool,
    throttles: bool,
}

impl Account {
    const NONE: Counts = Counts { good: 0, bad: 0, due: 0, met: 0 };

    /// A free place.
    pub const FREE: Self = Self {
        eid: Eid::ZERO,
        epoch: 0,
        current: Self::NONE,
        previous: Self::NONE,
        accused: None,
        good: None,
        demands: false,
        throttles: false,
    };

    /// The counts of the running epoch and the one before. A clock that goes back keeps what there is.
    const fn counts(&self, epoch: u64) -> (Counts, Counts) {
        match epoch.saturating_sub(self.epoch) {
            0 => (self.current, self.previous),
            1 => (Self::NONE, self.current),
            _ => (Self::NONE, Self::NONE),
        }
    }

    fn is_over(&self, now: u64) -> bool {
        self.counts(now / EPOCH) == (Self::NONE, Self::NONE) && !self.is_accused(now)
    }

    fn is_accused(&self, now: u64) -> bool {
        self.accused.is_some_and(|since| now.saturating_sub(since) < ACCUSED)
    }

    fn turn(&mut self, epoch: u64) {
        (self.current, self.previous) = self.counts(epoch);
        self.epoch = self.epoch.max(epoch);
    }
}

/// What of a peer is proven, verified by this host or node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Proven {
    /// Nothing.
    Nothing,
    /// An accusation that holds, a GUILTY verdict, or the quarantine of a curator.
    Against,
}

words! {
    Proven {
        Self::Nothing => "nothing is proven",
        Self::Against => "proven against it",
    }
}

/// A score with what it is made of, in parts per 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rating {
    /// R: 45 parts of S, 35 of A, 20 of P.
    pub score: u16,
    /// How many observations it rests on.
    pub observations: u64,
}

impl core::fmt::Display for Rating {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} of 10,000 after {} observations", self.score, self.observations)
    }
}

/// How a peer is treated (`IACP §3.6.2`). The responder's hook asks for it before PSS_NEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Treatment {
    /// Like any other.
    Admit,
    /// First verdict: it works more, by `level(threshold, score)` of the guard.
    DemandWork {
        /// θ.
        threshold: u16,
        /// R.
        score: u16,
    },
    /// Second verdict: a quarter of bandwidth and tokens.
    Throttle,
    /// Third verdict: only by proof, never by a score.
    Drop,
}

impl core::fmt::Display for Treatment {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Admit => f.pad("admitted"),
            Self::DemandWork { threshold, score } => write!(f, "works more: {score} is below {threshold}"),
            Self::Throttle => f.pad("throttled"),
            Self::Drop => f.pad("dropped"),
        }
    }
}

/// S or A: `(10,000 · part + 40,000) / (whole + 8)`.
fn share(part: u64, whole: u64) -> u64 {
    (10_000 * part + 40_000) / (whole + 8)
}

fn weigh(current: u32, previous: u32) -> u64 {
    2 * u64::from(current) + u64::from(previous)
}

/// The accounts of a keeper, over the caller's memory, and its journal.
///
/// A place is free once nothing is counted on it any more, and no sooner: no number of new EIDs pushes an account out. An EID
/// without a place has the score of a newcomer.
///
/// ```
/// use iacp_core::governance::journal::{EntryKind, NO_EVIDENCE};
/// use iacp_core::governance::reputation::{Account, NEWCOMER, Proven, Rating, Reputation, Treatment};
/// use iacp_core::slots::IndexKey;
/// use iacp_core::time::UnixTime;
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_wire::Eid;
///
/// let mut memory = [Account::FREE; 64];
/// let mut reputation = Reputation::new::<ChaChaOnly>(&mut memory, IndexKey::new([7; 16]), Eid([1; 32]));
/// let (peer, now) = (Eid([2; 32]), UnixTime(1_790_000_000_000));
/// assert_eq!(reputation.rating(now, &peer, Proven::Nothing), Rating { score: NEWCOMER, observations: 0 });
/// for _ in 0..4 {
///     reputation.observe::<ChaChaOnly>(now, &peer, EntryKind::Bad, 8, &NO_EVIDENCE); // four false accusations
/// }
/// assert_eq!(reputation.treatment(now, &peer, Proven::Nothing, false).0, Treatment::DemandWork { threshold: 5_000, score: 3_999 });
/// ```
pub struct Reputation<'m> {
    accounts: &'m mut [Account],
    key: IndexKey,
    journal: Journal,
}

impl<'m> Reputation<'m> {
    /// No accounts, under a secret key; `keeper` signs the journal.
    #[must_use]
    pub fn new<P: crate::crypto::Provider>(accounts: &'m mut [Account], key: IndexKey, keeper: Eid) -> Self {
        accounts.fill(Account::FREE);
        Self { accounts, key, journal: Journal::new::<P>(keeper) }
    }

    /// The journal.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    fn set(&self, eid: &Eid) -> core::ops::Range<usize> {
        let sets = u64::try_from(self.accounts.len() / WAYS).unwrap_or(0);
        let set = self.key.hash(&[&eid.0]).checked_rem(sets).and_then(|set| usize::try_from(set).ok());
        set.map_or(0..0, |set| set * WAYS..(set + 1) * WAYS)
    }

    fn account(&self, eid: &Eid) -> Option<&Account> {
        self.accounts.get(self.set(eid))?.iter().find(|account| account.eid == *eid)
    }

    fn account_mut(&mut self, now: u64, eid: &Eid) -> Option<&mut Account> {
        let epoch = now / EPOCH;
        let set = self.set(eid);
        let accounts = self.accounts.get_mut(set)?;
        let place = accounts
            .iter()
            .position(|account| account.eid == *eid)
            .or_else(|| accounts.iter().position(|account| account.is_over(now)))?;
        let account = accounts.get_mut(place)?;
        if account.eid != *eid {
            *account = Account { eid: *eid, epoch, ..Account::FREE };
        }
        account.turn(epoch);
        Some(account)
    }

    /// Counts what was seen, and gives the entry of the journal that the caller stores.
    // keeps: IACP-017 (§3.6.1), IACP-008 (§3.4)
    pub fn observe<P: crate::crypto::Provider>(
        &mut self,
        now: UnixTime,
        eid: &Eid,
        kind: EntryKind,
        amount: u32,
        evidence: &Evidence,
    ) -> Entry {
        let entry = self.journal.append::<P>(now, kind, amount, eid, evidence);
        self.apply(&entry);
        entry
    }

    /// Goes on with a journal after a restart, entry by entry: each is counted, and the chain goes on behind it.
    ///
    /// # Errors
    /// Another entry is due; then nothing changes.
    pub fn resume<P: crate::crypto::Provider>(&mut self, entry: &Entry) -> Result<(), Broken> {
        self.journal.take::<P>(entry)?;
        self.apply(entry);
        Ok(())
    }

    /// Counts an entry of a journal again: the entries give the scores.
    pub fn apply(&mut self, entry: &Entry) {
        let Some(account) = self.account_mut(entry.time, &entry.eid) else { return };
        let counts = &mut account.current;
        let counter = match entry.kind {
            EntryKind::Good => {
                account.good = Some(entry.time);
                &mut counts.good
            }
            EntryKind::Bad => &mut counts.bad,
            EntryKind::Due => &mut counts.due,
            EntryKind::Met => &mut counts.met,
            EntryKind::Accusation => return account.accused = account.accused.max(Some(entry.time)),
            EntryKind::Change => {
                (account.demands, account.throttles) = (entry.amount & DEMANDS != 0, entry.amount & THROTTLES != 0);
                return;
            }
            EntryKind::Verdict => return,
        };
        *counter = counter.saturating_add(entry.amount);
    }

    /// Whether something good of a peer counts by now: [`GOOD`] has passed, also after a restart.
    #[must_use]
    pub fn counts_good(&self, now: UnixTime, eid: &Eid) -> bool {
        let last = self.account(eid).and_then(|account| account.good);
        last.is_none_or(|last| now.0.abs_diff(last) >= GOOD)
    }

    /// The score of a peer. Within an epoch it does not depend on the order of what was seen.
    // keeps: IACP-018 (§3.6.1), IACP-019 (§3.6.1), IACP-016 (§3.6)
    #[must_use]
    pub fn rating(&self, now: UnixTime, eid: &Eid, proven: Proven) -> Rating {
        let (current, previous) =
            self.account(eid).map_or((Account::NONE, Account::NONE), |account| account.counts(now.0 / EPOCH));
        let (good, bad) = (weigh(current.good, previous.good), weigh(current.bad, previous.bad));
        let (due, met) = (weigh(current.due, previous.due), weigh(current.met, previous.met));
        let p = match self.proven(now, eid, proven) {
            Proven::Nothing => 10_000,
            Proven::Against => 0,
        };
        // More met than due is due.
        let score = (45 * share(good, good + bad) + 35 * share(met.min(due), due) + 20 * p) / 100;
        Rating { score: u16::try_from(score).unwrap_or(10_000), observations: good + bad + due }
    }

    /// What is proven of a peer, with what this keeper has verified itself.
    fn proven(&self, now: UnixTime, eid: &Eid, said: Proven) -> Proven {
        let is_accused = self.account(eid).is_some_and(|account| account.is_accused(now.0));
        if is_accused { Proven::Against } else { said }
    }

    /// The entry of a verdict that changed, which the caller stores: with it a restart changes no verdict.
    pub fn changed<P: crate::crypto::Provider>(&mut self, now: UnixTime, eid: &Eid) -> Entry {
        let (demands, throttles) =
            self.account(eid).map_or((false, false), |account| (account.demands, account.throttles));
        let amount = if demands { DEMANDS } else { 0 } | if throttles { THROTTLES } else { 0 };
        self.journal.append::<P>(now, EntryKind::Change, amount, eid, &NO_EVIDENCE)
    }

    /// How a peer is treated, and whether its account changed: [`Self::changed`] is due then. `load` says that D is at least
    /// D_base + 3, or a breaker is open.
    // keeps: IACP-021 (§3.6.2), IACP-024 (§3.6.2)
    pub fn treatment(&mut self, now: UnixTime, eid: &Eid, proven: Proven, load: bool) -> (Treatment, bool) {
        let score = self.rating(now, eid, proven).score;
        let (threshold, back) = if load { (6_500, 7_000) } else { (5_000, 5_500) };
        let before = self.account(eid).map_or((false, false), |account| (account.demands, account.throttles));
        let held = |was: bool, from: u16, back: u16| if was { score < back } else { score < from };
        let after = (held(before.0, threshold, back), held(before.1, 3_500, 4_000));
        // Without an account there is nothing that could change.
        let account = if before == after { None } else { self.account_mut(now.0, eid) };
        let is_kept = account.map(|account| (account.demands, account.throttles) = after).is_some();
        let treatment = match (self.proven(now, eid, proven), after) {
            (Proven::Against, _) => Treatment::Drop,
            (_, (_, true)) => Treatment::Throttle,
            (_, (true, false)) => Treatment::DemandWork { threshold, score },
            (_, (false, false)) => Treatment::Admit,
        };
        (treatment, is_kept)
    }
}

/// The lower median of the scores that the n responsible nodes gave, once k of them answered: f liars among them move it no
/// further than the honest ones' own scores lie. None until then: *not known yet*. No score at all is a newcomer's.
#[must_use]
pub fn median(scores: &mut [u16], answered: usize, needed: usize) -> Option<u16> {
    if answered < needed {
        return None;
    }
    scores.sort_unstable();
    Some(scores.get(scores.len().saturating_sub(1) / 2).copied().unwrap_or(NEWCOMER))
}
