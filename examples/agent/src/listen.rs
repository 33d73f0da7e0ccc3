//! `agent listen`: takes files from whoever opens a session.

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::carrier::link::{self, Inbox, Transport};
use crate::carrier::outlet::Outlet;
use crate::clock::Clock;
use crate::keys;
use crate::receive::Store;
use crate::server::{Received, Server, settings};
use crate::telling::timeline::{Event, Style, Timeline};

/// Takes files from whoever opens a session; prints this agent's EID, then a JSON line per file
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
    /// Where received files are kept, each under its SHA-256; without it they are hashed and forgotten
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The longest file that is taken, in bytes
    #[arg(long, value_name = "N", default_value_t = 1 << 32)]
    max_bytes: u64,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let identity = keys::identity(arguments.seed.as_deref())?;
    let bind = keys::address("--bind", &arguments.bind).await?;
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).with_context(|| format!("--out: cannot make {}", out.display()))?;
    }
    let bound = link::listen(arguments.transport, bind).await?;
    print_line(&hex::encode(identity.eid().0))?;
    let at = bound.at.to_string();
    timeline.note("listen", Event::Listening { transport: arguments.transport.name(), at });

    let store = Store { directory: arguments.out, longest: arguments.max_bytes };
    let settings = settings(arguments.transport);
    let mut server = Server::new("listen", &timeline, identity, settings, store, None, clock.now());
    let mut inbox = bound.inbox;
    let mut outlet = Outlet::new("listen", &timeline, None);
    let mut report = |received: &Received| print_line(&serde_json::to_string(received)?);
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    serve(&mut server, &mut inbox, &mut outlet, &clock, &mut report, interrupted).await?;

    timeline.note("listen", Event::Trouble { what: "interrupted: tells its peers and ends".into() });
    server.shut_down(clock.now());
    flush(&mut server, &mut outlet).await;
    if let Some(endpoint) = bound.endpoint {
        // What was said last has a moment to leave.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        endpoint.close(0_u32.into(), b"shutting down");
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), endpoint.wait_idle()).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for whoever reads our output. If nobody does any more, there is no point in going on.
fn print_line(line: &str) -> Result<()> {
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
