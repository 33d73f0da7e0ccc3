//! What only the nodes of its time could judge: a root by its time, a verdict and a custody by who was responsible then
//! (`IACP §5.5.2`). A node takes it from others once f + 1 of the n responsible ones have sent the same: one of them is honest.

use iacp_wire::Eid;
use iacp_wire::layout::Record;

use crate::crypto::Provider;
use crate::directory::metric::RESPONSIBLE;
use crate::directory::{Body, Kind};
use crate::time::Mono;

/// So many statements are remembered side by side; the oldest gives way.
const STATEMENTS: usize = 32;
/// One node begins at most so many of them: its own oldest gives way, and no other node's.
const OF_ONE: usize = 2;

#[derive(Clone, Debug)]
struct Statement {
    digest: [u8; 32],
    said: heapless::Vec<Eid, RESPONSIBLE>,
    since: Mono,
}

/// Which responsible nodes have said what.
#[derive(Debug)]
pub(super) struct Witnesses {
    statements: [Option<Statement>; STATEMENTS],
}

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

impl Witnesses {
    pub(super) const fn new() -> Self {
        Self { statements: [const { None }; STATEMENTS] }
    }

    /// A responsible node, whose signature held, says this.
    pub(super) fn note(&mut self, now: Mono, digest: &[u8; 32], by: Eid) {
        if let Some(known) = self.statements.iter_mut().flatten().find(|known| known.digest == *digest) {
            if !known.said.contains(&by) {
                // Only the n come here; when they have changed, those that are left suffice.
                let _ = known.said.push(by);
            }
            return;
        }
        let begun_by = |place: &Option<Statement>| place.as_ref().is_some_and(|one| one.said.first() == Some(&by));
        let own = self.statements.iter().filter(|place| begun_by(place)).count();
        let age = |place: &&mut Option<Statement>| place.as_ref().map(|one| one.since);
        let place = if own < OF_ONE {
            // A free place comes before the oldest one.
            self.statements.iter_mut().min_by_key(age)
        } else {
            self.statements.iter_mut().filter(|place| begun_by(place)).min_by_key(age)
        };
        if let Some(place) = place {
            let said = core::iter::once(by).collect();
            *place = Some(Statement { digest: *digest, said, since: now });
        }
    }

    /// How many of these nodes have said it.
    pub(super) fn count(&self, digest: &[u8; 32], of: &[Eid]) -> usize {
        let known = self.statements.iter().flatten().find(|known| known.digest == *digest);
        known.map_or(0, |known| known.said.iter().filter(|eid| of.contains(eid)).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eid(number: u8) -> Eid {
        Eid([number; 32])
    }

    #[test]
    fn a_node_counts_once_and_strangers_do_not() {
        let mut witnesses = Witnesses::new();
        for by in [1, 1, 2, 9] {
            witnesses.note(Mono(0), &[7; 32], eid(by));
        }
        assert_eq!(witnesses.count(&[7; 32], &[eid(1), eid(2), eid(3)]), 2);
        assert_eq!(witnesses.count(&[8; 32], &[eid(1), eid(2), eid(3)]), 0);
    }

    #[test]
    fn a_talkative_node_displaces_its_own_words_alone() {
        let mut witnesses = Witnesses::new();
        witnesses.note(Mono(0), &[7; 32], eid(1));
        for number in 0..200 {
            witnesses.note(Mono(u64::from(number)), &[number; 32], eid(2));
        }
        assert_eq!(witnesses.count(&[7; 32], &[eid(1)]), 1);
        assert_eq!(witnesses.count(&[199; 32], &[eid(2)]), 1);
        assert_eq!(witnesses.statements.iter().flatten().count(), 1 + OF_ONE);
    }
}
