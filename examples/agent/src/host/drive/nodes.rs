//! The directory in the loop of a host.

use std::net::SocketAddr;

use iacp_core::directory::client::Written;
use iacp_core::erp::entity::{HostRequest, PeerAnswer};
use iacp_core::pss::Admission;
use iacp_wire::message::MalfeasanceData;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Host;
use crate::clock::unix;
use crate::host::directory::Directory;
use crate::host::directory::learnt::Learnt;
use crate::host::directory::mining::Mined;
use crate::host::directory::reads::About;
use crate::keys;

/// The next work that is done for a directory; without one there is none.
pub(super) async fn mined(directory: &mut Option<Directory>) -> Mined {
    match directory {
        Some(directory) => directory.mined().await,
        None => std::future::pending().await,
    }
}

impl Host<'_> {
    /// Has the nodes answer what the LL-Entity asks.
    pub(super) fn ask_directory(&mut self, request: HostRequest) {
        let now = self.clock.now();
        let Self { directory: Some(directory), entity, .. } = self else { return };
        let about = match request {
            HostRequest::Nodes(eid) => {
                directory.begins(&eid);
                return entity.answer_nodes(now, &eid, directory.nodes());
            }
            HostRequest::Resolvers { eid, key } => {
                return entity.answer_resolvers(now, unix(), &eid, &key, directory.nodes());
            }
            HostRequest::Deposit(eid) => {
                if let Some((kind, body)) = entity.deposit(&eid) {
                    directory.deposit(now, eid, kind, body);
                }
                return;
            }
            HostRequest::Persist { .. } => return,
            HostRequest::Own(eid) => About::Own(eid),
            HostRequest::Peer(eid) => About::Peer(eid),
            HostRequest::Accusation(eid) => About::Accusation(eid),
            HostRequest::Tickets { owner, requestor, iv } => About::Ticket { owner, requestor, iv },
        };
        directory.look_up(now, about);
    }

    /// Searches a space for the user.
    pub(super) fn search(&mut self, what: (&str, usize, u64), answer: oneshot::Sender<Value>) {
        let now = self.clock.now();
        match &mut self.directory {
            Some(directory) => directory.search(now, what, answer),
            None => {
                let why = "search: this host has no directory (agent host --directory …)";
                let _ = answer.send(json!({ "error": why }));
            }
        }
    }

    /// Has Forwarding Tickets of all agents of this host written, which lead to where it will be.
    // keeps: IACP-010 (§3.5)
    pub(super) fn forward(&mut self, to: SocketAddr) -> Value {
        let unable = if self.directory.is_none() {
            Some("forward: without --directory there is no place for a ticket".to_owned())
        } else if to.ip().is_unspecified() || to.port() == 0 {
            Some(format!("forward: {to} leads nowhere: a ticket names an IP and a port"))
        } else {
            None
        };
        if let Some(error) = unable {
            return json!({ "error": error });
        }
        let (now, entity) = (self.clock.now(), &mut self.entity);
        let tickets: usize = self.standing.known.keys().map(|eid| entity.will_be_at(now, eid, to)).sum();
        json!({ "to": to, "tickets": tickets })
    }

    /// Sends what is due to the nodes, and gives the LL-Entity what they said; `true` if the way out is full.
    pub(super) fn consult(&mut self) -> bool {
        let now = self.clock.now();
        let Some(directory) = &mut self.directory else { return false };
        directory.poll(now);
        while let Some(learnt) = self.directory.as_mut().and_then(Directory::learnt) {
            self.learn(learnt);
        }
        while let Some((to, datagram)) = self.directory.as_mut().and_then(Directory::next_datagram) {
            if !self.outside.send(to, &datagram) {
                if let Some(directory) = &mut self.directory {
                    directory.not_sent((to, datagram));
                }
                return true;
            }
            self.has_sent(to, &datagram);
        }
        false
    }

    fn learn(&mut self, learnt: Learnt) {
        let now = self.clock.now();
        match learnt {
            Learnt::Own(binding) => self.entity.answer_own(now, &binding),
            Learnt::Peer(eid, answer) => {
                if let Some(at) = answer.binding.filter(|binding| !binding.is_leaving()) {
                    let (eid, at) = (keys::short(&eid), std::net::IpAddr::from(at.ip).to_canonical());
                    self.remark(format!("the directory: {eid} is at {at}"));
                } else {
                    self.remark(format!("the directory: {} is at no place", keys::short(&eid)));
                }
                // The records prove what they prove; everything else is what this host has counted itself.
                let (standing, reputation) = self.book.standing(unix(), &eid, answer.standing);
                if standing != Admission::Admit {
                    self.remark(format!("{}: {standing}, its score is {reputation} of 10,000", keys::short(&eid)));
                }
                self.entity.answer_peer(now, &eid, &PeerAnswer { standing, reputation, ..answer });
            }
            Learnt::Accusation(body) => {
                if let Ok(data) = MalfeasanceData::parse(&body) {
                    let _ = self.entity.answer_accusation(&data);
                }
            }
            // A ticket that does not open leads nowhere: another node may have another one.
            Learnt::Ticket { owner, requestor, answer } => {
                if let Ok(at) = self.entity.answer_ticket(now, &requestor, &owner, &answer) {
                    self.remark(format!("a Forwarding Ticket: {} is at {at}", keys::short(&owner)));
                }
            }
            Learnt::Deposited(eid, kind, written) => {
                match written {
                    Written::Done => {
                        self.remark(format!("the directory keeps a record of {}: {kind}", keys::short(&eid)))
                    }
                    other => self.trouble(format!("the directory keeps no {kind} of {}: {other}", keys::short(&eid))),
                }
                self.entity.deposited(&eid);
            }
            Learnt::Published(eid) => {
                self.remark(format!("the directory keeps the publication of {} now", keys::short(&eid)));
            }
            Learnt::Bound(eid, generation) => {
                self.remark(format!("the directory: a quorum has {}, generation {generation}", keys::short(&eid)));
            }
            Learnt::Trouble(what) => self.trouble(what),
        }
    }
}
