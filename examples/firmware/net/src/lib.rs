//! An LL-Entity over UDP, where a device has an IP stack: driven by an Embassy task, or by a loop around smoltcp.
//!
//! Both do the same turn; what differs is who waits, and for what.
#![no_std]

pub mod embassy;
pub mod smol;

use iacp_core::crypto::Provider;
use iacp_core::erp::entity::{HostEvent, HostRequest, LlEntity};
use iacp_core::time::Mono;
use rand_core::CryptoRng;

/// The longest datagram that the protocol sends or takes, in bytes.
pub const DATAGRAM: usize = 1_200;

/// What a firmware's own code does with the node.
pub trait Application<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> {
    /// Something has happened.
    fn hear(&mut self, event: HostEvent<'_>);

    /// The node asks for something: for stable storage first of all, see `HostRequest`.
    fn answer(&mut self, node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>, now: Mono, request: HostRequest);

    /// Its own work with the node's agents: opening, sending, closing.
    fn work(&mut self, node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>, now: Mono, rng: &mut impl CryptoRng);

    /// When it has work without anything having come.
    fn next_work(&self) -> Option<Mono> {
        None
    }
}

/// What is due, what there is to tell, and the application's work: everything but datagrams.
pub(crate) fn turn<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize>(
    node: &mut LlEntity<'_, P, LOG, FRAMES, SPENT>,
    application: &mut impl Application<P, LOG, FRAMES, SPENT>,
    now: Mono,
    rng: &mut impl CryptoRng,
) {
    if node.next_deadline().is_some_and(|due| due <= now) {
        node.handle_deadline(now, rng);
    }
    while let Some(event) = node.poll_event() {
        application.hear(event);
    }
    while let Some(request) = node.poll_request() {
        application.answer(node, now, request);
    }
    application.work(node, now, rng);
}

/// Writes a frame that comes in two parts; returns its length, or `None` where there is no room for it.
pub(crate) fn join(head: &[u8], body: &[u8], room: &mut [u8]) -> Option<usize> {
    let (first, rest) = room.split_at_mut_checked(head.len())?;
    first.copy_from_slice(head);
    rest.get_mut(..body.len())?.copy_from_slice(body);
    Some(head.len() + body.len())
}
