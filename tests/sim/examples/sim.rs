//! The full run: `cargo run --release -p sim --example sim`.

use std::process::ExitCode;

use clap::Parser;
use sim::{Size, growth, run};

/// Directory nodes under attack, on a virtual clock.
#[derive(Parser)]
struct Arguments {
    /// What everything comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The size of the test.
    #[arg(long)]
    small: bool,
    /// Measures look-ups in networks of 100 to 100,000 nodes instead.
    #[arg(long)]
    growth: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.growth {
        println!("nodes    rounds  asked  exact");
        for nodes in [100, 1_000, 10_000, 100_000] {
            let found = growth::measure(arguments.seed, nodes, 200);
            let hundredths = |value: u64| format!("{}.{:02}", value / 100, value % 100);
            println!("{nodes:>6}  {:>6}  {:>6}  {} %", hundredths(found.hops), hundredths(found.asked), found.exact);
        }
        return ExitCode::SUCCESS;
    }
    let size = if arguments.small { Size::SMALL } else { Size::FULL };
    let report = run(Size { seed: arguments.seed, ..size });
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        println!("seed {}, {} nodes, {} agents\n{report}", arguments.seed, size.nodes, size.agents);
    }
    if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
