//! `directory node` and `directory demo`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};
use directory::agent::{Agent, Gateways, Written};
use directory::clock::Clocks;
use directory::demo::{Size, run};
use directory::node::{Host, Options, Overlay};
use directory::show;
use iacp_wire::{Digest, Eid};

/// Directory nodes over a real Kademlia. Records are judged before the DHT stores them.
#[derive(Parser)]
#[command(version, about, after_help = "Exit codes: 0 all is well, 1 it is not, 2 a mistake.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a node until it is interrupted.
    Node(NodeArguments),
    /// Runs nodes and agents on loopback: agents register, move, cheat and are convicted; nodes stop and join.
    Demo(DemoArguments),
    /// Registers an agent at an address of this host.
    Register(AgentArguments),
    /// Looks an agent up.
    Find {
        /// Its EID, 64 hexadecimal digits.
        #[arg(value_parser = eid)]
        eid: Eid,
        #[command(flatten)]
        agent: AgentArguments,
    },
}

#[derive(Args)]
struct NodeArguments {
    /// Where it takes frames, as ADDRESS:PORT. The port above is for other nodes.
    #[arg(long)]
    listen: SocketAddr,
    /// A node to begin with, as EID@ADDRESS:PORT; may be given several times.
    #[arg(long, value_parser = node)]
    join: Vec<(Eid, SocketAddr)>,
    /// The file of its key; it is made if it is not there.
    #[arg(long)]
    key: PathBuf,
    /// The file into which votes are written before they are signed.
    #[arg(long)]
    votes: PathBuf,
    /// The file of its open trials, with which it goes on after a restart; the name of the votes with `.cases` unless it is set.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// A namespace root to trust: SHA-256 of the body of its ROOT record, 64 hexadecimal digits; may be given several times.
    #[arg(long, value_parser = digest)]
    pin: Vec<Digest>,
    /// Bits of work that a request takes without load.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=24))]
    work: u32,
}

#[derive(Args)]
struct AgentArguments {
    /// The file of the agent's key; it is made if it is not there.
    #[arg(long)]
    key: PathBuf,
    /// The address of this host that it binds.
    #[arg(long, default_value = "127.0.0.1")]
    at: IpAddr,
    /// A node to ask, as EID@ADDRESS:PORT; one to seven.
    #[arg(long, value_parser = node, required = true)]
    node: Vec<(Eid, SocketAddr)>,
    /// The generation of the last binding, which the agent keeps.
    #[arg(long, default_value_t = 0)]
    generation: u64,
}

#[derive(Args)]
struct DemoArguments {
    /// Nodes at the start, 12 to 48.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(12..=48))]
    nodes: u16,
    /// Honest agents, 4 to 90.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u16).range(4..=90))]
    agents: u16,
    /// What keys and choices come from; at random without it.
    #[arg(long)]
    seed: Option<u64>,
    /// Prints JSON at the end instead of a timeline.
    #[arg(long)]
    json: bool,
}

fn eid(text: &str) -> Result<Eid, String> {
    let mut eid = Eid([0; 32]);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("an EID is 64 hexadecimal digits".to_owned());
    }
    for (place, at) in eid.0.iter_mut().zip((0..64).step_by(2)) {
        let pair = text.get(at..at + 2).unwrap_or_default();
        *place = u8::from_str_radix(pair, 16).map_err(|_| "an EID is 64 hexadecimal digits")?;
    }
    Ok(eid)
}

fn digest(text: &str) -> Result<Digest, String> {
    eid(text).map(|eid| Digest(eid.0)).map_err(|_| "a digest is 64 hexadecimal digits".to_owned())
}

fn node(text: &str) -> Result<(Eid, SocketAddr), String> {
    let (digits, at) = text.split_once('@').ok_or("EID@ADDRESS:PORT")?;
    Ok((eid(digits)?, at.parse().map_err(|_| "ADDRESS:PORT after the @")?))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The seed in a file, which only its owner may read; a new one if there is no such file.
fn key(path: &Path) -> Result<[u8; 32]> {
    if path.exists() {
        let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
        return bytes.try_into().map_err(|_| anyhow::anyhow!("{}: a key has 32 bytes", path.display()));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("randomness")?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path).with_context(|| format!("{}", path.display()))?;
    file.write_all(&seed)?;
    file.sync_all()?;
    Ok(seed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Node(arguments) => run_node(arguments).await,
        Command::Demo(arguments) => run_demo(arguments).await,
        Command::Register(arguments) => register(arguments).await,
        Command::Find { eid, agent } => find(&eid, agent).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("directory: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn run_node(arguments: NodeArguments) -> Result<bool> {
    let NodeArguments { listen, join, key: file, votes, cases, pin: pinned, work } = arguments;
    ensure!(listen.port() != 0 && listen.port() != u16::MAX, "the port is fixed: others name it");
    let cases = Some(cases.unwrap_or_else(|| {
        let mut name = votes.clone().into_os_string();
        name.push(".cases");
        name.into()
    }));
    let votes = OpenOptions::new().create(true).read(true).append(true).open(&votes).context("the file of votes")?;
    let (seed, clocks, votes) = (key(&file)?, Clocks::new(), Some(votes));
    let host = Host::start(Options { seed, listen, join, base: work, clocks, votes, cases, pinned }).await?;
    let eid = host.shared().keeper().eid();
    println!("{}@{listen}", hex(&eid.0));
    host.run().await;
    Ok(true)
}

async fn run_demo(arguments: DemoArguments) -> Result<bool> {
    let DemoArguments { nodes, agents, seed, json } = arguments;
    let mut random = [0; 8];
    getrandom::fill(&mut random)?;
    let seed = seed.unwrap_or(u64::from_be_bytes(random));
    let size = Size { nodes: nodes.into(), agents: agents.into(), seed };
    if !json {
        println!("{nodes} nodes, {agents} agents, seed {seed}\n");
    }
    let mut tell = |mark: &_| {
        if !json {
            println!("{}", show::line(mark));
        }
    };
    let report = run(size, &mut tell).await?;
    if json {
        println!("{:#}", show::json(&report));
    } else {
        println!("{}{}", show::table(&report), show::verdict(&report));
    }
    Ok(report.is_sound())
}

async fn agent(arguments: AgentArguments) -> Result<(Agent, Gateways)> {
    let AgentArguments { key: file, at, node, generation } = arguments;
    let mut agent = Agent::new(key(&file)?, at, Clocks::new()).await?;
    agent.continue_from(generation);
    Ok((agent, node))
}

async fn register(arguments: AgentArguments) -> Result<bool> {
    let (mut agent, nodes) = agent(arguments).await?;
    let written = agent.register(&nodes).await?;
    let (eid, generation, at) = (hex(&agent.eid().0), agent.generation(), agent.at()?);
    match written {
        Written::Done => println!("{eid} is at {at}, generation {generation}"),
        Written::Refused(status) => println!("{eid} is refused with status {status}"),
        Written::Silence => println!("{eid}: no quorum answered"),
    }
    Ok(written == Written::Done)
}

async fn find(eid: &Eid, arguments: AgentArguments) -> Result<bool> {
    let (agent, nodes) = agent(arguments).await?;
    let found = agent.find(eid, &nodes, &Overlay::default()).await?;
    match found.binding {
        Some(binding) => {
            let at = IpAddr::from(binding.current_transport_ip);
            println!("{} is at {at}, generation {}", hex(&eid.0), binding.generation_counter);
        }
        None => println!("{} is not found by {} nodes", hex(&eid.0), found.answers),
    }
    Ok(found.binding.is_some())
}
