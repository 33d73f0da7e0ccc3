//! Anonymous discovery (`IACP §6.3`): a worked request finds an agent, which answers with its EID sealed to the request.
//!
//! ```text
//!  requester                                            responder
//!  Search::begin, Miner::step …
//!    ── DISCOVERY_REQ ────────────────────────────────▶  check        nothing is stored
//!                                                        Discoverable::accept   one slot, 500 ms
//!    ◀──────────────────────────────── DISCOVERY_RES ──
//!  Search::open → EID
//!    ── PSS_INIT ─────────────────────────────────────▶  Discoverable::on_pss_init
//!    ◀──────────────────────────────────────── PSS_NEG ──
//!    ── PSS_ACK ──────────────────────────────────────▶  Discoverable::on_established, within the 500 ms
//! ```
//!
//! Through a hub neither side knows where the other one is: the request comes in a SPACE_RELAY ([`Discoverable::accept_relayed`]),
//! the PSS_INIT has a DISCOVERY_PROOF ([`Search::proof`], [`Discoverable::on_proof`]), and the time is 2 s. [`join`] asks a hub
//! for what is searched.

pub mod dfa;
mod member;
pub mod pow;
mod responder;
mod search;

pub use member::join;
pub use responder::{ANSWER_LEN, AWAIT_IDENTITY, AWAIT_THROUGH_HUB, Discoverable, Proven, check, peers_wanted};
pub use search::Search;

use iacp_wire::DhtKey;

use crate::crypto::{Provider, Secret32, Suite};

/// A request is taken if its timestamp is at most this far from the responder's clock, in milliseconds.
pub const TIMESTAMP_WINDOW: u64 = 30_000;

/// Why a discovery message goes no further. Nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotAccepted {
    /// Not exactly the 88 bytes of a `DISCOVERY_REQ` without flags, or the 96 of a `DISCOVERY_RES`.
    Malformed,
    /// The timestamp lies outside the window.
    Timestamp,
    /// The claimed number of bits is below the difficulty of the moment.
    Threshold,
    /// The digest does not have the claimed number of trailing zero bits.
    Proof,
    /// This proof, or this answer, was accepted before.
    Replayed,
    /// The replay filter is full: it refuses rather than forgets.
    FilterFull,
    /// Every slot waits for an identity.
    NoSlot,
    /// The answer is not sealed to this search or not with a cipher that is here, or its key share is worthless.
    Seal,
    /// The search has all the answers that it asked for.
    Enough,
}

words! {
    NotAccepted {
        Self::Malformed => "not a discovery message of the one form that a proof covers",
        Self::Timestamp => "timestamp: outside the window of 30 seconds",
        Self::Threshold => "pow_target_threshold: below the difficulty of the moment",
        Self::Proof => "pow_nonce: the digest lacks the claimed zero bits",
        Self::Replayed => "it was accepted before",
        Self::FilterFull => "the replay filter is full",
        Self::NoSlot => "every slot waits for an identity",
        Self::Seal => "encrypted_payload: not sealed to this search, or with no cipher that is here",
        Self::Enough => "the search has all its answers",
    }
}

impl core::error::Error for NotAccepted {}

/// The Discovery Space of a topic (`IACP §6.2`): two agents that name the same topic search in the same place.
#[must_use]
pub fn space_of_topic<P: Provider>(topic: &str) -> DhtKey {
    DhtKey(P::sha256(&[b"IACP/1 topic\0", topic.as_bytes()]))
}

/// The key of a `DISCOVERY_RES` that is sealed with this suite. The request names none, so the responder's own decides, and
/// the requester tries each that it has: a key of one suite is never used with the other.
fn answer_key<P: Provider>(suite: Suite, request_digest: &[u8; 32], shared: &Secret32) -> P::Cipher {
    let prk = P::hkdf_extract(request_digest, &[shared.expose()]);
    let info: &[u8] = match suite {
        Suite::Aes256Gcm => b"IACP/1 discovery",
        Suite::ChaCha20Poly1305 => b"IACP/1 discovery chacha20",
    };
    P::cipher(suite, &P::hkdf_expand_key(&prk, info))
}
