//! What a broker may do with a connection, whatever brokers do today.

mod support;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::process::Command;

use support::{Listener, Place, Scripted, notice};

const NAME: &str = "20260514t064148z.message.jasper.normal.tza";

/// A server that takes connections and never answers, and a notification that refers to it.
fn silent(name: &str) -> (TcpListener, Vec<u8>) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("an address");
    let slow = notice(name, &format!("https://{}/{name}", silent.local_addr().expect("an address")));
    (silent, slow)
}

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
    let listener = Listener::of(program(), &place, broker.at(), &["--scope", "host", "--timeout", "86400"]);
    // While the first message is handled, the others wait.
    let (silent, slow) = silent(NAME);
    let payload = |number: u16| if number == 1 { slow.clone() } else { format!("number {number}").into_bytes() };

    let mut first = broker.next(1);
    for number in 1..=MESSAGES {
        first.publish(Some(number), &payload(number));
    }
    assert!(listener.until("kept").contains("messages wait already"));
    drop(silent);
    let mut done = BTreeSet::new();
    while let Some(number) = first.acknowledged() {
        assert!(done.insert(number), "{number} is acknowledged twice");
    }
    assert!(done.len() >= 200 && done.len() < usize::from(MESSAGES) - 1, "{}", done.len());
    assert!(done.contains(&1), "it was tried until the end");

    // The next connection has its own numbers: 1 is another message now.
    let mut second = broker.next(1);
    let left: Vec<_> = (2..=MESSAGES).filter(|number| !done.contains(number)).collect();
    for (number, message) in (1..).zip(&left) {
        second.publish(Some(number), &payload(*message));
    }
    let count = u16::try_from(left.len()).expect("few");
    let acknowledged: Vec<_> = (0..count).map(|_| second.acknowledged().expect("it goes on")).collect();
    assert_eq!(acknowledged, (1..=count).collect::<Vec<_>>());

    // What was taken in one connection and refused in another is not acknowledged there: its number may be another message's.
    let other = "20260514t064149z.message.jasper.normal.tza";
    let (silent, slow) = self::silent(other);
    second.publish(Some(count + 1), &slow);
    let (trying, _) = silent.accept().expect("it is being tried");
    drop(second);
    let mut third = broker.next(1);
    drop((silent, trying));
    while !listener.until("refused").contains(other) {}
    third.publish(None, b"unreliable");
    while !listener.until("refused").contains("QoS 0") {}
    third.publish(Some(500), b"the last");
    assert_eq!(third.acknowledged(), Some(500));
}

#[test]
fn what_no_server_answers_holds_up_no_other_message() {
    let (place, broker) = (Place::new(), Scripted::start());
    let listener = Listener::of(program(), &place, broker.at(), &["--scope", "host", "--timeout", "8"]);
    let (silent, slow) = silent(NAME);
    let mut said = broker.next(1);
    said.publish(Some(1), &slow);
    assert!(listener.until("kept").contains("when nothing else waits"));
    let tries = (silent.accept().expect("the first try"), silent.accept().expect("the second"));
    said.publish(Some(2), b"no notification");
    said.publish(Some(3), b"no notification either");
    // Before the third.
    assert_eq!((said.acknowledged(), said.acknowledged()), (Some(2), Some(3)));
    drop((silent, tries));
    assert_eq!(said.acknowledged(), Some(1), "it is refused at last");
}

/// A packet of 2 MiB begins.
const LONG: [u8; 5] = [0x32, 0x80, 0x80, 0x80, 1];

#[test]
fn a_line_that_breaks_off_costs_no_session_and_what_is_no_mqtt_costs_one() {
    let (place, broker) = (Place::new(), Scripted::start());
    let listener = Listener::of(program(), &place, broker.at(), &[]);
    let mut said = broker.next(1);
    assert!(!said.clean);
    said.bytes(&[0x32, 0x20]);
    drop(said);
    let mut said = broker.next(1);
    assert!(!said.clean, "it ended within a packet");
    said.publish(Some(1), b"no notification");
    said.breaks_off();
    let mut said = broker.next(1);
    assert!(!said.clean, "it was reset");
    // A packet without a length: the broker would bring it in each connection of this session.
    said.bytes(&[0x30, 0xff, 0xff, 0xff, 0xff]);
    let mut anew = broker.connected();
    assert!(anew.clean, "another session begins");
    assert_eq!(anew.packet(), None, "nothing is kept in a clean session: it ends at once");
    let mut said = broker.next(1);
    assert!(!said.clean, "and this one is kept");
    said.publish(Some(1), b"the last");
    assert_eq!(said.acknowledged(), Some(1));
    listener.until("refused");
}

#[test]
fn a_long_packet_costs_no_session_until_it_has_failed_three_times() {
    let (place, broker) = (Place::new(), Scripted::start());
    let _listener = Listener::of(program(), &place, broker.at(), &[]);
    let mut said = broker.next(1);
    said.bytes(&LONG);
    assert_eq!(said.acknowledged(), None, "it is too long");
    for _ in 0..3 {
        let mut said = broker.next(1);
        assert!(!said.clean, "it is taken now");
        said.bytes(&LONG);
    }
    assert!(broker.connected().clean);
    assert!(!broker.next(1).clean);
}

#[test]
fn a_long_packet_that_never_comes_is_waited_for_until_the_broker_answers_a_ping() {
    let (place, broker) = (Place::new(), Scripted::start());
    let _listener = Listener::of(program(), &place, broker.at(), &[]);
    let mut said = broker.next(1);
    said.bytes(&LONG);
    assert_eq!(said.acknowledged(), None, "it is too long");
    let mut said = broker.next(1);
    said.answers_a_ping();
    said.publish(Some(1), b"the ping has been answered");
    assert_eq!(said.acknowledged(), Some(1));
    drop(said);
    // One that comes later is the first one again.
    let mut said = broker.next(1);
    said.bytes(&LONG);
    assert_eq!(said.packet(), None, "it is too long, and not waited for");
    assert!(!broker.next(1).clean);
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
