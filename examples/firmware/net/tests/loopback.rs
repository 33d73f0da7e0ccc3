//! Two nodes over smoltcp's loopback device, on a virtual clock: items come once each, also where the buffers of the stack
//! are far too small for what the nodes send, and where the stack loses datagrams.

mod common;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use common::{ADDRESSES, Report, Side, are_over, everything_came, node};
use iacp_core::erp::generation::PORT;
use iacp_core::time::Mono;
use net::smol;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::udp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpListenEndpoint};

fn socket(at: Ipv4Addr, datagrams: usize) -> udp::Socket<'static> {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; datagrams], vec![0; 1_400 * datagrams]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(IpListenEndpoint { addr: Some(IpAddress::from(at)), port: PORT }).expect("it is free");
    socket
}

/// Runs both nodes until the session is over; each so many calls the stack loses what has come.
fn run(datagrams: usize, lose_each: usize) -> [Arc<Mutex<Report>>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut device = Loopback::new(Medium::Ip);
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut device, Instant::ZERO);
    interface.update_ip_addrs(|all| {
        for address in ADDRESSES {
            all.push(IpCidr::new(IpAddress::from(address), 24)).expect("room for two");
        }
    });
    let mut sockets = SocketSet::new(vec![]);
    let handles: [SocketHandle; 2] = ADDRESSES.map(|at| sockets.add(socket(at, datagrams)));
    let [(mut first, one), (mut second, other)] = ADDRESSES.map(|at| node(at, &mut rng));
    let peer = Some((other.eid(), ADDRESSES[1]));
    let mut sides = [Side::new(one, peer), Side::new(other, None)];
    let reports = sides.each_ref().map(|side| side.report.clone());
    let entities = [&mut first, &mut second];
    let (mut count, mut now) = (0, 0);
    while !are_over(&reports) {
        assert!(now < 60_000, "not over after a minute");
        interface.poll(Instant::from_millis(i64::try_from(now).expect("minutes")), &mut device, &mut sockets);
        for (number, handle) in handles.iter().enumerate() {
            let socket = sockets.get_mut::<udp::Socket<'_>>(*handle);
            count += 1;
            if lose_each != 0 && count % lose_each == 0 && socket.can_recv() {
                let _ = socket.recv();
            }
            let _ = smol::drive(Mono(now), entities[number], socket, &mut sides[number], &mut rng);
        }
        now += 1;
    }
    reports
}

#[test]
fn items_cross_the_stack_once_each_and_the_session_ends() {
    everything_came(&run(8, 0));
}

#[test]
fn a_stack_with_room_for_two_datagrams_delays_and_loses_nothing() {
    everything_came(&run(2, 0));
}

#[test]
fn what_the_stack_loses_comes_again() {
    everything_came(&run(4, 7));
}
