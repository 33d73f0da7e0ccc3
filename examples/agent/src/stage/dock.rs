//! `agent demo --dock`: the sender's context moves to another host in the middle of a transfer.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::host::control::dock::dock;
use crate::host::control::{Order, ask, told};
use crate::host::docking::DockOrder;
use crate::host::storage::Folder;
use crate::stage::{self, Role, Stage};
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

const HOST_A: &str = "127.0.0.2:0";
const HOST_B: &str = "127.0.0.3:0";
const HOST_C: &str = "127.0.0.4:0";
/// Bytes of a file in one frame, at most.
const CONTENT: u64 = 879;

const HOLDS: &str = "the sender's context moved to another host in the middle of the transfer; the file went on in the same \
                     session under the same EID, nothing was lost, nothing came twice, the digests are equal, and what was \
                     sealed for the move opened once and never again";

pub async fn run(timeline: &Timeline, file: Option<&Path>) -> Result<ExitCode> {
    stage::run(timeline, file, play, HOLDS).await
}

async fn play(stage: &mut Stage<'_>) -> Result<Vec<(bool, String)>> {
    let before = stage.host(Role::HostA, HOST_A).await?;
    let there = stage.host(Role::HostB, HOST_B).await?;
    let after = stage.host(Role::HostC, HOST_C).await?;
    let (bob, _) = stage.bob().await?;
    stage.alice(&format!("{bob}@{there}"))?;
    let (eid, _) = stage.registered_as(Role::Alice, 0).await?;
    stage.safe(0, 1, 3).await?;

    let [host_a, host_b, host_c] = [Role::HostA, Role::HostB, Role::HostC].map(|role| Folder::new(&stage.folder(role)));
    let mark = stage.mark();
    let refused = moves(stage, &eid, &host_a, &host_b, &host_c).await?;
    let (same, again) = stage.registered_as(Role::Alice, mark).await?;
    let agents = [agents(&host_a).await?, agents(&host_c).await?];
    let end = stage.delivered().await?;

    let status = told(&host_b, &Order::Status).await?;
    let frames = |at: &str| status["places"][at]["received"].as_u64().unwrap_or_default();
    let generation = |role: Role| {
        let told = stage.told(role).filter_map(|step| match step {
            Step::Context { eid: of, generation, .. } if *of == eid => Some(*generation),
            _ => None,
        });
        told.max().unwrap_or_default()
    };
    let (old, new) = (generation(Role::HostA), generation(Role::HostC));
    let items = stage.bytes.div_ceil(CONTENT);
    Ok(vec![
        (end.unchanged, "what arrived is not what was sent".into()),
        ((&same, again) == (&eid, true), "alice is another agent on host C".into()),
        (end.sessions == 1, format!("it took {} sessions", end.sessions)),
        (end.twice == 0, format!("{} items came twice", end.twice)),
        (agents == [Some(0), Some(1)], format!("host A and host C have {agents:?} agents after the move")),
        (refused, "what was sealed for the move was imported a second time".into()),
        (new >= old && new > 0, format!("host C signed generation {new}, and host A {old}")),
        // Each item came in a frame of its own, so some of them can only have come from host C.
        (frames(&before) < items, format!("everything came from {before}, before the move")),
        (frames(&after) > 0, format!("nothing came from {after}")),
    ])
}

/// What `agent control … dock` does, step by step; whether a second import was refused everywhere.
async fn moves(stage: &mut Stage<'_>, eid: &str, from: &Folder, other: &Folder, to: &Folder) -> Result<bool> {
    let (exporter, importer) = (lii(from).await?, lii(to).await?);
    dock(from, DockOrder::Allow { lii: importer }).await?;
    let said = dock(to, DockOrder::Offer { eid: eid.to_owned(), from: exporter }).await?;
    let offer = said["offer"].as_str().context("host C offers nothing")?.to_owned();
    let (sealed, copy) = (stage.path("sealed"), stage.path("copy"));
    dock(from, DockOrder::Export { offer, to: sealed.clone(), compromised: false }).await?;
    std::fs::copy(&sealed, &copy).context("cannot copy what is sealed")?;
    let mark = stage.mark();
    dock(to, DockOrder::Import { blob: sealed }).await?;
    stage.until(Role::HostC, mark, |step| matches!(step, Step::Imported { .. }).then_some(())).await?;
    let mut refused = true;
    for (name, host) in [("host C, once more", to), ("host B, which has offered nothing", other)] {
        let said = ask(host, &Order::Dock(DockOrder::Import { blob: copy.clone() })).await?;
        let (told, why) = match said["error"].as_str() {
            Some(why) => (true, why),
            None => (false, "it is taken over again"),
        };
        stage.note(format!("a copy of what was sealed, to {name}: {why}"));
        refused &= told;
    }
    dock(from, DockOrder::Done { eid: eid.to_owned(), at: Some(to.path().to_owned()) }).await?;
    Ok(refused)
}

async fn lii(host: &Folder) -> Result<String> {
    let status = told(host, &Order::Status).await?;
    status["lii"].as_str().map(str::to_owned).context("a host does not say what it is called")
}

async fn agents(host: &Folder) -> Result<Option<u64>> {
    told(host, &Order::Status).await.map(|status: Value| status["agents"].as_u64())
}
