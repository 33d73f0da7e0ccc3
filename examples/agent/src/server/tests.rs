//! Peers that would take more of a listener than is theirs. Time is virtual; each peer has a socket of its own.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use iacp_core::identity::Identity as IdentityOf;
use iacp_core::pss::Flight;

use super::*;
use crate::clock::Clock;
use crate::memory::Link;
use crate::telling::timeline::Style;

const START: Mono = Mono(1_000);

/// A peer, and its session with the listener.
struct Peer {
    socket: UdpSocket,
    at: SocketAddr,
    identity: Identity,
    session: Box<Link<{ 64 << 10 }, Flight>>,
    route: Route,
}

impl Peer {
    /// In the network 127.0.`network`.0/24. Nothing of it has left.
    fn new(server: &Server<'_>, route: &Route, network: u8) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, network, 1), 0)).expect("a free port");
        socket.set_nonblocking(true).expect("set");
        let at = socket.local_addr().expect("bound");
        let identity = IdentityOf::generate(&mut keys::rng());
        let mut session = lend::<{ 64 << 10 }, Flight>().expect("memory");
        let (to, offer) = (([127, 0, 0, 1], 9).into(), Capabilities::NONE);
        session.initiate(START, &identity, server.identity.eid(), to, offer, &mut keys::rng()).expect("idle");
        Self { socket, at, identity, session, route: route.clone() }
    }

    /// The next frame that it would send.
    fn says(&mut self, now: Mono) -> Option<Vec<u8>> {
        let mut out = [0; TRANSMIT_BUFFER];
        self.session.poll_transmit(now, &mut out).expect("long enough").map(|transmit| transmit.bytes.to_vec())
    }

    fn give(&self, now: Mono, server: &mut Server<'_>, frame: Vec<u8>) {
        server.handle(now, Arrival { route: self.route.clone(), from: self.at, what: Ok(frame) });
    }

    /// Takes what has come, without an answer.
    fn hear(&mut self, now: Mono) -> bool {
        let (mut buffer, mut any) = ([0; 2_048], false);
        while let Ok(length) = self.socket.recv(&mut buffer) {
            self.session.handle(now, &self.identity, ([127, 0, 0, 1], 9).into(), &mut buffer[..length]);
            any = true;
        }
        any
    }

    /// Both sides say what they have to say.
    fn pump(&mut self, now: Mono, server: &mut Server<'_>) {
        let _ = self.session.handle_deadline(now, &self.identity, &mut keys::rng());
        for _ in 0..100 {
            let mut any = false;
            while let Some(frame) = self.says(now) {
                self.give(now, server, frame);
                any = true;
            }
            if !(self.hear(now) || any) {
                return;
            }
        }
        panic!("they never come to rest");
    }

    fn established(mut self, now: Mono, server: &mut Server<'_>) -> Option<Self> {
        self.pump(now, server);
        self.session.peer_holds_keys().then_some(self)
    }

    fn end(&mut self, now: Mono, server: &mut Server<'_>) {
        self.session.abort(now, &self.identity, TeardownReason::TaskComplete).expect("its own");
        self.pump(now, server);
    }
}

/// Runs a test with a listener that has room for eight sessions.
fn with_server(test: impl FnOnce(&mut Server<'_>, &Route)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        socket.writable().await.expect("open");
        let timeline = Timeline::new(Clock::start(), Style::Log);
        let identity = IdentityOf::generate(&mut keys::rng());
        let outlet = Outlet::new("test", &timeline, None);
        let mut server = Server::new("test", &timeline, identity, Store::files(None, u64::MAX), None, outlet, START);
        server.most = 8;
        test(&mut server, &Route::Udp(Arc::new(socket)));
    });
}

#[test]
fn sessions_that_have_ended_make_room_for_new_ones() {
    with_server(|server, route| {
        for network in 0..20 {
            let mut peer = Peer::new(server, route, network).established(START, server).expect("room");
            peer.session.close(START, TeardownReason::TaskComplete).expect("it is open");
            for now in [START, START.after(50), START.after(100)] {
                server.handle_deadline(now);
                peer.pump(now, server);
            }
            assert!(peer.session.closure() == Some(Closure::Graceful) && server.sessions.len() <= 8);
        }
        assert_eq!(server.sessions.len(), 8, "their last words are kept");
    });
}

#[test]
fn live_sessions_of_others_are_not_displaced() {
    with_server(|server, route| {
        let live: Vec<_> = (0..8).map(|n| Peer::new(server, route, n).established(START, server)).collect();
        assert!(live.iter().all(Option::is_some));
        assert!(Peer::new(server, route, 9).established(START, server).is_none());
        assert!(server.sessions.values().all(|entry| entry.session.closure().is_none()));
    });
}

#[test]
fn a_network_has_a_quarter_of_the_sessions_and_of_the_room() {
    with_server(|server, route| {
        let mut first = Peer::new(server, route, 1).established(START, server).expect("room");
        let _second = Peer::new(server, route, 1).established(START, server).expect("room");
        assert!(Peer::new(server, route, 1).established(START, server).is_none(), "a third of the same network");
        let _other = Peer::new(server, route, 2).established(START, server).expect("another network");
        first.end(START, server);
        let third = Peer::new(server, route, 1).established(START, server).expect("the first has ended");
        let (room, near) = (server.room(third.at), server.room(([127, 0, 1, 77], 5).into()));
        assert!(Rc::ptr_eq(&room, &near));
        let held = room.hold(server.store.share).expect("a quarter");
        assert!(room.hold(1).is_none());
        let elsewhere = server.room(([127, 0, 2, 1], 5).into());
        assert!(elsewhere.hold(server.store.share).is_some());
        drop(held);
    });
}

#[test]
fn a_session_in_which_nothing_advances_is_ended_and_one_that_goes_on_is_not() {
    with_server(|server, route| {
        let mut stalled = Peer::new(server, route, 1).established(START, server).expect("room");
        let mut slow = Peer::new(server, route, 2).established(START, server).expect("room");
        for second in (0..=180).step_by(5) {
            let now = START.after(second * 1_000);
            if second % 50 == 0 {
                slow.session.send(now, ContentKind::Anml, b"a little").expect("room");
            }
            stalled.pump(now, server);
            slow.pump(now, server);
            server.handle_deadline(now);
            stalled.pump(now, server);
            slow.pump(now, server);
            assert_eq!(stalled.session.closure().is_some(), second >= 60, "after {second} s");
            assert_eq!(slow.session.closure(), None, "after {second} s");
        }
        let reason = TeardownReason::NoProgress.code();
        assert!(matches!(
            stalled.session.closure(),
            Some(Closure::Forced { by_peer: true, reason: given, .. }) if given == reason
        ));
    });
}

#[test]
fn false_senders_of_pss_init_leave_handshakes_and_ends_alone() {
    with_server(|server, route| {
        let mut peer = Peer::new(server, route, 1);
        let init = peer.says(START).expect("PSS_INIT");
        peer.give(START, server, init);
        assert!(peer.hear(START));
        let ack = peer.says(START).expect("PSS_ACK");
        let networks = (0..=255_u8).flat_map(|a| (0..=255_u8).map(move |b| SocketAddr::from(([10, a, b, 1], 1))));
        let drained = networks.filter(|from| server.buckets.inits.admit(START, *from, 1).is_ok()).count();
        assert_eq!(drained, 3_999, "one was taken by the peer's own");
        assert!(server.buckets.inits.admit(START, peer.at, 1).is_err());
        // PSS_ACKs whose cookies are forged, more than a bucket holds, in the name of the peer.
        for n in 0..1_100_u16 {
            let mut forged = ack.clone();
            forged[4..6].copy_from_slice(&n.to_be_bytes());
            if forged != ack {
                peer.give(START, server, forged);
            }
        }
        assert!(server.sessions.is_empty());
        peer.give(START, server, ack);
        peer.pump(START, server);
        assert!(peer.session.peer_holds_keys());
        peer.end(START, server);
        assert!(server.sessions.values().all(|entry| entry.session.closure().is_some()), "its PSS_TEARDOWN was read");
    });
}
