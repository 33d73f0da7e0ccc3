//! What a node makes itself, out of what it holds: the CUSTODY of children whose curator is on trial or decapitated (`IACP §5.5.3`,
//! `IACP App. B.6`), and the FILTER of the keys that a verdict ended.
//!
//! ```text
//! DELEGATION of the child, case or verdict against the key above it
//!    └─▶ draft: the same fields at each node, this node's vote ──▶ the other nodes of the curator's path
//!                  k votes ──▶ CUSTODY ──▶ the nodes of the child's path
//! ```

use iacp_wire::layout::{CustodyVote, FilterPart, Record};
use iacp_wire::{DhtKey, Digest, Eid, Signature};
use zerocopy::IntoBytes;

use super::deposit::status;
use super::drafts::{DONE, Draft, SIGNED, signed};
use super::{Node, OWN, Trust};
use crate::crypto::Provider;
use crate::directory::body::Custodian;
use crate::directory::name::Delegation;
use crate::directory::quorum::needed;
use crate::directory::{Body, Class, Facts, Kind, Origin, Slot, Voters, sign, slot};
use crate::governance::filter;
use crate::governance::window::{Clock, Outcome};
use crate::identity::{Identity, verify_record};

const HOUR: u64 = 3_600_000;
/// The ends of a CUSTODY lie on a grid, so that all nodes sign the same: it lives one step at least, and two at most.
const STEP: u64 = 12 * HOUR;
/// The same once the curator is decapitated.
const LONG_STEP: u64 = 15 * 24 * HOUR;
/// Places of the store that are looked at in one call.
const LOOK: u32 = 256;
/// FILTERs of at most this order have room under the key of their node.
const LARGEST: u32 = 2;
/// Bytes of one part, and of what stands before it in its record.
const PART: usize = 512;
const HEAD: usize = 8;

/// What a node would sign for one child.
struct Wanted {
    which: Slot,
    not_after: u64,
    signed: heapless::Vec<u8, SIGNED>,
    voters: Voters,
}

impl<P: Provider> Node<'_, P> {
    /// Makes the next CUSTODY or FILTER that is due, and gives the coordinate at which something new stands, or a vote waits to be
    /// handed on: see [`Self::draft`]. Call it once a second, until it gives none. Here [`Self::poll_transmit`] hands it on.
    // keeps: IACP-128 (§5.5.3), IACP-164 (B.6)
    pub fn tend<T: Trust>(&mut self, now: Clock, me: &Identity<P>, trust: &T) -> Option<(Class, DhtKey)> {
        if !self.spread.has_room() {
            return None;
        }
        self.keep_children(now, me, trust).or_else(|| self.keep_filter(now, me, trust))
    }

    /// The CUSTODY under the key of a child that does not have its votes yet, as a record: for a DHT that carries the votes of its
    /// nodes to each other. Writes it, and gives its length.
    #[must_use]
    pub fn draft(&self, key: &DhtKey, out: &mut [u8]) -> Option<usize> {
        let mut body = [0; Record::MAX_BODY];
        self.tending.draft(key)?.record(&mut body)?.write(out).ok()
    }

    /// The keys of the children whose CUSTODY does not have its votes yet.
    pub fn drafts(&self) -> impl Iterator<Item = DhtKey> {
        self.tending.drafts.iter().flatten().map(|draft| draft.which.key)
    }

    /// The same for one receiver, if there is a draft.
    pub(super) fn drafted<'b>(&self, which: &Slot, body: &'b mut [u8; Record::MAX_BODY]) -> Option<Record<'b>> {
        self.tending.draft(&which.key).filter(|draft| draft.which == *which)?.record(body)
    }

    /// Signs for the next child whose curator is on trial or decapitated.
    fn keep_children<T: Trust>(&mut self, now: Clock, me: &Identity<P>, trust: &T) -> Option<(Class, DhtKey)> {
        let capacity = self.store.fill().1;
        let from = if self.tending.place < capacity { self.tending.place } else { 0 };
        let last = from.saturating_add(LOOK).min(capacity);
        let found = (from..last).find_map(|at| Some((at, self.wanted(now, at, me, trust)?)));
        self.tending.place = found.as_ref().map_or(last, |(at, _)| at.saturating_add(1));
        let (_, Wanted { which, not_after, signed, voters }) = found?;
        let vote = CustodyVote { directory_node_eid: me.eid(), signature: sign(me, Kind::Custody, &signed, &[]) };
        let votes = core::iter::once(vote).collect();
        let place = self.tending.place::<P>(now.unix, &which)?;
        if let Some(before) = place.replace(Draft { which, not_after, signed, votes }) {
            self.spread.end(&before.which);
        }
        self.spread.anew(now.mono, which, voters.clone());
        self.finish(now, &which, &voters, trust);
        Some((Class::Namespaces, which.key))
    }

    /// What this node is to sign for the DELEGATION at a place of the store, if it is to sign anything.
    fn wanted<T: Trust>(&self, now: Clock, at: u32, me: &Identity<P>, trust: &T) -> Option<Wanted> {
        let record = self.store.at(now.unix, at).filter(|record| record.kind == Kind::Delegation as u8)?;
        let token = Delegation::parse(record.body).ok()?;
        let view = self.view(now.unix, trust);
        let curator = view.path_key(&token.parent)?;
        // Its own key is not excused.
        if view.is_slashed(&token.child_key) || token.not_before > now.unix.0 {
            return None;
        }
        let (id, step) = match self.convicted(now, &curator) {
            Some(id) => (id, LONG_STEP),
            None => (self.cases.of(&curator).map(|case| case.escrow.id()).min_by_key(|id| id.0)?, STEP),
        };
        // No longer than the curator has granted.
        let end = (now.unix.0 / step).saturating_add(2).saturating_mul(step).min(token.not_after);
        let which = Slot { kind: Kind::Custody, key: record.storage_key, which: [0; 32] };
        let signed = signed(&token.parent, &token.child, &token.child_key, end, &id);
        let is_made = self.held_end(&which).is_some_and(|held| held >= end)
            || self.tending.draft(&which.key).is_some_and(|draft| draft.signed == signed);
        // A signature without a place for it would be made again and again.
        if is_made || !self.tending.has_place::<P>(now.unix, &which) {
            return None;
        }
        let court = DhtKey(P::sha256(&[token.parent.as_str().as_bytes()]));
        let voters = view.voters(Class::Namespaces, &court);
        (voters.contains(&me.eid())).then_some(Wanted { which, not_after: end, signed, voters })
    }

    fn held_end(&self, which: &Slot) -> Option<u64> {
        match Body::parse(Kind::Custody, self.store.held(which)?.body) {
            Ok(Body::Custody(held)) => Some(held.custody.terms.not_after.get()),
            _ => None,
        }
    }

    /// The accusation by which a key was decapitated; if there are several, all nodes take the same one.
    fn convicted(&self, now: Clock, key: &Eid) -> Option<Digest> {
        self.convictions(now.unix, key, DhtKey(P::sha256(&[&key.0]))).min_by_key(|id| id.0)
    }

    /// Whether a CUSTODY has fewer votes than it takes: then it is a vote, and no record.
    pub(super) fn is_vote<T: Trust>(&self, now: Clock, record: &Record<'_>, trust: &T) -> bool {
        match Body::parse(Kind::Custody, record.body) {
            Ok(Body::Custody(body)) if record.kind == Kind::Custody as u8 => {
                body.custody.votes.len() < needed(self.custodians(now, &body, trust).len())
            }
            _ => false,
        }
    }

    fn custodians<T: Trust>(&self, now: Clock, body: &Custodian<'_>, trust: &T) -> Voters {
        let court = DhtKey(P::sha256(&[body.path.as_str().as_bytes()]));
        self.view(now.unix, trust).voters(Class::Namespaces, &court)
    }

    /// Votes of other nodes for a child. They count beside this node's own, for what it has signed itself.
    pub(super) fn custody_votes<T: Trust>(&mut self, now: Clock, record: &Record<'_>, trust: &T) -> u32 {
        let Ok(Body::Custody(body)) = Body::parse(Kind::Custody, record.body) else { return status::REFUSED };
        let voters = self.custodians(now, &body, trust);
        let which = Slot { kind: Kind::Custody, key: record.storage_key, which: [0; 32] };
        // The word of a node that has the whole already is known.
        if self.store.held(&which).is_some_and(|held| held.body.starts_with(body.signed)) {
            return status::STALE;
        }
        let is_it = |draft: &&mut Draft| draft.which == which && draft.signed == body.signed;
        let Some(draft) = self.tending.drafts.iter_mut().flatten().find(is_it) else { return status::REFUSED };
        if draft.votes.is_full() {
            draft.votes.retain(|vote| voters.contains(&vote.directory_node_eid));
        }
        let is_known = |draft: &Draft, voter| draft.votes.iter().any(|known| known.directory_node_eid == voter);
        let mut counted = 0;
        // A vote that does not count here takes nothing from the others: nodes differ for a while about who votes.
        for vote in body.custody.votes.iter().filter(|vote| voters.contains(&vote.directory_node_eid)) {
            let CustodyVote { directory_node_eid: voter, signature } = vote;
            let holds = || verify_record::<P>(voter, Kind::Custody.label(), &draft.signed, &[], signature).is_ok();
            // No honest node hands on what does not hold: the rest of such a record costs no signature check.
            if !is_known(draft, *voter) && (!holds() || draft.votes.push(*vote).is_err()) {
                break;
            }
            counted += 1;
        }
        if counted == 0 {
            return status::REFUSED;
        }
        self.finish(now, &which, &voters, trust);
        status::OK
    }

    /// A draft with the votes of k nodes becomes a record.
    fn finish<T: Trust>(&mut self, now: Clock, which: &Slot, voters: &Voters, trust: &T) {
        let Some(draft) = self.tending.draft(&which.key) else { return };
        // One that votes no more would void the record. Its vote is kept: it may vote again in a moment.
        let mut whole = draft.clone();
        whole.votes.retain(|vote| voters.contains(&vote.directory_node_eid));
        if whole.votes.len() < needed(voters.len()) {
            return;
        }
        let mut body = [0; Record::MAX_BODY];
        let Some(record) = whole.record(&mut body) else { return };
        // Where there is no room for it here, it is found at the other nodes.
        let told = self.deposit(now, Origin::Node, OWN, &record, trust);
        if told == status::OK {
            let to = self.view(now.unix, trust).voters(Class::Namespaces, &which.key);
            // Its votes went to other nodes, under the same name.
            self.spread.anew(now.mono, *which, to);
        }
    }

    /// Makes the next part of the filter that has a new bit. One part a call.
    fn keep_filter<T: Trust>(&mut self, now: Clock, me: &Identity<P>, trust: &T) -> Option<(Class, DhtKey)> {
        let epoch = u32::try_from(now.unix.0 / filter::EPOCH).ok()?;
        if epoch != self.tending.epoch {
            (self.tending.epoch, self.tending.part) = (epoch, 0);
        }
        if self.tending.part == DONE {
            return None;
        }
        let order = (0..LARGEST).find(|order| self.ended_keys(now).count() <= filter::FULL << order).unwrap_or(LARGEST);
        let parts = (filter::SMALLEST / PART) << order;
        let key = DhtKey(P::sha256(&[&me.eid().0]));
        while usize::from(self.tending.part) < parts {
            let part = self.tending.part;
            self.tending.part = part.saturating_add(1);
            let mut bits = self.filter_part(now, (epoch, order), part.into());
            let mut body = FilterPart {
                epoch: epoch.into(),
                order: u8::try_from(order).ok()?,
                reserved: 0,
                part: part.into(),
                bits,
                directory_node_eid: me.eid(),
                signature: Signature::ZERO,
            };
            let kind = Kind::Filter as u8;
            let which = slot::<P>(&Record { kind, storage_key: key, expiry: u64::MAX, body: body.as_bytes() }).ok()?;
            let held = self.store.held(&which).and_then(|held| held.body.get(HEAD..HEAD + PART));
            // Within an epoch keys are only added: the bits of a verdict that ran out meanwhile stay.
            bits.iter_mut().zip(held.unwrap_or_default()).for_each(|(bits, held)| *bits |= held);
            if bits == [0; PART] || held == Some(bits.as_slice()) {
                continue;
            }
            body.bits = bits;
            body.signature = sign(me, Kind::Filter, body.as_bytes().get(..HEAD + PART + 32)?, &[]);
            let record = Record { kind, storage_key: key, expiry: u64::MAX, body: body.as_bytes() };
            // Where there is no room for it, the other nodes have theirs.
            if self.deposit(now, Origin::Node, OWN, &record, trust) == status::OK {
                let to = self.view(now.unix, trust).voters(Class::Overlay, &key);
                // What was handed on before had fewer bits.
                self.spread.anew(now.mono, which, to);
                return Some((Class::Overlay, key));
            }
        }
        self.tending.part = DONE;
        None
    }

    /// The bits of one part.
    fn filter_part(&self, now: Clock, (epoch, order): (u32, u32), part: usize) -> [u8; PART] {
        let mut bits = [0; PART];
        for key in self.ended_keys(now) {
            let places = filter::places::<P>(epoch, order, &key);
            for place in places.into_iter().filter(|place| place / (8 * PART) == part) {
                if let Some(byte) = bits.get_mut(place / 8 % PART) {
                    *byte |= 0x80 >> (place % 8);
                }
            }
        }
        bits
    }

    /// The keys that a verdict ended, as far as it stands here under their own key: that of a curator has a second one, its court's.
    fn ended_keys(&self, now: Clock) -> impl Iterator<Item = Eid> {
        self.store.records(now.unix).filter(|record| record.kind == Kind::Verdict as u8).filter_map(|record| {
            match Body::parse(Kind::Verdict, record.body) {
                Ok(Body::Verdict(verdict)) if verdict.head.outcome == Outcome::Guilty as u8 => {
                    let offender = verdict.head.offender_eid;
                    (record.storage_key.0 == P::sha256(&[&offender.0])).then_some(offender)
                }
                _ => None,
            }
        })
    }
}
