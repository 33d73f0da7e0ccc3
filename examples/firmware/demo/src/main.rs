//! Runs the sensor node on an emulated Cortex-M4 beside its gateway, with a serial line between them that loses and damages
//! bytes; restarts the gateway, resets the device, and compares what came with what was measured.

mod archive;
mod device;
mod foreign;
mod gateway;
mod image;
mod maker;
mod story;
mod trail;
mod watched;
mod wire;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::Parser;

use crate::device::Device;
use crate::gateway::{Gateway, Stable};
use crate::image::Image;
use crate::story::Story;
use crate::trail::Told;
use crate::wire::{Faults, Wire};
use serial::item::BATCH;

/// So many readings the node sends.
const READINGS: u64 = 1_000;
/// The gateway is restarted, and the device is reset, when so many items have come.
const RESTART_AT: u64 = 300;
const RESET_AT: u64 = 600;
/// The memory of the device is searched for the keys of its session then, and once it has none.
const SEARCHED_AT: u64 = 500;
/// The stack of the device may not grow beyond this, in bytes: the goal for a whole node.
const STACK: usize = 10 << 10;
/// How long the gateway is away.
const AWAY: Duration = Duration::from_millis(1_500);

/// A sensor node on an emulated Cortex-M4 sends 1,000 readings to its gateway over a bad serial line
#[derive(Parser)]
struct Arguments {
    /// One byte in so many is lost, and one is damaged, each way; 0 for a good line
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    faults: u32,
    /// What the faults of the line are drawn from; the same seed need not give the same run: time is real
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// The run fails when it takes longer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
    /// The other end of the line: an LL-Entity in this process, or `agent host` and `agent local collect`
    #[arg(long, value_enum, default_value_t = Kind::Own)]
    gateway: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Own,
    Agent,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("firmware-demo: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    device::available()?;
    let program = device::build()?;
    let image = Image::read(&std::fs::read(&program)?)?;
    let story = Story::begin();
    if arguments.gateway == Kind::Agent {
        return foreign::run(arguments, &program, image, &story);
    }
    let mut stable = Stable::new(arguments.seed);
    let mut gateway = Some(Gateway::start(&mut stable, story.now())?);
    let told = Told::default();
    let (mut device, stream) = Device::start(&program, &stable.eid(), arguments.seed, &told, &story)?;
    let mut wire = Wire::new(stream, Faults::new(arguments.faults, arguments.seed))?;
    story.tell("gateway", &format!("listens; its EID begins with {}", stable.name()));

    let until = Instant::now() + Duration::from_secs(arguments.limit);
    let (mut away, mut restarted, mut reset) = (None, false, false);
    let (mut said, mut renewed) = (0, (0, 0));
    let mut search = Search::default();
    let status = loop {
        if Instant::now() > until {
            story.tell("demo", &format!("{} readings after {} s: gives up", stable.readings.len(), arguments.limit));
            break None;
        }
        let now = story.now();
        let frames = wire.receive()?;
        match &mut gateway {
            Some(gateway) => {
                for mut frame in frames {
                    gateway.take(&mut stable, now, &mut frame, &story);
                }
                gateway.work(&mut stable, now, &story, |frame| wire.send(frame))?;
            }
            // Nothing is at home: what comes is lost.
            None if away.is_some_and(|since: Instant| since.elapsed() > AWAY) => {
                story.tell("gateway", "is back, with its stable storage and nothing else");
                gateway = Some(Gateway::start(&mut stable, now)?);
            }
            None => {}
        }
        let count = stable.items;
        if count / 200 != said / 200 {
            story.tell("gateway", &format!("{count} items"));
        }
        said = count;
        if !restarted && count >= RESTART_AT {
            story.tell("gateway", &format!("is killed at {count} items"));
            (gateway, away, restarted) = (None, Some(Instant::now()), true);
        }
        if !reset && count >= RESET_AT {
            story.tell("device", &format!("is reset at {count} items"));
            device.reset()?;
            reset = true;
        }
        let generations = gateway.as_ref().map_or((0, 0), Gateway::key_generations);
        if generations != (0, 0) && generations != renewed {
            let (devices, ours) = generations;
            story.tell("gateway", &format!("keys renewed: the device's {devices} times, ours {ours} times"));
            renewed = generations;
        }
        if search.during.is_none() && count >= SEARCHED_AT {
            search.during = Some(watched::found(&device.memory()?));
        }
        if search.after.is_none() && device.has_parted() && count >= RESET_AT {
            let memory = device.memory()?;
            (search.after, search.stack) = (Some(watched::found(&memory)), Some(Device::stack(&memory)));
        }
        if let Some(status) = device.ended()? {
            break Some(status);
        }
    };
    device.stop();
    let parted = gateway.is_some_and(|gateway| gateway.heard.parted);
    let inside = Some(Inside { renewed, search });
    let ends = Ends { status, disturbed: restarted && reset, parted, inside, image };
    story.tell("gateway", &format!("found {} damaged frames", wire.damaged_frames()));
    verdict(&stable, &wire.faults, &told, &ends, &story)
}

/// How many secrets of sessions were found in the memory of the device.
#[derive(Default)]
struct Search {
    during: Option<usize>,
    after: Option<usize>,
    /// How deep the stack was, in the life of the device after its reset.
    stack: Option<usize>,
}

/// What a run has come to, besides what arrived.
struct Ends {
    /// The exit status of the firmware.
    status: Option<i32>,
    /// The gateway was killed, and the device reset.
    disturbed: bool,
    /// The session ended in good order.
    parted: bool,
    inside: Option<Inside>,
    image: Image,
}

/// What is known of a session where the gateway is part of this process.
struct Inside {
    /// How often the device and the gateway have renewed their keys.
    renewed: (u32, u32),
    search: Search,
}

/// What must be true at the end.
fn verdict(stable: &Stable, faults: &Faults, told: &Told, ends: &Ends, story: &Story) -> Result<bool> {
    let Ends { status, disturbed, parted, inside, image } = ends;
    let wanted: Vec<_> = (0..READINGS).map(serial::item::reading).collect();
    let (governed, by_policy) = match told.account() {
        Ok(all) => (
            format!(
                "{} whole trails of decisions: {} permits, {} denials (presence)",
                all.trails, all.permits, all.denials
            ),
            all.trails == 2 && all.permits >= 2 && all.denials == 2,
        ),
        Err(what) => (format!("the device's trail: {what}"), false),
    };
    let mut checks = vec![
        (
            format!("{} readings came, each once and in order, and as the sensor measured them", stable.readings.len()),
            { stable.readings == wanted },
        ),
        (
            format!(
                "{} batches are sealed by the sensor, in one line of descent, and may continue",
                stable.archive.approved
            ),
            { stable.archive.approved * BATCH == READINGS },
        ),
        (format!("the gateway was killed and the device reset; the line of items went on {} times", stable.resumed), {
            *disturbed && stable.resumed >= 2
        }),
        (governed, by_policy),
        ("the session ended in good order".into(), *parted),
        (format!("{image}"), image.is_within()),
        ("the firmware ended by itself".into(), *status == Some(0)),
    ];
    if let Some(Inside { renewed, search }) = inside {
        checks.push((
            format!("the device renewed its key {} times, and the gateway {} times", renewed.0, renewed.1),
            renewed.0 >= 1 && renewed.1 >= 1,
        ));
        let count = |found: Option<usize>| found.map_or("(not searched)".into(), |count| count.to_string());
        checks.push((
            format!(
                "of the secrets of its sessions {} lie in the device's RAM during a session, and {} after the last",
                count(search.during),
                count(search.after)
            ),
            search.during.is_some_and(|count| count > 0) && search.after == Some(0),
        ));
        checks.push((
            format!(
                "the stack was {} of {STACK} bytes deep: a start, a handshake, 400 items, the end",
                count(search.stack)
            ),
            search.stack.is_some_and(|stack| stack > 0 && stack <= STACK),
        ));
    }
    println!();
    println!("The line lost {} bytes and damaged {} of {}.", faults.lost, faults.damaged, faults.bytes);
    let mut holds = true;
    for (what, is_true) in checks {
        println!("{} {what}", if is_true { "  yes" } else { "   NO" });
        holds &= is_true;
    }
    println!("{}", if holds { "VERDICT: holds." } else { "VERDICT: DOES NOT HOLD." });
    if story.is_broken() {
        bail!("what the device told cannot be read");
    }
    Ok(holds)
}

/// What a command needs that may be missing.
fn missing(what: &str, how: &str) -> anyhow::Error {
    anyhow::anyhow!("{what} is missing: {how}")
}
