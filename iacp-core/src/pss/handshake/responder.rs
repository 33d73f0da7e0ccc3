//! The responder's side of the handshake: nothing is stored until a PSS_ACK proves itself (`IACP §6.4.3`).

use core::net::SocketAddr;

use iacp_wire::message::{PssAck, PssNeg};
use iacp_wire::{Cookie, Eid, Frame, Message, Signature, X25519Key};
use rand_core::CryptoRng;

use super::cookie::{Binding, CookieSecrets, Derived};
use super::frames::{HANDSHAKE_LEN, KEY_SHARE_LEN, key_share, possible_sequence};
use super::keys::{SessionKeys, Transcript, derive};
use super::terms::{Capabilities, Proposal, Settings};
use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame, unsigned_digest, verify_frame};
use crate::pss::discard::Discard;
use crate::pss::stream::frame::Cookies;
use crate::time::Mono;

/// What the caller's reputation hook says of a peer (`IACP §3.6.2`). It answers at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Admission {
    /// Above the threshold.
    Admit,
    /// Below: more work is asked of it first.
    DemandWork,
    /// Below: its session is throttled by the caller.
    Throttle,
    /// Quarantined or challenged: dropped in silence.
    Drop,
    /// Not known yet: nothing is sent, and the repeated PSS_INIT asks again.
    NotKnownYet,
}

/// What a PSS_INIT led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// A PSS_NEG of this length stands in the buffer. Its signature was valid: discovery may want to know whose.
    Negotiate {
        /// Bytes written.
        length: usize,
        /// Who opens a session.
        initiator: Eid,
        /// Its I-Cookie.
        cookie: Cookie,
        /// The hook said [`Admission::Throttle`].
        throttled: bool,
    },
    /// The hook said [`Admission::DemandWork`]: the caller says how much, with its own means.
    DemandWork {
        /// Who is to work.
        initiator: Eid,
    },
}

/// A PSS_ACK that proved itself: what a [`Session`](crate::pss::Session) is made of.
pub struct Accepted<P: Provider> {
    pub(crate) own: Eid,
    pub(crate) peer: Eid,
    pub(crate) cookies: Cookies,
    pub(crate) from: SocketAddr,
    pub(crate) keys: SessionKeys<P>,
    pub(crate) peer_initial_sequence: u64,
    pub(crate) proposal: Proposal,
    pub(crate) own_share: X25519Key,
    pub(crate) peer_share: X25519Key,
    /// The terms of turn 1 are the contract.
    pub(crate) terms_accepted: bool,
    /// SHA-256 of turn 1's PSS_NEG without its signature.
    pub(crate) negotiation_digest: [u8; 32],
    /// SHA-256 of the whole PSS_ACK: its repeats are recognised.
    pub(crate) ack_digest: [u8; 32],
}

impl<P: Provider> Accepted<P> {
    /// Who is at the other end.
    #[must_use]
    pub const fn peer(&self) -> Eid {
        self.peer
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

/// Answers PSS_INITs without memory, and makes sessions of PSS_ACKs: at most `ACCEPTED` for each cookie secret.
pub struct Responder<const ACCEPTED: usize> {
    secrets: CookieSecrets<ACCEPTED>,
    settings: Settings,
}

impl<const ACCEPTED: usize> Responder<ACCEPTED> {
    /// A responder with fresh secrets. The receive window is at least 1.
    #[must_use]
    pub fn new(mut settings: Settings, now: Mono, rng: &mut impl CryptoRng) -> Self {
        settings.terms.receive_window = settings.terms.receive_window.max(1);
        settings.capabilities = settings.capabilities.offerable();
        Self { secrets: CookieSecrets::new(now, rng), settings }
    }

    /// When the cookie secret is to be drawn anew.
    #[must_use]
    pub fn next_deadline(&self) -> Mono {
        self.secrets.next_deadline()
    }

    /// Draws the next cookie secret if it is due. A secret that is too old, and what was accepted under it, are wiped.
    pub fn handle_deadline(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        self.secrets.rotate(now, rng);
    }

    /// Forgets all secrets and draws new ones: what a host does when it finds that its memory was restored or cloned,
    /// for two copies of one secret would make two sessions of one PSS_ACK.
    pub fn renew(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        self.secrets = CookieSecrets::new(now, rng);
    }

    /// Answers a PSS_INIT. It takes `&self`: whatever comes, no byte of the responder changes.
    ///
    /// Ask a token bucket before this: it is the first thing that costs a signature. `admit` is the reputation hook.
    ///
    /// # Errors
    /// The frame is noise, too early or too many.
    // keeps: IACP-020, IACP-021, IACP-024, IACP-083, IACP-146
    pub fn answer<P: Provider>(
        &self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        admit: impl FnOnce(&Eid) -> Admission,
        out: &mut [u8; HANDSHAKE_LEN],
    ) -> Result<Answer, Discard> {
        let frame = Frame::parse(datagram).map_err(|_| Discard::Malformed)?;
        let Message::PssInit(init) = frame.message else { return Err(Discard::NotForSession) };
        if frame.responder_cookie != Some(Cookie::ZERO) || init.session_connection_cookie.is_zero() {
            return Err(Discard::Cookie);
        }
        if init.initiator_eid == identity.eid() {
            return Err(Discard::OwnEid);
        }
        let share = frame.tlvs.key_share().ok_or(Discard::Terms)?;
        let initial_sequence = init.initial_sequence.get();
        if !possible_sequence(initial_sequence) {
            return Err(Discard::Terms);
        }
        self.secrets.can_issue(now)?;
        verify_frame::<P>(&init.initiator_eid, &frame, [&identity.eid().0, &[]], datagram)
            .map_err(|_| Discard::Signature)?;
        let initiator = init.initiator_eid;
        let throttled = match admit(&initiator) {
            Admission::Admit => false,
            Admission::Throttle => true,
            Admission::DemandWork => return Ok(Answer::DemandWork { initiator }),
            Admission::Drop | Admission::NotKnownYet => return Err(Discard::Reputation),
        };
        let agreed = Capabilities::from_bits(init.capabilities.get()).common(self.settings.capabilities);
        let binding = Binding {
            initiator: &initiator,
            cookie: &init.session_connection_cookie,
            initial_sequence,
            key_share: share,
            agreed,
            from,
        };
        let (responder_cookie, derived) = self.secrets.issue::<P>(now, &binding)?;
        let cookies = Cookies { initiator: init.session_connection_cookie, responder: responder_cookie };
        let context = P::sha256(&[datagram]);
        let length = self.negotiate(identity, cookies, &derived, agreed, &context, out).ok_or(Discard::Terms)?;
        Ok(Answer::Negotiate { length, initiator, cookie: cookies.initiator, throttled })
    }

    /// Writes and signs the PSS_NEG of turn 1; returns its length. It can be written again from the cookie secret
    /// alone, all but the signature, whose context is then unknown.
    fn negotiate<P: Provider>(
        &self,
        identity: &Identity<P>,
        cookies: Cookies,
        derived: &Derived,
        agreed: Capabilities,
        context: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        let share = X25519Key(P::x25519_public(&derived.ephemeral));
        let message = self.turn_one(cookies, derived, agreed);
        let mut room = [0; KEY_SHARE_LEN];
        let tlvs = key_share(&share, &mut room).ok()?;
        let frame = Frame { tlvs, ..Frame::new(Message::PssNeg(&message)).in_session(cookies.responder) };
        sign_frame(identity, &frame, [context, &[]], out).ok()
    }

    fn turn_one(&self, cookies: Cookies, derived: &Derived, agreed: Capabilities) -> PssNeg {
        PssNeg {
            session_connection_cookie: cookies.initiator,
            negotiation_turn_counter: 1.into(),
            rejection_reason_flags: 0.into(),
            conditions: self.proposal(derived, agreed).to_block(),
            signature: Signature::ZERO,
        }
    }

    fn proposal(&self, derived: &Derived, agreed: Capabilities) -> Proposal {
        Proposal { initial_sequence: derived.initial_sequence, capabilities: agreed, terms: self.settings.terms }
    }

    /// Makes a session of a PSS_ACK: cookie first, then the signature, then the key agreement. Only after all three
    /// does the cookie enter the set of those that have made a session.
    ///
    /// Look for a live session with the frame's cookies first, and give it the frame: a PSS_ACK may be a repeat, or its
    /// word on a contract. Only one that belongs to no session comes here.
    ///
    /// # Errors
    /// The frame proves nothing. Nothing has changed.
    // keeps: IACP-083, IACP-086
    pub fn accept<P: Provider>(
        &mut self,
        now: Mono,
        identity: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Result<Accepted<P>, Discard> {
        let frame = Frame::parse(datagram).map_err(|_| Discard::Malformed)?;
        let Message::PssAck(ack) = frame.message else { return Err(Discard::NotForSession) };
        let responder_cookie = frame.responder_cookie.filter(|cookie| !cookie.is_zero()).ok_or(Discard::Cookie)?;
        if self.secrets.used(responder_cookie) {
            return Err(Discard::CookieUsed);
        }
        let own = identity.eid();
        let PssAck { responder_eid: peer, session_connection_cookie, .. } = *ack;
        if peer == own {
            return Err(Discard::OwnEid);
        }
        let share = frame.tlvs.key_share().ok_or(Discard::Terms)?;
        let peer_initial_sequence = ack.responder_initial_sequence.get();
        let capabilities = Capabilities::from_bits(ack.agreed_capabilities.get());
        let agreed = capabilities.without(Capabilities::TERMS_ACCEPTED);
        let terms_accepted = capabilities.contains(Capabilities::TERMS_ACCEPTED);
        let contract = agreed.contains(Capabilities::SFC);
        if !possible_sequence(peer_initial_sequence) || (terms_accepted && !contract) {
            return Err(Discard::Terms);
        }
        let binding = Binding {
            initiator: &peer,
            cookie: &session_connection_cookie,
            initial_sequence: peer_initial_sequence,
            key_share: share,
            agreed,
            from,
        };
        let (issuer, derived) = self.secrets.verify::<P>(now, &binding, responder_cookie)?;

        let cookies = Cookies { initiator: session_connection_cookie, responder: responder_cookie };
        let own_share = X25519Key(P::x25519_public(&derived.ephemeral));
        let negotiation_digest = self.turn_one_digest::<P>(cookies, &derived, agreed, &own_share)?;
        verify_frame::<P>(&peer, &frame, [&own.0, &negotiation_digest], datagram).map_err(|_| Discard::Signature)?;

        let transcript = Transcript {
            initiator: peer,
            responder: own,
            negotiation: negotiation_digest,
            acknowledgement: unsigned_digest::<P>(&frame, datagram),
            capabilities: agreed,
        };
        let keys = derive(&transcript, identity, &peer, &derived.ephemeral, share).map_err(|_| Discard::Terms)?;
        let proposal = self.proposal(&derived, agreed);
        self.secrets.spend(issuer, responder_cookie)?;
        Ok(Accepted {
            own,
            peer,
            cookies,
            from,
            keys,
            peer_initial_sequence,
            proposal,
            own_share,
            peer_share: *share,
            terms_accepted,
            negotiation_digest,
            ack_digest: P::sha256(&[datagram]),
        })
    }

    fn turn_one_digest<P: Provider>(
        &self,
        cookies: Cookies,
        derived: &Derived,
        agreed: Capabilities,
        share: &X25519Key,
    ) -> Result<[u8; 32], Discard> {
        let message = self.turn_one(cookies, derived, agreed);
        let mut room = [0; KEY_SHARE_LEN];
        let tlvs = key_share(share, &mut room).map_err(|_| Discard::Terms)?;
        let frame = Frame { tlvs, ..Frame::new(Message::PssNeg(&message)).in_session(cookies.responder) };
        let mut bytes = [0; HANDSHAKE_LEN];
        let length = frame.write(&mut bytes).map_err(|_| Discard::Terms)?;
        Ok(unsigned_digest::<P>(&frame, bytes.get(..length).unwrap_or_default()))
    }
}
