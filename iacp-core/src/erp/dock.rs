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

use core::fmt;
use core::net::SocketAddr;

use iacp_wire::message::DockOffer;
use iacp_wire::{Digest, Eid, Frame, HEADER_LEN, Locator, Message, Signature, WriteError, X25519Key};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::binding::Binding;
use crate::crypto::{Provider, Secret32, Suite, WeakKey};
use crate::identity::{Identity, sign_frame, verify_frame};
use crate::time::UnixTime;

/// An offer lasts no longer than this, in milliseconds.
pub const LASTS: u64 = 300_000;
/// The length of what stands before the records.
pub const HEAD: usize = 176;
/// Type, last, reserved and length before a record, and the tag behind it.
pub const RECORD: usize = 8 + 16;
/// The length of a DOCK_OFFER frame.
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
}

impl fmt::Display for DockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
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
        })
    }
}

impl core::error::Error for DockError {}

impl From<WeakKey> for DockError {
    fn from(WeakKey: WeakKey) -> Self {
        Self::WeakKey
    }
}

/// What the importing host keeps of its offer. It opens one blob, and is wiped with it: when that is imported or refused, at
/// its expiry, or when the host renews itself after a restore. It must never be on stable storage.
pub struct Offer {
    ephemeral: Secret32,
    digest: Digest,
    exporter: Eid,
    eid: Eid,
    at: Locator,
    expiry: UnixTime,
}

impl Offer {
    /// Offers to take `eid` over from `exporter`, and writes the DOCK_OFFER frame of [`OFFER`] bytes.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn new<P: Provider>(
        now: UnixTime,
        host: &Identity<P>,
        exporter: Eid,
        eid: Eid,
        at: SocketAddr,
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Result<Self, WriteError> {
        let ephemeral = Secret32::random(rng);
        let expiry = UnixTime(now.0.saturating_add(LASTS));
        let offer = DockOffer {
            importer_instance_identifier: host.eid(),
            exporter_instance_identifier: exporter,
            eid,
            importer_ip: at.ip().into(),
            importer_port: at.port().into(),
            reserved: [0; 2],
            ephemeral_key: X25519Key(P::x25519_public(&ephemeral)),
            expiry: expiry.0.into(),
            signature: Signature::ZERO,
        };
        let length = sign_frame(host, &Frame::new(Message::DockOffer(&offer)), [&[], &[]], out)?;
        let digest = Digest(P::sha256(&[out.get(..length).unwrap_or_default()]));
        Ok(Self { ephemeral, digest, exporter, eid, at: at.ip().into(), expiry })
    }

    /// When the offer must be dropped.
    #[must_use]
    pub const fn expiry(&self) -> UnixTime {
        self.expiry
    }

    /// Opens a blob where it stands, whole: nothing may be created before. The offer ends with the call, whatever comes of it: so a
    /// blob is imported once.
    ///
    /// # Errors
    /// The blob is refused, and holds nothing readable any more.
    pub fn open<'b, P: Provider>(
        self,
        now: UnixTime,
        host: &Identity<P>,
        blob: &'b mut [u8],
    ) -> Result<Imported<'b>, DockError> {
        match self.unseal::<P>(now, host, blob) {
            Ok((reason, count, at)) => Ok(Imported { blob, reason, count, eid: self.eid, at }),
            Err(error) => {
                blob.zeroize();
                Err(error)
            }
        }
    }

    fn unseal<P: Provider>(
        &self,
        now: UnixTime,
        host: &Identity<P>,
        blob: &mut [u8],
    ) -> Result<(DockReason, u32, Locator), DockError> {
        if now >= self.expiry {
            return Err(DockError::Expired);
        }
        let (head, mut rest) = blob.split_first_chunk_mut::<HEAD>().ok_or(DockError::Malformed)?;
        let (suite, reason, count) = read_head(head)?;
        let named = [&self.exporter.0, &host.eid().0, &self.eid.0, &self.digest.0];
        if !named.into_iter().flatten().eq(head.get(16..144).unwrap_or_default()) {
            return Err(DockError::NotForUs);
        }
        let theirs = head.last_chunk().ok_or(DockError::Malformed)?;
        let cipher = cipher::<P>(suite, head, host, &self.exporter, &self.ephemeral, theirs)?;
        for number in 0..count {
            let (aad, behind) = rest.split_first_chunk_mut::<8>().ok_or(DockError::Seal)?;
            let [code, last, _, _, length @ ..] = *aad;
            let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| DockError::Seal)?;
            let (text, behind) = behind.split_at_mut_checked(length).ok_or(DockError::Seal)?;
            let (tag, behind) = behind.split_first_chunk_mut::<16>().ok_or(DockError::Seal)?;
            P::open(&cipher, &nonce(u64::from(number)), aad, text, tag).map_err(|_| DockError::Seal)?;
            if (last == 1) != (number + 1 == count) || last > 1 {
                return Err(DockError::Seal);
            }
            let is_context = RecordType::from_code(code).ok_or(DockError::Records)? == RecordType::Context;
            if is_context != (number == 0) || (is_context && length != Context::LEN) {
                return Err(DockError::Records);
            }
            rest = behind;
        }
        if rest.is_empty() { Ok((reason, count, self.at)) } else { Err(DockError::Seal) }
    }
}

/// A blob that has opened, whole. What it holds is wiped when it is dropped.
pub struct Imported<'b> {
    blob: &'b mut [u8],
    reason: DockReason,
    count: u32,
    eid: Eid,
    at: Locator,
}

impl Imported<'_> {
    /// Why the context has moved.
    #[must_use]
    pub const fn reason(&self) -> DockReason {
        self.reason
    }

    /// The records in order. The first is the context.
    pub fn records(&self) -> impl Iterator<Item = (RecordType, &[u8])> {
        let mut rest = self.blob.get(HEAD..).unwrap_or_default();
        (0..self.count).map_while(move |_| {
            let ([code, _, _, _, length @ ..], behind) = rest.split_first_chunk::<8>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (text, behind) = behind.split_at_checked(length)?;
            rest = behind.get(16..)?;
            Some((RecordType::from_code(*code)?, text))
        })
    }

    /// The context: its key is the EID's, and its binding names the address that was offered, and verifies.
    ///
    /// # Errors
    /// The exporter has sealed what does not fit the offer.
    pub fn context<P: Provider>(&self) -> Result<Context, DockError> {
        let (_, bytes) = self.records().next().ok_or(DockError::Records)?;
        let context = Context::read(self.eid, bytes).ok_or(DockError::Records)?;
        if Identity::<P>::from_seed(&context.seed).eid() != self.eid || context.binding.ip != self.at {
            return Err(DockError::Records);
        }
        context.binding.verify::<P>().map_err(|_| DockError::Signature)?;
        Ok(context)
    }
}

impl Drop for Imported<'_> {
    fn drop(&mut self) {
        self.blob.zeroize();
    }
}

/// The first record: what makes the context. It holds the EID's key, and is wiped on drop.
pub struct Context {
    /// The seed of the EID.
    pub seed: Secret32,
    /// The agent's identity root key; zero if there is none.
    pub airk: Eid,
    /// The digest of the application.
    pub app_digest: Digest,
    /// The number of the last evolution.
    pub evolution: u64,
    /// The binding for the importing host, which the exporting host signed.
    pub binding: Binding,
    /// The arguments of the agent's LISTEN.
    pub listen: [u8; 24],
}

impl Context {
    /// Length in bytes.
    pub const LEN: usize = 216;

    /// The record as bytes, in a buffer that [`Exporter::seal`] wipes.
    pub fn write(&self, out: &mut [u8; Self::LEN]) {
        let Self { seed, airk, app_digest, evolution, binding, listen } = self;
        let fields = seed.expose().iter().chain(&airk.0).chain(&app_digest.0).copied();
        let fields = fields.chain(evolution.to_be_bytes()).chain(binding.generation.to_be_bytes());
        let fields = fields.chain(binding.ip.0).chain(binding.signature.0).chain(*listen);
        out.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    }

    fn read(eid: Eid, bytes: &[u8]) -> Option<Self> {
        let (seed, rest) = bytes.split_first_chunk::<32>()?;
        let (airk, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let (evolution, rest) = rest.split_first_chunk()?;
        let (generation, rest) = rest.split_first_chunk()?;
        let (ip, rest) = rest.split_first_chunk()?;
        let (signature, rest) = rest.split_first_chunk()?;
        Some(Self {
            seed: Secret32::fill(|to| to.copy_from_slice(seed)),
            airk: Eid(*airk),
            app_digest: Digest(*digest),
            evolution: u64::from_be_bytes(*evolution),
            binding: Binding {
                eid,
                ip: Locator(*ip),
                generation: u64::from_be_bytes(*generation),
                signature: Signature(*signature),
            },
            listen: rest.try_into().ok()?,
        })
    }
}

/// An offer that the exporting host has checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The importing host.
    pub importer: Eid,
    /// The agent that moves.
    pub eid: Eid,
    /// For which address the next generation is signed.
    pub at: SocketAddr,
    ephemeral: X25519Key,
    digest: Digest,
}

impl Checked {
    /// Checks an offer: for this host, from a host on its list, before its expiry, at most 300 s ahead, and signed.
    ///
    /// # Errors
    /// It is refused; nothing has changed.
    pub fn new<P: Provider>(
        now: UnixTime,
        host: &Eid,
        listed: impl FnOnce(&Eid) -> bool,
        datagram: &[u8],
    ) -> Result<Self, DockError> {
        let frame = Frame::parse(datagram).map_err(|_| DockError::Malformed)?;
        let Message::DockOffer(offer) = frame.message else { return Err(DockError::Malformed) };
        let importer = offer.importer_instance_identifier;
        if offer.exporter_instance_identifier != *host || importer == *host {
            return Err(DockError::NotForUs);
        }
        if !listed(&importer) {
            return Err(DockError::NotListed);
        }
        let left = offer.expiry.get().checked_sub(now.0).ok_or(DockError::Expired)?;
        if left == 0 || left > LASTS {
            return Err(DockError::Expired);
        }
        verify_frame::<P>(&importer, &frame, [&[], &[]], datagram).map_err(|_| DockError::Signature)?;
        Ok(Self {
            importer,
            eid: offer.eid,
            at: SocketAddr::new(offer.importer_ip.into(), offer.importer_port.get()),
            ephemeral: offer.ephemeral_key,
            digest: Digest(P::sha256(&[datagram])),
        })
    }
}

/// Seals the records of one blob, in order. Counters travel in the records; keys do not stay.
pub struct Exporter<P: Provider> {
    cipher: P::Cipher,
    number: u32,
    count: u32,
}

impl<P: Provider> Exporter<P> {
    /// Begins a blob of `count` records: writes the first [`HEAD`] bytes of it.
    ///
    /// # Errors
    /// The buffer is too small, a key is of small order, or there are no records.
    pub fn new(
        host: &Identity<P>,
        offer: &Checked,
        suite: Suite,
        reason: DockReason,
        count: u32,
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Result<Self, DockError> {
        let head = out.first_chunk_mut::<HEAD>().ok_or(DockError::TooSmall)?;
        if count == 0 {
            return Err(DockError::Records);
        }
        let ephemeral = Secret32::random(rng);
        let suite_code = match suite {
            Suite::Aes256Gcm => 1,
            Suite::ChaCha20Poly1305 => 2,
        };
        let reason = reason as u16;
        let fields = MAGIC.iter().copied().chain([VERSION, suite_code]).chain(reason.to_be_bytes());
        let fields = fields.chain(count.to_be_bytes()).chain(host.eid().0).chain(offer.importer.0).chain(offer.eid.0);
        let fields = fields.chain(offer.digest.0).chain(P::x25519_public(&ephemeral));
        head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let cipher = cipher::<P>(suite, head, host, &offer.importer, &ephemeral, &offer.ephemeral.0)?;
        Ok(Self { cipher, number: 0, count })
    }

    /// Seals the next record to the front of `out`, wipes `body` in the same step, and returns the record's length.
    ///
    /// # Errors
    /// The buffer is too small, or all records are sealed. Then `body` is as it was.
    pub fn seal(&mut self, kind: RecordType, body: &mut [u8], out: &mut [u8]) -> Result<usize, DockError> {
        if self.number >= self.count {
            return Err(DockError::Complete);
        }
        if (kind == RecordType::Context) != (self.number == 0) {
            return Err(DockError::Records);
        }
        let length = u32::try_from(body.len()).map_err(|_| DockError::TooSmall)?;
        let needed = body.len().saturating_add(RECORD);
        let room = out.get_mut(..needed).ok_or(DockError::TooSmall)?;
        let (aad, rest) = room.split_first_chunk_mut::<8>().ok_or(DockError::TooSmall)?;
        let (text, tag) = rest.split_last_chunk_mut::<16>().ok_or(DockError::TooSmall)?;
        let [a, b, c, d] = length.to_be_bytes();
        *aad = [kind as u8, u8::from(self.number + 1 == self.count), 0, 0, a, b, c, d];
        text.copy_from_slice(body);
        *tag = P::seal(&self.cipher, &nonce(u64::from(self.number)), aad, text);
        body.zeroize();
        self.number += 1;
        Ok(needed)
    }

    /// Whether all records are sealed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.number == self.count
    }
}

fn read_head(head: &[u8; HEAD]) -> Result<(Suite, DockReason, u32), DockError> {
    let Some(rest) = head.strip_prefix(MAGIC) else { return Err(DockError::Malformed) };
    let [VERSION, suite, 0, reason, a, b, c, d, ..] = *rest else { return Err(DockError::Malformed) };
    let suite = match suite {
        1 => Suite::Aes256Gcm,
        2 => Suite::ChaCha20Poly1305,
        _ => return Err(DockError::Malformed),
    };
    let reason = match reason {
        1 => DockReason::Planned,
        2 => DockReason::Compromise,
        _ => return Err(DockError::Malformed),
    };
    match u32::from_be_bytes([a, b, c, d]) {
        0 => Err(DockError::Malformed),
        count => Ok((suite, reason, count)),
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
    let lasting = P::x25519(&P::static_secret(host.key()), &P::static_public(&other.0)?)?;
    let passing = P::x25519(ephemeral, theirs)?;
    let salt = P::sha256(&[b"IACP/1 dock\0", head]);
    let prk = P::hkdf_extract(&salt, &[lasting.expose(), passing.expose()]);
    Ok(P::cipher(suite, &P::hkdf_expand_key(&prk, b"IACP/1 dock key")))
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    nonce
}
