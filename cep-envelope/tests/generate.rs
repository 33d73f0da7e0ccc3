//! Well-formed texts are read, and near misses reach every reason for a refusal.

use arbitrary::{Arbitrary, Unstructured};
use cep_envelope::Surface;
use cep_envelope::generate::{Damage, NearMiss, OF_NAMES, Text, WellFormed, Wrong};
use cep_envelope::json::JsonErrorKind as Json;
use cep_envelope::json::{JsonError, Unfit};
use cep_envelope::manifest::{Manifest, ManifestError};
use cep_envelope::notification::{Notification, NotificationError};
use proptest::prelude::*;

fn is_whole(text: &WellFormed) {
    let bytes = text.as_str().as_bytes();
    let refused = match text.is() {
        Text::Name => Surface::parse(text.as_str()).err().map(|error| error.to_string()),
        Text::Manifest => Manifest::read(bytes).err().map(|error| error.to_string()),
        Text::Notice => Notification::read(bytes).err().map(|error| error.to_string()),
    };
    assert_eq!(refused, None, "{:?}: {}", text.is(), text.as_str());
}

/// The JSON error to which a damage leads.
fn json(damage: Damage) -> Option<Json> {
    Some(match damage {
        Damage::TooLong => Json::TooLong,
        Damage::NotUtf8 => Json::NotUtf8,
        Damage::Syntax => Json::Syntax,
        Damage::NotAnObject => Json::NotAnObject,
        Damage::TooDeep => Json::TooDeep,
        Damage::TooManyKeys => Json::TooManyKeys,
        Damage::DuplicateKey => Json::DuplicateKey,
        Damage::EscapedKey => Json::EscapedKey,
        Damage::Trailing => Json::Trailing,
        _ => return None,
    })
}

fn unfit(damage: Damage) -> Option<Unfit> {
    Some(match damage {
        Damage::Missing => Unfit::Missing,
        Damage::Null => Unfit::Null,
        Damage::Empty => Unfit::Empty,
        Damage::MemberTooLong => Unfit::TooLong,
        Damage::Escaped => Unfit::Escaped,
        Damage::Control => Unfit::Control,
        _ => return None,
    })
}

/// Checks that the text is refused with the error of its damage.
fn is_refused(near: &NearMiss) {
    let bytes = near.as_bytes();
    let told = || format!("{:?}: {}", near.wrong(), String::from_utf8_lossy(bytes));
    match near.wrong() {
        Wrong::Name(reason) => {
            assert_eq!(Surface::parse_bytes(bytes).err().map(|error| error.reason), Some(reason), "{}", told());
        }
        Wrong::Manifest(damage) => {
            let right = match Manifest::read(bytes).err() {
                Some(ManifestError::Json(JsonError { kind, .. })) => json(damage) == Some(kind),
                Some(ManifestError::WrongType) => damage == Damage::WrongType,
                Some(ManifestError::Member(_, unfit_for)) => unfit(damage) == Some(unfit_for),
                Some(ManifestError::TimeFragment) => damage == Damage::TimeFragment,
                Some(ManifestError::SealedCreatedAt(_)) => damage == Damage::SealedCreatedAt,
                Some(ManifestError::Digest(..)) => damage == Damage::Digest,
                _ => false,
            };
            assert!(right, "{:?}: {}", Manifest::read(bytes).err(), told());
        }
        Wrong::Notice(damage) => {
            let right = match Notification::read(bytes).err() {
                Some(NotificationError::Json(JsonError { kind, .. })) => json(damage) == Some(kind),
                Some(NotificationError::WrongType) => damage == Damage::WrongType,
                Some(NotificationError::Member(_, unfit_for)) => unfit(damage) == Some(unfit_for),
                _ => false,
            };
            assert!(right, "{:?}: {}", Notification::read(bytes).err(), told());
        }
    }
}

fn manifests() -> impl Iterator<Item = Damage> {
    Damage::OF_NOTICES.into_iter().chain(Damage::OF_MANIFESTS)
}

#[test]
fn every_text_and_every_damage_can_be_had_from_any_input() {
    for input in [&[][..], &[0; 40], &[0xFF; 2_000], &[0x5A; 33], &[0x93; 700]] {
        let input = || Unstructured::new(input);
        for is in Text::ALL {
            is_whole(&WellFormed::of(is, &mut input()).expect("bytes end in zeros"));
        }
        for reason in OF_NAMES {
            is_refused(&NearMiss::of_name(reason, &mut input()).expect("bytes end in zeros"));
        }
        for damage in manifests() {
            is_refused(&NearMiss::of_manifest(damage, &mut input()).expect("bytes end in zeros"));
        }
        for damage in Damage::OF_NOTICES {
            is_refused(&NearMiss::of_notice(damage, &mut input()).expect("bytes end in zeros"));
        }
    }
}

proptest! {
    #[test]
    fn what_is_called_well_formed_reads(input: Vec<u8>) {
        if let Ok(text) = WellFormed::arbitrary(&mut Unstructured::new(&input)) {
            is_whole(&text);
        }
    }

    #[test]
    fn a_near_miss_is_refused_for_its_damage(input: Vec<u8>) {
        if let Ok(near) = NearMiss::arbitrary(&mut Unstructured::new(&input)) {
            is_refused(&near);
        }
    }
}
