//! `agent host`: the LL-Entity of a machine, as a program.
//!
//! ```text
//! agents, in other processes --- local.sock --- channels --+
//!                                                          |
//! peers --- UDP, one unconnected socket --- outside -------+--- drive: LlEntity
//!                                                          |
//! nodes, through the same socket ---------- directory -----+
//!                                                          |
//! seeds, generations, evolutions --- storage --------------+
//! ```
//!
//! An agent outlives a crash of its host. At the next start its context is restored from its seed, with a generation above all
//! that may have been signed and a new token. To get the token, the agent sends ERP_INIT with the same Initialization Nonce as
//! at first: it is known to the agent only, and the host keeps no more of it than its SHA-256. A context whose agent does not
//! come back within 90 s is purged: its leaving is signed, and its seed is removed. In the same way an agent comes to the host
//! that has taken its context over (docking).

mod channels;
pub mod control;
mod directory;
pub mod docking;
mod drive;
mod outside;
mod place;
mod reputation;
pub mod storage;
mod tables;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use iacp_core::erp::entity::HostSettings;
use rand_core::Rng;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::host::channels::{Channels, private_socket};
use crate::host::directory::Directory;
use crate::host::docking::Docking;
use crate::host::drive::{Host, Standing};
use crate::host::outside::{Carrier, Outside};
use crate::host::place::where_we_are;
use crate::host::reputation::Book;
use crate::host::storage::{Folder, Run, Storage};
use crate::host::tables::{CONTEXTS_EACH, Entity, FIFO_EACH, SESSIONS_EACH, further, memory};
use crate::keys;
use crate::telling::capture::Capture;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::{Style, Timeline};

/// Runs the LL-Entity of this machine: agents in other processes connect over a Unix socket (see `agent local`)
///
/// With --directory its agents are found by their EID alone; without it peers are named as EID@IP:PORT, and every peer is admitted. The seeds of its agents lie in its folder,
/// readable for this user alone, so that an agent keeps its EID when the host is started again.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen: IP:PORT. At 0.0.0.0 or `[::]` (0.0.0.0:4227 unless it is set) the host finds out where it is, and
    /// follows when that changes. On a serial line it is this end's name: 192.0.2.1:4227 unless it is set
    #[arg(long, value_name = "ADDR")]
    bind: Option<String>,
    /// What carries the frames: udp, quic (to hosts that have it too), or a serial line, which is serial:PATH, serial:PATH@BAUD or serial:tcp:IP:PORT
    #[arg(long, value_name = "CARRIER", default_value = "udp")]
    transport: Carrier,
    /// The name that the other end of a serial line has
    #[arg(long, value_name = "ADDR", default_value = "192.0.2.2:4227")]
    far: SocketAddr,
    /// One to seven directory nodes, as `directory node` prints them: its agents are registered with a quorum of them, and
    /// peers are looked up there. The port is 4227 then, for a binding names an address alone
    #[arg(long, value_name = "EID@IP:PORT,…", value_delimiter = ',')]
    directory: Vec<String>,
    /// The folder of the host: its sockets and its stable storage
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Writes the frames that go to other hosts and come from them to a capture, for Wireshark with the dissector of
    /// `inspect dissector`
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// The timeline as JSON on standard output, an object per line
    #[arg(long)]
    json: bool,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, if arguments.json { Style::Json } else { Style::Log });
    let bind = arguments.bind.as_deref().unwrap_or(match arguments.transport {
        Carrier::Udp | Carrier::Quic => "0.0.0.0:4227",
        Carrier::Serial(_) => "192.0.2.1:4227",
    });
    let bind = keys::address("--bind", bind).await?;
    let directory = match arguments.directory.as_slice() {
        [] => None,
        // What relays carry fills a datagram of 1,200 bytes, and QUIC takes a part of that.
        _ if arguments.transport == Carrier::Quic => bail!("--directory: nodes and relays are reached over udp alone"),
        _ if arguments.transport != Carrier::Udp => bail!("--directory: on a serial line there are no nodes"),
        nodes => {
            Directory::fits(bind).context("--bind")?;
            Some(Directory::read(nodes).await?)
        }
    };
    let folder = Folder::new(&arguments.state);
    let _lock = folder.take()?;
    let capture = arguments.pcap.as_deref().map(Capture::create).transpose()?;
    let carrier = arguments.transport.name();
    let outside = match arguments.transport {
        Carrier::Udp => Outside::open(bind).await?,
        Carrier::Quic => Outside::quic(bind)?,
        Carrier::Serial(place) => Outside::serial(place, bind, arguments.far).await?,
    };
    let (kept, broken) = folder.agents()?;
    let storage = Storage::start(&folder)?;
    let (ordering, orders) = mpsc::channel(8);
    tokio::spawn(control::serve(private_socket(&folder.control())?, ordering));

    let address = where_we_are(bind.ip());
    let settings = HostSettings {
        sessions_each: SESSIONS_EACH,
        fifo_each: FIFO_EACH,
        contexts_each: CONTEXTS_EACH,
        directory: directory.as_ref().map(Directory::quorum),
        ..HostSettings::at(address)
    };
    let entity = Entity::with_tables(memory()?, further(directory.is_some()), settings, clock.now(), &mut keys::rng());
    let entity = Box::new(entity.map_err(|error| anyhow::anyhow!("the host's tables: {error}"))?);
    let run = Run {
        boot: format!("{:016x}", keys::rng().next_u64()),
        at: SocketAddr::new(address, outside.at().port()).to_string(),
    };
    folder.set_run(&run)?;
    // From here on agents can come.
    let channels = Channels::listen(&folder.local())?;
    let everywhere = bind.ip().is_unspecified();
    let docking = Docking::new(&folder)?;
    let (book, lost) = Book::open(&folder, folder.lii()?)?;
    let standing = Standing::new(folder, run, docking);
    let timeline = &timeline;
    let mut host = Host {
        entity,
        outside,
        channels,
        storage,
        orders,
        directory,
        timeline,
        capture,
        clock,
        address,
        everywhere,
        standing,
        book,
    };
    if let Some(lost) = lost {
        timeline.note("host", Event::Trouble { what: lost });
    }
    host.restore(carrier, kept, broken);
    if let Some(what) = host.directory.as_ref().and_then(Directory::remark) {
        timeline.note("host", Event::Step(Step::Note { what }));
    }
    host.run(stopped()?).await?;
    host.capture.map_or(Ok(()), Capture::finish)?;
    Ok(ExitCode::SUCCESS)
}

/// SIGINT or SIGTERM.
fn stopped() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot hear signals")?;
    let mut terminated = signal(SignalKind::terminate()).context("cannot hear signals")?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}
