//! Many protocol identifiers, one interaction (`IoE R4`, `R8`).

mod govern;

use govern::{key, sign, verifies};
use interaction_gov::identity::InteractionId;
use interaction_gov::protocol::{BindError, Protocol, Rebinding, Registry};

const ID: InteractionId = InteractionId::recorded([7; 16]);
const OTHER: InteractionId = InteractionId::recorded([8; 16]);

#[test]
fn many_identifiers_lead_to_one_interaction_and_each_to_one_only() {
    // shows: IOE-101 (§4.8 R8), IOE-102 (§4.8 R8)
    let mut registry = Registry::<16>::new([1; 32]);
    let holder = *key(1).pk;
    let all = [
        (Protocol::SipCallId, &b"a84b4c76e66710"[..]),
        (Protocol::WebRtcSession, b"4611731400430051336"),
        (Protocol::MqttClient, b"sensor-17"),
        (Protocol::QuicConnection, &[1, 2, 3, 4]),
        (Protocol::IacpEid, &[9; 32]),
        (Protocol::Other(443), b"x"),
        (Protocol::Other(444), b"x"),
    ];
    for (protocol, identifier) in all {
        registry.bind(protocol, identifier, ID, holder).unwrap();
        assert_eq!(registry.bind(protocol, identifier, ID, holder), Ok(()), "again is no conflict");
        assert_eq!(registry.bind(protocol, identifier, OTHER, holder), Err(BindError::Conflict));
        assert_eq!(
            registry.bind(protocol, identifier, ID, *key(2).pk),
            Err(BindError::Conflict),
            "held by another key"
        );
    }
    assert!(all.iter().all(|(protocol, identifier)| registry.find(*protocol, identifier) == Some(ID)));
    assert_eq!(registry.find(Protocol::MqttClient, b"a84b4c76e66710"), None, "another protocol's");
    registry.release(&ID);
    assert!(all.iter().all(|(protocol, identifier)| registry.find(*protocol, identifier).is_none()));
}

#[test]
fn after_a_break_only_who_holds_the_key_goes_on() {
    // shows: IOE-077 (§4.4 R4)
    let mut registry = Registry::<4>::new([1; 32]);
    let (old, new) = ((Protocol::QuicConnection, &b"old"[..]), (Protocol::QuicConnection, &b"new"[..]));
    registry.bind(old.0, old.1, ID, *key(1).pk).unwrap();
    registry.bind(Protocol::SipCallId, b"taken", OTHER, *key(2).pk).unwrap();
    let challenge = registry.challenge(old.0, old.1).unwrap();
    let rebinding = Rebinding { old, new, challenge };
    let good = sign(1, &rebinding.signed());
    let mut rebind = |rebinding: &Rebinding<'_>, signature: &[u8; 64]| registry.rebind(rebinding, signature, &verifies);
    assert_eq!(rebind(&rebinding, &sign(2, &rebinding.signed())), Err(BindError::NoProof));
    let own = Rebinding { challenge: [4; 32], ..rebinding };
    assert_eq!(rebind(&own, &sign(1, &own.signed())), Err(BindError::NoProof), "a challenge of the holder's own");
    let stolen = Rebinding { new: (Protocol::QuicConnection, b"mine"), ..rebinding };
    assert_eq!(rebind(&stolen, &good), Err(BindError::NoProof), "a proof for another identifier");
    assert_eq!(rebind(&Rebinding { old: new, ..rebinding }, &good), Err(BindError::Unknown));
    let taken = Rebinding { new: (Protocol::SipCallId, b"taken"), ..rebinding };
    assert_eq!(rebind(&taken, &sign(1, &taken.signed())), Err(BindError::Conflict));
    assert_eq!(rebind(&rebinding, &good), Ok(ID));
    assert_eq!((registry.find(old.0, old.1), registry.find(new.0, new.1)), (None, Some(ID)));
    // After going back to the old identifier, the old proof is refused.
    let back = Rebinding { old: new, new: old, challenge: registry.challenge(new.0, new.1).unwrap() };
    assert_eq!(registry.rebind(&back, &sign(1, &back.signed()), &verifies), Ok(ID));
    assert_eq!(registry.rebind(&rebinding, &good, &verifies), Err(BindError::NoProof), "replayed");
    assert_eq!(registry.challenge(new.0, new.1), None);
    // It is also refused after the identifier was released and bound again.
    registry.release(&ID);
    registry.bind(old.0, old.1, ID, *key(1).pk).unwrap();
    assert_eq!(registry.rebind(&rebinding, &good, &verifies), Err(BindError::NoProof), "replayed");
}

#[test]
fn what_is_signed_cannot_be_cut_differently() {
    let one = Rebinding { old: (Protocol::SipCallId, b"ab"), new: (Protocol::SipCallId, b"c"), challenge: [0; 32] };
    let other = Rebinding { old: (Protocol::SipCallId, b"a"), new: (Protocol::SipCallId, b"bc"), ..one };
    assert_ne!(one.signed(), other.signed());
}

#[test]
fn full_means_refuse() {
    let mut registry = Registry::<2>::new([1; 32]);
    for number in 0..2 {
        registry.bind(Protocol::MqttClient, &[number], ID, [0; 32]).unwrap();
    }
    assert_eq!(registry.bind(Protocol::MqttClient, &[2], ID, [0; 32]), Err(BindError::Full));
    assert_eq!(registry.find(Protocol::MqttClient, &[0]), Some(ID));
    // A rebinding needs no further room: it always succeeds in a full registry.
    let challenge = registry.challenge(Protocol::MqttClient, &[0]).unwrap();
    let rebinding = Rebinding { old: (Protocol::MqttClient, &[0]), new: (Protocol::MqttClient, &[9]), challenge };
    let anyone = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true;
    assert_eq!(registry.rebind(&rebinding, &[0; 64], &anyone), Ok(ID));
}

#[test]
fn an_identifier_may_be_bound_anew_to_itself_and_each_interaction_is_released_alone() {
    let mut registry = Registry::<4>::new([1; 32]);
    let same = (Protocol::MqttClient, &b"same"[..]);
    registry.bind(same.0, same.1, ID, *key(1).pk).unwrap();
    registry.bind(Protocol::MqttClient, b"other", OTHER, *key(1).pk).unwrap();
    let challenge = registry.challenge(same.0, same.1).unwrap();
    let rebinding = Rebinding { old: same, new: same, challenge };
    let signature = sign(1, &rebinding.signed());
    assert_eq!(registry.rebind(&rebinding, &signature, &verifies), Ok(ID));
    assert_ne!(registry.challenge(same.0, same.1), Some(challenge), "the proof counts once");
    registry.release(&ID);
    assert_eq!((registry.find(same.0, same.1), registry.find(Protocol::MqttClient, b"other")), (None, Some(OTHER)));
}
