//! 10 MB over one simulated link, ours and quinn-proto's, in virtual time: figures are the same on each machine.
//!
//! `cargo bench --bench link` prints the table; `-- --json` prints it as JSON lines, `-- --seeds 9` takes nine seeds.

use peers::link::table::{Line, Sender, links, shares};

/// A log of 5 MiB is built on the stack before it lies on the heap.
const STACK: usize = 128 << 20;

fn main() {
    let run = std::thread::Builder::new().stack_size(STACK).spawn(run).expect("a thread");
    run.join().expect("it ran to its end");
}

fn run() {
    let arguments: Vec<String> = std::env::args().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let seeds = arguments.iter().position(|argument| argument == "--seeds").and_then(|at| arguments.get(at + 1));
    let seeds = seeds.and_then(|seeds| seeds.parse().ok()).filter(|seeds| *seeds > 0).unwrap_or(5);
    if !json {
        println!("seconds for 10 MB, median of {seeds} seeds; drops: the largest share that the queue dropped of ours");
        println!(
            "{:50} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6}  goal",
            "link", "ours", "slowest", "flight", "Cubic", "BBR", "drops", "ratio"
        );
    }
    links(seeds, |line| if json { print_json(line) } else { print(line) });
    for queue in [100_000, 300_000] {
        for (name, sender) in [("ours", Sender::Model), ("flight", Sender::Flight), ("quinn BBR", Sender::Bbr)] {
            let shares = shares(sender, queue, 1);
            let fair = shares.iter().all(|share| (1.0 / 3.0..=2.0 / 3.0).contains(share));
            let [together, first, second] = shares;
            if json {
                println!(
                    "{{\"flow\":\"{name}\",\"queue\":{queue},\"shares\":[{together:.3},{first:.3},{second:.3}],\"fair\":{fair}}}"
                );
            } else {
                let verdict = if fair { "met" } else { "missed" };
                println!(
                    "{name:10} beside Cubic, 16 Mbit/s, {queue:6} bytes of queue: {together:.2} together, {first:.2} started first, \
                     {second:.2} second  each at least a third: {verdict}"
                );
            }
        }
    }
}

fn print(line: &Line) {
    let verdict = match (line.goal, line.met) {
        ("none", _) => "",
        (_, true) => ": met",
        (_, false) => ": missed",
    };
    let quinn =
        line.quinn.map_or_else(|| format!("{:>8} {:>8}", "-", "-"), |[cubic, bbr]| format!("{cubic:8.2} {bbr:8.2}"));
    println!(
        "{:50} {:8.2} {:8.2} {:8.2} {quinn} {:5.2}% {:6.3}  {}{verdict}",
        line.link,
        line.ours,
        line.slowest,
        line.flight,
        line.drops * 100.0,
        line.ratio,
        line.goal
    );
}

fn print_json(line: &Line) {
    let quinn = line.quinn.map_or_else(|| "null".to_owned(), |[cubic, bbr]| format!("[{cubic:.4},{bbr:.4}]"));
    println!(
        "{{\"link\":\"{}\",\"ours\":{:.4},\"slowest\":{:.4},\"flight\":{:.4},\"quinn\":{quinn},\"drops\":{:.5},\"ratio\":{:.4},\"goal\":\"{}\",\"met\":{}}}",
        line.link, line.ours, line.slowest, line.flight, line.drops, line.ratio, line.goal, line.met
    );
}
