//! The requester's side: a search by topic.

use iacp_wire::message::{DiscoveryReq, DiscoveryRes};
use iacp_wire::{DhtKey, Eid, Frame, HEADER_LEN, Message, WriteError, X25519Key};
use rand_core::CryptoRng;

use super::responder::{identity_key, identity_proof};
use super::{NotAccepted, answer_key, pow::Miner};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite};
use crate::time::UnixTime;

/// A search that is under way: the one-time key that its answers are sealed to. At most `PEERS` of them are accepted
/// (`IACP §6.2`).
///
/// An agent looks for others by a topic, and one of them answers:
///
/// ```
/// use iacp_core::discovery::pow::Miner;
/// use iacp_core::discovery::{ANSWER_LEN, Discoverable, NotAccepted, Proven, Search, check, space_of_topic};
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::{Mono, UnixTime};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
/// # let (now, unix) = (Mono(0), UnixTime(1_790_000_000_000));
/// # let found = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let from = ([192, 0, 2, 1], 4227).into();
///
/// let space = space_of_topic::<ChaChaOnly>("chess");
/// let (mut search, mut miner): (Search<4>, Miner) = Search::begin::<ChaChaOnly>(space, unix, 8, &mut rng);
/// let worked = loop {
///     if let Some(worked) = miner.step(1_000) {
///         break worked;
///     }
/// };
/// let mut request = [0; 128];
/// let length = search.request::<ChaChaOnly>(&worked, &mut request)?;
///
/// // At the other side: first the work, which costs no memory, then a slot and the answer.
/// let proven: Proven<'_> = check::<ChaChaOnly>(&request[..length], unix, 8)?;
/// assert_eq!(proven.space(), space);
/// let (mut waiting, mut answer) = (Discoverable::<8, 64>::default(), [0; ANSWER_LEN]);
/// let length = waiting.accept(&proven, from, now, unix, &found, &mut rng, &mut answer)?;
/// assert_eq!(search.open::<ChaChaOnly>(&answer[..length]), Ok(found.eid()));
///
/// let again = waiting.accept(&proven, from, now, unix, &found, &mut rng, &mut answer);
/// assert_eq!(again, Err(NotAccepted::Replayed), "one proof of work is good for one slot");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IACP-138 (§6.2)
pub struct Search<const PEERS: usize> {
    secret: Secret32,
    request_digest: Option<[u8; 32]>,
    /// The one-time keys of the answers that were opened: a repeat is not another peer.
    answers: heapless::Vec<(X25519Key, Eid), PEERS>,
}

impl<const PEERS: usize> Search<PEERS> {
    /// Begins a search. The miner makes the request's proof; [`Self::request`] writes it.
    ///
    /// `threshold` is the number of zero bits to be mined, and the number of peers in its second byte: see [`Self::through_hubs`].
    #[must_use]
    pub fn begin<P: Provider>(space: DhtKey, now: UnixTime, threshold: u32, rng: &mut impl CryptoRng) -> (Self, Miner) {
        cleanly(|| {
            let secret = Secret32::random(rng);
            let request = DiscoveryReq {
                target_space_coordinate: space,
                ephemeral_public_key: X25519Key(P::x25519_public(&secret)),
                timestamp: now.0.into(),
                pow_nonce: rng.next_u64().into(),
                pow_target_threshold: threshold.into(),
            };
            (Self { secret, request_digest: None, answers: heapless::Vec::new() }, Miner::new(request))
        })
    }

    /// The same for hubs, which pass it on to at most `PEERS` members, and 32 at most: the proof covers the number.
    // keeps: IACP-138 (§6.2)
    #[must_use]
    pub fn through_hubs<P: Provider>(
        space: DhtKey,
        now: UnixTime,
        bits: u8,
        rng: &mut impl CryptoRng,
    ) -> (Self, Miner) {
        let wanted = u32::try_from(PEERS).unwrap_or(u32::MAX).min(32);
        Self::begin::<P>(space, now, wanted << 16 | u32::from(bits), rng)
    }

    /// What the PSS_INIT to an agent that was found proves itself with, as its DISCOVERY_PROOF; none if it was not found here. Only
    /// the two can make it, or tell what it belongs to.
    // keeps: IACP-141 (B.1)
    #[must_use]
    pub fn proof<P: Provider>(&self, found: &Eid, own: &Eid) -> Option<[u8; 16]> {
        cleanly(|| {
            let (peer, _) = self.answers.iter().find(|(_, eid)| eid == found)?;
            let shared = P::x25519(&self.secret, &peer.0).ok()?;
            Some(identity_proof::<P>(&identity_key::<P>(self.request_digest.as_ref()?, &shared), own))
        })
    }

    /// Writes the `DISCOVERY_REQ` that the miner finished. It bears no trace of the requester (`IACP §8.6`).
    ///
    /// # Errors
    /// The buffer is too small.
    // keeps: IACP-139 (§6.3.1–2)
    pub fn request<P: Provider>(&mut self, proven: &DiscoveryReq, out: &mut [u8]) -> Result<usize, WriteError> {
        let length = Frame::new(Message::DiscoveryReq(proven)).write(out)?;
        self.request_digest = Some(P::sha256(&[out.get(..length).unwrap_or_default()]));
        Ok(length)
    }

    /// Opens an answer: the EID of an agent that took the request.
    ///
    /// # Errors
    /// The datagram is not an answer to this search, or one more than it asked for.
    pub fn open<P: Provider>(&mut self, datagram: &[u8]) -> Result<Eid, NotAccepted> {
        let request_digest = self.request_digest.as_ref().ok_or(NotAccepted::Seal)?;
        let Ok(Frame { message: Message::DiscoveryRes(answer), responder_cookie: None, .. }) = Frame::parse(datagram)
        else {
            return Err(NotAccepted::Malformed);
        };
        let DiscoveryRes { responder_ephemeral_public_key: peer, aead_nonce, encrypted_payload } = answer;
        if self.answers.iter().any(|(key, _)| key == peer) {
            return Err(NotAccepted::Replayed);
        }
        if self.answers.is_full() {
            return Err(NotAccepted::Enough);
        }
        cleanly(|| {
            let shared = P::x25519(&self.secret, &peer.0).map_err(|_| NotAccepted::Seal)?;
            let aad = datagram.get(..HEADER_LEN + X25519Key::LEN).ok_or(NotAccepted::Malformed)?;
            let (sealed, tag) = encrypted_payload.0.split_first_chunk::<32>().ok_or(NotAccepted::Malformed)?;
            let tag = tag.first_chunk().ok_or(NotAccepted::Malformed)?;
            let open = |suite| {
                let mut eid = *sealed;
                let key = answer_key::<P>(suite, request_digest, &shared);
                P::open(&key, &aead_nonce.0, aad, &mut eid, tag).ok().map(|()| eid)
            };
            let suites = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305].into_iter().filter(|suite| P::SUITES.has(*suite));
            let eid = suites.filter_map(open).next().ok_or(NotAccepted::Seal)?;
            self.answers.push((*peer, Eid(eid))).map_err(|_| NotAccepted::Enough)?;
            Ok(Eid(eid))
        })
    }
}
