//! Measuring in pairs, and the table at the end.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};

/// Pairs of measurements that count; those of the warm-up do not.
const SAMPLES: usize = 60;

/// How long a pair may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Half a second: for what has no goal.
    Brief,
    /// Three seconds.
    Careful,
}

/// What a ratio should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// It is only shown.
    None,
    /// Our time is at most this many times the bare time.
    AtMost(f64),
    /// Our throughput is at least this part of the bare throughput.
    Throughput(f64),
    /// Our time is below this many nanoseconds, on any machine.
    Below(f64),
}

struct Row {
    name: String,
    ours: f64,
    bare: f64,
    ratio: f64,
    goal: Goal,
}

/// The pairs of a run.
pub struct Pairs {
    criterion: Criterion,
    /// What ours is measured against, for the table's head.
    other: &'static str,
    rows: Vec<Row>,
}

impl Pairs {
    /// Reads the command line as criterion does. The table calls what ours is measured against `other`.
    #[must_use]
    pub fn from_args(other: &'static str) -> Self {
        Self { criterion: Criterion::default().without_plots().configure_from_args(), other, rows: Vec::new() }
    }

    /// Measures two closures that do one unit each. What they return is kept from the optimiser.
    pub fn compare<A, B>(
        &mut self,
        (group, name): (&str, &str),
        goal: Goal,
        effort: Effort,
        mut ours: impl FnMut() -> A,
        mut bare: impl FnMut() -> B,
    ) {
        let mut time_ours = |count| time(count, &mut ours);
        let mut time_bare = |count| time(count, &mut bare);
        self.compare_timed((group, name), 1, goal, effort, &mut time_ours, &mut time_bare);
    }

    /// Measures two closures that do a batch as often as they are told and time what counts. A batch is `per` units.
    ///
    /// They alternate within each sample, so that whatever slows the machine down slows both; the ratio is the median
    /// of the samples' ratios.
    pub fn compare_timed(
        &mut self,
        (group, name): (&str, &str),
        per: u32,
        goal: Goal,
        effort: Effort,
        ours: &mut dyn FnMut(u64) -> Duration,
        bare: &mut dyn FnMut(u64) -> Duration,
    ) {
        let samples = RefCell::new(Vec::new());
        let turn = Cell::new(false);
        let mut benchmarks = self.criterion.benchmark_group(group);
        effort.configure(&mut benchmarks);
        benchmarks.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                turn.set(!turn.get());
                let (our_time, bare_time) = if turn.get() {
                    (ours(count), bare(count))
                } else {
                    let bare_time = bare(count);
                    (ours(count), bare_time)
                };
                let of_one = |time: Duration| time.as_secs_f64() * 1e9 / (count as f64 * f64::from(per));
                samples.borrow_mut().push((of_one(our_time), of_one(bare_time)));
                our_time
            });
        });
        benchmarks.finish();
        let samples = samples.into_inner();
        let Some(counted) = samples.len().checked_sub(SAMPLES).and_then(|warm_up| samples.get(warm_up..)) else {
            // Filtered out on the command line, or only tried out.
            return;
        };
        self.rows.push(Row {
            name: format!("{group}: {name}"),
            ours: median(counted.iter().map(|(ours, _)| *ours)),
            bare: median(counted.iter().map(|(_, bare)| *bare)),
            ratio: median(counted.iter().map(|(ours, bare)| ours / bare)),
            goal,
        });
    }

    /// Prints the table, and ends the run.
    pub fn finish(self) {
        self.criterion.final_summary();
        if self.rows.is_empty() {
            return;
        }
        let width = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or_default();
        let other = self.other;
        let [time, ratio, inverse] = [format!("{other}, ns"), format!("ours / {other}"), format!("{other} / ours")];
        println!(
            "\n| {:<width$} |    ours, ns | {time:>11} | {ratio:>11} | {inverse:>11} | goal               | met |",
            ""
        );
        println!(
            "|-{:-<width$}-|------------:|------------:|------------:|------------:|--------------------|-----|",
            ""
        );
        for Row { name, ours, bare, ratio, goal } in &self.rows {
            let inverse = 1.0 / ratio;
            let (goal, met) = match goal {
                Goal::None => (String::new(), ""),
                Goal::AtMost(most) => (format!("ours / {other} ≤ {most:.2}"), if ratio <= most { "yes" } else { "no" }),
                Goal::Throughput(least) => {
                    (format!("{other} / ours ≥ {least:.2}"), if inverse >= *least { "yes" } else { "no" })
                }
                Goal::Below(most) => (format!("ours < {most:.0} ns"), if ours < most { "yes" } else { "no" }),
            };
            println!(
                "| {name:<width$} | {ours:>11.1} | {bare:>11.1} | {ratio:>11.3} | {inverse:>11.3} | {goal:<18} | {met:<3} |"
            );
        }
    }
}

impl Effort {
    fn configure(self, group: &mut BenchmarkGroup<'_, WallTime>) {
        let (warm_up, measurement) = match self {
            Self::Brief => (50, 200),
            Self::Careful => (300, 1_200),
        };
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(SAMPLES)
            .nresamples(1_001)
            .warm_up_time(Duration::from_millis(warm_up))
            .measurement_time(Duration::from_millis(measurement));
    }
}

fn time<T>(count: u64, work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        std::hint::black_box(work());
    }
    start.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
