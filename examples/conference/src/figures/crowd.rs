//! Many interactions under one control plane and one log, asked by several threads at once, while updates and rollbacks come, with
//! broken texts, strangers and restarts between them.
//!
//! Each thread decides without a pause, for one of its interactions after the other. An update has *arrived at the last
//! one* when every thread has decided by it, and no thread decides, or acts on a permit, by the version before any
//! more. This is what is measured, and not how soon the first thread sees the update.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use interaction_gov::audit::{Bytes, Log, Need, RECORD, Verdict};
use interaction_gov::identity::InteractionId;
use interaction_gov::interaction::{Interaction, Lease, Mode, Request};
use interaction_gov::measure::Measurements;
use interaction_gov::participant::{Admission, Seat, Streams};
use interaction_gov::policy::Kind;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Set, Vocabulary};
use rand_chacha::ChaCha20Rng;
use serde::Serialize;

use super::Arguments;
use super::control::{self, Change, Control, Known, Office};
use super::world::Words;
use crate::plane;

/// One in this many interactions is pinned to the first version, and so is not a target of any update.
const PINNED_EVERY: usize = 16;
/// Before one in this many updates a broken text comes.
const BROKEN_EVERY: u32 = 10;
/// In one of this many updates strangers make requests.
const STRANGERS_EVERY: u32 = 7;
/// The number of strangers, each of which makes one request.
const STRANGERS: u16 = 200;
/// Restarts of everything, spread evenly over the updates.
const RESTARTS: u32 = 3;
/// The number of records that may wait.
const ROOM: usize = 16_384;
/// What takes longer counts as not converging.
const PATIENCE: Duration = Duration::from_secs(30);

/// The counts of all threads.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Interactions.
    pub interactions: u64,
    /// Threads that ask them.
    pub threads: u64,
    /// Updates, and those of them that were rollbacks.
    pub updates: u64,
    /// See above.
    pub rollbacks: u64,
    /// Decisions, each with its record in the one log.
    pub decisions: u64,
    /// Decisions by a version other than the governing one, or with a verdict other than its text gives.
    pub wrong: u64,
    /// Permits that held under a version other than the governing one.
    pub wrong_permits: u64,
    /// Decisions of interactions that were not the target of any update, and those of them that an update has changed.
    pub others: [u64; 2],
    /// Broken texts, and those of them that were refused.
    pub broken: [u64; 2],
    /// Requests of strangers.
    pub strangers: u64,
    /// Restarts of the control plane and of all interactions, and interactions that were another one then.
    pub restarts: [u64; 2],
    /// For how long threads did not agree, in microseconds, and for how long they were observed.
    pub apart: [u64; 2],
    /// Interactions that, asked at the end one by one, were not under the version that governs.
    pub left_behind: u64,
}

impl Counts {
    /// Whether the counts show no error.
    pub const fn sound(&self) -> bool {
        let [sent, refused] = self.broken;
        self.wrong == 0
            && self.wrong_permits == 0
            && self.others[1] == 0
            && sent == refused
            && self.restarts[1] == 0
            && self.left_behind == 0
    }

    fn add(&mut self, more: &Self) {
        self.decisions += more.decisions;
        self.wrong += more.wrong;
        self.wrong_permits += more.wrong_permits;
        self.strangers += more.strangers;
        self.left_behind += more.left_behind;
    }
}

/// An interaction with one participant.
type Call = Interaction<1, 0>;

struct Slot {
    call: Call,
    pinned: bool,
    permit: Option<Lease>,
}

/// A control plane, and how many updates it has seen.
struct Plane {
    control: Control,
    sequence: u64,
}

/// What all threads share.
struct Shared {
    plane: RwLock<Plane>,
    log: Mutex<Log<Vec<Bytes>>>,
    request: Request,
    base: Instant,
    now: Time,
    over: AtomicBool,
    /// Strangers have to ask now.
    strangers: AtomicBool,
    /// The update by which each thread has decided last.
    seen: Vec<AtomicU64>,
    /// Decisions of interactions that no update is for, and those of them that one has changed.
    others: [AtomicU64; 2],
}

/// When a thread decided by a version for the first time, and for the last time.
#[derive(Clone, Copy)]
struct Span {
    sequence: u64,
    first: Duration,
    last: Duration,
}

/// What a thread has seen.
#[derive(Default)]
struct Seen {
    spans: Vec<Span>,
    counts: Counts,
}

/// Measures.
pub fn measure(
    arguments: Arguments,
    names: &Vocabulary<'static>,
    rng: &mut ChaCha20Rng,
    measurements: &mut Measurements,
    mut done: impl FnMut(),
) -> Result<Counts> {
    let Arguments { crowd, threads, updates, copies, .. } = arguments;
    let mut office = Office::new(names, rng)?;
    let mut control = Control::new(names.clone(), &office, plane::draw(rng))?;
    let (crowd, threads) = (usize::try_from(crowd)?, usize::try_from(threads)?);
    let words = Words::new(names)?;
    let mut log = Log::new(vec![[0; RECORD]; ROOM]);
    let mut slots =
        (0..crowd).map(|place| begin(place, &control, &words, &mut log, rng)).collect::<Result<Vec<_>>>()?;
    let mut counts = Counts { interactions: super::count(crowd), threads: super::count(threads), ..Counts::default() };
    let base = Instant::now();
    let mut sequence = 0;
    for phase in 0..=RESTARTS {
        let shared = Shared {
            plane: RwLock::new(Plane { control, sequence }),
            log: Mutex::new(log),
            request: words.request(Seat(0)),
            base,
            now: Time(2_000 + u64::from(phase)),
            over: AtomicBool::new(false),
            strangers: AtomicBool::new(false),
            seen: (0..threads).map(|_| AtomicU64::new(0)).collect(),
            others: Default::default(),
        };
        let turns = (0..updates).filter(|turn| turn % (RESTARTS + 1) == phase);
        let (arrivals, seen) = std::thread::scope(|scope| {
            let share = crowd.div_ceil(threads);
            let asking: Vec<_> = slots
                .chunks_mut(share)
                .enumerate()
                .map(|(thread, slots)| {
                    let shared = &shared;
                    let copies = (copies > 0).then(|| Duration::from_millis(copies.into()));
                    scope.spawn(move || ask(thread, slots, shared, copies))
                })
                .collect();
            let arrivals = turns.map(|turn| {
                done();
                update(turn, &shared, &mut office, &mut counts)
            });
            let arrivals: Result<Vec<Arrival>> = arrivals.collect();
            shared.over.store(true, Ordering::Relaxed);
            let seen: Vec<Result<Seen>> = asking
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread"))))
                .collect();
            (arrivals, seen)
        });
        let (arrivals, seen) = (arrivals?, seen.into_iter().collect::<Result<Vec<_>>>()?);
        seen.iter().for_each(|seen| counts.add(&seen.counts));
        judge(&arrivals, &seen, measurements, &mut counts)?;
        let Plane { control: before, sequence: after } =
            shared.plane.into_inner().unwrap_or_else(PoisonError::into_inner);
        log = shared.log.into_inner().unwrap_or_else(PoisonError::into_inner);
        (control, sequence) = (before, after);
        if phase < RESTARTS {
            control = control.restored().context("the control plane after a restart")?;
            counts.restarts[0] += 1;
            counts.restarts[1] += restart(&mut slots, &control, shared.now)?;
        }
    }
    Ok(counts)
}

fn begin(
    place: usize,
    control: &Control,
    words: &Words,
    log: &mut Log<Vec<Bytes>>,
    rng: &mut ChaCha20Rng,
) -> Result<Slot> {
    make_room(log);
    let (now, rollout) = (Time(1_000), &*control.rollout);
    let mut call = Call::create(InteractionId::draw(rng), now, Mode::Enforce, rollout, log).context("creating")?;
    let admission = Admission {
        name: plane::draw(rng),
        kind: Kind::Human,
        home: words.homes.first().copied(),
        credential_until: Time::NEVER,
        validation: words.validation(Time::NEVER),
        roles: Set::EMPTY,
        streams: Streams::UNSAID,
        consents: words.consents,
        action: words.join,
    };
    call.join(now, &admission, rollout, log).context("joining")?;
    let pinned = place % PINNED_EVERY == PINNED_EVERY - 1;
    if pinned {
        call.pin(now, Some(control::FIRST.number), rollout, log).context("pinning")?;
    }
    Ok(Slot { call, pinned, permit: None })
}

/// Records are safe elsewhere; here it is enough to have counted them.
fn make_room(log: &mut Log<Vec<Bytes>>) {
    if log.room(Need::Ordinary) < 1_000 {
        log.taken();
    }
}

/// When an update arrived, its number, and whether it was a rollback or a configuration.
struct Arrival {
    sequence: u64,
    at: Duration,
    change: Change,
    others: [u64; 2],
}

/// An update comes, and all threads are waited for.
fn update(turn: u32, shared: &Shared, office: &mut Office, counts: &mut Counts) -> Result<Arrival> {
    // Alternating: each change is reverted by the next update.
    let change = match turn / (RESTARTS + 1) % 4 {
        0 => Change::Policy(control::On::Stable),
        2 => Change::Configuration(control::On::Stable),
        _ => Change::RollBack(control::On::Stable),
    };
    if turn.is_multiple_of(STRANGERS_EVERY) {
        shared.strangers.store(true, Ordering::Relaxed);
    }
    if turn.is_multiple_of(BROKEN_EVERY) {
        let broken = office.broken()?;
        let taken = shared.plane.write().unwrap_or_else(PoisonError::into_inner).control.take(&broken);
        counts.broken[0] += 1;
        counts.broken[1] += u64::from(taken.is_err());
    }
    let said = shared.plane.read().unwrap_or_else(PoisonError::into_inner).control.wants(change)?;
    let signed = said.map(|said| office.next(said)).transpose()?;
    let others = || shared.others.each_ref().map(|count| count.load(Ordering::Relaxed));
    let [all, changed] = others();
    let at = shared.base.elapsed();
    let sequence = {
        let mut plane = shared.plane.write().unwrap_or_else(PoisonError::into_inner);
        plane.control.apply(change, signed.as_ref())?;
        plane.sequence += 1;
        plane.sequence
    };
    while shared.seen.iter().any(|seen| seen.load(Ordering::Acquire) < sequence) {
        ensure!(shared.base.elapsed() - at < PATIENCE, "{change:?} does not converge");
        std::thread::sleep(Duration::from_micros(20));
    }
    counts.updates += 1;
    counts.rollbacks += u64::from(matches!(change, Change::RollBack(_)));
    let [all, changed] = [others()[0] - all, others()[1] - changed];
    counts.others = [counts.others[0] + all, counts.others[1] + changed];
    Ok(Arrival { sequence, at, change, others: [all, changed] })
}

/// A thread: asks its interactions one after the other, until it is over; then each of them once more.
fn ask(thread: usize, slots: &mut [Slot], shared: &Shared, copies: Option<Duration>) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut copy: Option<(Plane, Instant)> = None;
    let mut left = None;
    for place in (0..slots.len()).cycle() {
        if left.is_none() && shared.over.load(Ordering::Relaxed) {
            left = Some(slots.len());
        }
        if left == Some(0) {
            break;
        }
        left = left.map(|left| left - 1);
        let Some(slot) = slots.get_mut(place) else { continue };
        let plane = shared.plane.read().unwrap_or_else(PoisonError::into_inner);
        let sequence = match copies {
            None => {
                visit(slot, &plane.control, shared, &mut seen.counts);
                plane.sequence
            }
            // Each thread decides by a copy of its own, which it renews from time to time.
            Some(every) => {
                if copy.as_ref().is_none_or(|(_, since)| since.elapsed() >= every) {
                    let control = plane.control.restored()?;
                    copy = Some((Plane { control, sequence: plane.sequence }, Instant::now()));
                }
                let Some((own, _)) = &copy else { continue };
                visit(slot, &own.control, shared, &mut seen.counts);
                own.sequence
            }
        };
        if left.is_some() {
            let governs = slot.call.version(&*plane.control.rollout).map(|version| version.number);
            seen.counts.left_behind += u64::from(governs != Some(slot.known(&plane.control).number));
        }
        // Still under the lock: this is the time of the decision.
        let now = shared.base.elapsed();
        drop(plane);
        match seen.spans.last_mut().filter(|span| span.sequence == sequence) {
            Some(span) => span.last = now,
            None => seen.spans.push(Span { sequence, first: now, last: now }),
        }
        if let Some(told) = shared.seen.get(thread) {
            told.store(sequence, Ordering::Release);
        }
    }
    Ok(seen)
}

fn lock(log: &Mutex<Log<Vec<Bytes>>>) -> MutexGuard<'_, Log<Vec<Bytes>>> {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    make_room(&mut log);
    log
}

/// Asks an interaction whether its last permit holds, and what it decides now.
fn visit(slot: &mut Slot, control: &Control, shared: &Shared, counts: &mut Counts) {
    let known = slot.known(control);
    let Shared { log, request, now, strangers, .. } = shared;
    if let Some(permit) = &slot.permit
        && slot.call.permits(permit, request, *now, &*control.rollout)
        && permit.version() != known.number
    {
        counts.wrong_permits += 1;
    }
    if strangers.swap(false, Ordering::Relaxed) {
        for stranger in 1..=STRANGERS {
            let request = Request { seat: Seat(stranger), ..*request };
            let _ = slot.call.decide(*now, &request, &*control.rollout, &mut *lock(log));
            counts.strangers += 1;
        }
    }
    let decision = slot.call.decide(*now, request, &*control.rollout, &mut *lock(log));
    slot.permit = decision.lease;
    let expected = if known.said.tightened { Verdict::DeniedByRule } else { Verdict::Permit };
    let wrong = decision.version != Some(known.number) || decision.verdict != expected;
    counts.decisions += 1;
    counts.wrong += u64::from(wrong);
    if slot.pinned {
        let [all, changed] = &shared.others;
        all.fetch_add(1, Ordering::Relaxed);
        changed.fetch_add(u64::from(wrong), Ordering::Relaxed);
    }
}

impl Slot {
    /// The version that has to govern it.
    fn known(&self, control: &Control) -> Known {
        if self.pinned { control::FIRST } else { control.governs(Track::STABLE) }
    }
}

/// Every interaction ends with its process, and continues in another one; returns how many differ afterwards.
fn restart(slots: &mut [Slot], control: &Control, now: Time) -> Result<u64> {
    let mut bytes = vec![0; 4_096];
    let mut others = 0;
    for slot in slots {
        let holds = |call: &Call| slot.permit.is_some_and(|permit| call.holds(&permit, now, &*control.rollout));
        let (used, stamp) = slot.call.snapshot(&mut bytes).map_err(|needed| anyhow::anyhow!("{needed} bytes"))?;
        let kept = bytes.get(..used).context("the bytes of an interaction")?;
        ensure!(stamp.interaction == *slot.call.id(), "the stamp is another's");
        let again = Call::restore(kept).context("an interaction after a restart")?;
        let same = again.chain() == slot.call.chain() && holds(&again) == holds(&slot.call);
        others += u64::from(!same);
        slot.call = again;
    }
    Ok(others)
}

/// Computes, from the times at which each thread decided by each update, how long each update took, and for how long
/// threads did not agree.
fn judge(arrivals: &[Arrival], seen: &[Seen], measurements: &mut Measurements, counts: &mut Counts) -> Result<()> {
    let mut apart_in_all = Duration::ZERO;
    for Arrival { sequence, at, change, others } in arrivals {
        let first = |seen: &Seen| seen.spans.iter().find(|span| span.sequence >= *sequence).map(|span| span.first);
        let before = |seen: &Seen| seen.spans.iter().rfind(|span| span.sequence < *sequence).map(|span| span.last);
        let firsts: Vec<Duration> = seen.iter().filter_map(first).collect();
        let (Some(soonest), Some(latest)) = (firsts.iter().min(), firsts.iter().max()) else { continue };
        // By the version before, in whichever thread.
        let last_before = seen.iter().filter_map(before).max().unwrap_or(*at);
        let converged = latest.max(&last_before).saturating_sub(*at);
        let apart = last_before.saturating_sub(*soonest);
        apart_in_all += apart;
        measurements.state(apart, false);
        measurements.synchronization(firsts.iter().map(|first| *first - *soonest));
        measurements.policy_update(converged);
        measurements.policy_convergence(converged);
        match change {
            Change::RollBack(_) => measurements.rollback(converged, others[1], others[0])?,
            Change::Configuration(_) => measurements.configuration_convergence(converged),
            _ => {}
        }
    }
    let spans = || seen.iter().flat_map(|seen| &seen.spans);
    let (begin, end) = (spans().map(|span| span.first).min(), spans().map(|span| span.last).max());
    if let (Some(begin), Some(end)) = (begin, end) {
        measurements.state((end - begin).saturating_sub(apart_in_all), true);
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        counts.apart = [counts.apart[0] + micros(apart_in_all), counts.apart[1] + micros(end - begin)];
    }
    Ok(())
}
