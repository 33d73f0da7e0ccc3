//! Directory nodes and hosts as processes, each at an address of its own.

use std::path::Path;

use super::{Place, Running};

/// So many nodes there are.
const NODES: u8 = 5;

/// An address of 127/8 that no other run of this test has.
pub fn address(last: u8) -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{low}.{last}", 128 + high % 64)
}

/// Starts the nodes, at addresses that end with `first` and the numbers behind it; each is told of the first.
pub fn nodes(place: &Place, first: u8) -> (Vec<Running>, Vec<String>) {
    let (mut running, mut names) = (Vec::new(), Vec::<String>::new());
    for number in first..first + NODES {
        let listen = format!("{}:4300", address(number));
        let (key, votes) = (place.path(&format!("{number}.key")), place.path(&format!("{number}.votes")));
        let mut args = vec!["node", "--listen", &listen, "--key", &key, "--votes", &votes, "--work", "12"];
        if let Some(first) = names.first() {
            args.extend(["--join", first]);
        }
        let node = Running::start(Path::new(env!("CARGO_BIN_EXE_directory")), &args);
        names.push(node.line());
        running.push(node);
    }
    (running, names)
}

/// Starts a host, and waits until it is there; also its folder.
pub fn host(agent: &Path, place: &Place, number: u8, directory: &str) -> (Running, String) {
    host_at(agent, place, number, &address(100 + number), directory)
}

/// The same at another address: a host of this number that has run before goes on.
pub fn host_at(agent: &Path, place: &Place, number: u8, at: &str, directory: &str) -> (Running, String) {
    let state = place.path(&format!("host{number}"));
    let bind = format!("{at}:4227");
    let args = ["host", "--state", &state, "--bind", &bind, "--directory", directory, "--json"];
    let host = Running::start(agent, &args);
    assert_eq!(host.next("host_up")["at"], bind.as_str());
    (host, state)
}

/// Waits until the host has an agent of this EID BOUND, in a generation from this one on; which one it is.
pub fn bound(host: &Running, eid: &str, from: u64) -> u64 {
    let fits = |told: &serde_json::Value| {
        told["event"] == "context"
            && told["eid"] == eid
            && told["state"] == "BOUND"
            && told["generation"].as_u64() >= Some(from)
    };
    host.until("BOUND", fits)["generation"].as_u64().expect("a number")
}
