//! The rounds: something fails, an update comes, all interactions are asked, the fault is repaired.

use anyhow::{Context, Result, ensure};
use interaction_gov::authority::AuthorityError;
use interaction_gov::identity::InteractionId;
use interaction_gov::measure::Measurements;
use interaction_gov::rollout::Track;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Vocabulary};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde::Serialize;

use super::control::{Change, Control, NAMES, Office, On};
use super::fault::{Fault, KINDS, SILENT};
use super::surfaces::{self, Surfaces};
use super::world::{CAPTIONS, Newcomer, Seen, World};
use super::{Arguments, count, crowd};
use crate::plane;

/// From one fault to the next, on the virtual clock.
const ROUND_MS: u64 = 10_000;
/// From a fault to the update.
const UPDATE_MS: u64 = 300;
/// From a fault until it is repaired, of whatever kind it is.
const MENDED_MS: u64 = 9_000;
/// One in this many interactions ends in each round, and begins again.
const RENEWED: usize = 20;
/// The number of rounds within which all participants are validated again.
const VALIDATED: usize = 10;
/// Bad updates come once in this many rounds.
const ATTACK: u64 = 10;
/// How often all interactions are asked until an update counts as lost.
const PATIENCE: u32 = 10;

/// What a kind of fault did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Tally {
    /// How often it struck.
    pub failures: u64,
    /// How many interactions it affected, of those that it touched.
    pub affected: u64,
    /// How many of these kept their core.
    pub kept_core: u64,
    /// How many others were affected.
    pub unrelated: u64,
}

/// What was counted. The same seed gives the same counts.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Updates.
    pub updates: u64,
    /// Of these, of settings alone.
    pub configurations: u64,
    /// Of these, back to the version before.
    pub rollbacks: u64,
    /// Canaries that began.
    pub canaries: u64,
    /// Interactions that began while there was a canary, and those of them that joined it.
    pub began: [u64; 2],
    /// Interactions that were not targets of a rollback, over all rollbacks, and those of them that changed.
    pub outside_rollbacks: [u64; 2],
    /// The same of all other updates.
    pub outside_updates: [u64; 2],
    /// Updates that were forged, stale or replayed, and those of them that were refused for that.
    pub bad_updates: [u64; 2],
    /// How often the world was observed, and how often not all contexts agreed.
    pub looks: [u64; 2],
    /// Auxiliary functions that failed and worked again.
    pub recoveries: u64,
    /// Interactions that still differ when everything is repaired.
    pub left_over: u64,
    /// Records in the world with faults.
    pub records: u64,
    /// The largest number of interactions that one fault affected.
    pub largest_failure: u64,
}

/// The effect of an authority that cannot be asked, which is outside the fault model.
#[derive(Debug, Serialize)]
pub struct Silence {
    /// Which.
    pub authority: &'static str,
    /// How many interactions it affects.
    pub affected: u64,
    /// How many of these keep their core.
    pub kept_core: u64,
}

/// Everything that was measured.
pub struct Measured {
    /// Against the draft's targets.
    pub measurements: Measurements,
    /// What was counted.
    pub counts: Counts,
    /// For each kind of fault.
    pub faults: [Tally; KINDS.len()],
    /// |C|.
    pub surfaces: Vec<Surfaces>,
    /// Beyond the model.
    pub silences: Vec<Silence>,
    /// What many threads saw.
    pub crowd: crowd::Counts,
}

/// Runs all rounds.
pub fn run(arguments: Arguments, seed: u64, mut done: impl FnMut()) -> Result<Measured> {
    let mut run = Run::new(arguments, seed)?;
    for round in 0..u64::from(arguments.updates) {
        run.round(round, u64::from(arguments.core_share)).with_context(|| format!("round {round}"))?;
        done();
    }
    let names = run.names.clone();
    let mut measured = run.end(u64::from(arguments.updates))?;
    let mut rng = ChaCha20Rng::seed_from_u64(!seed);
    measured.crowd = crowd::measure(arguments, &names, &mut rng, &mut measured.measurements, done)?;
    Ok(measured)
}

struct Run {
    names: Vocabulary<'static>,
    office: Office,
    world: World,
    /// The same without faults.
    twin: World,
    /// What both worlds get.
    rng: ChaCha20Rng,
    /// What fails.
    faults: ChaCha20Rng,
    /// The interaction that ends next.
    next: usize,
    measured: Measured,
}

impl Run {
    fn new(arguments: Arguments, seed: u64) -> Result<Self> {
        let names = Vocabulary::read(NAMES).context("the vocabulary")?;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let office = Office::new(&names, &mut rng)?;
        let mut measurements = Measurements::default();
        let surfaces = surfaces::count(&names, &office, &mut rng)?;
        for Surfaces { size, counted, .. } in &surfaces {
            measurements.coordination_surfaces(*size, *counted);
        }
        let key = plane::draw(&mut rng);
        let begin: Vec<Newcomer> = (0..arguments.interactions).map(|_| newcomer(&mut rng)).collect();
        let world = |names: &Vocabulary<'static>| World::new(Control::new(names.clone(), &office, key)?, names, &begin);
        let (world, twin) = (world(&names)?, world(&names)?);
        let faults = ChaCha20Rng::from_seed(plane::draw(&mut rng));
        let (counts, tallies) = (Counts::default(), [Tally::default(); KINDS.len()]);
        let (silences, crowd) = (Vec::new(), crowd::Counts::default());
        let measured = Measured { measurements, counts, faults: tallies, surfaces, silences, crowd };
        Ok(Self { names, office, world, twin, rng, faults, next: 0, measured })
    }

    fn set_clock(&mut self, now: Time) {
        (self.world.now, self.twin.now) = (now, now);
    }

    fn round(&mut self, round: u64, core_share: u64) -> Result<()> {
        let struck = Time((round + 1) * ROUND_MS);
        self.set_clock(struck);
        let fault = Fault::draw(&mut self.faults, self.world.len(), core_share);
        fault.strike(&mut self.world).with_context(|| format!("{fault:?}"))?;
        self.look(true);
        let seen = ask_all(&mut self.world)?;
        self.look(seen.iter().all(|seen| seen.current));
        let mut unrelated = self.degradation(fault, &seen)?;

        self.set_clock(struck.after(UPDATE_MS));
        let change = Change::of(round);
        let seen = self.update(change, fault)?;
        let twin = ask_all(&mut self.twin)?;
        unrelated.extend(different(&seen, &twin).filter(|place| !fault.touches(*place)));
        unrelated.sort_unstable();
        unrelated.dedup();
        let unrelated = count(unrelated.len());
        self.measured.measurements.failure(unrelated);
        self.measured.faults[fault.kind()].unrelated += unrelated;

        let recovered = fault.mend(&mut self.world, struck).with_context(|| format!("mending {fault:?}"))?;
        self.look(true);
        self.measured.counts.recoveries += count(recovered.len());
        recovered.into_iter().for_each(|took| self.measured.measurements.recovery(took));
        self.set_clock(struck.after(MENDED_MS));
        if round % ATTACK == ATTACK - 1 {
            self.attack()?;
        }
        if change != Change::CanaryStart {
            let newcomers = self.newcomers(|_| true);
            replace(&mut self.twin, &newcomers)?;
            replace(&mut self.world, &newcomers)?;
        }
        let due = (0..self.world.len()).filter(|place| count(*place) % count(VALIDATED) == round % count(VALIDATED));
        for place in due {
            self.world.revalidate(place, None)?;
            self.twin.revalidate(place, None)?;
        }
        Ok(())
    }

    /// Whether the contexts of all interactions agree, and whether every decision since the last observation was by the
    /// governing version.
    fn look(&mut self, answers_agree: bool) {
        let [looks, apart] = &mut self.measured.counts.looks;
        *looks += 1;
        *apart += u64::from(!(answers_agree && self.world.agrees()));
    }

    /// Counts the effects of the fault. Returns the interactions that are affected without being touched by it.
    fn degradation(&mut self, fault: Fault, seen: &[Seen]) -> Result<Vec<usize>> {
        let twin = ask_all(&mut self.twin)?;
        let (touched, unrelated): (Vec<_>, Vec<_>) = different(seen, &twin).partition(|place| fault.touches(*place));
        let kept = |place: &&usize| seen.get(**place).is_some_and(|seen| keeps_core(fault, seen));
        let (affected, kept) = (count(touched.len()), count(touched.iter().filter(kept).count()));
        self.measured.measurements.degradation(count(seen.len()), affected, kept)?;
        let tally = &mut self.measured.faults[fault.kind()];
        tally.failures += 1;
        tally.affected += affected;
        tally.kept_core += kept;
        let counts = &mut self.measured.counts;
        counts.largest_failure = counts.largest_failure.max(affected);
        Ok(unrelated)
    }

    /// An update, and the interactions that get it.
    fn update(&mut self, change: Change, fault: Fault) -> Result<Vec<Seen>> {
        let said = self.twin.control.wants(change)?;
        let signed = said.map(|said| self.office.next(said)).transpose()?;
        let canary = self.twin.control.canary();
        let apart = canary.filter(|canary| self.twin.control.is_apart(*canary));
        self.twin.control.apply(change, signed.as_ref())?;
        // Only new interactions join a canary.
        let begins = change == Change::CanaryStart;
        let canary = canary.or(self.twin.control.canary());
        let newcomers = if begins { self.newcomers(|place| !fault.touches(place)) } else { Vec::new() };
        replace(&mut self.twin, &newcomers)?;
        let is_target = |track: Track| match change.on() {
            _ if change == Change::CanaryPromote => true,
            On::Stable => Some(track) != apart,
            On::Canary => Some(track) == canary,
        };
        let before = self.world.outside(is_target);
        self.world.control.apply(change, signed.as_ref())?;
        replace(&mut self.world, &newcomers)?;
        let after = self.world.outside(is_target);
        self.look(true);
        let mut seen = ask_all(&mut self.world)?;
        for _ in 0..PATIENCE {
            for (place, seen) in seen.iter_mut().enumerate().filter(|(_, seen)| !seen.current) {
                *seen = self.world.ask(place)?;
            }
        }
        ensure!(seen.iter().all(|seen| seen.current), "{change:?} does not converge");
        self.look(true);

        let changed = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        let outside = [count(before.len()), count(changed)];
        let counts = &mut self.measured.counts;
        counts.updates += 1;
        match change {
            // The cohort itself is new: there is nothing before to compare it with.
            Change::CanaryStart => counts.canaries += 1,
            Change::RollBack(_) => {
                counts.rollbacks += 1;
                add(&mut counts.outside_rollbacks, outside);
            }
            Change::Configuration(_) => {
                counts.configurations += 1;
                add(&mut counts.outside_updates, outside);
            }
            Change::Policy(_) | Change::CanaryPromote | Change::CanaryEnd => {
                add(&mut counts.outside_updates, outside);
            }
        }
        Ok(seen)
    }

    /// The interactions that end next, and those that begin in their places.
    fn newcomers(&mut self, may_end: impl Fn(usize) -> bool) -> Vec<(usize, Newcomer)> {
        let all = self.world.len();
        let turn = (self.next..self.next + all / RENEWED).map(|place| place % all).filter(|place| may_end(*place));
        let newcomers: Vec<_> = turn.map(|place| (place, newcomer(&mut self.rng))).collect();
        self.next = (self.next + all / RENEWED) % all;
        if let Some(canary) = self.twin.control.canary() {
            let rollout = &self.twin.control.rollout;
            let taken = newcomers.iter().filter(|(_, newcomer)| rollout.track_for(&newcomer.id) == canary).count();
            add(&mut self.measured.counts.began, [count(newcomers.len()), count(taken)]);
        }
        newcomers
    }

    /// Bad updates come. What they change shows in the next comparison.
    fn attack(&mut self) -> Result<()> {
        for (signed, expected) in self.office.bad()? {
            let answer: Result<(), AuthorityError> = self.world.control.take(&signed);
            add(&mut self.measured.counts.bad_updates, [1, u64::from(answer == Err(expected))]);
        }
        Ok(())
    }

    /// After the last repair no effect of a fault may be left. Then, outside the model, authorities that govern many
    /// are silent.
    fn end(mut self, rounds: u64) -> Result<Measured> {
        let mut now = Time((rounds + 1) * ROUND_MS);
        self.set_clock(now);
        let twin = ask_all(&mut self.twin)?;
        let seen = ask_all(&mut self.world)?;
        self.measured.counts.left_over = count(different(&seen, &twin).count());
        let others = self.names.clone();
        for (authority, name) in others.all::<Authority>().filter(|(authority, _)| *authority != SILENT) {
            now = now.after(1_000);
            self.set_clock(now);
            self.world.control.rollout.authorities.set_reach(authority, false);
            let (seen, twin) = (ask_all(&mut self.world)?, ask_all(&mut self.twin)?);
            let affected: Vec<usize> = different(&seen, &twin).collect();
            // No other authority decides in its place: all decisions for which it is asked depend on it.
            let core =
                |seen: &Seen| seen.works[CAPTIONS] && [1, 2].iter().all(|who| seen.answers[*who].verdict.permits());
            let kept = affected.iter().filter(|place| seen.get(**place).is_some_and(core)).count();
            self.measured.silences.push(Silence {
                authority: name,
                affected: count(affected.len()),
                kept_core: count(kept),
            });
            self.world.control.rollout.authorities.set_reach(authority, true);
            (0..self.world.len()).try_for_each(|place| self.world.equip(place))?;
        }
        self.measured.counts.records = self.world.records;
        Ok(self.measured)
    }
}

fn newcomer(rng: &mut ChaCha20Rng) -> Newcomer {
    Newcomer { id: InteractionId::draw(rng), names: [plane::draw(rng), plane::draw(rng)] }
}

fn replace(world: &mut World, newcomers: &[(usize, Newcomer)]) -> Result<()> {
    newcomers.iter().try_for_each(|(place, newcomer)| world.replace(*place, newcomer))
}

fn ask_all(world: &mut World) -> Result<Vec<Seen>> {
    (0..world.len()).map(|place| world.ask(place)).collect()
}

/// Where two worlds differ.
fn different<'s>(seen: &'s [Seen], twin: &'s [Seen]) -> impl Iterator<Item = usize> + use<'s> {
    seen.iter().zip(twin).enumerate().filter(|(_, (seen, twin))| seen != twin).map(|(place, _)| place)
}

/// The core of a conference: captions run, and all participants may speak except those that the fault is about.
fn keeps_core(fault: Fault, seen: &Seen) -> bool {
    let [_, first, second] = &seen.answers;
    let mut speakers = [first, second].into_iter().enumerate();
    seen.works[CAPTIONS] && speakers.all(|(seat, answer)| fault.is_about(seat) || answer.verdict.permits())
}

const fn add(sum: &mut [u64; 2], more: [u64; 2]) {
    sum[0] += more[0];
    sum[1] += more[1];
}
