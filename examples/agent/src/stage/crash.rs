//! `agent demo --crash`: first the receiver, then its host is killed in the middle of a transfer, and each goes on from what is
//! on stable storage.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::stage::{self, Role, Stage};
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

const HOST_A: &str = "127.0.0.2:0";
const HOST_B: &str = "127.0.0.3:0";

const HOLDS: &str = "the receiver and its host were killed; both went on from stable storage under the same EID and a higher \
                     generation, no byte that was told to be safe was lost, and the digests are equal";

pub async fn run(timeline: &Timeline, file: Option<&Path>) -> Result<ExitCode> {
    stage::run(timeline, file, play, HOLDS).await
}

async fn play(stage: &mut Stage<'_>) -> Result<Vec<(bool, String)>> {
    stage.host(Role::HostA, HOST_A).await?;
    let there = stage.host(Role::HostB, HOST_B).await?;
    let (eid, _) = stage.bob().await?;
    stage.alice(&format!("{eid}@{there}"))?;

    // The agent: its context and its sessions live on in the host.
    stage.safe(0, 1, 4).await?;
    stage.kill(Role::Bob)?;
    let (first_safe, mark) = (safe(stage), stage.mark());
    let first = stage.bob().await?;
    let first_from = went_on(stage, mark).await?;

    // The host: sessions are lost; seeds, generations and files are not.
    stage.safe(mark, 3, 5).await?;
    stage.kill(Role::HostB)?;
    let (second_safe, before, mark) = (safe(stage), generation(stage, &eid), stage.mark());
    stage.host(Role::HostB, &there).await?;
    let second = stage.registered(mark).await?;
    let second_from = went_on(stage, mark).await?;
    let end = stage.delivered().await?;

    let after = generation(stage, &eid);
    Ok(vec![
        (end.unchanged, "what arrived is not what was sent".into()),
        (first == (eid.clone(), true), "bob came back as another agent".into()),
        (second == (eid, true), "bob is another agent since his host was killed".into()),
        (first_from >= first_safe, format!("bob went on at byte {first_from}, and {first_safe} were safe")),
        (second_from >= second_safe, format!("bob went on at byte {second_from}, and {second_safe} were safe")),
        (after > before, format!("generation {after} was signed after {before}")),
    ])
}

/// How many bytes are safe with bob, as alice has told.
fn safe(stage: &Stage<'_>) -> u64 {
    let told = stage.told(Role::Alice).filter_map(|step| match step {
        Step::Progress { done, .. } => Some(*done),
        _ => None,
    });
    told.max().unwrap_or_default()
}

/// The byte from which bob continues.
async fn went_on(stage: &mut Stage<'_>, mark: usize) -> Result<u64> {
    let from = |step: &Step| match step {
        Step::GoesOn { from, .. } => Some(*from),
        _ => None,
    };
    stage.until(Role::Bob, mark, from).await
}

/// The newest generation of this EID's mapping that host B has told.
fn generation(stage: &Stage<'_>, of: &str) -> u64 {
    let told = stage.told(Role::HostB).filter_map(|step| match step {
        Step::Context { eid, generation, .. } if eid == of => Some(*generation),
        _ => None,
    });
    told.max().unwrap_or_default()
}
