//! Forwarding Tickets over real nodes: all nodes, hosts and agents are processes. A ticket proves itself, so one node is enough where
//! the quorum that a binding needs is gone.

mod support;

use std::path::Path;
use std::process::Command;

use support::hosts::{address, bound, host, host_at, nodes};
use support::{Place, Running, agent};

const BYTES: usize = 200_000;
/// Bytes a second: the file is under way for longer than anything before the host stops.
const PACE: &str = "4000";

/// Gives a host an order, and returns its answer.
fn control(agent: &Path, state: &str, order: &[&str]) -> serde_json::Value {
    let said = Command::new(agent).args([&["control", "--state", state][..], order].concat()).output();
    let said = said.expect("the program runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).expect("an object")
}

/// Waits until the directory keeps a Forwarding Ticket of this agent of the host's.
fn left_a_ticket(host: &Running, eid: &str) {
    let note = format!("the directory keeps a record of {}…: Forwarding Ticket", &eid[..8]);
    host.until(&note, |told| told["event"] == "note" && told["what"] == note.as_str());
}

/// The sender's host asks three nodes, and the receiver's host four, of which they share two. One of the sender's nodes fails: from
/// then on no binding reaches it.
// shows: IACP-010 (§3.5), IACP-011 (§3.5), IACP-012 (§3.5), IACP-094 (§4.2.6.1)
#[test]
fn a_transfer_goes_on_at_the_place_that_a_ticket_names_while_no_quorum_says_where_the_receiver_is() {
    let (place, agent) = (Place::new("tickets"), agent());
    let (mut running, names) = nodes(&place, 1);
    let of = |numbers: &[usize]| numbers.iter().map(|number| names[*number].as_str()).collect::<Vec<_>>().join(",");
    let (for_here, for_there) = (of(&[0, 1, 2]), of(&[0, 1, 3, 4]));
    let (here, here_state) = host(&agent, &place, 1, &for_here);
    let (mut there, there_state) = host(&agent, &place, 2, &for_there);
    let (out, file) = (place.path("in"), place.path("file"));
    let bob = Running::start(&agent, &["local", "listen", "--state", &there_state, "--out", &out, "--json"]);
    let eid = bob.next("registered")["eid"].as_str().expect("an EID").to_owned();
    let generation = bound(&there, &eid, 0);
    let content: Vec<u8> = (0..BYTES).map(|at| u8::try_from(at % 251).expect("small")).collect();
    std::fs::write(&file, &content).expect("written");
    let send = |state: &str| {
        let to = ["local", "send", "--state", state, "--to", &eid, "--pace", PACE, "--patience", "170"];
        Running::start(&agent, &[&to[..], &["--json", &file]].concat())
    };
    let alice = send(&here_state);
    alice.until("some of it is safe", |told| told["event"] == "progress");

    // The host says where it will be, and is switched off. Nothing but its ticket is left of its session.
    let next = address(103);
    let answer = control(&agent, &there_state, &["forward", &format!("{next}:4227")]);
    assert_eq!(answer["tickets"], 1, "{answer}");
    left_a_ticket(&there, &eid);
    running[2].kill();
    there.kill();
    let (there, _) = host_at(&agent, &place, 2, &next, &for_there);
    bound(&there, &eid, generation + 1);

    let ticket = format!("a Forwarding Ticket: {}… is at {next}:4227", &eid[..8]);
    let binding = format!("the directory: {}… is at {next}", &eid[..8]);
    here.until(&ticket, |told| {
        assert_ne!(told["what"], binding.as_str(), "it was found without the ticket");
        assert!(told["event"] != "speaks" || told["at"] != format!("{next}:4227"), "the ticket comes first");
        told["what"] == ticket.as_str()
    });
    let goes_on = |told: &serde_json::Value| told["event"] == "goes_on" && told["from"].as_u64() > Some(0);
    alice.until("it does not begin anew", goes_on);
    let (delivered, stored) = (alice.next("delivered"), bob.next("stored"));
    assert_eq!((&delivered["bytes"], &delivered["sha256"]), (&stored["bytes"], &stored["sha256"]));
    assert_eq!(stored["twice"], 0);
    let stored = std::fs::read(Path::new(&out).join(stored["sha256"].as_str().expect("a digest")));
    assert_eq!(stored.expect("it is there"), content);

    // Without an order: a peer that has not answered 45 s after a move finds a ticket.
    std::fs::write(&file, &content[1..]).expect("written");
    let (mut peer, peer_state) = host(&agent, &place, 4, &for_there);
    let carol = send(&peer_state);
    carol.until("some of it is safe", |told| told["event"] == "progress");
    peer.kill();
    control(&agent, &there_state, &["move", &format!("{}:4227", address(105))]);
    left_a_ticket(&there, &eid);
}
