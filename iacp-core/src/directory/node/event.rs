//! What became of a datagram, and what a node tells its owner.

use core::fmt;

use iacp_wire::{Digest, Eid};

use crate::governance::window::Outcome;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// The number of bytes of the buffer that go back to the sender.
    Answer(usize),
    /// No answer: the reason is counted.
    Silence(Silence),
}

impl fmt::Display for Handled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(bytes) => write!(f, "answered with {bytes} bytes"),
            Self::Silence(why) => write!(f, "silence: {why}"),
        }
    }
}

/// Why a datagram gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Silence {
    /// It is not a frame that a node takes.
    Form,
    /// Its proof of work is of another time, or no claim.
    Claim,
    /// The work is not there.
    Proof,
    /// The proof has been used.
    Spent,
    /// The proof is for another frame or key.
    Frame,
    /// A node's signature does not hold, or it may not send this.
    Node,
    /// No ticket is given, or the one that is shown is worth nothing.
    Ticket,
    /// Too many refusals went to this network, or the buffer is too small for an answer.
    Throttled,
    /// A vote was counted.
    Vote,
    /// The answer of another node, with which this one compared what it holds.
    Compared,
}

words! {
    Silence {
        Self::Form => "no frame that a node takes",
        Self::Claim => "its proof of work is of another time, or no claim",
        Self::Proof => "the work is not there",
        Self::Spent => "its proof of work was used before",
        Self::Frame => "its proof of work is for another frame or key",
        Self::Node => "no signature of a node, or the node may not send it",
        Self::Ticket => "no ticket, or one that is worth nothing",
        Self::Throttled => "too many refusals to this network, or no room for an answer",
        Self::Vote => "a vote was counted",
        Self::Compared => "compared with what another node holds",
    }
}

/// What the caller has to know besides the answer.
///
/// A node stores a binding, and tells its owner that the same key has signed another one:
///
/// ```
/// # use iacp_core::directory::metric::NodeInfo;
/// # use iacp_core::directory::node::{Entry, Kept, Memory, Settings, Shown, Trust};
/// # use iacp_core::guard::{Liable, Zone, ticket::{Issued, Spending}};
/// # use iacp_core::slots::Slot;
/// # use iacp_core::time::{Mono, UnixTime};
/// # use iacp_wire::layout::Record;
/// use iacp_core::directory::Kind;
/// use iacp_core::directory::name::ChainBreak;
/// use iacp_core::directory::node::{Named, Node, NodeEvent, NotRestored, SavedCase, Store, Unnamed};
/// use iacp_core::governance::window::Clock;
/// # use iacp_core::crypto::{ChaChaOnly, Provider};
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::ErpRegister;
/// # use iacp_wire::{DhtKey, Locator};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use zerocopy::IntoBytes;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let agent = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let key = DhtKey(ChaChaOnly::sha256(&[&agent.eid().0]));
/// # let bound = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     let Binding { eid, ip, generation, signature } = Binding::sign(&agent, ip, 7);
/// #     ErpRegister {
/// #         source_eid: eid,
/// #         current_transport_ip: ip,
/// #         generation_counter: generation.into(),
/// #         signature,
/// #     }
/// # };
/// # let mut entries = [const { Slot::new(Entry::EMPTY) }; 8];
/// # let memory = Memory {
/// #     entries: &mut entries,
/// #     cells: &mut [0; 16],
/// #     seen: &mut [Shown::FREE; 64],
/// #     nodes: &mut [const { None }; 16],
/// #     cases: &mut [const { None }; 8],
/// #     spent: &mut [Spending::FREE; 64],
/// #     issued: &mut [Issued::FREE; 64],
/// #     liable: &mut [Liable::FREE; 64],
/// #     zones: &mut [Zone::new(Mono(0)); 256],
/// #     cache: &mut [Kept::FREE; 16],
/// # };
/// # let me = Identity::<ChaChaOnly>::generate(&mut rng);
/// # let own = NodeInfo { eid: me.eid(), at: ([192, 0, 2, 9], 4_300).into(), place: key, classes: 0xF };
/// # let mut node = Node::<ChaChaOnly>::new(memory, own, Settings::DEFAULT, Mono(0), &mut rng)?;
/// # struct Nothing;
/// # impl Trust for Nothing {}
/// # let now = Clock { mono: Mono(0), unix: UnixTime(1_790_000_010_000) };
/// # let from = [198, 51, 100, 7].into();
/// # let (one, other) = (bound(1), bound(2));
///
/// let record = |body| Record { kind: Kind::Binding as u8, storage_key: key, expiry: now.unix.0 + 60_000, body };
/// assert_eq!(node.offer(now, from, &record(one.as_bytes()), &Nothing), 0, "it stands here now");
/// assert_ne!(node.offer(now, from, &record(other.as_bytes()), &Nothing), 0);
/// let store: &Store<'_> = node.store();
/// assert_eq!(store.fill(), (1, 8));
/// assert_eq!(node.handle_deadline(now), Some(NodeEvent::Equivocation { offender: agent.eid() }));
///
/// // It knows no names, and no escrow goes on with bytes that are none.
/// let named: Result<Named, Unnamed> = node.name(now.unix, "org.agentnet", &Nothing);
/// assert_eq!(named, Err(Unnamed::Broken(ChainBreak::RootUnknown)));
/// let saved = SavedCase::from_bytes([0; SavedCase::LEN]);
/// assert_eq!(node.restore_case(now.mono, &saved), Err(NotRestored::Malformed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NodeEvent {
    /// Write this vote to stable storage, then call [`Node::persisted`](super::Node::persisted). If another vote on the accusation stands there, do neither:
    /// two different votes of one node convict it.
    Persist {
        /// The accusation.
        id: Digest,
        /// The accused key.
        offender: Eid,
        /// How this node votes.
        outcome: Outcome,
    },
    /// An accusation lapsed, or gave way to another one of its key: its stake is released.
    Lapsed {
        /// The accusation.
        id: Digest,
        /// The accused key.
        offender: Eid,
    },
    /// There is a verdict: the stake is burnt or released.
    Verdict {
        /// The accusation.
        id: Digest,
        /// The accused key.
        offender: Eid,
        /// The verdict, or that there is none.
        outcome: Outcome,
    },
    /// A key signed two records that no honest key signs; the one that came second was not stored. If they are two bindings,
    /// [`Node::accuse`](super::Node::accuse) accuses by them.
    Equivocation {
        /// The key that signed both.
        offender: Eid,
    },
}

impl fmt::Display for NodeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Persist { offender, outcome, .. } => write!(f, "the vote on {offender} is to be stored: {outcome}"),
            Self::Lapsed { offender, .. } => write!(f, "the accusation of {offender} has lapsed"),
            Self::Verdict { offender, outcome, .. } => write!(f, "the verdict on {offender} is {outcome}"),
            Self::Equivocation { offender } => {
                write!(f, "{offender} has signed two records that contradict each other")
            }
        }
    }
}
