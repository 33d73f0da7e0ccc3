//! What other nodes send: records that they hand over, votes, and statements that they are where their NODE says.

use core::net::SocketAddr;

use iacp_wire::layout::Record;
use iacp_wire::message::{DirPut, DirReceipt, PomVote};
use iacp_wire::{DhtKey, Eid, Frame};

use super::admit::answered;
use super::deposit::status;
use super::witness::statement;
use super::{Handled, Node, Silence, Trust, answer};
use crate::crypto::Provider;
use crate::directory::metric::NEAREST;
use crate::directory::name::{CLOCKS, Payment, Root};
use crate::directory::quorum::faulty;
use crate::directory::{Body, Facts, Kind, Origin, class_of, record_digest};
use crate::governance::ballot;
use crate::governance::window::Clock;
use crate::guard::{Weight, tokens};
use crate::identity::{Identity, verify_frame};
use crate::time::UnixTime;

/// How many of the nearest nodes may send a node's DIR_PUT.
const SENDERS: usize = NEAREST;

impl<P: Provider> Node<'_, P> {
    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    pub(super) fn on_put<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        frame: &Frame<'_>,
        head: &DirPut,
        record: &[u8],
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let cost = tokens(Weight::Mutation, datagram.len());
        let Some(rest) = self.tried(now, &head.directory_node_eid, from, cost) else {
            return Handled::Silence(Silence::Throttled);
        };
        let (node, parsed) = (head.directory_node_eid, Record::parse(record));
        let Ok(record) = parsed else { return Handled::Silence(Silence::Form) };
        let Ok(class) = class_of::<P>(&record) else { return Handled::Silence(Silence::Form) };
        let near = |eid| self.neighbours.serves(eid, class, &record.storage_key, self.settings.diversity, SENDERS);
        // A known node sends its own NODE record to every node that knows it; its FILTER goes to the n of its own key, far from its
        // place.
        let is_its_own = record.storage_key == DhtKey(P::sha256(&[&node.0]));
        let is_heard = || self.neighbours.all().any(|known| known.eid == node);
        let may_come = match Kind::from_code(record.kind) {
            Some(Kind::Node) if is_its_own && self.neighbours.knows(&node) => true,
            Some(Kind::Filter) if is_its_own && is_heard() => near(&me.eid()),
            _ => near(&node) && near(&me.eid()),
        };
        let is_late = UnixTime(head.timestamp.get()).distance(now.unix) > CLOCKS;
        if is_late || !may_come {
            return Handled::Silence(Silence::Node);
        }
        if verify_frame::<P>(&node, frame, [&me.eid().0, &[]], datagram).is_err() {
            return Handled::Silence(Silence::Node);
        }
        if !self.neighbours.charge(now.mono, &node, rest) {
            return Handled::Silence(Silence::Throttled);
        }
        self.witness(now, &node, &record, trust);
        let status = self.deposit(now, Origin::Node, from.ip(), &record, trust);
        self.ask_others(now, &node, &record, (status, trust));
        let digest = record_digest::<P>(record.kind, &record.storage_key, record.body);
        answered(answer::receipt(me, digest, status, out))
    }

    pub(super) fn on_vote(&mut self, now: Clock, from: SocketAddr, datagram: &[u8], vote: &PomVote) -> Handled {
        // A stranger's vote costs nothing.
        if !self.cases.voters(&vote.accusation_id).contains(&vote.voter_eid) {
            return Handled::Silence(Silence::Node);
        }
        let cost = tokens(Weight::Trial, datagram.len());
        let Some(rest) = self.tried(now, &vote.voter_eid, from, cost) else {
            return Handled::Silence(Silence::Throttled);
        };
        match ballot::verify::<P>(vote) {
            // What its network has paid for needs no more: a voter may be known no longer.
            Ok(_) if rest < cost && !self.neighbours.charge(now.mono, &vote.voter_eid, rest) => {
                Handled::Silence(Silence::Throttled)
            }
            Ok(outcome) => {
                self.count(now, vote, outcome);
                Handled::Silence(Silence::Vote)
            }
            Err(_) => Handled::Silence(Silence::Node),
        }
    }

    /// The price of a signature check on what claims to be of a node. From the node's own address it takes one token of the node's
    /// bucket, for a source address can be forged; the rest is paid once the signature holds. From elsewhere the network pays. Gives
    /// what is left to pay; none if there is not enough.
    fn tried(&mut self, now: Clock, node: &Eid, from: SocketAddr, cost: u32) -> Option<u32> {
        if self.neighbours.is_home(node, from.ip()) {
            return self.neighbours.charge(now.mono, node, 1).then(|| cost.saturating_sub(1));
        }
        self.ingress.admit(now.mono, from, cost).is_ok().then_some(cost)
    }

    /// A node that was asked whether it is at its address answers from there.
    pub(super) fn on_receipt(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        frame: &Frame<'_>,
        receipt: &DirReceipt,
    ) -> Handled {
        let node = receipt.directory_node_eid;
        if !self.neighbours.awaits(&node, from, &receipt.record_digest) {
            return Handled::Silence(Silence::Form);
        }
        if verify_frame::<P>(&node, frame, [&[], &[]], datagram).is_err() {
            return Handled::Silence(Silence::Node);
        }
        self.neighbours.heard(&node);
        Handled::Silence(Silence::Compared)
    }

    /// A node, whose signature held, says this. It counts if the node is responsible, and if the record is one that could stand.
    pub(super) fn witness<T: Trust>(&mut self, now: Clock, by: &Eid, record: &Record<'_>, trust: &T) {
        let Some(statement) = statement::<P>(record) else { return };
        let Some(kind) = Kind::from_code(record.kind) else { return };
        let Ok(body) = Body::parse(kind, record.body) else { return };
        let (class, key) = body.place::<P>(kind, &record.storage_key);
        let view = self.view(now.unix, trust);
        let is_paid = |root: &Root<'_>| match root.payment::<P>() {
            Some(Payment::Work(_)) => true,
            Some(_) => trust.paid(root),
            None => false,
        };
        let is_sound = match &body {
            Body::Root(root) => is_paid(root) && (self.stands(record) || root.verify::<P>().is_ok()),
            // With fewer votes it is a vote, and nothing that could stand.
            Body::Custody(_) => !self.is_vote(now, record, trust),
            _ => true,
        };
        if key == record.storage_key && view.voters(class, &key).contains(by) && is_sound {
            self.neighbours.note(by, &statement);
        }
    }

    /// A node has handed over a record that this one does not have: if it needs statements of others, they are asked at once.
    pub(super) fn ask_others<T: Trust>(&mut self, now: Clock, by: &Eid, record: &Record<'_>, (told, trust): (u32, &T)) {
        let Some(statement) = statement::<P>(record).filter(|_| told != status::OK) else { return };
        let Some(kind) = Kind::from_code(record.kind) else { return };
        let Ok(body) = Body::parse(kind, record.body) else { return };
        let (class, key) = body.place::<P>(kind, &record.storage_key);
        let voters = self.view(now.unix, trust).voters(class, &key);
        let said_by = |of: &[Eid]| self.neighbours.witnesses(&statement, of);
        if said_by(&[*by]) == 1 && said_by(&voters) <= faulty(voters.len()) {
            self.compare.want(kind, key, class, *by);
        }
    }
}
