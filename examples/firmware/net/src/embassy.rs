//! As an Embassy task over a UDP socket of `embassy-net`.
//!
//! `tests/embassy.rs` has such a task, with its buffers, and runs two of them.

use core::net::{IpAddr, SocketAddr};

use embassy_futures::select::{Either, select};
use embassy_net::IpEndpoint;
use embassy_net::udp::UdpSocket;
use embassy_time::{Instant, Timer};
use iacp_core::crypto::Provider;
use iacp_core::erp::entity::{HEAD, INSIDE, LlEntity, To};
use iacp_core::time::Mono;
use rand_core::CryptoRng;

use crate::{Application, DATAGRAM, join, turn};

/// Embassy's clock: milliseconds since the start.
fn now() -> Mono {
    Mono(Instant::now().as_millis())
}

/// Runs the node for ever.
pub async fn run<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize>(
    node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>,
    socket: &mut UdpSocket<'_>,
    application: &mut impl Application<P, LOG, FRAMES, SPENT>,
    rng: &mut impl CryptoRng,
) -> ! {
    let mut datagram = [0; DATAGRAM];
    loop {
        turn(node, application, now(), rng);
        send(node, socket, application, rng).await;
        let due = [node.next_deadline(), application.next_work()].into_iter().flatten().min();
        let alarm = Timer::at(due.map_or(Instant::MAX, |due| Instant::from_millis(due.0)));
        // One datagram at a time: what it brings is told before the next one is taken.
        if let Either::First(Ok((length, metadata))) = select(socket.recv_from(&mut datagram), alarm).await
            && let Some(frame) = datagram.get_mut(..length)
        {
            let from = SocketAddr::new(IpAddr::from(metadata.endpoint.addr), metadata.endpoint.port);
            // The address of frames between agents of this node is no address out there.
            if from != INSIDE {
                application.hear(node.handle(now(), from, frame, rng));
            }
        }
    }
}

async fn send<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize>(
    node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>,
    socket: &mut UdpSocket<'_>,
    application: &mut impl Application<P, LOG, FRAMES, SPENT>,
    rng: &mut impl CryptoRng,
) {
    let mut head = [0; HEAD];
    let mut inside = [0; DATAGRAM];
    while let Some(transmit) = node.poll_transmit(now(), &mut head) {
        match transmit.to {
            To::Network(to) => {
                let length = transmit.head.len() + transmit.body.len();
                let to = IpEndpoint::new(to.ip().into(), to.port());
                let write = |room: &mut [u8]| (join(transmit.head, transmit.body, room).unwrap_or_default(), ());
                // It waits for room in the stack. Without a way it is lost, as on any network, and repeated in its time: to ask
                // for it again would be to ask for ever.
                let _ = socket.send_to_with(length, to, write).await;
            }
            To::Inside => {
                let length = join(transmit.head, transmit.body, &mut inside).unwrap_or_default();
                if let Some(frame) = inside.get_mut(..length) {
                    application.hear(node.handle(now(), INSIDE, frame, rng));
                }
            }
        }
    }
}
