//! The proof: a trail of records, the signed heads over it, and the check that neither was changed.

use std::fmt;

use interaction_gov::audit::{Bytes, Damage, Head, Record, SignedHead, Trail};
use interaction_gov::identity::InteractionId;
use interaction_gov::time::Time;
use serde::{Deserialize, Serialize};

use crate::plane::verifies;

/// All that a reader needs that did not see the interaction.
#[derive(Clone)]
pub struct Evidence {
    /// Of which interaction.
    pub interaction: InteractionId,
    /// The records, in their order.
    pub records: Vec<Bytes>,
    /// The heads, kept apart from the records.
    pub heads: Vec<SignedHead>,
    /// The control plane's public key.
    pub key: [u8; 32],
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Records and heads do not fit.
    Damaged(Damage),
    /// The interaction is over, and no head is marked as the last one.
    Unfinished,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => damage.fmt(f),
            Self::Unfinished => f.write_str("the last head is missing"),
        }
    }
}

impl From<Damage> for Flaw {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl Evidence {
    /// Reads the trail, with each head at its place, to its signed end.
    pub fn verify(&self) -> Result<Trail, Flaw> {
        let mut trail = Trail::of(self.interaction);
        let mut heads = self.heads.iter().peekable();
        for record in &self.records {
            trail.record(record)?;
            while let Some(head) = heads.next_if(|signed| signed.head.records <= trail.records()) {
                trail.head(head, &self.key, &verifies)?;
            }
        }
        for head in heads {
            trail.head(head, &self.key, &verifies)?;
        }
        if trail.is_ended() { Ok(trail) } else { Err(Flaw::Unfinished) }
    }

    /// The trail as a file has it.
    pub fn trail(&self) -> Vec<u8> {
        self.records.concat()
    }

    /// The heads as a file has them: an object in a line.
    pub fn heads(&self) -> serde_json::Result<String> {
        let lines = self.heads.iter().map(|signed| Ok(serde_json::to_string(&line(signed))? + "\n"));
        lines.collect()
    }
}

/// A signed head in its line; bytes are in hexadecimal.
#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    interaction: String,
    /// How many records it covers.
    pub records: u32,
    hash: String,
    time: u64,
    last: bool,
    signature: String,
}

impl Line {
    /// The head in this line; `None` if the line is malformed.
    pub fn head(&self) -> Option<SignedHead> {
        fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
            hex::decode(text).ok()?.try_into().ok()
        }
        let interaction = InteractionId::recorded(bytes(&self.interaction)?);
        let hash = bytes(&self.hash)?;
        let head = Head { interaction, records: self.records, hash, time: Time(self.time), last: self.last };
        Some(SignedHead { head, signature: bytes(&self.signature)? })
    }
}

/// A signed head as a line has it.
pub fn line(SignedHead { head, signature }: &SignedHead) -> Line {
    Line {
        interaction: head.interaction.to_string(),
        records: head.records,
        hash: hex::encode(head.hash),
        time: head.time.0,
        last: head.last,
        signature: hex::encode(signature),
    }
}

/// A way to tamper with evidence, and what detects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tampering {
    /// What was done.
    pub how: &'static str,
    /// The flaw that was found; `None` if none was.
    pub found: Option<String>,
}

type Deed = (&'static str, fn(&mut Evidence));

const DEEDS: [Deed; 7] = [
    ("a bit flipped", |evidence| {
        let middle = evidence.records.len() / 2;
        // In the subject field, which nothing else depends on.
        if let Some(byte) = evidence.records.get_mut(middle).and_then(|record| record.last_mut()) {
            *byte ^= 1;
        }
    }),
    ("a record dropped", |evidence| {
        let _ = evidence.records.remove(evidence.records.len() / 2);
    }),
    ("two records in another order", |evidence| {
        let middle = evidence.records.len() / 2;
        evidence.records.swap(middle, middle - 1);
    }),
    ("the tail cut off", |evidence| {
        let _ = evidence.records.pop();
    }),
    ("an old state put back", |evidence| old_state(evidence)),
    ("an old state put back, with its heads", |evidence| {
        old_state(evidence);
        evidence.heads.truncate(1);
    }),
    ("a record added after the end", |evidence| {
        let last = evidence.records.last().and_then(Record::read);
        evidence.records.extend(last.map(|last| Record { sequence: last.sequence + 1, ..last }.write()));
    }),
];

/// The trail as it once truly was, when its first head was signed.
fn old_state(evidence: &mut Evidence) {
    let then = evidence.heads.first().map_or(0, |signed| signed.head.records);
    evidence.records.truncate(usize::try_from(then).unwrap_or(usize::MAX));
}

/// Tampers with a copy in each of these ways, and checks whether that is detected.
pub fn tamper(evidence: &Evidence) -> Vec<Tampering> {
    let try_one = |(how, deed): Deed| {
        let mut copy = evidence.clone();
        deed(&mut copy);
        Tampering { how, found: copy.verify().err().map(|flaw| flaw.to_string()) }
    };
    // There must be something to tamper with.
    if evidence.records.len() < 2 { Vec::new() } else { DEEDS.into_iter().map(try_one).collect() }
}
