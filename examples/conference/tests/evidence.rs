//! A reader that did not see the interaction verifies what the program has written.

mod support;

use std::fs;

use ed25519_compact::{PublicKey, Signature};
use interaction_gov::audit::{
    Bytes, Damage, Head, RECORD, Record, RecordKind, Replayed, SignedHead, Trail, Verdict, replay,
};
use interaction_gov::identity::InteractionId;
use interaction_gov::policy::Policy;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Vocabulary;
use serde_json::Value;
use tempfile::tempdir;

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().expect("text")).expect("hexadecimal").try_into().expect("as long as it must be")
}

fn signed(line: &str) -> SignedHead {
    let line: Value = serde_json::from_str(line).expect("an object in a line");
    let head = Head {
        interaction: InteractionId::recorded(bytes(&line["interaction"])),
        records: u32::try_from(line["records"].as_u64().expect("a number")).expect("a small one"),
        hash: bytes(&line["hash"]),
        time: Time(line["time"].as_u64().expect("a number")),
        last: line["last"].as_bool().expect("yes or no"),
    };
    SignedHead { head, signature: bytes(&line["signature"]) }
}

fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    PublicKey::new(*key).verify(hash, &Signature::new(*signature)).is_ok()
}

fn read(records: &[Bytes], heads: &[SignedHead], key: &[u8; 32]) -> Result<Trail, Damage> {
    let mut trail = Trail::of(heads[0].head.interaction);
    for head in heads {
        let upto = usize::try_from(head.head.records).expect("a small number").min(records.len());
        for record in &records[usize::try_from(trail.records()).expect("a small number")..upto] {
            trail.record(record)?;
        }
        trail.head(head, key, &verifies)?;
    }
    Ok(trail)
}

#[test]
fn the_written_trail_stands_on_its_own() {
    // shows: IOE-087 (§4.6 R6), IOE-088 (§4.6 R6), IOE-092 (§4.6 R6)
    for script in ["day", "edge"] {
        let folder = tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let [trail, heads, key] = ["trail", "heads", "key"].map(path);
        let argument = |path: &std::path::Path| path.to_str().expect("text").to_owned();
        let [trail_file, heads_file, key_file] = [&trail, &heads, &key].map(|path| argument(path));
        let files = ["--trail", &trail_file, "--heads", &heads_file, "--key", &key_file];
        let told = support::told(&[&[script], &files[..]].concat());

        let trail = fs::read(trail).expect("it was written");
        let (records, rest) = trail.as_chunks::<RECORD>();
        assert!(rest.is_empty(), "records of 87 bytes and nothing else");
        let heads = fs::read_to_string(heads).expect("it was written");
        let heads: Vec<SignedHead> = heads.lines().map(signed).collect();
        let key = fs::read_to_string(key).expect("it was written");
        assert_eq!(key.trim_end(), told.summary["public_key"].as_str().expect("text"));
        let key = bytes(&Value::from(key.trim_end()));

        let read_back = read(records, &heads, &key).expect("it is proven");
        assert!(read_back.is_ended() && read_back.unsigned() == 0);
        assert_eq!(usize::try_from(read_back.records()), Ok(records.len()));
        assert_eq!(hex::encode(read_back.hash()), told.summary["chain"].as_str().expect("text"));
        let id = told.summary["interaction"].as_str().expect("text");
        assert!(records.iter().all(|record| hex::encode(&record[..16]) == id), "every record is of this interaction");

        // Each decision that was told is there, and more: permits that were renewed.
        let decisions =
            [RecordKind::Decided, RecordKind::Invoked, RecordKind::Placed, RecordKind::Routed].map(RecordKind::code);
        let written = records.iter().filter(|record| decisions.contains(&record[28])).count();
        let tells = ["decided", "joined", "invoked", "placed", "routed"];
        let said = told.events.iter().filter(|event| tells.iter().any(|tells| event["event"] == *tells)).count();
        assert!(said > 10 && written > said, "{said} were told, {written} are written");

        // No byte of any record can be changed.
        for (place, byte) in (0..records.len()).zip((0..RECORD).cycle()) {
            let mut records = records.to_vec();
            records[place][byte] ^= 0x80;
            assert!(read(&records, &heads, &key).is_err(), "byte {byte} of record {place}");
        }
        assert_eq!(read(records, &heads, &[9; 32]).err(), Some(Damage::ForgedHead), "not everybody's key");
    }
}

#[test]
fn every_decision_of_the_day_is_decided_again_from_the_trail_and_the_texts_alone() {
    // shows: IOE-090 (§4.6 R6)
    let policies = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let text = |file: &str| fs::read_to_string(policies.join(file)).expect("it is there");
    let day: &[&[&str]] = &[
        &["corporate.policy", "guest-organisation.policy", "regional-privacy.policy", "industry.policy"],
        &["corporate-2.policy", "guest-organisation.policy", "regional-privacy.policy", "industry.policy"],
    ];
    let edge: &[&[&str]] = &[&["edge/operator.policy", "edge/regional-data-law.policy"]];
    for (script, names, versions) in [("day", "names.vocabulary", day), ("edge", "edge/names.vocabulary", edge)] {
        let names = text(names);
        let names = Vocabulary::read(&names).expect("a vocabulary");
        let compile = |files: &&[&str]| {
            let mut policy = Box::new(Policy::<4>::new());
            files.iter().for_each(|file| {
                policy.add(&text(file), &names).expect("a policy");
            });
            policy
        };
        let versions: Vec<_> = versions.iter().map(compile).collect();
        for seed in ["1", "7"] {
            let folder = tempdir().expect("a folder");
            let trail = folder.path().join("trail");
            support::told(&[script, "--seed", seed, "--trail", trail.to_str().expect("text")]);
            let trail = fs::read(trail).expect("it was written");
            let (records, _) = trail.as_chunks::<RECORD>();
            let mut decided = 0;
            for bytes in records {
                let record = Record::read(bytes).expect("a record");
                let found: Vec<_> = versions.iter().map(|policy| replay(&record, policy)).collect();
                if found[0] != Replayed::NotDecided {
                    assert!(found.contains(&Replayed::Same), "{found:?} of {record:?}");
                    decided += 1;
                    // The replay does compare: with another verdict it finds a difference.
                    let other = Record {
                        verdict: if record.verdict.permits() { Verdict::DeniedByRule } else { Verdict::Permit },
                        ..record
                    };
                    assert!(!versions.iter().any(|policy| replay(&other, policy) == Replayed::Same));
                }
            }
            assert!(decided > 10, "{decided}");
        }
    }
}
