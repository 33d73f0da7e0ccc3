//! What is only a hint: ERROR, POM_NOTICE, and a standing that was true once. Forged ones change nothing, and true ones lead to a
//! question whose answer proves itself.

use iacp_core::crypto::{Portable, Secret32};
use iacp_core::erp::agent::RotationReason;
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::{Done, Dropped, NotAccused};
use iacp_core::erp::local::{Listen, LocalStatus, Open, Request};
use iacp_core::governance::malfeasance::{Offence, Unproven, accuse};
use iacp_core::identity::Identity;
use iacp_core::pss::{Admission, Capabilities, Terms};
use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
use iacp_wire::{Eid, Frame, Locator, MessageType};
use sessions::hosts::{Hosts, place};
use sessions::two::Two;
use sessions::{Mono, Weather};

const NOW: u64 = 1_790_000_000_000;
const ID: [u8; 32] = [0xac; 32];
const EPOCH: u64 = 59_666_666;

fn world(seed: u64) -> Hosts {
    let mut world = Hosts::new(seed, 1, 2, true);
    assert!(world.run_until(60_000, Hosts::all_bound));
    world
}

/// Gives a datagram to the first host, as if it came from the first node. Returns why it had no effect, if it had none.
fn give(world: &mut Hosts, bytes: Vec<u8>) -> Option<Dropped> {
    let (from, to, now) = (world.nodes[0].at, world.hosts[0].at, world.now);
    let before = world.hosts[0].dropped.len();
    world.put(now, from, to, bytes);
    world.run(1);
    world.hosts[0].dropped.get(before).copied()
}

/// The identity of an agent, by its seed.
fn own(world: &Hosts, agent: usize) -> Identity<Portable> {
    let seed = world.hosts[0].entity.seed(&world.eid(0, agent)).expect("its context");
    Identity::from_seed(&Secret32::new(*seed.expose()))
}

fn fragment(identity: &Identity<Portable>, last: u8, generation: u64) -> HeaderFragment {
    let binding = Binding::sign(identity, Locator::from(place(last)), generation);
    HeaderFragment { ip: binding.ip, generation_counter: generation.into(), signature: binding.signature }
}

/// The host gets an accusation against an EID of its own; returns what comes of it.
fn answer(world: &mut Hosts, offender: Eid, pair: [HeaderFragment; 2]) -> Result<(), NotAccused> {
    let accuser = Identity::<Portable>::from_seed(&Secret32::new([77; 32]));
    let [one, other] = pair;
    let (ticket, evidence) = accuse(&accuser, offender, one, other, NOW);
    let data = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
    let answered = world.hosts[0].entity.answer_accusation(&data);
    world.run(1);
    answered
}

// shows: IACP-102 (§4.2.7.2)
#[test]
fn a_forged_pom_notice_asks_nothing() {
    let mut world = world(1);
    let eid = world.eid(0, 0);
    let sound = world.nodes[3].notice(&eid, &ID, EPOCH);
    for bit in [8 * 5, 8 * 50, 8 * 70, 8 * 90, 8 * 110, 8 * 171] {
        let mut altered = sound.clone();
        altered[bit / 8] ^= 1;
        let why = give(&mut world, altered);
        assert!(matches!(why, Some(Dropped::Signature | Dropped::NoAgent | Dropped::NotAsked)), "bit {bit}: {why:?}");
    }
    // A stranger with a key of its own is not one of the EID's nodes; an offender of another host is not ours.
    let strangers = Hosts::new(99, 0, 0, true);
    assert_eq!(give(&mut world, strangers.nodes[0].notice(&eid, &ID, EPOCH)), Some(Dropped::NotAsked));
    let elsewhere = world.nodes[3].notice(&Eid([5; 32]), &ID, EPOCH);
    assert_eq!(give(&mut world, elsewhere), Some(Dropped::NoAgent));
    let cut = sound[..sound.len() - 1].to_vec();
    assert_eq!(give(&mut world, cut), Some(Dropped::Malformed));
    assert!(world.fetched.is_empty() && world.hosts[0].affairs.is_empty());
    // None of them stands in the way of a true one.
    assert_eq!(give(&mut world, sound), None);
    assert_eq!(world.fetched.iter().map(|(_, of)| *of).collect::<Vec<_>>(), [eid]);
}

// shows: IACP-102 (§4.2.7.2)
#[test]
fn a_true_pom_notice_is_a_question_and_the_accusation_proves_itself() {
    let mut world = world(2);
    let (eid, key, other) = (world.eid(0, 0), own(&world, 0), own(&world, 1));
    for node in 0..7 {
        let notice = world.nodes[node].notice(&eid, &ID, EPOCH);
        let why = give(&mut world, notice);
        assert_eq!(why, if node == 0 { None } else { Some(Dropped::NotNow) }, "seven nodes, one question");
    }
    assert_eq!(world.fetched.len(), 1);
    world.run(30_000);
    let notice = world.nodes[6].notice(&eid, &ID, EPOCH);
    assert_eq!(give(&mut world, notice), None, "one in each epoch");
    assert_eq!(world.fetched.len(), 2);
    // What proves nothing changes nothing.
    let places = |identity: &Identity<Portable>| [fragment(identity, 1, 7), fragment(identity, 2, 7)];
    for (offender, pair, why) in [
        (eid, [fragment(&key, 1, 7), fragment(&key, 2, 8)], NotAccused::Unproven(Unproven::Generations)),
        (eid, [fragment(&key, 1, 7), fragment(&key, 1, 7)], NotAccused::Unproven(Unproven::SamePlace)),
        (eid, places(&other), NotAccused::Unproven(Unproven::Fragment)),
        (Eid([5; 32]), places(&key), NotAccused::NotHere),
    ] {
        assert_eq!(answer(&mut world, offender, pair), Err(why));
    }
    assert!(world.hosts[0].affairs.is_empty());
    // Two places under one generation: this host never signed both, so the key is compromised. This is reported once.
    for _ in 0..3 {
        assert_eq!(answer(&mut world, eid, places(&key)), Ok(()));
    }
    let affair = format!("accused {:02x?} {:?}", eid.0, Offence::Equivocation);
    assert_eq!(world.hosts[0].affairs, [affair]);
    // An accused EID does not walk away, but for compromise; the other agent is not concerned.
    let now = world.now;
    let refused = world.hosts[0].rotate(now, &eid, RotationReason::Administrative);
    assert!(matches!(refused, Err(LocalStatus::Refused)));
    let another = world.eid(0, 1);
    assert!(world.hosts[0].rotate(now, &another, RotationReason::Administrative).is_ok());
    assert!(world.hosts[0].rotate(now, &eid, RotationReason::Compromise).is_ok());
}

/// CHALLENGED in answer to a registration, by f + 1 nodes, has the accusation fetched too: the agent gets the notice
/// that it is accused, and the proof shows whether that is true.
#[test]
fn nodes_that_answer_challenged_have_the_accusation_fetched() {
    let mut world = world(3);
    for node in &mut world.nodes {
        node.status = Some(3);
    }
    world.move_host(0, place(70));
    world.run(5_000);
    let mut asked: Vec<[u8; 32]> = world.fetched.iter().map(|(_, eid)| eid.0).collect();
    asked.sort_unstable();
    let mut both = [world.eid(0, 0).0, world.eid(0, 1).0];
    both.sort_unstable();
    assert_eq!(asked, both, "once of each EID");
}

// shows: IACP-102 (§4.2.7.2)
#[test]
fn an_accusation_that_was_hidden_at_the_beginning_is_read_within_300_s() {
    let mut two = Two::new(4, false, Weather::FAIR, Capabilities::NONE);
    let peer = two.world.eid(1, 0);
    // The nodes that were asked first did not mention it; in the next read an honest one is among k.
    two.world.standings.insert(peer.0, Admission::Drop);
    let since = two.world.now;
    two.world.run_until(330_000, |_| false);
    let times: Vec<Mono> = two.world.asked.iter().filter(|(_, eid)| *eid == peer).map(|(at, _)| *at).collect();
    assert!(times.iter().any(|at| *at > since && *at <= since.after(316_000)), "{times:?}");
    assert!(times.iter().filter(|at| **at > since).count() <= 2, "and not more often: {times:?}");
    assert_eq!(two.told(0).expect("open").closed, None, "the session goes on");
    let open = Open { peer, at: None, hold: false, offer: Capabilities::NONE, resume: None, proof: None };
    let Ok(Done::Session(handle)) = two.ask_as(0, 9, false, &Request::Open(open)) else { panic!("it is looked up") };
    two.world.run(1_000);
    let told = &two.world.hosts[0].told[&(0, handle.bits())];
    assert_eq!(told.results, [(9, Err(LocalStatus::Standing))], "no new session");
}

/// ERROR is a hint that nothing waits for: whatever its code, and whatever it echoes, it ends, delays and answers
/// nothing.
#[test]
fn a_forged_error_ends_delays_and_answers_nothing() {
    use iacp_core::crypto::Provider;
    let run = |forged: bool| {
        let mut two = Two::new(5, false, Weather::FAIR, Capabilities::NONE);
        let session = two.sessions[0];
        for number in 0..60_u64 {
            let now = two.world.now;
            let sent = two.world.hosts[0].with(now, 0, |desk, _| desk.send(session, number, &number.to_be_bytes()));
            sent.expect("there is room");
            two.world.run(40);
            two.world.keep_alive();
            if !forged {
                continue;
            }
            // Each echoes the frame that went out last, of each host, as no one off the path could know it.
            let code = u16::try_from(number).expect("few");
            let sent: Vec<_> = two.world.trace.iter().rev().take(4).cloned().collect();
            for (_, from, to, bytes) in sent {
                let digest = Portable::sha256(&[&bytes]);
                let kind = (bytes[0] << 4) | (bytes[1] >> 4);
                let body = [&code.to_be_bytes()[..], &[kind, 0], &u32::MAX.to_be_bytes(), &digest[..8]].concat();
                let error = [&[0x18, 0x40, 0x00, 0x10][..], &body].concat();
                assert_eq!(error.len(), 20);
                let mut inside = [&bytes[..76.min(bytes.len())], &error].concat();
                let payload = u16::try_from(inside.len() - 4).expect("short").to_be_bytes();
                inside[2..4].copy_from_slice(&payload);
                two.world.put(now, to, from, error);
                two.world.put(now, to, from, inside);
            }
        }
        two.world.run(2_000);
        let told = two.told(1).expect("open");
        assert_eq!((told.closed, told.items.len()), (None, 60), "forged: {forged}");
        assert_eq!(two.told(0).expect("open").delivered, 60, "forged: {forged}");
        let dropped = two.world.hosts.iter().flat_map(|host| &host.dropped);
        let hints = dropped.filter(|why| **why == Dropped::NotAsked).count();
        (two.world.trace, hints)
    };
    let ((quiet, none), (noisy, hints)) = (run(false), run(true));
    assert_eq!((none, hints >= 60), (0, true), "{hints} ERRORs came");
    assert!(quiet == noisy, "not one datagram is sent more, less, earlier or later");
}

/// The attack *capability stripped*: a host on the path takes one out of an offer, or out of the answer. Both are
/// signed, and the answer signs the digest of the offer: there is no session, and never one with fewer capabilities
/// than both sides offer.
#[test]
fn a_capability_that_is_stripped_on_the_path_makes_no_session() {
    let wanted = Capabilities::ENDPOINTS.with(Capabilities::RESUME).with(Capabilities::EXCLUSIVE);
    let wanted = wanted.with(Capabilities::CHACHA20_POLY1305);
    let opened = |stripped: Capabilities, of: MessageType| {
        let mut world = Hosts::new(6, 2, 1, true);
        assert!(world.run_until(60_000, Hosts::all_bound));
        let (peer, now) = (world.eid(1, 0), world.now);
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
        let listen = Listen { capabilities: wanted, terms, sessions: 4, hold: false };
        world.hosts[1].with(now, 0, |desk, _| desk.listen(listen)).expect("a window");
        world.hosts[0].with(now, 0, |desk, rng| desk.open(peer, None, wanted, rng)).expect("a slot");
        // Everything between the two goes through the attacker's hands.
        let at = [world.hosts[0].at, world.hosts[1].at];
        world.cut = vec![(at[0], at[1]), (at[1], at[0])];
        let (mut seen, mut altered) = (world.trace.len(), 0);
        for _ in 0..1_000 {
            world.run(5);
            let now = world.now;
            for (_, from, to, mut bytes) in world.trace.split_off(seen) {
                let inner = bytes.get(76..).and_then(|inner| Frame::parse(inner).ok());
                if inner.is_some_and(|frame| frame.message.message_type() == of) {
                    let field = wanted.bits().to_be_bytes();
                    let place = bytes.windows(4).position(|part| part == field).expect("it is offered");
                    let left = wanted.without(stripped).bits().to_be_bytes();
                    bytes[place..place + 4].copy_from_slice(&left);
                    altered += 1;
                }
                if at.contains(&from) && at.contains(&to) {
                    world.put(now, from, to, bytes);
                }
            }
            seen = world.trace.len();
        }
        assert!(altered > 0, "{of:?} was seen");
        let told = world.hosts.iter().flat_map(|host| host.told.values());
        told.filter(|told| told.opened.is_some()).count()
    };
    for of in [MessageType::PssInit, MessageType::PssNeg] {
        assert_eq!(opened(Capabilities::NONE, of), 2, "{of:?}: both sides");
        for one in [0x2, 0x8, 0x10, 0x20].map(Capabilities::from_bits) {
            if wanted.contains(one) {
                assert_eq!(opened(one, of), 0, "{of:?} without {:#x}", one.bits());
            }
        }
    }
}
