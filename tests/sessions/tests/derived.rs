//! Derivatives of agents through the LL-Entity: what a sandbox gets names no agent, and each ends with its time, its
//! session, its context, or by order of its own agent.

use iacp_core::erp::entity::{Done, derivative_of};
use iacp_core::erp::local::{LocalStatus, Request};
use iacp_core::erp::sandbox::Shut;
use iacp_core::identity::EsdEid;
use iacp_core::pss::Capabilities;
use iacp_wire::message::SandboxStream;
use iacp_wire::{Digest, Frame, Message};
use sessions::Weather;
use sessions::hosts::Hosts;
use sessions::two::Two;

fn opens(name: &EsdEid) -> Vec<u8> {
    frame(&name.digest(), 1, SandboxStream::OPENS, b"https://example.org/")
}

fn frame(name: &Digest, stream: u32, flags: u16, bytes: &[u8]) -> Vec<u8> {
    let head = SandboxStream { esd_eid: *name, stream: stream.into(), stream_flags: flags.into(), reserved: [0; 2] };
    let mut out = vec![0; 64 + bytes.len()];
    let length = Frame::new(Message::SandboxStream { head: &head, bytes }).write(&mut out).expect("there is room");
    out.truncate(length);
    out
}

fn derive(two: &mut Two, side: usize, in_session: bool, seconds: u32) -> EsdEid {
    match two.ask(side, in_session, &Request::Derive { seconds }) {
        Ok(Done::Derived(esd_eid)) => esd_eid,
        other => panic!("{other:?}"),
    }
}

fn two(seed: u64) -> Two {
    Two::new(seed, false, Weather::FAIR, Capabilities::NONE)
}

/// Whether the sandbox of this derivative still has a way out.
fn passes(two: &mut Two, name: &EsdEid, stream: u32) -> bool {
    let now = two.world.now;
    let bytes = frame(&name.digest(), stream, SandboxStream::OPENS, b"https://example.org/");
    match two.world.hosts[0].entity.take_sandbox(now, &bytes) {
        Ok(_) => true,
        Err(Shut::Unknown) => false,
        Err(other) => panic!("{other:?}"),
    }
}

// shows: IACP-057 (§4.1.4.3), IACP-058 (§4.1.4.3), IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
#[test]
fn a_sandbox_reaches_the_egress_by_its_derivative_and_learns_nothing_else() {
    let mut two = two(1);
    let name = derive(&mut two, 0, true, 60);
    let (eid, session, now) = (two.world.eid(0, 0), two.sessions[0], two.world.now);
    let bytes = opens(&name);
    assert_eq!(derivative_of(&bytes), Some(name.digest()));
    let entity = &mut two.world.hosts[0].entity;
    let (whose, of, egress) = entity.take_sandbox(now, &bytes).expect("it lives");
    assert_eq!((whose, of, egress.url), (eid, Some(session), Some("https://example.org/")));
    let mut out = [0; 256];
    let length = entity.sandbox_answer(now, &name.digest(), 1, (b"page", true), &mut out).expect("open");
    let toward = out[..length].to_vec();
    assert_eq!(toward, frame(&name.digest(), 1, SandboxStream::ENDS, b"page"));
    let plain = Digest([5; 32]);
    let now = two.world.now;
    let kept = two.world.hosts[0].with(now, 0, |desk, _| {
        desk.hand_off(&name, Some(&plain), (1, "https://example.org/"))
            .map(|context| (context.esd_eid, context.session_hash))
    });
    let (esd_eid, hash) = kept.expect("its own");
    assert_eq!(esd_eid, name.digest());
    assert_ne!(hash, plain, "the plain hash would name the agent");
    // Neither the EID, nor the token, nor a cookie is anywhere in what goes to the sandbox.
    let iat = *two.world.hosts[0].agents[0].iat().expose();
    for secret in [&eid.0[..], &iat] {
        assert!(!toward.windows(secret.len()).any(|window| window == secret));
    }
}

#[test]
fn another_agent_can_neither_end_a_derivative_nor_speak_of_it() {
    let mut two = two(2);
    let name = derive(&mut two, 0, false, 60);
    let now = two.world.now;
    let host = &mut two.world.hosts[0];
    let retract = Request::Retract(name.digest());
    assert_eq!(host.with(now, 1, |desk, rng| desk.ask(None, &retract, rng)), Err(LocalStatus::NotFound));
    assert!(host.with(now, 1, |desk, _| desk.hand_off(&name, None, (1, "https://example.org/")).is_none()));
    let never = Request::Retract(Digest([1; 32]));
    assert_eq!(
        host.with(now, 1, |desk, rng| desk.ask(None, &never, rng)),
        Err(LocalStatus::NotFound),
        "the same answer"
    );
    assert!(passes(&mut two, &name, 1));
    assert_eq!(two.ask(0, false, &retract), Ok(Done::Ok));
    assert!(!passes(&mut two, &name, 2));
    assert_eq!(two.ask(0, false, &retract), Err(LocalStatus::NotFound));
}

#[test]
fn a_derivative_ends_with_its_time_and_with_its_session_and_no_other_does() {
    let mut two = two(3);
    let [short, of_session, own] =
        [derive(&mut two, 0, false, 5), derive(&mut two, 0, true, 600), derive(&mut two, 0, false, 600)];
    two.run();
    assert!([&short, &of_session, &own].into_iter().all(|name| passes(&mut two, name, 1)));
    two.run();
    two.run();
    assert!(!passes(&mut two, &short, 2), "5 s are over");
    assert!(passes(&mut two, &of_session, 2) && passes(&mut two, &own, 2));
    assert_eq!(two.ask(0, true, &Request::Abort(0)), Ok(Done::Ok));
    assert!(!passes(&mut two, &of_session, 3), "in the step in which the session ends");
    assert!(passes(&mut two, &own, 3));
    assert_eq!(two.ask(0, false, &Request::Leave), Ok(Done::Left));
    assert!(!passes(&mut two, &own, 4), "the context is gone");
}

#[test]
fn a_stream_has_one_mebibyte_under_way_and_goes_on_when_the_egress_has_passed_some_on() {
    let mut two = two(7);
    let name = derive(&mut two, 0, false, 60);
    let now = two.world.now;
    let entity = &mut two.world.hosts[0].entity;
    let _ = entity.take_sandbox(now, &opens(&name)).expect("it lives");
    let full = frame(&name.digest(), 1, 0, &[7; 1 << 15]);
    for number in 0..32 {
        let (.., egress) = entity.take_sandbox(now, &full).unwrap_or_else(|shut| panic!("frame {number}: {shut}"));
        assert_eq!(egress.bytes.len(), 1 << 15);
    }
    let byte = frame(&name.digest(), 1, 0, &[7]);
    assert_eq!(entity.take_sandbox(now, &byte).err(), Some(Shut::Full));
    entity.sandbox_passed(now, &name.digest(), 2, 1);
    assert_eq!(entity.take_sandbox(now, &byte).err(), Some(Shut::Full), "that was another stream");
    entity.sandbox_passed(now, &name.digest(), 1, 1);
    assert!(entity.take_sandbox(now, &byte).is_ok());
    assert_eq!(entity.take_sandbox(now, &byte).err(), Some(Shut::Full), "one byte has gone, one has come");
}

#[test]
fn a_session_that_the_peer_ends_takes_its_derivatives_along() {
    let mut two = two(4);
    let name = derive(&mut two, 0, true, 600);
    assert_eq!(two.ask(1, true, &Request::Abort(0)), Ok(Done::Ok));
    two.run();
    assert!(!passes(&mut two, &name, 1));
    assert_eq!(two.ask(0, true, &Request::Derive { seconds: 5 }), Err(LocalStatus::NoSession));
}

#[test]
fn sixteen_derivatives_are_an_agents_share_and_ended_ones_do_not_count() {
    let mut two = two(5);
    let names: Vec<EsdEid> = (0..16).map(|_| derive(&mut two, 0, false, 600)).collect();
    assert_eq!(two.ask(0, false, &Request::Derive { seconds: 600 }), Err(LocalStatus::Capacity));
    let now = two.world.now;
    let other = two.world.hosts[0].with(now, 1, |desk, rng| desk.ask(None, &Request::Derive { seconds: 5 }, rng));
    assert!(matches!(other, Ok(Done::Derived(_))), "the other agent's share is its own: {other:?}");
    assert_eq!(two.ask(0, false, &Request::Retract(names[7].digest())), Ok(Done::Ok));
    derive(&mut two, 0, false, 600);
    assert_eq!(two.ask(0, false, &Request::Derive { seconds: 600 }), Err(LocalStatus::Capacity));
    // All are over after their time.
    for _ in 0..301 {
        two.run();
    }
    derive(&mut two, 0, false, 600);
}

#[test]
fn a_host_without_a_gate_makes_none() {
    let mut world = Hosts::bare(6);
    let now = world.now;
    let done = world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &Request::Derive { seconds: 5 }, rng));
    assert_eq!(done, Err(LocalStatus::Capacity));
    let body = [0; 192];
    let deposit = Request::Deposit { kind: 3, body: &body };
    let done = world.hosts[0].with(now, 0, |desk, rng| desk.ask(None, &deposit, rng));
    assert_eq!(done, Err(LocalStatus::Refused), "no root key, no record");
}
