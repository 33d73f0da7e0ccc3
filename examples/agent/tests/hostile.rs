//! A listener in bad company: it goes on serving.

mod support;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use iacp_core::crypto::Portable;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Session, TRANSMIT_BUFFER};
use iacp_core::time::Mono;
use iacp_wire::{Eid, Frame, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use support::{Listener, noise, sha256, succeeded};

/// What stands between a sender and a listener: it loses some, holds some back, and remembers all that went by.
struct Relay {
    at: SocketAddr,
    capture: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    fn new(listener: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let back = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        for socket in [&front, &back] {
            socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        }
        let at = front.local_addr().expect("bound");
        let (capture, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let sender = Arc::new(Mutex::new(None));
        let there = {
            let (front, back) = (front.try_clone().expect("a clone"), back.try_clone().expect("a clone"));
            let (capture, stop, sender) = (Arc::clone(&capture), Arc::clone(&stop), Arc::clone(&sender));
            thread::spawn(move || {
                forward(&front, &stop, 1, |frame, from| {
                    *sender.lock().expect("held") = Some(from);
                    capture.lock().expect("held").push(frame.to_vec());
                    let _ = back.send_to(frame, listener);
                });
            })
        };
        let back_again = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                forward(&back, &stop, 2, |frame, _| {
                    if let Some(to) = *sender.lock().expect("held") {
                        let _ = front.send_to(frame, to);
                    }
                });
            })
        };
        Self { at, capture, stop, threads: vec![there, back_again] }
    }

    /// Ends it; gives all that the sender has said.
    fn end(self) -> Vec<Vec<u8>> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("it ends");
        }
        std::mem::take(&mut self.capture.lock().expect("held"))
    }
}

/// One direction: a tenth is lost, a tenth waits until another frame has gone by.
fn forward(socket: &UdpSocket, stop: &AtomicBool, seed: u64, mut pass: impl FnMut(&[u8], SocketAddr)) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut buffer = [0; 2_048];
    let mut held: Option<(Vec<u8>, SocketAddr)> = None;
    while !stop.load(Ordering::Relaxed) {
        let received = socket.recv_from(&mut buffer);
        if let Ok((length, from)) = received {
            let frame = &buffer[..length];
            // Every datagram is exactly one frame, and no longer than it may be.
            assert!(
                length <= 1_200
                    && Frame::parse(frame).is_ok_and(|frame| !matches!(frame.message, Message::OuterTransport { .. }))
            );
            match rng.next_u32() % 10 {
                0 => continue,
                1 if held.is_none() => {
                    held = Some((frame.to_vec(), from));
                    continue;
                }
                _ => pass(frame, from),
            }
        }
        if let Some((frame, from)) = held.take() {
            pass(&frame, from);
        }
    }
}

/// Random bytes, and frames that are nearly right.
fn garbage(socket: &UdpSocket, to: SocketAddr, capture: &[Vec<u8>]) {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for round in 0..500_u64 {
        let length = usize::try_from(rng.next_u64() % 1_400).expect("short");
        let _ = socket.send_to(&noise(round, length), to);
        if capture.is_empty() {
            continue;
        }
        let mut nearly = capture[usize::try_from(rng.next_u64() % capture.len() as u64).expect("an index")].clone();
        let place = usize::try_from(rng.next_u64() % nearly.len() as u64).expect("an index");
        nearly[place] ^= 1 << (round % 8);
        let _ = socket.send_to(&nearly, to);
        nearly.truncate(place);
        let _ = socket.send_to(&nearly, to);
    }
}

/// Sessions that are begun and never gone on with: authentic PSS_INITs, each of another agent.
fn half_open(socket: &UdpSocket, to: SocketAddr, eid: Eid, count: u64) {
    for seed in 0..count {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let identity = Identity::<Portable>::generate(&mut rng);
        let mut session = Session::<Portable, 1_024, 4>::IDLE;
        session.initiate(Mono(0), &identity, eid, to, Capabilities::NONE, &mut rng).expect("its memory is free");
        let mut out = [0; TRANSMIT_BUFFER];
        let init = session.poll_transmit(Mono(0), &mut out).expect("long enough").expect("its PSS_INIT is due");
        let _ = socket.send_to(init.bytes, to);
    }
}

#[test]
fn garbage_replays_and_half_open_sessions_hinder_nobody() {
    let place = tempfile::tempdir().expect("a directory");
    let listener = Listener::start("udp", &[]);
    let to: SocketAddr = listener.at.parse().expect("an address");
    let mut eid = Eid([0; 32]);
    hex::decode_to_slice(&listener.eid, &mut eid.0).expect("64 digits");
    let stranger = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    garbage(&stranger, to, &[]);
    half_open(&stranger, to, eid, 300);

    // A sender behind a bad link, while an attacker repeats all that it says from elsewhere.
    let first = place.path().join("first");
    fs::write(&first, noise(11, 60_000)).expect("written");
    let relay = Relay::new(to);
    let sender = listener.begin(&relay.at.to_string(), &first);
    let capture = Arc::clone(&relay.capture);
    let done = Arc::new(AtomicBool::new(false));
    let echo = {
        let (stranger, done) = (stranger.try_clone().expect("a clone"), Arc::clone(&done));
        thread::spawn(move || {
            let mut next = 0;
            while !done.load(Ordering::Relaxed) {
                let news: Vec<_> = capture.lock().expect("held").iter().skip(next).cloned().collect();
                next += news.len();
                news.iter().for_each(|frame| drop(stranger.send_to(frame, to)));
                thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let output = sender.wait_with_output().expect("it ends");
    done.store(true, Ordering::Relaxed);
    echo.join().expect("it ends");
    succeeded(&output);
    assert_eq!(listener.next()["sha256"], sha256(&noise(11, 60_000)));

    // Afterwards, the whole of it again, and nearly the same, and more that never goes on.
    let capture = relay.end();
    assert!(capture.len() > 50, "{}", capture.len());
    for _ in 0..3 {
        capture.iter().for_each(|frame| drop(stranger.send_to(frame, to)));
    }
    garbage(&stranger, to, &capture);
    half_open(&stranger, to, eid, 300);

    let second = place.path().join("second");
    fs::write(&second, noise(12, 200_000)).expect("written");
    succeeded(&listener.send(&second));
    assert_eq!(listener.next()["sha256"], sha256(&noise(12, 200_000)));
    listener.has_nothing_more();
}
