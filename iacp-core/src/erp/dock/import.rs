//! The importing host: one offer, one blob, one import.

use core::net::SocketAddr;

use iacp_wire::message::DockOffer;
use iacp_wire::{Digest, Eid, Frame, Locator, Message, Signature, WriteError, X25519Key};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::{Context, DockError, DockReason, HEAD, LASTS, MAGIC, Record, RecordType, VERSION, cipher, nonce};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite};
use crate::identity::{Identity, sign_frame};
use crate::time::UnixTime;

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
    /// Offers to take `eid` over from `exporter`, and writes the DOCK_OFFER frame of [`OFFER`](super::OFFER) bytes.
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
        cleanly(|| {
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
        })
    }

    /// Which EID was offered to be taken over.
    pub(crate) const fn eid(&self) -> Eid {
        self.eid
    }

    /// Whether a blob says that it is for this offer.
    pub(crate) fn is_named_by(&self, blob: &[u8]) -> bool {
        blob.get(112..144) == Some(self.digest.0.as_slice())
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
        cleanly(|| {
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
                let kind = RecordType::from_code(code).ok_or(DockError::Records)?;
                let is_context = kind == RecordType::Context;
                if is_context != (number == 0) || (is_context && length != Context::LEN) {
                    return Err(DockError::Records);
                }
                if !is_context {
                    Record::parse(kind, text)?;
                }
                rest = behind;
            }
            if rest.is_empty() { Ok((reason, count, self.at)) } else { Err(DockError::Seal) }
        })
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

    /// The records behind the context, read. Each was checked when the blob was opened.
    pub fn read(&self) -> impl Iterator<Item = Record<'_>> {
        self.records().filter_map(|(kind, bytes)| Record::parse(kind, bytes).ok())
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
