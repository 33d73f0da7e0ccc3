//! `agent listen`: takes files from whoever opens a session, or handoffs.

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use quinn::Endpoint;

use crate::carrier::link::{self, Inbox, Transport};
use crate::carrier::outlet::Outlet;
use crate::clock::Clock;
use crate::handoff::{self, judge::Judge};
use crate::keys;
use crate::receive::Store;
use crate::server::{Received, Server, settings};
use crate::telling::timeline::{Event, Style, Timeline};

/// Takes files from whoever opens a session; prints this agent's EID, then a JSON line per file
///
/// With --trust it takes handoffs instead, and prints a JSON line per handoff: what is proven, and what was decided.
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
    /// Where received files are kept, each under its SHA-256; without it they are hashed and forgotten. Of handoffs only
    /// the content of those is kept that continue
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The longest file that is taken, in bytes: 4 GiB unless it is set; the longest content of a handoff: 16 MiB
    #[arg(long, value_name = "N")]
    max_bytes: Option<u64>,
    /// Takes handoffs (what `agent handoff` sends) that this agent has sealed, whoever carries them; may be repeated
    #[arg(long, value_name = "EID")]
    trust: Vec<String>,
}

/// The longest file, in bytes, unless the user says otherwise.
const LONGEST: u64 = 1 << 32;

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let identity = keys::identity(arguments.seed.as_deref())?;
    let trusted: Result<Vec<_>> = arguments.trust.iter().map(|eid| keys::eid_of("--trust", eid)).collect();
    let trusted = trusted?;
    let bind = keys::address("--bind", &arguments.bind).await?;
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).with_context(|| format!("--out: cannot make {}", out.display()))?;
    }
    let bound = link::listen(arguments.transport, bind).await?;
    print_line(&hex::encode(identity.eid().0))?;
    let at = bound.at.to_string();
    timeline.note("listen", Event::Listening { transport: arguments.transport.name(), at });

    let (mut judge, store) = if trusted.is_empty() {
        let longest = arguments.max_bytes.unwrap_or(LONGEST);
        (None, Store { directory: arguments.out, longest, handoffs: None })
    } else {
        let (own, new) = (identity.eid(), arguments.seed.is_none());
        let judge = Judge::new("listen", &timeline, &own, trusted, arguments.out, new)?;
        (Some(judge), handoff::store(arguments.max_bytes.unwrap_or(handoff::LONGEST)))
    };
    let settings = settings(arguments.transport);
    let mut server = Server::new("listen", &timeline, identity, settings, store, None, clock.now());
    let mut inbox = bound.inbox;
    let mut outlet = Outlet::new("listen", &timeline, None);
    let mut report = |received: &Received| match (&mut judge, &received.handoff) {
        (Some(judge), Some(parts)) => match judge.judge(&received.from, parts) {
            Ok(report) => print_line(&serde_json::to_string(&report)?),
            Err(error) => {
                timeline.note("listen", Event::Trouble { what: format!("cannot keep the handoff: {error}") });
                Ok(())
            }
        },
        _ => print_line(&serde_json::to_string(received)?),
    };
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    serve(&mut server, &mut inbox, &mut outlet, &clock, &mut report, interrupted).await?;
    part("listen", &timeline, &mut server, &mut outlet, &clock, bound.endpoint).await;
    Ok(ExitCode::SUCCESS)
}

/// Tells all peers that we go, and goes.
pub async fn part(
    who: &'static str,
    timeline: &Timeline,
    server: &mut Server<'_>,
    outlet: &mut Outlet<'_>,
    clock: &Clock,
    endpoint: Option<Endpoint>,
) {
    timeline.note(who, Event::Trouble { what: "interrupted: tells its peers and ends".into() });
    server.shut_down(clock.now());
    flush(server, outlet).await;
    if let Some(endpoint) = endpoint {
        // What was said last has a moment to leave.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        endpoint.close(0_u32.into(), b"shutting down");
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), endpoint.wait_idle()).await;
    }
}

/// A line for whoever reads our output. If nobody does any more, there is no point in going on.
pub fn print_line(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Drives a server until it is told to stop.
pub async fn serve(
    server: &mut Server<'_>,
    inbox: &mut Inbox,
    outlet: &mut Outlet<'_>,
    clock: &Clock,
    report: &mut impl FnMut(&Received) -> Result<()>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            arrival = inbox.recv() => {
                let Some(arrival) = arrival else { return Ok(()) };
                server.handle(clock.now(), arrival);
                // Whatever else has come meanwhile, without going round: acknowledgements are then fewer.
                while server.outgoing.is_empty() {
                    let Ok(arrival) = inbox.try_recv() else { break };
                    server.handle(clock.now(), arrival);
                }
            }
            () = clock.sleep_until(server.next_deadline()) => server.handle_deadline(clock.now()),
            () = &mut stop => return Ok(()),
        }
        for received in server.received.drain(..) {
            report(&received)?;
        }
        flush(server, outlet).await;
    }
}

/// Sends what the server has to say.
async fn flush(server: &mut Server<'_>, outlet: &mut Outlet<'_>) {
    for outgoing in server.outgoing.drain(..) {
        // A route that is lost says so on the way in, too.
        let _ = outlet.send(&outgoing.route, outgoing.to, &outgoing.frame).await;
    }
}
