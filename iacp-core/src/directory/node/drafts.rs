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

#[cfg(test)]
mod tests {
    use iacp_wire::Signature;

    use super::*;
    use crate::crypto::ChaChaOnly as Chosen;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);

    fn which(number: u8) -> Slot {
        Slot { kind: Kind::Custody, key: DhtKey([number; 32]), which: [0; 32] }
    }

    fn draft(number: u8, not_after: u64) -> Draft {
        Draft { which: which(number), not_after, signed: heapless::Vec::new(), votes: heapless::Vec::new() }
    }

    fn full() -> Tending {
        let mut tending = Tending::new();
        for (number, place) in (0..).zip(&mut tending.drafts) {
            *place = Some(draft(number, NOW.0 + 1));
        }
        tending
    }

    #[test]
    fn a_place_is_taken_from_what_has_ended_and_else_from_a_child_that_comes_later_in_the_order() {
        let order = |number: u8| Chosen::sha256(&[&(NOW.0 / 600_000).to_be_bytes(), &[number; 32]]);
        let mut yielded = 0;
        for number in 8..40 {
            let mut tending = full();
            let last = (0..8).max_by_key(|other| order(*other)).expect("eight");
            let gives_way = order(last) > order(number);
            assert_eq!(tending.has_place::<Chosen>(NOW, &which(number)), gives_way, "{number}");
            let place = tending.place::<Chosen>(NOW, &which(number)).and_then(|place| place.as_ref());
            assert_eq!(place.map(|draft| draft.which.key.0[0]), gives_way.then_some(last), "{number}");
            yielded += u8::from(gives_way);
            // At its end a draft gives way to any, and before it a free place does.
            let ended = UnixTime(NOW.0 + 1);
            assert!(tending.has_place::<Chosen>(ended, &which(number)));
            tending.drafts[3] = None;
            assert!(tending.place::<Chosen>(ended, &which(number)).is_some_and(|place| place.is_none()));
        }
        assert!((1..32).contains(&yielded), "some do and some do not: {yielded}");
        // What has a draft here takes its own place, before a free one.
        let mut tending = full();
        tending.drafts[7] = None;
        for number in 0..7 {
            let place = tending.place::<Chosen>(NOW, &which(number)).and_then(|place| place.as_ref());
            assert_eq!(place.map(|draft| draft.which), Some(which(number)));
        }
    }

    #[test]
    fn a_draft_ends_with_a_custody_that_lasts_as_long() {
        for (not_after, ends) in [(NOW.0, false), (NOW.0 + 1, true), (NOW.0 + 2, true)] {
            let mut tending = full();
            tending.is_made(&which(5), not_after);
            assert_eq!(tending.draft(&which(5).key).is_none(), ends, "{not_after}");
            assert!(tending.draft(&which(4).key).is_some());
        }
        let mut tending = full();
        tending.part = 9;
        tending.has_ended();
        assert_eq!(tending.part, 0, "the filter is made anew");
    }

    #[test]
    fn a_draft_is_what_was_signed_and_its_votes_with_their_number() {
        let vote =
            |number: u8| CustodyVote { directory_node_eid: Eid([number; 32]), signature: Signature([number; 64]) };
        let [parent, child] = ["org", "org.a"].map(|path| Path::new(path).expect("a path"));
        let signed = signed(&parent, &child, &Eid([7; 32]), 9, &Digest([8; 32]));
        let votes = [vote(1), vote(2)].into_iter().collect();
        let draft = Draft { which: which(3), not_after: 9, signed, votes };
        let mut body = [0; Record::MAX_BODY];
        let record = draft.record(&mut body).expect("it fits");
        assert_eq!((record.kind, record.storage_key, record.expiry), (9, which(3).key, 9));
        assert_eq!(record.body[..15], *b"\0\x03org\0\x05org.a\x07\x07\x07");
        let terms = 12 + 72;
        assert_eq!((record.body[terms], record.body.len()), (2, terms + 1 + 2 * 96));
        assert_eq!(record.body[terms + 1..], *[vote(1), vote(2)].as_bytes());
    }
}
