//! A link between two sockets: it delays every datagram by the same time, and loses some.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use socket2::SockRef;

/// What a link does, each way.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub delay_ms: u64,
    pub loss_permille: u32,
}

/// Bytes that a socket of the link holds, if the system allows as many: the link itself has no queue that overflows.
const BUFFER: usize = 4 << 20;

/// A link in front of a listener. It ends when this is dropped.
pub struct Relay {
    /// Where it stands in for the listener.
    pub at: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

type Waiting = VecDeque<(Instant, Vec<u8>)>;

/// Datagrams under way in one direction, in order.
#[derive(Default)]
struct Way {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket() -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let options = SockRef::from(&socket);
    options.set_recv_buffer_size(BUFFER)?;
    options.set_send_buffer_size(BUFFER)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

impl Relay {
    pub fn start(listener: SocketAddr, weather: Weather, seed: u64) -> std::io::Result<Self> {
        let (front, back) = (socket()?, socket()?);
        let at = front.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        // The address that sent to the front last.
        let sender = Arc::new(Mutex::new(None));
        let mut threads = Vec::new();
        for (number, inwards) in [(0, true), (1, false)] {
            let (from, to) = if inwards { (&front, &back) } else { (&back, &front) };
            let (from, to, way) = (from.try_clone()?, to.try_clone()?, Arc::new(Way::default()));
            let (arriving, halt, known) = (Arc::clone(&way), Arc::clone(&stop), Arc::clone(&sender));
            threads.push(thread::spawn(move || {
                let rng = ChaCha8Rng::seed_from_u64(2 * seed + number);
                arrive(&from, &arriving, weather, rng, &halt, |who| {
                    if inwards {
                        *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
                    }
                });
            }));
            let (halt, known) = (Arc::clone(&stop), Arc::clone(&sender));
            threads.push(thread::spawn(move || {
                depart(&to, &way, &halt, || {
                    let outwards = || *known.lock().unwrap_or_else(PoisonError::into_inner);
                    if inwards { Some(listener) } else { outwards() }
                });
            }));
        }
        Ok(Self { at, stop, threads })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn arrive(
    socket: &UdpSocket,
    way: &Way,
    weather: Weather,
    mut rng: ChaCha8Rng,
    stop: &AtomicBool,
    seen: impl Fn(SocketAddr),
) {
    let mut buffer = [0; 2_048];
    while !stop.load(Ordering::Relaxed) {
        let (length, who) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            // No process listens any more: that is an error of the sender's, and not of the link.
            Err(_) => continue,
        };
        seen(who);
        if rng.next_u32() % 1_000 < weather.loss_permille {
            continue;
        }
        let due = Instant::now() + Duration::from_millis(weather.delay_ms);
        way.lock().push_back((due, buffer[..length].to_vec()));
        way.more.notify_one();
    }
}

fn depart(socket: &UdpSocket, way: &Way, stop: &AtomicBool, to: impl Fn() -> Option<SocketAddr>) {
    while !stop.load(Ordering::Relaxed) {
        let next = way.lock().pop_front();
        let Some((due, datagram)) = next else {
            let waiting = way.lock();
            if waiting.is_empty() {
                let _ = way.more.wait_timeout(waiting, Duration::from_millis(50));
            }
            continue;
        };
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if let Some(to) = to() {
            let _ = socket.send_to(&datagram, to);
        }
    }
}
