//! What nodes make themselves: the CUSTODY of a child whose curator is on trial or decapitated, and the FILTER of ended keys.

use std::net::SocketAddr;

use iacp_core::directory::metric::{Coordinate, NodeInfo};
use iacp_core::directory::node::{Named, Unnamed};
use iacp_core::directory::{Class, Kind, sign};
use iacp_core::governance::filter::{EPOCH, Filter, SMALLEST};
use iacp_core::governance::window::Outcome;
use iacp_wire::layout::{Custody, FilterPart, Record};
use iacp_wire::{DhtKey, Frame, Message, Signature};
use zerocopy::{FromBytes, IntoBytes};

use super::names::{CURATOR, NAME, Pinned, SHOP, SITE, accusation, name, offer, token, verdict, world_of};
use super::world::{Chosen, Host, SETTINGS, START, at, hashed, identity, info, node_put, record};

const HOUR: u64 = 3_600_000;
const STEP: u64 = 12 * HOUR;

fn place(number: usize) -> SocketAddr {
    info(u8::try_from(number).expect("few") + 1).at
}

fn nodes() -> Vec<Host> {
    (1..8).map(world_of).collect()
}

/// Each node makes what is due each second, and all but the silent ones say what they have to say.
fn run(hosts: &mut [Host], silent: &[usize], from: u64, until: u64) {
    for ms in (from..until).step_by(1_000) {
        for number in 0..hosts.len() {
            let Host { node, me } = &mut hosts[number];
            let _ = node.handle_deadline(at(ms));
            let made = (0..200).take_while(|_| node.tend(at(ms), me, &Pinned).is_some()).count();
            assert!(made < 200, "it comes to an end");
            let mut out = [0; 1_200];
            while let Some((to, length)) = hosts[number].node.poll_transmit(at(ms), &hosts[number].me, &mut out) {
                let Some(receiver) = (0..hosts.len()).find(|other| place(*other) == to) else { continue };
                if silent.contains(&number) || silent.contains(&receiver) {
                    continue;
                }
                let Host { node, me } = &mut hosts[receiver];
                let _ = node.handle(at(ms), me, place(number), &out[..length], &Pinned, &mut [0; 1_200]);
            }
        }
    }
}

/// The CUSTODY of `test.shop` at a node: its end, its accusation, and its voters.
fn custody(host: &Host, ms: u64) -> Option<(u64, [u8; 32], usize)> {
    let key = hashed(b"test.shop");
    let (record, _) = host.node.store().list(at(ms).unix, Kind::Custody, key).next()?;
    let body = Custody::parse(record.body).expect("it was judged");
    Some((body.terms.not_after.get(), body.terms.accusation_id.0, body.votes.len()))
}

fn everywhere(hosts: &mut [Host], ms: u64, kind: Kind, body: &[u8]) {
    for host in hosts {
        assert_eq!(offer(host, ms, kind, &identity(CURATOR).eid().0, body), 0);
    }
}

// shows: IACP-127 (§5.5.3), IACP-164 (B.6)
#[test]
fn the_nodes_of_a_curator_keep_its_child_while_it_is_on_trial_and_after_its_end() {
    let mut hosts = nodes();
    run(&mut hosts, &[], 0, 3_000);
    assert!(hosts.iter().all(|host| custody(host, 3_000).is_none()), "a curator in good standing needs no backup");
    everywhere(&mut hosts, 3_000, Kind::Accusation, &accusation(CURATOR));
    assert!(matches!(name(&hosts[0], 3_001, NAME), Err(Unnamed::Quarantined(_))), "until the nodes have signed");
    // Five of seven suffice; the end is the same at all of them.
    run(&mut hosts, &[5, 6], 4_000, 20_000);
    let first = custody(&hosts[0], 20_000).expect("it is made");
    // The token of the child lives nine hours, and no node gives it more.
    assert_eq!((first.0, first.2), (START + 9 * HOUR, 5));
    assert!(first.0 <= (START / STEP + 2) * STEP);
    for host in &hosts[..5] {
        assert_eq!(custody(host, 20_000).map(|made| (made.0, made.1)), Some((first.0, first.1)));
        assert_eq!(name(host, 20_000, NAME).map(|named: Named| named.eid), Ok(identity(SITE).eid()));
        assert!(host.node.draft(&hashed(b"test.shop"), &mut [0; 1_100]).is_none(), "no vote waits any more");
    }
    assert!(
        hosts[5..].iter().all(|host| custody(host, 20_000).is_none()),
        "what two nodes hear alone they cannot make"
    );
    // They hear of it: a record with its votes.
    run(&mut hosts, &[], 20_000, 100_000);
    assert!(hosts.iter().all(|host| custody(host, 100_000).is_some()));
}

/// More children than collect votes side by side, which stand in another order at each node.
// shows: IACP-127 (§5.5.3), IACP-164 (B.6)
#[test]
fn all_children_of_a_curator_are_kept_however_many_it_has() {
    let mut hosts = nodes();
    let children: Vec<_> = (0..20_u8).map(|number| (format!("test.shop{number}"), 60 + number)).collect();
    for (number, host) in hosts.iter_mut().enumerate() {
        for at in 0..children.len() {
            let (path, key) = &children[(at + 3 * number) % children.len()];
            let body = token("test", path, CURATOR, *key, 9 * HOUR);
            assert_eq!(offer(host, 0, Kind::Delegation, path.as_bytes(), &body), 0, "{path}");
        }
    }
    everywhere(&mut hosts, 1_000, Kind::Verdict, &verdict(CURATOR, Outcome::Guilty));
    run(&mut hosts, &[], 2_000, 300_000);
    for host in &hosts {
        for (path, _) in &children {
            let made = host.node.store().list(at(300_000).unix, Kind::Custody, hashed(path.as_bytes())).count();
            assert_eq!(made, 1, "{path}");
        }
        assert_eq!(host.node.drafts().count(), 0);
    }
}

// shows: IACP-164 (B.6)
#[test]
fn fewer_than_five_nodes_keep_no_child_and_a_child_that_fell_itself_is_kept_by_none() {
    let mut hosts = nodes();
    everywhere(&mut hosts, 1_000, Kind::Verdict, &verdict(CURATOR, Outcome::Guilty));
    run(&mut hosts, &[4, 5, 6], 2_000, 100_000);
    assert!(hosts.iter().all(|host| custody(host, 100_000).is_none()), "four votes");
    let mut out = [0; 1_100];
    let length = hosts[0].node.draft(&hashed(b"test.shop"), &mut out).expect("it waits for more");
    let draft = Record::parse(&out[..length]).expect("a record");
    let body = Custody::parse(draft.body).expect("a body");
    assert_eq!(body.votes.len(), 4);
    // A node outside takes no part in it: its vote, and one that it has not signed, count nothing.
    let signed = draft.body[..draft.body.len() - 1 - 4 * 96].to_vec();
    let one = |(voter, signer): (u8, u8)| {
        [&identity(voter).eid().0[..], &sign(&identity(signer), Kind::Custody, &signed, &[]).0].concat()
    };
    // Beside them a vote that holds counts all the same: nodes differ for a while about who votes.
    for (votes, taken) in [([(9, 9), (8, 8)], false), ([(6, 9), (9, 9)], false), ([(9, 9), (6, 6)], true)] {
        let body = [&signed[..], &[2], &votes.map(one).concat()].concat();
        let status = offer(&mut hosts[0], 100_000, Kind::Custody, b"test.shop", &body);
        assert_eq!((status == 0, custody(&hosts[0], 100_000).is_some()), (taken, taken), "{votes:?}");
    }
    // Other fields than those that it has signed itself: a key that is not the child's.
    let mut other = signed.clone();
    let at = 2 + 4 + 2 + 9;
    other[at] ^= 1;
    let signature = sign(&identity(6), Kind::Custody, &other, &[]);
    let body = [&other[..], &[1], &identity(6).eid().0, &signature.0].concat();
    assert_ne!(offer(&mut hosts[1], 100_000, Kind::Custody, b"test.shop", &body), 0);

    let mut hosts = nodes();
    everywhere(&mut hosts, 1_000, Kind::Verdict, &verdict(CURATOR, Outcome::Guilty));
    for host in &mut hosts {
        let shop = identity(SHOP).eid();
        assert_eq!(offer(host, 1_000, Kind::Verdict, &shop.0, &verdict(SHOP, Outcome::Guilty)), 0);
    }
    run(&mut hosts, &[], 2_000, 20_000);
    assert!(hosts.iter().all(|host| custody(host, 20_000).is_none()), "its own key is not excused");
}

/// The filter that a node has made, part by part.
fn filter(host: &Host, ms: u64, epoch: u32) -> (Vec<u8>, usize) {
    let (mut bits, mut parts) = (vec![0; SMALLEST], 0);
    for (record, _) in host.node.store().list(at(ms).unix, Kind::Filter, hashed(&host.me.eid().0)) {
        let part = FilterPart::ref_from_bytes(record.body).expect("it was judged");
        if part.epoch.get() == epoch {
            let from = 512 * usize::from(part.part.get());
            bits[from..from + 512].copy_from_slice(&part.bits);
            parts += 1;
        }
    }
    (bits, parts)
}

// shows: IACP-128 (§5.5.3)
#[test]
fn each_node_makes_a_filter_of_the_keys_that_a_verdict_ended() {
    let mut hosts = nodes();
    let epoch = u32::try_from(START / EPOCH).expect("small");
    run(&mut hosts, &[], 0, 3_000);
    assert_eq!(filter(&hosts[0], 3_000, epoch).1, 0, "no key has ended");
    for (key, outcome) in [(CURATOR, Outcome::Guilty), (SITE, Outcome::Cleared)] {
        for host in &mut hosts {
            assert_eq!(offer(host, 3_000, Kind::Verdict, &identity(key).eid().0, &verdict(key, outcome)), 0);
        }
    }
    run(&mut hosts, &[], 4_000, 40_000);
    let may_contain = |bits: &[u8], epoch: u32, key: u8| {
        let mut bits = bits.to_vec();
        Filter::new(&mut bits, epoch).expect("a size").may_contain::<Chosen>(&identity(key).eid())
    };
    let mut filters = Vec::new();
    for host in &hosts {
        let (bits, parts) = filter(host, 40_000, epoch);
        assert!((1..=11).contains(&parts), "parts without a bit are not made: {parts}");
        assert!(
            may_contain(&bits, epoch, CURATOR) && !may_contain(&bits, epoch, SITE) && !may_contain(&bits, epoch, SHOP)
        );
        filters.push(bits);
    }
    // A reader takes the bits that f + 1 of the seven have.
    let (mut bits, all) = (vec![0; SMALLEST], filters.iter().map(Vec::as_slice).collect::<Vec<_>>());
    Filter::new(&mut bits, epoch).expect("a size").threshold(&all, 3);
    assert_eq!(bits, filters[0]);
    // The other nodes have it from its maker.
    let asked = hashed(&hosts[0].me.eid().0);
    assert!(hosts[1].node.store().list(at(40_000).unix, Kind::Filter, asked).count() > 0);
    assert_eq!(hosts[1].look_up(at(40_001), &super::world::get(asked, Class::Overlay, Kind::Filter as u8, 700)).0, 0);
    // The next epoch has a filter of its own, with other bits of the same keys.
    let later = (u64::from(epoch) + 1) * EPOCH - START + 1_000;
    let Host { node, me } = &mut hosts[0];
    while node.tend(at(later), me, &Pinned).is_some() {}
    let (bits, _) = filter(&hosts[0], later, epoch + 1);
    assert!(may_contain(&bits, epoch + 1, CURATOR) && bits != filters[0]);
    let mut out = [0; 1_200];
    let Host { node, me } = &mut hosts[0];
    let (_, length) = node.poll_transmit(at(later), me, &mut out).expect("it is handed on");
    assert!(matches!(Frame::parse(&out[..length]).expect("a frame").message, Message::DirPut { .. }));
}

/// The verdict of one key runs out in the middle of an epoch, and another key is convicted: within an epoch keys are only added.
// shows: IACP-128 (§5.5.3)
#[test]
fn a_verdict_that_ran_out_keeps_no_later_one_out_of_the_filter() {
    const LIFE: u64 = 400 * 24 * HOUR;
    let mut host = world_of(1);
    assert_eq!(offer(&mut host, 0, Kind::Verdict, &identity(SHOP).eid().0, &verdict(SHOP, Outcome::Guilty)), 0);
    let epoch = u32::try_from((START + LIFE) / EPOCH).expect("small");
    let tend = |host: &mut Host, ms: u64| {
        let Host { node, me } = host;
        while node.tend(at(ms), me, &Pinned).is_some() {}
    };
    tend(&mut host, LIFE - HOUR);
    let before = filter(&host, LIFE - HOUR, epoch);
    assert!(before.1 > 0);
    let later = LIFE + HOUR;
    assert_eq!(offer(&mut host, later, Kind::Verdict, &identity(SITE).eid().0, &verdict(SITE, Outcome::Guilty)), 0);
    tend(&mut host, later);
    let (mut bits, _) = filter(&host, later, epoch);
    let made = Filter::new(&mut bits, epoch).expect("a size");
    assert!(made.may_contain::<Chosen>(&identity(SITE).eid()) && made.may_contain::<Chosen>(&identity(SHOP).eid()));
}

/// In a network of more than ten nodes a node is far from its own key: the nodes of the key take its FILTER from it all the same.
// shows: IACP-128 (§5.5.3)
#[test]
fn the_nodes_of_a_key_take_the_filter_of_a_node_that_is_far_from_it() {
    let mut host = Host::new(1, 256, SETTINGS);
    // Of the others no place has to do with the key.
    let placed = |seed: u8| if seed == 1 { info(1) } else { NodeInfo { place: hashed(&[seed]), ..info(seed) } };
    (2..17).for_each(|seed| assert!(host.node.introduce(at(0).mono, placed(seed))));
    let is_near = |key: DhtKey, seed: u8| {
        let far = |seed: u8| {
            let place = Coordinate::new(Class::Overlay, &placed(seed).place);
            Coordinate::new(Class::Overlay, &key).distance(&place)
        };
        (1..17).filter(|other| far(*other) < far(seed)).count() < 10
    };
    let mut distant = 0;
    for seed in 2..17 {
        let key = hashed(&identity(seed).eid().0);
        let mut body = FilterPart {
            epoch: u32::try_from(START / EPOCH).expect("small").into(),
            order: 0,
            reserved: 0,
            part: 0.into(),
            bits: [1; 512],
            directory_node_eid: identity(seed).eid(),
            signature: Signature::ZERO,
        };
        body.signature = sign(&identity(seed), Kind::Filter, &body.as_bytes()[..552], &[]);
        let put = node_put(seed, 1, 1, &record(Kind::Filter, key, body.as_bytes()));
        if is_near(key, 1) {
            assert_eq!(host.status(at(1), info(seed).at, &put), 0, "{seed}");
            distant += usize::from(!is_near(key, seed));
        } else {
            assert!(host.handle(at(1), info(seed).at, &put).is_err(), "{seed}");
        }
    }
    assert!(distant > 0, "some node is far from its own key");
}
