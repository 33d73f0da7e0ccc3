//! What a broker may do with a connection, whatever brokers do today.

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use support::{Listener, Place, Scripted, notice};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mqtt"))
}

#[test]
fn a_refused_subscription_is_told_and_asked_for_again() {
    let (place, broker) = (Place::new(), Scripted::start());
    let listener = Listener::of(program(), &place, broker.at(), &[]);
    for code in [0x80, 0] {
        let mut said = broker.next(code);
        assert!(listener.until("lost").contains("refuses the subscription"), "{code:#x}");
        assert_eq!(said.acknowledged(), None, "the connection ends");
    }
    let _said = broker.next(1);
    listener.subscribed();
}

#[test]
fn messages_that_find_no_room_are_asked_for_again_and_each_is_acknowledged_in_its_own_connection() {
    const MESSAGES: u16 = 400;
    let (place, broker) = (Place::new(), Scripted::start());
    let listener = Listener::of(program(), &place, broker.at(), &["--scope", "host"]);
    // A server that takes connections and never answers: while the first message is handled, the others wait.
    let silent = TcpListener::bind("127.0.0.1:0").expect("an address");
    let name = "20260514t064148z.message.jasper.normal.tza";
    let slow = notice(name, &format!("https://{}/{name}", silent.local_addr().expect("an address")));
    let payload = |number: u16| if number == 1 { slow.clone() } else { format!("number {number}").into_bytes() };

    let mut first = broker.next(1);
    for number in 1..=MESSAGES {
        first.publish(Some(number), &payload(number));
    }
    assert!(listener.until("kept").contains("messages wait already"));
    let mut done = BTreeSet::new();
    while let Some(number) = first.acknowledged() {
        assert!(done.insert(number), "{number} is acknowledged twice");
    }
    assert!(done.len() >= 200 && done.len() < usize::from(MESSAGES) - 1, "{}", done.len());
    assert!(!done.contains(&1), "it is still being tried");

    // The next connection has its own numbers: 1 is another message now.
    let mut second = broker.next(1);
    let left: Vec<_> = (2..=MESSAGES).filter(|number| !done.contains(number)).collect();
    for (number, message) in (1..).zip(&left) {
        second.publish(Some(number), &payload(*message));
    }
    let count = u16::try_from(left.len()).expect("few");
    let acknowledged: Vec<_> = (0..count).map(|_| second.acknowledged().expect("it goes on")).collect();
    assert_eq!(acknowledged, (1..=count).collect::<Vec<_>>());
    // What was tried since the first connection is refused at last, and no acknowledgement of it comes in the second.
    while !listener.until("refused").contains(name) {}
    second.publish(None, b"unreliable");
    while !listener.until("refused").contains("QoS 0") {}
    second.publish(Some(500), b"the last");
    assert_eq!(second.acknowledged(), Some(500));
}

#[test]
fn a_listener_that_cannot_write_down_what_it_has_seen_ends() {
    let (place, broker) = (Place::new(), Scripted::start());
    let seen = place.folder.path().join("seen");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"trap "" XFSZ; ulimit -f 0; exec "$0" "$@""#, env!("CARGO_BIN_EXE_mqtt")]);
    let listener = Listener::of(command, &place, broker.at(), &["--seen", &seen.to_string_lossy()]);
    let mut said = broker.next(1);
    listener.subscribed();
    said.publish(Some(1), b"no notification");
    assert_eq!(said.acknowledged(), None, "it is not acknowledged, and the connection ends");
    assert!(!listener.ends());
}
