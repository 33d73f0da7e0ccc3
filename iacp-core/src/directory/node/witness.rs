//! What only the nodes of its time could judge: a root by its time, a verdict and a custody by who was responsible then
//! (`IACP §5.5.2`). A node takes it from others once f + 1 of the n responsible ones have sent the same: one of them is honest.

use iacp_wire::layout::Record;

use crate::crypto::Provider;
use crate::directory::{Body, Kind};

/// Whether records of a kind need the same statement of f + 1 nodes, or may have it in place of votes.
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
