//! What a model contains: the party at each end, what may happen, and how often.

use crate::raw::Rule;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The initiator. It moves, and it is the one whose peer dies.
    Alice,
    /// The responder. It is shown false addresses, and it dies.
    Bob,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}

/// The party at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// The library's session, acknowledging on delivery.
    Session,
    /// The library's session, acknowledging what its application has consumed.
    Holding,
    /// A peer made of raw frames, and the rule that it breaks, if it does.
    Raw(Option<Rule>),
}

/// How a host uses its session. All but [`Self::Honest`] are mutants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Datagrams go where the session sends them, and its events are followed.
    Honest,
    /// Datagrams go to where the newest frame came from: the rule before home and candidates.
    FollowsNewest,
    /// Any frame from elsewhere is answered there, without a bound.
    AnswersEverywhere,
    /// Any newer heartbeat is taken for the peer's return: the rule before the echo.
    BelievesAnyHeartbeat,
}

/// One step of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The application sends one data frame.
    Send(Side),
    /// The application requests a new key. A raw peer renews its key, if its rules allow that.
    Renew(Side),
    /// A raw peer sends a heartbeat.
    Beat(Side),
    /// The application has consumed all that has come.
    Consume(Side),
    /// The application has lost what it had not consumed, and requests it again.
    Rewind(Side),
    /// The datagram in this place of the network arrives.
    Deliver(u8),
    /// The attacker holds a copy of it back: the network does not forget it.
    Keep(u8),
    /// The attacker sends a copy of it from this place.
    Forge(u8, u8),
    /// The attacker forwards to the peer what went to a place where the peer is not.
    Relay(u8),
    /// Time passes up to the next deadline.
    Wait,
    /// This many seconds pass, and nothing arrives.
    Quiet(u16),
    /// Alice goes to the next place.
    Move,
    /// A verified record tells Bob Alice's newest place.
    Claim,
    /// Bob dies.
    Die,
}

/// A model: its bounds are budgets, so the state space is finite.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Alice's seat and Bob's.
    pub seats: [Seat; 2],
    /// The driver of both hosts.
    pub driver: Driver,
    /// Both sides have heard each other: heartbeats were echoed both ways.
    pub confirmed: bool,
    /// Data frames that each side may send.
    pub sends: [u8; 2],
    /// Renewals that each side may ask for.
    pub renewals: [u8; 2],
    /// Times that an application that holds may lose what it has not consumed.
    pub rewinds: u8,
    /// Heartbeats that a raw peer may send.
    pub beats: u8,
    /// Times that [`Action::Wait`] may happen.
    pub waits: u8,
    /// How often one datagram may arrive.
    pub copies: u8,
    /// Heartbeats of each direction that the network remembers.
    pub heartbeats: usize,
    /// Datagrams that the attacker may hold back.
    pub keeps: u8,
    /// Datagrams that the attacker may send from false places.
    pub forgeries: u8,
    /// The attacker carries probes on.
    pub relays: bool,
    /// Times that Alice may move.
    pub moves: u8,
    /// Whether records give Bob her new place.
    pub claims: bool,
    /// Times that [`Action::Quiet`] may happen, and the seconds that may pass.
    pub quiets: (u8, &'static [u16]),
    /// Bob may die.
    pub dies: bool,
    /// A dead peer's session lives this long at most, in milliseconds.
    pub outlives: u64,
}

impl Plan {
    /// Two sessions, and nothing may happen.
    pub const NOTHING: Self = Self {
        seats: [Seat::Session; 2],
        driver: Driver::Honest,
        confirmed: true,
        sends: [0; 2],
        renewals: [0; 2],
        rewinds: 0,
        beats: 0,
        waits: 0,
        copies: 1,
        heartbeats: 1,
        keeps: 0,
        forgeries: 0,
        relays: false,
        moves: 0,
        claims: false,
        quiets: (0, &[]),
        dies: false,
        outlives: 105_000,
    };
}
