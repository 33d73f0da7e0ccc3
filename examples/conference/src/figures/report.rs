//! The figures as a table, and as an object.

use std::collections::BTreeMap;
use std::time::Duration;

use interaction_gov::measure::coordination::PerMille;
use interaction_gov::measure::{Attainment, Histogram, Metric};
use serde::Serialize;

use super::fault::{KINDS, WORDS};
use super::run::{Counts, Measured, Silence, Tally};
use super::surfaces::Surfaces;
use super::{Arguments, crowd};

/// All figures.
#[derive(Serialize)]
pub struct Figures<'m> {
    event: &'static str,
    seed: u64,
    updates: u32,
    interactions: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<u32>,
    fault_model: &'static str,
    metrics: Vec<Row>,
    counts: &'m Counts,
    faults: BTreeMap<&'static str, Tally>,
    crowd: &'m crowd::Counts,
    surfaces: &'m [Surfaces],
    core_share: CoreShare,
    beyond_the_model: &'m [Silence],
    /// Whether all targets are met.
    pub ok: bool,
}

#[derive(Serialize)]
struct Row {
    metric: &'static str,
    target: &'static str,
    measured: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    verdict: String,
}

/// Microseconds.
#[derive(Serialize)]
struct Latency {
    samples: u64,
    p50: u128,
    p95: u128,
    p999: u128,
    longest: u128,
}

/// Of 1,000 hosts that fail, how many carry core functions.
#[derive(Serialize)]
struct CoreShare {
    /// In this run, by assumption.
    assumed: u32,
    /// Up to how many the target would hold, by the counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    holds_up_to: Option<u64>,
    /// Of 1,000 affected interactions, how many would keep their core if core hosts failed as often as others.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_if_half: Option<u64>,
}

impl<'m> Figures<'m> {
    /// What was measured.
    pub fn of(arguments: Arguments, seed: u64, measured: &'m Measured) -> Self {
        let Measured { measurements, counts, faults, surfaces, silences, crowd } = measured;
        let all = [Metric::CONTINUITY, Metric::CHANGE_SAFETY, Metric::DEGRADATION].concat();
        let row = |metric: &Metric| Row {
            metric: name(*metric),
            target: metric.target(),
            measured: words(*metric, measured, u64::from(arguments.interactions)),
            latency: measurements.latencies(*metric).and_then(latency),
            verdict: measurements.attainment(*metric).to_string(),
        };
        let refused = counts.bad_updates[0] == counts.bad_updates[1];
        // Changes outside the target set, and bad updates that are taken, have no metric of their own.
        let [_, apart] = counts.looks;
        let [updates, rollbacks] = [counts.outside_updates[1], counts.outside_rollbacks[1]];
        let sound = refused && apart + updates + rollbacks + counts.left_over == 0 && crowd.sound();
        Self {
            event: "figures",
            seed,
            updates: arguments.updates,
            interactions: arguments.interactions,
            copies: (arguments.copies > 0).then_some(arguments.copies),
            fault_model: WORDS,
            metrics: all.iter().map(row).collect(),
            counts,
            faults: KINDS.into_iter().zip(faults.iter().copied()).collect(),
            crowd,
            surfaces,
            core_share: CoreShare::of(arguments.core_share, faults),
            beyond_the_model: silences,
            ok: sound && measurements.attainment_of_all(&all) == Attainment::Met,
        }
    }

    /// For people.
    pub fn story(&self) -> String {
        let Self { seed, updates, interactions, counts, core_share, crowd, .. } = self;
        let mut text = format!(
            "{updates} updates of {interactions} live interactions, two participants, captions and a recording in each; seed {seed}\n
{WORDS}
Of 1,000 hosts that fail {} are taken to carry captions: that they are the rarer ones is an assumption (--core-share).

Affected is who answers otherwise, or runs or permits otherwise, than in a second world that gets the same and where nothing
fails. Its core is kept if captions run, and whoever does not depend on what has failed may speak. Faults and recoveries are on a
virtual clock: how soon functions work again follows from the model, and what is measured is that the deadline is kept, and that
what begins after it works.

Updates are measured on the real clock, with {} other interactions that {} threads ask without a pause, all records in one log. An
update, a configuration and a rollback take from their arrival, signed, until every thread has decided by them, and none decides by
what was before. T_sync is from the first thread that decides by an update until the last. Threads are apart (C_state) from the
first decision by an update until the last one by what was before.{}
Everything is in one process: what a network adds between a control plane and those who ask it is in none of the times.\n\n",
            core_share.assumed,
            crowd.interactions,
            crowd.threads,
            self.copies.map(|ms| format!("\nEach thread decides by a copy that it renews every {ms} ms.")).unwrap_or_default()
        );
        let width = |of: fn(&Row) -> &str| self.metrics.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
        let (name, target, measured) = (width(|row| row.metric), width(|row| row.target), width(|row| &row.measured));
        for row in &self.metrics {
            let Row { metric, target: wanted, measured: found, verdict, .. } = row;
            text += &format!("  {metric:<name$}  {found:<measured$}  {wanted:<target$}  {verdict}\n");
        }
        text += "\n  what failed        times  affected  kept core  unrelated\n";
        for kind in KINDS {
            let Tally { failures, affected, kept_core, unrelated } = self.faults.get(kind).copied().unwrap_or_default();
            text += &format!("  {kind:<16} {failures:>7} {affected:>9} {kept_core:>10} {unrelated:>10}\n");
        }
        let [sent, refused] = counts.bad_updates;
        let [others, changed] = counts.outside_updates;
        let [began, taken] = counts.began;
        text += &format!(
            "\n  {refused} of {sent} forged, stale and replayed updates were refused.
  Updates that were no rollbacks changed {changed} of {others} interactions outside their targets.
  {} canaries of {} % took {taken} of the {began} interactions that began meanwhile.
  When all was mended, {} interactions were not as without faults. {} records were made.\n",
            counts.canaries,
            super::control::PERCENT,
            counts.left_over,
            counts.records
        );
        let crowd::Counts { decisions, wrong, wrong_permits, restarts: [restarts, others], left_behind, .. } = crowd;
        let ([broken, refused], strangers) = (crowd.broken, crowd.strangers);
        text += &format!(
            "  Of {decisions} decisions of all threads {wrong} were not what governs says, and {wrong_permits} permits outlived their version.
  {restarts} restarts of everything left {others} interactions other than they were; {refused} of {broken} broken texts were refused; strangers
  asked {strangers} times. Asked one by one at the end, {left_behind} interactions had been left behind.\n"
        );
        if let (Some(most), Some(kept)) = (core_share.holds_up_to, core_share.kept_if_half) {
            text += &format!(
                "  The core target holds while at most {most} of 1,000 hosts that fail carry captions; were it 500, {} would keep it.\n",
                percent(kept, 1_000)
            );
        }
        text += "\nNot in the model: an authority that is asked about everybody. While it cannot be asked, all in its scope is denied.\n";
        for Silence { authority, affected, kept_core } in self.beyond_the_model {
            text +=
                &format!("  {authority} silent: {affected} of {interactions} affected, {kept_core} keep their core\n");
        }
        text + if self.ok { "\nOK: all targets are met." } else { "\nNOT OK: not all targets are met." }
    }
}

impl CoreShare {
    fn of(assumed: u32, faults: &[Tally; KINDS.len()]) -> Self {
        let [auxiliary, core, others @ ..] = faults;
        // Hosts of both kinds carry as many interactions each; the others are as they are.
        let hosts = auxiliary.affected + core.affected;
        let affected: u64 = hosts + others.iter().map(|tally| tally.affected).sum::<u64>();
        let lost: u64 = others.iter().map(|tally| tally.affected - tally.kept_core).sum();
        let most = (affected / 20).saturating_sub(lost).saturating_mul(1_000).checked_div(hosts);
        let kept = affected.saturating_sub(lost + hosts / 2).saturating_mul(1_000).checked_div(affected);
        Self { assumed, holds_up_to: most.map(|most| most.min(1_000)), kept_if_half: kept }
    }
}

const fn name(metric: Metric) -> &'static str {
    match metric {
        Metric::CoordinationSurfaces => "|C|",
        Metric::SynchronizationLatency => "T_sync",
        Metric::PolicyConvergence => "T_policy",
        Metric::FailurePropagation => "P_fail",
        Metric::StateConsistency => "C_state",
        Metric::UpdateLatency => "R5 update",
        Metric::RollbackLatency => "R5 rollback",
        Metric::RollbackReach => "R5 reach",
        Metric::ConfigurationConvergence => "R5 configuration",
        Metric::FailureReach => "R9 reach",
        Metric::CoreFunctionality => "R9 core",
        Metric::RecoveryTime => "R9 recovery",
    }
}

/// What was measured, in words.
fn words(metric: Metric, measured: &Measured, interactions: u64) -> String {
    let Measured { measurements, counts, faults, surfaces, crowd, .. } = measured;
    if let Some(histogram) = measurements.latencies(metric) {
        return latencies(histogram);
    }
    let sum = |of: fn(&Tally) -> u64| faults.iter().map(of).sum::<u64>();
    match metric {
        Metric::CoordinationSurfaces => {
            let one = |surfaces: &Surfaces| format!("{} at C_int = {}", surfaces.counted, surfaces.binding_points);
            surfaces.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Metric::FailurePropagation => {
            format!("{} unrelated interactions affected by {} failures", sum(|t| t.unrelated), sum(|t| t.failures))
        }
        Metric::StateConsistency => {
            let [apart, observed] = crowd.apart.map(Duration::from_micros).map(short);
            format!("threads apart for {apart} of {observed}")
        }
        Metric::RollbackReach => {
            let [others, changed] = crowd.others;
            format!("{changed} of {others} decisions of others changed, {} rollbacks", crowd.rollbacks)
        }
        Metric::FailureReach => {
            format!(
                "at most {}: {} of {interactions}",
                percent(counts.largest_failure, interactions),
                counts.largest_failure
            )
        }
        Metric::CoreFunctionality => {
            let (kept, affected) = (sum(|tally| tally.kept_core), sum(|tally| tally.affected));
            format!("{}: {kept} of {affected} affected", percent(kept, affected))
        }
        _ => String::new(),
    }
}

fn at(histogram: &Histogram, parts: u16) -> Option<Duration> {
    PerMille::new(parts).and_then(|share| histogram.percentile(share))
}

fn latencies(histogram: &Histogram) -> String {
    let [p50, p95, p999] = [500, 950, 999].map(|parts| at(histogram, parts).map_or_else(|| "-".into(), short));
    let longest = histogram.longest().map_or_else(|| "-".into(), short);
    format!("p50 {p50}  p95 {p95}  p99.9 {p999}  max {longest}  of {}", histogram.samples())
}

fn latency(histogram: &Histogram) -> Option<Latency> {
    let [p50, p95, p999] = [500, 950, 999].map(|parts| at(histogram, parts).map(|latency| latency.as_micros()));
    let (p50, p95, p999) = (p50?, p95?, p999?);
    Some(Latency { samples: histogram.samples(), p50, p95, p999, longest: histogram.longest()?.as_micros() })
}

/// Three digits are enough.
fn short(latency: Duration) -> String {
    match latency.as_micros() {
        micros @ 0..1_000 => format!("{micros} µs"),
        micros @ 1_000..10_000 => format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        micros @ 10_000..1_000_000 => format!("{} ms", micros / 1_000),
        micros => format!("{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

/// A share in per cent, two digits.
fn percent(part: u64, whole: u64) -> String {
    let hundredths = part.saturating_mul(10_000).checked_div(whole).unwrap_or(0);
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}
