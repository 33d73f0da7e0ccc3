//! A discovery and a session, as they went over the wire, with every secret that was in them.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use iacp_core::crypto::{Portable, Secret32};
use iacp_core::discovery::{ANSWER_LEN, Discoverable, Search, check, space_of_topic};
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, ContentKind, Incoming, Received, Replied, Responder, Session, SessionEvent, Settings,
    Signed, TRANSMIT_BUFFER, TeardownReason, Terms,
};
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::{Cookie, Eid, Frame, Message};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::reader::{self, Direction, Handshake, at};
use crate::tape::Tape;

type Link = Session<Portable, 8192, 8>;

/// The seeds of both agents.
pub const SEEDS: [[u8; 32]; 2] = [[0xA1; 32], [0xB0; 32]];
const TOPIC: &str = "file transfer";
const NOW: UnixTime = UnixTime(1_790_000_000_000);
const BITS: u32 = 12;

fn identity(side: usize) -> Identity<Portable> {
    Identity::from_seed(&Secret32::new(SEEDS[side]))
}

fn places() -> [SocketAddr; 2] {
    [([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4228).into()]
}

/// A worked request, its answer, and the PSS_INIT that shows that it follows them (PROFILE 3, 17).
///
/// # Panics
/// The reader and the library disagree.
#[must_use]
pub fn discovery() -> Value {
    let (mut seeker, mut found) = (Tape::new(31), Tape::new(32));
    let space = space_of_topic::<Portable>(TOPIC);
    assert_eq!(space.0, reader::sha256(&[b"IACP/1 topic\0", TOPIC.as_bytes()]));
    let (mut search, mut miner) = Search::<1>::begin::<Portable>(space, NOW, BITS, &mut seeker);
    let proven = std::iter::from_fn(|| Some(miner.step(1_000))).flatten().next().expect("it is found");
    let mut buffer = [0; 128];
    let length = search.request::<Portable>(&proven, &mut buffer).expect("room");
    let request = buffer[..length].to_vec();
    let checked = check::<Portable>(&request, NOW, BITS).expect("it was mined");
    let mut discoverable = Discoverable::<1, 4>::default();
    let bob = identity(1);
    let [alice_at, _] = places();
    let mut answer = [0; ANSWER_LEN];
    discoverable.accept(&checked, alice_at, Mono(0), NOW, &bob, &mut found, &mut answer).expect("there is room");
    assert_eq!(search.open::<Portable>(&answer), Ok(bob.eid()));
    // The digest as PROFILE defines it.
    let digest = reader::sha256(&[&request[4..88]]);
    let zeros = digest.iter().rev().take_while(|byte| **byte == 0).count() * 8;
    let zeros = zeros + digest[31 - zeros / 8].trailing_zeros() as usize;
    assert!(zeros >= BITS as usize);
    let [mine, theirs]: [[u8; 32]; 2] =
        [&request[36..68], &answer[4..36]].map(|key| key.try_into().expect("32 bytes of key"));
    let private = seeker.find(|draw| reader::x25519_public(draw) == mine).expect("it was drawn");
    let responders = found.find(|draw| reader::x25519_public(draw) == theirs).expect("it was drawn");
    let ikm = reader::x25519(&private, &theirs);
    let salt = reader::sha256(&[&request]);
    let (prk, _) = hkdf::Hkdf::<Sha256>::extract(Some(&salt), &ikm);
    let key: [u8; 32] = reader::expand(&prk.into(), "IACP/1 discovery");
    let eid = reader::open_aes(&key, &answer[36..48], &answer[..36], &answer[48..]);
    assert_eq!(eid.as_deref(), Some(&bob.eid().0[..]));
    // The seeker opens a session, and proves that it has searched.
    let identity_key: [u8; 32] = reader::expand(&prk.into(), "IACP/1 identity");
    let alice = identity(0);
    let mut mac = Hmac::<Sha256>::new_from_slice(&identity_key).expect("any length");
    mac.update(&alice.eid().0);
    let proof: [u8; 16] = *mac.finalize().into_bytes().first_chunk().expect("32 bytes");
    assert_eq!(search.proof::<Portable>(&bob.eid(), &alice.eid()), Some(proof));
    let init = init_with(&alice, bob.eid(), proof);
    let (signature, share) = (at::OPENING_SIGNATURE, 64 + 2 + 32);
    let tlv = [&[0x91, 16][..], &proof].concat();
    assert_eq!(&init[signature + share..][..tlv.len()], tlv, "behind the KEY_SHARE");
    let signed_hash = reader::signed_hash("PSS_INIT", &bob.eid().0, &init, signature);
    assert!(reader::verify(&alice.eid().0, &signed_hash, &init[signature..signature + 64]), "under the signature");
    let waits = |proof: &[u8; 16], discoverable: &mut Discoverable<1, 4>| {
        discoverable.on_proof::<Portable>(Mono(1), alice.eid(), Cookie([1; 8]), proof)
    };
    assert!(!waits(&[0; 16], &mut discoverable) && waits(&proof, &mut discoverable));
    json!({
        "topic": TOPIC, "space": hex::encode(space.0), "bits": BITS,
        "request": hex::encode(&request), "digest": hex::encode(digest), "trailing_zero_bits": zeros,
        "seeker_private": hex::encode(private), "responder_private": hex::encode(responders),
        "ikm": hex::encode(ikm), "salt": hex::encode(salt), "key": hex::encode(key),
        "answer": hex::encode(answer), "eid": hex::encode(bob.eid().0),
        "identity_key": hex::encode(identity_key), "initiator": hex::encode(alice.eid().0), "proof": hex::encode(proof),
        "init": hex::encode(&init), "init_signed_hash": hex::encode(signed_hash),
    })
}

/// The PSS_INIT with a DISCOVERY_PROOF.
fn init_with(own: &Identity<Portable>, peer: Eid, proof: [u8; 16]) -> Vec<u8> {
    let (mut session, mut tape, [_, at]) = (Link::IDLE, Tape::new(33), places());
    let begun = session.initiate_found(Mono(0), own, peer, at, Capabilities::NONE, Some(proof), &mut tape);
    begun.expect("it begins");
    let mut buffer = [0; TRANSMIT_BUFFER];
    let transmit = session.poll_transmit(Mono(0), &mut buffer).expect("a buffer for all").expect("PSS_INIT");
    transmit.bytes.to_vec()
}

fn signed(datagram: &mut [u8]) -> Signed<'_> {
    match Incoming::parse(datagram) {
        Ok(Incoming::Signed(signed)) => signed,
        _ => panic!("it is signed"),
    }
}

/// Both ends, and what went between them.
struct Line {
    now: Mono,
    ends: [Link; 2],
    tapes: [Tape; 2],
    sent: Vec<(usize, Vec<u8>)>,
    events: Vec<(usize, SessionEvent)>,
}

impl Line {
    fn next(&mut self, side: usize) -> Option<Vec<u8>> {
        let mut buffer = [0; TRANSMIT_BUFFER];
        let transmit = self.ends[side].poll_transmit(self.now, &mut buffer).expect("a buffer for all")?;
        let bytes = transmit.bytes.to_vec();
        self.sent.push((side, bytes.clone()));
        Some(bytes)
    }

    /// Delivers until there is nothing to deliver.
    fn settle(&mut self) {
        let names = [identity(0), identity(1)];
        loop {
            let mut quiet = true;
            for side in [0, 1] {
                while let Some(mut bytes) = self.next(side) {
                    quiet = false;
                    let other = 1 - side;
                    let received = self.ends[other].handle(self.now, &names[other], places()[side], &mut bytes);
                    assert!(!matches!(received, Received::Discarded(_)), "{received:?}");
                }
            }
            for side in [0, 1] {
                while let Some(event) = self.ends[side].poll_event() {
                    self.events.push((side, event));
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        let end = Mono(self.now.0 + ms);
        loop {
            self.settle();
            let next = self.ends.iter().filter_map(Link::next_deadline).map(|(at, _)| at).min();
            match next.filter(|next| *next <= end) {
                Some(next) => self.now = Mono(next.0.max(self.now.0)),
                None => break,
            }
            for side in [0, 1] {
                let _ = self.ends[side].handle_deadline(self.now, &identity(side), &mut self.tapes[side]);
            }
        }
        self.now = end;
    }
}

/// A handshake, data in both directions, a key update, and the end in good order (PROFILE 2.3, 4, 5).
///
/// # Panics
/// The reader and the library disagree.
#[must_use]
pub fn session(is_chacha: bool) -> Value {
    let offered = if is_chacha { Capabilities::CHACHA20_POLY1305 } else { Capabilities::NONE };
    let settings = Settings { capabilities: offered, terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 } };
    let mut line = Line {
        now: Mono(0),
        ends: [Link::IDLE, Link::IDLE],
        tapes: [Tape::new(41), Tape::new(42)],
        sent: Vec::new(),
        events: Vec::new(),
    };
    let (alice, bob) = (identity(0), identity(1));
    let [alice_at, bob_at] = places();
    let mut responder = Responder::<4>::new(settings, line.now, &mut line.tapes[1]);
    let [initiator, _] = &mut line.ends;
    initiator.initiate(line.now, &alice, bob.eid(), bob_at, offered, &mut line.tapes[0]).expect("it begins");
    let init = line.next(0).expect("PSS_INIT");
    let mut buffer = [0; TRANSMIT_BUFFER];
    let admit = |_: &Eid| Admission::Admit;
    let answer =
        responder.answer(line.now, &bob, alice_at, &signed(&mut init.clone()), admit, &mut buffer).expect("an answer");
    let Replied::Negotiate { length, .. } = answer else { panic!("an honest initiator gets PSS_NEG") };
    let negotiation = buffer[..length].to_vec();
    line.sent.push((1, negotiation.clone()));
    line.ends[0].handle(line.now, &alice, bob_at, &mut negotiation.clone());
    let acknowledgement = line.next(0).expect("PSS_ACK");
    let mut copy = acknowledgement.clone();
    let Ok(accepted) = responder.accept(line.now, &bob, alice_at, &signed(&mut copy), &mut ()) else {
        panic!("cookie and signature hold")
    };
    line.ends[1].accept(line.now, &accepted).expect("it begins");
    line.wait(50);
    line.ends[0].send(line.now, ContentKind::Anml, b"hello").expect("room");
    line.wait(100);
    line.ends[1].send(line.now, ContentKind::Anml, b"and hello to you").expect("room");
    line.wait(40_000);
    line.ends[0].renew_key().expect("it is open");
    line.wait(20_000);
    line.ends[0].send(line.now, ContentKind::Anml, b"under another key").expect("room");
    line.wait(100);
    line.ends[0].close(line.now, TeardownReason::TaskComplete).expect("it is open");
    line.wait(1_000);
    // The peer agrees to the requested end.
    line.ends[1].close(line.now, TeardownReason::TaskComplete).expect("it is asked for");
    line.wait(1_000);
    read(&line, is_chacha, [&init, &negotiation, &acknowledgement])
}

/// Reads everything again, by PROFILE alone.
fn read(line: &Line, is_chacha: bool, [init, negotiation, acknowledgement]: [&Vec<u8>; 3]) -> Value {
    let eids = [identity(0).eid().0, identity(1).eid().0];
    let share = |frame: &[u8], signature: usize| -> [u8; 32] {
        let from = signature + 64 + 2;
        frame[from..from + 32].try_into().expect("KEY_SHARE is the first TLV")
    };
    let (mine, theirs) = (share(init, at::OPENING_SIGNATURE), share(negotiation, at::NEGOTIATION_SIGNATURE));
    let ephemeral = line.tapes[0].find(|draw| reader::x25519_public(draw) == mine).expect("it was drawn");
    // The responder's comes from its secret, the fields of the PSS_INIT, and its own terms (PROFILE 4.2).
    let derived = |secret: &[u8; 32]| -> [u8; 32] {
        let IpAddr::V4(ip) = places()[0].ip() else { panic!("an IPv4 address") };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
        for part in [
            &b"IACP/1 ephemeral\0"[..],
            &init[12..60],
            &mine,
            &acknowledgement[60..64],
            &ip.to_ipv6_mapped().octets(),
            &places()[0].port().to_be_bytes(),
            &eids[1],
            &negotiation[36..48],
        ] {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    };
    let secret = line.tapes[1].find(|draw| reader::x25519_public(&derived(draw)) == theirs).expect("it was drawn");
    let handshake =
        Handshake { seeds: SEEDS, eids, ephemeral: [ephemeral, derived(&secret)], negotiation, acknowledgement };
    let schedule = handshake.schedule();
    let ways = ["i2r", "r2i"];
    let mut directions = ways.map(|way| Direction::of(schedule.prk, way, is_chacha));
    let keys: serde_json::Map<String, Value> = ["key", "iv", "chain", "ticket", "ticket iv", "update"]
        .into_iter()
        .flat_map(|what| ways.map(|way| format!("{what} {way}")))
        .map(|name| {
            let value: [u8; 32] = reader::expand(&schedule.prk, &format!("IACP/1 {name}"));
            let taken = if name.contains("iv ") { 4 } else { 32 };
            (name, json!(hex::encode(&value[..taken])))
        })
        .collect();
    let mut generations = [0; 2];
    let mut frames = Vec::new();
    let mut delivered = Vec::new();
    for (side, bytes) in &line.sent {
        let frame = Frame::parse(bytes).expect("a frame");
        let from = if *side == 0 { "initiator" } else { "responder" };
        let mut entry = json!({ "from": from, "hex": hex::encode(bytes) });
        let object = entry.as_object_mut().expect("an object");
        object.insert("message".into(), json!(frame.message.message_type().name()));
        if let Message::PssDataStream { .. } = frame.message {
            let before = directions[*side].chain;
            if directions[*side].open(bytes).is_none() {
                directions[*side].update();
                generations[*side] += 1;
            }
            directions[*side].chain = before;
            let opened = directions[*side].open(bytes).expect("it opens by the page");
            if opened.kind != 3 {
                assert_eq!(opened.chain, before, "the chain of everything before it");
            }
            if opened.kind == 0 {
                delivered.push((*side, String::from_utf8(opened.content.clone()).expect("text")));
            }
            for (name, value) in [
                ("generation", json!(directions[*side].generation)),
                ("sequence", json!(format!("{:016x}", opened.sequence))),
                ("chain", json!(hex::encode(opened.chain))),
                ("kind", json!(opened.kind)),
                ("content", json!(hex::encode(&opened.content))),
            ] {
                object.insert(name.into(), value);
            }
        } else {
            let (signature, context) = match frame.message {
                Message::PssInit { .. } => (at::OPENING_SIGNATURE, eids[1].to_vec()),
                Message::PssNeg { .. } => (at::NEGOTIATION_SIGNATURE, reader::sha256(&[init]).to_vec()),
                Message::PssAck { .. } => {
                    let negotiation = reader::h(negotiation, at::NEGOTIATION_SIGNATURE);
                    (at::OPENING_SIGNATURE, [eids[1 - side], negotiation].concat())
                }
                _ => (at::TEARDOWN_SIGNATURE, Vec::new()),
            };
            let hash = reader::signed_hash(frame.message.message_type().name(), &context, bytes, signature);
            assert!(reader::verify(&eids[*side], &hash, &bytes[signature..signature + 64]), "signed as the page says");
            object.insert("context".into(), json!(hex::encode(context)));
            object.insert("signed_hash".into(), json!(hex::encode(hash)));
            object.insert("signature".into(), json!(hex::encode(&bytes[signature..signature + 64])));
        }
        frames.push(entry);
    }
    // The last one of each is empty and has FIN: nothing follows it.
    let said = [(0, "hello"), (1, "and hello to you"), (0, "under another key"), (0, ""), (1, "")];
    assert_eq!(delivered, said.map(|(side, text)| (side, text.to_owned())));
    assert_eq!(generations[0], 1, "one key update");
    let over = |event: &(usize, SessionEvent)| matches!(event.1, SessionEvent::Closed(_));
    assert_eq!(line.events.iter().filter(|event| over(event)).count(), 2, "both ends are over: {:?}", line.events);
    json!({
        "suite": if is_chacha { "ChaCha20-Poly1305" } else { "AES-256-GCM" },
        "initiator": { "seed": hex::encode(SEEDS[0]), "eid": hex::encode(eids[0]), "ephemeral_private": hex::encode(ephemeral),
            "static_private": hex::encode(reader::static_private(&SEEDS[0])), "static_public": hex::encode(reader::static_public(&eids[0])) },
        "responder": { "seed": hex::encode(SEEDS[1]), "eid": hex::encode(eids[1]), "cookie_secret": hex::encode(secret),
            "ephemeral_private": hex::encode(derived(&secret)), "sees_initiator_at": places()[0].to_string() },
        "schedule": { "T": hex::encode(schedule.transcript), "ikm": hex::encode(&schedule.ikm), "PRK": hex::encode(schedule.prk),
            "expanded": keys },
        "frames": frames,
    })
}
