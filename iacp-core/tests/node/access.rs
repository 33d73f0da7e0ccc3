//! Access Tickets: who gets one, what it is worth, and what ends it.

use iacp_core::crypto::{Provider, Secret32};
use iacp_core::directory::node::{Handled, Settings, Silence};
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::guard::{Charge, Rate};
use iacp_wire::layout::{Hosting, Revocation};
use iacp_wire::message::{AccessTicketReq, AccessTicketRes, TicketedRequest};
use iacp_wire::{DhtKey, Message, Signature};
use zerocopy::{FromBytes, IntoBytes};

use super::world::{
    Chosen, Host, SETTINGS, START, at, binding, frame, get, hashed, home, identity, put, record, register,
    registration, worked,
};

const NO: Result<Vec<u8>, Handled> = Err(Handled::Silence(Silence::Ticket));

fn key() -> DhtKey {
    hashed(&identity(20).eid().0)
}

fn zone() -> DhtKey {
    let mut zone = [0; 32];
    zone[0] = key().0[0] & 0x3F;
    DhtKey(zone)
}

/// A frame's signature by hand: label, the frame before and behind it.
fn signature(seed: u8, name: &str, before: &[u8], after: &[u8]) -> Signature {
    let key = Chosen::signing_key(&Secret32::new([seed; 32]));
    Signature(Chosen::sign(&key, &Chosen::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], before, after])))
}

/// Agent 20 lives on host 70 at `ms`.
fn hosting(ms: u64) -> Vec<u8> {
    let from = at(ms).unix.0;
    let mut body = Hosting {
        eid: identity(20).eid(),
        ll_entity_instance_identifier: identity(70).eid(),
        from: from.into(),
        until: (from + 86_400_000).into(),
        eid_signature: Signature::ZERO,
        lii_signature: Signature::ZERO,
    };
    body.eid_signature = sign(&identity(20), Kind::Hosting, &body.as_bytes()[..80], &[]);
    body.lii_signature = sign(&identity(70), Kind::Hosting, &body.as_bytes()[..80], &[]);
    worked(at(ms), Class::Identities, key(), 6, ms, &put(&record(Kind::Hosting, key(), body.as_bytes())))
}

fn hosted() -> Host {
    let ample = Rate { capacity: 1 << 20, per_second: 1 << 20 };
    let mut host = Host::new(1, 256, Settings { per_network: ample, ..SETTINGS });
    assert_eq!(host.status(at(0), home(20), &hosting(0)), 0);
    host
}

fn request(signer: u8, ms: u64, space: DhtKey) -> Vec<u8> {
    let ask = |signature| AccessTicketReq {
        requestor_eid: identity(20).eid(),
        target_space_coordinate: space,
        timestamp: at(ms).unix.0.into(),
        signature,
    };
    let unsigned = frame(Message::AccessTicketReq(&ask(Signature::ZERO)));
    let signed = signature(signer, "ACCESS_TICKET_REQ", &unsigned[..76], &[]);
    frame(Message::AccessTicketReq(&ask(signed)))
}

fn asked(host: &mut Host, ms: u64, nonce: u64, inner: &[u8]) -> Result<Vec<u8>, Handled> {
    host.handle(at(ms), home(20), &worked(at(ms), Class::Identities, zone(), 6, nonce, inner))
}

fn ticket(host: &mut Host, ms: u64, nonce: u64) -> AccessTicketRes {
    let answer = asked(host, ms, nonce, &request(20, ms, zone())).expect("a ticket");
    AccessTicketRes::read_from_bytes(&answer[4..]).expect("an ACCESS_TICKET_RES")
}

fn ticketed(signer: u8, ticket: &AccessTicketRes, inner: &[u8]) -> Vec<u8> {
    let head = |signature| TicketedRequest {
        target_space_coordinate: ticket.target_space_coordinate,
        receiver_eid: ticket.receiver_eid,
        expiration_timestamp: ticket.expiration_timestamp,
        curator_signature: ticket.signature,
        signature,
    };
    let unsigned = frame(Message::TicketedRequest { head: &head(Signature::ZERO), inner });
    let signed = signature(signer, "TICKETED_REQUEST", &unsigned[..140], &unsigned[204..]);
    frame(Message::TicketedRequest { head: &head(signed), inner })
}

// shows: IACP-120 (§5.3.2), IACP-167 (§8.3)
#[test]
fn a_ticket_spares_its_holder_the_work_for_thirty_two_requests() {
    let mut host = hosted();
    let ticket = ticket(&mut host, 1, 1);
    assert_eq!(ticket.expiration_timestamp.get(), START + 1 + 600_000);
    // The ticket is the node's word, by hand.
    let signed = frame(Message::AccessTicketRes(&ticket));
    let digest = Chosen::sha256(&[b"IACP/1 ACCESS_TICKET_RES\0", &signed[..76]]);
    assert!(Chosen::verify(&host.me.eid().0, &digest, &ticket.signature.0).is_ok());

    for generation in 1..=32 {
        let now = at(1_000 * generation);
        let request = ticketed(20, &ticket, &register(20, generation));
        assert_eq!(host.status(now, home(20), &request), 0, "generation {generation}");
        let repeated = host.handle(now, home(20), &request);
        assert_eq!(repeated == NO, generation > 8, "a repeat spends nothing, and eight of them are answered");
    }
    let more = ticketed(20, &ticket, &register(20, 33));
    assert_eq!(host.handle(at(33_000), home(20), &more), NO, "32 and no more");
}

#[test]
fn a_ticket_is_worth_nothing_but_in_its_holders_hand_its_space_and_its_time() {
    let mut host = hosted();
    let ticket = ticket(&mut host, 1, 1);
    let now = at(2);
    let sound = ticketed(20, &ticket, &register(20, 1));
    let mut refuse = |what: &str, clock, bytes: &[u8]| assert_eq!(host.handle(clock, home(20), bytes), NO, "{what}");
    refuse("stolen", now, &ticketed(21, &ticket, &register(20, 1)));
    let others = frame(Message::ErpRegister(&binding(21, home(20).ip(), 1)));
    refuse("for another EID", now, &ticketed(20, &ticket, &others));
    refuse("over", at(600_001), &sound);
    for change in [
        (|ticket: &mut AccessTicketRes| ticket.signature.0[0] ^= 1) as fn(&mut AccessTicketRes),
        |ticket| ticket.expiration_timestamp = (ticket.expiration_timestamp.get() + 1).into(),
        |ticket| ticket.expiration_timestamp = u64::MAX.into(),
        |ticket| ticket.target_space_coordinate.0[31] = 1,
        |ticket| ticket.receiver_eid = identity(21).eid(),
    ] {
        let mut changed = ticket;
        change(&mut changed);
        refuse("changed", now, &ticketed(20, &changed, &register(20, 1)));
    }
    for byte in (4..sound.len()).step_by(7) {
        let mut changed = sound.clone();
        changed[byte] ^= 1;
        assert!(host.handle(now, home(20), &changed).is_err(), "byte {byte}");
    }
    assert_eq!(host.standing(at(3), 20).0, 20, "nothing was stored");
    assert_eq!(host.status(at(3), home(20), &sound), 0, "and nothing was spent");
    // It wraps no other price: neither a proof of work nor another ticket, and it pays no accusation.
    let inner = registration(at(3), 20, 2, 6, 9);
    assert_eq!(host.handle(at(3), home(20), &ticketed(20, &ticket, &inner)), Err(Handled::Silence(Silence::Form)));
    assert_eq!(host.handle(at(3), home(20), &ticketed(20, &ticket, &sound)), Err(Handled::Silence(Silence::Form)));
    let looked = ticketed(20, &ticket, &get(key(), Class::Identities, 255, 64));
    assert!(host.handle(at(3), home(20), &looked).is_ok(), "look-ups too");
}

// shows: IACP-121 (§5.3.2)
#[test]
fn a_host_answers_for_its_agents_and_a_ticket_ends_with_its_standing() {
    let mut bare = Host::new(1, 256, SETTINGS);
    assert_eq!(asked(&mut bare, 1, 1, &request(20, 1, zone())), NO, "no host answers for it");

    let mut host = hosted();
    assert_eq!(asked(&mut host, 1, 1, &request(21, 1, zone())), NO, "another's signature");
    assert_eq!(asked(&mut host, 40_000, 2, &request(20, 1, zone())), NO, "an old request");
    let live: Vec<AccessTicketRes> = (0..4).map(|nonce| ticket(&mut host, 50_000 + nonce, nonce)).collect();
    assert_eq!(asked(&mut host, 50_010, 9, &request(20, 50_010, zone())), NO, "four live tickets");
    assert!(asked(&mut host, 650_003, 9, &request(20, 650_003, zone())).is_ok(), "one has ended");

    let request = ticketed(20, &live[3], &register(20, 1));
    let host_70 = identity(70).eid();
    assert!(host.node.charge(at(0).unix, &host_70, Charge::Guilty));
    assert_eq!(host.status(at(50_010), home(20), &request), 0, "4,000");
    assert!(host.node.charge(at(0).unix, &host_70, Charge::Guilty));
    let request = ticketed(20, &live[3], &register(20, 2));
    assert_eq!(host.handle(at(50_010), home(20), &request), NO, "8,000: the tickets of its agents end at once");
    assert_eq!(host.error(at(50_010), home(20), &register(20, 2)).1, 6 + 3, "and they work more");
    // Halved each day, it comes back.
    let later = 86_400_000 - 60_000;
    assert_eq!(host.status(at(later), home(20), &worked_more(later)), 0);
    let fresh = ticket(&mut host, later, 7);
    assert_eq!(host.status(at(later), home(20), &ticketed(20, &fresh, &register(20, 3))), 0);
}

/// The attack "four tickets for one proof": a request whose answer was lost is answered with the same ticket.
// shows: IACP-120 (§5.3.2)
#[test]
fn one_request_has_one_ticket_however_often_it_comes() {
    let mut host = hosted();
    let inner = request(20, 1, zone());
    let first = asked(&mut host, 1, 1, &inner).expect("a ticket");
    for ms in [2, 3, 20_000] {
        assert_eq!(asked(&mut host, ms, 1, &inner).as_ref(), Ok(&first), "{ms}");
    }
    assert_eq!(asked(&mut host, 20_001, 2, &inner).as_ref(), Ok(&first), "under another proof too");
    let others: Vec<AccessTicketRes> = (0..3).map(|nonce| ticket(&mut host, 20_100 + nonce, nonce + 3)).collect();
    assert!(others.iter().all(|other| other.as_bytes() != &first[4..]));
    assert_eq!(asked(&mut host, 20_200, 9, &request(20, 20_200, zone())), NO, "four");
}

/// The attack "one time, many spaces": a request is another one where it asks for another space.
// shows: IACP-120 (§5.3.2)
#[test]
fn requests_of_one_time_for_many_spaces_have_four_tickets() {
    let mut host = hosted();
    let tickets = (0..8_u8).filter(|number| {
        let mut space = zone();
        space.0[0] = zone().0[0] ^ number;
        let inner = request(20, 1, space);
        let sent = worked(at(1), Class::Identities, space, 6, u64::from(*number), &inner);
        host.handle(at(1), home(20), &sent).is_ok()
    });
    assert_eq!(tickets.count(), 4);
}

// shows: IACP-120 (§5.3.2)
#[test]
fn a_request_is_within_thirty_seconds_and_a_ticket_holds_for_ten_minutes() {
    let mut host = hosted();
    for (now, made, is_one) in [(30_000, 0, true), (30_001, 0, false), (40_000, 70_000, true), (40_000, 70_001, false)]
    {
        let answer = asked(&mut host, now, made, &request(20, made, zone()));
        assert_eq!(answer.is_ok(), is_one, "of {made} at {now}");
    }
    // The clocks of a node and its curator differ by thirty seconds at most.
    let mut host = hosted();
    let [first, late] = [30_000, 30_001].map(|ms| ticket(&mut host, ms, ms));
    let mut spend = |ms, ticket, generation| {
        host.handle(at(ms), home(20), &ticketed(20, ticket, &register(20, generation))).is_ok()
    };
    assert_eq!([spend(0, &late, 1), spend(0, &first, 1)], [false, true]);
    assert_eq!([spend(629_999, &first, 2), spend(630_000, &first, 3), spend(630_000, &late, 3)], [true, false, true]);
    // A place of the four is free again at the end of its ticket.
    let mut host = hosted();
    (0..4).for_each(|number| _ = ticket(&mut host, 50_000 + number, number));
    assert_eq!(asked(&mut host, 649_999, 9, &request(20, 649_999, zone())), NO);
    assert!(asked(&mut host, 650_000, 9, &request(20, 650_000, zone())).is_ok());
    assert_eq!(asked(&mut host, 650_000, 10, &request(20, 649_998, zone())), NO, "the second has a millisecond left");
}

// shows: IACP-121 (§5.3.2)
#[test]
fn a_holder_whose_host_is_liable_has_its_share_of_the_requests() {
    let mut host = hosted();
    let ticket = ticket(&mut host, 1, 1);
    assert!(host.node.charge(at(0).unix, &identity(70).eid(), Charge::Guilty));
    let spent = |generation: &u64| {
        host.handle(at(1_000 * generation), home(20), &ticketed(20, &ticket, &register(20, *generation))).is_ok()
    };
    // Six tenths of 32.
    assert_eq!((1..=32).filter(spent).collect::<Vec<u64>>(), (1..=19).collect::<Vec<u64>>());
}

fn revoked(host: &mut Host, first: u64, nonce: u64) {
    let mut body = Revocation {
        eid: identity(20).eid(),
        first_invalid_generation: first.into(),
        timestamp: at(0).unix.0.into(),
        signature: Signature::ZERO,
    };
    body.signature = sign(&identity(20), Kind::Revocation, &body.as_bytes()[..48], &[]);
    let inner = put(&record(Kind::Revocation, key(), body.as_bytes()));
    assert_eq!(host.status(at(0), home(20), &worked(at(0), Class::Identities, key(), 6, nonce, &inner)), 0);
}

#[test]
fn a_key_that_is_revoked_from_its_first_generation_on_gets_no_ticket() {
    for (first, is_one) in [(0, false), (1, true)] {
        let mut host = hosted();
        revoked(&mut host, first, 50);
        assert_eq!(asked(&mut host, 1, 1, &request(20, 1, zone())).is_ok(), is_one, "from generation {first} on");
    }
}

#[test]
fn a_standing_tells_of_the_host_and_of_a_generation_that_is_revoked() {
    let mut host = hosted();
    assert_eq!(host.status(at(0), home(20), &registration(at(0), 20, 4, 6, 60)), 0);
    assert_eq!(host.standing(at(1), 20).1, 0x10, "HOSTED");
    for (first, flags) in [(5, 0x10), (4, 0x14)] {
        revoked(&mut host, first, 60 + first);
        assert_eq!(host.standing(at(1), 20).1, flags, "from generation {first} on");
    }
}

/// A HOSTING at nine bits: its host has a liability.
fn worked_more(ms: u64) -> Vec<u8> {
    let Some(inner) = hosting(ms).get(88..).map(<[u8]>::to_vec) else { panic!("a worked request") };
    worked(at(ms), Class::Identities, key(), 9, 77, &inner)
}
