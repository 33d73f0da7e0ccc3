//! The command line.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser};
use dropbox::{Limits, read_notice};
use mqtt::{Announcing, Broker, Heard, Listening, Seen, announce, listen, serve, topic_of};

/// Notifications about sealed objects over MQTT 3.1.1
///
/// A notification is a pointer and proves nothing. 'announce' publishes some, 'listen' brings the objects that they refer to into the
/// inbox of a file drop ('dropbox run' decides), 'broker' is a broker for one host.
#[derive(Parser)]
#[command(version)]
enum Command {
    Announce(Announce),
    Listen(Box<Listen>),
    /// Runs a broker that keeps nothing on disk, for one host and for tests
    Broker {
        /// Where: IP:PORT
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:1883")]
        bind: std::net::SocketAddr,
    },
}

#[derive(Args)]
struct At {
    /// The broker: HOST or HOST:PORT. The connection is not encrypted: a broker elsewhere belongs behind a tunnel
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883")]
    broker: String,
    /// The name to log in with
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the password in it
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

impl At {
    fn read(&self) -> Result<Broker> {
        let broker = Broker::parse(&self.broker)?;
        match (&self.user, &self.password_file) {
            (Some(user), Some(file)) => broker.with_login(user, file),
            _ => Ok(broker),
        }
    }
}

/// Publishes notifications, each for the receiver that it names, and ends when the broker has acknowledged all of them
#[derive(Args)]
struct Announce {
    #[command(flatten)]
    at: At,
    /// Files with a notification in each
    #[arg(required = true)]
    notice: Vec<PathBuf>,
    /// The broker keeps the last one of each receiver
    #[arg(long)]
    retain: bool,
    /// For how long the broker may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Brings the objects that notifications refer to into an inbox, to be judged like every other
///
/// A line for each message: its outcome. Ends with --count, or never.
#[derive(Args)]
struct Listen {
    #[command(flatten)]
    broker: At,
    /// The receiver's name: its notifications are listened to
    #[arg(long)]
    name: String,
    /// The inbox; made if it is not there
    #[arg(long, value_name = "INBOX")]
    into: PathBuf,
    /// Where it is remembered which notifications were handled; without it, until the process ends
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// The id by which the broker keeps messages for this listener while it is away
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    #[command(flatten)]
    limits: Limits,
    /// For how long one object may take, in seconds; an eighth of that if others wait when it begins
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Ends after so many messages
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// A JSON object in each line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Announce(arguments) => run_announce(&arguments),
        Command::Listen(arguments) => run_listen(*arguments),
        Command::Broker { bind } => serve(bind),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mqtt: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn run_announce(arguments: &Announce) -> Result<()> {
    let notices: Result<Vec<_>> = arguments.notice.iter().map(|path| read_notice(path)).collect();
    let (broker, notices) = (arguments.at.read()?, notices?);
    let time = Duration::from_secs(arguments.timeout);
    announce(&Announcing { broker: &broker, notices: &notices, retain: arguments.retain, time })
}

fn run_listen(arguments: Listen) -> Result<()> {
    let time = Duration::from_secs(arguments.timeout);
    let (session, bounds) = (arguments.limits.session("quic", time)?, arguments.limits.bounds(time)?);
    let seen = arguments.seen.as_deref().map_or_else(|| Ok(Seen::in_memory()), Seen::open)?;
    fs::create_dir_all(&arguments.into).with_context(|| format!("--into: cannot make {}", arguments.into.display()))?;
    let name = topic_of(&arguments.name).rsplit('/').next().unwrap_or_default().to_owned();
    let listening = Listening {
        broker: arguments.broker.read()?,
        client: arguments.client.unwrap_or_else(|| format!("cep-listen-{name}")),
        name: arguments.name,
        inbox: arguments.into,
        session,
        count: arguments.count,
    };
    let json = arguments.json;
    listen(&listening, move || bounds.clone(), seen, move |heard| say(&heard, json))?;
    match listening.count {
        Some(_) => Ok(()),
        None => bail!("the connection has ended"),
    }
}

fn say(heard: &Heard, json: bool) {
    let (what, about) = match heard {
        Heard::Subscribed => ("subscribed", ""),
        Heard::Lost(why) => ("lost", &**why),
        Heard::Put(name) => ("put", &**name),
        Heard::Again(what) => ("again", &**what),
        Heard::Refused(why) => ("refused", &**why),
        Heard::Kept(why) => ("kept", &**why),
    };
    if json {
        println!("{}", serde_json::json!({ "what": what, "about": about }));
    } else {
        println!("{what:<10}  {about}");
    }
}
