//! Further tables of an LL-Entity, each of which may be empty: what has no table costs nothing and is not offered.

#[cfg(feature = "directory")]
use crate::dhi::mapping::Known;
use crate::erp::receipt::ReceiptSlot;
use crate::erp::resume::{Agreement, Initiator, Items, Knowledge, Line};
#[cfg(feature = "roaming")]
use crate::erp::sandbox::DerivedSlot;
#[cfg(feature = "endpoints")]
use crate::pss::shared::EndpointSlot;
use crate::slots::{Maybe, Reset, Slot};

#[cfg(feature = "roaming")]
use super::docking::OfferSlot;
#[cfg(feature = "roaming")]
use super::paths::PathSlot;
#[cfg(feature = "directory")]
use super::proof::BargainSlot;
#[cfg(feature = "directory")]
use super::records::{DepositSlot, TicketSlot};
#[cfg(feature = "directory")]
use super::resolve::QuerySlot;
#[cfg(feature = "endpoints")]
use super::shared::{GroupSlot, SharedSlot};

/// The caller's memory for what an LL-Entity does beside contexts and sessions. A table of N slots serves N things; a table
/// of shares is divided equally among the agents, so that none can fill it for the others.
///
/// ```
/// use iacp_core::erp::entity::{LineSlot, Tables};
/// use iacp_core::erp::receipt::ReceiptSlot;
/// use iacp_core::slots::Slot;
///
/// // Sessions of this host can be resumed; nothing else is wanted of it.
/// let mut lines = [const { Slot::new(LineSlot::EMPTY) }; 4];
/// let mut receipts = [ReceiptSlot::EMPTY; 16];
/// let tables = Tables { lines: &mut lines, receipts: &mut receipts, ..Tables::default() };
/// assert_eq!((tables.lines.len(), tables.receipts.len()), (4, 16));
/// ```
///
/// A host with everything, for four agents with four sessions:
///
/// ```
/// use iacp_core::dhi::mapping::Known;
/// use iacp_core::erp::entity::{
///     BargainSlot, DepositSlot, GroupSlot, LineSlot, OfferSlot, PathSlot, QuerySlot, SharedSlot, Tables, TicketSlot,
/// };
/// use iacp_core::erp::receipt::ReceiptSlot;
/// use iacp_core::erp::sandbox::DerivedSlot;
/// use iacp_core::pss::shared::EndpointSlot;
/// use iacp_core::slots::Slot;
///
/// fn leak<T>(count: usize, empty: impl Fn() -> T) -> &'static mut [T] {
///     Box::leak((0..count).map(|_| empty()).collect())
/// }
///
/// let tables = Tables {
///     lines: leak(4, || Slot::new(LineSlot::EMPTY)),
///     receipts: leak(4 * 8, || ReceiptSlot::EMPTY),
///     endpoints: leak(4 * 2, || EndpointSlot::EMPTY),
///     shared: leak(4, || Slot::new(SharedSlot::EMPTY)),
///     groups: leak(4, || Slot::new(GroupSlot::EMPTY)),
///     paths: leak(4, || Slot::new(PathSlot::EMPTY)),
///     tickets: leak(4 * 2, || TicketSlot::EMPTY),
///     deposits: leak(4, || DepositSlot::EMPTY),
///     derived: leak(4 * 2, || DerivedSlot::EMPTY),
///     offers: leak(1, || OfferSlot::EMPTY),
///     bargains: leak(4, || Slot::new(BargainSlot::EMPTY)),
///     queries: leak(4, || QuerySlot::EMPTY),
///     mappings: leak(16, || Known::FREE),
/// };
/// assert_eq!(tables.endpoints.len() / 4, 2, "of which each agent has two");
/// ```
#[derive(Default)]
pub struct Tables<'m> {
    /// One for each session with RESUME. Without them, or without the feature `resume`, it is neither offered nor agreed.
    pub lines: &'m mut [Slot<LineSlot>],
    /// Shares: receipts of sessions that ended, and lines that agents have RECALLed. Each share is a multiple of 8.
    pub receipts: &'m mut [ReceiptSlot],
    /// Shares: own endpoints, at most 64 of an agent. They end with its EID.
    #[cfg(feature = "endpoints")]
    pub endpoints: &'m mut [EndpointSlot],
    /// One for each session with ENDPOINTS. Without them ENDPOINTS is neither offered nor agreed.
    #[cfg(feature = "endpoints")]
    pub shared: &'m mut [Slot<SharedSlot>],
    /// Shares: the groups of sealed endpoints. Without them there are none.
    #[cfg(feature = "endpoints")]
    pub groups: &'m mut [Slot<GroupSlot>],
    /// One for each session that goes by three paths. Without them every session goes by one.
    #[cfg(feature = "roaming")]
    pub paths: &'m mut [Slot<PathSlot>],
    /// Shares: the ticket keys of sessions, at most 64 of an agent. Without them no Forwarding Ticket is issued or opened.
    #[cfg(feature = "directory")]
    pub tickets: &'m mut [TicketSlot],
    /// One for each agent: the record of it that its host is to write next. Without them DEPOSIT gets CAPACITY, and no
    /// Forwarding Ticket is issued.
    #[cfg(feature = "directory")]
    pub deposits: &'m mut [DepositSlot],
    /// One for each derivative of all agents, better twice as many. Without them DERIVE gets CAPACITY.
    #[cfg(feature = "roaming")]
    pub derived: &'m mut [DerivedSlot],
    /// One for each context that this host has offered to take over, for five minutes. Without them there is no import.
    #[cfg(feature = "roaming")]
    pub offers: &'m mut [OfferSlot],
    /// One for each session with a contract. Without them a peer that makes two contracts of one turn is not
    /// convicted.
    #[cfg(feature = "directory")]
    pub bargains: &'m mut [Slot<BargainSlot>],
    /// One for each agent: the ANML Fallback Query that is under way in its name. Without them RESOLVE gets CAPACITY.
    #[cfg(feature = "directory")]
    pub queries: &'m mut [QuerySlot],
    /// What quorums said of hosts, for all agents. Without places each RESOLVE asks anew.
    #[cfg(feature = "directory")]
    pub mappings: &'m mut [Known],
}

/// What is kept of one session with RESUME: its line, and which of the peer's items have come.
pub struct LineSlot {
    /// The line that the agent's record names, and the lowest item of it that is not safe.
    pub(super) record: Option<(Line, u64)>,
    /// This side has said with which line it goes on; and what it knew, which a responder answers.
    pub(super) initiator: Maybe<Initiator>,
    pub(super) known: Knowledge,
    /// What both sides have agreed on.
    pub(super) agreement: Maybe<Agreement>,
    /// This side is the responder, and its answer could not be sealed yet.
    pub(super) owes: bool,
    pub(super) items: Items,
    /// Where this side holds: the lowest item of the peer's that its agent has not consumed, and the lowest one whose frame
    /// was not given free in this session. Frames of items that an older session has brought may come after the agent's word.
    pub(super) consumed: u64,
    pub(super) freed: u64,
    /// The next own item to be sealed.
    pub(super) next: u64,
    /// The line has gone on in another session, so nothing here is true any more.
    pub(super) given_up: bool,
}

impl LineSlot {
    /// No line.
    pub const EMPTY: Self = Self {
        record: None,
        initiator: Maybe::Nothing,
        known: Knowledge::of_record(0),
        agreement: Maybe::Nothing,
        owes: false,
        items: Items::from(0),
        consumed: 0,
        freed: 0,
        next: 0,
        given_up: false,
    };

    /// Whether items may be sealed: both sides know the line, and this side has said so.
    pub(super) fn is_open(&self) -> bool {
        self.agreement.is_some() && !self.owes
    }

    /// The name of the line, once it is agreed on or asked for, and while it is this session's.
    pub(super) fn name(&self) -> Option<Line> {
        let asked = self.initiator.get().and_then(|initiator| initiator.freezes());
        self.agreement.get().map(|agreement| agreement.line).or(asked).filter(|_| !self.given_up)
    }
}

impl Reset for LineSlot {
    fn reset(&mut self) {
        *self = Self::EMPTY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::erp::resume::LineOutcome;

    #[test]
    fn a_line_has_a_name_when_it_is_asked_for_or_agreed_on_and_is_open_when_both_sides_have_said_so() {
        let (asked, agreed) = (Line([1; 16]), Line([2; 16]));
        let mut line = LineSlot::EMPTY;
        assert_eq!((line.name(), line.is_open()), (None, false));
        line.initiator = Maybe::Just(Initiator::new(None));
        assert_eq!(line.name(), None, "none was named");
        line.initiator = Maybe::Just(Initiator::new(Some((asked, Knowledge::of_record(0)))));
        assert_eq!((line.name(), line.is_open()), (Some(asked), false));
        line.agreement = Maybe::Just(Agreement::begin(LineOutcome::New, agreed));
        assert_eq!((line.name(), line.is_open()), (Some(agreed), true));
        line.owes = true;
        assert!(!line.is_open(), "its answer is to be sealed");
        line.given_up = true;
        assert_eq!(line.name(), None, "it goes on in another session");
    }
}
