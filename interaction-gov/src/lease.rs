//! Permits: each holds as long as nothing on which it rests changes (`IoE R2`).

use crate::identity::InteractionId;
use crate::number::{Binding, Seat};
use crate::policy::On;
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Region, Set};

/// A request for an action.
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
    /// The action.
    pub action: Action,
    /// The participant that requests it.
    pub seat: Seat,
    /// The stream that it is about. If that is not said, the case that would forbid the action is assumed.
    pub on: On,
    /// The running function that does it, if one does.
    pub binding: Option<Binding>,
    /// The regions to which data go besides the receivers of the stream: where they are processed or stored. Empty:
    /// nowhere else.
    pub goes: Set<Region>,
}

/// A permit, which holds as long as nothing on which it rests changes.
///
/// Before each governed processing, [`Interaction::permits`](crate::interaction::Interaction::permits) tells whether it
/// still holds and covers the request. It costs a few comparisons.
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
    /// The first bytes of the interaction's first hash: another interaction with the same identity has different ones.
    pub(crate) birth: [u8; 4],
    /// The number of the record that says what was permitted.
    pub(crate) record: u32,
    pub(crate) until: Time,
    pub(crate) version: u32,
    pub(crate) epoch: u32,
    /// The number of changes of the control plane when it was given, and the authorities whose later changes end it.
    pub(crate) authorities: u32,
    pub(crate) asked: Set<Authority>,
    /// What was permitted.
    pub(crate) what: Request,
}

impl Lease {
    /// The latest time until which it holds.
    #[must_use]
    pub const fn until(&self) -> Time {
        self.until
    }

    /// The same permit after a change that it does not rest on.
    pub(crate) const fn at(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }

    /// Combines two permits into one that holds while both do.
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

    /// Whether the permit covers this request: the same participant, action and destinations.
    #[must_use]
    pub fn covers(&self, request: &Request) -> bool {
        let Request { goes, .. } = *request;
        *request == Request { goes, ..self.what } && self.what.goes.covers(goes)
    }
}
