//! Endpoints that two agents in processes of their own share: on one host, and on two.

mod support;

use std::io::Write;

use serde_json::Value;
use support::complaint;
use support::host::{Host, Told};

/// The next value of a follower.
fn value(told: &Told, wanted: &str) -> Value {
    told.until("value", |told| told["value"] == wanted)
}

fn write(input: &mut impl Write, line: &str) {
    writeln!(input, "{line}").expect("it reads");
}

// shows: IACP-132 (§6.1.1), IACP-142 (§6.4.1), IACP-147 (§6.4.4)
#[test]
fn two_agents_share_an_endpoint_on_one_host_and_on_two() {
    let place = tempfile::tempdir().expect("a directory");
    let here = Host::start(&place.path().join("here"), "127.0.0.2:0");
    let there = Host::start(&place.path().join("there"), "127.0.0.3:0");
    for (host, near) in [(&here, true), (&there, false)] {
        let (follower, mut answers, eid) = host.follow(&[]);
        let to = if near { eid } else { format!("{eid}@{}", host.at) };
        let (sharer, mut values) = here.share(&to, &["--tag", "lamp", "--write"]);
        let own = sharer.next("registered")["eid"].clone();
        assert_eq!(follower.next("shares")["tag"], "lamp");
        sharer.next("shares");
        write(&mut values, "off");
        let told = value(&follower, "off");
        assert_eq!((&told["from"], &told["tag"], &told["version"]), (&own, &Value::from("lamp"), &Value::from(2)));
        write(&mut values, "on");
        assert_eq!(value(&follower, "on")["version"], 3);
        // The follower writes, and the owner is told; a line that is longer than a value changes nothing.
        write(&mut answers, &"x".repeat(5_000));
        write(&mut answers, "dimmed");
        assert_eq!(value(&sharer, "dimmed")["version"], 4);
        // When its agent goes, the endpoint ends with it.
        assert!(sharer.stop());
        follower.next("broken");
        assert!(follower.stop());
    }
}

// shows: IACP-142 (§6.4.1), IACP-148 (§6.4.4)
#[test]
fn two_agents_have_an_endpoint_for_each_other_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let here = Host::start(&place.path().join("here"), "127.0.0.2:0");
    let there = Host::start(&place.path().join("there"), "127.0.0.3:0");
    let (follower, _, eid) = there.follow(&[]);
    let to = format!("{eid}@{}", there.at);
    for options in [&[][..], &["--exclusive"]] {
        let (sharer, mut values) = here.share(&to, options);
        sharer.next("shares");
        write(&mut values, "between us");
        let told = value(&follower, "between us");
        assert_eq!((&told["tag"], &told["version"]), (&Value::Null, &Value::from(2)), "{options:?}");
        assert!(sharer.stop());
    }
    // What answers on its own host alone is granted, and gives nothing from elsewhere.
    let (sharer, mut values) = here.share(&to, &["--tag", "local", "--here"]);
    sharer.next("shares");
    write(&mut values, "unheard");
    sharer.next("writes");
    let (other, mut heard) = here.share(&to, &["--tag", "everywhere"]);
    other.next("shares");
    write(&mut heard, "heard");
    let told = follower.until("value", |told| told["value"] == "heard" || told["value"] == "unheard");
    assert_eq!(told["value"], "heard");
}

#[test]
fn what_a_user_gets_wrong_about_sharing_is_told_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let host = Host::start(&place.path().join("host"), "127.0.0.1:0");
    let state = host.dir();
    let none = place.path().join("none").to_string_lossy().into_owned();
    let (_listener, eid, _) = host.listen(&place.path().join("in"));
    let long = "t".repeat(65);
    for (options, clue) in [
        (&["--to", "abc", "--tag", "door"][..], "'abc' is not an EID"),
        (&["--to", &eid, "--tag", ""], "--tag: '' is empty"),
        (&["--to", &eid, "--tag", &long], "longer than 64 bytes"),
        (&["--to", &eid, "--tag", "IACP/1 pair"], "one of the protocol's own"),
        (&["--to", &eid, "--tag", "door"], "follows nothing"),
    ] {
        let text = complaint(&[&["local", "share", "--state", &state][..], options].concat());
        assert!(text.contains(clue), "{options:?}: {text}");
    }
    let stranger = String::from_utf8(support::run(&["eid", "--seed", &"ab".repeat(32)]).stdout).expect("text");
    let text = complaint(&["local", "share", "--state", &state, "--to", stranger.trim_end(), "--tag", "door"]);
    assert!(text.contains("no such agent"), "{text}");
    for command in [&["local", "follow", "--state", &none][..], &["local", "share", "--state", &none, "--to", &eid]] {
        assert!(complaint(command).contains("no host runs in"), "{command:?}");
    }
    let text = complaint(&["local", "follow", "--state", &state, "--from", "abc"]);
    assert!(text.contains("'abc' is not an EID"), "{text}");
}
