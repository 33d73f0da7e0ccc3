//! What was sent is in the capture, and Wireshark reads it as `inspect frame --json` does.

#[path = "../../inspect/tests/tshark/mod.rs"]
mod tshark;

mod support;

use std::fs::{self, File};
use std::path::Path;

use etherparse::{SlicedPacket, TransportSlice};
use iacp_wire::{Frame, Value};
use pcap_file::pcap::PcapReader;
use support::host::{Host, Told};
use support::{complaint, noise, run, succeeded};

/// One packet of a capture.
struct Packet {
    from: u16,
    to: u16,
    /// The last byte of the sender's address.
    host: u8,
    frame: Vec<u8>,
}

fn packets(pcap: &Path) -> Vec<Packet> {
    let mut reader = PcapReader::new(File::open(pcap).expect("there is one")).expect("a capture");
    let mut packets = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a packet").data.into_owned();
        let Some(TransportSlice::Udp(udp)) = SlicedPacket::from_ip(&packet).expect("IP").transport else {
            panic!("no UDP")
        };
        let (from, to) = (udp.source_port(), udp.destination_port());
        packets.push(Packet { from, to, host: packet[15], frame: udp.payload().to_vec() });
    }
    packets
}

fn names(packets: &[Packet]) -> Vec<&'static str> {
    let name = |packet: &Packet| Frame::parse(&packet.frame).expect("a frame").message.message_type().name();
    packets.iter().map(name).collect()
}

/// The names of the frames that are inside of the packets' frames: between hosts, sessions travel in ERP_STREAM.
fn inner_names(packets: &[Packet]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for packet in packets {
        Frame::parse(&packet.frame).expect("a frame").message.visit(&mut |field, value| {
            if let ("inner_frame", Value::Bytes(bytes)) = (field, value) {
                names.push(Frame::parse(bytes).expect("a frame in a frame").message.message_type().name());
            }
        });
    }
    names
}

/// Compares every packet as tshark shows it with what `inspect frame --json` prints of its frame.
fn compare_with_tshark(packets: &[Packet], pcap: &Path, folder: &Path, ports: &[u16]) {
    let Some(shown) = tshark::dissected(&explain::dissector::lua(), pcap, folder, ports) else { return };
    assert_eq!(shown.len(), packets.len());
    let mut compared = 0;
    for (packet, shown) in packets.iter().zip(&shown) {
        let frame = Frame::parse(&packet.frame).expect("a frame");
        let said = serde_json::to_value(explain::frame::shown(&frame, &packet.frame)).expect("an object");
        compared += tshark::compare(shown, &said);
    }
    assert!(compared > packets.len(), "each frame has more than one field");
}

#[test]
fn a_capture_has_every_frame_that_was_sent_in_its_order() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, pcap) = (place.path().join("file"), place.path().join("demo.pcap"));
    fs::write(&file, noise(3, 30_000)).expect("written");
    let output = run(&["demo", "--json", "--bits", "8", "--pcap", &pcap.to_string_lossy(), &file.to_string_lossy()]);
    succeeded(&output);
    let text = String::from_utf8(output.stdout).expect("text");
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let summary = events.iter().find(|event| event["event"] == "summary").expect("there is one");
    let sent = |who: &str| {
        let mut sides = summary["sides"].as_array().expect("two").iter();
        sides.find(|side| side["who"] == who).and_then(|side| side["sent"]["frames"].as_u64()).expect("counted")
    };

    let packets = packets(&pcap);
    // 192.0.2.1 is alice, 192.0.2.2 is bob.
    let count = |host: u8| packets.iter().filter(|packet| packet.host == host).count() as u64;
    assert_eq!([count(1), count(2)], [sent("alice"), sent("bob")], "what a fault lost on its way was sent");
    let names = names(&packets);
    assert_eq!(names.first().copied(), Some("DISCOVERY_REQ"));
    for name in ["DISCOVERY_RES", "PSS_INIT", "PSS_NEG", "PSS_ACK", "PSS_DATA_STREAM", "PSS_TEARDOWN"] {
        assert!(names.contains(&name), "{name}");
    }
    compare_with_tshark(&packets, &pcap, place.path(), &[]);
}

#[test]
fn a_host_captures_what_goes_out_and_what_comes_in() {
    let place = tempfile::tempdir().expect("a directory");
    let (file, pcap) = (place.path().join("file"), place.path().join("host.pcap"));
    fs::write(&file, noise(4, 20_000)).expect("written");
    let state = place.path().join("here");
    let told = Told::start(&[
        "host",
        "--state",
        &state.to_string_lossy(),
        "--bind",
        "127.0.0.2:0",
        "--pcap",
        &pcap.to_string_lossy(),
    ]);
    let at = told.next("host_up")["at"].as_str().expect("an address").to_owned();
    let here = Host { told, state, at };
    let there = Host::start(&place.path().join("there"), "127.0.0.3:0");
    let (_bob, eid, _) = there.listen(&place.path().join("in"));
    let alice = here.send(&format!("{eid}@{}", there.at), &file, &[]);
    alice.next("delivered");
    assert!(alice.ended());
    // Killed, not stopped: what was sent is in the file all the same.
    here.told.kill();

    let port = |at: &str| at.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).expect("a port");
    let ports = [port(&here.at), port(&there.at)];
    let packets = packets(&pcap);
    let (out, back): (Vec<_>, Vec<_>) = packets.iter().partition(|packet| packet.host == 2);
    assert!(out.len() > 20, "20,000 bytes do not go into {} frames", out.len());
    assert!(out.iter().all(|packet| [packet.from, packet.to] == ports));
    assert!(back.iter().all(|packet| packet.host == 3 && [packet.to, packet.from] == ports));
    // Sessions go in streams; an agent that leaves says so beside them.
    for name in names(&packets) {
        assert!(["ERP_STREAM", "MIGRATION_VECTOR"].contains(&name), "{name}");
    }
    let names = inner_names(&packets);
    for name in ["PSS_INIT", "PSS_NEG", "PSS_ACK", "PSS_DATA_STREAM"] {
        assert!(names.contains(&name), "{name}");
    }
    compare_with_tshark(&packets, &pcap, place.path(), &ports);
}

#[test]
fn a_capture_that_cannot_be_written_is_told() {
    assert!(complaint(&["demo", "--pcap", "/no/such/folder/demo.pcap"]).contains("/no/such/folder/demo.pcap"));
    let place = tempfile::tempdir().expect("a directory");
    let state = place.path().to_string_lossy();
    let told = complaint(&["host", "--state", &state, "--bind", "127.0.0.1:0", "--pcap", "/no/such/folder/host.pcap"]);
    assert!(told.contains("/no/such/folder/host.pcap"));
    if Path::new("/dev/full").exists() {
        assert!(complaint(&["demo", "--pcap", "/dev/full"]).contains("/dev/full"));
    }
}
