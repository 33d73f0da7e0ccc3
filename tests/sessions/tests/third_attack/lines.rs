//! Lines whose first frames are held up, and items that come once more after CONSUMED and REWIND.

use iacp_core::erp::local::Request;
use iacp_core::pss::Capabilities;
use iacp_core::slots::Handle;
use sessions::hosts::{Hosts, Told};
use sessions::raw::ROUTING;

use crate::{ask_to_open, bound, current, record, told};

const RESUME: Capabilities = Capabilities::RESUME;

fn send(world: &mut Hosts, host: usize, session: Handle, item: u64) -> bool {
    let now = world.now;
    world.hosts[host].with(now, 0, |desk, _| desk.send(session, item, &item.to_be_bytes())).is_ok()
}

fn ask(world: &mut Hosts, (host, agent): (usize, usize), session: Handle, request: &Request<'_>) {
    let now = world.now;
    let done = world.hosts[host].with(now, agent, |desk, rng| desk.ask(Some(session), request, rng));
    done.unwrap_or_else(|why| panic!("{request:?}: {why:?}"));
}

fn numbers(told: &Told) -> Vec<u64> {
    told.numbered.iter().map(|(number, _)| *number).collect()
}

/// The initiator's first frame, and its first item, are lost; then the link drops for a minute. Each side's handle.
fn late(world: &mut Hosts, resume: Option<&[u8; 56]>) -> (Handle, Handle) {
    let (here, there) = (world.at(0), world.at(1));
    let before: Vec<u64> = world.hosts[1].told.keys().map(|(_, bits)| *bits).collect();
    let sessions = world.hosts[1].entity.counts().1;
    let session = ask_to_open(world, (0, 1), (RESUME, false), resume).expect("a slot is free");
    let early = resume.is_none();
    assert_eq!(send(world, 0, session, 0), early, "with a record the first item is not known yet");
    assert!(world.run_until(5_000, |world| world.hosts[1].entity.counts().1 > sessions));
    let begin = world.trace.len();
    world.cut.push((here, there));
    world.run(300);
    // A heartbeat of the initiator confirms the keys: of all that it sends, this one comes through.
    let heartbeat =
        |bytes: &[u8]| bytes[..2] == [0x18, 0x10] && bytes[ROUTING + 1] >> 4 == 0xb && bytes[ROUTING + 20] & 0x80 != 0;
    let confirms = world.trace[begin..]
        .iter()
        .rfind(|(_, from, to, bytes)| (*from, *to) == (here, there) && heartbeat(bytes))
        .map(|(.., bytes)| bytes.clone())
        .expect("it has heard the responder");
    let now = world.now;
    world.put(now, here, there, confirms);
    world.run(300);
    world.cut.push((there, here));
    world.run_until(60_000, |_| false);
    world.cut.clear();
    let opened = |world: &Hosts| {
        let mut new = world.hosts[1].told.iter().filter(|((_, bits), _)| !before.contains(bits));
        new.find(|(_, told)| told.opened.is_some()).and_then(|((_, bits), _)| Handle::from_bits(*bits))
    };
    assert!(world.run_until(120_000, |world| opened(world).is_some()), "the responder's agent is told OPENED");
    (session, opened(world).expect("it is open"))
}

#[test]
fn a_first_frame_that_comes_while_the_two_sides_reconcile_is_answered() {
    let mut world = bound(1, 2, RESUME, false);
    let (session, other) = late(&mut world, None);
    for item in 0..3 {
        assert!(send(&mut world, 1, other, item));
    }
    assert!(send(&mut world, 0, session, 1));
    assert!(world.run_until(30_000, |world| {
        numbers(&told(world, 0, session)) == [0, 1, 2] && numbers(&told(world, 1, other)) == [0, 1]
    }));
    // It ends in good order.
    ask(&mut world, (0, 0), session, &Request::Close(0));
    ask(&mut world, (1, 0), other, &Request::Close(0));
    let closed = |world: &Hosts| told(world, 0, session).closed.is_some() && told(world, 1, other).closed.is_some();
    assert!(world.run_until(30_000, closed));
    let graceful = Some(iacp_core::erp::local::ClosureCode::Graceful);
    assert_eq!((told(&world, 0, session).closed, told(&world, 1, other).closed), (graceful, graceful));
}

#[test]
fn a_line_goes_on_although_its_first_frame_comes_while_the_two_sides_reconcile() {
    let mut world = bound(2, 2, RESUME, false);
    let first = ask_to_open(&mut world, (0, 1), (RESUME, false), None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    assert!(send(&mut world, 0, first, 0));
    let older = current(&world, 1).expect("it is open");
    assert!(send(&mut world, 1, older, 0) && send(&mut world, 1, older, 1));
    assert!(world.run_until(5_000, |world| told(world, 0, first).numbered.len() == 2));
    let line = told(&world, 0, first).opened.expect("it is open").1;
    let resumed = record(&world, 1, line, 2);
    let (session, other) = late(&mut world, Some(&resumed));
    assert!(world.run_until(30_000, |world| told(world, 0, session).opened.is_some()));
    assert_eq!(
        (told(&world, 0, session).opened.map(|opened| opened.1), told(&world, 1, other).opened.map(|opened| opened.1)),
        (Some(line), Some(line))
    );
    assert!(send(&mut world, 0, session, 1) && send(&mut world, 1, other, 2));
    assert!(world.run_until(30_000, |world| {
        numbers(&told(world, 0, session)) == [2] && numbers(&told(world, 1, other)) == [1]
    }));
}

/// As many items as the window takes have come and are not consumed; the line goes on in another session, which begins with them.
/// Its two handles.
fn held(world: &mut Hosts) -> (Handle, Handle) {
    let first = ask_to_open(world, (0, 1), (RESUME, true), None).expect("a slot is free");
    assert!(world.run_until(5_000, |world| current(world, 0).is_some() && current(world, 1).is_some()));
    for item in 0..16 {
        assert!(send(world, 0, first, item));
    }
    let older = current(world, 1).expect("it is open");
    assert!(world.run_until(5_000, |world| told(world, 1, older).numbered.len() == 16));
    let line = told(world, 0, first).opened.expect("it is open").1;
    let resumed = record(world, 1, line, 0);
    let session = ask_to_open(world, (0, 1), (RESUME, true), Some(&resumed)).expect("a slot is free");
    let opened =
        |world: &Hosts| current(world, 1).is_some_and(|next| next != older) && current(world, 0) == Some(session);
    assert!(world.run_until(5_000, opened));
    assert_eq!(told(world, 0, session).opened.expect("it is open").2, 0, "all of them are sent again");
    (session, current(world, 1).expect("it is open"))
}

/// The newest session of an agent that lives.
fn live(world: &Hosts, at: (usize, usize)) -> Option<(Handle, Told)> {
    let all = world.hosts[at.0].told.iter().filter(|((agent, _), _)| *agent == at.1);
    let mut live = all.filter(|(_, told)| told.opened.is_some() && told.closed.is_none());
    live.next_back().map(|((_, bits), told)| (Handle::from_bits(*bits).expect("a handle"), told.clone()))
}

/// Forty items go through, those of the window once more; the receiver consumes each, and is told none that it has consumed.
fn goes_on(world: &mut Hosts, at: (usize, usize)) {
    let (mut next, mut current, mut below) = (0, None, 16);
    let all = |world: &Hosts| -> Vec<u64> {
        let told = world.hosts[at.0].told.iter().filter(|((agent, _), _)| *agent == at.1);
        told.flat_map(|(_, told)| numbers(told)).collect()
    };
    let before = all(world).len();
    let until = world.now.after(120_000);
    while below < 40 {
        if let Some((handle, told)) = live(world, (0, 0)) {
            if current != Some(handle) {
                (current, next) = (Some(handle), told.opened.expect("it is open").2);
            }
            while next < 40 && send(world, 0, handle, next) {
                next += 1;
            }
        }
        let come = all(world);
        assert!(come[before..].iter().all(|number| *number >= 16), "what was consumed is not told again: {come:?}");
        while come.contains(&below) {
            below += 1;
        }
        if let Some((handle, _)) = live(world, at) {
            ask(world, at, handle, &Request::Consumed { below });
        }
        world.keep_alive();
        assert!(world.now < until, "it stands still at {below}, {next} were taken");
        let step = world.now.after(100);
        world.step(step);
    }
}

#[test]
fn a_session_goes_on_after_a_rewind_before_the_repeated_frames_have_come() {
    let mut world = bound(3, 2, RESUME, true);
    let (_, other) = held(&mut world);
    ask(&mut world, (1, 0), other, &Request::Consumed { below: 16 });
    ask(&mut world, (1, 0), other, &Request::Rewind);
    goes_on(&mut world, (1, 0));
}

#[test]
fn a_session_goes_on_after_rewinds_while_the_repeated_frames_come() {
    let mut world = bound(4, 2, RESUME, true);
    let (session, other) = held(&mut world);
    for item in 0..8 {
        assert!(send(&mut world, 0, session, item));
    }
    world.run(500);
    ask(&mut world, (1, 0), other, &Request::Consumed { below: 16 });
    ask(&mut world, (1, 0), other, &Request::Rewind);
    let (now, mut next) = (world.now, 8);
    while next < 12 && send(&mut world, 0, session, next) {
        next += 1;
    }
    ask(&mut world, (1, 0), other, &Request::Rewind);
    assert_eq!(world.now, now, "the frames are still on their way");
    let (mut below, until) = (16, world.now.after(60_000));
    while below < 40 {
        while next < 40 && send(&mut world, 0, session, next) {
            next += 1;
        }
        while numbers(&told(&world, 1, other)).contains(&below) {
            below += 1;
        }
        ask(&mut world, (1, 0), other, &Request::Consumed { below });
        world.keep_alive();
        assert!(world.now < until, "it stands still at {below}, {next} were taken");
        let step = world.now.after(100);
        world.step(step);
    }
}

#[test]
fn a_context_that_moves_before_the_repeated_frames_have_come_goes_on_at_the_other_host() {
    let mut world = bound(5, 3, RESUME, true);
    let (_, other) = held(&mut world);
    ask(&mut world, (1, 0), other, &Request::Consumed { below: 16 });
    let agent = world.dock((1, 0), 2);
    goes_on(&mut world, (2, agent));
}
