//! The sandbox: it bears an ESD-EID, and learns nothing else (`IACP §3.4`, `IACP §4.1.4.3`).

use iacp_core::crypto::Portable;
use iacp_core::erp::sandbox::{DerivedSlot, Egress, Gate, LONGEST, STREAMS, Shut, UNDER_WAY};
use iacp_core::identity::{Derivation, EsdEid};
use iacp_core::time::Mono;
use iacp_wire::message::SandboxStream;
use iacp_wire::{Digest, Eid, Frame, Message, WriteError};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::Sha256;

const AGENT: Eid = Eid([7; 32]);
const OPENS: u16 = SandboxStream::OPENS;
const ENDS: u16 = SandboxStream::ENDS;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    <Sha256 as sha2::Digest>::digest(parts.concat()).into()
}

fn frame(name: &Digest, stream: u32, flags: u16, bytes: &[u8]) -> Vec<u8> {
    let head = SandboxStream { esd_eid: *name, stream: stream.into(), stream_flags: flags.into(), reserved: [0; 2] };
    let mut out = vec![0; bytes.len() + 44];
    Frame::new(Message::SandboxStream { head: &head, bytes }).write(&mut out).expect("there is room");
    out
}

fn take(gate: &mut Gate<'_>, name: EsdEid, stream: u32, flags: u16, bytes: &[u8]) -> Result<(usize, bool), Shut> {
    let frame = frame(&name.digest(), stream, flags, bytes);
    gate.take(Mono(0), &frame).map(|egress| (egress.bytes.len(), egress.url.is_some()))
}

// shows: IACP-056 (§4.1.4.3), IACP-057 (§4.1.4.3)
#[test]
fn a_derivative_is_a_one_way_hash_with_a_secret_nonce() {
    let derivation = Derivation::new::<Portable>(&AGENT, &mut rng());
    let mut nonce = [0; 32];
    rng().fill_bytes(&mut nonce);
    assert_eq!(derivation.esd_eid().digest().0, sha256(&[b"IACP/1 ESD\0", &AGENT.0, &nonce]));
    let plain = Digest([5; 32]);
    let keyed = sha256(&[b"IACP/1 sandbox session\0", &nonce, &plain.0]);
    assert_eq!(derivation.session_hash::<Portable>(Some(&plain)).0, keyed);
    assert_eq!(derivation.session_hash::<Portable>(None), Digest::ZERO, "where there is no session");
}

/// The attack *sandbox learns or links the EID*.
// shows: IACP-058 (§4.1.4.3), IACP-060 (§4.1.4.3)
#[test]
fn two_sandboxes_of_one_session_see_nothing_in_common() {
    let mut slots = [const { DerivedSlot::EMPTY }; 16];
    let (mut gate, mut random) = (Gate::new(&mut slots), rng());
    let plain = Digest([5; 32]);
    let [one, two] = [(); 2].map(|()| gate.derive::<Portable>(Mono(0), &AGENT, (3, 9), 60, &mut random).expect("room"));
    let mut hashes = Vec::new();
    for name in [one, two] {
        let to = (2, "https://example.org/");
        let object = gate.hand_off::<Portable>(Mono(0), &name, Some(&plain), to).expect("it is alive");
        assert_eq!((object.esd_eid, object.trigger_type, object.target_url), (name.digest(), 2, to.1));
        hashes.push(object.session_hash);
    }
    assert!(one != two && hashes[0] != hashes[1] && !hashes.contains(&plain));
    // What goes toward the sandbox: the derivative, the stream, the bytes.
    assert!(gate.take(Mono(0), &frame(&one.digest(), 1, OPENS, b"https://example.org/")).is_ok());
    let mut out = [0; 64];
    let length = gate.answer(Mono(0), &one.digest(), 1, (b"answer", true), &mut out).expect("there is room");
    assert_eq!(out[..length], frame(&one.digest(), 1, ENDS, b"answer")[..]);
    assert!(!out.windows(8).any(|window| AGENT.0.windows(8).any(|part| part == window)));
}

// shows: IACP-059 (§4.1.4.3)
#[test]
fn a_living_derivative_leads_to_its_context_and_any_other_name_to_silence() {
    let mut slots = [const { DerivedSlot::EMPTY }; 16];
    let (mut gate, mut random) = (Gate::new(&mut slots), rng());
    let name = gate.derive::<Portable>(Mono(0), &AGENT, (3, 9), 60, &mut random).expect("room");
    let opening = frame(&name.digest(), 1, OPENS, b"https://example.org/");
    let expected =
        Egress { context: 3, session: 9, stream: 1, url: Some("https://example.org/"), bytes: b"", ends: false };
    assert_eq!(gate.take(Mono(59_999), &opening), Ok(expected));
    assert_eq!(gate.take(Mono(60_000), &opening), Err(Shut::Unknown), "its time is over");
    for byte in 4..36 {
        let mut other = opening.clone();
        other[byte] ^= 1;
        assert_eq!(gate.take(Mono(0), &other), Err(Shut::Unknown));
    }
    assert_eq!(
        gate.take(Mono(0), &frame(&Digest(AGENT.0), 1, OPENS, b"x:")),
        Err(Shut::Unknown),
        "an EID is no name here"
    );
    assert!((0..44).all(|length| gate.take(Mono(0), &opening[..length]) == Err(Shut::Malformed)));
    assert!(!gate.retract(4, &name.digest()), "another agent's derivative is not there");
    assert!(gate.retract(3, &name.digest()) && !gate.retract(3, &name.digest()));
    assert_eq!(gate.take(Mono(0), &opening), Err(Shut::Unknown));
    for seconds in [0, LONGEST + 1, u32::MAX] {
        let refused = gate.derive::<Portable>(Mono(0), &AGENT, (3, 9), seconds, &mut random);
        assert_eq!(refused, Err(Shut::Time));
    }
}

#[test]
fn streams_open_once_end_twice_and_are_bounded() {
    let mut slots = [const { DerivedSlot::EMPTY }; 16];
    let (mut gate, mut random) = (Gate::new(&mut slots), rng());
    let name = gate.derive::<Portable>(Mono(0), &AGENT, (3, 9), 60, &mut random).expect("room");
    assert_eq!(take(&mut gate, name, 1, 0, b"data"), Err(Shut::Stream), "it is not open");
    assert_eq!(take(&mut gate, name, 1, OPENS, b"\xFF"), Err(Shut::Url));
    for stream in 0..u32::try_from(STREAMS).expect("16") {
        assert_eq!(take(&mut gate, name, stream, OPENS, b"https://a/"), Ok((0, true)));
    }
    assert_eq!(take(&mut gate, name, 99, OPENS, b"https://a/"), Err(Shut::Capacity));
    assert_eq!(take(&mut gate, name, 0, OPENS, b"https://a/"), Err(Shut::Stream), "it opens twice");
    let chunk = vec![0; 32_768];
    for _ in 0..32 {
        assert_eq!(take(&mut gate, name, 1, 0, &chunk), Ok((32_768, false)));
    }
    assert_eq!(UNDER_WAY, 32 * 32_768);
    assert_eq!(take(&mut gate, name, 1, 0, b"x"), Err(Shut::Full), "1 MiB is under way");
    assert_eq!(take(&mut gate, name, 2, 0, b"x"), Ok((1, false)), "the others go on");
    gate.passed(Mono(0), &name.digest(), 1, 1);
    assert_eq!(take(&mut gate, name, 1, ENDS, b"x"), Ok((1, false)));
    assert_eq!(take(&mut gate, name, 1, 0, b""), Err(Shut::Stream), "the sandbox has ended it");
    // The answer still comes back; then its place is free.
    let mut out = [0; 100];
    assert_eq!(
        gate.answer(Mono(0), &name.digest(), 1, (b"a", false), &mut out[..44]),
        Err(Some(WriteError::TooSmall { needed: 45 }))
    );
    assert_eq!(gate.answer(Mono(0), &name.digest(), 1, (b"a", true), &mut out), Ok(45));
    assert_eq!(gate.answer(Mono(0), &name.digest(), 1, (b"a", true), &mut out), Err(None));
    assert_eq!(take(&mut gate, name, 99, OPENS, b"https://a/"), Ok((0, true)));
}

#[test]
fn a_full_table_refuses_and_ended_places_are_used_again() {
    let mut slots = [const { DerivedSlot::EMPTY }; 4];
    let (mut gate, mut random) = (Gate::new(&mut slots), rng());
    let names: Vec<EsdEid> = (0..4)
        .map(|context| gate.derive::<Portable>(Mono(0), &AGENT, (context, 0), 60, &mut random).expect("room"))
        .collect();
    assert_eq!(gate.derive::<Portable>(Mono(0), &AGENT, (9, 0), 60, &mut random), Err(Shut::Capacity));
    assert!(gate.retract(2, &names[2].digest()));
    let fifth = gate.derive::<Portable>(Mono(0), &AGENT, (9, 0), 60, &mut random).expect("a place is free");
    assert_eq!(take(&mut gate, fifth, 1, OPENS, b"https://a/"), Ok((0, true)));
    assert!(gate.derive::<Portable>(Mono(60_000), &AGENT, (9, 0), 60, &mut random).is_ok(), "what is over gives way");
    let mut none: [DerivedSlot; 0] = [];
    let refused = Gate::new(&mut none).derive::<Portable>(Mono(0), &AGENT, (0, 0), 60, &mut random);
    assert_eq!(refused, Err(Shut::Capacity), "no places switch it off");
}
