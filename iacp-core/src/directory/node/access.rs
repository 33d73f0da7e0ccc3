//! Access Tickets at a node, and the liability of hosts (`IACP §5.3.2`).

use core::net::SocketAddr;

use iacp_wire::message::{AccessTicketReq, TicketedRequest};
use iacp_wire::{DhtKey, Eid, Frame, Message};

use super::admit::answered;
use super::answer::code;
use super::request::{Request, Stored, What, plain};
use super::{Handled, Node, Silence, Trust};
use crate::crypto::Provider;
use crate::directory::metric::Coordinate;
use crate::directory::{Body, Class, Facts, Kind};
use crate::governance::window::Clock;
use crate::guard::{Asked, Holder, Weight, bits, tokens};
use crate::identity::Identity;
use crate::time::UnixTime;

/// The space of a zone: its byte, and zeros.
const fn space(zone: u8) -> DhtKey {
    let mut space = [0; 32];
    let [first, ..] = &mut space;
    *first = zone;
    DhtKey(space)
}

impl<P: Provider> Node<'_, P> {
    /// The LL-Entity that answers for what lies under an identity's key.
    pub(super) fn host(&self, now: UnixTime, class: Class, key: &DhtKey) -> Option<Eid> {
        let (record, _) = self.store.one(now, Kind::Hosting, *key).filter(|_| class == Class::Identities)?;
        match Body::parse(Kind::Hosting, record.body) {
            Ok(Body::Hosting(hosting)) => Some(hosting.ll_entity_instance_identifier),
            _ => None,
        }
    }

    /// Its liability.
    pub(super) fn liability(&self, now: UnixTime, class: Class, key: &DhtKey) -> Option<u16> {
        self.host(now, class, key).map(|host| self.ledger.level(now, &host))
    }

    /// What is known of a ticket's holder. A HOSTING was accepted here within 24 hours, for its work: so a holder has shown
    /// some, and a host that could not be charged any more gets no tickets.
    fn holder<T: Trust>(&self, now: UnixTime, eid: &Eid, trust: &T) -> Holder {
        let key = DhtKey(P::sha256(&[&eid.0]));
        let view = self.view(now, trust);
        let is_refused = view.is_slashed(eid) || view.first_invalid(eid) == Some(0) || view.is_challenged(eid);
        let host = self.host(now, Class::Identities, &key).filter(|host| self.ledger.has_room(now, host));
        Holder { is_refused, liability: host.map(|host| self.ledger.level(now, &host)) }
    }

    pub(super) fn issue<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        request: &AccessTicketReq,
        signed: (&Frame<'_>, &[u8]),
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        let DhtKey([zone, ..]) = request.target_space_coordinate;
        if request.target_space_coordinate != space(zone) {
            return Handled::Silence(Silence::Ticket);
        }
        let holder = self.holder(now.unix, &request.requestor_eid, trust);
        match self.tickets.issue(now.unix, me, request, signed, holder) {
            Ok(ticket) => answered(Frame::new(Message::AccessTicketRes(&ticket)).write(out).ok()),
            Err(_) => Handled::Silence(Silence::Ticket),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a datagram and all that it is handled with")]
    pub(super) fn on_ticketed<T: Trust>(
        &mut self,
        now: Clock,
        me: &Identity<P>,
        from: SocketAddr,
        datagram: &[u8],
        (frame, head): (&Frame<'_>, &TicketedRequest),
        inner: &[u8],
        trust: &T,
        out: &mut [u8],
    ) -> Handled {
        // Two signatures may follow: a flood of false tickets is held by the buckets of those without work.
        if let Err(throttled) = self.ingress.admit(now.mono, from, tokens(Weight::Look, datagram.len())) {
            return self.refuse(
                now,
                from,
                code::RATE_LIMITED,
                datagram,
                throttled.retry_after.unwrap_or(u32::MAX),
                out,
            );
        }
        let request = plain(inner).and_then(|frame| Request::read::<P>(&frame, inner));
        let Some(request) = request else { return Handled::Silence(Silence::Form) };
        if request.is_an_accusation() {
            let needs = bits(self.difficulty.observe(now.mono, &[]), Asked::Heavy, 0);
            return self.refuse(now, from, code::WORK_TOO_LOW, datagram, needs, out);
        }
        let zone = space(Coordinate::new(request.class, &request.key).zone());
        let holder = self.holder(now.unix, &head.receiver_eid, trust);
        let owned = (request.owner(), zone);
        match self.tickets.spend::<P>(now.unix, &[me.eid()], head, (frame, datagram), owned, holder) {
            Ok(_) => self.serve(now, me, from, datagram.len(), &request, trust, out),
            Err(_) => Handled::Silence(Silence::Ticket),
        }
    }
}

impl Request<'_> {
    fn is_an_accusation(&self) -> bool {
        matches!(&self.what, What::Store(Stored::Record(record)) if record.kind == Kind::Accusation as u8)
    }

    /// The key that answers for what is asked; none for look-ups, and for records of namespaces, whose signers the judge finds.
    fn owner(&self) -> Option<Eid> {
        match &self.what {
            What::Get(_) | What::Ticket(..) => None,
            What::Access(request, ..) => Some(request.requestor_eid),
            What::Store(Stored::Moved(binding)) => Some(binding.source_eid),
            What::Store(Stored::Record(record)) => {
                Kind::from_code(record.kind).and_then(|kind| Body::parse(kind, record.body).ok()?.owner())
            }
        }
    }
}
