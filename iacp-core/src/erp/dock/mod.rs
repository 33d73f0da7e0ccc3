//! Hot-docking: an agent's context moves to another host, sealed, once (`IACP §5.6`).
//!
//! The importing host offers; its offer has a key that opens one blob. The exporting host seals records to it one after the
//! other, and wipes what a record holds in the step that sealed it. The blob is opened whole before anything is created.
//!
//! ```text
//! 0 "IACPDOCK" 8 | version 1 | suite 1 | reason 2 | records 4 | exporter's LII 32 | importer's LII 32 | EID 32
//! 112 SHA-256 of the DOCK_OFFER 32 | exporter's ephemeral X25519 32
//! 176 records: type 1 | last 1 | reserved 2 | length m 4 | ciphertext m | tag 16
//! ```

mod context;
mod export;
mod import;
mod records;
mod session;

use iacp_wire::message::DockOffer;
use iacp_wire::{Eid, HEADER_LEN};

use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite, WeakKey};
use crate::identity::Identity;

pub(crate) use session::{Beside, moving, session_len, write_session};

pub use context::Context;
pub use export::{Checked, Exporter};
pub use import::{Imported, Offer};
pub use records::{
    EndpointHead, EndpointRecord, Member, NONE, Record, Right, SessionHead, SessionRecord, TakenFrame, TicketKeysOf,
    Waiting,
};

/// An offer lasts no longer than this, in milliseconds.
pub const LASTS: u64 = 300_000;
/// The length of what stands before the records, in bytes.
pub const HEAD: usize = 176;
/// What a record adds to its content, in bytes: type, last, reserved and length before it, and the tag behind it.
pub const RECORD: usize = 8 + 16;
/// The length of a DOCK_OFFER frame, in bytes.
pub const OFFER: usize = HEADER_LEN + DockOffer::LEN;

const MAGIC: &[u8; 8] = b"IACPDOCK";
const VERSION: u8 = 1;

/// Why a context moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum DockReason {
    /// The EID stays.
    Planned = 1,
    /// The exporting host is compromised: the EID carries its sessions to their end, and goes.
    Compromise = 2,
}

words! {
    DockReason {
        Self::Planned => "planned",
        Self::Compromise => "the exporting host is compromised",
    }
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum RecordType {
    /// See [`Context`]: the first record, and no other.
    Context = 1,
    /// A session.
    Session = 2,
    /// An endpoint.
    Endpoint = 3,
    /// A right.
    Right = 4,
    /// A member of a group.
    Member = 5,
    /// Ticket keys.
    TicketKeys = 6,
    /// The agent's own bytes; several are joined.
    Application = 7,
}

words! {
    RecordType {
        Self::Context => "context",
        Self::Session => "session",
        Self::Endpoint => "endpoint",
        Self::Right => "right",
        Self::Member => "member of a group",
        Self::TicketKeys => "ticket keys",
        Self::Application => "the agent's own bytes",
    }
}

impl RecordType {
    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Context,
            2 => Self::Session,
            3 => Self::Endpoint,
            4 => Self::Right,
            5 => Self::Member,
            6 => Self::TicketKeys,
            7 => Self::Application,
            _ => return None,
        })
    }
}

/// Why an offer or a blob is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DockError {
    /// The bytes have no meaning here.
    Malformed,
    /// It is for another host, another EID or another offer.
    NotForUs,
    /// The other host is not on this host's list.
    NotListed,
    /// The offer is over, or lasts too long.
    Expired,
    /// The signature does not hold.
    Signature,
    /// A key is of small order.
    WeakKey,
    /// A record does not open, or the records are not those that were sealed.
    Seal,
    /// The record types are not those of a context, or one is not known here.
    Records,
    /// The buffer is too small.
    TooSmall,
    /// All records that were announced are sealed.
    Complete,
    /// The EID has no context here; or, where it is to be taken over, it has one already.
    NoAgent,
    /// The context cannot move now: it is not BOUND, or another export is under way.
    NotNow,
    /// "Exported" is not on stable storage yet.
    NotPersisted,
    /// No slot is free.
    Capacity,
}

words! {
    DockError {
        Self::Malformed => "the bytes are no offer or blob",
        Self::NotForUs => "it is for another host, EID or offer",
        Self::NotListed => "the other host is not on the list",
        Self::Expired => "the offer is over or lasts too long",
        Self::Signature => "the signature does not hold",
        Self::WeakKey => "a key is of small order",
        Self::Seal => "a record does not open",
        Self::Records => "the records are not those of a context",
        Self::TooSmall => "the buffer is too small",
        Self::Complete => "all announced records are sealed",
        Self::NoAgent => "the EID has no context here, or has one already",
        Self::NotNow => "the context cannot move now",
        Self::NotPersisted => "the export is not on stable storage yet",
        Self::Capacity => "no slot is free",
    }
}

impl core::error::Error for DockError {}

impl From<WeakKey> for DockError {
    fn from(WeakKey: WeakKey) -> Self {
        Self::WeakKey
    }
}

/// Both static keys and both ephemeral ones: a stranger with either half opens nothing.
fn cipher<P: Provider>(
    suite: Suite,
    head: &[u8; HEAD],
    host: &Identity<P>,
    other: &Eid,
    ephemeral: &Secret32,
    theirs: &[u8; 32],
) -> Result<P::Cipher, DockError> {
    cleanly(|| {
        let lasting = P::x25519(&P::static_secret(host.key()), &P::static_public(&other.0)?)?;
        let passing = P::x25519(ephemeral, theirs)?;
        let salt = P::sha256(&[b"IACP/1 dock\0", head]);
        let prk = P::hkdf_extract(&salt, &[lasting.expose(), passing.expose()]);
        Ok(P::cipher(suite, &P::hkdf_expand_key(&prk, b"IACP/1 dock key")))
    })
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    nonce
}
