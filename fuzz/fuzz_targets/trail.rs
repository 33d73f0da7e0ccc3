//! Any bytes are records or not; a trail takes only what continues it, and what it refuses changes nothing.
#![no_main]

use interaction_gov::audit::{Head, RECORD, Record, SignedHead, Trail};
use interaction_gov::identity::InteractionId;
use interaction_gov::time::Time;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (records, rest) = bytes.as_chunks::<RECORD>();
    let signs = |_: &[u8; 32], _: &[u8; 32], signature: &[u8; 64]| signature[0] != 0;
    let mut trail = Trail::of(InteractionId::recorded(bytes.first_chunk().copied().unwrap_or_default()));
    for bytes in records {
        let read = Record::read(bytes);
        if let Some(record) = read {
            assert_eq!(record.write(), *bytes);
        }
        let before = (trail.records(), *trail.hash(), trail.unsigned(), trail.is_ended());
        match trail.record(bytes) {
            Ok(record) => assert!(read == Some(record) && record.sequence == before.0 && !before.3),
            Err(_) => assert_eq!((trail.records(), *trail.hash(), trail.unsigned(), trail.is_ended()), before),
        }
        // A head over what is here is taken only with a signature.
        let head = Head {
            interaction: *trail.interaction(),
            records: trail.records(),
            hash: *trail.hash(),
            time: Time(rest.len() as u64),
            last: rest.first() == Some(&7),
        };
        let signature = [rest.get(1).copied().unwrap_or(0); 64];
        let taken = trail.head(&SignedHead { head, signature }, &[0; 32], &signs).is_ok();
        assert!(!taken || (signature[0] != 0 && trail.unsigned() == 0));
    }
});
