//! Explores the models further than the tests do.
//!
//! ```text
//! cargo run --release -p model --example deep -- --depth 9 --walks 1000000 keys places
//! ```

use std::time::{Duration, Instant};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use model::explore::{Explored, walk};
use model::fault::Fault;
use model::scenario::{ALL, Scenario};
use stateright::{Checker, Model};

/// Explores the models completely to some depth, then walks through their wide bounds at random.
#[derive(Parser)]
struct Arguments {
    /// The models: keys, followed, first, held, raw, places, life. All of them if none is named.
    models: Vec<String>,
    /// Actions from the start: what lies within is explored completely.
    #[arg(long, default_value_t = 8)]
    depth: usize,
    /// Random walks.
    #[arg(long, default_value_t = 100_000)]
    walks: u64,
    /// The seed of the first walk; the others follow.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Actions of a walk.
    #[arg(long, default_value_t = 60)]
    steps: usize,
    /// One JSON object a model, and no progress.
    #[arg(long)]
    json: bool,
}

fn main() {
    let arguments = Arguments::parse();
    let mut failed = false;
    for scenario in ALL {
        if arguments.models.is_empty() || arguments.models.iter().any(|name| name == scenario.name) {
            failed |= run(&scenario, &arguments);
        }
    }
    std::process::exit(i32::from(failed));
}

/// Whether the model fails.
fn run(scenario: &Scenario, arguments: &Arguments) -> bool {
    let start = Instant::now();
    let (states, mut found) = explore(scenario, arguments);
    let explored = start.elapsed();
    let start = Instant::now();
    let steps = walks(scenario, arguments, &mut found);
    let walked = start.elapsed();
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({
                "model": scenario.name, "depth": arguments.depth, "states": states,
                "explored_ms": explored.as_millis(), "walks": arguments.walks, "steps": steps,
                "walked_ms": walked.as_millis(), "faults": found,
            })
        );
    } else {
        println!(
            "{:7} {states:>9} states {} deep in {:.1} s, {steps:>10} steps on {} walks in {:.1} s",
            scenario.name,
            arguments.depth,
            explored.as_secs_f64(),
            arguments.walks,
            walked.as_secs_f64()
        );
        found.iter().for_each(|fault| println!("        {fault}"));
    }
    !found.is_empty()
}

fn bar(arguments: &Arguments, name: &str, bar: ProgressBar) -> ProgressBar {
    if arguments.json {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix:7} {spinner} {elapsed_precise} {pos} {msg}");
    let bar = style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style));
    bar.with_prefix(name.to_owned())
}

/// States, and the shortest ways to what must not happen.
fn explore(scenario: &Scenario, arguments: &Arguments) -> (usize, Vec<String>) {
    let model =
        Explored { plan: scenario.small, start: &[], never: scenario.never, somewhere: &[], depth: arguments.depth };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = model.checker().threads(threads).spawn_bfs();
    let bar = bar(arguments, scenario.name, ProgressBar::new_spinner());
    while !checker.is_done() {
        bar.set_position(checker.unique_state_count() as u64);
        bar.set_message(format!("states, {} deep", checker.max_depth()));
        std::thread::sleep(Duration::from_millis(100));
    }
    bar.finish_and_clear();
    let checker = checker.join();
    let found = checker.discoveries().into_iter();
    let found = found.map(|(property, path)| format!("{property} after {:?}", path.into_actions()));
    (checker.unique_state_count(), found.collect())
}

/// Steps, and the seeds of the walks on which something happened that must not.
fn walks(scenario: &Scenario, arguments: &Arguments, found: &mut Vec<String>) -> usize {
    let bar = bar(arguments, scenario.name, ProgressBar::new(arguments.walks));
    let mut steps = 0;
    for seed in arguments.seed..arguments.seed + arguments.walks {
        let end = walk(&scenario.wide, seed, arguments.steps);
        steps += end.history.len();
        let faults: Vec<&Fault> = scenario.never.iter().filter(|fault| end.faults.has(**fault)).collect();
        if !faults.is_empty() {
            found.push(format!("seed {seed}: {faults:?} after {:?}", end.history));
        }
        if seed % 1_000 == 0 {
            bar.set_position(seed - arguments.seed);
            bar.set_message("walks");
        }
    }
    bar.finish_and_clear();
    steps
}
