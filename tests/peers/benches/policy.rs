//! Our decisions beside those of three policy engines: the same rules, the same requests, in one run.
//!
//! Not the same thing: a peer is handed all facts and gives an answer. Ours takes them from the state of an interaction,
//! gives a lease, and chains a record, which alone is two blocks of SHA-256.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::{Effort, Goal, Pairs};
use peers::policies::rules::{requests, rules};
use peers::policies::{Casbin, Cedar, Engine, Ours, Rego, SIZES};
use sha2::{Digest as _, Sha256};

/// One decision with its record, in nanoseconds.
const DECISION: Goal = Goal::Below(200.0);

/// A thousand rules take no longer than ten.
const FLAT: Goal = Goal::AtMost(1.10);

fn main() {
    let mut pairs = Pairs::from_args("peer");
    for size in SIZES {
        beside_sha256(&mut pairs, size);
    }
    let [few, .., many] = SIZES;
    let (small, large) = (decides(few), decides(many));
    let name = format!("{many} rules, to {few} rules");
    pairs.compare(("decide and record", &name), FLAT, Effort::Careful, large, small);
    for size in SIZES {
        beside::<Cedar>(&mut pairs, size, "cedar-policy");
        beside::<Rego>(&mut pairs, size, "regorus");
        beside::<Casbin>(&mut pairs, size, "casbin");
    }
    pairs.finish();
}

/// Decides one request after the other, each with its record.
fn decides(size: usize) -> impl FnMut() {
    let rules = rules(size);
    let requests = requests(&rules);
    let mut ours = Ours::new(&rules, &requests);
    let mut next = in_turn(requests.len());
    move || {
        black_box(ours.decide(black_box(next())));
    }
}

/// Numbers up to a limit, over and over.
fn in_turn(limit: usize) -> impl FnMut() -> usize {
    let mut next = 0;
    move || {
        next = if next + 1 < limit { next + 1 } else { 0 };
        next
    }
}

fn beside_sha256(pairs: &mut Pairs, size: usize) {
    let rules = rules(size);
    let requests = requests(&rules);
    let mut ours = Ours::new(&rules, &requests);
    ours.decide(0);
    let bytes = ours.hashed();
    let name = format!("{size} rules, to the SHA-256 of its record");
    let hash = || Sha256::digest(black_box(bytes));
    pairs.compare(("decide and record", &name), DECISION, Effort::Careful, decides(size), hash);
}

fn beside<E: Engine>(pairs: &mut Pairs, size: usize, peer: &str) {
    let rules = rules(size);
    let requests = requests(&rules);
    let mut engine = E::new(&rules, &requests);
    let mut next = in_turn(requests.len());
    let mut peers = || engine.permits(black_box(next()));
    let name = format!("{size} rules, against {peer}");
    compare(pairs, ("decide and record", &name), DECISION, Effort::Careful, &mut decides(size), &mut peers);
    let ours = Ours::new(&rules, &requests);
    let mut next = in_turn(requests.len());
    let mut evaluate = || ours.evaluate(black_box(next()));
    compare(pairs, ("policy alone", &name), Goal::None, Effort::Brief, &mut evaluate, &mut peers);
}

/// As [`Pairs::compare`], with a peer that may be thousands of times as slow: the peer does fewer units, so that both
/// take equally long.
fn compare<A, B>(
    pairs: &mut Pairs,
    name: (&str, &str),
    goal: Goal,
    effort: Effort,
    ours: &mut impl FnMut() -> A,
    peer: &mut impl FnMut() -> B,
) {
    const TRIED: u64 = 100;
    time(TRIED, ours);
    let slower = time(TRIED, peer).as_nanos() / time(TRIED, ours).as_nanos().max(1);
    let slower = u64::try_from(slower).unwrap_or(u64::MAX).max(1);
    let mut peers = |count: u64| {
        let fewer = (count / slower).max(1);
        time(fewer, peer).mul_f64(count as f64 / fewer as f64)
    };
    pairs.compare_timed(name, 1, goal, effort, &mut |count| time(count, ours), &mut peers);
}

fn time<T>(count: u64, work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        black_box(work());
    }
    start.elapsed()
}
