//! What a peer has signed, as far as it may prove something to others (`IACP §6.5.2`).

use iacp_wire::{Digest, Eid};

use crate::erp::binding::Binding;
use crate::governance::equivocation::TURN;
use crate::slots::Reset;

/// The digest of a turn's predecessor, and the turn.
const CLAIM: usize = 32 + TURN;

/// What both sides have signed last in one session whose terms are, or were, negotiated.
pub struct BargainSlot {
    /// The digest of the newest turn of this side.
    pub(super) ours: Digest,
    /// The number of the peer's newest turn, what it answers, and its frame. 0: there is none yet.
    pub(super) turn: u16,
    pub(super) predecessor: Digest,
    pub(super) theirs: [u8; TURN],
}

impl BargainSlot {
    /// No turn.
    pub const EMPTY: Self = Self { ours: Digest::ZERO, turn: 0, predecessor: Digest::ZERO, theirs: [0; TURN] };
}

impl Reset for BargainSlot {
    fn reset(&mut self) {
        *self = Self::EMPTY;
    }
}

/// Two words of one EID that cannot both be honest.
pub(super) enum Pair {
    Bindings(Binding, Binding),
    Turns([u8; CLAIM], [u8; CLAIM]),
}

/// A proof that waits for the host, and the agent that accuses.
pub(super) struct Proof {
    pub(super) offender: Eid,
    pub(super) accuser: Eid,
    pub(super) pair: Pair,
    pub(super) told: bool,
}
