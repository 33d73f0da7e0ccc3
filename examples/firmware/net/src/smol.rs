//! Around a UDP socket of smoltcp: for a firmware with a loop of its own.

use core::net::{IpAddr, SocketAddr};

use iacp_core::crypto::Provider;
use iacp_core::erp::entity::{HEAD, INSIDE, LlEntity, To};
use iacp_core::time::Mono;
use rand_core::CryptoRng;
use smoltcp::socket::udp;
use smoltcp::wire::IpEndpoint;

use crate::{Application, DATAGRAM, join, turn};

/// Takes what has come by the socket and sends what there is to send, as long as it has room. Call it after each
/// `Interface::poll`, and poll again afterwards.
///
/// Returns when it wants to be called next, if nothing comes before.
pub fn drive<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize>(
    now: Mono,
    node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>,
    socket: &mut udp::Socket<'_>,
    application: &mut impl Application<P, LOG, FRAMES, SPENT>,
    rng: &mut impl CryptoRng,
) -> Option<Mono> {
    let mut datagram = [0; DATAGRAM];
    // One at a time: what a datagram brings is told before the next one is taken.
    while socket.can_recv() {
        // One that is too long is none of the protocol's; it is gone.
        if let Ok((length, metadata)) = socket.recv_slice(&mut datagram)
            && let Some(frame) = datagram.get_mut(..length)
        {
            let from = SocketAddr::new(IpAddr::from(metadata.endpoint.addr), metadata.endpoint.port);
            // The address of frames between agents of this node is no address out there.
            if from != INSIDE {
                application.hear(node.handle(now, from, frame, rng));
            }
        }
        turn(node, application, now, rng);
        send(now, node, socket, application, rng);
    }
    turn(node, application, now, rng);
    send(now, node, socket, application, rng);
    [node.next_deadline(), application.next_work()].into_iter().flatten().min()
}

fn send<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize>(
    now: Mono,
    node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>,
    socket: &mut udp::Socket<'_>,
    application: &mut impl Application<P, LOG, FRAMES, SPENT>,
    rng: &mut impl CryptoRng,
) {
    let mut head = [0; HEAD];
    let mut inside = [0; DATAGRAM];
    while socket.can_send() {
        let Some(transmit) = node.poll_transmit(now, &mut head) else { break };
        match transmit.to {
            To::Network(to) => {
                let length = transmit.head.len() + transmit.body.len();
                let to = IpEndpoint::new(to.ip().into(), to.port());
                let write = |room: &mut [u8]| join(transmit.head, transmit.body, room).unwrap_or_default();
                // Without a way it is lost, as on any network, and repeated in its time.
                if let Err(udp::SendError::BufferFull) = socket.send_with(length, to, write) {
                    node.not_sent(now);
                    break;
                }
            }
            To::Inside => {
                let length = join(transmit.head, transmit.body, &mut inside).unwrap_or_default();
                if let Some(frame) = inside.get_mut(..length) {
                    application.hear(node.handle(now, INSIDE, frame, rng));
                }
            }
        }
    }
}
