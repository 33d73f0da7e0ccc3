//! What happens to hosts, nodes and networks, and what strangers send.

use std::net::SocketAddr;

use iacp_core::erp::agent::RotationReason;
use iacp_core::erp::dock::DockReason;
use iacp_core::erp::multipath::Relay;
use iacp_core::pss::Admission;
use iacp_wire::message::{ErpKeepalive, Local};
use iacp_wire::{Digest, Eid, IatField, Message};

use super::{Drive, HOSTS, Op, ROOT};
use crate::hosts::{evolve, place};
use crate::{Weather, frame};

/// Milliseconds after which an agent that is silent is purged.
const PURGED: u64 = 95_000;

impl Drive {
    pub(super) fn befall(&mut self, op: Op) {
        let now = self.world.now;
        let host = |a: u8| usize::from(a) % HOSTS;
        match op {
            Op::Wait(..) | Op::Ask { .. } => {}
            Op::Move(a, b) => self.world.move_host(host(a), place(100 + b % 100)),
            Op::Node(a, b) => {
                let node = usize::from(a) % self.world.nodes.len();
                match b % 2 {
                    0 => self.world.nodes[node].silent ^= true,
                    _ => self.world.nodes[node].alters ^= true,
                }
            }
            Op::Challenge(a, b) | Op::Degrade(a, b) => {
                let (Some(eid), nearest) = (self.eid(b), self.relays()) else { return };
                let entity = &mut self.world.hosts[host(a)].entity;
                let paths = match op {
                    Op::Challenge(..) => entity.challenge(now, &eid, &nearest),
                    _ => entity.degrade(now, &eid, &nearest),
                };
                assert!((1..=3).contains(&paths));
            }
            Op::Clear(a, b) => {
                if let Some(eid) = self.eid(b) {
                    self.world.hosts[host(a)].entity.clear(now, &eid);
                }
            }
            Op::Standing(a, b) => {
                let verdicts = [Admission::Admit, Admission::Throttle, Admission::Drop, Admission::NotKnownYet];
                if let Some(eid) = self.eid(a) {
                    self.world.standings.insert(eid.0, verdicts[usize::from(b) % verdicts.len()]);
                }
            }
            Op::Dock(a, b, c) => self.dock(a, host(b), c),
            Op::Renew(a) => self.world.hosts[host(a)].renew_above(now),
            Op::Evolve(a, b) => self.evolve(a, b),
            Op::Keepalive(a, b) => {
                let Some((host, agent)) = self.place(a) else { return };
                let agent = &self.world.hosts[host].agents[agent];
                let alive = ErpKeepalive { eid: agent.eid(), local_iat: IatField(*agent.iat().expose()) };
                self.local(host, u32::from(b % 9), &frame(Message::ErpKeepalive(&alive)));
            }
            Op::Weather(a, b) => {
                let (loss, duplication) = (u32::from(a) * 2, u32::from(b) * 2);
                self.world.weather = Weather { loss, duplication, delay: 5, jitter: 30, ..Weather::FAIR };
            }
            Op::Again(a, b, c) => self.again(a, b, c),
            Op::Noise(a, b, c) => {
                let mut bytes = vec![c; 4 + usize::from(b)];
                bytes[..4].copy_from_slice(&[0x10 | b >> 4, b << 4, 0, b]);
                self.local(host(a), u32::from(c % 10), &bytes);
            }
            Op::Notice(a, b) => {
                let (Some(eid), node) = (self.eid(a), usize::from(b) % self.world.nodes.len()) else { return };
                let bytes = self.world.nodes[node].notice(&eid, &[b; 32], 1);
                let (from, to) = (self.world.nodes[node].at, self.world.at(host(a)));
                self.world.put(now.after(1), from, to, bytes);
            }
            Op::Cut(a, b) => {
                let way = (self.world.at(host(a)), self.world.at(host(b)));
                match self.world.cut.iter().position(|cut| *cut == way) {
                    Some(place) => _ = self.world.cut.remove(place),
                    None => self.world.cut.push(way),
                }
            }
            Op::Init(a, b) => self.init(host(a), b, a),
            Op::Rotate(a, b) => {
                let Some((host, agent)) = self.place(a) else { return };
                let reasons = [RotationReason::Administrative, RotationReason::Compromise, RotationReason::TaskEnded];
                let eid = self.world.eid(host, agent);
                if let Ok(new) = self.world.hosts[host].rotate(now, &eid, reasons[usize::from(b) % 3]) {
                    self.world.hosts[host].agents.push(new);
                }
            }
            Op::Mapping(a) => {
                let Some(eid) = self.eid(a) else { return };
                let until = self.world.unix().0 / 1_000 + 3_600;
                for node in &mut self.world.nodes {
                    node.says.insert("https://news.example.org".into(), (0, eid, until));
                }
            }
            Op::Silence(a) => self.world.run(if a % 4 == 0 { PURGED } else { u64::from(a) * 200 }),
            Op::Storage(a) => {
                let number = host(a);
                self.world.hosts[number].storage_works ^= true;
                for (eid, what) in std::mem::take(&mut self.world.hosts[number].unstored) {
                    let now = self.world.now;
                    self.world.hosts[number].store(now, eid, what);
                }
            }
            Op::Guess(a, b) => {
                let Some((host, agent)) = self.place(a) else { return };
                let head = Local { eid: self.world.eid(host, agent), local_iat: IatField([b; 32]) };
                let inner = frame(Message::ErpKeepalive(&ErpKeepalive { eid: head.eid, local_iat: IatField([b; 32]) }));
                self.local(host, u32::from(b % 9), &inner);
                self.local(host, u32::from(b % 9), &frame(Message::Local { head: &head, inner: &inner }));
            }
        }
    }

    fn relays(&self) -> Vec<Relay> {
        let nodes = (0_u64..).zip(&self.world.nodes);
        nodes
            .map(|(number, node)| Relay { node: node.eid, at: node.at, network: number, accused: false, grants: true })
            .collect()
    }

    /// An agent moves. A byte of zero: all of it, in good order; else the offer or the sealed context is changed, or it stops on
    /// the way.
    fn dock(&mut self, who: u8, to: usize, trouble: u8) {
        let Some((from, agent)) = self.place(who).filter(|(from, _)| *from != to) else { return };
        let eid = self.world.eid(from, agent);
        if self.try_to_dock((from, to), eid, trouble).is_some() {
            self.report.docked += 1;
            self.moved.insert((to, eid.0));
        } else {
            self.report.not_docked += 1;
        }
    }

    fn try_to_dock(&mut self, (from, to): (usize, usize), eid: Eid, trouble: u8) -> Option<()> {
        let spoil = |bytes: &mut Vec<u8>| {
            let at = usize::from(trouble) * 7 % bytes.len();
            bytes[at] ^= 1 << (trouble % 8);
        };
        let mut offer = self.world.offer(to, from, eid).ok()?;
        match trouble % 4 {
            1 => spoil(&mut offer),
            3 if trouble > 127 => return None,
            _ => {}
        }
        self.world.lock(from, &offer, 0).ok()?;
        let mut sealed = self.world.export(from, &eid, DockReason::Planned, &[]).ok()?;
        match trouble % 4 {
            2 => spoil(&mut sealed),
            3 => return None,
            _ => {}
        }
        self.world.import(to, sealed).ok().map(|_| ())
    }

    /// ERP_EVOLVE, from the digest that the agent began with: the first one holds.
    fn evolve(&mut self, who: u8, b: u8) {
        let Some((host, agent)) = self.place(who) else { return };
        let agent = &self.world.hosts[host].agents[agent];
        let (eid, local_iat) = (agent.eid(), IatField(*agent.iat().expose()));
        let root = if b & 0x80 == 0 { ROOT } else { [b; 32] };
        let steps = u64::from(b % 8);
        let digest = |number: u64| Digest([u8::try_from(number + 1).unwrap_or(1); 32]);
        let inner = evolve(&root, eid, digest(steps), digest(steps + 1), steps + 1);
        let head = Local { eid, local_iat };
        self.local(host, 0, &frame(Message::Local { head: &head, inner: &inner }));
    }

    /// What was sent before comes again, from where it came, or from elsewhere; perhaps changed or cut.
    fn again(&mut self, a: u8, b: u8, c: u8) {
        let count = self.world.trace.len();
        let Some(back) = usize::from(a).checked_rem(count) else { return };
        // The newest ones come first.
        let (_, from, to, mut bytes) = self.world.trace[count - 1 - back].clone();
        let at = usize::from(b) * 5 % bytes.len().max(1);
        match c % 4 {
            0 => {}
            1 => bytes.truncate(at),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (c >> 5)),
        }
        let from = if c & 4 == 0 { from } else { SocketAddr::new(place(200), 4227) };
        let now = self.world.now;
        self.world.put(now.after(1), from, to, bytes);
    }
}
