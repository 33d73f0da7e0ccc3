//! Policy changes during operation: for a few first, then for all, and back.

use anyhow::{Context, Result};
use interaction_gov::audit::{Bytes, Log, RECORD, SignedHead};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Lease, Mode, Request};
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::Set;

use super::{CORPORATE, CORPORATE_2};
use crate::evidence::Evidence;
use crate::plane::{Plane, draw};
use crate::stage::Stage;
use crate::telling::Ruling;

const PERCENT: u8 = 10;
const BEFORE: usize = 100;
const SINCE: usize = 200;

/// A small conference with one participant; there are many of them.
struct Side {
    call: Interaction<2, 2>,
    seat: Seat,
    log: Log<Vec<Bytes>>,
    lease: Option<Lease>,
}

impl Side {
    fn new(plane: &mut Plane, now: Time) -> Result<Self> {
        let mut log = Log::new(vec![[0; RECORD]; 32]);
        let id = InteractionId::draw(&mut plane.rng);
        let mut call = Interaction::create(id, now, Mode::Enforce, &plane.rollout, &mut log)?;
        let validation =
            Validation { posture: plane.the("managed")?, region: Some(plane.the("de")?), until: Time::NEVER };
        let admission = Admission {
            name: draw(&mut plane.rng),
            kind: Kind::Human,
            home: Some(plane.the("corporate")?),
            credential_until: Time::NEVER,
            validation,
            roles: Set::EMPTY,
            streams: Streams::UNSAID,
            consents: Set::EMPTY,
            action: plane.the("join")?,
        };
        let seat = call.join(now, &admission, &plane.rollout, &mut log)?;
        Ok(Self { call, seat, log, lease: None })
    }

    /// Its participant asks to present; returns the version by which that was decided, and whether it is permitted.
    fn present(&mut self, plane: &Plane, now: Time) -> Result<(Option<u32>, bool)> {
        let (action, on) = (plane.the("present")?, On::Stream(plane.the("screen-share")?));
        let request = Request { action, seat: self.seat, on, binding: None, goes: Set::EMPTY };
        let decision = self.call.decide(now, &request, &plane.rollout, &mut self.log);
        self.lease = decision.lease;
        Ok((decision.version, decision.may()))
    }

    /// Ends it, and returns whether its evidence verifies.
    fn end_proven(mut self, plane: &Plane, now: Time) -> Result<bool> {
        let _stopped = self.call.terminate(now, &mut self.log)?;
        let head = self.call.head();
        let heads = vec![SignedHead { head, signature: *plane.key.sk.sign(head.signed(), None) }];
        let records = self.log.waiting().to_vec();
        Ok(Evidence { interaction: head.interaction, records, heads, key: *plane.key.pk }.verify().is_ok())
    }
}

/// How many were decided by the new version, how many may present, and how many may present by the new version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    new: usize,
    may: usize,
    may_by_new: usize,
}

fn count(sides: &mut [Side], stage: &Stage, new: u32) -> Result<Count> {
    let mut count = Count::default();
    for side in sides {
        let (version, may) = side.present(&stage.plane, stage.now)?;
        count.new += usize::from(version == Some(new));
        count.may += usize::from(may);
        count.may_by_new += usize::from(may && version == Some(new));
    }
    Ok(count)
}

/// A stricter version governs a few, then all, and is rolled back.
pub fn change(stage: &mut Stage, host: Seat) -> Result<()> {
    stage.chapter("Corporate tightens its policy: to a tenth of new interactions, to all, and back");
    stage.at(9, 32, 0)?;
    let employee = Seat(host.0 + 1);
    let show = |stage: &mut Stage| stage.ask(employee, "present", "screen-share", "presents");
    let mut before = sides(stage, BEFORE)?;
    let taken = stage.plane.take("corporate", 2, CORPORATE_2)?;
    stage.tell("update", "corporate", "signs corporate-2.policy", Some(Ruling::plain(&taken, "taken")));
    let index = stage.plane.install()?;
    let number = stage.plane.rollout.version(index).map(|version| version.number).context("no version")?;
    stage.plane.rollout.start_canary(index, PERCENT).context("starting a canary")?;
    let mut since = sides(stage, SINCE)?;
    let (old, new) = (count(&mut before, stage, number)?, count(&mut since, stage, number)?);
    let what = format!(
        "canary of {PERCENT} %: version {number} governs {} of {SINCE} new interactions, and {} of {BEFORE} that were there",
        new.new, old.new
    );
    stage.tell_counts("canary", "control plane", what, &[("covered", new.new), ("covered_before", old.new)]);
    let (outside, may) = (SINCE - new.new, new.may - new.may_by_new);
    let what = format!(
        "may present: {} of the {BEFORE} that were there; {may} of the {outside} new ones outside the canary; {} of the {} in it",
        old.may, new.may_by_new, new.new
    );
    let counts = [("may_before", old.may), ("outside", outside), ("may_outside", may), ("may_covered", new.may_by_new)];
    stage.tell_counts("canary", "side conferences", what, &counts);
    show(stage)?;
    let mut all = before;
    all.append(&mut since);
    stage.wait(10_000)?;
    let held = holding(&all, stage);
    stage.plane.rollout.promote_canary().context("promoting the canary")?;
    stage.review()?;
    told(stage, &mut all, "promoted", &format!("version {number} governs everybody"), (held, number))?;
    show(stage)?;
    stage.wait(10_000)?;
    let held = holding(&all, stage);
    let corporate = stage.plane.the("corporate")?;
    stage.plane.rollout.roll_back(corporate, 0).context("rolling back")?;
    stage.review()?;
    told(stage, &mut all, "rolled-back", "the version before governs everybody again", (held, number))?;
    show(stage)?;
    let total = all.len();
    let mut proven = 0;
    for side in all {
        proven += usize::from(side.end_proven(&stage.plane, stage.now)?);
    }
    let what = format!("end; the trails of {proven} of {total} are proven");
    stage.tell_counts("sides", "side conferences", what, &[("interactions", total), ("proven", proven)]);
    Ok(())
}

fn sides(stage: &mut Stage, number: usize) -> Result<Vec<Side>> {
    (0..number).map(|_| Side::new(&mut stage.plane, stage.now)).collect()
}

/// How many permits hold now.
fn holding(all: &[Side], stage: &Stage) -> usize {
    let holds = |lease: &Lease, side: &Side| side.call.holds(lease, stage.now, &stage.plane.rollout);
    all.iter().filter(|side| side.lease.as_ref().is_some_and(|lease| holds(lease, side))).count()
}

fn told(stage: &mut Stage, all: &mut [Side], event: &'static str, what: &str, (held, new): (usize, u32)) -> Result<()> {
    let hold = holding(all, stage);
    let count = count(all, stage, new)?;
    let total = all.len();
    let what = format!(
        "{what}: of {held} permits {hold} still hold; decided anew, {} of {total} by version {new}, {} may present",
        count.new, count.may
    );
    let counts = [
        ("interactions", total),
        ("leases_held", held),
        ("leases_hold", hold),
        ("by_new", count.new),
        ("may", count.may),
    ];
    stage.tell_counts(event, "control plane", what, &counts);
    Ok(())
}

/// Updates without a signature, and replayed ones.
pub fn bad_updates(stage: &mut Stage) -> Result<()> {
    stage.chapter("Updates that are refused");
    let forged = stage.plane.offer("guest-organisation", "corporate", 3, CORPORATE_2.text, CORPORATE)?;
    let what = "corporate-3.policy, signed with another key";
    stage.tell("update", "corporate", what, Some(Ruling::plain(&forged, "taken")));
    let stale = stage.plane.offer("corporate", "corporate", 1, "", CORPORATE)?;
    let what = "corporate.policy, its first version, once more";
    stage.tell("update", "corporate", what, Some(Ruling::plain(&stale, "taken")));
    let gap = stage.plane.offer("corporate", "corporate", 9, CORPORATE.text, CORPORATE_2)?;
    let what = "version 9, which follows a text that is not its latest";
    stage.tell("update", "corporate", what, Some(Ruling::plain(&gap, "taken")));
    Ok(())
}
