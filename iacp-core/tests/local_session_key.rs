//! `Local_Session_Key` (`IACP §4.2.4.2`).

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::pss::local_session_key;
use iacp_wire::{Cookie, Eid};
use sha2::{Digest, Sha256};

#[test]
fn the_key_hashes_both_cookies_the_source_eid_and_the_iat() {
    // shows: IACP-087 (§4.2.4.2)
    let key = |initiator, responder, eid, iat| {
        let iat = Secret32::new([iat; 32]);
        local_session_key::<Portable>(Cookie([initiator; 8]), Cookie([responder; 8]), &Eid([eid; 32]), &iat)
    };
    let expected: [u8; 32] = Sha256::digest([&[1; 8][..], &[2; 8], &[3; 32], &[4; 32]].concat()).into();
    assert_eq!(key(1, 2, 3, 4), expected);
    for other in [key(9, 2, 3, 4), key(1, 9, 3, 4), key(1, 2, 9, 4), key(1, 2, 3, 9)] {
        assert_ne!(other, expected, "agents on one host stay apart even where cookies collide");
    }
}
