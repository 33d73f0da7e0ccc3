//! What floods nodes: frames that cost their sender little, from a number of networks.

use std::net::SocketAddr;

use iacp_core::directory::Class;
use iacp_core::directory::work::{claim, frame_digest};
use iacp_wire::message::{ErpRegister, WorkedRequest};
use iacp_wire::{Digest, Message};
use rand_chacha::rand_core::Rng;
use zerocopy::IntoBytes;

use crate::frames::{bound, frame, identity, standing, worked};
use crate::operation::Purpose;
use crate::provider::Chosen;
use crate::world::{World, key_of};
use iacp_core::directory::Kind;

/// Networks that the flood comes from.
const NETWORKS: u64 = 48;

fn source(world: &mut World) -> SocketAddr {
    let [.., network] = world.below(NETWORKS).to_be_bytes();
    let [.., host] = world.below(250).to_be_bytes();
    ([203, network, network, host], 666).into()
}

/// One frame of a flood about the key of an agent: look-ups, registrations without proof of work, claims of work that
/// was not done, and junk. One in 128 carries real work, for a registration whose signature does not verify.
fn flooding(world: &mut World, victim: &ErpRegister) -> Vec<u8> {
    let key = key_of(&victim.source_eid);
    let unix = world.clock().unix;
    let mut forged = *victim;
    forged.generation_counter = (victim.generation_counter.get() + 1).into();
    let inner = frame(Message::ErpRegister(&forged));
    let choice = world.below(128);
    match choice {
        0 => {
            let nonce = world.rng.next_u64();
            worked(Class::Identities, key, 4, unix, nonce, &inner)
        }
        1..=40 => standing(key, choice),
        41..=80 => inner,
        81..=110 => {
            let head = WorkedRequest {
                storage_key: key,
                frame_digest: Digest(frame_digest::<Chosen>(&inner).0),
                timestamp: unix.0.into(),
                pow_nonce: world.rng.next_u64().into(),
                pow_target_threshold: claim(Class::Identities, 24).into(),
            };
            frame(Message::WorkedRequest { head: &head, inner: &inner })
        }
        _ => {
            let mut junk = inner;
            world.rng.fill_bytes(junk.get_mut(2..).unwrap_or_default());
            junk
        }
    }
}

/// Sends `frames` frames, spread over the time up to `until`, each to one of the nodes for one of the victims.
pub fn flood(world: &mut World, frames: u64, until: u64, victims: &[ErpRegister]) {
    let (start, count) = (world.now, u64::try_from(victims.len()).unwrap_or(1));
    let targets: Vec<Vec<usize>> = victims.iter().map(|victim| world.nodes_for(&key_of(&victim.source_eid))).collect();
    for _ in 0..frames {
        let victim = usize::try_from(world.below(count)).unwrap_or(0);
        let (Some(nodes), Some(binding)) = (targets.get(victim), victims.get(victim)) else { return };
        let node = usize::try_from(world.below(7)).unwrap_or(0) % nodes.len().max(1);
        let Some(node) = nodes.get(node).copied() else { return };
        let at = start + world.below(until.saturating_sub(start));
        let (from, bytes) = (source(world), flooding(world, binding));
        world.attack(at, node, from, bytes);
    }
}

/// One network that makes a new EID for each registration, and does the proof of work for it. Returns the operations.
pub fn cycle(world: &mut World, run: u64, count: usize, until: u64) -> Vec<usize> {
    let start = world.now;
    let step = until.saturating_sub(start) / u64::try_from(count.max(1)).unwrap_or(1);
    let mut begun = Vec::new();
    for number in 0..count {
        let me = identity(run, 9, number);
        let [.., host] = number.to_be_bytes();
        let from: SocketAddr = ([198, 18, 0, host], 4_000).into();
        let binding = bound(&me, from.ip(), 1);
        let inner = frame(Message::ErpRegister(&binding));
        let purpose = Purpose::Write { inner, kind: Kind::Binding, body: binding.as_bytes().to_vec() };
        let at = start + step * u64::try_from(number).unwrap_or(0);
        begun.push(world.begin(at, key_of(&me.eid()), from, purpose));
    }
    begun
}
