//! The responder's side: no memory before the proof holds (`IACP §6.3.1`, `IACP Appendix B.1`).

use core::net::SocketAddr;

use iacp_wire::message::{DiscoveryReq, DiscoveryRes};
use iacp_wire::{AeadNonce, Cookie, DhtKey, Eid, Frame, HEADER_LEN, Message, SealedEid, VERSION, X25519Key};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zerocopy::{FromBytes, IntoBytes};

use super::dfa::{Event, State};
use super::{NotAccepted, TIMESTAMP_WINDOW, answer_key, pow::trailing_zero_bits};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32};
use crate::guard::Load;
use crate::identity::Identity;
use crate::time::{Mono, UnixTime};

/// The window in which the identity behind an accepted request must show itself, in milliseconds (`IACP App. B.1`). The
/// whole exchange must fit into it: a `PSS_INIT` alone extends nothing, for a signature proves no presence.
pub const AWAIT_IDENTITY: u64 = 500;
/// The same for a request that a hub passed on, in milliseconds: four times the way, and a look-up.
pub const AWAIT_THROUGH_HUB: u64 = 2_000;

/// The only header that a proof covers: version 1, no flags, no session header, no TLVs.
const HEADER: [u8; HEADER_LEN] = [VERSION << 4, 0x01 << 4, 0, 84];
const _: () = assert!(DiscoveryReq::LEN == 84);
const REQUEST_LEN: usize = HEADER_LEN + DiscoveryReq::LEN;
/// The length of a `DISCOVERY_RES`, in bytes.
pub const ANSWER_LEN: usize = HEADER_LEN + DiscoveryRes::LEN;

/// A request whose proof holds. It borrows the datagram: still nothing is stored.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    request: &'a DiscoveryReq,
    datagram: &'a [u8],
    digest: [u8; 32],
}

impl Proven<'_> {
    /// Its digest, by which it is known again.
    pub(crate) const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The time that it names.
    pub(crate) const fn time(&self) -> UnixTime {
        UnixTime(self.request.timestamp.get())
    }

    /// The Discovery Space that is searched: the caller's own filter decides whether to answer (`IACP §6.2`).
    #[must_use]
    pub const fn space(&self) -> DhtKey {
        self.request.target_space_coordinate
    }
}

/// Checks a datagram against the difficulty of the moment, cheapest check first. It is a pure function: there is no
/// state that a refused request could change, and none that an accepted one has changed yet.
///
/// # Errors
/// The first check that fails.
// keeps: IACP-140 (§6.3.1), IACP-116 (§5.3.1)
pub fn check<P: Provider>(datagram: &[u8], now: UnixTime, difficulty: u32) -> Result<Proven<'_>, NotAccepted> {
    if datagram.len() != REQUEST_LEN {
        return Err(NotAccepted::Malformed);
    }
    let Some((&HEADER, body)) = datagram.split_first_chunk() else {
        return Err(NotAccepted::Malformed);
    };
    let Ok(request) = DiscoveryReq::ref_from_bytes(body) else { return Err(NotAccepted::Malformed) };
    if UnixTime(request.timestamp.get()).distance(now) > TIMESTAMP_WINDOW {
        return Err(NotAccepted::Timestamp);
    }
    // The number of peers stands in the second byte: the proof covers it.
    let [0, _, 0, claimed] = request.pow_target_threshold.get().to_be_bytes() else {
        return Err(NotAccepted::Threshold);
    };
    let claimed = u32::from(claimed);
    if claimed < difficulty {
        return Err(NotAccepted::Threshold);
    }
    let digest = P::sha256(&[request.as_bytes()]);
    if trailing_zero_bits(&digest) < claimed {
        return Err(NotAccepted::Proof);
    }
    Ok(Proven { request, datagram, digest })
}

/// How many peers the request wants to hear of, through hubs: 0 leaves it to the hub. The proof covers it.
// keeps: IACP-138 (§6.2)
#[must_use]
pub fn peers_wanted(proven: &Proven<'_>) -> usize {
    let [_, wanted, ..] = proven.request.pow_target_threshold.get().to_be_bytes();
    usize::from(wanted)
}

/// What a PSS_INIT that follows a search proves itself with: a MAC under a key of seeker and responder alone, over the seeker's EID. So
/// neither a hub nor anyone on the path can tell which search a session came from, or bring another's PSS_INIT for it.
pub(super) fn identity_key<P: Provider>(request_digest: &[u8; 32], shared: &Secret32) -> Secret32 {
    let prk = P::hkdf_extract(request_digest, &[shared.expose()]);
    P::hkdf_expand_key(&prk, b"IACP/1 identity")
}

/// See [`identity_key`].
pub(super) fn identity_proof<P: Provider>(key: &Secret32, initiator: &Eid) -> [u8; 16] {
    P::hmac_sha256(key.expose(), &[&initiator.0]).expose().first_chunk().copied().unwrap_or_default()
}

/// One accepted request that waits for the identity behind it.
struct Slot {
    state: State,
    /// None if a hub passed it on.
    requester: Option<SocketAddr>,
    deadline: Mono,
    initiator: Option<(Eid, Cookie)>,
    /// What a DISCOVERY_PROOF is made with.
    identity: Secret32,
}

impl core::fmt::Debug for Slot {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot").field("state", &self.state).field("requester", &self.requester).finish_non_exhaustive()
    }
}

/// A proof that was accepted, and the time that it names.
#[derive(Clone, Copy, Debug)]
struct Seen {
    digest: [u8; 32],
    at: UnixTime,
}

impl Seen {
    /// Whether the proof could be shown again now: exactly then [`check`] takes its time. So an entry holds its place for
    /// at most twice the window, and one from a clock that was wrong holds none once the clock is right.
    const fn is_live(&self, now: UnixTime) -> bool {
        self.at.distance(now) <= TIMESTAMP_WINDOW
    }
}

/// The responder's memory: `SLOTS` accepted requests, `FILTER` proofs that must not be taken twice.
#[derive(Debug)]
pub struct Discoverable<const SLOTS: usize, const FILTER: usize> {
    slots: [Option<Slot>; SLOTS],
    seen: [Option<Seen>; FILTER],
}

impl<const SLOTS: usize, const FILTER: usize> Default for Discoverable<SLOTS, FILTER> {
    fn default() -> Self {
        Self { slots: [const { None }; SLOTS], seen: [None; FILTER] }
    }
}

impl<const SLOTS: usize, const FILTER: usize> Discoverable<SLOTS, FILTER> {
    /// Takes a request that the caller wants to answer: remembers its proof, gives it a slot, and writes the
    /// `DISCOVERY_RES`. Returns its length.
    ///
    /// # Errors
    /// The proof was seen or is too old by now, or memory is full: nothing changes, and nothing is written.
    // keeps: IACP-137 (§6.2)
    #[expect(clippy::too_many_arguments, reason = "time, identity, randomness and memory are all the caller's")]
    pub fn accept<P: Provider>(
        &mut self,
        proven: &Proven<'_>,
        from: SocketAddr,
        now: Mono,
        unix: UnixTime,
        identity: &Identity<P>,
        rng: &mut impl CryptoRng,
        out: &mut [u8; ANSWER_LEN],
    ) -> Result<usize, NotAccepted> {
        self.take::<P>(proven, Some(from), now, unix, &identity.eid(), rng, out)
    }

    /// The same for a request that a hub has passed on, whose answer goes back to the hub inside of a SPACE_RELAY with its token. It
    /// waits for 2 s, and only [`Self::on_proof`] ends the wait: its seeker's address is not known here. `own` is the EID that is
    /// found; its key, which an LL-Entity may have, is not needed.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn accept_relayed<P: Provider>(
        &mut self,
        proven: &Proven<'_>,
        now: Mono,
        unix: UnixTime,
        own: &Eid,
        rng: &mut impl CryptoRng,
        out: &mut [u8; ANSWER_LEN],
    ) -> Result<usize, NotAccepted> {
        self.take::<P>(proven, None, now, unix, own, rng, out)
    }

    #[expect(clippy::too_many_arguments, reason = "time, identity, randomness and memory are all the caller's")]
    fn take<P: Provider>(
        &mut self,
        proven: &Proven<'_>,
        from: Option<SocketAddr>,
        now: Mono,
        unix: UnixTime,
        own: &Eid,
        rng: &mut impl CryptoRng,
        out: &mut [u8; ANSWER_LEN],
    ) -> Result<usize, NotAccepted> {
        let seen = Seen { digest: proven.digest, at: UnixTime(proven.request.timestamp.get()) };
        // The clock may have moved since the check; an entry that is dead at once would let its proof come twice.
        if !seen.is_live(unix) {
            return Err(NotAccepted::Timestamp);
        }
        let live = |seen: &Option<Seen>| seen.is_some_and(|seen| seen.is_live(unix));
        if self.seen.iter().filter(|seen| live(seen)).flatten().any(|other| other.digest == seen.digest) {
            return Err(NotAccepted::Replayed);
        }
        let place = self.seen.iter_mut().find(|seen| !live(seen)).ok_or(NotAccepted::FilterFull)?;
        let slot = self.slots.iter_mut().find(|slot| slot.is_none()).ok_or(NotAccepted::NoSlot)?;
        let state = State::INITIAL
            .next(Event::RxDiscoveryReq)
            .and_then(|state| state.next(Event::PowSuccess))
            .ok_or(NotAccepted::Malformed)?;

        let suite = P::SUITES.preferred().ok_or(NotAccepted::Seal)?;
        // The proof is spent before it costs a key agreement.
        *place = Some(seen);

        cleanly(|| {
            let secret = Secret32::random(rng);
            let mut nonce = [0; AeadNonce::LEN];
            rng.fill_bytes(&mut nonce);
            let shared = P::x25519(&secret, &proven.request.ephemeral_public_key.0).map_err(|_| NotAccepted::Seal)?;
            let request_digest = P::sha256(&[proven.datagram]);
            let key = answer_key::<P>(suite, &request_digest, &shared);
            let mut answer = DiscoveryRes {
                responder_ephemeral_public_key: X25519Key(P::x25519_public(&secret)),
                aead_nonce: AeadNonce(nonce),
                encrypted_payload: SealedEid::ZERO,
            };
            let length = Frame::new(Message::DiscoveryRes(&answer)).write(out).map_err(|_| NotAccepted::Malformed)?;
            let aad = out.get(..HEADER_LEN + X25519Key::LEN).ok_or(NotAccepted::Malformed)?;
            let (sealed, tag) =
                answer.encrypted_payload.0.split_first_chunk_mut::<32>().ok_or(NotAccepted::Malformed)?;
            *sealed = own.0;
            tag.copy_from_slice(&P::seal(&key, &nonce, aad, sealed));
            Frame::new(Message::DiscoveryRes(&answer)).write(out).map_err(|_| NotAccepted::Malformed)?;

            let wait = if from.is_some() { AWAIT_IDENTITY } else { AWAIT_THROUGH_HUB };
            let identity = identity_key::<P>(&request_digest, &shared);
            *slot = Some(Slot { state, requester: from, deadline: now.after(wait), initiator: None, identity });
            Ok(length)
        })
    }

    /// A `PSS_INIT` whose signature holds came from `from`; returns whether an accepted request waits there. If the exchange
    /// that it begins completes before the request's 500 ms are over, its cookie names the slot.
    ///
    /// It reserves nothing: an old `PSS_INIT` can be sent again, from any address. So the slot's deadline stays, and a
    /// later `PSS_INIT` from the same address takes the place of this one.
    // keeps: IACP-141 (B.1)
    pub fn on_pss_init(&mut self, now: Mono, from: SocketAddr, initiator: Eid, cookie: Cookie) -> bool {
        let waiting =
            self.slots.iter_mut().flatten().filter(|slot| slot.requester == Some(from) && now < slot.deadline);
        // One address may have several requests: the initiator's own slot first, then one that has none.
        let slot = waiting.min_by_key(|slot| match slot.initiator {
            Some((eid, _)) if eid == initiator => 0,
            None => 1,
            Some(_) => 2,
        });
        let Some(slot) = slot else { return false };
        slot.initiator = Some((initiator, cookie));
        true
    }

    /// The same for a PSS_INIT with a DISCOVERY_PROOF, wherever it came from: the proof names the request. It is the only way for
    /// a request that a hub passed on.
    // keeps: IACP-141 (B.1)
    pub fn on_proof<P: Provider>(&mut self, now: Mono, initiator: Eid, cookie: Cookie, proof: &[u8; 16]) -> bool {
        let mut waiting = self.slots.iter_mut().flatten().filter(|slot| now < slot.deadline);
        let slot = waiting.find(|slot| identity_proof::<P>(&slot.identity, &initiator).ct_eq(proof).into());
        let Some(slot) = slot else { return false };
        slot.initiator = Some((initiator, cookie));
        true
    }

    /// The exchange has completed: the slot's machine takes `RX_PSS_INIT`, and its memory is free again. Returns the
    /// state that it reached, if an accepted request led here.
    pub fn on_established(&mut self, initiator: Eid, cookie: Cookie, contract: bool) -> Option<State> {
        let is_its = |slot: &Slot| slot.initiator == Some((initiator, cookie));
        let slot = self.slots.iter_mut().find(|slot| slot.as_ref().is_some_and(is_its))?;
        let event = if contract { Event::RxPssInitSfc1 } else { Event::RxPssInitSfc0 };
        slot.take()?.state.next(event)
    }

    /// When the next slot gives up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        self.slots.iter().flatten().map(|slot| slot.deadline).min()
    }

    /// `IDENTITY_TIMEOUT` for every slot whose time is over; returns how many there were.
    pub fn handle_deadline(&mut self, now: Mono) -> usize {
        let mut expired = 0;
        for slot in &mut self.slots {
            let is_over = |slot: &Slot| now >= slot.deadline && slot.state.next(Event::IdentityTimeout).is_some();
            if slot.as_ref().is_some_and(is_over) {
                *slot = None;
                expired += 1;
            }
        }
        expired
    }

    /// How many accepted requests wait for an identity.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// How full the slots and the replay filter are: what [`Difficulty::observe`](crate::guard::Difficulty::observe) asks
    /// for.
    ///
    /// ```
    /// use iacp_core::discovery::Discoverable;
    /// use iacp_core::guard::Difficulty;
    /// use iacp_core::time::{Mono, UnixTime};
    ///
    /// let (now, unix) = (Mono(0), UnixTime(1_790_000_000_000));
    /// let mut difficulty = Difficulty::new(16, 4, now);
    /// let waiting = Discoverable::<8, 64>::default();
    /// let bits = difficulty.observe(now, &waiting.loads(unix)); // and now: discovery::check(datagram, unix, bits)
    /// assert_eq!(bits, 16);
    /// ```
    #[must_use]
    pub fn loads(&self, unix: UnixTime) -> [Load; 2] {
        let load = |used: usize, room: usize| Load {
            used: u32::try_from(used).unwrap_or(u32::MAX),
            room: u32::try_from(room).unwrap_or(u32::MAX),
        };
        let seen = self.seen.iter().flatten().filter(|seen| seen.is_live(unix)).count();
        [load(self.waiting(), SLOTS), load(seen, FILTER)]
    }
}
