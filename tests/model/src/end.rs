//! One end of the session: the library's, or one made of raw frames, and what its application has seen.

use std::net::SocketAddr;

use iacp_core::identity::Identity;
use iacp_core::pss::{ContentKind, Discard, Received, Session, continuity};
use iacp_core::time::Mono;

use crate::frame::Frame;
use crate::plan::Side;
use crate::provider::{Fast, Mix};
use crate::raw::{Raw, Taken};

/// Where Bob is.
pub const BOB: u8 = 100;
/// Where the attacker is.
pub const ATTACKER: u8 = 200;

/// The sessions under test: small, so that a replay is cheap.
pub type S = Session<Fast, 1024, 4>;

/// The party at this end.
pub enum Party {
    /// The library's session.
    Real(Box<S>),
    /// A peer made of raw frames.
    Raw(Box<Raw>),
}

/// One end.
pub struct End {
    /// Which one.
    pub side: Side,
    /// The place that it sends from, and receives at.
    pub at: u8,
    /// The party at this end.
    pub party: Party,
    /// Its key pair.
    pub identity: Identity<Fast>,
    /// It lives.
    pub lives: bool,
    /// Its first sequence number.
    pub first: u64,
    /// The first four bytes of its nonces in generation 0.
    pub iv: u32,
    /// Data frames of its peer that its application was given, counted from the peer's first one.
    pub given: u32,
    /// One more than the number of the newest heartbeat that was taken.
    pub heard: u64,
    /// The sending generation when its application asked for another one, until there is one.
    pub asked: Option<u32>,
    /// The sending generation after the last step.
    pub generation: u32,
    /// Every nonce that it used, and what was sealed with it.
    pub nonces: Vec<([u8; 12], u64)>,
    /// When it fell, if it is DISCONNECTED, and whether its peer was dead by then.
    pub fell: Option<(Mono, bool)>,
    /// All inputs of its session with their times: its state is a function of them.
    pub told: Mix,
    /// A heartbeat was taken that echoes one of its own.
    pub echoed: bool,
    /// Everything below this was consumed, if the session acknowledges what was consumed.
    pub consumed: u64,
    /// Where the newest frame came from: for mutants.
    pub newest_from: u8,
}

/// The address of a place.
#[must_use]
pub fn address(place: u8) -> SocketAddr {
    ([192, 0, 2, place], 4227).into()
}

/// The place of an address.
#[must_use]
pub fn place(address: SocketAddr) -> u8 {
    match address {
        SocketAddr::V4(address) => address.ip().octets()[3],
        SocketAddr::V6(_) => u8::MAX,
    }
}

/// The content of the data frame with this number, counted from its side's first one.
#[must_use]
pub fn content(side: Side, number: u64) -> [u8; 8] {
    (number + if side == Side::Alice { 1_000 } else { 2_000 }).to_be_bytes()
}

impl End {
    /// Sequence numbers that are sealed and not acknowledged.
    #[must_use]
    pub fn unacknowledged(&self) -> (u64, u64) {
        match &self.party {
            Party::Real(session) => session.unacknowledged(),
            Party::Raw(raw) => raw.unacknowledged(),
        }
    }

    /// The lowest sequence number that has not come.
    #[must_use]
    pub fn expected(&self) -> u64 {
        match &self.party {
            Party::Real(session) => session.expected(),
            Party::Raw(raw) => raw.expected(),
        }
    }

    /// The sending generation, and the newest one that was opened.
    #[must_use]
    pub fn generations(&self) -> (u32, u32) {
        match &self.party {
            Party::Real(session) => session.key_generations(),
            Party::Raw(raw) => raw.generations(),
        }
    }

    /// The next deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Mono> {
        match &self.party {
            Party::Real(session) if self.lives => session.next_deadline().map(|(at, _)| at),
            Party::Real(_) | Party::Raw(_) => None,
        }
    }

    /// The peer's home.
    #[must_use]
    pub fn home(&self) -> Option<u8> {
        match &self.party {
            Party::Real(session) => Some(place(session.locator())),
            Party::Raw(_) => None,
        }
    }

    /// The session is open and not DISCONNECTED.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match &self.party {
            Party::Real(session) => {
                matches!(session.continuity(), Some(state) if state != continuity::State::Disconnected)
            }
            Party::Raw(_) => true,
        }
    }

    /// The session is open, and data flows.
    #[must_use]
    pub fn flows(&self) -> bool {
        match &self.party {
            Party::Real(session) => session.is_ready(),
            Party::Raw(_) => true,
        }
    }

    /// The session is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match &self.party {
            Party::Real(session) => session.closure().is_some(),
            Party::Raw(_) => false,
        }
    }

    /// The application sends its next frame; `false` if that is not possible now. A raw peer's frame is returned.
    pub fn send(&mut self, now: Mono) -> (bool, Option<Vec<u8>>) {
        let content = content(self.side, self.unacknowledged().1 - self.first);
        match &mut self.party {
            Party::Real(session) => (session.send(now, ContentKind::Anml, &content).is_ok(), None),
            Party::Raw(raw) => (true, Some(raw.data(&content))),
        }
    }

    /// A datagram arrives; returns what became of it.
    pub fn take(&mut self, now: Mono, from: u8, bytes: &[u8]) -> Result<Taken, Discard> {
        match &mut self.party {
            Party::Raw(raw) => match raw.take(bytes) {
                Taken::Refused => Err(Discard::Nonce),
                Taken::Old => Err(Discard::Duplicate),
                taken => Ok(taken),
            },
            Party::Real(session) => {
                let mut datagram = bytes.to_vec();
                match session.handle(now, &self.identity, address(from), &mut datagram) {
                    Received::Data { sequence, content, .. } => {
                        // What the application is given is the plaintext that was sealed.
                        let same = Frame::read(bytes).is_some_and(|frame| frame.content() == content);
                        Ok(if same { Taken::Data(sequence) } else { Taken::Refused })
                    }
                    Received::Taken => Ok(Taken::Heartbeat),
                    Received::Discarded(discard) => Err(discard),
                }
            }
        }
    }

    /// Records an input of the session, now.
    pub fn tell(&mut self, now: Mono, input: u64, bytes: &[u8]) {
        self.told.word(now.0 << 16 | input);
        self.told.bytes(bytes);
    }
}
