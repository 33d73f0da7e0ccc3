//! The opinion of a quorum of directory nodes about one host: each node answers the ANML Fallback Query by itself, and
//! a single answer does not count (`IACP §4.1.2`).

use iacp_wire::Eid;

use super::fallback::Mapping;
use crate::time::UnixTime;

/// The most nodes that are asked.
pub const ASKED: usize = 7;

/// What the answers say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Opinion {
    /// k nodes name this EID.
    Mapped {
        /// The EID that answers for the host.
        eid: Eid,
        /// The end: neither before the earliest nor after the latest end that honest nodes gave.
        expiry: UnixTime,
    },
    /// k nodes answered that there is no mapping.
    NotFound,
    /// No answer can reach k nodes any more. This is no statement about the host.
    Split,
}

impl core::fmt::Display for Opinion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mapped { eid, .. } => write!(f, "mapped to {eid}"),
            Self::NotFound => f.pad("no mapping"),
            Self::Split => f.pad("the nodes do not agree"),
        }
    }
}

/// The answers to one query, one from each node. The caller must verify which node each answer is from.
///
/// A mapping needs the answers of k = n − f nodes, like a registration: with only f + 1, the f liars and the nodes that
/// a revocation has not reached yet could keep a revoked mapping alive.
///
/// ```
/// use iacp_core::dhi::fallback::Mapping;
/// use iacp_core::dhi::opinions::{Opinion, Opinions};
/// use iacp_core::time::UnixTime;
/// use iacp_wire::Eid;
///
/// // Four nodes, one of which may lie.
/// let mut opinions = Opinions::NONE;
/// let honest = Mapping::Mapped { eid: Eid([7; 32]), expiry: UnixTime(2_000) };
/// let lie = Mapping::Mapped { eid: Eid([9; 32]), expiry: UnixTime(2_000) };
/// for (node, word) in [(0, honest), (1, lie), (2, honest)] {
///     opinions.heard(node, word);
///     assert_eq!(opinions.decide(4, 3, 1), None);
/// }
/// opinions.heard(3, honest);
/// let decided = Opinion::Mapped { eid: Eid([7; 32]), expiry: UnixTime(2_000) };
/// assert_eq!(opinions.decide(4, 3, 1), Some(decided));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinions {
    said: [Option<Mapping>; ASKED],
}

impl Opinions {
    /// No answer yet.
    pub const NONE: Self = Self { said: [None; ASKED] };

    /// Notes the answer of the node with this place among those that were asked. Only its first answer counts; returns
    /// `false` for a further one.
    pub fn heard(&mut self, node: usize, mapping: Mapping) -> bool {
        match self.said.get_mut(node) {
            Some(said @ None) => {
                *said = Some(mapping);
                true
            }
            _ => false,
        }
    }

    /// Whether this node has answered.
    #[must_use]
    pub fn has(&self, node: usize) -> bool {
        self.said.get(node).is_some_and(Option::is_some)
    }

    /// The decision, as soon as there is one: `asked` nodes were asked, `needed` of them have to agree, `faulty` of
    /// them may lie.
    // keeps: IACP-028 (§4.1.2)
    #[must_use]
    pub fn decide(&self, asked: usize, needed: usize, faulty: usize) -> Option<Opinion> {
        let heard = || self.said.iter().take(asked).flatten();
        let open = asked.min(ASKED).saturating_sub(heard().count());
        let mut most = heard().filter(|said| **said == Mapping::NotFound).count();
        if needed > 0 && most >= needed {
            return Some(Opinion::NotFound);
        }
        for said in heard() {
            let Mapping::Mapped { eid, .. } = *said else { continue };
            // Inserted in order, the soonest first: there are few, so calling a sort would only take flash.
            let mut expiries: heapless::Vec<UnixTime, ASKED> = heapless::Vec::new();
            for other in heard() {
                if let Mapping::Mapped { eid: same, expiry } = *other
                    && same == eid
                {
                    let place = expiries.iter().take_while(|sooner| **sooner <= expiry).count();
                    // There is a place for each node's expiry.
                    let _ = expiries.insert(place, expiry);
                }
            }
            if needed > 0 && expiries.len() >= needed {
                // At least one of the f + 1 smallest is honest, and so is at least one from this place on.
                let expiry = expiries.get(faulty).copied()?;
                return Some(Opinion::Mapped { eid, expiry });
            }
            most = most.max(expiries.len());
        }
        (most.saturating_add(open) < needed.max(1)).then_some(Opinion::Split)
    }
}
