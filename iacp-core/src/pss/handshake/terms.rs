//! The capabilities of two sides, and the conditions of their session (`IACP §6.4.4`, `IACP Appendix A.10`).

use iacp_wire::ConditionsBlock;
use iacp_wire::message::Conditions;
use zerocopy::{FromBytes, IntoBytes};

use crate::crypto::{Provider, Suite};

/// Initial sequence numbers stay below this.
pub(crate) const INITIAL_SEQUENCES: u64 = 1 << 32;

/// The capability bits of PSS_INIT, PSS_NEG and PSS_ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Capabilities(u32);

flags! {
    Capabilities or "none" {
        Self::SFC => "contract",
        Self::CHACHA20_POLY1305 => "ChaCha20-Poly1305",
        Self::TERMS_ACCEPTED => "terms accepted",
        Self::ENDPOINTS => "endpoints",
        Self::RESUME => "resume",
        Self::EXCLUSIVE => "exclusive endpoint",
    }
}

impl Capabilities {
    /// No capability.
    pub const NONE: Self = Self(0);
    /// A Session Federation Contract is requested.
    pub const SFC: Self = Self(0x1);
    /// ChaCha20-Poly1305 is offered, for devices without AES hardware.
    pub const CHACHA20_POLY1305: Self = Self(0x2);
    /// In a PSS_ACK only: the terms of the last PSS_NEG are accepted.
    pub const TERMS_ACCEPTED: Self = Self(0x4);
    /// Kinds 1, 2 and 4 are endpoints, their group keys and the rights to them; an LL-Entity serves them.
    pub const ENDPOINTS: Self = Self(0x8);
    /// Items are counted across all sessions of a line, so that each is delivered once even after a loss of memory; an
    /// LL-Entity serves it.
    pub const RESUME: Self = Self(0x10);
    /// The endpoint of the two agents belongs to this session alone. Only with [`Self::ENDPOINTS`].
    pub const EXCLUSIVE: Self = Self(0x20);

    /// The bits of a frame.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits for a frame.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all bits of `other` are set here.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What both have.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either has.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits that are set here and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What may be offered with this provider: bits without a meaning are zero, terms are accepted in a PSS_ACK only,
    /// and the bit of ChaCha20-Poly1305 is set only if the provider has it. A provider without another cipher always
    /// offers it.
    #[must_use]
    pub const fn offerable<P: Provider>(self) -> Self {
        let known = Self::SFC.with(Self::CHACHA20_POLY1305).with(Self::ENDPOINTS).with(Self::RESUME);
        let wanted = self.common(known.with(Self::EXCLUSIVE));
        let wanted = if wanted.contains(Self::ENDPOINTS) { wanted } else { wanted.without(Self::EXCLUSIVE) };
        let wanted =
            if P::SUITES.has(Suite::ChaCha20Poly1305) { wanted } else { wanted.without(Self::CHACHA20_POLY1305) };
        if P::SUITES.has(Suite::Aes256Gcm) { wanted } else { wanted.with(Self::CHACHA20_POLY1305) }
    }

    /// The AEAD of a session with these capabilities: AES-256-GCM unless the other one was agreed.
    // keeps: IACP-166 (§8.2)
    #[must_use]
    pub const fn suite(self) -> Suite {
        if self.contains(Self::CHACHA20_POLY1305) { Suite::ChaCha20Poly1305 } else { Suite::Aes256Gcm }
    }
}

/// The Rejection Reason Flags of a PSS_NEG: why the last proposal is refused.
///
/// An initiator that wants shorter sessions than the responder proposes:
///
/// ```
/// use iacp_core::pss::{RejectionReasons, Session, SessionEvent, Terms};
/// # use iacp_core::pss::{Admission, Capabilities, Incoming, Replied, Responder, Settings, TRANSMIT_BUFFER};
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let bob_at = ([192, 0, 2, 2], 4227).into();
/// # let from = ([192, 0, 2, 1], 4227).into();
/// # let terms = Terms { dgk_rotation: 0, lifetime: 86_400, receive_window: 8 };
/// # let responder = Responder::<64>::new(Settings { capabilities: Capabilities::SFC, terms }, now, &mut rng);
/// # let mut session = Session::<Portable, 4096, 8>::IDLE;
/// # session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::SFC, &mut rng)?;
/// # let mut buffer = [0; TRANSMIT_BUFFER];
/// # let mut init = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
/// # let Ok(Incoming::Signed(init)) = Incoming::parse(&mut init) else { return Err("it is not signed".into()) };
/// # let admit = |_: &iacp_wire::Eid| Admission::Admit;
/// # let Replied::Negotiate { length, .. } = responder.answer(now, &bob, from, &init, admit, &mut buffer)? else {
/// #     return Err("an honest initiator gets an answer".into());
/// # };
/// # let mut neg = buffer[..length].to_vec();
///
/// session.handle(now, &alice, bob_at, &mut neg);
/// let Some(SessionEvent::Proposed { turn: 1, terms, .. }) = session.poll_event() else {
///     return Err("terms are proposed".into());
/// };
/// assert_eq!(terms.lifetime, 86_400);
/// session.counter_terms(now, &alice, Terms { lifetime: 3_600, ..terms }, RejectionReasons::LIFETIME_TOO_LONG)?;
/// assert!(session.accept_terms(now, &alice).is_err(), "now it is the responder's turn");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RejectionReasons(pub u16);

flags! {
    RejectionReasons or "nothing" {
        Self::LIFETIME_TOO_LONG => "lifetime too long",
        Self::LIFETIME_TOO_SHORT => "lifetime too short",
        Self::WINDOW_TOO_LARGE => "window too large",
        Self::WINDOW_TOO_SMALL => "window too small",
        Self::ROTATION_TOO_SLOW => "rotation too slow",
        Self::ROTATION_TOO_FAST => "rotation too fast",
        Self::OTHER => "another reason",
    }
}

impl RejectionReasons {
    /// Nothing is refused.
    pub const NONE: Self = Self(0);
    /// The session would live too long.
    pub const LIFETIME_TOO_LONG: Self = Self(0x0001);
    /// The session would not live long enough.
    pub const LIFETIME_TOO_SHORT: Self = Self(0x0002);
    /// The receive window is larger than memory allows.
    pub const WINDOW_TOO_LARGE: Self = Self(0x0004);
    /// The receive window is too small to work with.
    pub const WINDOW_TOO_SMALL: Self = Self(0x0008);
    /// Group keys would rotate too seldom.
    pub const ROTATION_TOO_SLOW: Self = Self(0x0010);
    /// Group keys would rotate too often.
    pub const ROTATION_TOO_FAST: Self = Self(0x0020);
    /// A reason without a flag.
    pub const OTHER: Self = Self(0x8000);
}

/// The terms of a Session Federation Contract; without a contract, those that the responder sets for the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Terms {
    /// Seconds between rotations of a Dynamic Group Key; 0 is none.
    pub dgk_rotation: u32,
    /// Seconds that the session lives, for both sides; 0 is no limit.
    pub lifetime: u32,
    /// Frames that may be under way in each direction, at least 1.
    pub receive_window: u32,
}

impl core::fmt::Display for Terms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { dgk_rotation, lifetime, receive_window } = self;
        write!(f, "rotation {dgk_rotation} s, lifetime {lifetime} s, window {receive_window}")
    }
}

/// The settings that a responder offers to every initiator. They must not change while a cookie secret is in use,
/// because the responder rebuilds its PSS_NEG from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Settings {
    /// What this side can do.
    pub capabilities: Capabilities,
    /// The terms of turn 1.
    pub terms: Terms,
}

/// A valid conditions block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) initial_sequence: u64,
    pub(crate) capabilities: Capabilities,
    pub(crate) terms: Terms,
}

impl Proposal {
    pub(crate) fn to_block(self) -> ConditionsBlock {
        let Self { initial_sequence, capabilities, terms } = self;
        let conditions = Conditions {
            initial_sequence: initial_sequence.into(),
            capabilities: capabilities.bits().into(),
            dgk_rotation: terms.dgk_rotation.into(),
            lifetime: terms.lifetime.into(),
            receive_window: terms.receive_window.into(),
            zero: 0_u64.into(),
        };
        let mut block = ConditionsBlock::ZERO;
        block.0.copy_from_slice(conditions.as_bytes());
        block
    }

    /// `None` for impossible terms: a window of no frame, or an initial sequence of 2^32 or more.
    pub(crate) fn read(block: &ConditionsBlock) -> Option<Self> {
        let conditions = Conditions::read_from_bytes(&block.0).ok()?;
        let proposal = Self {
            initial_sequence: conditions.initial_sequence.get(),
            capabilities: Capabilities::from_bits(conditions.capabilities.get()),
            terms: Terms {
                dgk_rotation: conditions.dgk_rotation.get(),
                lifetime: conditions.lifetime.get(),
                receive_window: conditions.receive_window.get(),
            },
        };
        let possible = proposal.initial_sequence < INITIAL_SEQUENCES && proposal.terms.receive_window >= 1;
        possible.then_some(proposal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{ChaChaOnly, Portable};

    #[test]
    fn capabilities_are_joined_cut_and_compared_bit_by_bit() {
        let (one, other) = (Capabilities::from_bits(0x3), Capabilities::from_bits(0x6));
        let bits = [one.with(other), one.common(other), one.without(other), other.without(one)].map(Capabilities::bits);
        assert_eq!(bits, [0x7, 0x2, 0x1, 0x4]);
        let both = Capabilities::SFC.with(Capabilities::ENDPOINTS);
        assert!(both.contains(both) && both.contains(Capabilities::SFC) && both.contains(Capabilities::NONE));
        assert!(!Capabilities::SFC.contains(both) && !one.contains(other));
        assert_eq!(Capabilities::CHACHA20_POLY1305.suite(), Suite::ChaCha20Poly1305);
        assert_eq!(Capabilities::from_bits(!0x2).suite(), Suite::Aes256Gcm);
    }

    /// What has no meaning is not offered, nor what the provider lacks; EXCLUSIVE goes with ENDPOINTS alone.
    // shows: IACP-166 (§8.2)
    #[test]
    fn what_is_offered_has_a_meaning_and_its_cipher() {
        for (wanted, portable, chacha) in [
            (u32::MAX, 0x3b, 0x3b),
            (0, 0, 0x2),
            (0x1, 0x1, 0x3),
            (0x2, 0x2, 0x2),
            (0x4, 0, 0x2),
            (0x20, 0, 0x2),
            (0x28, 0x28, 0x2a),
            (0x30, 0x10, 0x12),
        ] {
            let wanted = Capabilities::from_bits(wanted);
            assert_eq!(wanted.offerable::<Portable>().bits(), portable, "{wanted:?}");
            assert_eq!(wanted.offerable::<ChaChaOnly>().bits(), chacha, "{wanted:?} without AES");
        }
    }

    #[test]
    fn a_proposal_is_read_as_it_was_written_if_its_terms_are_possible() {
        for (initial_sequence, receive_window, possible) in
            [(0, 1, true), (INITIAL_SEQUENCES - 1, 1, true), (INITIAL_SEQUENCES, 1, false), (0, 0, false)]
        {
            let terms = Terms { dgk_rotation: 7, lifetime: 8, receive_window };
            let proposal = Proposal { initial_sequence, capabilities: Capabilities::SFC, terms };
            assert_eq!(Proposal::read(&proposal.to_block()), possible.then_some(proposal));
        }
    }
}
