//! What a host tells: its agents by their channels, and its user by the timeline.

use std::net::SocketAddr;

use iacp_core::erp::context::State;
use iacp_core::erp::deflect;
use iacp_core::erp::entity::HostEvent;
use iacp_core::erp::local::AgentEvent;

use super::{Host, PLACES, Traffic};
use crate::carrier::link::FRAME_LIMIT;
use crate::carrier::stream::LOCAL_LIMIT;
use crate::clock::unix;
use crate::keys;
use crate::telling::step::Step;

impl Host<'_> {
    /// The counts of an address, if there is room for one more.
    pub(super) fn traffic(&mut self, at: SocketAddr) -> Option<&mut Traffic> {
        let places = &mut self.standing.places;
        if places.len() >= PLACES && !places.contains_key(&at) {
            return None;
        }
        Some(places.entry(at).or_default())
    }

    pub(super) fn came(&mut self, from: SocketAddr) {
        self.outside.taken(from);
        let Some(traffic) = self.traffic(from) else { return };
        traffic.received += 1;
        if traffic.received == 1 {
            self.note(Step::Hears { at: from.to_string() });
        }
    }

    pub(super) fn went(&mut self, to: SocketAddr) {
        let Some(traffic) = self.traffic(to) else { return };
        traffic.sent += 1;
        if traffic.sent == 1 {
            self.note(Step::Speaks { at: to.to_string() });
        }
    }

    /// Tells agents, and the host's own log, what has changed.
    pub(super) fn tell(&mut self) {
        while let Some(event) = self.entity.poll_event() {
            self.dispatch(event);
        }
    }

    pub(super) fn dispatch(&mut self, event: HostEvent<'_>) {
        self.book.saw(self.clock.now(), unix(), &event);
        let HostEvent::Agent { eid, channel, event: ref told, .. } = event else {
            return match event {
                HostEvent::Dropped(why) => *self.standing.dropped.entry(why.to_string()).or_default() += 1,
                HostEvent::Cloned(eid) => {
                    self.trouble(format!("{}: another host has this key; the EID is given up", keys::short(&eid)));
                }
                HostEvent::WrongSource(eid) => {
                    self.trouble(format!("{}: the directory sees this host elsewhere", keys::short(&eid)));
                }
                HostEvent::Proof { offender, .. } => {
                    self.trouble(format!(
                        "{}: two words that it has signed contradict each other",
                        keys::short(&offender)
                    ));
                    // The accusation is a record for the directory.
                    if self.directory.is_some() {
                        let _ = self.entity.accuse(unix());
                    }
                }
                HostEvent::Accused { eid, .. } => {
                    self.trouble(format!("{}: a proven accusation says that another has its key", keys::short(&eid)));
                }
                HostEvent::Compromised { peer, .. } => {
                    self.trouble(format!("{}: a session with it was compromised, and has ended", keys::short(&peer)));
                }
                HostEvent::ChannelShut(number) => {
                    self.trouble(format!("local channel {number}: too many wrong tokens, it is closed"));
                    self.channels.shut(number);
                }
                HostEvent::Deflect { to, stream } => {
                    let mut frame = [0; FRAME_LIMIT];
                    if let Ok(length) = deflect::write(to, 1, stream, &mut frame) {
                        // A frame that finds the queue full is lost, as on any network.
                        let _ = self.outside.send(to, &frame[..length]);
                    }
                }
                // What is sent to a new place is noted when it is sent.
                HostEvent::Taken | HostEvent::Agent { .. } | HostEvent::Moved { .. } => {}
                HostEvent::Greeted { eid, peer, cookie, proof } => {
                    let now = self.clock.now();
                    if let Some(directory) = &mut self.directory {
                        directory.greeted(now, &eid, peer, cookie, &proof);
                    }
                }
                HostEvent::Met { eid, peer, cookie, contract } => {
                    if self.directory.as_mut().is_some_and(|at| at.met(&eid, peer, cookie, contract)) {
                        self.remark(format!("{} has found {} by a search", keys::short(&peer), keys::short(&eid)));
                    }
                }
            };
        };
        let is_content = matches!(told, AgentEvent::Data { .. });
        let mut gone = false;
        if let AgentEvent::State { state, generation, .. } = told {
            let (hex, state_name) = (hex::encode(eid.0), state.name().to_owned());
            self.note(Step::Context { eid: hex, state: state_name, generation: *generation });
            gone = *state == State::Unbound;
        }
        let mut out = [0; LOCAL_LIMIT];
        if let (Some(channel), Ok(Some((_, length)))) = (channel, event.write(&mut out)) {
            self.channels.notify(eid, channel, out[..length].to_vec(), is_content);
        }
        if gone {
            self.channels.gone(&eid);
            if let Some(directory) = &mut self.directory {
                directory.forget(&eid);
            }
            // What another host has is kept under its mark until that host is sure to have it.
            if !self.standing.docking.has_left(&eid) {
                self.standing.folder.set_here(&eid);
                self.storage.forget(eid);
            }
            if let Some(known) = self.standing.known.remove(&eid)
                && self.standing.claims.get(&known.claim) == Some(&Some(eid))
            {
                self.standing.claims.remove(&known.claim);
            }
        }
    }
}
