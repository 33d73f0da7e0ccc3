//! The exporting host: it checks the offer, and seals record after record.

use core::net::SocketAddr;

use iacp_wire::{Digest, Eid, Frame, Message, X25519Key};
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::{DockError, DockReason, HEAD, LASTS, MAGIC, RECORD, RecordType, VERSION, cipher, nonce};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite};
use crate::identity::{Identity, verify_frame};
use crate::time::UnixTime;

/// An offer that the exporting host has checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The importing host.
    pub importer: Eid,
    /// The agent that moves.
    pub eid: Eid,
    /// The address for which the next generation is signed.
    pub at: SocketAddr,
    /// When the offer ends.
    pub(crate) expiry: UnixTime,
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
            expiry: UnixTime(offer.expiry.get()),
            ephemeral: offer.ephemeral_key,
            digest: Digest(P::sha256(&[datagram])),
        })
    }
}

/// Seals the records of one blob, in order. Counters travel in the records; keys do not stay.
///
/// A context moves from one host to another. An LL-Entity does all of this itself; a host of another make does it so:
///
/// ```
/// use iacp_core::erp::dock::{Checked, Context, DockReason, Exporter, HEAD, Imported, OFFER, Offer, RecordType};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32, Suite};
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::{Digest, Eid, Locator};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = UnixTime(1_790_000_000_000);
/// # let [new, old, agent] = [1, 2, 3].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
/// # let at = ([192, 0, 2, 7], 4227).into();
/// # let context = Context {
/// #     seed: Secret32::new([3; 32]),
/// #     airk: Eid::ZERO,
/// #     app_digest: Digest::ZERO,
/// #     evolution: 0,
/// #     binding: Binding::sign(&agent, Locator::from(std::net::IpAddr::from([192, 0, 2, 7])), 9),
/// #     listen: [0; 24],
/// # };
///
/// // The new host offers; the offer's key is in its memory alone.
/// let mut frame = [0; OFFER];
/// let offer = Offer::new(now, &new, old.eid(), agent.eid(), at, &mut rng, &mut frame)?;
/// // The old host seals the records to that key, each one once, and wipes them.
/// let checked = Checked::new::<ChaChaOnly>(now, &old.eid(), |host| *host == new.eid(), &frame)?;
/// let (suite, mut blob) = (Suite::ChaCha20Poly1305, [0; 512]);
/// let mut exporter = Exporter::new(&old, &checked, suite, DockReason::Planned, 1, &mut rng, &mut blob)?;
/// let mut record = [0; Context::LEN];
/// context.write(&mut record);
/// let length = HEAD + exporter.seal(RecordType::Context, &mut record, &mut blob[HEAD..])?;
/// assert!(exporter.is_complete() && record == [0; Context::LEN]);
/// // The new host opens the blob whole, before it creates anything.
/// let imported: Imported<'_> = offer.open(now, &new, &mut blob[..length])?;
/// assert_eq!(imported.context::<ChaChaOnly>()?.binding.generation, 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        cleanly(|| {
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
            let fields =
                fields.chain(count.to_be_bytes()).chain(host.eid().0).chain(offer.importer.0).chain(offer.eid.0);
            let fields = fields.chain(offer.digest.0).chain(P::x25519_public(&ephemeral));
            head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
            let cipher = cipher::<P>(suite, head, host, &offer.importer, &ephemeral, &offer.ephemeral.0)?;
            Ok(Self { cipher, number: 0, count })
        })
    }

    /// Seals the next record to the front of `out`, wipes `body` in the same step, and returns the record's length.
    ///
    /// # Errors
    /// The buffer is too small, or all records are sealed. Then `body` is as it was.
    pub fn seal(&mut self, kind: RecordType, body: &mut [u8], out: &mut [u8]) -> Result<usize, DockError> {
        let sealed = self.seal_with(kind, body.len(), out, |text| {
            text.iter_mut().zip(&*body).for_each(|(to, from)| *to = *from);
            Some(())
        })?;
        body.zeroize();
        Ok(sealed)
    }

    /// Like [`Self::seal`], for a record of `length` bytes that `write` writes where it is sealed: so it is nowhere else.
    ///
    /// # Errors
    /// The buffer is too small, or all records are sealed, or `write` has written none: [`DockError::Records`].
    pub(crate) fn seal_with(
        &mut self,
        kind: RecordType,
        length: usize,
        out: &mut [u8],
        write: impl FnOnce(&mut [u8]) -> Option<()>,
    ) -> Result<usize, DockError> {
        if self.number >= self.count {
            return Err(DockError::Complete);
        }
        if (kind == RecordType::Context) != (self.number == 0) {
            return Err(DockError::Records);
        }
        let needed = length.saturating_add(RECORD);
        let length = u32::try_from(length).map_err(|_| DockError::TooSmall)?;
        let room = out.get_mut(..needed).ok_or(DockError::TooSmall)?;
        let (aad, rest) = room.split_first_chunk_mut::<8>().ok_or(DockError::TooSmall)?;
        let (text, tag) = rest.split_last_chunk_mut::<16>().ok_or(DockError::TooSmall)?;
        let [a, b, c, d] = length.to_be_bytes();
        *aad = [kind as u8, u8::from(self.number + 1 == self.count), 0, 0, a, b, c, d];
        if write(text).is_none() {
            text.zeroize();
            return Err(DockError::Records);
        }
        *tag = P::seal(&self.cipher, &nonce(u64::from(self.number)), aad, text);
        self.number += 1;
        Ok(needed)
    }

    /// Whether all records are sealed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.number == self.count
    }
}
