//! `agent demo --roam`: the sender's host moves to another address in the middle of a transfer.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::host::control::{Order, ask};
use crate::host::storage::Folder;
use crate::stage::{self, Role, Stage};
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

const HOST_A: &str = "127.0.0.2:0";
const HOST_B: &str = "127.0.0.3:0";
/// Where host A moves to.
const ELSEWHERE: [u8; 4] = [127, 0, 0, 4];
/// Bytes of a file in one frame, at most.
const CONTENT: u64 = 879;

const HOLDS: &str = "the sender moved in the middle of the transfer; the file went on in the same session, nothing was lost, \
                     nothing came twice, and the digests are equal";

pub async fn run(timeline: &Timeline, file: Option<&Path>) -> Result<ExitCode> {
    stage::run(timeline, file, play, HOLDS).await
}

async fn play(stage: &mut Stage<'_>) -> Result<Vec<(bool, String)>> {
    let before = stage.host(Role::HostA, HOST_A).await?;
    let there = stage.host(Role::HostB, HOST_B).await?;
    let (eid, _) = stage.bob().await?;
    stage.alice(&format!("{eid}@{there}"))?;
    stage.safe(0, 1, 3).await?;

    let (host_a, host_b) = (Folder::new(&stage.folder(Role::HostA)), Folder::new(&stage.folder(Role::HostB)));
    let moved = order(&host_a, &Order::Move { to: SocketAddr::from((ELSEWHERE, 0)) }).await?;
    let after = moved["at"].as_str().context("host A does not say where it is")?.to_owned();
    let end = stage.delivered().await?;

    let status = order(&host_b, &Order::Status).await?;
    let frames = |at: &str, way: &str| status["places"][at][way].as_u64().unwrap_or_default();
    let generation = stage.told(Role::HostA).filter_map(|step| match step {
        Step::Context { generation, .. } => Some(*generation),
        _ => None,
    });
    let generation = generation.max().unwrap_or_default();
    let items = stage.bytes.div_ceil(CONTENT);
    Ok(vec![
        (end.unchanged, "what arrived is not what was sent".into()),
        (end.sessions == 1, format!("it took {} sessions", end.sessions)),
        (end.twice == 0, format!("{} items came twice", end.twice)),
        (generation > 0, "host A signed no new generation of its mapping".into()),
        // Each item came in a frame of its own, so some of them can only have come from the new address.
        (frames(&before, "received") < items, format!("everything came from {before}, before the move")),
        (frames(&after, "received") > 0, format!("nothing came from {after}")),
        (frames(&after, "sent") > 0, format!("nothing was answered at {after}")),
    ])
}

async fn order(host: &Folder, order: &Order) -> Result<Value> {
    let answer = ask(host, order).await?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer),
    }
}
