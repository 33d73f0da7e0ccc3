//! Forwarding Tickets: a peer that was away finds the way by them (`IACP §3.5`).
//!
//! A ticket is a locator, sealed under a key of a session and signed by its owner, in the directory. It says where to look;
//! what it names is a claim until the owner has answered there.

use core::fmt;
use core::net::SocketAddr;

use iacp_wire::message::{DhtTicketQuery, DhtTicketResp, DhtTicketStore};
use iacp_wire::{AeadNonce, DhtKey, Eid, Frame, Locator, Message, SealedLocator, Signature, TransactionId};
use zeroize::Zeroize;

use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite};
use crate::erp::dock::TicketKeysOf;
use crate::identity::Identity;
use crate::pss::TicketKey;

/// How many issue counters are reserved on stable storage at a time.
pub const BLOCK: u64 = 64;
/// How long a ticket is wanted to be kept, in seconds.
// keeps: IACP-013 (§3.5)
pub const LIFETIME: u32 = 86_400;
/// IP 16, port 2, reserved 2.
const PLAIN: usize = 20;

/// Under which key of the directory the tickets of an EID lie.
#[must_use]
pub fn storage_key<P: Provider>(owner: &Eid) -> DhtKey {
    DhtKey(P::sha256(&[&owner.0]))
}

/// The question for the tickets of an EID.
#[must_use]
pub fn query<P: Provider>(owner: &Eid, requestor: &Eid, transaction: TransactionId) -> DhtTicketQuery {
    DhtTicketQuery {
        target_storage_key: storage_key::<P>(owner),
        transaction_id: transaction,
        requestor_eid: *requestor,
    }
}

/// Why no ticket is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotIssued {
    /// This bound must be on stable storage first.
    NotPersisted {
        /// Every counter below it may have been used.
        bound: u64,
    },
    /// The counter is used up.
    Exhausted,
}

impl fmt::Display for NotIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPersisted { bound } => write!(f, "ticket bound {bound} is not on stable storage yet"),
            Self::Exhausted => f.pad("the ticket key has no counters left"),
        }
    }
}

impl core::error::Error for NotIssued {}

const fn suite_of(record: &TicketKeysOf) -> Suite {
    if record.suite == 2 { Suite::ChaCha20Poly1305 } else { Suite::Aes256Gcm }
}

/// The key of no session.
const NO_KEY: TicketKey = TicketKey { key: Secret32::new([0; 32]), iv: [0; 4] };

/// What issues tickets to one peer: the session's own ticket key, and a counter that is on stable storage before it is
/// used. Where the stored bound is lost, the key must be dropped with it.
///
/// The two ends of a session: one leaves a ticket before it moves, the other one follows it.
///
/// ```
/// use iacp_core::crypto::Suite;
/// use iacp_core::erp::ticket::{BLOCK, Issuer, NotIssued, NotOpened, Opener};
/// use iacp_core::pss::{TicketKey, TicketKeys};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32};
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::TransactionId;
/// # use iacp_wire::message::DhtTicketResp;
/// # let owner = Identity::<ChaChaOnly>::from_seed(&Secret32::new([7; 32]));
/// # let key = |byte| TicketKey { key: Secret32::new([byte; 32]), iv: [byte; 4] };
/// # let ours = TicketKeys { ours: key(1), theirs: key(2) }; // Session::take_ticket_keys, in real life
/// # let theirs = TicketKeys { ours: key(2), theirs: key(1) };
///
/// let mut issuer = Issuer::new(ours.ours, Suite::ChaCha20Poly1305);
/// let next = "203.0.113.9:4227".parse()?;
/// assert_eq!(issuer.issue(&owner, next), Err(NotIssued::NotPersisted { bound: BLOCK }));
/// issuer.persisted(BLOCK); // when it is on stable storage: no counter seals twice
/// let ticket = issuer.issue(&owner, next)?;
///
/// # let answer = DhtTicketResp {
/// #     transaction_id: TransactionId::ZERO,
/// #     status_code: 0.into(),
/// #     aead_nonce: ticket.aead_nonce,
/// #     encrypted_forwarding_data: ticket.encrypted_forwarding_data,
/// #     signature: ticket.signature,
/// # };
/// let mut opener = Opener::new(theirs.theirs, Suite::ChaCha20Poly1305);
/// assert_eq!(opener.open::<ChaChaOnly>(&owner.eid(), &answer), Ok(next)); // what the directory has answered
/// assert_eq!(opener.open::<ChaChaOnly>(&owner.eid(), &answer), Err(NotOpened::Old));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Issuer {
    key: TicketKey,
    suite: Suite,
    next: u64,
    bound: u64,
}

impl Issuer {
    /// No session's.
    pub(crate) const NONE: Self = Self::new(NO_KEY, Suite::Aes256Gcm);

    pub(crate) const fn iv(&self) -> [u8; 4] {
        self.key.iv
    }

    /// The next counter.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Nothing below is used any more: another session's tickets under the same iv have used it.
    pub(crate) const fn skip(&mut self, below: u64) {
        if below > self.next {
            self.next = below;
        }
    }

    /// Its part of the record of a context that another host takes over.
    pub(crate) fn export(&self, record: &mut TicketKeysOf) {
        record.suite = match self.suite {
            Suite::Aes256Gcm => 1,
            Suite::ChaCha20Poly1305 => 2,
        };
        record.our_key.copy_from_slice(self.key.key.expose());
        (record.our_iv, record.bound) = (self.key.iv, self.next.max(self.bound).into());
    }

    /// Goes on above all that another host may have used.
    pub(crate) fn import(record: &TicketKeysOf) -> Self {
        let key = Secret32::fill(|to| to.copy_from_slice(&record.our_key));
        Self::restored(TicketKey { key, iv: record.our_iv }, suite_of(record), record.bound.get())
    }

    /// The issuer of a new session.
    #[must_use]
    pub const fn new(key: TicketKey, suite: Suite) -> Self {
        Self::restored(key, suite, 0)
    }

    /// After a restart: nothing below the stored bound is used again.
    #[must_use]
    pub const fn restored(key: TicketKey, suite: Suite, bound: u64) -> Self {
        Self { key, suite, next: bound, bound }
    }

    /// The bound that must be on stable storage before the next ticket; `None` if it is.
    #[must_use]
    pub const fn wanted(&self) -> Option<u64> {
        if self.next < self.bound { None } else { Some(self.next.saturating_add(BLOCK)) }
    }

    /// Stable storage has this bound now.
    pub const fn persisted(&mut self, bound: u64) {
        if bound > self.bound {
            self.bound = bound;
        }
    }

    /// Two sessions of one EID can have the same iv by chance, and the directory wants rising counters under it: both go
    /// on from the higher one.
    pub fn share(&mut self, other: &mut Self) {
        if self.key.iv == other.key.iv {
            let next = self.next.max(other.next);
            (self.next, other.next) = (next, next);
        }
    }

    /// Seals and signs a ticket that names `at`.
    ///
    /// # Errors
    /// The counter is not persisted, or used up. Nothing has changed.
    // keeps: IACP-010 (§3.5)
    pub fn issue<P: Provider>(&mut self, owner: &Identity<P>, at: SocketAddr) -> Result<DhtTicketStore, NotIssued> {
        if self.next == u64::MAX {
            return Err(NotIssued::Exhausted);
        }
        if let Some(bound) = self.wanted() {
            return Err(NotIssued::NotPersisted { bound });
        }
        let nonce = nonce(self.key.iv, self.next);
        self.next += 1;
        let eid = owner.eid();
        let storage = storage_key::<P>(&eid);
        let mut plain = [0; PLAIN];
        let fields = Locator::from(at.ip()).0.into_iter().chain(at.port().to_be_bytes());
        plain.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        // These keys outlive their session, whose end clears the stack.
        let tag = cleanly(|| P::seal(&P::cipher(self.suite, &self.key.key), &nonce, &aad(&storage, &eid), &mut plain));
        let mut sealed = SealedLocator::ZERO;
        sealed.0.iter_mut().zip(plain.into_iter().chain(tag)).for_each(|(to, from)| *to = from);
        let mut ticket = DhtTicketStore {
            target_storage_key: storage,
            target_agent_eid: eid,
            time_to_live: LIFETIME.into(),
            aead_nonce: AeadNonce(nonce),
            encrypted_forwarding_data: sealed,
            signature: Signature::ZERO,
        };
        ticket.signature = Signature(P::sign(owner.key(), &signed::<P>(&ticket)));
        Ok(ticket)
    }
}

/// Why a ticket is not opened. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotOpened {
    /// The directory had none.
    None,
    /// It is sealed under another session's key.
    OtherKey,
    /// Its counter is not above that of the last one.
    Old,
    /// The owner's signature does not hold.
    Signature,
    /// The seal does not open.
    Seal,
    /// It leads nowhere: no address, or no port.
    Place,
}

words! {
    NotOpened {
        Self::None => "the directory has no such ticket",
        Self::OtherKey => "the ticket belongs to another session",
        Self::Old => "the ticket is not newer than the last one",
        Self::Signature => "the owner's signature does not hold",
        Self::Seal => "the seal does not open",
        Self::Place => "the ticket names no address or no port",
    }
}

impl core::error::Error for NotOpened {}

/// What opens the tickets of one peer.
pub struct Opener {
    key: TicketKey,
    suite: Suite,
    /// Counters below it are not taken any more.
    seen: u64,
}

impl Opener {
    /// No session's.
    pub(crate) const NONE: Self = Self::new(NO_KEY, Suite::Aes256Gcm);

    pub(crate) const fn iv(&self) -> [u8; 4] {
        self.key.iv
    }

    /// Its part of the record of a context that another host takes over.
    pub(crate) fn export(&self, record: &mut TicketKeysOf) {
        record.their_key.copy_from_slice(self.key.key.expose());
        (record.their_iv, record.seen) = (self.key.iv, self.seen.into());
    }

    /// Goes on where another host has stopped.
    pub(crate) fn import(record: &TicketKeysOf) -> Self {
        let key = Secret32::fill(|to| to.copy_from_slice(&record.their_key));
        Self::restored(TicketKey { key, iv: record.their_iv }, suite_of(record), record.seen.get())
    }

    /// The opener of a new session.
    #[must_use]
    pub const fn new(key: TicketKey, suite: Suite) -> Self {
        Self::restored(key, suite, 0)
    }

    /// After a restart: counters below `seen`, as it was stored, are not taken.
    #[must_use]
    pub const fn restored(key: TicketKey, suite: Suite, seen: u64) -> Self {
        Self { key, suite, seen }
    }

    /// What is to be stored: one more than the highest counter that was taken.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.seen
    }

    /// Opens the answer to a query for the tickets of `owner`: where it says that it is.
    ///
    /// # Errors
    /// See [`NotOpened`].
    pub fn open<P: Provider>(&mut self, owner: &Eid, answer: &DhtTicketResp) -> Result<SocketAddr, NotOpened> {
        if answer.status_code.get() != 0 {
            return Err(NotOpened::None);
        }
        let (iv, counter) = answer.aead_nonce.0.split_at(4);
        if iv != self.key.iv {
            return Err(NotOpened::OtherKey);
        }
        let counter = counter.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if counter < self.seen || counter == u64::MAX {
            return Err(NotOpened::Old);
        }
        let ticket = DhtTicketStore {
            target_storage_key: storage_key::<P>(owner),
            target_agent_eid: *owner,
            time_to_live: 0.into(),
            aead_nonce: answer.aead_nonce,
            encrypted_forwarding_data: answer.encrypted_forwarding_data,
            signature: answer.signature,
        };
        P::verify(&owner.0, &signed::<P>(&ticket), &ticket.signature.0).map_err(|_| NotOpened::Signature)?;
        let (sealed, tag) = ticket.encrypted_forwarding_data.0.split_at(PLAIN);
        let (Some(sealed), Some(tag)) = (sealed.first_chunk::<PLAIN>(), tag.first_chunk()) else {
            return Err(NotOpened::Seal);
        };
        let mut plain = *sealed;
        let aad = aad(&ticket.target_storage_key, owner);
        cleanly(|| P::open(&P::cipher(self.suite, &self.key.key), &answer.aead_nonce.0, &aad, &mut plain, tag))
            .map_err(|_| NotOpened::Seal)?;
        self.seen = counter.saturating_add(1);
        let [ip @ .., high, low, _, _] = plain;
        let at = SocketAddr::new(Locator(ip).into(), u16::from_be_bytes([high, low]));
        plain.zeroize();
        if at.port() == 0 || Locator(ip) == Locator::ZERO { Err(NotOpened::Place) } else { Ok(at) }
    }
}

fn nonce([a, b, c, d]: [u8; 4], counter: u64) -> [u8; 12] {
    let mut nonce = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0];
    nonce.iter_mut().skip(4).zip(counter.to_be_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

fn aad(storage: &DhtKey, owner: &Eid) -> [u8; 64] {
    let mut aad = [0; 64];
    aad.iter_mut().zip(storage.0.iter().chain(&owner.0)).for_each(|(to, from)| *to = *from);
    aad
}

/// What the owner signs: the frame that is stored, without its TTL, for the node that stores it caps that.
fn signed<P: Provider>(ticket: &DhtTicketStore) -> [u8; 32] {
    let mut buffer = [0; 4 + DhtTicketStore::LEN];
    let frame = Frame::new(Message::DhtTicketStore(ticket));
    // The buffer has the frame's length. The digest covers the frame up to the TTL and from the nonce to the signature.
    let _ = frame.write(&mut buffer);
    let before = buffer.get(..68).unwrap_or_default();
    let after = buffer.get(72..120).unwrap_or_default();
    P::sha256(&[b"IACP/1 DHT_TICKET_STORE\0", before, after])
}

#[cfg(test)]
mod tests {
    use zerocopy::FromZeros;

    use super::{BLOCK, Issuer, NotOpened, Opener, TicketKeysOf};
    use crate::crypto::{Portable, Secret32, Suite};
    use crate::identity::Identity;
    use crate::pss::TicketKey;
    use iacp_wire::TransactionId;
    use iacp_wire::message::{DhtTicketResp, DhtTicketStore};

    fn answer(ticket: &DhtTicketStore) -> DhtTicketResp {
        DhtTicketResp {
            transaction_id: TransactionId::ZERO,
            status_code: 0.into(),
            aead_nonce: ticket.aead_nonce,
            encrypted_forwarding_data: ticket.encrypted_forwarding_data,
            signature: ticket.signature,
        }
    }

    /// Each side opens what the other one issues, also if only one of them has moved: with the same suite, and no counter twice.
    #[test]
    fn the_keys_of_tickets_move_with_their_suite_and_their_counters() {
        let owner = Identity::<Portable>::from_seed(&Secret32::new([7; 32]));
        let key = |byte| TicketKey { key: Secret32::new([byte; 32]), iv: [byte; 4] };
        let at = "203.0.113.9:4227".parse().expect("an address");
        for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let (mut issuer, mut opener) = (Issuer::new(key(1), suite), Opener::new(key(2), suite));
            let (mut their_opener, mut their_issuer) = (Opener::new(key(1), suite), Issuer::new(key(2), suite));
            issuer.persisted(BLOCK);
            their_issuer.persisted(BLOCK);
            let theirs = answer(&their_issuer.issue(&owner, at).expect("stored"));
            assert_eq!(opener.open::<Portable>(&owner.eid(), &theirs), Ok(at));

            let mut record = TicketKeysOf::new_zeroed();
            issuer.export(&mut record);
            opener.export(&mut record);
            let (mut moved, mut opens) = (Issuer::import(&record), Opener::import(&record));
            assert_eq!(moved.next(), BLOCK, "what the old host could have used is not used");
            moved.persisted(2 * BLOCK);
            let ours = answer(&moved.issue(&owner, at).expect("stored"));
            assert_eq!(their_opener.open::<Portable>(&owner.eid(), &ours), Ok(at));
            assert_eq!(opens.open::<Portable>(&owner.eid(), &theirs), Err(NotOpened::Old), "not again");
            let theirs = answer(&their_issuer.issue(&owner, at).expect("stored"));
            assert_eq!(opens.open::<Portable>(&owner.eid(), &theirs), Ok(at));
        }
    }
}
