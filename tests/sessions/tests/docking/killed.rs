//! Whichever host is killed at whatever point, nothing is lost, and nothing is sealed twice.

use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::Stored;
use iacp_core::erp::dock::DockReason;
use iacp_wire::Eid;
use sessions::hosts::Hosts;

use crate::story::{Kind, MOVES, ROUGH, Story, TO};

fn seed(world: &Hosts, host: usize, eid: &Eid) -> Secret32 {
    Secret32::new(*world.hosts[host].entity.seed(eid).expect("it has a context").expose())
}

/// A host that has lost its memory goes on with an EID from its seed and this bound.
fn restored(story: &mut Story, host: usize, seed: &Secret32, bound: u64) {
    story.world.forget_all(host);
    let now = story.world.now;
    let host_of = &mut story.world.hosts[host];
    host_of.stored.insert(story.sides[1].own.0, bound);
    host_of.restore(now, &Stored::new(seed, bound));
    story.goes_on((host, 0));
    story.finish();
}

/// "Exported" was asked for and is not stored: the EID is still this host's.
#[test]
fn the_exporting_host_is_killed_before_the_word_is_stored() {
    let mut story = Story::in_mid_stream(21, Kind::Hold, ROUGH);
    let eid = story.sides[1].own;
    let (kept, bound) = (seed(&story.world, MOVES.0, &eid), story.world.hosts[MOVES.0].stored[&eid.0]);
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.hosts[MOVES.0].storage_works = false;
    story.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
    story.world.hosts[MOVES.0].storage_works = true;
    restored(&mut story, MOVES.0, &kept, bound);
}

/// The blob has never left: the host goes on above the bound that it has stored with the word.
#[test]
fn the_exporting_host_is_killed_before_the_blob_is_sealed() {
    let mut story = Story::in_mid_stream(22, Kind::Hold, ROUGH);
    let eid = story.sides[1].own;
    let kept = seed(&story.world, MOVES.0, &eid);
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
    let bound = story.world.hosts[MOVES.0].exported[&eid.0];
    restored(&mut story, MOVES.0, &kept, bound);
}

/// A blob that is lost is lost: peers hear silence, and the agent's record goes on.
#[test]
fn the_exporting_host_is_killed_with_the_blob() {
    let mut story = Story::in_mid_stream(23, Kind::Hold, ROUGH);
    let eid = story.sides[1].own;
    let kept = seed(&story.world, MOVES.0, &eid);
    let blob = story.exported();
    drop(blob);
    let bound = story.world.hosts[MOVES.0].exported[&eid.0];
    restored(&mut story, MOVES.0, &kept, bound);
}

/// After the export the old host is of no use: it sends a binding, and then it is gone.
#[test]
fn the_exporting_host_is_killed_after_the_blob_has_left() {
    let mut story = Story::in_mid_stream(24, Kind::Hold, ROUGH);
    let blob = story.exported();
    story.world.forget_all(MOVES.0);
    let moved = story.world.import(TO, blob).expect("it is open");
    story.arrived(moved.agent);
    story.finish();
}

/// The new host has not used the EID yet, so the old host continues with the seed that it has kept beside the mark
/// "exported".
#[test]
fn the_importing_host_is_killed_before_it_has_stored_the_bound() {
    let mut story = Story::in_mid_stream(25, Kind::Hold, ROUGH);
    let eid = story.sides[1].own;
    let kept = seed(&story.world, MOVES.0, &eid);
    let blob = story.exported();
    let bound = story.world.hosts[MOVES.0].exported[&eid.0];
    let at = story.world.at(TO);
    story.world.hosts[TO].storage_works = false;
    story.world.import(TO, blob).expect("it is open");
    let now = story.world.now.after(5_000);
    while story.world.now < now {
        story.world.step(now);
    }
    let shown = story.world.trace.iter().filter(|(_, from, _, bytes)| *from == at && bytes[4..36] == eid.0);
    assert_eq!(shown.count(), 0, "nothing is sent before the bound is stored");
    story.world.forget_all(TO);
    restored(&mut story, MOVES.0, &kept, bound);
}

#[test]
fn the_importing_host_is_killed_after_it_has_stored_the_bound() {
    let mut story = Story::in_mid_stream(26, Kind::Hold, ROUGH);
    let eid = story.sides[1].own;
    let blob = story.exported();
    let exported = story.world.hosts[MOVES.0].exported[&eid.0];
    story.world.import(TO, blob).expect("it is open");
    let bound = story.world.hosts[TO].stored[&eid.0];
    assert!(bound >= exported, "the bound {bound} is not below {exported}");
    let kept = seed(&story.world, TO, &eid);
    restored(&mut story, TO, &kept, bound);
}

/// A second export, from host to host to host, and back to where it began.
#[test]
fn an_agent_moves_again_and_comes_back() {
    for kind in [Kind::Resume, Kind::Hold] {
        let mut story = Story::in_mid_stream(27, kind, ROUGH);
        let agent = story.world.dock(MOVES, TO);
        story.arrived(agent);
        let done = story.sides[1].committed.len();
        story.until("on the new host", |story| story.sides[1].committed.len() > done + 3);
        story.until("it is BOUND there", |story| {
            story.world.hosts[TO].states.get(&agent).is_some_and(|(state, ..)| *state == crate::BOUND)
        });
        let eid = story.sides[1].own;
        let offer = story.world.offer(MOVES.0, TO, eid).expect("a slot is free");
        story.world.lock(TO, &offer, 0).expect("the offer holds");
        let blob = story.world.export(TO, &eid, DockReason::Planned, &[]).expect("it is stored");
        let moved = story.world.import(MOVES.0, blob).expect("it is open");
        story.arrived_at((MOVES.0, moved.agent));
        story.finish();
    }
}
