//! What a whole decision of a receiver takes: its name, its sealed manifest, its content, and what the receiver remembers.

use cep_envelope::decision::{Delivery, Outcome, Policy, Receiver};
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{MemoryLineage, Slot};
use cep_envelope::manifest::{BoundKey, Instant, Strict};

use crate::meter::Meter;
use crate::report::{Report, fail};

/// An outer object that alice sealed for bob, and what it is about.
static OUTER: &[u8] = include_bytes!("outer.json");
const NAME: &[u8] = b"20261127t015116z.file.alice.normal";
const CONTENT: &[u8] = b"object";
/// Two seconds after it was sealed.
const ARRIVAL: i64 = 1795744278;
/// The key of the seed whose bytes are all 1.
const KEY: [u8; 32] = [
    0x8a, 0x88, 0xe3, 0xdd, 0x74, 0x09, 0xf1, 0x95, 0xfd, 0x52, 0xdb, 0x2d, 0x3c, 0xba, 0x5d, 0x72, 0xca, 0x67, 0x09,
    0xbf, 0x1d, 0x94, 0x12, 0x1b, 0xf3, 0x74, 0x88, 0x01, 0xb4, 0x0f, 0x6f, 0x5c,
];

/// What the receiver remembers: 16 objects.
pub struct Memory([Slot; 16]);

impl Memory {
    pub const EMPTY: Self = Self([Slot::EMPTY; 16]);
}

#[inline(never)]
pub fn decide(content: &[u8], key: BoundKey, lineage: &mut MemoryLineage<&mut [Slot]>) -> Outcome {
    let keys = |signer: &str, sender: &str| (signer == "alice-1" && sender == "alice").then_some(key);
    let policy = Policy::default();
    let delivery = Delivery {
        name: NAME,
        sender: "alice",
        object: Some(content),
        sealed: Some(OUTER),
        notice: None,
        expected: None,
        arrival: Instant::unix(ARRIVAL),
    };
    let receiver = Receiver {
        name: "bob",
        container: &BareFile,
        keys: &keys,
        signatures: &Strict,
        lineage: &*lineage,
        policy: &policy,
    };
    let decision = receiver.judge(&delivery).decision;
    // Remembered before it continues.
    if let Some(record) = decision.record()
        && lineage.record(record).is_err()
    {
        return Outcome::Triage;
    }
    decision.outcome()
}

pub fn all(memory: &mut Memory, meter: &mut Meter, report: &mut Report) {
    let Some(key) = BoundKey::new(KEY) else { fail("the key is refused") };
    let mut lineage = MemoryLineage::first(&mut memory.0[..], [9; 16]);
    let (cost, other) = meter.measure(|| decide(b"another", key, &mut lineage));
    report.line(&["step", "cep", "decide"], &[cost.stack, cost.instructions]);
    let (cost, outcome) = meter.measure(|| decide(CONTENT, key, &mut lineage));
    report.line(&["step", "cep", "decide"], &[cost.stack, cost.instructions]);
    if other != Outcome::Quarantine || outcome != Outcome::Continue {
        fail("the wrong content continues, or the right one does not");
    }
}
