//! The portable providers against published vectors, and `ChaChaOnly` at each length (`IACP §8.7`). `tests/providers` compares all of them.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use iacp_core::crypto::{
    BadSignature, BadTag, ChaChaOnly, CheckedKey, Compact, Portable, Provider, Secret32, Suite, WeakKey,
};
use poly1305::Poly1305;
use poly1305::universal_hash::{KeyInit, UniversalHash};
use sha2::{Digest, Sha256};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    let digit = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("two digits");
    assert_eq!(text.len(), 2 * N);
    core::array::from_fn(digit)
}

/// Something that is no pattern of a block.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * at % 251).expect("below 251")).collect()
}

fn seal<P: Provider>(suite: Suite, key: [u8; 32], nonce: &[u8; 12], aad: &[u8], text: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let cipher = P::cipher(suite, &Secret32::new(key));
    let mut sealed = text.to_vec();
    let tag = P::seal(&cipher, nonce, aad, &mut sealed);
    let mut opened = sealed.clone();
    assert_eq!(P::open(&cipher, nonce, aad, &mut opened, &tag), Ok(()));
    assert_eq!(opened, text);
    for byte in [0, 15] {
        let (mut altered, mut zeroed) = (tag, sealed.clone());
        altered[byte] ^= 1;
        assert_eq!(P::open(&cipher, nonce, aad, &mut zeroed, &altered), Err(BadTag));
        assert!(zeroed.iter().all(|byte| *byte == 0), "nothing is left that was not authenticated");
    }
    (sealed, tag)
}

/// RFC 8439 §2.8, block by block: the first block of the stream is the one-time key, and the rest is for the text.
fn by_the_rfc(key: [u8; 32], nonce: [u8; 12], aad: &[u8], text: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let mut stream = vec![0; 64 + text.len()];
    ChaCha20::new(&key.into(), &nonce.into()).apply_keystream(&mut stream);
    let sealed: Vec<u8> = text.iter().zip(&stream[64..]).map(|(byte, key)| byte ^ key).collect();
    let one_time: [u8; 32] = stream[..32].try_into().expect("32 bytes");
    let mut hash = Poly1305::new(&one_time.into());
    hash.update_padded(aad);
    hash.update_padded(&sealed);
    hash.update_padded(&[(aad.len() as u64).to_le_bytes(), (sealed.len() as u64).to_le_bytes()].concat());
    (sealed, hash.finalize().into())
}

// shows: IACP-171 (§8.7)
#[test]
fn chacha20_poly1305_is_that_of_the_rfc_at_each_length() {
    let key = core::array::from_fn(|at| 0x80 + u8::try_from(at).expect("below 32"));
    let nonce = hex("070000004041424344454647");
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen \
        would be it.";
    let aad: [u8; 12] = hex("50515253c0c1c2c3c4c5c6c7");
    let (sealed, tag) = seal::<ChaChaOnly>(Suite::ChaCha20Poly1305, key, &nonce, &aad, text);
    assert_eq!(sealed[..16], hex::<16>("d31a8d34648e60db7b86afbc53ef7ec2"));
    assert_eq!(tag, hex("1ae10b594f09e26a7e902ecbd0600691"), "RFC 8439 §2.8.2");
    let check = |aad: usize, text: usize| {
        let (aad, text) = (bytes(aad), bytes(text));
        let expected = by_the_rfc(key, nonce, &aad, &text);
        let sealed = seal::<ChaChaOnly>(Suite::ChaCha20Poly1305, key, &nonce, &aad, &text);
        assert_eq!(sealed, expected, "{} bytes behind {}", text.len(), aad.len());
    };
    (0..=600).for_each(|length| check(28, length));
    for length in [0, 1, 15, 16, 17, 63, 64, 65, 300] {
        (0..=130).for_each(|aad| check(aad, length));
    }
    let other = seal::<Portable>(Suite::ChaCha20Poly1305, key, &nonce, &aad, text);
    assert_eq!(other, (sealed.clone(), tag));
    assert_eq!(seal::<Compact>(Suite::ChaCha20Poly1305, key, &nonce, &aad, text), (sealed, tag));
}

/// The 13th and the 14th case of the specification of GCM: a zero key, a zero nonce, and nothing or a zero block.
// shows: IACP-166 (§8.2), IACP-171 (§8.7)
#[test]
fn aes_256_gcm_is_that_of_its_specification() {
    fn check<P: Provider>() {
        let gcm = |text: &[u8]| seal::<P>(Suite::Aes256Gcm, [0; 32], &[0; 12], b"", text);
        assert_eq!(gcm(b""), (vec![], hex("530f8afbc74536b9a963b4f1c4cb738b")));
        let sealed = hex::<16>("cea7403d4d606b6e074ec5d3baf39d18").to_vec();
        assert_eq!(gcm(&[0; 16]), (sealed, hex("d0d1c8a799996bf0265b98b5d48ab919")));
    }
    check::<Portable>();
    check::<Compact>();
    let (portable, compact) = (
        seal::<Portable>(Suite::Aes256Gcm, [7; 32], &[9; 12], b"header", &bytes(600)),
        seal::<Compact>(Suite::Aes256Gcm, [7; 32], &[9; 12], b"header", &bytes(600)),
    );
    assert_eq!(portable, compact);
}

#[test]
fn a_provider_without_a_suite_seals_nothing_under_it_and_opens_nothing() {
    let cipher = ChaChaOnly::cipher(Suite::Aes256Gcm, &Secret32::new([7; 32]));
    let mut text = *b"a secret";
    assert_eq!(ChaChaOnly::seal(&cipher, &[0; 12], b"", &mut text), [0; 16]);
    assert_eq!(text, [0; 8]);
    let mut text = *b"a secret";
    assert_eq!(ChaChaOnly::open(&cipher, &[0; 12], b"", &mut text, &[0; 16]), Err(BadTag));
    assert_eq!(text, [0; 8]);
}

#[test]
fn hashes_of_parts_are_those_of_the_whole_and_known_answers_hold() {
    let abc = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(ChaChaOnly::sha256(&[b"a", b"", b"bc"]), abc);
    for length in 0..=140 {
        let text = bytes(length);
        let expected: [u8; 32] = Sha256::digest(&text).into();
        for cut in [0, length / 3, length] {
            let (one, other) = text.split_at(cut);
            assert_eq!(ChaChaOnly::sha256(&[one, other]), expected, "{length} bytes, cut at {cut}");
        }
    }
    let mac = ChaChaOnly::hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    let expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(mac.expose(), &expected, "RFC 4231 §4.3");
    let salt: [u8; 13] = hex("000102030405060708090a0b0c");
    let prk = ChaChaOnly::hkdf_extract(&salt, &[&[0x0b; 11], &[0x0b; 11]]);
    let expected = hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
    assert_eq!(prk.expose(), &expected, "RFC 5869, A.1");
    let mut okm = [0; 42];
    ChaChaOnly::hkdf_expand(&prk, &hex::<10>("f0f1f2f3f4f5f6f7f8f9"), &mut okm).expect("it is short");
    assert_eq!(okm, hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
}

/// RFC 8032 §7.1, the first case, and what strict verification refuses.
// shows: IACP-171 (§8.7)
#[test]
fn signatures_are_those_of_the_rfc_and_each_has_one_form() {
    fn check<P: Provider>() {
        let key =
            P::signing_key(&Secret32::new(hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")));
        let public = P::public_key(&key);
        assert_eq!(public, hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
        let signature = P::sign(&key, b"");
        let (r, s): ([u8; 32], [u8; 32]) = (
            hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"),
            hex("5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        );
        assert_eq!(signature[..], [r, s].concat());
        assert_eq!(P::verify(&public, b"", &signature), Ok(()));
        assert_eq!(P::verify(&public, b"x", &signature), Err(BadSignature));
        let checked = CheckedKey::new::<P>(&public).expect("a key of prime order");
        assert_eq!(checked.bytes(), &public);
        assert_eq!(P::verify_checked(&checked, b"", &signature), Ok(()));
        // S + L solves the same equation.
        let mut other = signature;
        let order: [u8; 32] = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0;
        for (byte, more) in other[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        assert_eq!(P::verify_checked(&checked, b"", &other), Err(BadSignature));
        for bit in [0, 255, 256, 500] {
            let mut altered = signature;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(P::verify(&public, b"", &altered), Err(BadSignature), "bit {bit}");
        }
        // Of small order, or not canonical: y = 0, 1 and −1, and p and p + 1.
        for (first, between, last) in
            [(0, 0, 0), (1, 0, 0), (1, 0, 0x80), (0xec, 0xff, 0x7f), (0xed, 0xff, 0x7f), (0xee, 0xff, 0x7f)]
        {
            let mut weak = [between; 32];
            (weak[0], weak[31]) = (first, last);
            assert_eq!(CheckedKey::new::<P>(&weak), Err(WeakKey), "{first:#x} {last:#x}");
            assert_eq!(P::verify(&weak, b"", &signature), Err(BadSignature));
            assert!(P::static_public(&weak).is_err());
        }
    }
    check::<ChaChaOnly>();
    check::<Portable>();
    check::<Compact>();
}

#[test]
fn two_sides_agree_on_one_secret_and_a_point_of_small_order_gives_none() {
    fn check<P: Provider>() {
        let secret = |byte| Secret32::new([byte; 32]);
        let (one, other) = (P::x25519_public(&secret(1)), P::x25519_public(&secret(2)));
        let shared = P::x25519(&secret(1), &other).expect("a point of prime order");
        assert_eq!(shared.expose(), P::x25519(&secret(2), &one).expect("a point of prime order").expose());
        assert_ne!(shared.expose(), &[0; 32]);
        let scalar = hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
        let point = hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
        let agreed = P::x25519(&Secret32::new(scalar), &point).expect("a point of prime order");
        let expected = hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
        assert_eq!(agreed.expose(), &expected, "RFC 7748 §5.2");
        // The base point is 9.
        let base = core::array::from_fn(|at| if at == 0 { 9 } else { 0 });
        assert_eq!(P::x25519(&secret(1), &base).expect("a point of prime order").expose(), &one);
        assert!(P::x25519(&secret(1), &[0; 32]).is_err());
        // The static key of a signing key is that of its public half.
        let key = P::signing_key(&secret(3));
        let public = P::static_public(&P::public_key(&key)).expect("a point of prime order");
        assert_eq!(P::x25519_public(&P::static_secret(&key)), public);
    }
    check::<ChaChaOnly>();
    check::<Portable>();
    check::<Compact>();
}
