//! The host's own interface: a Unix socket that takes one order on a line, as JSON, and gives one answer. Agents cannot
//! use it, so they do not learn the host's address or the number of its agents.

pub mod dock;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::host::docking::DockOrder;
use crate::host::storage::Folder;
use crate::keys;
use crate::output::print_line;

/// No order is longer, in bytes.
const LONGEST: u64 = 16 << 10;
/// An order is there within this time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Shows the status of a host on this machine, or moves it
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of the host
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    #[command(subcommand)]
    order: Asked,
}

#[derive(Subcommand)]
enum Asked {
    /// Prints address, agents, sessions and traffic as a JSON object
    Status,
    /// Has the host listen at another address; all agents keep their EIDs and sessions
    Move {
        /// IP:PORT
        to: String,
    },
    /// Searches the Discovery Space of a topic, and prints the EIDs of agents that are published there or answer through its hubs
    Search {
        /// The topic, as the agents name it (agent local listen --topic)
        topic: String,
        /// No more agents than this
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=32))]
        most: u8,
        /// How long it is searched, in milliseconds, unless all are found earlier
        #[arg(long, value_name = "MS", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(1..=8_000))]
        within: u64,
    },
    /// Has the host leave Forwarding Tickets in the directory, before it moves: peers of its agents that lose it find it there
    Forward {
        /// IP:PORT where the host will be
        to: String,
    },
    Dock(dock::Arguments),
}

/// What a host is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum Order {
    Status,
    Move { to: SocketAddr },
    Search { topic: String, most: u8, within: u64 },
    Forward { to: SocketAddr },
    Dock(DockOrder),
}

/// An order, and where its answer goes.
pub type Ordered = (Order, oneshot::Sender<Value>);

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let folder = Folder::new(&arguments.state);
    let answer = match &arguments.order {
        Asked::Status => told(&folder, &Order::Status).await?,
        Asked::Move { to } => told(&folder, &Order::Move { to: keys::address("move", to).await? }).await?,
        Asked::Search { topic, most, within } => {
            told(&folder, &Order::Search { topic: topic.clone(), most: *most, within: *within }).await?
        }
        Asked::Forward { to } => told(&folder, &Order::Forward { to: keys::address("forward", to).await? }).await?,
        Asked::Dock(arguments) => dock::run(&folder, arguments).await?,
    };
    print_line(&answer.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Gives a host an order, and returns what it says.
///
/// # Errors
/// It does not run, or refuses.
pub async fn told(folder: &Folder, order: &Order) -> Result<Value> {
    let answer = ask(folder, order).await?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer),
    }
}

/// Gives a host an order, and returns its answer.
pub async fn ask(folder: &Folder, order: &Order) -> Result<Value> {
    let none = || format!("no host runs in {}", folder.path().display());
    let mut stream = UnixStream::connect(folder.control()).await.with_context(none)?;
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    stream.write_all(&line).await.with_context(none)?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await.with_context(none)?;
    serde_json::from_slice(&answer).with_context(none)
}

/// Takes orders, each on a connection of its own.
pub async fn serve(listener: UnixListener, orders: mpsc::Sender<Ordered>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(tokio::time::timeout(PATIENCE, take(stream, orders.clone())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn take(stream: UnixStream, orders: mpsc::Sender<Ordered>) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(reader.take(LONGEST)).read_until(b'\n', &mut line).await?;
    let answer = match serde_json::from_slice(&line) {
        Ok(order) => {
            let (answer, answered) = oneshot::channel();
            orders.send((order, answer)).await?;
            answered.await?
        }
        Err(error) => serde_json::json!({ "error": format!("no order: {error}") }),
    };
    writer.write_all(answer.to_string().as_bytes()).await?;
    Ok(())
}
