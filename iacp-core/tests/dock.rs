//! Hot-docking: one importer, one import, nothing lost, no nonce twice (`IACP §5.6`).

use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Provider, Secret32, Suite};
use iacp_core::erp::binding::Binding;
use iacp_core::erp::dock::{
    Checked, Context, DockError, DockReason, Exporter, HEAD, LASTS, OFFER, Offer, RECORD, RecordType,
};
use iacp_core::identity::Identity;
use iacp_core::time::UnixTime;
use iacp_wire::{Digest, Eid, Locator};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sha2::Sha256;

const NOW: UnixTime = UnixTime(1_800_000_000_000);

fn host(seed: u8) -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([seed; 32]))
}

/// Importer 1, exporter 2, agent 3.
fn agent() -> Identity<Portable> {
    host(3)
}

fn place() -> SocketAddr {
    "192.0.2.7:4227".parse().expect("an address")
}

fn offered(seed: u64) -> (Offer, [u8; OFFER]) {
    let mut frame = [0; OFFER];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let offer = Offer::new(NOW, &host(1), host(2).eid(), agent().eid(), place(), &mut rng, &mut frame);
    (offer.expect("the buffer is long enough"), frame)
}

fn check(now: UnixTime, frame: &[u8]) -> Result<Checked, DockError> {
    Checked::new::<Portable>(now, &host(2).eid(), |importer| *importer == host(1).eid(), frame)
}

fn context() -> Context {
    Context {
        seed: Secret32::new([3; 32]),
        airk: Eid([4; 32]),
        app_digest: Digest([5; 32]),
        evolution: 6,
        binding: Binding::sign(&agent(), Locator::from(place().ip()), 9),
        listen: [7; 24],
    }
}

const APPLICATION: &[u8] = b"what the agent itself wants to keep";

fn exported_with(frame: &[u8], context: &Context, suite: Suite) -> Vec<u8> {
    let checked = check(NOW, frame).expect("the offer holds");
    let mut blob = vec![0; 1_024];
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut exporter =
        Exporter::new(&host(2), &checked, suite, DockReason::Planned, 3, &mut rng, &mut blob).expect("room");
    let mut first = [0; Context::LEN];
    context.write(&mut first);
    let mut length = HEAD;
    length += exporter.seal(RecordType::Context, &mut first, &mut blob[length..]).expect("room");
    assert_eq!(first, [0; Context::LEN], "what a record holds is wiped in the step that sealed it");
    for half in APPLICATION.chunks(20) {
        let mut half = half.to_vec();
        length += exporter.seal(RecordType::Application, &mut half, &mut blob[length..]).expect("room");
        assert!(half.iter().all(|byte| *byte == 0));
    }
    assert!(exporter.is_complete());
    assert_eq!(exporter.seal(RecordType::Application, &mut [1], &mut blob[length..]), Err(DockError::Complete));
    blob.truncate(length);
    blob
}

fn exported(frame: &[u8]) -> Vec<u8> {
    exported_with(frame, &context(), Suite::Aes256Gcm)
}

fn refused(offer: Offer, now: UnixTime, mut blob: Vec<u8>) -> DockError {
    let error = offer.open(now, &host(1), &mut blob).err().unwrap_or_else(|| panic!("it was imported"));
    assert!(blob.iter().all(|byte| *byte == 0), "nothing readable is left of a refused blob");
    error
}

// shows: IACP-131 (§5.6), IACP-129 (§5.6)
#[test]
fn a_context_moves_whole_to_the_host_that_offered() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let (offer, frame) = offered(1);
        let checked = check(NOW, &frame).expect("the offer holds");
        assert_eq!((checked.importer, checked.eid, checked.at), (host(1).eid(), agent().eid(), place()));
        let mut blob = exported_with(&frame, &context(), suite);
        assert_eq!(blob.len(), HEAD + 3 * RECORD + Context::LEN + APPLICATION.len());
        let imported = offer.open(NOW, &host(1), &mut blob).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(imported.reason(), DockReason::Planned);
        let context = imported.context::<Portable>().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Identity::<Portable>::from_seed(&context.seed).eid(), agent().eid());
        assert_eq!((context.airk, context.app_digest, context.evolution), (Eid([4; 32]), Digest([5; 32]), 6));
        assert_eq!((context.binding.generation, context.listen), (9, [7; 24]));
        let application: Vec<u8> = imported
            .records()
            .filter(|(kind, _)| *kind == RecordType::Application)
            .flat_map(|(_, bytes)| bytes.to_vec())
            .collect();
        assert_eq!(application, APPLICATION);
        drop(imported);
        assert!(blob.iter().all(|byte| *byte == 0), "the key of the EID is not left in the buffer");
    }
}

/// The figure, by hand: header, key, nonce and AAD.
#[test]
fn the_blob_is_written_as_drawn() {
    let (_, frame) = offered(1);
    assert_eq!(frame[..4], [0x18, 0xB0, 0x00, 0xDC]);
    let blob = exported(&frame);
    let digest = |bytes: &[u8]| -> [u8; 32] { <Sha256 as sha2::Digest>::digest(bytes).into() };
    assert_eq!(blob[..16], *b"IACPDOCK\x01\x01\x00\x01\x00\x00\x00\x03");
    assert_eq!(blob[16..112], [host(2).eid().0, host(1).eid().0, agent().eid().0].concat()[..]);
    assert_eq!(blob[112..144], digest(&frame));
    assert_eq!(blob[176..184], [1, 0, 0, 0, 0, 0, 0, 216]);
    let last = blob.len() - 15 - 24;
    assert_eq!(blob[last..last + 8], [7, 1, 0, 0, 0, 0, 0, 15]);
    // The importer's side of the agreement, from the generator that made its ephemeral key.
    let ephemeral = Secret32::random(&mut ChaCha8Rng::seed_from_u64(1));
    let lasting = Portable::x25519(
        &Portable::static_secret(&Portable::signing_key(&Secret32::new([1; 32]))),
        &Portable::static_public(&host(2).eid().0).expect("a point"),
    )
    .expect("no small order");
    let passing =
        Portable::x25519(&ephemeral, blob[144..176].first_chunk().expect("32 bytes")).expect("no small order");
    let salt = digest(&[&b"IACP/1 dock\0"[..], &blob[..176]].concat());
    let prk = Portable::hkdf_extract(&salt, &[lasting.expose(), passing.expose()]);
    let cipher = Portable::cipher(Suite::Aes256Gcm, &Portable::hkdf_expand_key(&prk, b"IACP/1 dock key"));
    let mut text = blob[last + 8..last + 23].to_vec();
    let tag = blob[last + 23..].first_chunk().expect("16 bytes");
    let nonce = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    Portable::open(&cipher, &nonce, &blob[last..last + 8], &mut text, tag).expect("it opens");
    assert_eq!(text, APPLICATION[20..]);
}

/// The attack *offer by a stranger*.
#[test]
fn an_offer_by_a_stranger_late_altered_or_for_another_host_is_refused() {
    let (_, frame) = offered(1);
    let listed = |allowed: bool| Checked::new::<Portable>(NOW, &host(2).eid(), |_| allowed, &frame);
    assert_eq!(listed(false), Err(DockError::NotListed));
    assert!(listed(true).is_ok());
    let elsewhere = Checked::new::<Portable>(NOW, &host(4).eid(), |_| true, &frame);
    assert_eq!(elsewhere, Err(DockError::NotForUs));
    assert!(check(UnixTime(NOW.0 + LASTS - 1), &frame).is_ok());
    assert_eq!(check(UnixTime(NOW.0 + LASTS), &frame), Err(DockError::Expired));
    assert_eq!(check(UnixTime(NOW.0 + LASTS + 1), &frame), Err(DockError::Expired));
    assert_eq!(check(UnixTime(NOW.0 - 1), &frame), Err(DockError::Expired), "more than 300 s ahead");
    for byte in 0..frame.len() {
        let mut altered = frame;
        altered[byte] ^= 1;
        let verdict = check(NOW, &altered);
        // Reserved flags are covered by the signature as all else is.
        assert!(verdict.is_err(), "byte {byte}");
    }
    assert!((0..frame.len()).all(|length| check(NOW, &frame[..length]) == Err(DockError::Malformed)));
}

/// The attack *dock blob imported twice, replayed, cut, mixed*.
#[test]
fn a_blob_opens_at_one_host_for_one_offer_once() {
    let (first, frame) = offered(1);
    let (second, other_frame) = offered(2);
    let blob = exported(&frame);
    // A second offer of the same host for the same agent does not open it; a restored copy of the host has wiped its offers.
    assert_eq!(refused(second, NOW, blob.clone()), DockError::NotForUs);
    assert_eq!(refused(first, NOW, exported(&other_frame)), DockError::NotForUs);
    // Whatever was refused has ended the offer; here a new one with the same key, which only this test can make.
    assert_eq!(refused(offered(1).0, UnixTime(NOW.0 + LASTS), blob.clone()), DockError::Expired);
    let mut stolen = blob.clone();
    assert!(offered(1).0.open(NOW, &host(4), &mut stolen).is_err(), "another host has the offer's key");
    assert!(offered(1).0.open(NOW, &host(1), &mut blob.clone()).is_ok());
}

#[test]
fn a_blob_that_was_cut_extended_reordered_or_altered_is_refused() {
    let (_, frame) = offered(1);
    let blob = exported(&frame);
    for byte in 0..blob.len() {
        let mut altered = blob.clone();
        altered[byte] ^= 1;
        refused(offered(1).0, NOW, altered);
    }
    for length in 0..blob.len() {
        refused(offered(1).0, NOW, blob[..length].to_vec());
    }
    assert_eq!(refused(offered(1).0, NOW, [&blob[..], &[0]].concat()), DockError::Seal);
    // The two last records in the other order.
    let (head, records) = blob.split_at(HEAD + RECORD + Context::LEN);
    let (one, two) = records.split_at(RECORD + 20);
    assert_eq!(refused(offered(1).0, NOW, [head, two, one].concat()), DockError::Seal);
    assert_eq!(refused(offered(1).0, NOW, [head, one].concat()), DockError::Seal);
    assert_eq!(refused(offered(1).0, NOW, [head, one, one, two].concat()), DockError::Seal);
}

#[test]
fn a_context_that_does_not_fit_its_offer_is_not_created() {
    let (_, frame) = offered(1);
    let mut other_key = context();
    other_key.seed = Secret32::new([8; 32]);
    let mut other_place = context();
    other_place.binding = Binding::sign(&agent(), Locator([1; 16]), 9);
    let mut unsigned = context();
    unsigned.binding.generation = 10;
    for (wrong, error) in
        [(other_key, DockError::Records), (other_place, DockError::Records), (unsigned, DockError::Signature)]
    {
        let mut blob = exported_with(&frame, &wrong, Suite::Aes256Gcm);
        let imported = offered(1).0.open(NOW, &host(1), &mut blob).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(imported.context::<Portable>().err(), Some(error));
    }
}

#[test]
fn the_context_comes_first_and_once_and_too_small_a_place_changes_nothing() {
    let (_, frame) = offered(1);
    let checked = check(NOW, &frame).expect("the offer holds");
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut begin = |count, out: &mut [u8]| {
        Exporter::new(&host(2), &checked, Suite::Aes256Gcm, DockReason::Compromise, count, &mut rng, out)
    };
    let mut blob = [0; 1_024];
    assert_eq!(begin(1, &mut blob[..HEAD - 1]).err(), Some(DockError::TooSmall));
    assert_eq!(begin(0, &mut blob).err(), Some(DockError::Records));
    let mut exporter = begin(2, &mut blob).unwrap_or_else(|error| panic!("{error}"));
    let (mut body, mut out) = ([7; Context::LEN], [0; 300]);
    assert_eq!(exporter.seal(RecordType::Session, &mut body, &mut out), Err(DockError::Records));
    assert_eq!(exporter.seal(RecordType::Context, &mut body, &mut out[..239]), Err(DockError::TooSmall));
    assert_eq!(body, [7; Context::LEN], "a step that fails leaves the record as it was");
    assert_eq!(exporter.seal(RecordType::Context, &mut body, &mut out), Ok(240));
    assert_eq!(exporter.seal(RecordType::Context, &mut body, &mut out), Err(DockError::Records));
}
