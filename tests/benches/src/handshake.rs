//! A whole handshake in memory, and the operations that it cannot be done without.

use std::hint::black_box;
use std::net::SocketAddr;

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Incoming, Received, Replied, Responder, Session, SessionEvent, Settings, Signed,
    TRANSMIT_BUFFER, Terms,
};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Sessions that are made under one cookie secret here.
const ACCEPTED: usize = 1_024;

/// Two agents, one of them listening.
pub struct Endpoints<P: Provider> {
    /// The side that opens sessions.
    pub initiator: Identity<P>,
    /// The side that accepts them.
    pub responder: Identity<P>,
    listening: Responder<ACCEPTED>,
    capabilities: Capabilities,
    made: usize,
    rng: ChaCha8Rng,
}

/// The time at which handshakes happen.
pub const NOW: Mono = Mono(1_000);

impl<P: Provider> Endpoints<P> {
    /// Where the initiator is.
    #[must_use]
    pub fn initiator_at() -> SocketAddr {
        ([192, 0, 2, 1], 4227).into()
    }

    /// Where the responder is.
    #[must_use]
    pub fn responder_at() -> SocketAddr {
        ([198, 51, 100, 2], 4227).into()
    }

    /// Two agents that agree on AES-256-GCM, or on `ChaCha20-Poly1305` if that is among `capabilities`.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let settings = Settings { capabilities, terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 64 } };
        Self {
            initiator: Identity::generate(&mut rng),
            responder: Identity::generate(&mut rng),
            listening: Responder::new(settings, NOW, &mut rng),
            capabilities,
            made: 0,
            rng,
        }
    }

    /// PSS_INIT, PSS_NEG, PSS_ACK, and the heartbeat that confirms the keys: both sides can send afterwards.
    ///
    /// # Panics
    /// The handshake fails.
    #[must_use]
    pub fn handshake<const LOG: usize, const FRAMES: usize>(&mut self) -> Both<P, LOG, FRAMES> {
        // The number of sessions under one cookie secret is limited. The rotation takes a thousandth of a handshake.
        if self.made == ACCEPTED / 2 {
            self.listening.renew(NOW, &mut self.rng);
            self.made = 0;
        }
        self.made += 1;
        let (from_initiator, from_responder) = (Self::initiator_at(), Self::responder_at());
        let (mut sent, mut answered) = ([0; TRANSMIT_BUFFER], [0; TRANSMIT_BUFFER]);
        let (mut initiator, mut responder) = (Box::new(Session::IDLE), Box::new(Session::IDLE));

        let (peer, to) = (self.responder.eid(), from_responder);
        let begun = initiator.initiate(NOW, &self.initiator, peer, to, self.capabilities, &mut self.rng);
        begun.expect("its memory is free");
        let length = transmit(&mut initiator, &mut sent);
        let admit = |_: &_| Admission::Admit;
        let init = signed(&mut sent[..length]);
        let answer = self.listening.answer(NOW, &self.responder, from_initiator, &init, admit, &mut answered);
        let Ok(Replied::Negotiate { length, .. }) = answer else { panic!("no PSS_NEG: {answer:?}") };
        let heard = initiator.handle(NOW, &self.initiator, from_responder, &mut answered[..length]);
        assert_eq!(heard, Received::Taken, "without a contract, PSS_ACK follows at once");
        let length = transmit(&mut initiator, &mut sent);
        let ack = signed(&mut sent[..length]);
        let accepted = self.listening.accept(NOW, &self.responder, from_initiator, &ack, &mut ());
        let accepted = accepted.unwrap_or_else(|discard| panic!("no session: {discard}"));
        responder.accept(NOW, &accepted).expect("its memory is free");
        let length = transmit(&mut responder, &mut answered);
        let heard = initiator.handle(NOW, &self.initiator, from_responder, &mut answered[..length]);
        assert_eq!((heard, initiator.poll_event()), (Received::Taken, Some(SessionEvent::Established)));
        (initiator, responder)
    }
}

/// Initiator and responder.
pub type Both<P, const LOG: usize, const FRAMES: usize> = (Box<Session<P, LOG, FRAMES>>, Box<Session<P, LOG, FRAMES>>);

fn signed(datagram: &mut [u8]) -> Signed<'_> {
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram) else { panic!("it carries no signature") };
    signed
}

fn transmit<P: Provider, const LOG: usize, const FRAMES: usize>(
    session: &mut Session<P, LOG, FRAMES>,
    out: &mut [u8; TRANSMIT_BUFFER],
) -> usize {
    let transmit = session.poll_transmit(NOW, out).expect("the buffer is long enough");
    transmit.expect("something is due").bytes.len()
}

/// The public-key operations of one handshake, both sides together:
///
/// | operation                    | initiator         | responder                    | sum |
/// |------------------------------|-------------------|------------------------------|----:|
/// | signature                    | PSS_INIT, PSS_ACK | PSS_NEG                      |   3 |
/// | strict verification          | PSS_NEG           | PSS_INIT, PSS_ACK            |   3 |
/// | X25519 public key            | KEY_SHARE         | KEY_SHARE, and rebuilding it |   3 |
/// | X25519                       | static, ephemeral | static, ephemeral            |   4 |
/// | Ed25519 secret to Curve25519 | its own           | its own                      |   2 |
/// | Ed25519 public to Curve25519 | the peer's        | the peer's                   |   2 |
///
/// The responder computes its key share twice because it stores nothing between PSS_NEG and PSS_ACK.
pub struct BareHandshake<P: Provider> {
    key: P::SigningKey,
    public: [u8; 32],
    signature: [u8; 64],
    secret: Secret32,
    share: [u8; 32],
}

/// What is signed: frames are hashed before.
const DIGEST: [u8; 32] = [0x5A; 32];

impl<P: Provider> Default for BareHandshake<P> {
    fn default() -> Self {
        let key = P::signing_key(&Secret32::new([1; 32]));
        let secret = Secret32::new([2; 32]);
        Self {
            public: P::public_key(&key),
            signature: P::sign(&key, &DIGEST),
            share: P::x25519_public(&secret),
            key,
            secret,
        }
    }
}

impl<P: Provider> BareHandshake<P> {
    /// All of them, once through.
    ///
    /// # Panics
    /// An operation fails.
    pub fn run(&self) {
        for _ in 0..3 {
            self.sign();
            self.verify();
            self.share();
        }
        for _ in 0..4 {
            self.agree();
        }
        for _ in 0..2 {
            self.convert();
        }
    }

    /// One signature.
    pub fn sign(&self) {
        black_box(P::sign(black_box(&self.key), black_box(&DIGEST)));
    }

    /// One strict verification.
    ///
    /// # Panics
    /// It fails.
    pub fn verify(&self) {
        P::verify(black_box(&self.public), black_box(&DIGEST), black_box(&self.signature)).expect("it is ours");
    }

    /// One X25519 public key.
    pub fn share(&self) {
        black_box(P::x25519_public(black_box(&self.secret)));
    }

    /// One X25519.
    ///
    /// # Panics
    /// It fails.
    pub fn agree(&self) {
        black_box(P::x25519(black_box(&self.secret), black_box(&self.share)).expect("not of small order"));
    }

    /// Both halves of a key moved to Curve25519.
    ///
    /// # Panics
    /// It fails.
    pub fn convert(&self) {
        black_box(P::static_secret(black_box(&self.key)));
        black_box(P::static_public(black_box(&self.public)).expect("not of small order"));
    }
}
