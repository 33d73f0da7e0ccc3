//! CUSTODYs that collect votes, and how far a node's own filter is made (`IACP §5.5.3`).

use iacp_wire::layout::{CustodyVote, Record};
use iacp_wire::{DhtKey, Digest, Eid};
use zerocopy::IntoBytes;

use crate::crypto::Provider;
use crate::directory::name::{MAX_PATH, Path};
use crate::directory::{Kind, Slot};
use crate::time::UnixTime;

/// How many CUSTODYs collect votes at a time. If more children need one, all nodes begin with the same ones: otherwise none would
/// get enough votes.
const DRAFTS: usize = 8;
/// The order of children changes after this time, in milliseconds, so that those without enough votes do not delay the others for ever.
const TURN: u64 = 600_000;
/// Both paths with their lengths, key, end, accusation.
pub(super) const SIGNED: usize = 2 * (2 + MAX_PATH) + 72;

/// A CUSTODY that has too few votes yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) which: Slot,
    pub(super) not_after: u64,
    pub(super) signed: heapless::Vec<u8, SIGNED>,
    pub(super) votes: heapless::Vec<CustodyVote, 7>,
}

/// No part of the filter is to be made.
pub(super) const DONE: u16 = u16::MAX;

/// What is being made.
#[derive(Debug)]
pub(super) struct Tending {
    pub(super) drafts: [Option<Draft>; DRAFTS],
    /// Where the store is looked at next.
    pub(super) place: u32,
    /// Epoch and part of the filter that are made next; [`DONE`] once all are.
    pub(super) epoch: u32,
    pub(super) part: u16,
}

impl Tending {
    pub(super) const fn new() -> Self {
        Self { drafts: [const { None }; DRAFTS], place: 0, epoch: 0, part: 0 }
    }

    /// A verdict ended one more key: the filter is made anew.
    pub(super) const fn has_ended(&mut self) {
        self.part = 0;
    }

    /// A CUSTODY stands: what ends no later needs no votes any more.
    pub(super) fn is_made(&mut self, which: &Slot, not_after: u64) {
        for place in &mut self.drafts {
            let _ = place.take_if(|draft| draft.which == *which && draft.not_after <= not_after);
        }
    }

    pub(super) fn draft(&self, key: &DhtKey) -> Option<&Draft> {
        self.drafts.iter().flatten().find(|draft| draft.which.key == *key)
    }

    /// A place for a draft: that of the older one of the same child, a free one, that of one which is over, or that of the child which
    /// is the last in order. None: this one waits.
    pub(super) fn place<P: Provider>(&mut self, now: UnixTime, which: &Slot) -> Option<&mut Option<Draft>> {
        let place = self.drafts.iter_mut().max_by_key(|place| yields::<P>(now, place, which))?;
        (yields::<P>(now, place, which) > (0, rank::<P>(now, &which.key))).then_some(place)
    }

    /// Whether there is one.
    pub(super) fn has_place<P: Provider>(&self, now: UnixTime, which: &Slot) -> bool {
        let own = (0, rank::<P>(now, &which.key));
        self.drafts.iter().any(|place| yields::<P>(now, place, which) > own)
    }
}

/// The order of a child: the same at all nodes, and changed every ten minutes, so no child can keep a chosen place.
fn rank<P: Provider>(now: UnixTime, key: &DhtKey) -> [u8; 32] {
    P::sha256(&[&(now.0 / TURN).to_be_bytes(), &key.0])
}

/// How soon a place is given to this child: the highest first.
fn yields<P: Provider>(now: UnixTime, place: &Option<Draft>, which: &Slot) -> (u8, [u8; 32]) {
    match place {
        Some(draft) if draft.which == *which => (3, [0; 32]),
        None => (2, [0; 32]),
        Some(draft) if draft.not_after <= now.0 => (1, [0; 32]),
        Some(draft) => (0, rank::<P>(now, &draft.which.key)),
    }
}

impl Draft {
    /// The record as far as it is: with the votes that there are.
    pub(super) fn record<'b>(&self, body: &'b mut [u8; Record::MAX_BODY]) -> Option<Record<'b>> {
        let count = [u8::try_from(self.votes.len()).ok()?];
        let bytes = self.signed.iter().chain(&count).chain(self.votes.as_bytes());
        let length = self.signed.len() + 1 + size_of_val(self.votes.as_slice());
        let room = body.get_mut(..length)?;
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Some(Record { kind: Kind::Custody as u8, storage_key: self.which.key, expiry: self.not_after, body: room })
    }
}

/// The fields that each node signs.
pub(super) fn signed(
    parent: &Path<'_>,
    child: &Path<'_>,
    key: &Eid,
    not_after: u64,
    id: &Digest,
) -> heapless::Vec<u8, SIGNED> {
    let mut bytes = heapless::Vec::new();
    let length = |path: &Path<'_>| u16::try_from(path.as_str().len()).unwrap_or(0).to_be_bytes();
    let fields: [&[u8]; 7] = [
        &length(parent),
        parent.as_str().as_bytes(),
        &length(child),
        child.as_str().as_bytes(),
        &key.0,
        &not_after.to_be_bytes(),
        &id.0,
    ];
    for field in fields {
        // Two paths of the longest kind fit.
        let _ = bytes.extend_from_slice(field);
    }
    bytes
}
