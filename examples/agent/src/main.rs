//! Agents that find each other, open a session, stream a file, and hand over sealed objects.
//!
//! ```text
//! agent                                both sides in one process, over QUIC, in bad weather
//! agent demo --roam, --crash, --dock   hosts and agents as processes: a host moves, some are killed, an agent moves
//! agent listen --bind 127.0.0.1:4227   one side: prints its EID, then a line per file
//! agent send --to EID@127.0.0.1:4227 FILE
//! agent handoff --relay                a sealed object from agent to agent, directly and through a third one
//! agent fetch iacp:EID/NAME            a sealed object on request, from an agent that listens with --serve
//! agent host --state DIR               the LL-Entity of a machine, for agents in other processes
//! agent local listen, agent local send such agents
//! agent local follow, agent local share  agents that share an endpoint
//! ```
//!
//! The protocol is `iacp-core`, which knows no socket and no clock. What this program adds; each line uses lines below it:
//!
//! ```text
//! listen  handoff/     the commands: they drive the machines below
//! demo    send
//! stage/               demonstrations with hosts and agents as processes, which move or are killed
//! host/                a loop around LlEntity: local channels, UDP, stable storage, the host's own interface
//! local/               an agent's end of a local channel, and files that survive crashes on both sides
//! server/              the answering side, still without a socket: Responder, Discoverable and many Sessions
//! content/             what travels: a file before and after, the parts of a handoff
//! telling/             the timeline, and the way out, where frames are counted
//! memory               how large sessions are, and where
//! carrier/             datagrams in and out over QUIC or UDP, and the faults that are made to meet them
//! keys  clock  output  who we are, when, and what programs read of it
//! ```

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod carrier;
mod clock;
mod content;
mod demo;
mod handoff;
mod host;
mod keys;
mod listen;
mod local;
mod memory;
mod output;
mod send;
mod server;
mod stage;
mod telling;

/// Agents that find each other, open a session, stream a file, and hand over sealed objects
///
/// Without a command: `agent demo`.
#[derive(Parser)]
#[command(version)]
struct Agent {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Control(host::control::Arguments),
    Demo(demo::Arguments),
    Eid(keys::Arguments),
    Fetch(handoff::fetch::Arguments),
    Handoff(handoff::Arguments),
    Host(host::Arguments),
    Listen(listen::Arguments),
    Local(local::Arguments),
    Relay(handoff::relay::Arguments),
    Send(send::Arguments),
}

fn main() -> ExitCode {
    let command = Agent::parse().command.unwrap_or_else(|| Command::Demo(demo::Arguments::default()));
    let done = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from);
    let done = done.and_then(|runtime| {
        runtime.block_on(async {
            match command {
                Command::Control(arguments) => host::control::run(arguments).await,
                Command::Demo(arguments) => demo::run(arguments).await,
                Command::Eid(arguments) => keys::run(&arguments),
                Command::Fetch(arguments) => handoff::fetch::run(arguments).await,
                Command::Handoff(arguments) => handoff::run(arguments).await,
                Command::Host(arguments) => host::run(arguments).await,
                Command::Local(arguments) => local::run(arguments).await,
                Command::Relay(arguments) => handoff::relay::run(arguments).await,
                Command::Listen(arguments) => listen::run(arguments).await,
                Command::Send(arguments) => send::run(arguments).await,
            }
        })
    });
    done.unwrap_or_else(|error| {
        eprintln!("agent: {}", format!("{error:#}").replace('\n', " "));
        ExitCode::FAILURE
    })
}
