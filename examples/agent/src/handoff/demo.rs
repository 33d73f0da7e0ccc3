//! `agent handoff` without --to: alice, bob and, if there is a relay, carol in one process.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::sync::{mpsc, oneshot};

use crate::carrier::link::{self, Bound, Transport};
use crate::clock::Clock;
use crate::content::parts::{self, Parts};
use crate::content::receive::Store;
use crate::demo::{introduce, readme};
use crate::handoff::carry::{carry, read, tell_sealed};
use crate::handoff::judge::Judge;
use crate::handoff::sealing;
use crate::handoff::tamper::Tampering;
use crate::keys::{self, Identity, Sealer, Target};
use crate::server::drive::serve;
use crate::server::{Received, Server};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::report::Report;
use crate::telling::timeline::{Style, Timeline};

/// What alice adds to the file before she seals it again.
const MORE: &[u8] = b"And this is what comes next.\n";

/// An agent that answers.
struct Answering<'t> {
    server: Server<'t>,
    bound: Bound,
    at: SocketAddr,
}

impl<'t> Answering<'t> {
    async fn new(
        who: &'static str,
        timeline: &'t Timeline,
        clock: Clock,
        transport: Transport,
        identity: Identity,
    ) -> Result<Self> {
        let bound = link::listen(transport, ([127, 0, 0, 1], 0).into()).await?;
        let at = bound.at;
        let store = Store::handoffs(u32::MAX.into());
        let server = Server::new(who, timeline, identity, store, None, Outlet::new(who, timeline, None), clock.now());
        Ok(Self { server, bound, at })
    }

    /// Answers until `stop` is dropped.
    async fn serve(
        &mut self,
        clock: Clock,
        mut report: impl FnMut(&Received) -> Result<()>,
        stop: oneshot::Receiver<()>,
    ) -> Result<()> {
        let stopped = async { stop.await.unwrap_or(()) };
        serve(&mut self.server, &mut self.bound.inbox, &clock, &mut report, stopped).await
    }
}

/// Alice, with whom it begins, and carol, who may be dishonest.
struct Senders<'t> {
    timeline: &'t Timeline,
    clock: Clock,
    transport: Transport,
    alice: (Identity, Sealer),
    carol: (Identity, Sealer),
    to_bob: Target,
    to_carol: Target,
}

/// What is demonstrated.
pub struct Demonstration {
    pub file: Option<PathBuf>,
    pub transport: Transport,
    pub relay: bool,
    pub tamper: Option<Tampering>,
    pub json: bool,
}

pub async fn run(arguments: Demonstration) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, if arguments.json { Style::Json } else { Style::Outline });
    let file = arguments.file.map_or_else(readme, Ok)?;
    let content = read(&file).await?;
    let (transport, relayed) = (arguments.transport, arguments.relay || arguments.tamper.is_some());
    let (shown, bytes) = (file.file_name().unwrap_or_default().to_string_lossy().into_owned(), content.len() as u64);
    let tampering = arguments.tamper.map(Tampering::words);
    timeline.note("", Event::Handoffs { file: shown, bytes, relayed, tampering });

    let alice = keys::sealer(None)?;
    introduce("alice", &timeline, &alice.0);
    let bobs = keys::identity(None)?;
    let bobs_eid = bobs.eid();
    let (carols, carol) = keys::twins(None)?;
    let mut judge = Judge::new("bob", &timeline, &bobs_eid, vec![alice.0.eid()], None, true)?;
    introduce("bob", &timeline, &bobs);
    if relayed {
        introduce("carol", &timeline, &carols);
    }
    let mut bob = Answering::new("bob", &timeline, clock, transport, bobs).await?;
    let mut relay = Answering::new("carol", &timeline, clock, transport, carols).await?;

    let reports = RefCell::new(Vec::new());
    let bobs_part = |received: &Received| {
        let parts = received.handoff.as_ref().context("no handoff")?;
        reports.borrow_mut().push(judge.judge(&received.from, parts)?);
        Ok(())
    };
    let (queue, mut waiting) = mpsc::unbounded_channel();
    let carols_part = |received: &Received| {
        let parts = received.handoff.as_ref().context("no handoff")?;
        queue.send(Rc::clone(parts)).ok().context("carol has gone")
    };
    let to_bob = Target { eid: bobs_eid, at: bob.at, proof: None };
    let to_carol = Target { eid: carol.0.eid(), at: relay.at, proof: None };
    let senders = Senders { timeline: &timeline, clock, transport, alice, carol, to_bob, to_carol };
    let ((stop_bob, bob_stops), (stop_carol, carol_stops)) = (oneshot::channel(), oneshot::channel());
    let story = async {
        let told = senders.tell(content, relayed, arguments.tamper, &mut waiting).await;
        drop((stop_bob, stop_carol));
        told
    };
    let (bobs, carols, told) =
        tokio::join!(bob.serve(clock, bobs_part, bob_stops), relay.serve(clock, carols_part, carol_stops), story);
    let failed = bobs.and(carols).and(told).err().map(|error| format!("{error:#}"));
    let (ok, what) = match failed {
        Some(why) => (false, format!("FAILED: {why}.")),
        None => verdict(&reports.into_inner(), if relayed { 2 } else { 1 }, arguments.tamper),
    };
    timeline.note("", Event::Verdict { ok, what });
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Senders<'_> {
    async fn tell(
        &self,
        mut content: Vec<u8>,
        relayed: bool,
        tampering: Option<Tampering>,
        at_carol: &mut mpsc::UnboundedReceiver<Rc<Parts>>,
    ) -> Result<()> {
        let (alice, sealer) = &self.alice;
        let first = sealing::envelope(sealer, &self.to_bob.eid, &content, None)?;
        tell_sealed("alice", self.timeline, &self.to_bob.eid, &first);
        self.carry("alice", alice, self.to_bob, first.stream.clone()).await?;
        if !relayed {
            return Ok(());
        }
        content.extend(MORE);
        let second = sealing::envelope(sealer, &self.to_bob.eid, &content, Some(first.manifest))?;
        tell_sealed("alice", self.timeline, &self.to_bob.eid, &second);
        self.carry("alice", alice, self.to_carol, second.stream).await?;
        let came = at_carol.recv().await.context("carol has gone")?;
        let (carol, own) = &self.carol;
        let stream = match tampering {
            Some(tampering) => {
                self.timeline.note("carol", Event::Tampered { what: tampering.words().into() });
                tampering.apply(&came, &first, own, &self.to_bob.eid)?
            }
            None => {
                let stream = parts::write(&came.notice, &came.outer, &came.content).context("too long")?;
                let (to, bytes) = (keys::short(&self.to_bob.eid), stream.len() as u64);
                self.timeline.note("carol", Event::Relays { to, bytes });
                stream
            }
        };
        self.carry("carol", carol, self.to_bob, stream).await
    }

    async fn carry(&self, who: &'static str, identity: &Identity, next: Target, stream: Vec<u8>) -> Result<()> {
        let (timeline, clock, transport) = (self.timeline, self.clock, self.transport);
        carry(who, timeline, clock, identity, next, transport, "the handoff", stream, None).await.map(drop)
    }
}

/// Whether bob decided as he had to: everything that alice sealed and that was not changed continues, and nothing else.
fn verdict(reports: &[Report], expected: usize, tampering: Option<Tampering>) -> (bool, String) {
    let continued = reports.iter().filter(|report| report.continues).count();
    let last = reports.last().map_or("nothing", |report| report.outcome);
    match tampering {
        _ if reports.len() != expected => (false, "FAILED: not every handoff was decided.".into()),
        None if continued == expected => (
            true,
            "OK: bob continues what alice sealed for him, and knows that she sealed it, by whatever way it came."
                .into(),
        ),
        None => (false, format!("FAILED: what alice sealed does not continue: {last}.")),
        Some(tampering) if continued + 1 == expected && !reports.last().is_some_and(|report| report.continues) => {
            (true, format!("OK: carol {}. Bob noticed, and does not continue it: {last}.", tampering.words()))
        }
        Some(tampering) => (false, format!("FAILED: carol {}, and bob did not notice.", tampering.words())),
    }
}
