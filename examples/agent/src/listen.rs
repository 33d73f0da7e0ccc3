//! `agent listen`: takes files from every peer that opens a session, or handoffs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::sync::mpsc::unbounded_channel;

use crate::carrier::link::{self, Transport};
use crate::clock::Clock;
use crate::content::receive::Store;
use crate::handoff::judge::Judge;
use crate::handoff::shelf::Shelf;
use crate::handoff::{answer, carry};
use crate::keys::{self, Sealer};
use crate::output::print_line;
use crate::server::drive::{part, serve_and_answer};
use crate::server::{Answered, Received, Reply, Server};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::report::Report;
use crate::telling::timeline::{Style, Timeline};

/// Takes files from every peer that opens a session; prints this agent's EID, then a JSON line per file
///
/// With --trust it takes handoffs instead, and prints a JSON line per handoff: what is proven, and what was decided; the sender
/// gets the decision as a sealed answer. With --serve it gives out objects by reference ('agent fetch').
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen: IP:PORT (port 0 lets the system choose; the address is told on standard error)
    #[arg(long, value_name = "ADDR")]
    bind: String,
    /// The identity's seed, 64 hexadecimal digits; a new identity without it
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// What carries the frames
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// Where received files are kept, each under its SHA-256; without it they are hashed and forgotten.
    /// Handoffs: only content with the outcome continue or fork is kept
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The longest file that is taken, in bytes: 4 GiB unless it is set; the longest content of a handoff: 16 MiB
    #[arg(long, value_name = "N")]
    max_bytes: Option<u64>,
    /// Takes handoffs (what `agent handoff` sends) that this agent has sealed, from any carrier; may be repeated
    #[arg(long, value_name = "EID")]
    trust: Vec<String>,
    /// Where decisions about handoffs are remembered over a restart; without it, what was sealed before a restart is not approved
    #[arg(long, value_name = "FILE", requires = "trust")]
    lineage: Option<PathBuf>,
    /// Gives out the objects of this outbox (agent handoff --outbox), each to the agent that it is sealed for
    #[arg(long, value_name = "DIR")]
    serve: Option<PathBuf>,
    /// An agent that gets every object of --serve; may be repeated
    #[arg(long, value_name = "EID", requires = "serve")]
    reader: Vec<String>,
}

/// The longest file, in bytes, unless the user says otherwise.
const LONGEST: u64 = 1 << 32;

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let (identity, (_, sealer)) = keys::twins(arguments.seed.as_deref())?;
    let trusted: Result<Vec<_>> = arguments.trust.iter().map(|eid| keys::eid_of("--trust", eid)).collect();
    let readers: Result<Vec<_>> = arguments.reader.iter().map(|eid| keys::eid_of("--reader", eid)).collect();
    let (trusted, readers) = (trusted?, readers?);
    let longest = arguments.max_bytes.unwrap_or(carry::LONGEST);
    let mut shelf = arguments.serve.map(|folder| Shelf::new(folder, readers, longest)).transpose()?;
    let bind = keys::address("--bind", &arguments.bind).await?;
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).with_context(|| format!("--out: cannot make {}", out.display()))?;
    }
    let bound = link::listen(arguments.transport, bind).await?;
    print_line(&hex::encode(identity.eid().0))?;
    let at = bound.at.to_string();
    timeline.note("listen", Event::Listening { transport: arguments.transport.name(), at });

    let (mut judge, store) = if trusted.is_empty() && shelf.is_none() {
        let longest = arguments.max_bytes.unwrap_or(LONGEST);
        (None, Store::files(arguments.out, longest))
    } else {
        let (own, new) = (identity.eid(), arguments.seed.is_none());
        let (timeline, out) = (&timeline, arguments.out);
        let judge = match &arguments.lineage {
            Some(path) => Judge::remembering("listen", timeline, &own, trusted, out, (path, new))?,
            None => Judge::new("listen", timeline, &own, trusted, out, new)?,
        };
        (Some(judge), Store::handoffs(longest))
    };
    let outlet = Outlet::new("listen", &timeline, None);
    let mut server = Server::new("listen", &timeline, identity, store, None, outlet, clock.now());
    let mut inbox = bound.inbox;
    let trouble = |what| timeline.note("listen", Event::Trouble { what });
    let mut report = |received: &Received| match (&mut judge, &received.handoff, &received.request) {
        (Some(judge), Some(parts), _) => match judge.judge(&received.from, parts) {
            Ok(report) => {
                print_line(&serde_json::to_string(&report)?)?;
                Ok(Answered::Now(answer_to(&report, &sealer, trouble)))
            }
            Err(error) => {
                trouble(format!("cannot keep the handoff: {error}"));
                Ok(Answered::Now(None))
            }
        },
        (_, _, Some(name)) => Ok(Answered::Now(find(shelf.as_mut(), name, received, trouble))),
        (None, Some(_), _) if shelf.is_some() => {
            trouble(format!("takes no handoffs without --trust: refuses one of {}", received.from));
            Ok(Answered::Now(None))
        }
        // A sender that waits for an answer is told that there is none.
        _ => print_line(&serde_json::to_string(received)?).map(|()| Answered::Now(None)),
    };
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    let (_, mut none) = unbounded_channel();
    serve_and_answer(&mut server, &mut inbox, &clock, &mut report, &mut none, interrupted).await?;
    part("listen", &timeline, &mut server, &clock, bound.endpoint).await;
    Ok(ExitCode::SUCCESS)
}

/// The sealed answer for the sender, if it is proven.
fn answer_to(report: &Report, own: &Sealer, trouble: impl Fn(String)) -> Option<Reply> {
    match answer::seal(own, report) {
        Ok(stream) => stream.map(Reply::from),
        Err(error) => {
            trouble(format!("cannot seal the answer: {error:#}"));
            None
        }
    }
}

/// The object that is asked for, if there is one for this agent.
fn find(shelf: Option<&mut Shelf>, name: &[u8], received: &Received, trouble: impl Fn(String)) -> Option<Reply> {
    let peer = &received.from;
    let found = shelf.map_or(Ok(None), |shelf| shelf.find(name, &keys::eid_of("the peer", peer)?, received.network));
    let shown = || String::from_utf8_lossy(name).escape_debug().to_string();
    match found {
        Ok(Some(reply)) => {
            trouble(format!("gives out {} to {peer}", shown()));
            Some(reply)
        }
        Ok(None) => {
            trouble(format!("has no {} for {peer}", shown()));
            None
        }
        Err(error) => {
            trouble(format!("cannot give out {} to {peer}: {error:#}", shown()));
            None
        }
    }
}
