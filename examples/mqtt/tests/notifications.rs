//! Notifications over brokers, and the objects that they refer to. Each test asks the embedded broker and, where it is installed,
//! mosquitto.

mod support;

use std::fs;
use std::process::Command;

use cep_envelope::decision::Outcome;
use support::{Broker, Kind, Listener, Place, Server, kinds, notice, notice_to, sealed};

fn names(place: &Place) -> Vec<String> {
    let Ok(entries) = fs::read_dir(place.inbox()) else { return Vec::new() };
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

// shows: CEP-022 (§3.2), CEP-113 (§10)
#[test]
fn an_object_that_is_announced_is_fetched_and_climbs_the_same_ladder() {
    for kind in kinds() {
        let place = Place::new();
        let (broker, server) = (Broker::start(kind, &place, 0), Server::start(&place));
        let listener = Listener::usual(&place, &broker, &server);
        let objects = [sealed("one", b"one"), sealed("two", b"two")];
        let files = ["one", "two"].map(|object| place.folder.path().join(object));
        for ((sealed, object), file) in objects.iter().zip(["one", "two"]).zip(&files) {
            fs::write(file, server.give(sealed, object.as_bytes())).expect("written");
        }
        let mut announce = Command::new(env!("CARGO_BIN_EXE_mqtt"));
        announce.args(["announce", "--broker", &broker.at.to_string()]).args(&files);
        let announced = announce.output().expect("it starts");
        assert!(announced.status.success(), "{kind:?}: {announced:?}");
        for sealed in &objects {
            assert_eq!(listener.until("put"), sealed.name, "{kind:?}");
        }
        let expected = objects.map(|sealed| (sealed.name, Outcome::Continue));
        assert_eq!(place.decided(), expected, "{kind:?}");
    }
}

#[test]
fn what_is_hostile_is_refused_with_its_reason_and_hinders_no_other() {
    for kind in kinds() {
        let place = Place::new();
        let (broker, server) = (Broker::start(kind, &place, 1), Server::start(&place));
        let listener = Listener::usual(&place, &broker, &server);
        let name = "20260514t064148z.message.jasper.normal.tza";
        let (one, other) = (sealed("one", b"one"), sealed("other", b"other"));
        let good = server.give(&one, b"one");
        // The server has other bytes than were sealed.
        let differs = server.give(&other, b"changed");
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (Vec::new(), "no notification"),
            (b"{}".to_vec(), "no notification"),
            (vec![0xff; 100], "no notification"),
            (vec![b'['; 4_000], "no notification"),
            (vec![b' '; 5_000], "longer than the 4096 bytes"),
            (notice_to("mallory", name, "https://127.0.0.1/x"), "it is for 'mallory'"),
            (notice("../../etc/passwd", "https://127.0.0.1/x"), "no surface"),
            (notice(name, &format!("http://127.0.0.1/{name}")), "only https: is fetched"),
            (notice(name, &format!("file:///{name}")), "'file:' is not fetched"),
            (notice(name, &format!("/var/{name}")), "a path on another machine"),
            (notice(name, &format!("iacp:{}/{name}", "0".repeat(64))), "--at does not say"),
            (notice(name, &format!("{}/{name}", server.at)), "the server answers 404"),
            (differs, "is not what its manifest names"),
        ];
        let count = cases.len();
        for (payload, _) in &cases {
            assert!(broker.publish(payload, false), "{kind:?}: it is not published");
        }
        assert!(broker.publish(&good, false));
        // Those whose references are tried again come later than what followed them.
        let (mut refused, mut put) = (Vec::new(), Vec::new());
        while refused.len() < count || put.is_empty() {
            let line = listener.until("");
            let (what, about) = line.split_once(' ').unwrap_or((&line, ""));
            match what {
                "refused" => refused.push(about.trim().to_owned()),
                "put" => put.push(about.trim().to_owned()),
                _ => {}
            }
        }
        assert_eq!(put, std::slice::from_ref(&one.name), "{kind:?}");
        for (payload, why) in &cases {
            let shown = String::from_utf8_lossy(payload);
            assert!(refused.iter().any(|line| line.contains(why)), "{kind:?}: {why:?} ({shown}): {refused:#?}");
        }
        assert_eq!(names(&place).len(), 3, "{kind:?}: nothing else is in the inbox");
        assert_eq!(place.decided(), [(one.name, Outcome::Continue)], "{kind:?}");
    }
}

#[test]
fn what_comes_twice_or_is_retained_is_handled_once_over_restarts_too() {
    for kind in kinds() {
        let place = Place::new();
        let (broker, server) = (Broker::start(kind, &place, 2), Server::start(&place));
        let listener = Listener::usual(&place, &broker, &server);
        let one = sealed("one", b"one");
        let announced = server.give(&one, b"one");
        assert!(broker.publish(&announced, true));
        assert_eq!(listener.until("put"), one.name, "{kind:?}");
        for _ in 0..2 {
            assert!(broker.publish(&announced, true));
            assert!(listener.until("again").starts_with(&one.name), "{kind:?}");
        }
        drop(listener);
        assert_eq!(place.decided(), [(one.name.clone(), Outcome::Continue)], "{kind:?}");
        // The broker has kept it, and brings it to the next process. rumqttd 0.20 does so for a subscriber that is new alone: there it
        // is published again.
        let listener = Listener::usual(&place, &broker, &server);
        if kind == Kind::Embedded {
            assert!(broker.publish(&announced, true));
        }
        assert!(listener.until("again").starts_with(&one.name), "{kind:?}");
        assert_eq!(place.decided(), [], "{kind:?}");
        // The same object in another notification is fetched, and is what it is: a replay.
        let other = [&announced[..], b" "].concat();
        assert!(broker.publish(&other, false));
        assert_eq!(listener.until("put"), one.name, "{kind:?}");
        assert_eq!(place.decided(), [(one.name, Outcome::Quarantine)], "{kind:?}");
    }
}

#[test]
fn a_broker_that_dies_and_comes_back_is_subscribed_to_again() {
    for kind in kinds() {
        let place = Place::new();
        let (mut broker, server) = (Broker::start(kind, &place, 3), Server::start(&place));
        let listener = Listener::usual(&place, &broker, &server);
        for context in ["one", "two"] {
            broker.dies();
            listener.until("lost");
            broker.start_again();
            listener.subscribed();
            let one = sealed(context, context.as_bytes());
            assert!(broker.publish(&server.give(&one, context.as_bytes()), false));
            assert_eq!(listener.until("put"), one.name, "{kind:?}");
        }
        assert_eq!(place.decided().len(), 2, "{kind:?}");
    }
}

#[test]
fn an_object_whose_name_is_taken_waits_until_a_drop_has_taken_the_other() {
    let place = Place::new();
    let (broker, server) = (Broker::start(Kind::Embedded, &place, 6), Server::start(&place));
    let listener = Listener::usual(&place, &broker, &server);
    let one = sealed("one", b"one");
    let theirs = dropbox::Sealed { name: one.name.clone(), ..sealed("another", b"another") };
    dropbox::drop_into(&place.inbox(), &theirs, b"another").expect("dropped");
    let announced = server.give(&one, b"one");
    assert!(broker.publish(&announced, false));
    assert!(listener.until("kept").contains("is there already"));
    assert_eq!(names(&place).len(), 2, "and no notification of the one is beside the other");
    assert_eq!(place.decided(), [(one.name.clone(), Outcome::Triage)], "it was sealed with another name");
    assert_eq!(listener.until("put"), one.name);
    assert_eq!(place.decided(), [(one.name, Outcome::Continue)]);
}

#[test]
fn a_packet_that_is_too_long_ends_no_listener() {
    for kind in kinds() {
        let place = Place::new();
        let (broker, server) = (Broker::start(kind, &place, 4), Server::start(&place));
        let listener = Listener::usual(&place, &broker, &server);
        // The embedded broker refuses to take it; mosquitto delivers it.
        let taken = broker.publish(&vec![b'x'; 4 << 20], false);
        if kind == Kind::Mosquitto {
            assert!(taken, "it has no limit here");
            listener.until("lost");
            assert!(listener.until("refused").contains("more than 4096 bytes"));
        }
        let one = sealed("one", b"one");
        assert!(broker.publish(&server.give(&one, b"one"), false));
        assert_eq!(listener.until("put"), one.name, "{kind:?}");
        if kind == Kind::Embedded {
            continue;
        }
        // Nor does one that comes while the listener is away, before others: the broker keeps all of them.
        drop(listener);
        let two = sealed("two", b"two");
        assert!(broker.publish(&vec![b'y'; 4 << 20], false));
        assert!(broker.publish(&server.give(&two, b"two"), false));
        let listener = Listener::usual(&place, &broker, &server);
        assert!(listener.until("refused").contains("more than 4096 bytes"));
        assert_eq!(listener.until("put"), two.name, "{kind:?}");
    }
}

#[test]
fn a_listener_ends_after_so_many_messages_and_an_announcer_tells_a_broker_that_is_gone() {
    let place = Place::new();
    let (mut broker, server) = (Broker::start(Kind::Embedded, &place, 5), Server::start(&place));
    let ca = server.ca.to_string_lossy();
    let listener = Listener::start(&place, &broker, &["--ca", &ca, "--scope", "host", "--count", "2", "--json"]);
    assert!(listener.until("{\"").contains("subscribed"));
    let one = sealed("one", b"one");
    assert!(broker.publish(b"x", false) && broker.publish(&server.give(&one, b"one"), false));
    assert!(listener.ends());
    broker.dies();
    let file = place.folder.path().join("notice");
    fs::write(&file, notice(&one.name, "https://127.0.0.1/x")).expect("written");
    let announce = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt"));
        let output = command.arg("announce").args(options).arg(&file).output().expect("it starts");
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).expect("text")
    };
    let gone = announce(&["--broker", &broker.at.to_string(), "--timeout", "1"]);
    assert!(gone.contains("acknowledged 0 of 1"), "{gone}");
    assert!(announce(&["--broker", "a b"]).contains("is not HOST or HOST:PORT"));
    fs::write(&file, b"{}").expect("written");
    assert!(announce(&["--broker", &broker.at.to_string()]).contains("notification 1 is none"));
}
