//! Two hosts on the two ends of a serial line, which loses bytes and breaks.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::Value;
use support::host::{Host, Told};
use support::{complaint, noise, run, sha256};

/// How much is sent.
const BYTES: usize = 120_000;
/// One byte in so many is lost.
const LOST_EACH: u64 = 9_001;

/// A cable without a modem between two ports: what one end writes, the other reads, but for the bytes that are lost. When so
/// many bytes have passed it is pulled out and put in again, once.
struct Cable {
    ends: [String; 2],
    passed: Arc<AtomicU64>,
}

impl Cable {
    fn new(pulled_at: u64) -> Self {
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let ends = ports.each_ref().map(|port| format!("serial:tcp:{}", port.local_addr().expect("bound")));
        let passed = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&passed);
        thread::spawn(move || {
            loop {
                let streams = ports.each_ref().map(|port| port.accept().map(|(stream, _)| stream));
                let [Ok(one), Ok(other)] = streams else { return };
                let both = [(&one, &other), (&other, &one)];
                let carriers = both.map(|(from, to)| {
                    let clone = |stream: &TcpStream| stream.try_clone().expect("a handle");
                    let (from, to, counted) = (clone(from), clone(to), Arc::clone(&counted));
                    thread::spawn(move || carry(from, to, &counted, pulled_at))
                });
                carriers.into_iter().for_each(|carrier| carrier.join().expect("no panic"));
            }
        });
        Self { ends, passed }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, passed: &AtomicU64, pulled_at: u64) {
    let mut buffer = [0; 512];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut kept = Vec::new();
        for byte in &buffer[..length] {
            let count = passed.fetch_add(1, Ordering::Relaxed) + 1;
            if count == pulled_at {
                let _ = from.shutdown(std::net::Shutdown::Both);
                let _ = to.shutdown(std::net::Shutdown::Both);
                return;
            }
            if !count.is_multiple_of(LOST_EACH) {
                kept.push(*byte);
            }
        }
        if to.write_all(&kept).is_err() {
            break;
        }
    }
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = to.shutdown(std::net::Shutdown::Both);
}

fn start(state: &std::path::Path, line: &str, at: &str, far: &str) -> Host {
    let told =
        Told::start(&["host", "--state", &state.to_string_lossy(), "--transport", line, "--bind", at, "--far", far]);
    let up = told.next("host_up");
    assert_eq!((&up["transport"], &up["at"]), (&Value::from("serial"), &Value::from(at)));
    Host { told, state: state.to_owned(), at: at.to_owned() }
}

#[test]
fn a_file_crosses_a_line_that_loses_bytes_and_is_pulled_out_on_the_way() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, content) = (place.path().join("file"), noise(3, BYTES));
    fs::write(&file, &content).expect("written");
    let cable = Cable::new(60_000);
    let names = ["192.0.2.1:4227", "192.0.2.2:4227"];
    let one = start(&place.path().join("one"), &cable.ends[0], names[0], names[1]);
    let other = start(&place.path().join("other"), &cable.ends[1], names[1], names[0]);
    let (listener, eid, _) = one.listen(&place.path().join("in"));
    let sender = other.send(&format!("{eid}@{}", one.at), &file, &[]);
    assert_eq!(sender.next("delivered")["sha256"], sha256(&content));
    assert_eq!(listener.next("stored")["twice"], 0);
    assert_eq!(fs::read(place.path().join("in").join(sha256(&content))).ok(), Some(content));
    assert!(sender.ended());
    assert!(cable.passed.load(Ordering::Relaxed) > 130_000, "all of it went over the line");
    // Two ends, each with the other alone.
    assert_eq!(
        one.status()["places"].as_object().map(|places| places.keys().cloned().collect()),
        Some(vec![names[1].to_owned()])
    );
}

#[test]
fn what_a_user_gets_wrong_about_a_line_is_told_in_one_line() {
    let place = tempfile::tempdir().expect("a directory");
    let state = place.path().join("host").to_string_lossy().into_owned();
    let host = |transport: &str| complaint(&["host", "--state", &state, "--transport", transport]);
    assert!(host("serial:/dev/no-such-port").contains("cannot open the serial line /dev/no-such-port@115200"));
    assert!(host("serial:tcp:127.0.0.1:1").contains("cannot open the serial line tcp:127.0.0.1:1"));
    let wrong = run(&["host", "--state", &state, "--transport", "tcp"]);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("serial:tcp:IP:PORT"));
}
