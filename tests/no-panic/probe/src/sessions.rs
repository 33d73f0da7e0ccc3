//! `iacp-core`: discovery, handshake and session of both sides. The cryptography returns any result, so that every path
//! through the machines stays possible.

use core::hint::black_box;
use core::net::SocketAddr;

use iacp_core::crypto::{BadSignature, BadTag, Equation, Provider, Secret32, Suite, TooLong, WeakKey};
use iacp_core::discovery::{ANSWER_LEN, Discoverable, Search, check};
use iacp_core::guard::{Ingress, Rate};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, ContentKind, Flight, Incoming, Model, Received, RejectionReasons, Responder, Session,
    Settings, TeardownReason, Terms,
};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{DhtKey, Eid};
use rand_core::{TryCryptoRng, TryRng};

use crate::{look, opaque, opaque_buffer, print};

/// Memory of the smallest and of a larger kind: each pace with its own.
type Small = Session<Opaque, 256, 4, Flight>;
type Large = Session<Opaque, 65_536, 256, Model>;

pub fn all() {
    discovery(opaque());
    ingress();
    responder(opaque_buffer());
    session::<256, 4, Flight>(&mut black_box(Small::IDLE));
    session::<65_536, 256, Model>(&mut black_box(Large::IDLE));
}

fn now() -> Mono {
    Mono(black_box(0))
}

fn from() -> SocketAddr {
    black_box(SocketAddr::from(([0; 16], 0)))
}

fn eid() -> Eid {
    Eid(black_box([0; 32]))
}

fn identity() -> Identity<Opaque> {
    Identity::from_seed(&Secret32::new(black_box([0; 32])))
}

fn settings() -> Settings {
    let terms = Terms { dgk_rotation: black_box(0), lifetime: black_box(0), receive_window: black_box(0) };
    Settings { capabilities: Capabilities::from_bits(black_box(0)), terms }
}

fn discovery(bytes: &[u8]) {
    let (mut search, mut miner) =
        Search::<2>::begin::<Opaque>(DhtKey(black_box([0; 32])), UnixTime(black_box(0)), black_box(0), &mut Noise);
    if let Some(proven) = miner.step(black_box(0)) {
        black_box(search.request::<Opaque>(&proven, opaque_buffer()).is_ok());
    }
    look(search.open::<Opaque>(bytes));
    let mut discoverable = black_box(Discoverable::<2, 4>::default());
    match check::<Opaque>(bytes, UnixTime(black_box(0)), black_box(0)) {
        Ok(proven) => {
            let (unix, mut out) = (UnixTime(black_box(0)), black_box([0; ANSWER_LEN]));
            look(discoverable.accept(&proven, from(), now(), unix, &identity(), &mut Noise, &mut out));
            black_box(out);
        }
        Err(refusal) => print(&refusal),
    }
    black_box(discoverable.on_pss_init(now(), from(), eid(), iacp_wire::Cookie(black_box([0; 8]))));
}

fn rate() -> Rate {
    Rate { capacity: black_box(0), per_second: black_box(0) }
}

fn ingress() {
    let mut ingress = black_box(Ingress::<8>::new(rate(), rate(), now(), &mut Noise));
    look(ingress.admit(now(), from(), black_box(0)));
}

fn responder(datagram: &mut [u8]) {
    let mut responder = black_box(Responder::<4>::new(settings(), now(), &mut Noise));
    responder.handle_deadline(now(), &mut Noise);
    let Ok(Incoming::Signed(signed)) = Incoming::parse(datagram) else { return };
    let admit = |eid: &Eid| black_box((*eid, Admission::Admit)).1;
    match responder.answer(now(), &identity(), from(), &signed, admit, opaque_buffer()) {
        Ok(answer) => drop(black_box(answer)),
        Err(error) => print(&error),
    }
    match responder.accept(now(), &identity(), from(), &signed, &mut ()) {
        Ok(accepted) => look(black_box(Small::IDLE).accept(now(), &accepted)),
        Err(error) => print(&error),
    }
}

fn session<const LOG: usize, const FRAMES: usize, C: iacp_core::pss::Congestion>(
    session: &mut Session<Opaque, LOG, FRAMES, C>,
) {
    let offer = Capabilities::from_bits(black_box(0));
    look(session.initiate(now(), &identity(), eid(), from(), offer, &mut Noise));
    // In any order, and any number of times.
    while black_box(true) {
        match black_box(0_u8) {
            0 => match session.handle(now(), &identity(), from(), opaque_buffer()) {
                Received::Taken => {}
                Received::Discarded(discard) => print(&discard),
                Received::Data { content, .. } => {
                    black_box(content);
                }
            },
            1 => match session.poll_transmit(now(), opaque_buffer()) {
                Ok(transmit) => drop(black_box(transmit.map(|transmit| (transmit.bytes, transmit.to)))),
                Err(error) => print(&error),
            },
            2 => look(session.handle_deadline(now(), &identity(), &mut Noise)),
            3 => drop(black_box(session.next_deadline())),
            4 => drop(black_box(session.poll_event())),
            5 => look(session.send(now(), black_box(ContentKind::Anml), opaque())),
            6 => look(session.finish(now())),
            7 => look(session.close(now(), black_box(TeardownReason::None))),
            8 => look(session.abort(now(), &identity(), black_box(TeardownReason::None))),
            9 => session.not_sent(now()),
            10 => look(session.reconnect(now(), from())),
            11 => session.transport_lost(now()),
            12 => print(&session.claim(now(), from())),
            13 => look(session.renew_key()),
            14 => look(session.rewind(now())),
            15 => look(session.consumed(now(), black_box(0))),
            16 => look(session.hold(black_box(true))),
            17 => look(session.accept_terms(now(), &identity())),
            18 => look(session.counter_terms(now(), &identity(), settings().terms, black_box(RejectionReasons::NONE))),
            19 => look(session.rest(now())),
            20 => look(session.supersede()),
            21 => session.peer_is_gone(),
            22 => drop(black_box((session.delivered_all(), session.received_all(), session.closure()))),
            _ => session.wipe(),
        }
    }
}

/// A provider that returns any result that the trait allows.
struct Opaque;

impl Provider for Opaque {
    type SigningKey = [u8; 32];
    type Cipher = [u8; 32];
    const EQUATION: Equation = Equation::Cofactorless;

    fn signing_key(seed: &Secret32) -> [u8; 32] {
        black_box(*seed.expose())
    }

    fn public_key(key: &[u8; 32]) -> [u8; 32] {
        black_box(*key)
    }

    fn sign(key: &[u8; 32], message: &[u8]) -> [u8; 64] {
        black_box((key, message));
        black_box([0; 64])
    }

    fn equation(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
        black_box((public, message, signature));
        black_box(Ok(()))
    }

    fn has_prime_order(public: &[u8; 32]) -> bool {
        black_box(public);
        black_box(true)
    }

    fn x25519_public(secret: &Secret32) -> [u8; 32] {
        black_box(*secret.expose())
    }

    fn x25519(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
        black_box((secret.expose(), public));
        black_box(Ok(Secret32::new(black_box([0; 32]))))
    }

    fn static_secret(key: &[u8; 32]) -> Secret32 {
        Secret32::new(black_box(*key))
    }

    fn static_public(public: &[u8; 32]) -> Result<[u8; 32], WeakKey> {
        black_box(Ok(*public))
    }

    fn cipher(suite: Suite, key: &Secret32) -> [u8; 32] {
        black_box((suite, *key.expose())).1
    }

    fn seal(cipher: &[u8; 32], nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        black_box((cipher, nonce, aad, buffer));
        black_box([0; 16])
    }

    fn open(cipher: &[u8; 32], nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        black_box((cipher, nonce, aad, buffer, tag));
        black_box(Ok(()))
    }

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        black_box(parts);
        black_box([0; 32])
    }

    fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Secret32 {
        black_box((key, parts));
        Secret32::new(black_box([0; 32]))
    }

    fn hkdf_expand(prk: &Secret32, info: &[u8], out: &mut [u8]) -> Result<(), TooLong> {
        black_box((prk.expose(), info, out));
        black_box(Ok(()))
    }
}

/// A generator whose output the optimiser cannot know.
struct Noise;

impl TryRng for Noise {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(black_box(0))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(black_box(0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        black_box(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Noise {}
