//! A second implementation of the session's bytes, written from PROFILE.md alone: it shares the primitives with the
//! library and nothing else. It sends whatever a test makes it send, authentically.

use iacp_core::crypto::{Portable, Provider, Secret32, Suite};

/// One end of a session, by hand.
pub struct Forger {
    /// Its key.
    pub signing: <Portable as Provider>::SigningKey,
    /// Its EID.
    pub eid: [u8; 32],
    /// Its half of the ephemeral agreement.
    pub ephemeral: Secret32,
    /// The I-Cookie of the session.
    pub i_cookie: [u8; 8],
    /// The R-Cookie of the session.
    pub r_cookie: [u8; 8],
    /// Its initial sequence number.
    pub initial_sequence: u64,
    /// Capability bits that it offers or agrees to.
    pub capabilities: u32,
    /// The keys, once there are any.
    pub keys: Option<Keys>,
    /// The whole sequence of the newest heartbeat of the peer's that it opened; 0 if none.
    pub echo: std::cell::Cell<u64>,
    /// A KEY_SHARE that is not the public half of its ephemeral key.
    pub share: Option<[u8; 32]>,
    /// How often it has renewed its sending key.
    pub generation: u32,
    /// The newest generation of the peer's key that it has opened a frame of.
    pub heard_generation: std::cell::Cell<u32>,
}

/// Keys of a session, from the forger's side.
pub struct Keys {
    suite: Suite,
    prk: [u8; 32],
    /// The first bytes of the nonces, to and from the peer.
    pub ivs: [u32; 2],
    /// Its send chain at its initial sequence number.
    pub send_chain: [u8; 32],
    /// The peer's send chain at the peer's initial sequence number.
    pub receive_chain: [u8; 32],
    /// The peer's initial sequence number.
    pub peer_sequence: u64,
    /// Key and iv of its own Forwarding Tickets, and of the peer's.
    pub tickets: [([u8; 32], [u8; 4]); 2],
}

/// The chain after a frame with this tag.
#[must_use]
pub fn next_chain(chain: &[u8; 32], tag: &[u8]) -> [u8; 32] {
    Portable::sha256(&[chain, tag])
}

/// Version 1, a type, flags and the length of what follows.
fn header(code: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("short").to_be_bytes();
    [&[0x10 | code >> 4, code << 4 | flags, length[0], length[1]], payload].concat()
}

impl Forger {
    /// A forger with its own key.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        let signing = Portable::signing_key(&Secret32::new([seed; 32]));
        let eid = Portable::public_key(&signing);
        Self {
            signing,
            eid,
            ephemeral: Secret32::new([seed ^ 0x55; 32]),
            i_cookie: [seed, 1, 2, 3, 4, 5, 6, 7],
            r_cookie: [0; 8],
            initial_sequence: 1_000,
            capabilities: 0,
            keys: None,
            echo: std::cell::Cell::new(0),
            share: None,
            generation: 0,
            heard_generation: std::cell::Cell::new(0),
        }
    }

    /// Signs a frame whose 64-byte signature starts at `at` and is zero now.
    fn sign(&self, name: &str, context: &[u8], frame: &mut [u8], at: usize) {
        let digest = Portable::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], context, &frame[..at], &frame[at + 64..]]);
        frame[at..at + 64].copy_from_slice(&Portable::sign(&self.signing, &digest));
    }

    fn key_share(&self) -> Vec<u8> {
        let share = self.share.unwrap_or_else(|| Portable::x25519_public(&self.ephemeral));
        [&[0x80, 32][..], &share].concat()
    }

    /// PSS_INIT to `responder`.
    #[must_use]
    pub fn init(&self, responder: &[u8; 32]) -> Vec<u8> {
        let body = [
            &[0; 8][..],
            &self.eid,
            &self.i_cookie,
            &self.initial_sequence.to_be_bytes(),
            &self.capabilities.to_be_bytes(),
            &[0; 64],
            &self.key_share(),
        ]
        .concat();
        let mut frame = header(0x08, 1, &body);
        self.sign("PSS_INIT", responder, &mut frame, 4 + 8 + 32 + 8 + 8 + 4);
        frame
    }

    /// PSS_NEG of turn 1 to a PSS_INIT, with any conditions block.
    #[must_use]
    pub fn neg(&self, init: &[u8], turn: u16, conditions: &[u8; 32], share: bool) -> Vec<u8> {
        self.neg_of(init, turn, conditions, &if share { self.key_share() } else { Vec::new() })
    }

    /// The same, with any KEY_SHARE.
    #[must_use]
    pub fn neg_with_share(&self, init: &[u8], turn: u16, conditions: &[u8; 32], share: &[u8; 32]) -> Vec<u8> {
        self.neg_of(init, turn, conditions, &[&[0x80, 32][..], share].concat())
    }

    fn neg_of(&self, init: &[u8], turn: u16, conditions: &[u8; 32], share: &[u8]) -> Vec<u8> {
        let i_cookie = &init[44..52];
        let body = [&self.r_cookie[..], i_cookie, &turn.to_be_bytes(), &[0, 0], conditions, &[0; 64], share].concat();
        let mut frame = header(0x0A, 1, &body);
        self.sign("PSS_NEG", &Portable::sha256(&[init]), &mut frame, 4 + 8 + 8 + 2 + 2 + 32);
        frame
    }

    /// PSS_NEG of a later turn, to the PSS_NEG before it.
    #[must_use]
    pub fn counter(&self, previous: &[u8], turn: u16, reasons: u16, conditions: &[u8; 32]) -> Vec<u8> {
        let at = 4 + 8 + 8 + 2 + 2 + 32;
        let context = Portable::sha256(&[&previous[..at], &previous[at + 64..]]);
        let body =
            [&self.r_cookie[..], &self.i_cookie, &turn.to_be_bytes(), &reasons.to_be_bytes(), conditions, &[0; 64]]
                .concat();
        let mut frame = header(0x0A, 1, &body);
        self.sign("PSS_NEG", &context, &mut frame, at);
        frame
    }

    /// PSS_ACK to a PSS_NEG, and the keys that follow from it.
    pub fn ack(&mut self, responder: &[u8; 32], neg: &[u8], extra: u32) -> Vec<u8> {
        self.r_cookie.copy_from_slice(&neg[4..12]);
        let conditions = &neg[4 + 8 + 8 + 4..4 + 8 + 8 + 4 + 32];
        let agreed = u32::from_be_bytes(conditions[8..12].try_into().expect("4"));
        let at = 4 + 8 + 8 + 2 + 2 + 32;
        let h_neg = Portable::sha256(&[&neg[..at], &neg[at + 64..]]);
        let body = [
            &self.r_cookie[..],
            &self.eid,
            &self.i_cookie,
            &self.initial_sequence.to_be_bytes(),
            &(agreed | extra).to_be_bytes(),
            &[0; 64],
            &self.key_share(),
        ]
        .concat();
        let mut frame = header(0x09, 1, &body);
        let at = 4 + 8 + 32 + 8 + 8 + 4;
        self.sign("PSS_ACK", &[&responder[..], &h_neg].concat(), &mut frame, at);
        let h_ack = Portable::sha256(&[&frame[..at], &frame[at + 64..]]);
        let peer_share: [u8; 32] = neg[neg.len() - 32..].try_into().expect("the KEY_SHARE ends the frame");
        let peer_sequence = u64::from_be_bytes(conditions[..8].try_into().expect("8"));
        self.keys = Some(self.derive(responder, &peer_share, [&h_neg, &h_ack], agreed, peer_sequence));
        frame
    }

    /// The key schedule, as the initiator.
    fn derive(
        &self,
        responder: &[u8; 32],
        peer_share: &[u8; 32],
        [h_neg, h_ack]: [&[u8; 32]; 2],
        agreed: u32,
        peer_sequence: u64,
    ) -> Keys {
        let static_shared = Portable::x25519(
            &Portable::static_secret(&self.signing),
            &Portable::static_public(responder).expect("a key"),
        )
        .expect("no weak key");
        let ephemeral_shared = Portable::x25519(&self.ephemeral, peer_share).expect("no weak key");
        let t = Portable::sha256(&[b"IACP/1 PSS", &[0], &self.eid, responder, h_neg, h_ack]);
        let prk = Portable::hkdf_extract(&t, &[static_shared.expose(), ephemeral_shared.expose()]);
        let expand = |what: &str, direction: &str| {
            let mut out = [0; 32];
            Portable::hkdf_expand(&prk, format!("IACP/1 {what} {direction}").as_bytes(), &mut out).expect("short");
            out
        };
        let four = |what, direction| expand(what, direction)[..4].try_into().expect("4");
        let (send, receive) = ("i2r", "r2i");
        Keys {
            suite: if agreed & 2 == 2 { Suite::ChaCha20Poly1305 } else { Suite::Aes256Gcm },
            prk: *prk.expose(),
            ivs: [send, receive].map(|direction| u32::from_be_bytes(four("iv", direction))),
            send_chain: expand("chain", send),
            receive_chain: expand("chain", receive),
            peer_sequence,
            tickets: [send, receive].map(|direction| (expand("ticket", direction), four("ticket iv", direction))),
        }
    }

    /// The key of a generation, by direction: PROFILE 5.10.
    fn key(&self, direction: &str, generation: u32) -> Secret32 {
        let expand = |secret: &Secret32, what: &str| {
            let mut out = [0; 32];
            Portable::hkdf_expand(secret, format!("IACP/1 {what} {direction}").as_bytes(), &mut out).expect("short");
            Secret32::new(out)
        };
        let mut secret = Secret32::new(self.keys.as_ref().expect("after the handshake").prk);
        for _ in 0..generation {
            secret = expand(&secret, "update");
        }
        expand(&secret, "key")
    }

    /// Everything that neither side may leave in memory: secrets and keys up to a generation, the first chains, the
    /// keys of tickets.
    #[must_use]
    pub fn secrets(&self, generations: u32) -> Vec<(String, [u8; 32])> {
        let keys = self.keys.as_ref().expect("after the handshake");
        let mut secrets = vec![("PRK".into(), keys.prk)];
        for (direction, chain) in [("i2r", keys.send_chain), ("r2i", keys.receive_chain)] {
            let mut secret = Secret32::new(keys.prk);
            for generation in 0..=generations {
                if generation > 0 {
                    secret = Portable::hkdf_expand_key(&secret, format!("IACP/1 update {direction}").as_bytes());
                    secrets.push((format!("secret {generation} {direction}"), *secret.expose()));
                }
                let key = Portable::hkdf_expand_key(&secret, format!("IACP/1 key {direction}").as_bytes());
                secrets.push((format!("key {generation} {direction}"), *key.expose()));
            }
            secrets.push((format!("chain {direction}"), chain));
        }
        secrets.extend(keys.tickets.iter().map(|(key, _)| ("ticket key".into(), *key)));
        secrets
    }

    /// The nonce of a frame that it seals.
    #[must_use]
    pub fn nonce(&self, sequence: u64) -> [u8; 12] {
        let [iv, _] = self.keys.as_ref().expect("after the handshake").ivs;
        let iv = iv.wrapping_add(self.generation).to_be_bytes();
        [&iv[..], &sequence.to_be_bytes()].concat().try_into().expect("12")
    }

    /// A PSS_DATA_STREAM frame with any plaintext, authentically sealed.
    #[must_use]
    pub fn seal(&self, sequence: u64, flags: u8, plaintext: &[u8]) -> Vec<u8> {
        self.seal_with(sequence, self.nonce(sequence), flags, plaintext)
    }

    /// The same, with any nonce.
    #[must_use]
    pub fn seal_with(&self, sequence: u64, nonce: [u8; 12], flags: u8, plaintext: &[u8]) -> Vec<u8> {
        let keys = self.keys.as_ref().expect("after the handshake");
        let mut sealed = plaintext.to_vec();
        let length = u16::try_from(8 + 28 + plaintext.len() + 16).expect("short").to_be_bytes();
        let head = [
            &[0x10, 0xB0 | 1 | flags, length[0], length[1]][..],
            &self.r_cookie,
            &self.i_cookie,
            &sequence.to_be_bytes(),
        ]
        .concat();
        let cipher = Portable::cipher(keys.suite, &self.key("i2r", self.generation));
        let tag = Portable::seal(&cipher, &nonce, &head, &mut sealed);
        [&head[..], &nonce, &sealed, &tag].concat()
    }

    /// A data frame: chain, kind, content. Returns the frame and the chain after it.
    #[must_use]
    pub fn data(&self, sequence: u64, chain: &[u8; 32], kind: u8, content: &[u8], flags: u8) -> (Vec<u8>, [u8; 32]) {
        let frame = self.seal(sequence, flags, &[&chain[..], &[kind], content].concat());
        let next = next_chain(chain, &frame[frame.len() - 16..]);
        (frame, next)
    }

    /// A heartbeat: number, send chain, next send, next expected, receive chain. It echoes the newest one of the peer's
    /// that was opened, and shows nothing beyond what it expects.
    #[must_use]
    pub fn heartbeat(
        &self,
        number: u64,
        send_chain: &[u8; 32],
        next_send: u64,
        expected: u64,
        receive_chain: &[u8; 32],
    ) -> Vec<u8> {
        self.vector(number, send_chain, next_send, expected, receive_chain, self.echo.get(), &[])
    }

    /// A heartbeat with any echo and bitmap. ASK is the top bit of `next_send`, HELD that of `expected`.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "the figure has as many fields")]
    pub fn vector(
        &self,
        number: u64,
        send_chain: &[u8; 32],
        next_send: u64,
        expected: u64,
        receive_chain: &[u8; 32],
        echo: u64,
        bitmap: &[u8],
    ) -> Vec<u8> {
        let content =
            [&next_send.to_be_bytes()[..], &expected.to_be_bytes(), receive_chain, &echo.to_be_bytes(), bitmap]
                .concat();
        self.seal((1 << 63) + number, 0, &[&send_chain[..], &[3], &content].concat())
    }

    /// Opens a frame of the peer's: sequence number and plaintext.
    #[must_use]
    pub fn open(&self, frame: &[u8]) -> Option<(u64, Vec<u8>)> {
        let keys = self.keys.as_ref()?;
        let sequence = u64::from_be_bytes(frame.get(20..28)?.try_into().ok()?);
        let nonce: [u8; 12] = frame.get(28..40)?.try_into().ok()?;
        // The nonce is the direction's four bytes plus the generation, then the sequence.
        let [a, b, c, d, ..] = nonce;
        let generation = u32::from_be_bytes([a, b, c, d]).wrapping_sub(keys.ivs[1]);
        assert!(generation < 100, "generation {generation}");
        assert_eq!(nonce[4..], frame[20..28]);
        let mut sealed = frame.get(40..frame.len() - 16)?.to_vec();
        let tag = frame[frame.len() - 16..].try_into().ok()?;
        let cipher = Portable::cipher(keys.suite, &self.key("r2i", generation));
        Portable::open(&cipher, &nonce, &frame[..28], &mut sealed, &tag).ok()?;
        if sequence >= 1 << 63 {
            self.echo.set(self.echo.get().max(sequence));
        }
        self.heard_generation.set(self.heard_generation.get().max(generation));
        Some((sequence, sealed))
    }

    /// PSS_TEARDOWN.
    #[must_use]
    pub fn teardown(&self, teardown_type: u16, reason: u16) -> Vec<u8> {
        let body = [
            &self.r_cookie[..],
            &self.i_cookie,
            &teardown_type.to_be_bytes(),
            &reason.to_be_bytes(),
            &[0; 4],
            &[0; 64],
        ]
        .concat();
        let mut frame = header(0x0C, 1, &body);
        self.sign("PSS_TEARDOWN", &[], &mut frame, 4 + 8 + 8 + 2 + 2 + 4);
        frame
    }
}

/// A conditions block.
#[must_use]
pub fn conditions(sequence: u64, capabilities: u32, lifetime: u32, window: u32) -> [u8; 32] {
    [
        &sequence.to_be_bytes()[..],
        &capabilities.to_be_bytes(),
        &[0; 4],
        &lifetime.to_be_bytes(),
        &window.to_be_bytes(),
        &[0; 8],
    ]
    .concat()
    .try_into()
    .expect("32")
}
