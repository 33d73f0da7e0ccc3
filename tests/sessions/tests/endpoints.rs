//! Endpoints through the LL-Entity: own ones, grants under a contract, updates at once, and the end with the EID.

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{LocalStatus, Request};
use iacp_core::pss::Capabilities;
use iacp_wire::Digest;
use sessions::Weather;
use sessions::hosts::{Hosts, place};
use sessions::two::{GLOBAL, READ, SUBSCRIBE, Two, WRITE, offer};

// shows: IACP-147 (§6.4.4), IACP-168 (§8.6), IACP-142 (§6.4.1)
#[test]
fn a_granted_endpoint_is_read_followed_and_written_by_the_peer() {
    for (seed, weather) in
        [(1, Weather::FAIR), (2, Weather { loss: 100, duplication: 50, jitter: 60, ..Weather::FAIR })]
    {
        let mut two = Two::new(seed, false, weather, offer());
        let door = two.endpoint(0, GLOBAL, b"door");
        two.write(0, door, b"shut").expect("it is there");
        // Nothing is granted yet: "no right" and "no such endpoint" are one answer.
        assert_eq!(two.ask_as(1, 7, true, &Request::Read(door)), Ok(Done::Later));
        assert_eq!(two.ask_as(1, 8, true, &Request::Read(Digest([3; 32]))), Ok(Done::Later));
        two.run();
        assert_eq!(two.result(1, 7), Some(Err(LocalStatus::NoAccess)));
        assert_eq!(two.result(1, 8), Some(Err(LocalStatus::NoAccess)));
        two.grant(0, door, READ | SUBSCRIBE | WRITE, 0).expect("under a contract");
        two.run();
        assert_eq!(two.told(1).expect("open").granted, [(door, 7, b"door".to_vec())]);
        // READ brings the value, and then its result.
        two.ask_as(1, 9, true, &Request::Read(door)).expect("granted");
        two.run();
        assert_eq!(two.result(1, 9), Some(Ok(())));
        assert_eq!(two.values(1), [(2, Some(b"shut".to_vec()))]);
        // SUBSCRIBE brings what is new, and no value twice.
        two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
        two.run();
        two.write(0, door, b"open").expect("it is there");
        two.run();
        assert_eq!(two.values(1).last(), Some(&(3, Some(b"open".to_vec()))));
        assert_eq!(two.values(1).len(), 2);
        // WRITE by the peer is applied by the owner; a version makes it a compare-and-set.
        let write = |if_version, value| Request::Write { coordinate: door, if_version, value };
        two.ask_as(1, 10, true, &write(3, b"ajar")).expect("granted");
        two.run();
        two.ask_as(1, 11, true, &write(3, b"late")).expect("granted");
        two.run();
        assert_eq!((two.result(1, 10), two.result(1, 11)), (Some(Ok(())), Some(Err(LocalStatus::Version))));
        let ((host, agent), now) = (two.at[0], two.world.now);
        let value = two.world.hosts[host].with(now, agent, |desk, _| desk.value(&door).map(|(v, b)| (v, b.to_vec())));
        assert_eq!(value, Some((4, b"ajar".to_vec())));
        assert_eq!(two.values(0), [(4, Some(b"ajar".to_vec()))], "the owner is told what a peer has written");
        // What is taken back gives nothing more; what is erased is GONE for those that may read it.
        two.grant(0, door, 0, 0).expect("it was granted");
        two.run();
        assert_eq!(two.told(1).expect("open").granted.last(), Some(&(door, 0, Vec::new())));
        let before = two.values(1).len();
        two.write(0, door, b"secret").expect("it is there");
        two.ask_as(1, 12, true, &Request::Read(door)).expect("asked");
        two.run();
        assert_eq!((two.result(1, 12), two.values(1).len()), (Some(Err(LocalStatus::NoAccess)), before));
    }
}

// shows: IACP-142 (§6.4.1)
#[test]
fn a_subscriber_gets_the_newest_value_and_items_keep_their_count() {
    let mut two = Two::new(3, false, Weather { delay: 40, ..Weather::FAIR }, offer());
    let lamp = two.endpoint(0, GLOBAL, b"lamp");
    two.grant(0, lamp, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: lamp, on: true }).expect("granted");
    two.run();
    let (host, agent) = two.at[0];
    let session = two.sessions[0];
    for number in 0..30_u64 {
        two.write(0, lamp, &number.to_be_bytes()).expect("it is there");
        let now = two.world.now;
        let sent = two.world.hosts[host].with(now, agent, |desk, _| desk.send(session, number, &number.to_be_bytes()));
        sent.expect("there is room");
        two.world.run(20);
    }
    two.run();
    let values = two.values(1);
    assert_eq!(values.last(), Some(&(31, Some(29_u64.to_be_bytes().to_vec()))), "the newest one came");
    assert!(values.windows(2).all(|pair| pair[0].0 < pair[1].0), "versions rise");
    // DELIVERED counts items, whatever else went between them.
    assert_eq!(two.told(0).expect("open").delivered, 30);
    assert_eq!(two.told(1).expect("open").items.len(), 30);
}

#[test]
fn a_local_endpoint_answers_on_its_own_host_only() {
    for (inside, wanted) in [(true, Ok(())), (false, Err(LocalStatus::NoAccess))] {
        let mut two = Two::new(4, inside, Weather::FAIR, offer());
        let note = two.endpoint(0, 0, b"note");
        two.grant(0, note, READ, 0).expect("under a contract");
        two.run();
        two.ask_as(1, 5, true, &Request::Read(note)).expect("asked");
        two.run();
        assert_eq!(two.result(1, 5), Some(wanted), "inside: {inside}");
        // Bridged, it answers as a global one does.
        let bridge = two.endpoint(0, 2, b"bridge");
        two.grant(0, bridge, READ, 0).expect("under a contract");
        two.run();
        two.ask_as(1, 6, true, &Request::Read(bridge)).expect("asked");
        two.run();
        assert_eq!(two.result(1, 6), Some(Ok(())), "inside: {inside}");
    }
}

/// The attack *local point reached from outside*: a link is what the carrier is, and never what an address looks like.
#[test]
fn a_local_endpoint_answers_on_a_link_and_rests_while_the_session_is_elsewhere() {
    let mut two = Two::new(14, false, Weather::FAIR, offer());
    let note = two.endpoint(0, 0, b"note");
    two.grant(0, note, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    let peer = two.world.hosts[1].at;
    two.world.hosts[0].links.push(peer);
    // The next frame from there comes by the link.
    two.ask_as(1, 5, true, &Request::Read(note)).expect("asked");
    two.run();
    assert_eq!(two.result(1, 5), Some(Ok(())));
    two.ask(1, true, &Request::Subscribe { coordinate: note, on: true }).expect("granted");
    two.run();
    two.write(0, note, b"near").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(2, Some(b"near".to_vec()))));
    // The peer moves away from the link: the grant rests, and nothing new leaves the link.
    two.world.move_host(1, place(88));
    two.run();
    two.run();
    two.write(0, note, b"only near").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(2, Some(b"near".to_vec()))));
    // Back on a link, the newest value comes.
    let there = two.world.hosts[1].at;
    two.world.hosts[0].links.push(there);
    two.run();
    two.ask_as(1, 6, true, &Request::Read(note)).expect("asked");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(3, Some(b"only near".to_vec()))));
}

#[test]
fn rights_end_by_time_and_need_a_contract() {
    let mut two = Two::new(5, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ, 5).expect("under a contract");
    two.run();
    two.ask_as(1, 1, true, &Request::Read(door)).expect("asked");
    two.run();
    assert_eq!(two.result(1, 1), Some(Ok(())));
    two.world.run(4_000);
    two.ask_as(1, 2, true, &Request::Read(door)).expect("asked");
    two.run();
    assert_eq!(two.result(1, 2), Some(Err(LocalStatus::NoAccess)));
    // Without a contract nothing is granted; without the capability nothing is asked.
    let mut bare = Two::new(6, false, Weather::FAIR, Capabilities::ENDPOINTS);
    let door = bare.endpoint(0, GLOBAL, b"door");
    assert_eq!(bare.grant(0, door, READ, 0), Err(LocalStatus::NotNow));
    let mut plain = Two::new(7, false, Weather::FAIR, Capabilities::SFC);
    let door = plain.endpoint(0, GLOBAL, b"door");
    assert_eq!(plain.grant(0, door, READ, 0), Err(LocalStatus::NotNow));
    assert_eq!(plain.ask(1, true, &Request::Subscribe { coordinate: door, on: true }), Err(LocalStatus::NotNow));
}

#[test]
fn an_erased_endpoint_is_gone_and_another_one_of_its_name_begins_anew() {
    let mut two = Two::new(8, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.write(0, door, b"shut").expect("it is there");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
    two.run();
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Ok(Done::Ok));
    two.run();
    assert_eq!(two.values(1), [(2, Some(b"shut".to_vec())), (0, None)]);
    assert_eq!(two.write(0, door, b"late"), Err(LocalStatus::NoAccess));
    assert_eq!(two.ask(0, false, &Request::Erase(door)), Err(LocalStatus::NoAccess));
    // The same name, from version 1: the peer follows it only if it is granted again.
    assert_eq!(two.endpoint(0, GLOBAL, b"door"), door);
    two.write(0, door, b"new").expect("it is there");
    two.run();
    assert_eq!(two.values(1).len(), 2, "no right is left over");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("known");
    two.run();
    two.write(0, door, b"newer").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last().map(|(_, value)| value.clone()), Some(Some(b"newer".to_vec())));
}

#[test]
fn endpoints_are_looked_up_in_their_own_context_and_have_a_share_of_their_own() {
    let mut two = Two::new(9, true, Weather::FAIR, offer());
    let mine = two.endpoint(0, GLOBAL, b"mine");
    // The other agent of the same host has the coordinate, and gets no more from it than a stranger.
    assert_eq!(two.write(1, mine, b"x"), Err(LocalStatus::NoAccess));
    assert_eq!(two.ask(1, false, &Request::Read(mine)), Err(LocalStatus::NoAccess));
    assert_eq!(two.ask(1, false, &Request::Erase(mine)), Err(LocalStatus::NoAccess));
    assert_eq!(two.grant(1, mine, READ, 0), Err(LocalStatus::NoAccess));
    // Eight places are one agent's share; the next one is refused, and the other agent has its own eight.
    for number in 1..8_u8 {
        two.endpoint(0, GLOBAL, &[b't', number]);
    }
    let more = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"more" };
    assert_eq!(two.ask(0, false, &more), Err(LocalStatus::Capacity));
    two.endpoint(1, GLOBAL, b"more");
    // Tags of the protocol's own, and one that is there, are refused.
    let own = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"IACP/1 pair" };
    assert_eq!(two.ask(1, false, &own), Err(LocalStatus::Refused));
    let again = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"more" };
    assert_eq!(two.ask(1, false, &again), Err(LocalStatus::Refused));
    let value = vec![1; 836];
    let long = Request::Write { coordinate: mine, if_version: 0, value: &value };
    assert_eq!(two.ask(0, false, &long), Err(LocalStatus::TooLong));
}

// shows: IACP-132 (§6.1.1)
#[test]
fn endpoints_end_with_their_eid() {
    let mut two = Two::new(10, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.write(0, door, b"a value that is not read any more").expect("it is there");
    let ((host, agent), now) = (two.at[0], two.world.now);
    let eid = two.world.eid(host, agent);
    two.world.hosts[host].with(now, agent, |desk, rng| desk.ask(None, &Request::Leave, rng)).expect("it is there");
    two.run();
    // The next agent in the same slot finds nothing of it.
    let now = two.world.now;
    let new = two.world.hosts[host].init(now);
    assert_ne!(two.world.eid(host, new), eid);
    let found = two.world.hosts[host].with(now, new, |desk, _| desk.value(&door).is_some());
    assert!(!found);
    let made = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"door" };
    let other = two.world.hosts[host].with(now, new, |desk, rng| desk.ask(None, &made, rng));
    assert!(matches!(other, Ok(Done::Coordinate(coordinate)) if coordinate != door), "another EID, another coordinate");
}

#[test]
fn endpoints_follow_a_move() {
    let mut two = Two::new(11, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: door, on: true }).expect("granted");
    two.run();
    two.world.move_host(0, place(77));
    two.write(0, door, b"on the way").expect("it is there");
    assert!(two.world.run_until(60_000, Hosts::all_bound));
    two.run();
    two.write(0, door, b"there").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(3, Some(b"there".to_vec()))));
}

#[test]
fn no_more_requests_are_under_way_than_a_session_may_have() {
    let mut two = Two::new(12, false, Weather::FAIR, offer());
    let door = Digest([4; 32]);
    for number in 0..8 {
        assert_eq!(two.ask_as(1, number, true, &Request::Read(door)), Ok(Done::Later));
    }
    assert_eq!(two.ask_as(1, 8, true, &Request::Read(door)), Err(LocalStatus::Capacity));
    two.run();
    assert_eq!(two.told(1).expect("open").results.len(), 8, "each is answered");
    assert_eq!(two.ask_as(1, 9, true, &Request::Read(door)), Ok(Done::Later));
}

// shows: IACP-132 (§6.1.1)
#[test]
fn an_offer_carries_no_capability_that_the_host_has_no_table_for() {
    use iacp_core::crypto::Portable;
    use iacp_core::erp::entity::{Done, HostSettings, LlEntity};
    use iacp_core::erp::local::{Listen, Open};
    use iacp_core::pss::Terms;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
    use sessions::Mono;
    use sessions::hosts::memory;
    let all = offer().with(Capabilities::EXCLUSIVE).with(Capabilities::RESUME);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let settings = HostSettings::at(place(1)).without_directory();
    let mut entity =
        LlEntity::<Portable, 8192, 16, 64>::new(memory(2, 4, 4), settings, Mono(0), &mut rng).expect("it suffices");
    let first = entity.init(Mono(0), None, Digest::ZERO, &mut rng).expect("a slot");
    let second = entity.init(Mono(0), None, Digest::ZERO, &mut rng).expect("a slot");
    while let Some(request) = entity.poll_request() {
        if let iacp_core::erp::entity::HostRequest::Persist { eid, what } = request {
            entity.persisted(Mono(0), &eid, what);
        }
    }
    let listen = Listen {
        capabilities: all,
        terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 },
        sessions: 1,
        hold: false,
    };
    entity.desk(Mono(0), &second).expect("its token").listen(listen).expect("a window");
    let open = Open { peer: second.eid(), at: None, hold: false, offer: all, resume: None, proof: None };
    let opened = entity.desk(Mono(0), &first).expect("its token").ask(None, &Request::Open(open), &mut rng);
    assert!(matches!(opened, Ok(Done::Session(_))));
    let mut head = [0; iacp_core::erp::entity::HEAD];
    let mut inits = 0;
    for step in 0..200 {
        let now = Mono(step * 10);
        entity.handle_deadline(now, &mut rng);
        while let Some(transmit) = entity.poll_transmit(now, &mut head) {
            let mut bytes = [transmit.head, transmit.body].concat();
            if let Ok(frame) = iacp_wire::Frame::parse(&bytes[76..])
                && let iacp_wire::Message::PssInit(init) = frame.message
            {
                inits += 1;
                assert_eq!(init.capabilities.get() & 0x38, 0, "neither ENDPOINTS nor RESUME nor EXCLUSIVE");
            }
            entity.handle(now, iacp_core::erp::entity::INSIDE, &mut bytes, &mut rng);
        }
    }
    assert!(inits > 0, "it was sent");
    for agent in [&first, &second] {
        let made = Request::Endpoint { flags: GLOBAL, rotation: 0, tag: b"door" };
        let asked = entity.desk(Mono(2_000), agent).expect("its token").ask(None, &made, &mut rng);
        assert_eq!(asked, Err(LocalStatus::Capacity));
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn an_agent_in_another_process_has_endpoints_by_frames() {
    use iacp_wire::message::{AaiRequest, ErpInit, Local};
    use iacp_wire::{Eid, Frame, IatField, InitializationNonce, Message};
    let mut world = Hosts::new(15, 1, 0, false);
    let frame = |message: Message<'_>| {
        let mut bytes = vec![0; 1_200];
        let length = Frame::new(message).write(&mut bytes).expect("it fits");
        bytes.truncate(length);
        bytes
    };
    let now = world.now;
    let init = ErpInit { initialization_nonce: InitializationNonce([9; 32]) };
    let answer = world.hosts[0].local(now, 0, &frame(Message::ErpInit(&init))).expect("ERP_ALLOC");
    let Ok(Frame { message: Message::ErpAlloc(alloc), .. }) = Frame::parse(&answer) else { panic!("no ERP_ALLOC") };
    let (eid, iat): (Eid, _) = (alloc.allocated_eid, alloc.local_iat.0);
    let ask = |world: &mut Hosts, op: u16, request: u32, arguments: &[u8]| {
        let head = AaiRequest { op: op.into(), op_reserved: 0.into(), request: request.into(), session: 0.into() };
        let inner = frame(Message::AaiRequest { head: &head, arguments });
        let local = frame(Message::Local { head: &Local { eid, local_iat: IatField(iat) }, inner: &inner });
        world.hosts[0].local(now, 0, &local).expect("its token")
    };
    // What stands before the notice: LOCAL, the EID, a token of zeros.
    let local = |payload: u16| format!("1860{payload:04x}{}{}", hex(&eid.0), "00".repeat(32));
    let notice = |notice: u16, status: u16, request: u32, content: &str| {
        let length = 16 + content.len() / 2;
        let head = format!("1880{length:04x}{notice:04x}{status:04x}{request:08x}{}", "00".repeat(8));
        format!("{}{head}{content}", local(u16::try_from(64 + 4 + length).expect("short")))
    };
    // ENDPOINT: global, tag "door"; RESULT brings the coordinate, SHA-256 of EID and tag.
    let made = ask(&mut world, 11, 1, b"\x01\x04\0\0\0\0door");
    let door = <iacp_core::crypto::Portable as iacp_core::crypto::Provider>::sha256(&[&eid.0, b"door"]);
    assert_eq!(hex(&made), notice(1, 0, 1, &hex(&door)));
    // WRITE if the version is 1, and once more: 43 VERSION.
    let write = [&door[..], &1_u64.to_be_bytes(), b"shut"].concat();
    assert_eq!(hex(&ask(&mut world, 12, 2, &write)), notice(1, 0, 2, ""));
    assert_eq!(hex(&ask(&mut world, 12, 3, &write)), notice(1, 43, 3, ""));
    // READ is answered by VALUE and RESULT, one behind the other; with number 0 by VALUE alone.
    let value = notice(12, 0, 0, &format!("{}0000000000000002{}", hex(&door), hex(b"shut")));
    assert_eq!(hex(&ask(&mut world, 13, 4, &door)), format!("{value}{}", notice(1, 0, 4, "")));
    assert_eq!(hex(&ask(&mut world, 13, 0, &door)), value);
    // TRUST of an endpoint that is not sealed; GRANT and SUBSCRIBE need a session.
    let trust = [&door[..], &[7; 32], &[1]].concat();
    assert_eq!(hex(&ask(&mut world, 17, 5, &trust)), notice(1, 21, 5, ""));
    let grant = [&door[..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(hex(&ask(&mut world, 15, 6, &grant)), notice(1, 21, 6, ""));
    assert_eq!(hex(&ask(&mut world, 16, 7, &[&door[..], &[1]].concat())), notice(1, 21, 7, ""));
    // ERASE, and nothing is left.
    assert_eq!(hex(&ask(&mut world, 14, 8, &door)), notice(1, 0, 8, ""));
    for (op, arguments) in [(12, &write[..]), (13, &door[..]), (14, &door[..]), (17, &trust[..])] {
        assert_eq!(hex(&ask(&mut world, op, 9, arguments)), notice(1, 38, 9, ""), "op {op}: 38 NO_ACCESS");
    }
}

#[test]
fn notices_about_endpoints_are_written_as_drawn() {
    use iacp_core::erp::local::AgentEvent;
    let coordinate = Digest([0x22; 32]);
    let at = "22".repeat(32);
    let session = iacp_core::slots::Handle::from_bits(0x0000_0001_0000_0005);
    for (event, golden) in [
        (
            AgentEvent::Value { coordinate, version: 9, value: b"abc" },
            format!("1880003b 000c0000 00000000 0000000100000005 {at} 0000000000000009 616263"),
        ),
        (AgentEvent::Gone { coordinate }, format!("18800030 000d0000 00000000 0000000100000005 {at}")),
        (
            AgentEvent::Granted { coordinate, rights: 5, seconds: 60, tag: b"door" },
            format!("1880003c 000e0000 00000000 0000000100000005 {at} 0005 0000 0000003c 646f6f72"),
        ),
    ] {
        let golden = golden.replace(' ', "");
        let mut out = [0; 200];
        let length = event.write(session, &mut out).expect("it fits");
        assert_eq!(hex(&out[..length]), golden);
        for short in 0..length {
            assert!(event.write(session, &mut out[..short]).is_err(), "{short} bytes");
        }
    }
}

#[test]
fn what_a_session_carries_ends_with_it() {
    let mut two = Two::new(16, false, Weather::FAIR, offer());
    let door = two.endpoint(0, GLOBAL, b"door");
    two.grant(0, door, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(0, true, &Request::Abort(1)).expect("it lives");
    two.run();
    for (side, request) in [
        (0, Request::Grant { coordinate: door, rights: READ, seconds: 0 }),
        (1, Request::Read(door)),
        (1, Request::Subscribe { coordinate: door, on: true }),
    ] {
        let asked = two.ask(side, true, &request);
        assert!(matches!(asked, Err(LocalStatus::Finished | LocalStatus::NoSession)), "{request:?}: {asked:?}");
    }
    // The endpoint is the EID's, and goes on.
    two.write(0, door, b"still here").expect("it is there");
}

#[test]
fn a_subscription_that_comes_while_the_reach_is_too_wide_counts_when_it_is_near() {
    let mut two = Two::new(23, false, Weather::FAIR, offer());
    let note = two.endpoint(0, 0, b"note");
    two.grant(0, note, READ | SUBSCRIBE, 0).expect("under a contract");
    two.run();
    two.ask(1, true, &Request::Subscribe { coordinate: note, on: true }).expect("granted");
    two.write(0, note, b"near").expect("it is there");
    two.run();
    assert_eq!(two.values(1), [], "nothing leaves the link");
    let peer = two.world.hosts[1].at;
    two.world.hosts[0].links.push(peer);
    two.ask_as(1, 5, true, &Request::Read(note)).expect("asked");
    two.run();
    two.write(0, note, b"nearer").expect("it is there");
    two.run();
    assert_eq!(two.values(1).last(), Some(&(3, Some(b"nearer".to_vec()))));
}
