//! What only the nodes of its time could judge: a root by its time, a verdict and a custody by who was responsible then
//! (`IACP §5.5.2`). A node takes it from others once f + 1 of the n responsible ones have sent the same: one of them is honest.

use iacp_wire::Eid;
use iacp_wire::layout::Record;

use super::deposit::status;
use super::{Node, Trust};
use crate::crypto::Provider;
use crate::directory::name::Payment;
use crate::directory::quorum::faulty;
use crate::directory::{Body, Facts, Kind};
use crate::governance::window::Clock;

/// Whether records of a kind take the word of f + 1 nodes, or may take it in place of votes.
pub(super) const fn is_witnessed(kind: Kind) -> bool {
    matches!(kind, Kind::Root | Kind::Verdict | Kind::Custody)
}

/// What a record says, apart from what may differ between honest nodes: of a verdict the votes, of a custody too.
pub(super) fn statement<P: Provider>(record: &Record<'_>) -> Option<[u8; 32]> {
    let kind = Kind::from_code(record.kind).filter(|kind| is_witnessed(*kind))?;
    let head = [record.kind];
    let of = |said: &[&[u8]]| match *said {
        [one] => P::sha256(&[&head, &record.storage_key.0, one]),
        [one, two, three] => P::sha256(&[&head, &record.storage_key.0, one, two, three]),
        _ => [0; 32],
    };
    match Body::parse(kind, record.body).ok()? {
        Body::Root(_) => Some(of(&[record.body])),
        Body::Verdict(verdict) => {
            let head = verdict.head;
            Some(of(&[&head.accusation_id.0, &head.offender_eid.0, &[head.outcome]]))
        }
        Body::Custody(custodian) => Some(of(&[custodian.signed])),
        _ => None,
    }
}

impl<P: Provider> Node<'_, P> {
    /// A node, whose signature held, says this. It counts if the node is responsible, and if the record is one that could stand.
    pub(super) fn witness<T: Trust>(&mut self, now: Clock, by: &Eid, record: &Record<'_>, trust: &T) {
        let Some(statement) = statement::<P>(record) else { return };
        let Some(kind) = Kind::from_code(record.kind) else { return };
        let Ok(body) = Body::parse(kind, record.body) else { return };
        let (class, key) = body.place::<P>(kind, &record.storage_key);
        let view = self.view(now.unix, trust);
        let is_paid = |root: &crate::directory::name::Root<'_>| match root.payment::<P>() {
            Some(Payment::Work(_)) => true,
            Some(_) => trust.paid(root),
            None => false,
        };
        let is_sound = match &body {
            Body::Root(root) => is_paid(root) && (self.stands(record) || root.verify::<P>().is_ok()),
            _ => true,
        };
        if key == record.storage_key && view.voters(class, &key).contains(by) && is_sound {
            self.neighbours.note(by, &statement);
        }
    }

    /// A node has handed over what does not stand here: if it lacks the word of others, they are asked at once.
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
