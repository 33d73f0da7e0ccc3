//! The receiver's outcome, sealed for the sender of the object: an object of its own, in the form of a handoff.
//!
//! The content is the JSON object that a file drop answers with, too (schema `cep-answer-v1`). It comes back in the session that
//! brought the object; a relay hands it on as it is, and can change none of it. Only a sender that is proven gets one.

use anyhow::{Result, anyhow, ensure};
use cep_envelope::VerificationState;
use cep_envelope::decision::Outcome;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{BoundKey, Expected, SealedManifest, Strict};
use iacp_wire::Eid;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::content::parts::Parts;
use crate::handoff::sealing;
use crate::keys::{Sealer, eid_of};
use crate::telling::report::Report;

/// The schema of answers.
const SCHEMA: &str = "cep-answer-v1";
/// The longest answer, in bytes.
pub const LONGEST: u64 = 64 << 10;
/// How long a sender waits for an answer once everything has arrived, in milliseconds.
pub const SENDER_WAITS: u64 = 25_000;
/// How long a relay keeps its sender waiting: less than that, so that the sender is told that there is none.
pub const RELAY_WAITS: u64 = 20_000;
/// How long a relay waits for the receiver: less than that, for the same reason.
pub const RECEIVER_WAITS: u64 = 15_000;

/// The exit status of a sender that has no answer.
pub const NO_ANSWER: u8 = 7;

/// The exit status of a sender that knows the receiver's outcome: 0 if the object goes on.
pub const fn exit_code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Continue | Outcome::Fork => 0,
        Outcome::Triage => 4,
        Outcome::Resync => 5,
        Outcome::Quarantine => 6,
    }
}

/// What a receiver has decided about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The object's name.
    pub object: String,
    /// The digest of its manifest.
    pub manifest: String,
    /// The draft's word for what was decided.
    pub outcome: String,
    /// The findings that made the outcome what it is.
    pub deciding: Vec<String>,
    /// The decision in words.
    pub words: String,
    /// When that was decided.
    pub at: Timestamp,
}

impl Answer {
    /// What was decided.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.name() == self.outcome)
    }
}

/// Seals the answer for the sender that the report has proven. `None`: no sender is proven.
pub fn seal(own: &Sealer, report: &Report) -> Result<Option<Vec<u8>>> {
    let (Some(sender), Some(manifest)) = (&report.sender, &report.manifest) else { return Ok(None) };
    // Below this it may be other bytes, or another name, than the sender sealed: a carrier's work, of which the sender's object
    // must not be told.
    if report.proven != VerificationState::ManifestVerified.name()
        && report.proven != VerificationState::ContinuationApproved.name()
    {
        return Ok(None);
    }
    // A carrier that brings an object twice, because the first answer was lost or to replace it, changes no answer.
    let (outcome, deciding, words) = match report.before {
        Some(before) => (before.name(), Vec::new(), format!("{before}: it was approved before")),
        None => {
            let deciding = report.deciding.iter().map(|name| (*name).into()).collect();
            (report.outcome, deciding, report.why.clone())
        }
    };
    let answer = Answer {
        object: report.name.clone().unwrap_or_default(),
        manifest: manifest.clone(),
        outcome: outcome.into(),
        deciding,
        words,
        at: Timestamp::now(),
    };
    let content = serde_json::to_vec(&answer)?;
    let to = eid_of("sender", sender)?;
    Ok(Some(sealing::envelope_of((SCHEMA, "answer", "receiver"), own, &to, &content, None)?.stream))
}

/// Reads what has come back about `manifest`: only what `receiver` has sealed for `own` is its answer.
///
/// # Errors
/// It is something else.
pub fn read(parts: &Parts, own: &Eid, receiver: &Eid, manifest: &Digest) -> Result<Answer> {
    let sealed = SealedManifest::parse(&parts.outer).map_err(|error| anyhow!("{error}"))?;
    let (own, receiver_name) = (hex::encode(own.0), hex::encode(receiver.0));
    let key = BoundKey::new(receiver.0).ok_or_else(|| anyhow!("its EID is no key that all verifiers agree on"))?;
    let bound = |signer: &str, sender: &str| (signer == sender && sender == receiver_name).then_some(key);
    let expected = Expected { sender: &receiver_name, recipient: &own };
    let verified = sealed.verify(expected, &bound, &Strict).map_err(|error| anyhow!("{error}"))?;
    ensure!(verified.is_of(&Digest::of(&parts.content)), "it is not the content that was sealed");
    ensure!(verified.recipient_is_sealed(), "its recipient was not sealed");
    ensure!(verified.manifest().schema == SCHEMA, "it is no answer");
    let answer: Answer = serde_json::from_slice(&parts.content)?;
    ensure!(answer.manifest == manifest.to_string(), "it is about another object");
    ensure!(answer.outcome().is_some(), "its outcome is none");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::parts::{Came, Reader, Room};
    use crate::keys;

    fn parts(stream: &[u8]) -> Parts {
        let mut reader = Reader::new(LONGEST, Room::new(1 << 20));
        reader.push(stream).expect("a handoff");
        match reader.finish().expect("whole") {
            Came::Handoff(parts) => parts,
            Came::Request(_) => panic!("no request"),
        }
    }

    fn report(sender: &str, manifest: &Digest, proven: &'static str) -> Report {
        Report {
            outcome: "triage",
            continues: false,
            proven,
            why: "triage: because".into(),
            deciding: vec!["stale"],
            findings: vec!["stale"],
            sender: Some(sender.into()),
            claimed_sender: None,
            carried_by: String::new(),
            name: Some("name".into()),
            manifest: Some(manifest.to_string()),
            content: String::new(),
            bytes: 0,
            kept: None,
            before: None,
        }
    }

    #[test]
    fn an_answer_counts_only_from_the_receiver_for_this_sender_about_this_object() {
        let [(alice, sealer), (bob, bobs), (carol, carols)] = [(); 3].map(|()| keys::sealer(None).expect("a key"));
        let (manifest, other) = (Digest::of(b"manifest"), Digest::of(b"other"));
        let told = report(&sealer.name, &manifest, "manifest-verified");
        let stream = seal(&bobs, &told).expect("sealed").expect("proven");
        let came = parts(&stream);
        let answer = read(&came, &alice.eid(), &bob.eid(), &manifest).expect("bob's answer");
        assert_eq!(
            (answer.outcome(), &*answer.words, &*answer.object),
            (Some(Outcome::Triage), "triage: because", "name")
        );
        assert!(read(&came, &alice.eid(), &carol.eid(), &manifest).is_err(), "carol's answer was expected");
        assert!(read(&came, &carol.eid(), &bob.eid(), &manifest).is_err(), "it is for alice");
        assert!(read(&came, &alice.eid(), &bob.eid(), &other).is_err(), "it is about another object");
        let forged = seal(&carols, &told).expect("sealed").expect("proven");
        assert!(read(&parts(&forged), &alice.eid(), &bob.eid(), &manifest).is_err(), "carol has sealed it");
        let object = sealing::envelope(&bobs, &alice.eid(), &came.content, None).expect("sealed");
        assert!(
            read(&parts(&object.stream), &alice.eid(), &bob.eid(), &manifest).is_err(),
            "an object of another schema"
        );
        for place in 0..stream.len() {
            let mut changed = stream.clone();
            changed[place] ^= 1;
            let mut reader = Reader::new(LONGEST, Room::new(1 << 20));
            let Ok(()) = reader.push(&changed) else { continue };
            let Ok(Came::Handoff(came)) = reader.finish() else { continue };
            // The notice is a claim, and is not looked at.
            let read = read(&came, &alice.eid(), &bob.eid(), &manifest);
            assert!(read.is_err() || read.is_ok_and(|read| read == answer), "byte {place}");
        }
    }

    #[test]
    fn an_object_that_is_brought_again_gets_the_first_answer_again() {
        let [(alice, sealer), (bob, bobs)] = [(); 2].map(|()| keys::sealer(None).expect("a key"));
        let manifest = Digest::of(b"manifest");
        for before in [Outcome::Continue, Outcome::Fork] {
            let told = Report { before: Some(before), ..report(&sealer.name, &manifest, "manifest-verified") };
            let stream = seal(&bobs, &told).expect("sealed").expect("proven");
            let answer = read(&parts(&stream), &alice.eid(), &bob.eid(), &manifest).expect("bob's answer");
            assert_eq!((answer.outcome(), answer.deciding), (Some(before), vec![]));
        }
    }

    #[test]
    fn a_claim_gets_no_answer() {
        let (_, bobs) = keys::sealer(None).expect("a key");
        let (_, sealer) = keys::sealer(None).expect("a key");
        let manifest = Digest::of(b"manifest");
        for state in VerificationState::LADDER {
            let proven = state >= VerificationState::ManifestVerified;
            let told = report(&sealer.name, &manifest, state.name());
            assert_eq!(seal(&bobs, &told).expect("sealed or not").is_some(), proven, "{}", state.name());
        }
        let unproven = Report { sender: None, ..report(&sealer.name, &manifest, "manifest-verified") };
        assert!(seal(&bobs, &unproven).expect("not sealed").is_none());
    }
}
