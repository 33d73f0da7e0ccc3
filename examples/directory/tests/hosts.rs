//! Agents of two hosts find each other through five directory nodes, by their EIDs alone or by a topic: all of them are processes.

mod support;

use std::path::Path;
use std::process::Command;

use support::hosts::{address, bound, host, nodes};
use support::{Place, Running, agent};

/// How much is sent each time.
const BYTES: usize = 100_000;

// shows: IACP-067 (§4.2.1.3), IACP-069 (§4.2.1.3), IACP-089 (§4.2.5.1)
#[test]
fn an_agent_registers_is_found_moves_and_is_found_again_while_a_node_is_killed() {
    let (place, agent) = (Place::new("hosts"), agent());
    let (mut running, names) = nodes(&place, 1);
    let directory = names.join(",");
    let (here, here_state) = host(&agent, &place, 1, &directory);
    let (there, there_state) = host(&agent, &place, 2, &directory);

    let (out, file) = (place.path("in"), place.path("file"));
    let bob = Running::start(&agent, &["local", "listen", "--state", &there_state, "--out", &out, "--json"]);
    let eid = bob.next("registered")["eid"].as_str().expect("an EID").to_owned();
    let generation = bound(&there, &eid, 0);

    // One of five may fail: four are a quorum.
    running[3].kill();
    let send = |number: u8| {
        let content: Vec<u8> = (0..BYTES).map(|at| number ^ u8::try_from(at % 251).expect("small")).collect();
        std::fs::write(&file, &content).expect("written");
        let alice = Running::start(
            &agent,
            &["local", "send", "--state", &here_state, "--to", &eid, "--patience", "150", "--json", &file],
        );
        let delivered = alice.next("delivered");
        let stored = bob.next("stored");
        assert_eq!((&delivered["bytes"], &delivered["sha256"]), (&stored["bytes"], &stored["sha256"]));
        let stored = std::fs::read(Path::new(&out).join(stored["sha256"].as_str().expect("a digest")));
        assert_eq!(stored.expect("it is there"), content);
    };
    // What the nodes say, to a client that knows nothing else.
    let asks = |last: u8, generation: u64| {
        let key = place.path("reader.key");
        let mut find = Command::new(env!("CARGO_BIN_EXE_directory"));
        find.args(["find", &eid, "--key", &key, "--at", &address(110)]);
        names.iter().for_each(|name| {
            find.args(["--node", name]);
        });
        let said = find.output().expect("the program runs").stdout;
        let wanted = format!("{eid} is at {}, generation {generation}\n", address(last));
        assert_eq!(String::from_utf8(said).expect("text"), wanted);
    };
    asks(102, generation);
    send(1);
    let note = format!("the directory: {}… is at {}", &eid[..8], address(102));
    here.until(&note, |told| told["event"] == "note" && told["what"] == note.as_str());

    let to = format!("{}:4227", address(103));
    let moving = Command::new(&agent).args(["control", "--state", &there_state, "move", &to]).status();
    assert!(moving.expect("the program runs").success());
    let moved = bound(&there, &eid, generation + 1);
    asks(103, moved);
    send(2);
}

/// What a host finds in the space of a topic: EIDs, and by what each was found.
fn search(agent: &Path, state: &str, topic: &str) -> Vec<(String, Vec<String>)> {
    let out = Command::new(agent).args(["control", "--state", state, "search", topic]).output().expect("it runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said: serde_json::Value = serde_json::from_slice(&out.stdout).expect("an object");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let by = |value: &serde_json::Value| value.as_array().expect("a list").iter().map(text).collect();
    said["found"].as_array().expect("a list").iter().map(|one| (text(&one["eid"]), by(&one["by"]))).collect()
}

// shows: IACP-136 (§6.2), IACP-137 (§6.2), IACP-138 (§6.2)
#[test]
fn an_agent_publishes_itself_under_a_topic_and_is_found_by_it_through_records_and_hubs() {
    let (place, agent) = (Place::new("spaces"), agent());
    let (_running, names) = nodes(&place, 11);
    let directory = names.join(",");
    let (_here, here_state) = host(&agent, &place, 11, &directory);
    let (there, there_state) = host(&agent, &place, 12, &directory);
    let (out, file, topic) = (place.path("in"), place.path("file"), "weather in the north");
    let args = ["local", "listen", "--state", &there_state, "--out", &out, "--topic", topic, "--json"];
    let bob = Running::start(&agent, &args);
    let eid = bob.next("registered")["eid"].as_str().expect("an EID").to_owned();
    bound(&there, &eid, 0);

    let wanted = [(eid.clone(), vec!["record".to_owned(), "hub".to_owned()])];
    let begun = std::time::Instant::now();
    loop {
        let found = search(&agent, &here_state, topic);
        if found == wanted {
            break;
        }
        assert!(begun.elapsed() < support::PATIENCE, "{found:?}");
    }
    assert_eq!(search(&agent, &here_state, "weather in the south"), []);

    std::fs::write(&file, b"snow").expect("written");
    let to = ["local", "send", "--state", &here_state, "--to", &eid, "--patience", "150", "--json", &file];
    let alice = Running::start(&agent, &to);
    assert_eq!(alice.next("delivered")["sha256"], bob.next("stored")["sha256"]);
}
