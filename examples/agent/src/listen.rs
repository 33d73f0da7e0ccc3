//! `agent listen`: takes files from every peer that opens a session, or handoffs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::carrier::link::{self, Transport};
use crate::clock::Clock;
use crate::content::receive::Store;
use crate::handoff::carry;
use crate::handoff::judge::Judge;
use crate::keys;
use crate::output::print_line;
use crate::server::drive::{part, serve};
use crate::server::{Received, Server};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::timeline::{Style, Timeline};

/// Takes files from every peer that opens a session; prints this agent's EID, then a JSON line per file
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
    /// Takes handoffs (what `agent handoff` sends) that this agent has sealed, from any carrier; may be repeated
    #[arg(long, value_name = "EID")]
    trust: Vec<String>,
    /// Where decisions about handoffs are remembered over a restart; without it, what was sealed before a restart is not approved
    #[arg(long, value_name = "FILE", requires = "trust")]
    lineage: Option<PathBuf>,
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
        let (timeline, out) = (&timeline, arguments.out);
        let judge = match &arguments.lineage {
            Some(path) => Judge::remembering("listen", timeline, &own, trusted, out, (path, new))?,
            None => Judge::new("listen", timeline, &own, trusted, out, new)?,
        };
        (Some(judge), carry::store(arguments.max_bytes.unwrap_or(carry::LONGEST)))
    };
    let outlet = Outlet::new("listen", &timeline, None);
    let mut server = Server::new("listen", &timeline, identity, store, None, outlet, clock.now());
    let mut inbox = bound.inbox;
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
    serve(&mut server, &mut inbox, &clock, &mut report, interrupted).await?;
    part("listen", &timeline, &mut server, &clock, bound.endpoint).await;
    Ok(ExitCode::SUCCESS)
}
