//! What an agent or a host sends and receives, as a capture for Wireshark.
//!
//! Each frame is a UDP datagram in a packet of its own. `agent demo` sends by QUIC, which encrypts: there the addresses are
//! those of the documentation (RFC 5737) and stand for the two agents. `agent host` has the real addresses.

use std::cell::RefCell;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use etherparse::PacketBuilder;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

/// The port at which the dissector of `inspect dissector` looks.
const PORT: u16 = 4227;
/// The hop limit of the packets.
const HOPS: u8 = 64;

/// Where the first agent of a demonstration stands in its capture.
pub const ALICE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), PORT);
/// Where the second one stands.
pub const BOB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), PORT);

/// A capture that is being written. After the first failure nothing more is written.
pub struct Capture {
    state: RefCell<State>,
}

enum State {
    /// Without a buffer: what was sent is in the file, whenever the process is killed.
    Open(PcapWriter<File>),
    Failed(String),
}

impl Capture {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let shown = || format!("cannot write {}", path.display());
        let file = File::create(path).with_context(shown)?;
        let header = PcapHeader { datalink: DataLink::RAW, ..PcapHeader::default() };
        let writer = PcapWriter::with_header(file, header).with_context(shown)?;
        Ok(Self { state: RefCell::new(State::Open(writer)) })
    }

    /// Writes one frame.
    ///
    /// # Errors
    /// The first failure; it is told once, and the frames after it are left out.
    pub fn frame(&self, from: SocketAddr, to: SocketAddr, frame: &[u8]) -> Result<()> {
        let mut state = self.state.borrow_mut();
        let State::Open(writer) = &mut *state else { return Ok(()) };
        write(writer, from, to, frame).map_err(|error| {
            *state = State::Failed(format!("{error:#}"));
            error.context("the capture ends here")
        })
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It was not written to its end.
    pub fn finish(self) -> Result<()> {
        match self.state.into_inner() {
            State::Open(_) => Ok(()),
            State::Failed(why) => bail!("the capture is not complete: {why}"),
        }
    }
}

fn write(writer: &mut PcapWriter<File>, from: SocketAddr, to: SocketAddr, frame: &[u8]) -> Result<()> {
    let builder = match (from.ip(), to.ip()) {
        (IpAddr::V4(source), IpAddr::V4(target)) => PacketBuilder::ipv4(source.octets(), target.octets(), HOPS),
        // A socket of IPv6 may speak IPv4 too.
        (source, target) => PacketBuilder::ipv6(wide(source).octets(), wide(target).octets(), HOPS),
    };
    let builder = builder.udp(from.port(), to.port());
    let mut packet = Vec::with_capacity(builder.size(frame.len()));
    builder.write(&mut packet, frame)?;
    let time: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let length = u32::try_from(packet.len())?;
    writer.write_packet(&PcapPacket::new(time, length, &packet))?;
    Ok(())
}

const fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, SlicedPacket, TransportSlice};
    use pcap_file::pcap::PcapReader;

    use super::*;

    #[test]
    fn a_packet_of_either_family_has_its_addresses_its_ports_and_the_frame() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("capture");
        let six: SocketAddr = "[2001:db8::1]:4227".parse().expect("an address");
        let ways = [(ALICE, BOB), (six, "[2001:db8::2]:9".parse().expect("an address")), (six, ALICE)];
        let capture = Capture::create(&path).expect("created");
        for (number, (from, to)) in ways.iter().enumerate() {
            capture.frame(*from, *to, &vec![7; number]).expect("written");
        }
        capture.finish().expect("complete");

        let mut reader = PcapReader::new(File::open(&path).expect("there")).expect("a capture");
        for (number, (from, to)) in ways.into_iter().enumerate() {
            let packet = reader.next_packet().expect("one more").expect("a packet").data.into_owned();
            let sliced = SlicedPacket::from_ip(&packet).expect("IP");
            let [source, target] = match sliced.net.expect("a header") {
                NetSlice::Ipv4(ip) => [ip.header().source(), ip.header().destination()].map(IpAddr::from),
                NetSlice::Ipv6(ip) => [ip.header().source(), ip.header().destination()].map(IpAddr::from),
                NetSlice::Arp(_) => panic!("no ARP is written"),
            };
            let both_four = from.is_ipv4() && to.is_ipv4();
            let shown = |address: IpAddr| if both_four { address } else { wide(address).into() };
            assert_eq!([source, target], [shown(from.ip()), shown(to.ip())]);
            let Some(TransportSlice::Udp(udp)) = sliced.transport else { panic!("no UDP") };
            assert_eq!((udp.source_port(), udp.destination_port()), (from.port(), to.port()));
            assert_eq!(udp.payload(), vec![7; number]);
        }
        assert!(reader.next_packet().is_none());
    }

    #[test]
    fn a_failure_is_told_once_and_the_capture_is_not_complete() {
        let place = tempfile::tempdir().expect("a directory");
        let capture = Capture::create(&place.path().join("capture")).expect("created");
        capture.frame(ALICE, BOB, b"frame").expect("there is room");
        // More bytes than a datagram of UDP has.
        let long = vec![0; 1 << 16];
        assert!(capture.frame(ALICE, BOB, &long).is_err());
        assert!(capture.frame(ALICE, BOB, &long).is_ok(), "it is told once");
        assert!(capture.finish().is_err());
    }
}
