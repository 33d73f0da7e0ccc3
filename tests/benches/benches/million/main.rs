//! A million live interactions, and how a policy reaches them: all at once, back again, and only those that are meant.
//!
//! An interaction *sees* a version when it decides by it. To publish is one assignment, so there is nothing to wait for but
//! the next decision. Three things are measured: the call itself; the time from before the call until after the next
//! decision, for each of the million with an update of its own; and one update, after which all are asked in turn and none
//! may name the version before. The last one tells how long it takes to ask.

mod report;
mod world;

use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use interaction_gov::interaction::Interaction;
use interaction_gov::rollout::Track;
use report::{Limit, Report, Times};
use world::{Call, Version, World, decide};

const MILLION: usize = 1_000_000;

/// Of a hundred new interactions.
const CANARY: u8 = 10;

/// The draft asks the first of 99.9 % of all updates (`IoE R5`), the second is what we want.
const UPDATE: Limit = Limit { goal: Duration::from_millis(50), aim: Duration::from_millis(1) };
const ROLLBACK: Limit = Limit { goal: Duration::from_millis(100), aim: Duration::from_millis(1) };

fn main() {
    println!("An interaction takes {}.", sizes());
    let start = Instant::now();
    let mut world = World::new(MILLION);
    let mebibytes = (MILLION * size_of::<Call>()) >> 20;
    println!("{MILLION} of {mebibytes} MiB, with a participant each, began within {:.1?}.", start.elapsed());
    let mut report = Report::default();
    update(&mut world, &mut report);
    roll_back(&mut world, &mut report);
    while_another_thread_decides(&mut world, &mut report);
    canary(&mut world, &mut report);
    one_alone(&mut world, &mut report);
    report.print();
    println!("\nThe whole run took {:.0?}.", start.elapsed());
}

fn sizes() -> String {
    fn of<const P: usize, const B: usize>() -> String {
        format!("{} bytes with room for {P} participants and {B} functions", size_of::<Interaction<P, B>>())
    }
    [of::<2, 2>(), of::<4, 4>(), of::<16, 8>(), of::<64, 32>()].join(", ")
}

fn update(world: &mut World, report: &mut Report) {
    let turn = |turn: usize| if turn.is_multiple_of(2) { Version::Second } else { Version::First };
    report.times("publish: the call", calls(|number| world.publish(Track::STABLE, turn(number))), UPDATE);
    let seen = each(world, |world, number| world.publish(Track::STABLE, turn(number)));
    report.times("publish, until the next decision", seen, UPDATE);
    world.publish(Track::STABLE, Version::First);
    all(world, report, "publish", |world| world.publish(Track::STABLE, Version::Second));
}

fn roll_back(world: &mut World, report: &mut Report) {
    report.times("roll back: the call", calls(|_| world.roll_back(Track::STABLE)), ROLLBACK);
    let seen = each(world, |world, _| world.roll_back(Track::STABLE));
    report.times("roll back, until the next decision", seen, ROLLBACK);
    all(world, report, "roll back", |world| world.roll_back(Track::STABLE));
}

fn calls(mut call: impl FnMut(usize) -> u32) -> Times {
    (0..MILLION).map(|number| timed(|| call(number))).collect()
}

/// For each interaction a change of its own, and its next decision.
fn each(world: &mut World, mut change: impl FnMut(&mut World, usize) -> u32) -> Times {
    let one = |place| {
        timed(|| {
            let version = change(world, place);
            assert_eq!(world.decide(place).version, Some(version), "a decision by the version before");
        })
    };
    (0..MILLION).map(one).collect()
}

/// One change, and then all are asked for their version; and they decide.
fn all(world: &mut World, report: &mut Report, what: &str, change: impl FnOnce(&mut World) -> u32) {
    let start = Instant::now();
    let version = change(world);
    let stale = world.versions().filter(|seen| *seen != Some(version)).count();
    report.total(&format!("{what} once, until all were asked in turn"), start.elapsed());
    report.count(&format!("{what} once: asked, another version"), stale, MILLION);
    let start = Instant::now();
    let stale = (0..MILLION).filter(|place| world.decide(*place).version != Some(version)).count();
    report.total("then all decide in turn", start.elapsed());
    report.count(&format!("{what} once: decided, by another version"), stale, MILLION);
}

/// A lock stands between control plane and decisions, as on a server: until the thread that decides without a pause has
/// decided by the new version.
fn while_another_thread_decides(world: &mut World, report: &mut Report) {
    const UPDATES: usize = 20_000;
    let World { control, interactions, log, .. } = world;
    let before = control.number(Track::STABLE);
    let (control, over, seen) = (RwLock::new(control), AtomicBool::new(false), AtomicU32::new(before));
    let times = std::thread::scope(|scope| {
        scope.spawn(|| {
            for interaction in (0..MILLION).cycle() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let control = control.read().expect("the other thread lives");
                let decision = decide(&mut interactions[interaction], &control, log);
                seen.store(decision.version.unwrap_or(u32::MAX), Ordering::Release);
            }
        });
        let one = |_| {
            timed(|| {
                let version = control.write().expect("the other thread lives").roll_back(Track::STABLE);
                while seen.load(Ordering::Acquire) != version {
                    std::thread::yield_now();
                }
            })
        };
        let times: Times = (0..UPDATES).map(one).collect();
        over.store(true, Ordering::Relaxed);
        times
    });
    report.times("roll back under a lock, until another thread decides", times, ROLLBACK);
}

/// Half of the interactions end, and as many begin under a canary.
fn canary(world: &mut World, report: &mut Report) {
    let stable = world.control.number(Track::STABLE);
    let canary = world.control.start_canary(Version::Second, CANARY);
    let new = MILLION / 2..MILLION;
    world.begin_again(new.clone());
    let chosen: Vec<bool> = (0..MILLION).map(|place| new.contains(&place) && world.track(place) == canary).collect();
    let count = chosen.iter().filter(|chosen| **chosen).count();
    let share = count as f64 * 100.0 / new.len() as f64;
    println!("A canary of {CANARY} % is {count} of {} new interactions: {share:.2} %.\n", new.len());

    // Everybody decides: by which version should it be, and is it a permit?
    let mut look = |world: &mut World, what: &str, inside: (u32, bool), outside: (u32, bool)| {
        let mut otherwise = [0, 0];
        for (place, chosen) in chosen.iter().enumerate() {
            let decision = world.decide(place);
            let meant = if *chosen { inside } else { outside };
            let is_meant = (decision.version, decision.verdict.permits()) == (Some(meant.0), meant.1);
            otherwise[usize::from(*chosen)] += usize::from(!is_meant);
        }
        report.count(&format!("{what}: outside it, another version or verdict"), otherwise[0], MILLION - count);
        report.count(&format!("{what}: in it, another version or verdict"), otherwise[1], count);
    };
    let begun = (world.control.number(canary), true);
    look(world, "a canary begins", begun, (stable, true));
    // A bad version, which denies everything, is what a canary is for.
    let bad = world.publish(canary, Version::Bad);
    look(world, "a bad version for the canary", (bad, false), (stable, true));
    world.roll_back(canary);
    look(world, "the canary is rolled back, to where all are", (stable, true), (stable, true));
    let again = (world.publish(canary, Version::Second), true);
    let bad = world.publish(Track::STABLE, Version::Bad);
    look(world, "a bad version for all but the canary", again, (bad, false));
    world.roll_back(Track::STABLE);
    look(world, "all but the canary are rolled back", again, (stable, true));
}

/// One interaction is pinned to a bad version: nobody else is denied anything.
fn one_alone(world: &mut World, report: &mut Report) {
    const ONE: usize = 123_456;
    world.pin(ONE, Version::Bad);
    let denied: Vec<_> = (0..MILLION).filter(|place| !world.decide(*place).verdict.permits()).collect();
    assert!(denied.contains(&ONE), "it is denied");
    report.count("a bad version for one interaction: others that are denied", denied.len() - 1, MILLION - 1);
}

fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}
