//! `dropbox fetch`.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use cep_envelope::notification::{Notification, Reference, Resolver};
use clap::Args;
use dropbox::{Fetched, Fetcher, Limits, is_session, read_notice};
use indicatif::{ProgressBar, ProgressStyle};

/// Fetches an object by its reference and puts it into an inbox, to be judged like every other
///
/// The reference is an https: address, an iacp: reference (an object that an agent gives out, 'agent listen --serve'), or that of a
/// notification. Over https: its manifest lies beside it, under the same path with
/// '+manifest.json' behind it, and comes first. Nothing is put into the inbox unless both are whole and belong together. Whether the
/// object goes on is the drop's decision ('dropbox run').
#[derive(Args)]
pub struct Arguments {
    /// Where the object is: https://… or iacp:EID/NAME
    #[arg(required_unless_present = "notice", conflicts_with = "notice")]
    reference: Option<String>,
    /// A file with a notification in it; its reference is fetched, and the notification goes into the inbox, too
    #[arg(long, value_name = "FILE")]
    notice: Option<PathBuf>,
    /// The object's surface, if the reference does not end with it
    #[arg(long, value_name = "SURFACE", conflicts_with = "notice")]
    name: Option<String>,
    /// Where the manifest is, if not beside the object: https://…
    #[arg(long, value_name = "REFERENCE")]
    manifest: Option<String>,
    /// The inbox; made if it is not there
    #[arg(long, value_name = "INBOX")]
    into: PathBuf,
    #[command(flatten)]
    limits: Limits,
    /// For how long all of it may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// iacp: only: what carries the session's frames, as the agent of the reference listens
    #[arg(long, value_name = "HOW", default_value = "quic", value_parser = ["quic", "udp"])]
    transport: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// The notification's reference, or the one that was given, with the surface that goes with it.
fn wanted<'a>(arguments: &'a Arguments, notice: Option<&Notification<'a>>) -> (&'a str, &'a str) {
    match notice {
        Some(notice) => (notice.envelope_ref.untrusted(), notice.envelope_name),
        None => (arguments.reference.as_deref().unwrap_or_default(), arguments.name.as_deref().unwrap_or_default()),
    }
}

fn by_session(arguments: &Arguments, reference: &str, name: &str) -> Result<Fetched> {
    ensure!(arguments.manifest.is_none(), "--manifest: an agent gives an object out together with its manifest");
    let session = arguments.limits.session(&arguments.transport, arguments.time())?;
    let mut session = session.context("--at is needed: an iacp: reference does not say where its agent listens")?;
    session.fetch(Reference::new(reference), name)
}

impl Arguments {
    const fn time(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let notice = arguments.notice.as_deref().map(read_notice).transpose()?;
    let bounds = arguments.limits.bounds(arguments.time())?;
    let bar = if stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bytes} of {total_bytes} {bar:30} {bytes_per_sec}, {eta} left")?);
    let mut progress = |bytes, length: Option<u64>| {
        if let Some(length) = length {
            bar.set_length(length);
        }
        bar.set_position(bytes);
    };
    let mut fetcher = Fetcher::new(bounds, &mut progress);
    fetcher.manifest.clone_from(&arguments.manifest);
    let said = notice.as_deref().map(Notification::read).transpose().map_err(|error| anyhow!("--notice: {error}"))?;
    let (reference, name) = wanted(arguments, said.as_ref());
    let fetched = if is_session(reference) {
        by_session(arguments, reference, name)
    } else {
        fetcher.fetch(Reference::new(reference), name)
    };
    let fetched = match &said {
        Some(notice) => fetched.with_context(|| format!("--notice: {}", notice.envelope_name.escape_debug())),
        None => fetched,
    };
    bar.finish_and_clear();
    let fetched = fetched?;
    fs::create_dir_all(&arguments.into).with_context(|| format!("--into: cannot make {}", arguments.into.display()))?;
    let sealed = dropbox::Sealed { name: fetched.name, outer: fetched.outer, digest: fetched.manifest };
    dropbox::drop_with_notice(&arguments.into, &sealed, &fetched.object, notice.as_deref())?;
    if arguments.json {
        let (name, bytes, digest) = (&sealed.name, fetched.object.len(), fetched.digest.to_string());
        let manifest = sealed.digest.to_string();
        let said = serde_json::json!({ "name": name, "bytes": bytes, "digest": digest, "manifest_digest": manifest });
        println!("{said}");
    } else {
        println!("{}", sealed.name);
    }
    Ok(ExitCode::SUCCESS)
}
