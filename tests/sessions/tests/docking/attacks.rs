//! The attacks that PROFILE 39 names about docking.

use iacp_core::erp::context::State;
use iacp_core::erp::dock::{DockError, DockReason, LASTS};
use iacp_core::erp::local::{ClosureCode, LocalStatus};
use iacp_wire::{Frame, Message};
use sessions::Weather;
use sessions::hosts::{Hosts, place};

use crate::story::{Kind, MOVES, STAYS, Story, TO};

/// Nothing has changed at the exporting host: the agent goes on.
fn goes_on_where_it_is(mut story: Story) {
    story.finish();
    assert_eq!(story.world.hosts[MOVES.0].entity.counts().0, 1);
}

// shows: IACP-129 (§5.6)
#[test]
fn an_offer_by_a_stranger_for_another_host_late_or_altered_changes_nothing() {
    let mut story = Story::in_mid_stream(1, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    let unix = story.world.unix();
    let host = &mut story.world.hosts[MOVES.0];
    assert_eq!(host.entity.lock(unix, &host.lii, |_| false, &offer, 0), Err(DockError::NotListed));
    for byte in [4, 36, 68, 100, 120, 160, 200] {
        let mut altered = offer.clone();
        altered[byte] ^= 1;
        assert!(story.world.lock(MOVES.0, &altered, 0).is_err(), "byte {byte}");
    }
    // For the agent of another host, or to this very host.
    assert_eq!(story.world.lock(STAYS.0, &offer, 0), Err(DockError::NotForUs));
    let other = story.world.eid(STAYS.0, STAYS.1);
    let wrong = story.world.offer(TO, MOVES.0, other).expect("another slot of offers is free");
    assert_eq!(story.world.lock(MOVES.0, &wrong, 0), Err(DockError::NoAgent));
    // After its time.
    story.run(LASTS);
    assert_eq!(story.world.lock(MOVES.0, &offer, 0), Err(DockError::Expired));
    goes_on_where_it_is(story);
}

// shows: IACP-131 (§5.6)
#[test]
fn a_blob_is_imported_once_and_only_by_the_host_that_has_offered() {
    let mut story = Story::in_mid_stream(2, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let blob = story.exported();
    // Replayed to a host that has offered nothing, and to one that has offered to take over another agent.
    assert_eq!(story.world.import(STAYS.0, blob.clone()), Err(DockError::NotForUs));
    let moved = story.world.import(TO, blob.clone()).expect("it is open");
    assert_eq!((moved.sessions, moved.left), (1, 0));
    assert_eq!(story.world.import(TO, blob), Err(DockError::NotForUs), "a second time");
    assert_eq!(story.world.offer(TO, MOVES.0, eid), Err(DockError::NoAgent), "it is here already");
    story.arrived(moved.agent);
    story.finish();
}

#[test]
fn a_blob_that_was_cut_mixed_or_altered_creates_nothing_and_ends_its_offer() {
    for change in 0..4 {
        let mut story = Story::in_mid_stream(3, Kind::Resume, Weather::FAIR);
        let blob = story.exported();
        let wrong = match change {
            0 => blob[..blob.len() - 1].to_vec(),
            1 => [&blob[..], &[0]].concat(),
            2 => {
                let mut altered = blob.clone();
                let last = altered.len() - 1;
                altered[last] ^= 1;
                altered
            }
            // The context alone, although it states that more follows.
            _ => blob[..176 + 24 + 216].to_vec(),
        };
        assert_eq!(story.world.import(TO, wrong), Err(DockError::Seal), "change {change}");
        assert_eq!(story.world.hosts[TO].entity.counts().0, 1, "no context was made");
        assert_eq!(story.world.import(TO, blob), Err(DockError::NotForUs), "the offer has ended");
    }
}

#[test]
fn a_blob_after_the_end_of_its_offer_is_refused() {
    let mut story = Story::in_mid_stream(4, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
    story.run(LASTS);
    // The exporting host checks the hour too, and does not export what no host could open.
    assert_eq!(story.world.export(MOVES.0, &eid, DockReason::Planned, &[]), Err(DockError::Expired));
    let now = story.world.now;
    assert_eq!(story.world.hosts[MOVES.0].entity.unlock(now, &eid), Ok(()));
    story.world.settle();
    assert!(story.world.hosts[MOVES.0].exported.is_empty(), "the mark was taken back");
    goes_on_where_it_is(story);
}

/// The attack *exporter goes on sealing*.
#[test]
fn after_an_export_the_old_host_seals_signs_and_tells_nothing_of_the_agent() {
    let mut story = Story::in_mid_stream(5, Kind::Resume, Weather::FAIR);
    let (eid, now) = (story.sides[1].own, story.world.now);
    let blob = story.exported();
    let host = &mut story.world.hosts[MOVES.0];
    assert!(host.entity.seed(&eid).is_none() && host.try_with(now, 0, |desk, _| desk.state()).is_none());
    assert_eq!(host.states.get(&0).map(|(state, ..)| *state), Some(State::Unbound), "the agent is told there");
    let (from, mark) = (story.world.at(MOVES.0), story.world.trace.len());
    let moved = story.world.import(TO, blob).expect("it is open");
    story.arrived(moved.agent);
    story.finish();
    for (_, at, to, bytes) in &story.world.trace[mark..] {
        // What still comes from the old host is the binding for the new one, and what others have sent it.
        let own = bytes[..2] == [0x18, 0x10] && bytes[4..36] == eid.0;
        assert!(!(*at == from && own), "a frame of the agent's from the old host to {to}");
    }
}

/// The attack *importer cloned after the offer*: the copy renews itself, as a host does that finds it was restored.
#[test]
fn a_copy_of_the_importing_host_opens_nothing() {
    let mut story = Story::in_mid_stream(6, Kind::Resume, Weather::FAIR);
    let blob = story.exported();
    let now = story.world.now;
    story.world.hosts[TO].renew(now);
    assert_eq!(story.world.import(TO, blob), Err(DockError::NotForUs));
    assert_eq!(story.world.hosts[TO].entity.counts().0, 1);
}

/// A copy that was made after the import has the key too. It signs nothing under the generation that names another place, and
/// the directory shows it that the EID is elsewhere.
#[test]
fn a_generation_that_names_another_place_is_never_signed_again() {
    let mut story = Story::in_mid_stream(7, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let before = story.world.newest(&eid).expect("it is registered");
    let blob = story.exported();
    // The importing host has moved since it has offered.
    story.world.move_host(TO, place(103));
    let moved = story.world.import(TO, blob).expect("it is open");
    story.arrived(moved.agent);
    story.finish();
    let newest = story.world.newest(&eid).expect("it is registered");
    assert_eq!((newest.generation, std::net::IpAddr::from(newest.ip)), (before.generation + 2, place(103)));
    let mut shown = std::collections::BTreeMap::new();
    for (.., bytes) in &story.world.trace {
        let Ok(frame) = iacp_wire::Frame::parse(bytes) else { continue };
        let Some(binding) = iacp_core::erp::binding::Binding::of_frame(&frame).filter(|binding| binding.eid == eid)
        else {
            continue;
        };
        let first = *shown.entry(binding.generation).or_insert(binding.ip);
        assert_eq!(first, binding.ip, "generation {} names two places", binding.generation);
    }
}

#[test]
fn exports_and_imports_that_come_twice_or_at_the_wrong_time_change_nothing() {
    let mut story = Story::in_mid_stream(8, Kind::Resume, Weather::FAIR);
    let (eid, now) = (story.sides[1].own, story.world.now);
    assert_eq!(story.world.export(MOVES.0, &eid, DockReason::Planned, &[]), Err(DockError::NoAgent), "not locked");
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.hosts[MOVES.0].storage_works = false;
    let length = story.world.lock(MOVES.0, &offer, 7).expect("the offer holds");
    assert_eq!(story.world.lock(MOVES.0, &offer, 7), Err(DockError::NotNow), "a second time");
    assert_eq!(
        story.world.export(MOVES.0, &eid, DockReason::Planned, b"its own"),
        Err(DockError::NotPersisted),
        "the word is not stored"
    );
    assert!(length > 176 + 24 + 216 + 24 + 7);
    let host = &mut story.world.hosts[MOVES.0];
    assert!(matches!(
        host.rotate(now, &eid, iacp_core::erp::agent::RotationReason::Compromise),
        Err(LocalStatus::NotNow)
    ));
    // Everything goes on meanwhile, and the host does not sign where it moves to.
    let generation = story.world.newest(&eid).expect("it is registered").generation;
    let done = story.sides[0].committed.len();
    story.run(5_000);
    assert!(story.sides[0].committed.len() > done);
    story.world.move_host(MOVES.0, place(104));
    story.run(5_000);
    assert_eq!(story.world.newest(&eid).expect("it is registered").generation, generation);
    story.world.hosts[MOVES.0].entity.unlock(story.world.now, &eid).expect("it is locked");
    story.world.hosts[MOVES.0].storage_works = true;
    story.world.settle();
    goes_on_where_it_is(story);
}

#[test]
fn what_an_agent_gives_along_arrives_and_its_listen_does() {
    let mut story = Story::in_mid_stream(9, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.lock(MOVES.0, &offer, 4_000).expect("the offer holds");
    let blob = story.world.export(MOVES.0, &eid, DockReason::Planned, &[7; 4_000]).expect("it is stored");
    let moved = story.world.import(TO, blob).expect("it is open");
    assert_eq!((moved.application, moved.reason), (vec![7; 4_000], DockReason::Planned));
    story.arrived(moved.agent);
    story.finish();
    // The peer's next session is taken: LISTEN has moved along.
    let (handle, _) = story.current(0).expect("it is open");
    let now = story.world.now;
    let reason = iacp_core::pss::TeardownReason::TaskComplete;
    story.world.hosts[STAYS.0].with(now, 0, |desk, _| desk.close(handle, reason)).expect("it is open");
    let before = story.world.hosts[TO].told.len();
    story.open(0, None).expect("it is BOUND");
    story.until("the next session", |story| story.world.hosts[TO].told.len() > before);
}

#[test]
fn after_a_compromise_the_eid_carries_its_sessions_for_a_minute_and_goes() {
    let mut story = Story::in_mid_stream(10, Kind::Resume, Weather::FAIR);
    let eid = story.sides[1].own;
    let offer = story.world.offer(TO, MOVES.0, eid).expect("a slot is free");
    story.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
    let blob = story.world.export(MOVES.0, &eid, DockReason::Compromise, &[]).expect("it is stored");
    let moved = story.world.import(TO, blob).expect("it is open");
    assert_eq!(moved.reason, DockReason::Compromise);
    story.arrived(moved.agent);
    story.until("it has gone", |story| story.world.newest(&eid).is_some_and(|binding| binding.is_leaving()));
    story.until("its peer is told", |story| {
        let (_, told) = story.world.hosts[STAYS.0].told_of(0, &eid).expect("a session");
        matches!(told.closed, Some(ClosureCode::ForcedByPeer))
    });
    assert!(crate::story::no_nonce_twice(&story.world) > 50);
}

#[test]
fn a_session_without_resume_ends_after_five_minutes_of_another_hosts_keys() {
    let mut story = Story::in_mid_stream(11, Kind::Plain, Weather::FAIR);
    let agent = story.world.dock(MOVES, TO);
    story.arrived(agent);
    let end = story.world.now.after(299_000);
    story.finish();
    story.run(end.0 - story.world.now.0);
    assert!(story.current(1).is_some(), "it lives on for 300 s");
    story.until("it has ended", |story| story.current(1).is_none());
}

#[test]
fn frames_for_an_exported_agent_go_on_by_erp_deflect_for_a_minute() {
    let mut story = Story::in_mid_stream(12, Kind::Resume, Weather::FAIR);
    let (old, peer) = (story.world.at(MOVES.0), story.world.at(STAYS.0));
    // The peer does not hear the new host, and goes on with the old one.
    let new = story.world.at(TO);
    story.world.cut.extend([(new, peer), (old, peer)]);
    let agent = story.world.dock(MOVES, TO);
    story.arrived(agent);
    let mark = story.world.trace.len();
    story.run(10_000);
    let deflected = |world: &Hosts, from: usize| {
        let sent = world.trace[from..].iter();
        let carried =
            |bytes: &[u8]| matches!(Frame::parse(bytes).map(|frame| frame.message), Ok(Message::ErpDeflect { .. }));
        sent.filter(|(_, at, to, bytes)| *at == old && *to == new && carried(bytes)).count()
    };
    assert!(deflected(&story.world, mark) > 0, "what the peer sends goes on");
    story.run(60_000);
    let mark = story.world.trace.len();
    story.run(20_000);
    assert_eq!(deflected(&story.world, mark), 0, "for a minute");
}
