//! The goals of the stream on real networks, measured: which of the two is faster over which link.

use iacp_core::pss::{Flight, Model, OVERHEAD};

use super::ours::Ours;
use super::path::{Loss, Shape};
use super::quic::{Control, Quic};
use super::world::{Flow, World};

const MEGABIT: u64 = 1_000_000;
const SECOND: u64 = 1_000_000;
/// Content of one transfer in bytes.
const CONTENT: u64 = 10_000_000;
/// No run takes longer than this, in virtual time.
const LIMIT: u64 = 600 * SECOND;

/// A host's session, as `examples/agent` has it: 4,096 frames of 1,200 bytes in flight.
type Host<C> = Ours<C, { 5 << 20 }, 4_096>;
/// A session of a device with a radio of 802.15.4: 64 frames of 100 bytes in flight.
type Device<C> = Ours<C, { 8 << 10 }, 64>;
/// The length of a host's frames, and of those that a device's memory is made for.
const LONG: usize = 1_200;
const SHORT: usize = 100;

/// What sends.
#[derive(Clone, Copy, Debug)]
pub enum Sender {
    /// Ours, with the model of the path.
    Model,
    /// Ours, with the flight of devices.
    Flight,
    /// quinn-proto with Cubic.
    Cubic,
    /// quinn-proto with BBR.
    Bbr,
}

impl Sender {
    fn start(self, content: u64, frame: usize, seed: u64) -> Box<dyn Flow> {
        match self {
            Self::Model if frame == SHORT => Box::new(Device::<Model>::new(content, frame, seed)),
            Self::Flight if frame == SHORT => Box::new(Device::<Flight>::new(content, frame, seed)),
            Self::Model => Box::new(Host::<Model>::new(content, frame, seed)),
            Self::Flight => Box::new(Host::<Flight>::new(content, frame, seed)),
            Self::Cubic => Box::new(Quic::new(Control::Cubic, content, seed)),
            Self::Bbr => Box::new(Quic::new(Control::Bbr, content, seed)),
        }
    }
}

/// One transfer: seconds, and the share of datagrams that the queue dropped. `None` if it was not complete in ten
/// minutes.
fn transfer(sender: Sender, shape: Shape, content: u64, frame: usize, seed: u64) -> Option<(f64, f64)> {
    let mut world = World::new(shape, seed, vec![(0, sender.start(content, frame, seed))]);
    if !world.run(LIMIT, |world| world.flow(0).delivered() >= content) {
        return None;
    }
    let took = world.now() - world.flow(0).began()?;
    let path = world.forward();
    Some((took as f64 / SECOND as f64, path.dropped as f64 / path.offered as f64))
}

/// What some seeds gave.
struct Runs {
    median: f64,
    slowest: f64,
    /// The largest share that the queue dropped.
    drops: f64,
}

fn runs(sender: Sender, shape: Shape, content: u64, frame: usize, seeds: u64) -> Runs {
    let runs = (1..=seeds).map(|seed| transfer(sender, shape, content, frame, seed));
    let mut runs: Vec<_> = runs.map(|run| run.unwrap_or((f64::INFINITY, 1.0))).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let drops = runs.iter().map(|run| run.1).fold(0.0, f64::max);
    Runs { median: runs[runs.len() / 2].0, slowest: runs[runs.len() - 1].0, drops }
}

/// One line of the table.
#[derive(Debug)]
pub struct Line {
    /// The link.
    pub link: &'static str,
    /// Seconds for 10 MB, or the figure that the goal is about.
    pub ours: f64,
    /// The same of the slowest seed.
    pub slowest: f64,
    /// Seconds with [`Flight`].
    pub flight: f64,
    /// Seconds of quinn-proto with Cubic and with BBR.
    pub quinn: Option<[f64; 2]>,
    /// Share of our datagrams that the queue dropped.
    pub drops: f64,
    /// What was wanted.
    pub goal: &'static str,
    /// What the goal compares.
    pub ratio: f64,
    /// Whether it is met.
    pub met: bool,
}

fn base() -> Shape {
    Shape { bandwidth: 100 * MEGABIT, delay: 25_000, queue: 625_000, loss: Loss::Random(0.0), late: 0.0 }
}

/// Measures each link with `seeds` seeds, and reports each line as soon as it is known.
pub fn links(seeds: u64, mut report: impl FnMut(&Line)) {
    let base = base();
    let lossy = Shape { loss: Loss::Random(0.01), ..base };
    let queue = Shape { bandwidth: 16 * MEGABIT, queue: 100_000, ..base };
    let satellite =
        Shape { bandwidth: 20 * MEGABIT, delay: 300_000, queue: 1_500_000, loss: Loss::Random(0.005), ..base };
    let late = Shape { late: 0.02, ..base };
    type Judge = fn(f64, f64, f64, f64) -> (f64, bool);
    let rows: [(&str, Shape, &str, Judge); 5] = [
        ("100 Mbit/s, 50 ms", base, "<= 1.1 x better quinn", |ours, cubic, bbr, _| {
            (ours / cubic.min(bbr), ours / cubic.min(bbr) <= 1.1)
        }),
        ("the same, 1 % random loss", lossy, "<= 1.2 x BBR, 5 x faster than Cubic", |ours, cubic, bbr, _| {
            (ours / bbr, ours / bbr <= 1.2 && cubic / ours >= 5.0)
        }),
        ("16 Mbit/s, 50 ms, 100 kB queue", queue, "<= 1.1 x bytes/bandwidth, drops < 2 %", |ours, _, _, drops| {
            (ours / 5.0, ours / 5.0 <= 1.1 && drops < 0.02)
        }),
        ("20 Mbit/s, 600 ms, 0.5 % loss", satellite, "<= 1.5 x BBR", |ours, _, bbr, _| (ours / bbr, ours / bbr <= 1.5)),
        ("100 Mbit/s, 50 ms, 2 % reordered", late, "none", |ours, cubic, bbr, _| (ours / cubic.min(bbr), true)),
    ];
    for (link, shape, goal, judge) in rows {
        let [ours, flight, cubic, bbr] = [Sender::Model, Sender::Flight, Sender::Cubic, Sender::Bbr]
            .map(|sender| runs(sender, shape, CONTENT, LONG, seeds));
        let (ratio, met) = judge(ours.median, cubic.median, bbr.median, ours.drops);
        let quinn = Some([cubic.median, bbr.median]);
        report(&Line {
            link,
            ours: ours.median,
            slowest: ours.slowest,
            flight: flight.median,
            quinn,
            drops: ours.drops,
            goal,
            ratio,
            met,
        });
    }
    // 10,000 frames of 100 bytes: quinn has no packets so short. A burst lasts as long as four of them.
    let radio =
        Shape { bandwidth: 250_000, delay: 40_000, queue: 10_000, loss: Loss::Bursts(0.05, 12_800.0), late: 0.0 };
    let content = 10_000 * (SHORT - OVERHEAD) as u64;
    let left = 10_000.0 * 100.0 * 8.0 / (250_000.0 * 0.95);
    let [ours, flight] = [Sender::Model, Sender::Flight].map(|sender| runs(sender, radio, content, SHORT, seeds));
    report(&Line {
        link: "250 kbit/s, 80 ms, 5 % in bursts, 100-byte frames",
        ours: ours.median,
        slowest: ours.slowest,
        flight: flight.median,
        quinn: None,
        drops: ours.drops,
        goal: ">= 80 % of what is left",
        ratio: left / ours.median,
        met: left / ours.median >= 0.8,
    });
}

/// Our share beside one Cubic flow on the 16 Mbit/s link within a minute, after ten seconds, for each start: together,
/// ours 5 s earlier, Cubic 5 s earlier.
#[must_use]
pub fn shares(sender: Sender, queue: u64, seed: u64) -> [f64; 3] {
    let shape = Shape { bandwidth: 16 * MEGABIT, queue, ..base() };
    [(0, 0), (0, 5), (5, 0)].map(|(ours, cubic)| {
        let endless = 1 << 32;
        let flows = vec![
            (ours * SECOND, sender.start(endless, LONG, seed)),
            (cubic * SECOND, Sender::Cubic.start(endless, LONG, seed)),
        ];
        let mut world = World::new(shape, seed, flows);
        world.run(10 * SECOND, |_| false);
        let before = [0, 1].map(|flow| world.flow(flow).delivered());
        world.run(70 * SECOND, |_| false);
        let [ours, cubic] = [0, 1].map(|flow| (world.flow(flow).delivered() - before[flow]) as f64);
        ours / (ours + cubic)
    })
}
