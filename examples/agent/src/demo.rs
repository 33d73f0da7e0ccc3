//! `agent demo`: two agents in one process, over a real QUIC connection, in bad weather.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use iacp_core::discovery::{Search, space_of_topic};
use iacp_core::guard::Difficulty;
use iacp_core::identity::CanonicalEid;
use iacp_core::pss::Capabilities;
use iacp_wire::Eid;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::carrier::carried::Carried;
use crate::carrier::faults::{Faults, Plan};
use crate::carrier::link::{self, Inbox, Route, Transport};
use crate::clock::{self, Clock};
use crate::content::receive::Store;
use crate::content::source::Source;
use crate::keys::{self, Crypto, Identity, Target};
use crate::send::{Sender, Sent};
use crate::server::beacon::{Beacon, GAMMA};
use crate::server::drive::serve;
use crate::server::{Received, Server};
use crate::stage;
use crate::telling::capture::Capture;
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::summary::{Side, Summary, counts};
use crate::telling::timeline::{Style, Timeline};

const LOSS: u32 = 50;
const BITS: u32 = 18;
/// No search is asked for more bits, however many there are.
const MOST: i64 = Difficulty::CAP as i64;
/// A seed that spares the first frames and meets one or two of a short file.
const FAULT_SEED: u64 = 4229;
const TOPIC: &str = "file transfer";
/// An answer to a search comes within this time, or not.
const ANSWER: Duration = Duration::from_millis(1_000);
/// How often a search is repeated.
const SEARCHES: usize = 20;
/// Parts per thousand of the frames that are held back, and for how many milliseconds at most.
const LATE: u32 = 100;
const LONGEST: u64 = 60;

/// Two agents in one process: one finds the other by topic and streams a file to it through loss and reordering
#[derive(clap::Args)]
pub struct Arguments {
    /// The file; README.md unless one is named, and noise with --roam, --crash and --dock
    file: Option<PathBuf>,
    /// Frames that are lost, in parts per thousand, each way
    #[arg(long, value_name = "PERMILLE", default_value_t = LOSS, value_parser = clap::value_parser!(u32).range(0..=600))]
    loss: u32,
    /// Which frames are lost and which come late
    #[arg(long, value_name = "N", default_value_t = FAULT_SEED)]
    fault_seed: u64,
    /// The proof of work of the search, in bits
    #[arg(long, value_name = "N", default_value_t = BITS, value_parser = clap::value_parser!(u32).range(0..=MOST))]
    bits: u32,
    /// Instead: two hosts and two agents in processes of their own; the sender's host moves in the middle of the transfer
    #[arg(long, conflicts_with_all = ["crash", "loss", "fault_seed", "bits"])]
    roam: bool,
    /// Instead: the same, and the receiver and its host are killed in the middle of the transfer
    #[arg(long, conflicts_with_all = ["loss", "fault_seed", "bits"])]
    crash: bool,
    /// Instead: three hosts; the sender's context moves to another host in the middle of the transfer, sealed, once
    #[arg(long, conflicts_with_all = ["roam", "crash", "loss", "fault_seed", "bits"])]
    dock: bool,
    /// Writes what both agents send to a capture, for Wireshark with the dissector of `inspect dissector`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["roam", "crash", "dock"])]
    pcap: Option<PathBuf>,
    /// The timeline as JSON, an object per line
    #[arg(long)]
    json: bool,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            file: None,
            loss: LOSS,
            fault_seed: FAULT_SEED,
            bits: BITS,
            roam: false,
            crash: false,
            dock: false,
            pcap: None,
            json: false,
        }
    }
}

/// README.md of this workspace, or of the current directory.
pub fn readme() -> Result<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let found = [ours, "README.md".into()].into_iter().find(|path| path.is_file());
    found.context("no README.md here: name a file (agent demo FILE)")
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let style = if arguments.json { Style::Json } else { Style::Story };
    let timeline = Timeline::new(clock, style);
    if arguments.roam {
        return stage::roam::run(&timeline, arguments.file.as_deref()).await;
    }
    if arguments.crash {
        return stage::crash::run(&timeline, arguments.file.as_deref()).await;
    }
    if arguments.dock {
        return stage::dock::run(&timeline, arguments.file.as_deref()).await;
    }
    let capture = arguments.pcap.as_deref().map(Capture::create).transpose()?;
    let code = between_two(&timeline, clock, arguments, capture.as_ref()).await?;
    capture.map_or(Ok(()), Capture::finish)?;
    Ok(code)
}

/// Two agents in this process.
async fn between_two(
    timeline: &Timeline,
    clock: Clock,
    arguments: Arguments,
    capture: Option<&Capture>,
) -> Result<ExitCode> {
    let file = arguments.file.map_or_else(readme, Ok)?;
    let source = Source::open(&file).await?;
    let plan = Plan { loss: arguments.loss, late: LATE, longest: LONGEST };
    let (name, bytes, fault_seed) = (source.name().to_owned(), source.size(), arguments.fault_seed);
    timeline.note("", Event::Plan { file: name, bytes, loss_permille: plan.loss, late_permille: LATE, fault_seed });

    let bob = keys::identity(None)?;
    introduce("bob", timeline, &bob);
    let bound = link::listen(Transport::Quic, ([127, 0, 0, 1], 0).into()).await?;
    timeline.note("bob", Event::Listening { transport: "quic", at: bound.at.to_string() });
    let beacon = Some(Beacon::new(space_of_topic::<Crypto>(TOPIC), arguments.bits, clock.now()));
    let store = Store::files(None, u64::MAX);
    let outlet = Outlet::new("bob", timeline, Some(Faults::new(plan, fault_seed ^ 0xB0B))).captured(capture);
    let mut server = Server::new("bob", timeline, bob, store, beacon, outlet, clock.now());
    let mut bobs_inbox = bound.inbox;

    let files = RefCell::new(Vec::new());
    let mut report = |received: &Received| {
        files.borrow_mut().push(received.clone());
        Ok(())
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let serving = serve(&mut server, &mut bobs_inbox, &clock, &mut report, stopped);
    let alices_outlet = Outlet::new("alice", timeline, Some(Faults::new(plan, fault_seed ^ 0xA11CE))).captured(capture);
    let seeking = async {
        let sent = seek_and_send(timeline, clock, alices_outlet, bound.at, arguments.bits, source).await;
        drop(stop);
        sent
    };
    let (served, sent) = tokio::join!(serving, seeking);
    served?;
    let (sent, alice) = match sent {
        Ok(sent) => sent,
        Err(error) => return Ok(verdict(timeline, Err(format!("{error:#}")))),
    };

    let received = files.into_inner().pop();
    let sha256 = received.as_ref().map(|received| received.sha256.clone()).unwrap_or_default();
    let (anomalies_flagged, anomalies_cleared, discards) = server.sums();
    let bob =
        Side { who: "bob", sent: server.outlet.traffic(), anomalies_flagged, anomalies_cleared, discards, sha256 };
    Ok(conclude(timeline, &sent, [alice, bob], server.has_parted_well()))
}

/// Who takes part.
pub fn introduce(who: &'static str, timeline: &Timeline, identity: &Identity) {
    let (eid, canonical) = (hex::encode(identity.eid().0), CanonicalEid::of::<Crypto>(&identity.eid()).to_string());
    timeline.note(who, Event::Identity { eid, canonical });
}

/// Alice's side, from nothing to a closed session.
async fn seek_and_send(
    timeline: &Timeline,
    clock: Clock,
    mut outlet: Outlet<'_>,
    to: std::net::SocketAddr,
    bits: u32,
    source: Source,
) -> Result<(Sent, Side)> {
    let identity = keys::identity(None)?;
    introduce("alice", timeline, &identity);
    let (route, mut inbox) = link::connect(Transport::Quic, to).await?;
    let frame_limit = route.frame_limit();
    timeline.note("alice", Event::Connected { transport: "quic", to: to.to_string(), frame_limit });

    let own = identity.eid();
    let (eid, proof) = search(timeline, &mut outlet, (&route, &mut inbox, to), own, bits).await?;
    let target = Target { eid, at: to, proof };
    let mut sender =
        Sender::<Carried>::new("alice", timeline, clock, &identity, target, route, outlet, Capabilities::SFC)?;
    let sent = sender.send(source, &mut inbox).await?;
    let side = Side {
        who: "alice",
        sent: sender.outlet.traffic(),
        anomalies_flagged: sender.watch.flagged,
        anomalies_cleared: sender.watch.cleared,
        discards: counts(sender.session.discards()),
        sha256: sent.sha256.clone(),
    };
    Ok((sent, side))
}

/// Looks for an agent by topic: mines, asks, waits; and again, for a request is taken once. Silence may mean that more
/// work is asked for by now: each time it shows one bit more, up to what is asked for under full load. Gives the EID that was
/// found, and what the session with it shows.
async fn search(
    timeline: &Timeline,
    outlet: &mut Outlet<'_>,
    (route, inbox, to): (&Route, &mut Inbox, std::net::SocketAddr),
    own: Eid,
    bits: u32,
) -> Result<(Eid, Option<[u8; 16]>)> {
    for bits in (bits..=bits + GAMMA).chain(std::iter::repeat(bits + GAMMA)).take(SEARCHES) {
        let bits = bits.min(Difficulty::CAP);
        timeline.note("alice", Event::Mining { topic: TOPIC.into(), bits });
        let (mut search, mut miner) =
            Search::<1>::begin::<Crypto>(space_of_topic::<Crypto>(TOPIC), clock::unix(), bits, &mut keys::rng());
        let began = Instant::now();
        // Off this thread, which has sockets to serve.
        let mining = tokio::task::spawn_blocking(move || {
            let mut batches = 0_u64;
            loop {
                batches += 1;
                if let Some(proven) = miner.step(BATCH) {
                    return (proven, batches * u64::from(BATCH));
                }
            }
        });
        let (proven, tries) = mining.await?;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        timeline.note("alice", Event::Mined { bits, tries, took_ms });

        let mut request = [0; 88];
        let length = search.request::<Crypto>(&proven, &mut request)?;
        if outlet.send(route, to, &request[..length]).is_err() {
            bail!("the connection has gone");
        }
        let answered = tokio::time::timeout(ANSWER, async {
            while let Some(arrival) = inbox.recv().await {
                if let Ok(eid) = search.open::<Crypto>(&arrival.what.unwrap_or_default()) {
                    return Some(eid);
                }
            }
            None
        });
        if let Ok(Some(eid)) = answered.await {
            timeline.note("alice", Event::Found { eid: hex::encode(eid.0) });
            return Ok((eid, search.proof::<Crypto>(&eid, &own)));
        }
        let after_ms = u64::try_from(ANSWER.as_millis()).unwrap_or(u64::MAX);
        timeline.note("alice", Event::Unanswered { after_ms });
    }
    bail!("no agent answered {SEARCHES} searches for '{TOPIC}'")
}

/// Nonces that are tried at a time.
const BATCH: u32 = 256;

/// The sums, and whether it was a success.
fn conclude(timeline: &Timeline, sent: &Sent, sides: [Side; 2], graceful: bool) -> ExitCode {
    let same = sides.iter().all(|side| side.sha256 == sent.sha256);
    let bytes_per_second = (sent.bytes * 1_000).checked_div(sent.took_ms).unwrap_or(sent.bytes * 1_000);
    let summary = Summary { bytes: sent.bytes, took_ms: sent.took_ms, bytes_per_second, sides: sides.to_vec() };
    timeline.note("", Event::Summary(Box::new(summary)));
    let result = match (same, graceful) {
        (true, true) => Ok(()),
        (false, _) => Err("what arrived is not what was sent".into()),
        (true, false) => Err("the file arrived, and bob's side of the session did not end in good order".into()),
    };
    verdict(timeline, result)
}

/// Prints the verdict, and makes the exit status of it.
fn verdict(timeline: &Timeline, result: Result<(), String>) -> ExitCode {
    let (ok, what) = match result {
        Ok(()) => (
            true,
            "OK: the file arrived complete and unchanged, and both sides closed the session in good order.".into(),
        ),
        Err(why) => (false, format!("FAILED: {why}.")),
    };
    timeline.note("", Event::Verdict { ok, what });
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
