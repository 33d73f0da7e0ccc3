//! Any bytes are a manifest or refused, bare and sealed.
#![no_main]

use cep_envelope::manifest::{
    BoundKey, Expected, MAX_MANIFEST, MAX_OUTER, Manifest, SealError, SealedManifest, Strict, seal,
};
use libfuzzer_sys::fuzz_target;

/// A key of prime order: the base point. Its secret is 1, and nothing here signs with it.
const KEY: [u8; 32] = {
    let mut key = [0x66; 32];
    key[0] = 0x58;
    key
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::read(bytes) {
        let mut buffer = [0; MAX_MANIFEST];
        let written = manifest.write(&mut buffer).expect("what was read can be written");
        assert_eq!(Manifest::read(written), Ok(manifest));
    }
    if let Ok(sealed) = SealedManifest::parse(bytes) {
        let (signer, recipient) = (sealed.claimed_signer(), sealed.claimed_recipient());
        let mut buffer = [0; MAX_OUTER];
        match seal(sealed.signed_bytes(), signer, recipient, |_| *sealed.claimed_signature(), &mut buffer) {
            Ok(again) => assert_eq!(again, bytes),
            Err(error) => assert_eq!(error, SealError::Contradiction),
        }
        let keys = |_: &str, _: &str| BoundKey::new(KEY);
        assert!(sealed.verify(Expected { sender: "anybody", recipient }, &keys, &Strict).is_err());
    }
});
