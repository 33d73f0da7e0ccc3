//! The Switch Point: what waits until an EID's place is confirmed, and how it becomes confirmed (`IACP §4.2.3.3`).

use core::net::SocketAddr;

use iacp_wire::Eid;
use zeroize::Zeroize;

use super::binding::Binding;
use super::stream::CONTENT;
use crate::pss::ContentKind;
use crate::slots::{Maybe, Reset};
use crate::time::{Backoff, Mono};

/// The most nodes that hold a mapping.
pub const NODES: usize = 7;
/// Without enough answers for this long, a write is degraded and begins anew with nodes that are looked up again, in
/// milliseconds.
pub const WRITE: u64 = 30_000;

/// A directory node that is responsible for an EID.
///
/// ```
/// use iacp_core::erp::entity::HostRequest;
/// use iacp_core::erp::switch_point::{NODES, Node};
/// use iacp_wire::Eid;
///
/// /// The nodes that a host's look-up has found for an EID: what it says to `LlEntity::answer_nodes`.
/// fn found(request: HostRequest, nearest: &[Node]) -> Option<(Eid, &[Node])> {
///     let HostRequest::Nodes(eid) = request else { return None };
///     Some((eid, nearest.get(..NODES).unwrap_or(nearest)))
/// }
///
/// let node = Node { eid: Eid([1; 32]), at: ([192, 0, 2, 9], 4_300).into() };
/// assert_eq!(found(HostRequest::Nodes(Eid([7; 32])), &[node; 9]).map(|(_, nodes)| nodes.len()), Some(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its EID: it signs its confirmations.
    pub eid: Eid,
    /// Its address.
    pub at: SocketAddr,
}

/// How many nodes have to agree.
///
/// ```
/// use iacp_core::erp::entity::HostSettings;
/// use iacp_core::erp::switch_point::Quorum;
///
/// // A small network of four nodes, of which one may be faulty.
/// let small = Quorum { confirmations: 3, faulty: 1 };
/// let host = HostSettings { directory: Some(small), ..HostSettings::at([192, 0, 2, 1].into()) };
/// assert_ne!(host.directory, Some(Quorum::DEFAULT));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Quorum {
    /// k: how many nodes must confirm.
    pub confirmations: u8,
    /// f: how many nodes may be faulty. Of f + 1, at least one is honest.
    pub faulty: u8,
}

impl Quorum {
    /// 5 of 7, of which 2 may lie: any two quorums have three nodes in common.
    pub const DEFAULT: Self = Self { confirmations: 5, faulty: 2 };
}

/// A node's answer to a registration, as far as it matters: see the one table of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum RegisterAnswer {
    /// 0: committed.
    Ok,
    /// 1: it knows a later generation.
    Stale,
    /// 2, 18, 19: it will never take it.
    Never,
    /// 3: a valid accusation stands against the EID.
    Challenged,
    /// 16: it came from another address than it names.
    WrongSource,
    /// Anything else: the node does not take it now.
    NotNow,
}

impl RegisterAnswer {
    /// The answer of a status.
    #[must_use]
    pub const fn of(status: u32) -> Self {
        match status {
            0 => Self::Ok,
            1 => Self::Stale,
            2 | 18 | 19 => Self::Never,
            3 => Self::Challenged,
            16 => Self::WrongSource,
            _ => Self::NotNow,
        }
    }
}

/// What the answers to the newest generation say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum RegistrationState {
    /// k nodes have committed it: DHT Confirmation.
    Confirmed,
    /// f + 1 nodes will never take it: Registration Refused.
    Refused,
    /// One node knows a later generation: the EID's own record is to be read.
    Stale,
    /// f + 1 nodes have an accusation.
    Accused,
    /// f + 1 nodes see us elsewhere.
    WrongSource,
}

/// The write of one binding to the nodes that hold it.
pub(crate) struct Registration {
    nodes: [Maybe<(Node, Option<RegisterAnswer>)>; NODES],
    /// The nodes have been told by the host, for this write.
    pub(crate) known: bool,
    /// The host has been asked for them.
    pub(crate) asked: bool,
    /// How many places are left in this round; with 0 it is over.
    left: u8,
    repeat: Backoff,
    began: Mono,
}

impl Registration {
    pub(crate) const IDLE: Self = Self {
        nodes: [Maybe::Nothing; NODES],
        known: false,
        asked: false,
        left: 0,
        repeat: Backoff::NONE,
        began: Mono(0),
    };

    /// A new write, to nodes that are yet to be told.
    pub(crate) fn begin(&mut self, now: Mono) {
        *self = Self { repeat: Backoff::now(now), began: now, ..Self::IDLE };
    }

    /// A new generation goes to the same nodes: only its own confirmations count.
    pub(crate) fn begin_again(&mut self, now: Mono) {
        let (nodes, known) = (self.nodes.map(|place| place.get().map(|(node, _)| (node, None)).into()), self.known);
        *self = Self { nodes, known, asked: self.asked, repeat: Backoff::now(now), began: now, left: NODES_U8 };
    }

    /// The nodes of this EID. More than there is room for are not asked.
    pub(crate) fn set_nodes(&mut self, now: Mono, nodes: &[Node]) {
        self.nodes = [Maybe::Nothing; NODES];
        for (place, node) in self.nodes.iter_mut().zip(nodes) {
            *place = Maybe::Just((*node, None));
        }
        (self.known, self.left, self.repeat) = (true, NODES_U8, Backoff::now(now));
    }

    /// The next node that is to get the frame now.
    pub(crate) fn next_node(&mut self, now: Mono) -> Option<SocketAddr> {
        if !self.known {
            return None;
        }
        if self.left == 0 {
            if self.repeat.due() > now {
                return None;
            }
            self.left = NODES_U8;
        }
        while self.left > 0 {
            let place = self.nodes.get(usize::from(NODES_U8 - self.left)).and_then(Maybe::as_ref);
            self.left -= 1;
            if self.left == 0 {
                self.repeat.done(now);
            }
            // A node that has answered is asked again only if it may answer otherwise.
            if let Some((node, None | Some(RegisterAnswer::NotNow | RegisterAnswer::WrongSource))) = place {
                return Some(node.at);
            }
        }
        None
    }

    /// Whether a confirmation from there, by this node, can be an answer.
    pub(crate) fn asked(&self, node: &Eid, from: SocketAddr) -> bool {
        self.nodes.iter().filter_map(Maybe::as_ref).any(|(asked, _)| asked.eid == *node && asked.at == from)
    }

    /// Whether this node is one of those that hold the EID.
    pub(crate) fn names(&self, node: &Eid) -> bool {
        self.nodes.iter().filter_map(Maybe::as_ref).any(|(known, _)| known.eid == *node)
    }

    /// A node's authentic answer to the newest generation.
    pub(crate) fn answered(&mut self, quorum: Quorum, node: &Eid, answer: RegisterAnswer) -> Option<RegistrationState> {
        let known = self.nodes.iter_mut().filter_map(Maybe::as_mut).find(|(asked, _)| asked.eid == *node)?;
        // A commitment stands; nothing takes it back.
        if known.1 != Some(RegisterAnswer::Ok) {
            known.1 = Some(answer);
        }
        let count =
            |wanted| self.nodes.iter().filter_map(Maybe::as_ref).filter(|(_, answer)| *answer == Some(wanted)).count();
        let (enough, honest) = (usize::from(quorum.confirmations), usize::from(quorum.faulty) + 1);
        if count(RegisterAnswer::Ok) >= enough {
            Some(RegistrationState::Confirmed)
        } else if count(RegisterAnswer::Never) >= honest {
            Some(RegistrationState::Refused)
        } else if answer == RegisterAnswer::Stale {
            Some(RegistrationState::Stale)
        } else if count(RegisterAnswer::Challenged) >= honest {
            Some(RegistrationState::Accused)
        } else if count(RegisterAnswer::WrongSource) >= honest {
            Some(RegistrationState::WrongSource)
        } else {
            None
        }
    }

    /// When the next frame is to be sent, if the nodes are known.
    fn sends(&self) -> Option<Mono> {
        self.known.then(|| if self.left > 0 { Mono(0) } else { self.repeat.due() })
    }

    /// When something is to be sent, or the write has taken too long.
    pub(crate) fn due(&self) -> Mono {
        let late = self.began.after(WRITE);
        self.sends().map_or(late, |sends| sends.min(late))
    }

    /// Whether it has taken too long.
    pub(crate) fn is_late(&self, now: Mono) -> bool {
        now.since(self.began) >= WRITE
    }
}

const NODES_U8: u8 = 7;
const _: () = assert!(NODES == NODES_U8 as usize);

/// One entry of the FIFO: plaintext that could not be sealed yet. It is wiped when it is taken out.
pub struct FifoCell {
    pub(crate) kind: ContentKind,
    pub(crate) fin: bool,
    length: u16,
    content: [u8; CONTENT],
}

impl FifoCell {
    /// An empty cell.
    pub const EMPTY: Self = Self { kind: ContentKind::Anml, fin: false, length: 0, content: [0; CONTENT] };

    /// Takes content in; `false` if it is too long.
    pub(crate) fn fill(&mut self, kind: ContentKind, fin: bool, content: &[u8]) -> bool {
        let (Some(room), Ok(length)) = (self.content.get_mut(..content.len()), u16::try_from(content.len())) else {
            return false;
        };
        room.iter_mut().zip(content).for_each(|(to, from)| *to = *from);
        (self.kind, self.fin, self.length) = (kind, fin, length);
        true
    }

    /// The content.
    pub(crate) fn content(&self) -> &[u8] {
        self.content.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl Reset for FifoCell {
    fn reset(&mut self) {
        self.content.zeroize();
        (self.kind, self.fin, self.length) = (ContentKind::Anml, false, 0);
    }
}

/// A leaving that outlives its context: the signed bytes, and who has confirmed them.
pub struct OutboxCell {
    pub(crate) eid: Eid,
    pub(crate) cloned: bool,
    pub(crate) binding: Option<Binding>,
    pub(crate) registration: Registration,
    pub(crate) until: Mono,
    /// Where the agent is told that it is gone.
    pub(crate) channel: Option<u32>,
    /// Session slots that still have a copy to send.
    pub(crate) goodbyes: u32,
    /// The context was exported: frames for it go on to there.
    pub(crate) exported: Maybe<SocketAddr>,
}

impl OutboxCell {
    /// When the leaving is to be sent again, or forgotten.
    pub(crate) fn due(&self) -> Mono {
        let sends = self.binding.and_then(|_| self.registration.sends());
        sends.map_or(self.until, |sends| sends.min(self.until))
    }

    /// An empty cell.
    pub const EMPTY: Self = Self {
        eid: Eid::ZERO,
        cloned: false,
        binding: None,
        registration: Registration::IDLE,
        until: Mono(0),
        channel: None,
        goodbyes: 0,
        exported: Maybe::Nothing,
    };
}

impl Reset for OutboxCell {
    fn reset(&mut self) {
        *self = Self::EMPTY;
    }
}

#[cfg(test)]
mod tests;
