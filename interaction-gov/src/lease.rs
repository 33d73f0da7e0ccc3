//! Permits: each holds for as long as nothing changes that it rests on (`IoE R2`).

use crate::identity::InteractionId;
use crate::number::{Binding, Seat};
use crate::policy::On;
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Region, Set};

/// Something that is to be done.
///
/// ```
/// use interaction_gov::lease::Request;
/// use interaction_gov::participant::Seat;
/// use interaction_gov::policy::On;
/// use interaction_gov::vocabulary::{Action, Region, Set};
///
/// // The participant in seat 0 sends a file, and a copy of it goes to region 3.
/// let send = Request { action: Action(2), seat: Seat(0), on: On::Nothing, binding: None, goes: Set::one(Region(3)) };
/// assert!(send.goes.contains(Region(3)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request {
    /// What.
    pub action: Action,
    /// By whom.
    pub seat: Seat,
    /// On which stream. What is not said counts as whatever would forbid it.
    pub on: On,
    /// By which running function.
    pub binding: Option<Binding>,
    /// Where data go by it beside those who receive the stream: through what, to be kept where. Empty: nowhere else.
    pub goes: Set<Region>,
}

/// A permit, for as long as nothing changes that it rests on.
///
/// Before each governed processing, [`Interaction::permits`](crate::interaction::Interaction::permits) says whether it still
/// does, and for this. It costs a few comparisons.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let join = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// let request = Request { action: join, seat, on: On::Stream(Modality(0)), binding: None, goes: Set::EMPTY };
/// let lease = call.decide(Time(2), &request, &plane, &mut log).lease.ok_or("a permit")?;
/// assert_eq!(lease.to_string(), "action 0 of seat 0, until 10002 ms, version 0, record 3");
/// // Before each processing, for as long as it holds:
/// assert!(call.permits(&lease, &request, Time(10_001), &plane));
/// assert!(!call.permits(&lease, &request, Time(10_002), &plane), "its time is over");
/// call.suspend(Time(3), &mut log)?;
/// assert!(!call.permits(&lease, &request, Time(4), &plane), "something has changed");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lease {
    pub(crate) interaction: InteractionId,
    /// The first bytes of the interaction's first hash: another one of the same identity has another one.
    pub(crate) birth: [u8; 4],
    /// The number of the record that says what was permitted.
    pub(crate) record: u32,
    pub(crate) until: Time,
    pub(crate) version: u32,
    pub(crate) epoch: u32,
    /// The changes of the authorities that it knows of, and whose would end it.
    pub(crate) authorities: u32,
    pub(crate) asked: Set<Authority>,
    /// What was permitted.
    pub(crate) what: Request,
}

impl Lease {
    /// Until when it holds at most.
    #[must_use]
    pub const fn until(&self) -> Time {
        self.until
    }

    /// The same permit after a change that it does not rest on.
    pub(crate) const fn at(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// A permit for what both permit: it holds while both do.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self { until: self.until.min(other.until), asked: self.asked.or(other.asked), ..self }
    }

    /// The number of the version that it was decided against.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The number of the record that says what was permitted.
    #[must_use]
    pub const fn record(&self) -> u32 {
        self.record
    }

    /// What was permitted.
    #[must_use]
    pub const fn what(&self) -> &Request {
        &self.what
    }

    /// Whether it is a permit for this: no one else, nothing else, and nowhere else.
    #[must_use]
    pub fn covers(&self, request: &Request) -> bool {
        let Request { goes, .. } = *request;
        *request == Request { goes, ..self.what } && self.what.goes.covers(goes)
    }
}
