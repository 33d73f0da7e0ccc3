//! Whose data go where: what an interaction knows of its streams (`IoE §3.3`, `R7`).
//!
//! Each participant says which streams carry its data and which it receives; each function runs on a stream, in a
//! place. From this follow, for any action, those whose data it carries (the *affected*) and where the data go. The law
//! of all of them counts. Where something is not said, the case that would forbid the action is assumed.

use super::Interaction;
use crate::function::{Health, Running};
use crate::lease::{Lease, Request};
use crate::number::{Binding, Seat};
use crate::participant::Participant;
use crate::policy::{self, Consents, Facts, On, Provenance};
use crate::rollout::Plane;
use crate::time::Time;
use crate::vocabulary::{Action, Consent, Modality, Name as _, Region, Set};

/// Data of a participant that go to another participant, or through a function, on a stream.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, mut log, mut call, .. } = setting();
/// call.join(Time(2), &admission(2), &plane, &mut log)?;
/// let flows: Vec<String> = call.flows(Time(3)).map(|flow| flow.to_string()).collect();
/// assert_eq!(flows, ["stream 0 of seat 0 to seat 1, in region 0", "stream 0 of seat 1 to seat 0, in region 0"]);
/// // What is not renewed flows no more.
/// assert_eq!(call.flows(Time(60_001)).count(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flow {
    /// The stream.
    pub modality: Modality,
    /// The participant whose data they are.
    pub from: Seat,
    /// Where they go.
    pub to: To,
    /// The region of that destination.
    pub region: Region,
}

/// Where data go.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::interaction::To;
///
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let other = call.join(Time(2), &admission(2), &plane, &mut log)?;
/// let from = call.flows(Time(3)).filter(|flow| flow.from == seat);
/// let to: Vec<To> = from.map(|flow| flow.to).collect();
/// assert_eq!(to, [To::Seat(other)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum To {
    /// To a participant.
    Seat(Seat),
    /// Through a function.
    Binding(Binding),
}

/// An action of a participant, and the data and streams that it touches.
#[derive(Clone, Copy)]
pub(super) struct Deed {
    pub seat: Seat,
    pub on: On,
    /// Whether it carries the data of all who send on the stream, or of the actor alone.
    pub carries_all: bool,
    /// Whether the actor gets what it carries; whether all who receive the stream do.
    pub to_actor: bool,
    pub to_all: bool,
    /// Where else it goes.
    pub goes: Set<Region>,
}

/// Whether two actions on these streams can touch the same data.
fn meets(one: On, other: On) -> bool {
    match (one, other) {
        (On::Nothing, _) | (_, On::Nothing) => false,
        (On::Unsaid, _) | (_, On::Unsaid) => true,
        (On::Stream(one), On::Stream(other)) => one == other,
    }
}

impl<const P: usize, const B: usize> Interaction<P, B> {
    /// Every flow that is permitted now: the application lets these through, and no others. A participant whose
    /// validation has lapsed has none; while the interaction is suspended, and after its end, there is none.
    pub fn flows(&self, now: Time) -> impl Iterator<Item = Flow> + '_ {
        let most = if self.state.governs() { Modality::MOST } else { 0 };
        let streams = (0..most).filter_map(|number| u8::try_from(number).ok()).map(Modality);
        streams.flat_map(move |modality| {
            let on = On::Stream(modality);
            let from = self.seats.iter().flatten().filter(move |one| one.is_valid(now) && one.has.sends_on(on));
            from.flat_map(move |from| {
                let others = self.seats.iter().flatten();
                let gets = move |to: &&Participant| to.seat != from.seat && to.is_valid(now) && to.has.receives_on(on);
                let others = others.filter(gets);
                let to_seats = others.map(move |to| (To::Seat(to.seat), to.whereabouts(now)));
                let running = self.running.iter().flatten().filter(move |running| meets(running.on, on));
                let through = running.map(|running| (To::Binding(running.number), running.site));
                let flow = move |(to, region)| Flow { modality, from: from.seat, to, region };
                to_seats.chain(through).map(flow)
            })
        })
    }

    /// What every person of a selection consents to, on a stream.
    pub(super) fn common(&self, on: On, now: Time, which: impl Fn(&Participant) -> bool) -> Set<Consent> {
        let people = self.seats.iter().flatten().filter(|one| one.kind == policy::Kind::Human && which(one));
        let says = |one: &Participant| if one.is_valid(now) { one.consents(on) } else { Set::EMPTY };
        people.map(says).reduce(Set::and).unwrap_or_default()
    }

    /// The facts about an action of a participant, and until when they hold: the end of the first validation on which
    /// they rest. `joins` is a participant that joins, or replaces the one at its seat, and is counted as if it were
    /// there.
    pub(super) fn facts(
        &self,
        now: Time,
        actor: &Participant,
        action: Action,
        deed: &Deed,
        joins: Option<&Participant>,
    ) -> (Facts, Time) {
        let Deed { seat, on, carries_all, to_actor, to_all, goes } = *deed;
        let (mut law, mut goes, mut present, mut until) = (Set::EMPTY, goes, Set::EMPTY, Time::NEVER);
        let (mut own, mut second) = (Set::EMPTY, Set::EMPTY);
        let streams = on.streams();
        let among = |these: Set<Modality>| !these.and(streams).is_empty();
        // The consents of all people, and of those whose data it carries; and whether there are any such people.
        let (mut all, mut stream) = ((Set::ALL, false), (Set::ALL, false));
        let stay = |one: &&Participant| joins.is_none_or(|new| new.seat != one.seat);
        for one in self.seats.iter().flatten().filter(stay).chain(joins) {
            let is_actor = one.seat == seat;
            let is_human = one.kind == policy::Kind::Human;
            let valid = one.is_valid(now);
            // A participant whose validation has lapsed sends and receives nothing.
            let sends = carries_all && valid && among(one.has.sends);
            let gets = if is_actor { to_actor } else { to_all && valid && among(one.has.receives) };
            if !(is_actor || is_human || sends || gets) && one.roles.is_empty() {
                // This participant is not involved in the action.
                continue;
            }
            if is_actor || sends || gets {
                let there = Set::one(if valid { one.region.unwrap_or(Region::UNKNOWN) } else { Region::UNKNOWN });
                if is_actor || sends {
                    law = law.or(there);
                }
                if gets {
                    goes = goes.or(there);
                }
            }
            let mut consents = Set::EMPTY;
            if valid {
                until = until.min(one.valid_until);
                present = present.or(one.roles);
                consents = one.consents(on);
            }
            if is_actor {
                own = consents;
            }
            if is_human {
                all = (all.0.and(consents), true);
                // The consent that counts is that of the people whose data are carried, not of the actor.
                let gives = if carries_all && on != On::Nothing { sends } else { is_actor };
                if gives || (carries_all && !valid && among(one.wants.sends)) {
                    stream = (stream.0.and(consents), true);
                }
                if !is_actor {
                    second = second.or(consents);
                }
            }
        }
        if to_all {
            for running in self.running.iter().flatten().filter(|running| meets(running.on, on)) {
                goes = goes.with(running.site);
            }
        }
        // Without people there is no consent.
        let of_people = |(consents, any): (Set<Consent>, bool)| if any { consents } else { Set::EMPTY };
        let facts = Facts {
            action,
            kind: actor.kind,
            roles: actor.roles,
            home: actor.home,
            on,
            function: None,
            law,
            goes,
            consents: Consents { all: of_people(all), stream: of_people(stream), own, second },
            present,
            posture: actor.posture,
            provenance: Provenance::None,
            time: now,
        };
        (facts, until)
    }

    /// The facts about a running function at a place, and until when they hold.
    pub(super) fn facts_of(
        &self,
        now: Time,
        actor: &Participant,
        action: Action,
        on: On,
        running: &Running,
    ) -> (Facts, Time) {
        let goes = Set::one(running.site);
        let deed = Deed { seat: actor.seat, on, carries_all: true, to_actor: false, to_all: false, goes };
        let (facts, until) = self.facts(now, actor, action, &deed, None);
        (Facts { function: Some(running.function), provenance: running.provenance, ..facts }, until)
    }

    /// The running function with this number, if it has not failed.
    pub(super) fn runs(&self, binding: Binding) -> Option<&Running> {
        self.running(binding).filter(|running| running.health == Health::Running)
    }

    /// A permit that the next record is about.
    pub(super) fn lease(
        &self,
        until: Time,
        version: u32,
        rollout: &impl Plane,
        (asked, what): (Set<crate::vocabulary::Authority>, Request),
    ) -> Lease {
        Lease {
            interaction: self.id,
            birth: self.birth,
            record: self.chain.next(),
            until,
            version,
            epoch: self.epoch,
            authorities: rollout.changes().count,
            asked,
            what,
        }
    }
}
