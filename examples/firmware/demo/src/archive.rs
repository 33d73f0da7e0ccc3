//! Whether a batch of readings may be used: the gateway's decision about what the sensor has sealed.

use cep_envelope::decision::{Delivery, Outcome, Policy, Receiver};
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{MemoryLineage, Slot};
use cep_envelope::manifest::{BoundKey, Instant, Strict};
use iacp_core::crypto::{Portable, Provider, Secret32};
use serial::item::{BATCH, GATEWAY, KEY, READING, SENSOR};

use crate::story::Story;

/// When the first batch is sealed, by the sensor's clock: 2026-11-27T00:01:40Z.
const FIRST: i64 = 1_795_737_700;

pub struct Archive {
    key: Option<BoundKey>,
    lineage: MemoryLineage<[Slot; 64]>,
    /// Batches of which all may continue.
    pub approved: u64,
}

impl Archive {
    /// The maker has said which key is the sensor's.
    pub fn new(sealing: &Secret32) -> Self {
        let key = BoundKey::new(Portable::public_key(&Portable::signing_key(sealing)));
        Self { key, lineage: MemoryLineage::first([Slot::EMPTY; 64], [9; 16]), approved: 0 }
    }

    /// Decides about the newest batch: the readings are what was sealed, by this sensor, for this gateway, behind the batch before.
    pub fn decide(&mut self, item: &[u8], readings: &[[u8; READING]], story: &Story) {
        let parts = item.split_first().and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)));
        let Some((name, sealed)) = parts else { return story.tell("gateway", "an envelope has no name") };
        let batch = usize::try_from(BATCH).unwrap_or(usize::MAX);
        let content = readings[readings.len().saturating_sub(batch)..].concat();
        let keys = |signer: &str, sender: &str| self.key.filter(|_| (signer, sender) == (KEY, SENSOR));
        let seconds = i64::try_from(self.approved * BATCH).unwrap_or(0);
        let delivery = Delivery {
            name,
            sender: SENSOR,
            object: Some(&content),
            sealed: Some(sealed),
            notice: None,
            expected: None,
            arrival: Instant::unix(FIRST + seconds + 5),
        };
        let (container, signatures, policy) = (&BareFile, &Strict, &Policy::default());
        let receiver = Receiver { name: GATEWAY, container, keys: &keys, signatures, lineage: &self.lineage, policy };
        let decision = receiver.judge(&delivery).decision;
        if decision.outcome() == Outcome::Continue
            && decision.record().is_some_and(|record| self.lineage.record(record).is_ok())
        {
            self.approved += 1;
        } else {
            story.tell("gateway", &format!("a batch is not approved: {:?}", decision.deciding()));
        }
    }
}
