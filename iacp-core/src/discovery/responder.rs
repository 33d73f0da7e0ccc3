//! The responder's side: no memory before the proof holds (`IACP §6.3.1`, `IACP Appendix B.1`).

use core::net::SocketAddr;

use iacp_wire::message::{DiscoveryReq, DiscoveryRes};
use iacp_wire::{AeadNonce, Cookie, DhtKey, Eid, Frame, HEADER_LEN, Message, SealedEid, VERSION, X25519Key};
use rand_core::CryptoRng;
use zerocopy::{FromBytes, IntoBytes};

use super::dfa::{Event, State};
use super::{Refusal, TIMESTAMP_WINDOW, answer_key, pow::trailing_zero_bits};
use crate::crypto::{Provider, Secret32};
use crate::identity::Identity;
use crate::time::{Mono, UnixTime};

/// The window in which the identity behind an accepted request must show itself, in milliseconds (`IACP App. B.1`).
pub const AWAIT_IDENTITY: u64 = 500;

/// How long the handshake may take that a valid `PSS_INIT` began, in milliseconds: all of the initiator's attempts.
pub const HANDSHAKE_LIMIT: u64 = 30_000;

/// The only header that a proof covers: version 1, no flags, no session header, no TLVs.
const HEADER: [u8; HEADER_LEN] = [VERSION << 4, 0x01 << 4, 0, 84];
const _: () = assert!(DiscoveryReq::LEN == 84);
const REQUEST_LEN: usize = HEADER_LEN + DiscoveryReq::LEN;
const ANSWER_LEN: usize = HEADER_LEN + DiscoveryRes::LEN;

/// A request whose proof holds. It borrows the datagram: still nothing is stored.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    request: &'a DiscoveryReq,
    datagram: &'a [u8],
    digest: [u8; 32],
}

impl Proven<'_> {
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
// keeps: IACP-140, IACP-116
pub fn check<P: Provider>(datagram: &[u8], now: UnixTime, difficulty: u32) -> Result<Proven<'_>, Refusal> {
    if datagram.len() != REQUEST_LEN {
        return Err(Refusal::Malformed);
    }
    let Some((&HEADER, body)) = datagram.split_first_chunk() else {
        return Err(Refusal::Malformed);
    };
    let Ok(request) = DiscoveryReq::ref_from_bytes(body) else { return Err(Refusal::Malformed) };
    if UnixTime(request.timestamp.get()).distance(now) > TIMESTAMP_WINDOW {
        return Err(Refusal::Timestamp);
    }
    let claimed = request.pow_target_threshold.get();
    if claimed < difficulty {
        return Err(Refusal::Threshold);
    }
    let digest = P::sha256(&[request.as_bytes()]);
    if trailing_zero_bits(&digest) < claimed {
        return Err(Refusal::Proof);
    }
    Ok(Proven { request, datagram, digest })
}

/// One accepted request that waits for the identity behind it.
#[derive(Clone, Copy, Debug)]
struct Slot {
    state: State,
    requester: SocketAddr,
    deadline: Mono,
    initiator: Option<(Eid, Cookie)>,
}

/// A proof that was accepted, until it is too old to be shown again.
#[derive(Clone, Copy, Debug)]
struct Seen {
    digest: [u8; 32],
    until: UnixTime,
}

/// The responder's memory: `SLOTS` accepted requests, `FILTER` proofs that must not be taken twice.
#[derive(Debug)]
pub struct Discoverable<const SLOTS: usize, const FILTER: usize> {
    slots: [Option<Slot>; SLOTS],
    seen: [Option<Seen>; FILTER],
}

impl<const SLOTS: usize, const FILTER: usize> Default for Discoverable<SLOTS, FILTER> {
    fn default() -> Self {
        Self { slots: [None; SLOTS], seen: [None; FILTER] }
    }
}

impl<const SLOTS: usize, const FILTER: usize> Discoverable<SLOTS, FILTER> {
    /// Takes a request that the caller wants to answer: remembers its proof, gives it a slot, and writes the
    /// `DISCOVERY_RES`. Returns its length.
    ///
    /// # Errors
    /// The proof was seen, or memory is full: nothing changes, and nothing is written. A buffer below 96 bytes counts
    /// as [`Refusal::Malformed`].
    // keeps: IACP-137
    #[expect(clippy::too_many_arguments, reason = "time, identity, randomness and memory are all the caller's")]
    pub fn accept<P: Provider>(
        &mut self,
        proven: &Proven<'_>,
        from: SocketAddr,
        now: Mono,
        unix: UnixTime,
        identity: &Identity<P>,
        rng: &mut impl CryptoRng,
        out: &mut [u8],
    ) -> Result<usize, Refusal> {
        let room = out.get_mut(..ANSWER_LEN).ok_or(Refusal::Malformed)?;
        let live = |seen: &Seen| seen.until >= unix;
        if self.seen.iter().flatten().any(|seen| live(seen) && seen.digest == proven.digest) {
            return Err(Refusal::Replayed);
        }
        let place = self.seen.iter_mut().find(|seen| !seen.as_ref().is_some_and(live)).ok_or(Refusal::FilterFull)?;
        let slot = self.slots.iter_mut().find(|slot| slot.is_none()).ok_or(Refusal::NoSlot)?;
        let state = State::INITIAL
            .next(Event::RxDiscoveryReq)
            .and_then(|state| state.next(Event::PowSuccess))
            .ok_or(Refusal::Malformed)?;

        // A proof can be shown again until its timestamp leaves the window. It is spent before it costs a key agreement.
        let until = UnixTime(proven.request.timestamp.get().saturating_add(TIMESTAMP_WINDOW));
        *place = Some(Seen { digest: proven.digest, until });

        let secret = Secret32::random(rng);
        let mut nonce = [0; AeadNonce::LEN];
        rng.fill_bytes(&mut nonce);
        let shared = P::x25519(&secret, &proven.request.ephemeral_public_key.0).map_err(|_| Refusal::Seal)?;
        let key = answer_key::<P>(&P::sha256(&[proven.datagram]), &shared);
        let mut answer = DiscoveryRes {
            responder_ephemeral_public_key: X25519Key(P::x25519_public(&secret)),
            aead_nonce: AeadNonce(nonce),
            encrypted_payload: SealedEid::ZERO,
        };
        let length = Frame::new(Message::DiscoveryRes(&answer)).write(room).map_err(|_| Refusal::Malformed)?;
        let aad = room.get(..HEADER_LEN + X25519Key::LEN).ok_or(Refusal::Malformed)?;
        let (sealed, tag) = answer.encrypted_payload.0.split_first_chunk_mut::<32>().ok_or(Refusal::Malformed)?;
        *sealed = identity.eid().0;
        tag.copy_from_slice(&P::seal(&key, &nonce, aad, sealed));
        Frame::new(Message::DiscoveryRes(&answer)).write(room).map_err(|_| Refusal::Malformed)?;

        *slot = Some(Slot { state, requester: from, deadline: now.after(AWAIT_IDENTITY), initiator: None });
        Ok(length)
    }

    /// A `PSS_INIT` whose signature holds came from `from`. If an accepted request waits there, its timer stops, and
    /// the slot waits for the exchange that this one began.
    // keeps: IACP-141
    pub fn on_pss_init(&mut self, now: Mono, from: SocketAddr, initiator: Eid, cookie: Cookie) -> bool {
        let waiting = self.slots.iter_mut().flatten().find(|slot| {
            slot.requester == from
                && match slot.initiator {
                    None => now < slot.deadline,
                    // The initiator starts over with a new cookie.
                    Some((eid, _)) => eid == initiator && now < slot.deadline,
                }
        });
        let Some(slot) = waiting else { return false };
        if slot.initiator.is_none() {
            slot.deadline = now.after(HANDSHAKE_LIMIT);
        }
        slot.initiator = Some((initiator, cookie));
        true
    }

    /// The exchange has completed: the slot's machine takes `RX_PSS_INIT`, and its memory is free again. Returns the
    /// state that it reached, if an accepted request led here.
    pub fn on_established(&mut self, initiator: Eid, cookie: Cookie, contract: bool) -> Option<State> {
        let slot =
            self.slots.iter_mut().find(|slot| slot.is_some_and(|slot| slot.initiator == Some((initiator, cookie))))?;
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
            if slot.is_some_and(|slot| now >= slot.deadline && slot.state.next(Event::IdentityTimeout).is_some()) {
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
}
