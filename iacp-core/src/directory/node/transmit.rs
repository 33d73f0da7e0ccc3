//! What a node sends by itself: what it hands on, notices to accused keys, its own record, and questions by which nodes compare
//! what they hold (`IACP §3.5`, `IACP §4.2.7.2`).

use core::net::{IpAddr, SocketAddr};

use iacp_wire::layout::{NodeRecord, Record, RecordHead};
use iacp_wire::message::{DirPut, ErpRegister, PomNotice};
use iacp_wire::{DhtKey, Eid, Frame, Locator, Message, Signature};
use zerocopy::{FromBytes, IntoBytes};

use super::neighbours::{Announced, Neighbours};
use super::question::UNKNOWN;
use super::witness::is_witnessed;
use super::{Node, Source};
use crate::crypto::Provider;
use crate::directory::metric::RESPONSIBLE;
use crate::directory::{Class, Kind, Slot, class_of, sign};
use crate::governance::window::Clock;
use crate::identity::{Identity, sign_frame};
use crate::time::UnixTime;

/// How often a node signs its record anew, in milliseconds; the record lives for 24 hours.
const ANNOUNCE: u64 = 6 * 3_600_000;
const NODE_LIFE: u64 = 24 * 3_600_000;
/// Where hosts take frames.
const PORT: u16 = 4_227;

/// One of the reasons to send something: writes the next frame and says where it goes.
type Next<N, P> = fn(&mut N, Clock, &Identity<P>, &mut [u8]) -> Option<(SocketAddr, usize)>;

impl<P: Provider> Node<'_, P> {
    /// From now on the node signs a record of itself every six hours, with the nonce that its place costs, and sends it to the nodes
    /// that it knows: one that is silent for a day is forgotten by them.
    pub const fn announce(&mut self, nonce: u64) {
        self.announced = Some(Announced { nonce, due: UnixTime(0), next: usize::MAX });
    }

    /// The next frame that the node sends by itself, and where: an accusation, a rebuttal or a verdict to those that try it, what
    /// another node lacks, a notice to an accused key, what another node is nearer to, the node's own record, a question about what
    /// another node holds, or whether it is there. At most 32 a second. What there is much of delays nothing else: these are served
    /// in turn.
    pub fn poll_transmit(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        self.hand_over.covers(now.mono, 1).ok()?;
        let sources: [Next<Self, P>; 8] = [
            Self::next_spread,
            Self::next_notice,
            Self::next_handed,
            Self::next_announced,
            Self::next_pushed,
            Self::next_compared,
            Self::next_wanted,
            Self::next_probed,
        ];
        for (number, source) in sources.iter().enumerate().cycle().skip(self.turn).take(sources.len()) {
            if let Some(sent) = source(self, now, me, out) {
                self.turn = number.saturating_add(1) % sources.len();
                self.hand_over.take(now.mono, 1).ok()?;
                return Some(sent);
            }
        }
        None
    }

    fn next_spread(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        while let Some((which, eid)) = self.spread.next(now.mono) {
            if let Some(sent) = self.hand(now, me, &which, &eid, out) {
                return Some(sent);
            }
        }
        None
    }

    fn next_pushed(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        while let Some((which, eid)) = self.compare.next_push() {
            if let Some(sent) = self.hand(now, me, &which, &eid, out) {
                return Some(sent);
            }
        }
        None
    }

    /// Hands one record on to one node.
    fn hand(
        &self,
        now: Clock,
        me: &Identity<P>,
        which: &Slot,
        to: &Eid,
        out: &mut [u8],
    ) -> Option<(SocketAddr, usize)> {
        let node = self.neighbours.all().find(|node| node.eid == *to && *to != me.eid())?;
        // A CUSTODY that collects votes goes before the one that it is to follow.
        let mut draft = [0; Record::MAX_BODY];
        let record = self.drafted(which, &mut draft).or_else(|| self.store.held(which))?;
        Some((node.at, write_put(now.unix, me, &node.eid, &record, out)?))
    }

    /// A hint to the place that an accused key is bound to, eight times within half an hour: its owner may be able to defend itself.
    // keeps: IACP-102 (§4.2.7.2)
    fn next_notice(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        while let Some((id, offender, opened)) = self.cases.notice(now.unix) {
            let key = DhtKey(P::sha256(&[&offender.0]));
            let Some((binding, _)) = self.store.one(now.unix, Kind::Binding, key) else { continue };
            let Ok(binding) = ErpRegister::ref_from_bytes(binding.body) else { continue };
            if binding.current_transport_ip == Locator::ZERO {
                continue;
            }
            let notice = PomNotice {
                accusation_id: id,
                offender_eid: offender,
                opening_epoch: opened.into(),
                directory_node_eid: me.eid(),
                signature: Signature::ZERO,
            };
            let length = sign_frame(me, &Frame::new(Message::PomNotice(&notice)), [&[], &[]], out).ok()?;
            return Some(((IpAddr::from(binding.current_transport_ip), PORT).into(), length));
        }
        None
    }

    /// What a node that came is nearer for than this one.
    fn next_handed(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let own = self.neighbours.all().next().map(|own| own.place)?;
        let rule = self.settings.diversity;
        let (node, from) = self.neighbours.handing().map(|(node, from)| (node, *from))?;
        let (mut at, capacity) = (from?, self.store.fill().1);
        // A bounded look at the store: the rest comes with the next call.
        let last = at.saturating_add(256).min(capacity);
        let mut found = None;
        while at < last && found.is_none() {
            let record = self.store.at(now.unix, at);
            at += 1;
            let Some(record) = record else { continue };
            let Ok(body_class) = class_of::<P>(&record) else { continue };
            // A record that counts only from f + 1 nodes is handed over by each of them.
            let nearer = Kind::from_code(record.kind).is_some_and(is_witnessed)
                || Neighbours::is_nearer(body_class, &record.storage_key, &node.place, &own);
            let its = nearer && self.neighbours.serves(&node.eid, body_class, &record.storage_key, rule, RESPONSIBLE);
            if its {
                found = write_put(now.unix, me, &node.eid, &record, out);
            }
        }
        if let Some((_, handing)) = self.neighbours.handing() {
            *handing = (at < capacity).then_some(at);
        }
        Some((node.at, found?))
    }

    /// The node's own record: signed when it is due, then sent to each node that is known.
    fn next_announced(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let Announced { nonce, due, .. } = self.announced?;
        let own = self.neighbours.all().next().copied()?;
        let key = DhtKey(P::sha256(&[&own.eid.0]));
        let which = Slot { kind: Kind::Node, key, which: [0; 32] };
        if now.unix >= due {
            let mut body = NodeRecord {
                eid: own.eid,
                ip: Locator::from(own.at.ip()),
                port: own.at.port().into(),
                classes: own.classes,
                reserved: 0,
                timestamp: now.unix.0.into(),
                nonce: nonce.into(),
                signature: Signature::ZERO,
            };
            body.signature = sign(me, Kind::Node, body.as_bytes().get(..SIGNED).unwrap_or_default(), &[]);
            let expiry = now.unix.0.saturating_add(NODE_LIFE);
            let record = Record { kind: Kind::Node as u8, storage_key: key, expiry, body: body.as_bytes() };
            // Where there is no room for it here, it is sent all the same next time.
            self.store.put(now.unix, &which, &record, expiry, Source::Node(own.at.ip())).ok()?;
            self.announced = Some(Announced { nonce, due: UnixTime(now.unix.0.saturating_add(ANNOUNCE)), next: 1 });
        }
        loop {
            let Announced { next, .. } = self.announced?;
            let to = self.neighbours.all().nth(next).map(|node| node.eid)?;
            self.announced = self.announced.map(|told| Announced { next: next.saturating_add(1), ..told });
            if let Some(sent) = self.hand(now, me, &which, &to, out) {
                return Some(sent);
            }
        }
    }

    /// A question to another responsible node about what stands under a key.
    fn next_compared(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let (capacity, rule) = (self.store.fill().1, self.settings.diversity);
        let (mut slot, mut asked) = self.compare.place(now, capacity)?;
        let mut found = None;
        for _ in 0..LOOKS {
            if let Some((kind, key, class, held)) = self.listed(now, slot) {
                let voters = self.neighbours.voters(class, &key, rule);
                let is_own = voters.contains(&me.eid());
                let to = voters.iter().filter(|eid| **eid != me.eid()).nth(asked).filter(|_| is_own);
                if let Some(node) = to.and_then(|to| self.neighbours.all().find(|node| node.eid == *to)) {
                    self.compare.at(asked.saturating_add(1));
                    found = Some((*node, kind, key, class, held));
                    break;
                }
            }
            (slot, asked) = (self.compare.next(capacity)?, 0);
        }
        let (node, kind, key, class, held) = found?;
        let length = self.compare.ask(now.mono, &node, kind, key, class, held, out)?;
        Some((node.at, length))
    }

    /// A question to the other responsible nodes about what one of them handed over, and which counts only from f + 1 of them.
    fn next_wanted(&mut self, now: Clock, me: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        if !self.compare.has_room(now) {
            return None;
        }
        while let Some((wanted, asked)) = self.compare.next_wanted() {
            let voters = self.neighbours.voters(wanted.class, &wanted.key, self.settings.diversity);
            let mut others = voters.iter().filter(|eid| **eid != me.eid() && **eid != wanted.by);
            let node = others.nth(*asked).and_then(|eid| self.neighbours.all().find(|node| node.eid == *eid));
            *asked = asked.saturating_add(1);
            if let Some(node) = node {
                let length = self.compare.ask(now.mono, node, wanted.kind, wanted.key, wanted.class, UNKNOWN, out)?;
                return Some((node.at, length));
            }
            self.compare.was_wanted();
        }
        None
    }

    /// The question to a node that is known by its NODE alone, whether it is at the address that stands in it.
    fn next_probed(&mut self, now: Clock, _: &Identity<P>, out: &mut [u8]) -> Option<(SocketAddr, usize)> {
        let (node, challenge) = self.neighbours.next_unheard(now.mono)?;
        let (length, digest) = self.compare.challenge::<P>(out)?;
        *challenge = Some(digest);
        Some((node.at, length))
    }

    /// The list that a place of the store is the first of, if its turn is in this minute: kind, key, class, and bytes of all records.
    fn listed(&self, now: Clock, slot: u32) -> Option<(Kind, DhtKey, Class, usize)> {
        let record = self.store.at(now.unix, slot)?;
        let kind = Kind::from_code(record.kind)?;
        let [first, second, ..] = record.storage_key.0;
        let turn = u64::from(u16::from_be_bytes([first, second]) % 60);
        if now.unix.0 / 60_000 % 60 != turn || !self.store.leads(slot) {
            return None;
        }
        let list = self.store.list(now.unix, kind, record.storage_key);
        let bytes = list.map(|(record, _)| record.body.len().saturating_add(RecordHead::LEN)).sum();
        Some((kind, record.storage_key, class_of::<P>(&record).ok()?, bytes))
    }
}

/// How many places are looked at before another turn, if none of them has a question.
const LOOKS: u32 = 4_096;

/// What of a NODE its signature covers.
const SIGNED: usize = size_of::<NodeRecord>() - Signature::LEN;

/// A record, handed on from node to node.
fn write_put<P: Provider>(
    now: UnixTime,
    me: &Identity<P>,
    to: &Eid,
    record: &Record<'_>,
    out: &mut [u8],
) -> Option<usize> {
    let mut bytes = [0; Record::MAX_BODY + RecordHead::LEN];
    let length = record.write(&mut bytes).ok()?;
    let head = DirPut { directory_node_eid: me.eid(), timestamp: now.0.into(), signature: Signature::ZERO };
    let frame = Frame::new(Message::DirPut { head: &head, record: bytes.get(..length)? });
    sign_frame(me, &frame, [&to.0, &[]], out).ok()
}
