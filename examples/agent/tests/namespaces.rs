//! Two hosts in network namespaces of their own, with a cable between them: no address of one is the other's loopback.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use support::host::Host;
use support::{noise, not_tested, run, sha256, succeeded};

/// How much is sent.
const BYTES: usize = 200_000;

fn ip(args: &[&str]) -> std::io::Result<Output> {
    Command::new("ip").args(args).stdin(Stdio::null()).output()
}

/// Two namespaces that end with their test.
struct Networks([String; 2]);

impl Networks {
    /// Two namespaces with 10.99.7.1 and 10.99.7.2; or why this machine has none.
    fn new() -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("iacp-{}-{end}", std::process::id()));
        let [one, other] = &names;
        let made = Self(names.clone());
        let must = |args: &[&str]| match ip(args) {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("ip: {error}")),
        };
        must(&["netns", "add", one])?;
        must(&["netns", "add", other])?;
        must(&["link", "add", "cable", "netns", one, "type", "veth", "peer", "name", "cable", "netns", other])?;
        for (name, address) in [(one, "10.99.7.1/24"), (other, "10.99.7.2/24")] {
            must(&["-n", name, "addr", "add", address, "dev", "cable"])?;
            must(&["-n", name, "link", "set", "cable", "up"])?;
        }
        Ok(made)
    }

    /// The program, in one of them.
    fn agent(&self, number: usize) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0[number], env!("CARGO_BIN_EXE_agent")]);
        command.stdin(Stdio::null()).env_remove("NO_COLOR");
        command
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = ip(&["netns", "del", name]);
        }
    }
}

// shows: IACP-080 (§4.2.3.4)
#[test]
fn agents_of_two_networks_exchange_files_share_an_endpoint_and_follow_a_move() {
    let networks = match Networks::new() {
        Ok(networks) => networks,
        Err(why) => {
            return not_tested(&format!(
                "two hosts in network namespaces need Linux, iproute2 and the right to make them ({why})"
            ));
        }
    };
    let place = tempfile::tempdir().expect("a directory");
    let start = |number: usize, bind| Host::start_by(&mut networks.agent(number), &place.path().join(bind), bind);
    let (here, there) = (start(0, "10.99.7.1:4227"), start(1, "10.99.7.2:4227"));
    // A file.
    let (file, content) = (place.path().join("file"), noise(3, BYTES));
    fs::write(&file, &content).expect("written");
    let (listener, eid, _) = there.listen(&place.path().join("in"));
    let sender = here.send(&format!("{eid}@{}", there.at), &file, &[]);
    assert_eq!(sender.next("delivered")["sha256"], sha256(&content));
    assert_eq!(listener.next("stored")["sha256"], sha256(&content));
    // An endpoint.
    let (follower, _answers, eid) = there.follow(&[]);
    let (sharer, mut values) = here.share(&format!("{eid}@{}", there.at), &["--tag", "lamp"]);
    sharer.next("shares");
    let mut changes = |value: &str| {
        writeln!(values, "{value}").expect("it reads");
        follower.until("value", |told| told["value"] == value);
    };
    changes("off");
    // The sharer's host gets another address; the session goes on there.
    let added = ip(&["-n", &networks.0[0], "addr", "add", "10.99.7.9/24", "dev", "cable"]).expect("there is ip");
    assert!(added.status.success(), "{added:?}");
    succeeded(&run(&["control", "--state", &here.dir(), "move", "10.99.7.9:4227"]));
    changes("on");
    let places = &there.status()["places"];
    assert!(places["10.99.7.9:4227"]["received"].as_u64().is_some_and(|frames| frames > 0), "{places}");
}
