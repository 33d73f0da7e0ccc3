//! The responder's side of the handshake: nothing is stored until a PSS_ACK is verified (`IACP §6.4.3`).

use core::net::SocketAddr;

use iacp_wire::message::PssAck;
use iacp_wire::{Cookie, Eid, Message, X25519Key};
use rand_core::CryptoRng;

use super::contract::Party;
use super::cookie::{Binding, CookieSecrets, Derived, Issuer};
use super::frames::{HANDSHAKE_LEN, Said, possible_sequence};
use super::gate::{Admission, Gate};
use super::incoming::Signed;
use super::keys::{Transcript, derive, place_secret};
use super::terms::{Capabilities, Proposal, Settings};
use crate::crypto::stack::{AFTERWARDS, cleanly, scrub};
use crate::crypto::{CheckedKey, Provider, Secret32};
use crate::identity::{Identity, unsigned_digest, verify_frame, verify_frame_checked};
use crate::pss::discard::Discard;
use crate::pss::error::TooSmall;
use crate::pss::stream::frame::Cookies;
use crate::time::Mono;

/// What a PSS_INIT led to.
///
/// ```
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use iacp_core::pss::{Capabilities, Responder, Session, Settings, TRANSMIT_BUFFER, Terms};
/// use iacp_core::pss::{Admission, Replied, Incoming};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
/// # let mut responder = Responder::<64>::new(Settings { capabilities: Capabilities::NONE, terms }, now, &mut rng);
/// # let (from, bob_at) = (([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4227).into());
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let mut session = Session::<Portable, 4096, 8>::IDLE;
/// # session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::NONE, &mut rng)?;
/// # let mut buffer = [0; TRANSMIT_BUFFER];
///
/// # let mut datagram = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
/// // A datagram has come that belongs to no session.
/// let Ok(Incoming::Signed(init)) = Incoming::parse(&mut datagram) else { return Err("it is not signed".into()) };
/// match responder.answer(now, &bob, from, &init, |_peer| Admission::Admit, &mut buffer)? {
///     Replied::Negotiate { length, initiator, .. } => {
///         assert_eq!(initiator, alice.eid());
///         let _neg = &buffer[..length]; // goes to `from`; nothing is kept
///     }
///     Replied::DemandWork { initiator: _ } => {} // an ERROR frame that says how much
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Replied {
    /// A PSS_NEG of this length is in the buffer. The signature of the PSS_INIT was valid; discovery may need its
    /// sender.
    Negotiate {
        /// Bytes written.
        length: usize,
        /// The EID that opens a session.
        initiator: Eid,
        /// Its I-Cookie.
        cookie: Cookie,
        /// The hook returned [`Admission::Throttle`].
        throttled: bool,
        /// The DISCOVERY_PROOF in the PSS_INIT, under its signature. It proves nothing before
        /// [`Discoverable::on_proof`](crate::discovery::Discoverable::on_proof) knows it; with one that nothing knows, the sender is
        /// a stranger like any other.
        proof: Option<[u8; 16]>,
    },
    /// The hook returned [`Admission::DemandWork`]: the caller has to tell the peer how much.
    DemandWork {
        /// The EID that has to do the work.
        initiator: Eid,
    },
}

impl core::fmt::Display for Replied {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Negotiate { initiator, throttled: true, .. } => write!(f, "PSS_NEG to {initiator}, throttled"),
            Self::Negotiate { initiator, .. } => write!(f, "PSS_NEG to {initiator}"),
            Self::DemandWork { initiator } => write!(f, "more work is demanded of {initiator}"),
        }
    }
}

/// A verified PSS_ACK, from which a [`Session`](crate::pss::Session) is made.
///
/// ```
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use iacp_core::pss::{Admission, Replied, Capabilities, Responder, Settings, TRANSMIT_BUFFER, Terms};
/// use iacp_core::pss::{Incoming, Session};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
/// # let mut responder = Responder::<64>::new(Settings { capabilities: Capabilities::NONE, terms }, now, &mut rng);
/// # let (from, bob_at) = (([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4227).into());
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let mut session = Session::<Portable, 4096, 8>::IDLE;
/// # session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::NONE, &mut rng)?;
/// # let mut buffer = [0; TRANSMIT_BUFFER];
/// # let mut init = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
/// # let Ok(Incoming::Signed(init)) = Incoming::parse(&mut init) else { return Err("it is not signed".into()) };
/// # let admit = |_: &iacp_wire::Eid| Admission::Admit;
/// # let Replied::Negotiate { length, .. } = responder.answer(now, &bob, from, &init, admit, &mut buffer)? else {
/// #     return Err("an honest initiator gets an answer".into());
/// # };
/// # let mut neg = buffer[..length].to_vec();
/// # session.handle(now, &alice, bob_at, &mut neg);
/// # let mut datagram = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_ACK is due")?.bytes.to_vec();
///
/// // A PSS_ACK has come that belongs to no session.
/// let Ok(Incoming::Signed(ack)) = Incoming::parse(&mut datagram) else { return Err("it is not signed".into()) };
/// let accepted = &responder.accept(now, &bob, from, &ack, &mut ()); // it has a secret: it is not moved
/// let accepted = accepted.as_ref().map_err(|discard| discard.to_string())?;
/// assert_eq!(accepted.peer(), alice.eid());
/// let mut peer = Session::<Portable, 4096, 8>::IDLE;
/// peer.accept(now, accepted)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Accepted {
    pub(crate) own: Eid,
    pub(crate) peer: CheckedKey,
    pub(crate) cookies: Cookies,
    pub(crate) from: SocketAddr,
    pub(crate) prk: Secret32,
    pub(crate) own_party: Party,
    pub(crate) peer_party: Party,
    pub(crate) proposal: Proposal,
    /// Whether the terms of turn 1 are the contract.
    pub(crate) terms_accepted: bool,
    /// SHA-256 of turn 1's PSS_NEG without its signature.
    pub(crate) negotiation_digest: [u8; 32],
    /// The first bytes of the SHA-256 of the whole PSS_ACK, by which its repeats are recognised.
    pub(crate) ack_digest: [u8; 8],
    pub(crate) place_secret: u64,
}

impl Accepted {
    /// The EID at the other end.
    #[must_use]
    pub const fn peer(&self) -> Eid {
        Eid(*self.peer.bytes())
    }

    /// The I-Cookie and the R-Cookie.
    #[must_use]
    pub const fn cookies(&self) -> (Cookie, Cookie) {
        (self.cookies.initiator, self.cookies.responder)
    }

    /// Whether the session has, or negotiates, a contract.
    #[must_use]
    pub const fn wants_contract(&self) -> bool {
        self.proposal.capabilities.contains(Capabilities::SFC)
    }
}

/// Why a PSS_INIT is not answered. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotAnswered {
    /// The frame is noise, too early or too many.
    Discard(Discard),
    /// The buffer for the answer is too small.
    TooSmall(TooSmall),
}

impl core::fmt::Display for NotAnswered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Discard(discard) => write!(f, "discarded: {discard}"),
            Self::TooSmall(small) => small.fmt(f),
        }
    }
}

impl core::error::Error for NotAnswered {}

impl From<Discard> for NotAnswered {
    fn from(discard: Discard) -> Self {
        Self::Discard(discard)
    }
}

/// Answers PSS_INITs without storing anything, and makes sessions of PSS_ACKs: at most `ACCEPTED` (a power of two) for
/// each cookie secret.
///
/// ```
/// use iacp_core::pss::{Admission, Discard, Incoming, NotAnswered, Responder, TooSmall};
/// # use iacp_core::pss::{Capabilities, Session, Settings, TRANSMIT_BUFFER, Terms};
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let bob_at = ([192, 0, 2, 2], 4227).into();
/// # let from = ([192, 0, 2, 1], 4227).into();
/// # let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
/// # let settings = Settings { capabilities: Capabilities::NONE, terms };
/// # let mut session = Session::<Portable, 4096, 8>::IDLE;
/// # session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::NONE, &mut rng)?;
/// # let mut buffer = [0; TRANSMIT_BUFFER];
/// # let mut datagram = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
/// let responder = Responder::<64>::new(settings, now, &mut rng); // at most 64 sessions for each cookie secret
/// # let Ok(Incoming::Signed(init)) = Incoming::parse(&mut datagram) else { return Err("it is not signed".into()) };
/// // A peer that the host does not want, and one that it wants but with no room for the answer.
/// let answer = responder.answer(now, &bob, from, &init, |_peer| Admission::Drop, &mut buffer);
/// assert_eq!(answer, Err(NotAnswered::Discard(Discard::Reputation)));
/// let answer = responder.answer(now, &bob, from, &init, |_peer| Admission::Admit, &mut []);
/// assert!(matches!(answer, Err(NotAnswered::TooSmall(TooSmall { needed: 1.. }))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Responder<const ACCEPTED: usize> {
    secrets: CookieSecrets<ACCEPTED>,
    settings: Settings,
}

impl<const ACCEPTED: usize> Responder<ACCEPTED> {
    /// A responder with fresh secrets. The receive window is at least 1.
    #[must_use]
    pub fn new(mut settings: Settings, now: Mono, rng: &mut impl CryptoRng) -> Self {
        settings.terms.receive_window = settings.terms.receive_window.max(1);
        Self { secrets: CookieSecrets::new(now, rng), settings }
    }

    /// When the next cookie secret has to be drawn.
    #[must_use]
    pub fn next_deadline(&self) -> Mono {
        self.secrets.next_deadline()
    }

    /// Draws the next cookie secret if it is due. A secret that is too old is wiped, together with the set of its
    /// accepted cookies.
    pub fn handle_deadline(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        self.secrets.rotate(now, rng);
    }

    /// Wipes all secrets and draws new ones. A host must do this if its memory was restored or cloned, because two
    /// copies of one secret could make two sessions of one PSS_ACK.
    pub fn renew(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        cleanly(|| self.secrets = CookieSecrets::new(now, rng));
    }

    /// Answers a PSS_INIT. It takes `&self`: no PSS_INIT can change the responder.
    ///
    /// Check a token bucket before this, because it is the first step that costs a signature. `admit` is the reputation
    /// hook. `out` holds at least [`TRANSMIT_BUFFER`](crate::pss::TRANSMIT_BUFFER) bytes.
    ///
    /// # Errors
    /// The frame is noise, too early or too many, or `out` is too small.
    pub fn answer<P: Provider>(
        &self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        admit: impl FnOnce(&Eid) -> Admission,
        out: &mut [u8],
    ) -> Result<Replied, NotAnswered> {
        self.answer_as(now, &self.settings, identity, from, signed, admit, out)
    }

    /// Like [`Self::answer`], with settings of this agent's own: a host with several agents has one responder. A cookie
    /// is bound to the agent and to the terms, so they may change at any time; a handshake that is under way then
    /// starts over.
    ///
    /// # Errors
    /// The frame is noise, too early or too many, or `out` is too small.
    // keeps: IACP-020 (§3.4), IACP-021 (§3.6.2), IACP-024 (§3.6.2), IACP-083 (§4.2.4.1), IACP-146 (§6.4.3)
    #[expect(clippy::too_many_arguments, reason = "each is what another part of the host knows")]
    pub fn answer_as<P: Provider>(
        &self,
        now: Mono,
        settings: &Settings,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        admit: impl FnOnce(&Eid) -> Admission,
        out: &mut [u8],
    ) -> Result<Replied, NotAnswered> {
        let Signed { frame, bytes, .. } = signed;
        let Message::PssInit(init) = frame.message else { return Err(Discard::NotForSession.into()) };
        let out = out.get_mut(..HANDSHAKE_LEN).ok_or(NotAnswered::TooSmall(TooSmall { needed: HANDSHAKE_LEN }))?;
        if frame.responder_cookie != Some(Cookie::ZERO) || init.session_connection_cookie.is_zero() {
            return Err(Discard::Cookie.into());
        }
        if init.initiator_eid == identity.eid() {
            return Err(Discard::OwnEid.into());
        }
        let share = frame.tlvs.key_share().ok_or(Discard::Terms)?;
        let initial_sequence = init.initial_sequence.get();
        if !possible_sequence(initial_sequence) {
            return Err(Discard::Terms.into());
        }
        let offered = Capabilities::from_bits(init.capabilities.get());
        let agreed = offered.common(settings.capabilities.offerable::<P>());
        if !P::SUITES.has(agreed.suite()) {
            return Err(Discard::Suite.into());
        }
        self.secrets.can_issue(now)?;
        verify_frame::<P>(&init.initiator_eid, frame, [&identity.eid().0, &[]], bytes)
            .map_err(|_| Discard::Signature)?;
        let initiator = init.initiator_eid;
        let throttled = match admit(&initiator) {
            Admission::Admit => false,
            Admission::Throttle => true,
            Admission::DemandWork => return Ok(Replied::DemandWork { initiator }),
            Admission::Drop | Admission::NotKnownYet => return Err(Discard::Reputation.into()),
        };
        let binding = Binding {
            initiator: &initiator,
            cookie: &init.session_connection_cookie,
            initial_sequence,
            key_share: share,
            agreed,
            from,
            responder: &identity.eid(),
            terms: settings.terms,
        };
        let proof = frame.tlvs.discovery_proof().copied();
        let _clear = AFTERWARDS;
        let length = self.negotiate(now, settings, identity, &binding, bytes, out)?;
        Ok(Replied::Negotiate { length, initiator, cookie: *binding.cookie, throttled, proof })
    }

    /// Writes the PSS_NEG for a request that was checked.
    #[inline(never)]
    fn negotiate<P: Provider>(
        &self,
        now: Mono,
        settings: &Settings,
        identity: &Identity<P>,
        binding: &Binding<'_>,
        request: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Discard> {
        let (responder, derived) = self.secrets.issue::<P>(now, binding)?;
        let cookies = Cookies { initiator: *binding.cookie, responder };
        let own_share = X25519Key(P::x25519_public(&derived.ephemeral));
        // All of it except the signature can be computed again from the cookie secret; the signature's context is then
        // unknown.
        let proposal = proposal(settings, &derived, binding.agreed);
        let offer = Said::Offer { cookies, proposal, share: &own_share };
        let context = P::sha256(&[request]);
        let (length, _) = offer.sign(identity, [&context, &[]], out).ok_or(Discard::Terms)?;
        Ok(length)
    }

    /// Takes a PSS_ACK: cookie, spent cookies and room, standing, signature, crossing, key agreement, in this order. The
    /// cookie is spent when the signature has verified.
    ///
    /// First look for a live session with the frame's cookies, and pass it the frame: a PSS_ACK may be a repeat, or an
    /// answer to contract terms. Only one that belongs to no session comes here.
    ///
    /// # Errors
    /// The frame proves nothing, or must not become a session. Nothing has changed, except that the cookie of a PSS_ACK
    /// that lost against an attempt of ours is spent.
    pub fn accept<P: Provider>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        gate: &mut impl Gate,
    ) -> Result<Accepted, Discard> {
        let settings = self.settings;
        self.accept_as(now, &settings, identity, from, signed, gate)
    }

    /// Like [`Self::accept`], with the settings of [`Self::answer_as`].
    ///
    /// # Errors
    /// As those of [`Self::accept`].
    // keeps: IACP-083 (§4.2.4.1), IACP-086 (§4.2.4.1)
    pub fn accept_as<P: Provider>(
        &mut self,
        now: Mono,
        settings: &Settings,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        gate: &mut impl Gate,
    ) -> Result<Accepted, Discard> {
        // By reference, so that large values are not moved.
        let candidate = &self.check_cookie::<P>(now, settings, &identity.eid(), from, signed);
        let candidate = candidate.as_ref().map_err(|discard| *discard)?;
        // What belongs to a cookie of ours was derived once more.
        scrub();
        match gate.standing(&candidate.peer) {
            Admission::Admit | Admission::Throttle => {}
            Admission::DemandWork | Admission::Drop | Admission::NotKnownYet => return Err(Discard::Reputation),
        }
        let turn_one = self.turn_one::<P>(candidate);
        let key = CheckedKey::new::<P>(&candidate.peer.0).map_err(|_| Discard::Signature)?;
        verify_frame_checked::<P>(&key, &signed.frame, [&identity.eid().0, &turn_one.digest], signed.bytes)
            .map_err(|_| Discard::Signature)?;
        if gate.stands_against(&candidate.peer) {
            self.secrets.spend(candidate.issuer, candidate.cookies.responder)?;
            return Err(Discard::Crossed);
        }
        let _clear = AFTERWARDS;
        self.agree(identity, from, signed, candidate, key, &turn_one)
    }

    /// The key agreement, after everything was checked; then the cookie is spent.
    #[inline(never)]
    fn agree<P: Provider>(
        &mut self,
        identity: &Identity<P>,
        from: SocketAddr,
        signed: &Signed<'_>,
        candidate: &Candidate,
        key: CheckedKey,
        turn_one: &TurnOne,
    ) -> Result<Accepted, Discard> {
        let accepted = complete(identity, from, signed, candidate, key, turn_one);
        if accepted.is_ok() {
            self.secrets.spend(candidate.issuer, candidate.cookies.responder)?;
        }
        accepted
    }

    /// Reads a PSS_ACK, and checks that its cookie is one of ours and has made no session yet.
    #[inline(never)]
    fn check_cookie<P: Provider>(
        &self,
        now: Mono,
        settings: &Settings,
        own: &Eid,
        from: SocketAddr,
        signed: &Signed<'_>,
    ) -> Result<Candidate, Discard> {
        let Signed { frame, .. } = signed;
        let Message::PssAck(ack) = frame.message else { return Err(Discard::NotForSession) };
        let responder = frame.responder_cookie.filter(|cookie| !cookie.is_zero()).ok_or(Discard::Cookie)?;
        let PssAck { responder_eid: peer, session_connection_cookie: initiator, .. } = *ack;
        if peer == *own {
            return Err(Discard::OwnEid);
        }
        let share = *frame.tlvs.key_share().ok_or(Discard::Terms)?;
        let initial_sequence = ack.responder_initial_sequence.get();
        let capabilities = Capabilities::from_bits(ack.agreed_capabilities.get());
        let agreed = capabilities.without(Capabilities::TERMS_ACCEPTED);
        let terms_accepted = capabilities.contains(Capabilities::TERMS_ACCEPTED);
        let contract = agreed.contains(Capabilities::SFC);
        if !possible_sequence(initial_sequence) || (terms_accepted && !contract) {
            return Err(Discard::Terms);
        }
        let binding = Binding {
            initiator: &peer,
            cookie: &initiator,
            initial_sequence,
            key_share: &share,
            agreed,
            from,
            responder: own,
            terms: settings.terms,
        };
        let (issuer, derived) = self.secrets.verify::<P>(now, &binding, responder)?;
        let proposal = proposal(settings, &derived, agreed);
        let cookies = Cookies { initiator, responder };
        Ok(Candidate { issuer, derived, peer, cookies, share, initial_sequence, proposal, terms_accepted })
    }

    /// Computes the PSS_NEG of turn 1 again, without its signature.
    #[inline(never)]
    fn turn_one<P: Provider>(&self, candidate: &Candidate) -> TurnOne {
        let share = X25519Key(P::x25519_public(&candidate.derived.ephemeral));
        let offer = Said::Offer { cookies: candidate.cookies, proposal: candidate.proposal, share: &share };
        TurnOne { digest: offer.unsigned_digest::<P>(), share }
    }
}

fn proposal(settings: &Settings, derived: &Derived, agreed: Capabilities) -> Proposal {
    let terms = settings.terms;
    Proposal { initial_sequence: derived.initial_sequence, capabilities: agreed, terms }
}

/// A PSS_ACK whose cookie is ours.
struct Candidate {
    issuer: Issuer,
    derived: Derived,
    peer: Eid,
    cookies: Cookies,
    share: X25519Key,
    initial_sequence: u64,
    proposal: Proposal,
    terms_accepted: bool,
}

/// The values of the PSS_NEG of turn 1.
struct TurnOne {
    /// SHA-256 of it without its signature.
    digest: [u8; 32],
    share: X25519Key,
}

/// The key agreement, after everything was checked. It is a call of its own, so that its stack is not in use while the
/// signature is verified.
#[inline(never)]
fn complete<P: Provider>(
    identity: &Identity<P>,
    from: SocketAddr,
    signed: &Signed<'_>,
    candidate: &Candidate,
    key: CheckedKey,
    turn_one: &TurnOne,
) -> Result<Accepted, Discard> {
    let own = identity.eid();
    let transcript = Transcript {
        initiator: candidate.peer,
        responder: own,
        negotiation: turn_one.digest,
        acknowledgement: unsigned_digest::<P>(&signed.frame, signed.bytes),
    };
    let shared = P::x25519(&candidate.derived.ephemeral, &candidate.share.0).map_err(|_| Discard::Terms)?;
    let prk = derive(&transcript, identity, &key, &shared).map_err(|_| Discard::Terms)?;
    Ok(Accepted {
        own,
        peer: key,
        cookies: candidate.cookies,
        from,
        prk,
        own_party: Party::new(candidate.proposal.initial_sequence, turn_one.share),
        peer_party: Party::new(candidate.initial_sequence, candidate.share),
        proposal: candidate.proposal,
        terms_accepted: candidate.terms_accepted,
        negotiation_digest: turn_one.digest,
        ack_digest: P::sha256(&[signed.bytes]).first_chunk().copied().unwrap_or_default(),
        place_secret: place_secret::<P>(&candidate.derived.ephemeral),
    })
}
