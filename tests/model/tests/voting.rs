//! The votes on an accusation: no two verdicts, and no conviction of an owner that revoked in time, whatever up to f of
//! n nodes say.

use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
use iacp_core::governance::malfeasance::{Accusation, accuse, verify};
use iacp_core::identity::Identity;
use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
use iacp_wire::{Eid, Locator, Signature};
use model::voting::Voting;
use stateright::{Checker, Model};

fn accusation() -> Accusation {
    let offender = ChaChaOnly::signing_key(&Secret32::new([1; 32]));
    let eid = Eid(ChaChaOnly::public_key(&offender));
    let fragment = |last| {
        let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
        let bound = [&eid.0[..], &ip.0, &7_u64.to_be_bytes()].concat();
        HeaderFragment { ip, generation_counter: 7.into(), signature: Signature(ChaChaOnly::sign(&offender, &bound)) }
    };
    let accuser = Identity::<ChaChaOnly>::from_seed(&Secret32::new([2; 32]));
    let (ticket, evidence) = accuse(&accuser, eid, fragment(1), fragment(2), 0);
    verify::<ChaChaOnly>(&MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) }).expect("proof")
}

const NEVER: [&str; 3] =
    ["there are no two verdicts", "who revoked before at a quorum is not convicted", "liars alone decide nothing"];

// shows: IACP-068 (§4.2.1.3), IACP-101 (§4.2.7.2)
#[test]
fn up_to_f_liars_make_no_two_verdicts_and_convict_no_owner_that_revoked_in_time() {
    let accusation = accusation();
    for (nodes, liars) in [(1, 0), (3, 0), (4, 1), (5, 1), (7, 0), (7, 1), (7, 2)] {
        let checker = Voting { nodes, liars, accusation }.checker().threads(2).spawn_bfs().join();
        println!("{nodes} nodes, {liars} liars: {} states", checker.unique_state_count());
        for name in NEVER {
            if let Some(path) = checker.discovery(name) {
                panic!("{nodes} nodes, {liars} liars: not so: {name}, after {:?}", path.into_actions());
            }
        }
        for name in ["a key is convicted", "a key is cleared", "all have spoken and there is no verdict"] {
            assert!(checker.discovery(name).is_some(), "{nodes} nodes, {liars} liars: never so: {name}");
        }
    }
}

/// One liar more than f: the model notices.
#[test]
fn one_liar_more_makes_two_verdicts() {
    let checker = Voting { nodes: 4, liars: 2, accusation: accusation() }.checker().threads(2).spawn_bfs().join();
    assert!(checker.discovery(NEVER[0]).is_some(), "two of four lie, and no two verdicts were found");
}
