//! The escrow of one accusation on one node (`IACP §4.2.7.2`, `IACP §5.5.2`): when it opens, what clears, how the node votes.
//!
//! A proof never slashes at once. The window is 120 epochs of 30 s, by the node's Unix time **and** by its monotonic clock: a
//! clock that jumps convicts no key early. Two more epochs let a defence through that another node has taken. Then the node
//! votes, once, after it has written its vote down.

use iacp_wire::{Digest, Eid};

use super::escrow::{Event, State};
use super::malfeasance::Accusation;
use crate::time::{Mono, UnixTime};

/// Milliseconds of an epoch.
pub const EPOCH: u64 = 30_000;
/// How many epochs the window has: an hour.
pub const WINDOW: u64 = 120;
/// How many epochs later a rebuttal is still accepted from another responsible node.
pub const GRACE: u64 = 2;
/// How many epochs after its begin an accusation without a verdict lapses.
pub const LAPSE: u64 = 160;

/// The epoch of a moment.
#[must_use]
pub const fn epoch(at: UnixTime) -> u64 {
    at.0 / EPOCH
}

/// Both clocks of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    /// The clock that never goes back.
    pub mono: Mono,
    /// The clock that hosts compare with each other.
    pub unix: UnixTime,
}

/// How a node, or the quorum, ends an escrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The key is slashed, for good.
    Guilty = 1,
    /// The accusation is spent, for good.
    Cleared = 2,
}

words! {
    Outcome {
        Self::Guilty => "guilty",
        Self::Cleared => "cleared",
    }
}

impl Outcome {
    /// The outcome of a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Guilty),
            2 => Some(Self::Cleared),
            _ => None,
        }
    }
}

/// From where a rebuttal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum From {
    /// From the accused.
    Accused,
    /// From another node that is responsible for the key, which took it in time.
    Node,
}

words! {
    From {
        Self::Accused => "from the accused",
        Self::Node => "from another node",
    }
}

/// A rebuttal that clears nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rejected {
    /// The window is over.
    Late,
    /// This node stored no revocation before the escrow opened that fits the pair.
    NoRevocation,
    /// There is a vote already, or a verdict.
    Over,
}

words! {
    Rejected {
        Self::Late => "the time for a defence is over",
        Self::NoRevocation => "no fitting revocation was stored before the trial",
        Self::Over => "there is a vote or a verdict already",
    }
}

/// What the escrow wants of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Due {
    /// Write this vote to stable storage, then call [`Escrow::persisted`].
    Persist(Outcome),
    /// It lapsed: the stake is released, and no key is convicted.
    Lapsed,
}

impl core::fmt::Display for Due {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Persist(outcome) => write!(f, "the vote is to be stored: {outcome}"),
            Self::Lapsed => f.pad("the accusation has lapsed"),
        }
    }
}

/// One open accusation.
///
/// ```
/// use iacp_core::governance::window::{Clock, Due, Escrow, From, Outcome, Rejected};
/// use iacp_core::time::{Mono, UnixTime};
/// # use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
/// # use iacp_core::governance::malfeasance::{accuse, verify};
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
/// # use iacp_wire::{Locator, Signature};
/// # let accuser = Identity::<ChaChaOnly>::from_seed(&Secret32::new([2; 32]));
/// # let offender = ChaChaOnly::signing_key(&Secret32::new([1; 32]));
/// # let eid = iacp_wire::Eid(ChaChaOnly::public_key(&offender));
/// # let fragment = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     let bound = [&eid.0[..], &ip.0, &7_u64.to_be_bytes()].concat();
/// #     let signature = Signature(ChaChaOnly::sign(&offender, &bound));
/// #     HeaderFragment { ip, generation_counter: 7.into(), signature }
/// # };
/// # let (ticket, evidence) = accuse(&accuser, eid, fragment(1), fragment(2), 0);
/// # let accusation = verify::<ChaChaOnly>(&MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) })?;
/// let at = |ms| Clock { mono: Mono(ms), unix: UnixTime(1_790_000_010_000 + ms) };
/// let mut escrow = Escrow::open(at(0), &accusation, None);
/// assert_eq!(escrow.rebut(at(60_000), From::Accused), Err(Rejected::NoRevocation));
/// assert_eq!(escrow.tick(at(3_659_999)), None);
/// assert_eq!(escrow.tick(at(3_690_000)), Some(Due::Persist(Outcome::Guilty)));
/// # Ok::<(), iacp_core::governance::malfeasance::Unproven>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Escrow {
    state: State,
    id: Digest,
    offender: Eid,
    opened: u64,
    since: Mono,
    /// What had gone of the window before a restart.
    gone: u64,
    /// A revocation was stored here in an epoch before the escrow opened, and fits the pair.
    defended: bool,
    vote: Vote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    None,
    Writing(Outcome),
    Cast(Outcome),
    /// It may have been cast before a restart: the same is written and signed again.
    Again(Outcome),
    Lapsed,
}

impl Escrow {
    /// Opens when this node accepts the accusation; never at a time that the accuser names. `revocations` are what this node
    /// stored of the offender: the epoch in which it was stored, and its first invalid generation. Whether one of them defends
    /// is settled here.
    // keeps: IACP-101 (§4.2.7.2), IACP-126 (§5.5.2)
    #[must_use]
    pub fn open(now: Clock, accusation: &Accusation, revocations: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let opened = epoch(now.unix);
        let fits = |(stored, first_invalid): (u64, u64)| stored < opened && accusation.is_cleared_by(first_invalid);
        Self {
            state: State::Nominal.step(Event::PomPublished).unwrap_or(State::Challenged),
            id: accusation.id(),
            offender: accusation.offender(),
            opened,
            since: now.mono,
            gone: 0,
            defended: revocations.into_iter().any(fits),
            vote: Vote::None,
        }
    }

    /// Goes on after a restart, with what [`Self::gone`] was when it was last saved.
    #[must_use]
    pub const fn resumed(mut self, now: Mono, gone: u64) -> Self {
        (self.since, self.gone) = (now, gone);
        self
    }

    /// Whether a revocation that stood before it opened clears it.
    #[must_use]
    pub const fn is_defended(&self) -> bool {
        self.defended
    }

    /// The bytes from which it goes on after a restart: defended 1 · vote 1 · reserved 6 · epoch of the opening 8 · milliseconds gone 8 ·
    /// id 32 · offender 32.
    #[must_use]
    pub fn save(&self, now: Mono) -> [u8; Self::SAVED] {
        let vote = match self.vote {
            Vote::Writing(outcome) | Vote::Cast(outcome) | Vote::Again(outcome) => outcome as u8,
            Vote::None | Vote::Lapsed => 0,
        };
        let mut bytes = [0; Self::SAVED];
        let fields = [u8::from(self.defended), vote, 0, 0, 0, 0, 0, 0]
            .into_iter()
            .chain(self.opened.to_be_bytes())
            .chain(self.gone(now).to_be_bytes())
            .chain(self.id.0)
            .chain(self.offender.0);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Goes on after a restart. A vote that may have been cast is due again, as it was: the same outcome twice convicts no node, and
    /// another one would. None if the bytes are no escrow.
    #[must_use]
    pub fn restore(now: Mono, bytes: &[u8; Self::SAVED]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<8>()?;
        let (opened, rest) = rest.split_first_chunk::<8>()?;
        let (gone, rest) = rest.split_first_chunk::<8>()?;
        let (id, rest) = rest.split_first_chunk::<32>()?;
        let [defended @ (0 | 1), vote, 0, 0, 0, 0, 0, 0] = *head else { return None };
        let vote = match vote {
            0 => Vote::None,
            outcome => Vote::Again(Outcome::from_code(outcome)?),
        };
        Some(Self {
            state: State::Challenged,
            id: Digest(*id),
            offender: Eid(*rest.first_chunk()?),
            opened: u64::from_be_bytes(*opened),
            since: now,
            gone: u64::from_be_bytes(*gone),
            defended: defended == 1,
            vote,
        })
    }

    /// Length of a saved escrow, in bytes.
    pub const SAVED: usize = 88;

    /// This node has voted on the accusation before: that stays its vote, and is written and signed again. False if there is a vote
    /// already.
    pub fn has_voted(&mut self, outcome: Outcome) -> bool {
        let is_first = self.vote == Vote::None;
        if is_first {
            self.vote = Vote::Writing(outcome);
        }
        is_first
    }

    /// Milliseconds of the monotonic clock since it opened.
    #[must_use]
    pub const fn gone(&self, now: Mono) -> u64 {
        self.gone.saturating_add(now.since(self.since))
    }

    /// The state of the draft's picture.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The accusation.
    #[must_use]
    pub const fn id(&self) -> Digest {
        self.id
    }

    /// The accused key.
    #[must_use]
    pub const fn offender(&self) -> Eid {
        self.offender
    }

    /// The epoch in which it opened.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// Whether this many epochs are over, by both clocks.
    fn is_over(&self, now: Clock, epochs: u64) -> bool {
        epoch(now.unix) >= self.opened.saturating_add(epochs) && self.gone(now.mono) >= epochs.saturating_mul(EPOCH)
    }

    /// A rebuttal whose signature holds. It clears if this node itself stored the revocation before the escrow opened.
    ///
    /// # Errors
    /// It came too late, or no such revocation was stored here; then nothing changes.
    // keeps: IACP-103 (§4.2.7.2)
    pub fn rebut(&mut self, now: Clock, from: From) -> Result<Due, Rejected> {
        if self.vote != Vote::None || self.state != State::Challenged {
            return Err(Rejected::Over);
        }
        let open = match from {
            From::Accused => WINDOW,
            From::Node => WINDOW + GRACE,
        };
        if self.is_over(now, open) {
            return Err(Rejected::Late);
        }
        if !self.defended {
            return Err(Rejected::NoRevocation);
        }
        self.vote = Vote::Writing(Outcome::Cleared);
        Ok(Due::Persist(Outcome::Cleared))
    }

    /// What is due now. Without a verdict the accusation lapses: silence of the quorum convicts no key.
    pub fn tick(&mut self, now: Clock) -> Option<Due> {
        if self.state != State::Challenged || self.vote == Vote::Lapsed {
            return None;
        }
        if self.is_over(now, LAPSE) {
            self.vote = Vote::Lapsed;
            return Some(Due::Lapsed);
        }
        if let Vote::Again(outcome) = self.vote {
            self.vote = Vote::Writing(outcome);
            return Some(Due::Persist(outcome));
        }
        if self.vote != Vote::None || !self.is_over(now, WINDOW + GRACE) {
            return None;
        }
        // An owner who is offline is not convicted: the revocation counts without a rebuttal.
        let outcome = if self.defended { Outcome::Cleared } else { Outcome::Guilty };
        self.vote = Vote::Writing(outcome);
        Some(Due::Persist(outcome))
    }

    /// The vote is on stable storage: it may be signed now, by a node that is among the responsible ones. Given once.
    pub const fn persisted(&mut self) -> Option<Outcome> {
        match self.vote {
            Vote::Writing(outcome) => {
                self.vote = Vote::Cast(outcome);
                Some(outcome)
            }
            Vote::None | Vote::Cast(_) | Vote::Again(_) | Vote::Lapsed => None,
        }
    }

    /// The vote could not be told to be written down: it is due again.
    pub const fn again(&mut self) {
        if let Vote::Writing(outcome) = self.vote {
            self.vote = Vote::Again(outcome);
        }
    }

    /// The quorum's verdict, which ends the escrow whatever this node voted.
    pub fn verdict(&mut self, outcome: Outcome) -> State {
        let event = match outcome {
            Outcome::Guilty => Event::EscrowEpochExpires,
            Outcome::Cleared => Event::VerifiedRebuttal,
        };
        self.state = self.state.step(event).unwrap_or(self.state);
        self.state
    }
}

/// The votes on one accusation, of the nodes that are responsible where it is tried.
///
/// Each node counts once, by its first vote. k votes make a verdict; as `n + f < 2k`, no two quorums convict and clear,
/// even if liars vote both ways.
///
/// ```
/// use iacp_core::governance::window::{Ballot, Counted, Outcome};
/// # use iacp_wire::Eid;
///
/// let nodes = [1, 2, 3, 4, 5, 6, 7].map(|byte| Eid([byte; 32]));
/// let mut ballot = Ballot::new(&nodes).ok_or("seven different nodes")?;
/// for node in &nodes[..4] {
///     assert_eq!(ballot.vote(node, Outcome::Guilty), Counted::Counted);
/// }
/// assert_eq!(ballot.vote(&nodes[0], Outcome::Cleared), Counted::DoubleVote, "its first vote counts");
/// assert_eq!(ballot.vote(&Eid([9; 32]), Outcome::Guilty), Counted::Stranger);
/// assert_eq!(ballot.vote(&nodes[4], Outcome::Guilty), Counted::Verdict(Outcome::Guilty), "five of seven");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    nodes: [Eid; VOTERS],
    count: usize,
    guilty: u8,
    cleared: u8,
}

/// How many nodes vote.
pub const VOTERS: usize = 7;

/// What a vote did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Counted {
    /// It counts.
    Counted,
    /// With it there is a verdict.
    Verdict(Outcome),
    /// This node had voted so.
    Known,
    /// This node had voted otherwise: the two votes prove it. The first one counts.
    DoubleVote,
    /// This node does not vote here.
    Stranger,
}

impl core::fmt::Display for Counted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Counted => f.pad("counted"),
            Self::Verdict(outcome) => write!(f, "counted, and the verdict is {outcome}"),
            Self::Known => f.pad("counted before"),
            Self::DoubleVote => f.pad("a second vote of its node, which says something else"),
            Self::Stranger => f.pad("the node does not vote here"),
        }
    }
}

impl Ballot {
    /// The ballot of 1 to 7 different nodes.
    #[must_use]
    pub fn new(nodes: &[Eid]) -> Option<Self> {
        let distinct = nodes.iter().enumerate().all(|(at, node)| !nodes.iter().skip(at + 1).any(|other| other == node));
        if !distinct || nodes.is_empty() || nodes.len() > VOTERS {
            return None;
        }
        let mut all = [Eid::ZERO; VOTERS];
        all.iter_mut().zip(nodes).for_each(|(to, from)| *to = *from);
        Some(Self { nodes: all, count: nodes.len(), guilty: 0, cleared: 0 })
    }

    /// The nodes that vote.
    #[must_use]
    pub fn voters(&self) -> &[Eid] {
        self.nodes.get(..self.count).unwrap_or_default()
    }

    /// Counts a vote whose signature holds.
    // keeps: IACP-068 (§4.2.1.3)
    pub fn vote(&mut self, voter: &Eid, outcome: Outcome) -> Counted {
        let Some(place) = self.nodes.iter().take(self.count).position(|node| node == voter) else {
            return Counted::Stranger;
        };
        let bit = 1 << place;
        let (same, other) = match outcome {
            Outcome::Guilty => (&mut self.guilty, self.cleared),
            Outcome::Cleared => (&mut self.cleared, self.guilty),
        };
        if *same & bit != 0 {
            return Counted::Known;
        }
        if other & bit != 0 {
            return Counted::DoubleVote;
        }
        *same |= bit;
        let votes = usize::try_from(same.count_ones()).unwrap_or(0);
        let needed = self.count.saturating_sub(self.count.saturating_sub(1) / 3);
        if votes == needed { Counted::Verdict(outcome) } else { Counted::Counted }
    }
}
