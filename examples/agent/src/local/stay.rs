//! An agent that stays with its host: it comes back after a restart of either, and leaves in good order when it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

use crate::host::storage::Folder;
use crate::local::channel::{Ask, Channel, Found};
use crate::local::credentials::Credentials;
use crate::output::print_line;
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

/// How soon a host that has gone is looked for again.
pub const AGAIN: Duration = Duration::from_millis(200);
/// Notices that are taken in a row before what has come is made safe.
pub const BURST: usize = 512;

/// The host has gone, or the context in it.
#[derive(Debug)]
pub struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host has gone")
    }
}

impl std::error::Error for Gone {}

/// What an agent does as long as its host is there.
pub trait Serve {
    /// Takes what comes. It ends with [`Gone`] when the host goes, and with any other error for good.
    async fn serve(&mut self, channel: &mut Channel, found: Found) -> Result<()>;
}

/// Runs an agent until it is told to stop. It prints EID@ADDR, again if that changes, unless it is `silent`.
pub async fn stay(
    folder: &Folder,
    mut credentials: Credentials,
    silent: bool,
    timeline: &Timeline,
    agent: &mut impl Serve,
) -> Result<ExitCode> {
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot hear signals")?;
    let mut terminated = signal(SignalKind::terminate()).context("cannot hear signals")?;
    let (mut first, mut told) = (true, String::new());
    loop {
        let opened = match Channel::open(folder, &mut credentials).await {
            Ok(opened) => Some(opened),
            Err(error) if first => return Err(error),
            // It may be back in a moment.
            Err(_) => None,
        };
        let Some((mut channel, found)) = opened else {
            tokio::select! {
                () = tokio::time::sleep(AGAIN) => continue,
                _ = interrupted.recv() => return Ok(ExitCode::SUCCESS),
                _ = terminated.recv() => return Ok(ExitCode::SUCCESS),
            }
        };
        first = false;
        let eid = hex::encode(channel.eid().0);
        let address = format!("{eid}@{}", channel.place().run()?.at);
        if !silent && told != address {
            print_line(&address)?;
        }
        told = address;
        if channel.place().path() != folder.path() {
            let to = channel.place().path().display().to_string();
            timeline.note("agent", Event::Step(Step::Follows { to }));
        }
        timeline.note("agent", Event::Step(Step::Registered { eid, again: found != Found::New }));
        let gone = tokio::select! {
            gone = agent.serve(&mut channel, found) => gone,
            _ = interrupted.recv() => return leave(channel, &credentials).await,
            _ = terminated.recv() => return leave(channel, &credentials).await,
        };
        let Err(gone) = gone else { continue };
        if !gone.is::<Gone>() {
            return Err(gone);
        }
        if channel.is_unbound() {
            credentials.void();
        }
        timeline.note("agent", Event::Trouble { what: "the host has gone: waits for it".into() });
    }
}

/// The agent goes in good order: its peers are told, and its EID ends.
async fn leave(mut channel: Channel, credentials: &Credentials) -> Result<ExitCode> {
    // Once the frame is in the socket the host reads it, whatever becomes of this process.
    let _ = channel.say(0, Ask::Leave).await;
    credentials.forget()?;
    Ok(ExitCode::SUCCESS)
}
