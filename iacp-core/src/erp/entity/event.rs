//! What an LL-Entity tells its host, and what it asks of it.

use core::fmt;
use core::net::SocketAddr;

use iacp_wire::message::Local;
use iacp_wire::{Cookie, DhtKey, Digest, Eid, Frame, IatField, Message, WriteError};

use crate::dhi::fallback::Ignored;
use crate::erp::binding::Binding;
use crate::erp::local::AgentEvent;
use crate::erp::resume::Line;
use crate::governance::equivocation::Published;
use crate::governance::malfeasance::Offence;
use crate::pss::{Admission, Discard};
use crate::slots::Handle;

/// Why a datagram, or a frame of a local channel, did nothing. It was counted nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Dropped {
    /// Not one well-formed frame, or not one that comes this way.
    Malformed,
    /// For no agent here, or from the agent that it is for.
    NoAgent,
    /// The agent's context does not take it now.
    NotNow,
    /// Below the generation that is known of its sender.
    Generation,
    /// The bucket of its sender's network is empty.
    RateLimited,
    /// A confirmation, a binding, or an answer to a query, that nothing here has asked for.
    NotAsked,
    /// Its signature does not verify.
    Signature,
    /// An ANML_FALLBACK_ANSWER of an asked node that is not an answer.
    Answer(Ignored),
    /// Two bindings of one EID under one generation: offence 1 is in hand.
    Equivocation,
    /// Token and EID do not belong together.
    Token,
    /// The channel is shut for a while, or does not exist.
    ChannelShut,
    /// A session, or the responder, has discarded it.
    Session(Discard),
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Malformed => "no frame that comes this way",
            Self::NoAgent => "for no agent here",
            Self::NotNow => "not now",
            Self::Generation => "below the known generation of its sender",
            Self::RateLimited => "too many from this network",
            Self::NotAsked => "an answer that nothing has asked for",
            Self::Signature => "the signature does not verify",
            Self::Answer(ignored) => return write!(f, "no answer of a node: {ignored}"),
            Self::Equivocation => "two addresses under one generation",
            Self::Token => "token and EID do not belong together",
            Self::ChannelShut => "the channel is shut",
            Self::Session(discard) => return discard.fmt(f),
        })
    }
}

/// What happened.
///
/// ```
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// use iacp_core::erp::context::State;
/// use iacp_core::erp::entity::{HostEvent, HostRequest};
/// use iacp_core::erp::local::AgentEvent;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let mut host = support::host(1, false, &mut rng);
///
/// let agent = host.init(Mono(0), None, Digest::ZERO, &mut rng)?;
/// while let Some(request) = host.poll_request() {
///     if let HostRequest::Persist { eid, what } = request {
///         host.persisted(Mono(0), &eid, what); // when it is on stable storage
///     }
/// }
/// let mut told = Vec::new();
/// while let Some(event) = host.poll_event() {
///     if let HostEvent::Agent { eid, event: AgentEvent::State { state, .. }, .. } = event {
///         told.push((eid, state));
///     }
/// }
/// assert_eq!(told, [(agent.eid(), State::Bound)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HostEvent<'d> {
    /// It was taken; whatever changed, `poll_event` says.
    Taken,
    /// It did nothing.
    Dropped(Dropped),
    /// An agent is told something.
    Agent {
        /// The EID of the agent.
        eid: Eid,
        /// The channel that it came by last; `None` for an agent of this process.
        channel: Option<u32>,
        /// The session that it is about.
        session: Option<Handle>,
        /// The event.
        event: AgentEvent<'d>,
    },
    /// Another party has this agent's key, or its counter went back: the EID has been given up.
    Cloned(Eid),
    /// f + 1 nodes see this host elsewhere: it does not know its outer address.
    WrongSource(Eid),
    /// An accusation against this EID of ours has proved itself: two signatures of its key contradict each other. This host never
    /// makes such a pair, so the key is in other hands: the way out is
    /// [`rotate`](super::LlEntity::rotate) with [`RotationReason::Compromise`](crate::erp::agent::RotationReason::Compromise).
    Accused {
        /// The EID of the agent.
        eid: Eid,
        /// The offence.
        offence: Offence,
    },
    /// Two signed words of this EID contradict each other, and prove it to all: [`LlEntity::accuse`](super::LlEntity::accuse)
    /// signs the accusation. Sessions of an EID with two bindings go on, by three paths once the host calls
    /// [`LlEntity::challenge`](super::LlEntity::challenge).
    Proof {
        /// The EID of the offender.
        offender: Eid,
        /// As what the accusation goes to the nodes.
        published: Published,
    },
    /// A PSS_INIT with a DISCOVERY_PROOF was answered: what
    /// [`Discoverable::on_proof`](crate::discovery::Discoverable::on_proof) takes, in a host whose agents answer searches. To the
    /// LL-Entity itself its sender is a stranger like any other.
    Greeted {
        /// Which agent.
        eid: Eid,
        /// Who begins a session with it.
        peer: Eid,
        /// The I-Cookie.
        cookie: Cookie,
        /// The proof, under the signature of the PSS_INIT.
        proof: [u8; 16],
    },
    /// A peer has opened a session: its address and its keys are proven. It is what
    /// [`Discoverable::on_established`](crate::discovery::Discoverable::on_established) takes; the agent itself is told OPENED.
    Met {
        /// Which agent.
        eid: Eid,
        /// Who has opened it.
        peer: Eid,
        /// The I-Cookie.
        cookie: Cookie,
        /// Whether the session has, or negotiates, a contract.
        contract: bool,
    },
    /// The peer of a session has proved that it is somewhere else: everything goes there from now on. Agents are not told.
    Moved {
        /// The agent of the session.
        eid: Eid,
        /// The session.
        session: Handle,
        /// Where the peer is.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        to: SocketAddr,
    },
    /// A session of `eid` with `peer` was compromised, or `peer` has contradicted itself in the handshake or the negotiation. It
    /// proves nothing to others: one *bad* in this host's own score.
    Compromised {
        /// The EID of the agent.
        eid: Eid,
        /// At the other end.
        peer: Eid,
    },
    /// A frame for an EID that this host has exported within the last minute: the host sends it on to `to` in an ERP_DEFLECT with
    /// TTL 1, see [`deflect::write`](crate::erp::deflect::write).
    Deflect {
        /// Where the EID is now.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        to: SocketAddr,
        /// The ERP_STREAM.
        stream: &'d [u8],
    },
    /// Too many wrong tokens came by this channel; its frames are dropped for 60 s.
    ChannelShut(u32),
}

impl fmt::Display for HostEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.pad("taken"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
            Self::Agent { eid, event, .. } => write!(f, "agent {eid}: {event}"),
            Self::Cloned(eid) => write!(f, "{eid} is given up: its key is in other hands"),
            Self::WrongSource(eid) => write!(f, "the nodes see {eid} at another address"),
            Self::Accused { eid, offence } => write!(f, "{eid} is accused: {offence}"),
            Self::Proof { offender, published } => write!(f, "proof against {offender}: {published}"),
            Self::Greeted { eid, peer, .. } => write!(f, "{peer} has found {eid} by a search"),
            Self::Met { eid, peer, .. } => write!(f, "{peer} has opened a session with {eid}"),
            Self::Moved { to, .. } => write!(f, "a peer has moved to {to}"),
            Self::Compromised { peer, .. } => write!(f, "{peer} has contradicted itself"),
            Self::Deflect { to, .. } => write!(f, "a frame goes on to {to}"),
            Self::ChannelShut(channel) => write!(f, "channel {channel} is shut for a minute"),
        }
    }
}

impl HostEvent<'_> {
    /// Writes what an agent in another process is told, for its channel: LOCAL with a zero token, and the AAI_NOTICE. The
    /// length, or `None` where the event is for no channel.
    ///
    /// # Errors
    /// `out` is too small: 1,200 bytes always do.
    pub fn write(&self, out: &mut [u8]) -> Result<Option<(u32, usize)>, WriteError> {
        let Self::Agent { eid, channel: Some(channel), session, event } = self else { return Ok(None) };
        let head = Local { eid: *eid, local_iat: IatField([0; 32]) };
        let start = Frame::new(Message::Local { head: &head, inner: &[] }).write(out)?;
        let room = out.get_mut(start..).unwrap_or_default();
        let inner = event.write(*session, room).map_err(|error| match error {
            WriteError::TooSmall { needed } => WriteError::TooSmall { needed: needed.saturating_add(start) },
            other => other,
        })?;
        super::frame::set_payload(out, start.saturating_add(inner));
        Ok(Some((*channel, start.saturating_add(inner))))
    }
}

/// A datagram to send: `head`, directly followed by `body`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'b> {
    /// Routing headers, or a whole frame.
    pub head: &'b [u8],
    /// The frame inside, lent from where it stands; may be empty.
    pub body: &'b [u8],
    /// Where it goes.
    pub to: To,
    /// It is a PATH_RELAY for the relay there, which carries it only inside an Outer Transport Header with this host's signature
    /// and the relay's token: see [`transit`](crate::erp::transit).
    pub by_relay: bool,
}

/// Where a datagram goes.
///
/// A driver sends what is for the network, and gives the rest back to the host:
///
/// ```
/// use iacp_core::erp::entity::{Dropped, HEAD, HostEvent, INSIDE, To, Transmit};
/// # use iacp_core::erp::entity::HostRequest;
/// # use iacp_core::erp::local::Listen;
/// # use iacp_core::pss::{Capabilities, Terms};
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use support::{host, stored};
/// # let (now, mut rng) = (Mono(0), ChaCha8Rng::seed_from_u64(1));
/// # let mut host = host(1, false, &mut rng);
/// # let (here, there) = (host.init(now, None, Digest::ZERO, &mut rng)?, host.init(now, None, Digest::ZERO, &mut rng)?);
/// # stored(&mut host, now);
/// # let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 4 };
/// # let listen = Listen { capabilities: Capabilities::NONE, terms, sessions: 1, hold: false };
/// # host.desk(now, &there).ok_or("its own token")?.listen(listen)?;
/// // One agent of this host opens a session with another one of it.
/// let at = ([192, 0, 2, 1], 4227).into();
/// host.desk(now, &here).ok_or("its own token")?.open(there.eid(), Some(at), Capabilities::NONE, &mut rng)?;
///
/// let (mut buffer, mut network, mut inside) = ([0; HEAD], Vec::new(), Vec::new());
/// while let Some(Transmit { head, body, to, .. }) = host.poll_transmit(now, &mut buffer) {
///     match to {
///         To::Network(at) => network.push((at, [head, body].concat())),
///         To::Inside => inside.push([head, body].concat()),
///     }
/// }
/// assert_eq!((network.len(), inside.len()), (0, 1));
/// assert_eq!(host.handle(now, INSIDE, &mut inside[0], &mut rng), HostEvent::Taken);
/// let mut noise = [0; 40];
/// assert_eq!(host.handle(now, at, &mut noise, &mut rng), HostEvent::Dropped(Dropped::Malformed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// There.
    Network(SocketAddr),
    /// Another agent of this host: give it to `handle` again, from [`INSIDE`](super::INSIDE). It must not leave the host.
    Inside,
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(to) => to.fmt(f),
            Self::Inside => f.pad("another agent of this host"),
        }
    }
}

/// What an LL-Entity asks of its host. Nothing waits for an answer but what needs it.
/// An example stands at [`HostEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostRequest {
    /// Write this down, and say `persisted` when it is on stable storage. Before that nothing is signed that depends on
    /// it.
    Persist {
        /// The EID of the agent.
        eid: Eid,
        /// What to store.
        what: Persist,
    },
    /// Which nodes are responsible for this EID? `answer_nodes` says it.
    Nodes(Eid),
    /// Which binding does the directory have of this EID of ours? A node knows a later one. `answer_own` says it.
    Own(Eid),
    /// What does the directory know of this EID: its standing, its binding? `answer_peer` says it.
    Peer(Eid),
    /// Which accusation does the directory have of this EID of ours? A node has told of one, or several answer CHALLENGED.
    /// `answer_accusation` says it; an answer that there is none needs no call.
    Accusation(Eid),
    /// Which nodes are responsible for the namespace path with this storage key, in class 1? They are asked by the ANML Fallback
    /// Query of this EID of ours. `answer_resolvers` says it.
    Resolvers {
        /// The EID of ours that asks.
        eid: Eid,
        /// SHA-256 of the path.
        key: DhtKey,
    },
    /// A record of this EID of ours is to be written to the nodes that are responsible for it: `deposit` lends it, and
    /// `deposited` says that the host has taken it over.
    Deposit(Eid),
    /// What Forwarding Ticket does the directory have of `owner` whose nonce begins with `iv`? The question is
    /// [`ticket::query`](crate::erp::ticket::query) with a TLV TICKET_IV; `answer_ticket` says what a node answers.
    Tickets {
        /// The EID that is looked for.
        owner: Eid,
        /// The EID of ours that looks for it.
        requestor: Eid,
        /// The first four bytes of the nonce.
        iv: [u8; 4],
    },
}

/// What must be on stable storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persist {
    /// Every generation below it may have been signed.
    Generation(u64),
    /// The application's digest, and the number of its evolution.
    Evolution(Digest, u64),
    /// The context is about to be exported, and every generation below this may have been signed: after a loss of this
    /// memory the host does not go on with the EID. Its seed may be deleted, or kept under that mark: where the blob has
    /// certainly not left, [`restore`](super::LlEntity::restore) with this bound goes on.
    Exported(u64),
    /// The export was given up: the EID stays. It takes the place of [`Self::Exported`], and counts as
    /// [`Self::Generation`].
    Kept(u64),
    /// Forwarding Tickets of this session's key: every counter below may have been used. It is of use only together with the
    /// key, so a host that keeps no keys may answer at once.
    TicketBlock {
        /// The EID of the session's peer.
        peer: Eid,
        /// Its cookies.
        session: Line,
        /// The bound.
        bound: u64,
    },
    /// Forwarding Tickets of the peer's: counters below are not taken any more.
    TicketSeen {
        /// The EID of the session's peer.
        peer: Eid,
        /// Its cookies.
        session: Line,
        /// The bound.
        bound: u64,
    },
}

/// What the directory knows of an EID.
///
/// An agent asks for the standing of an EID, and the host asks the directory in its place:
///
/// ```
/// use iacp_core::erp::entity::{Done, HostEvent, HostRequest, NotAccused, PeerAnswer};
/// use iacp_core::erp::local::{AgentEvent, Request};
/// use iacp_core::pss::Admission;
/// # use iacp_core::erp::binding::Binding;
/// # use iacp_core::identity::Identity;
/// # use iacp_wire::message::{Evidence, HeaderFragment, MalfeasanceData};
/// # use iacp_wire::{Eid, Locator};
/// # use iacp_core::crypto::Portable;
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use support::{host, stored};
/// # let (now, mut rng) = (Mono(0), ChaCha8Rng::seed_from_u64(1));
/// # let mut host = host(1, true, &mut rng);
/// # let agent = host.init(now, None, Digest::ZERO, &mut rng)?;
/// # let peer = Eid([7; 32]);
///
/// let done = host.desk(now, &agent).ok_or("its own token")?.ask_as(1, None, &Request::Standing(peer), &mut rng)?;
/// assert_eq!(done, Done::Later);
/// while let Some(request) = host.poll_request() {
///     if request == HostRequest::Peer(peer) {
///         // Nothing is known of it.
///         let answer = PeerAnswer { standing: Admission::Admit, flags: 0, reputation: 6_000, binding: None };
///         host.answer_peer(now, &peer, &answer);
///     }
/// }
/// let mut scores = Vec::new();
/// while let Some(event) = host.poll_event() {
///     if let HostEvent::Agent { event: AgentEvent::Standing { standing, .. }, .. } = event {
///         scores.push(standing.reputation);
///     }
/// }
/// assert_eq!(scores, [6_000]);
/// # let thief = Identity::<Portable>::generate(&mut rng);
/// # let fragment = |last| {
/// #     let ip = Locator::from(std::net::IpAddr::from([192, 0, 2, last]));
/// #     let signature = Binding::sign(&thief, ip, 7).signature;
/// #     HeaderFragment { ip, generation_counter: 7.into(), signature }
/// # };
/// # let accuser = Identity::<Portable>::generate(&mut rng);
/// # let (one, other, at) = (fragment(1), fragment(2), 1_790_000_000_000);
/// # let (ticket, evidence) = iacp_core::governance::malfeasance::accuse(&accuser, thief.eid(), one, other, at);
/// # let accusation = MalfeasanceData { ticket: &ticket, evidence: Evidence::Bindings(&evidence) };
///
/// // An accusation that it has read for `HostRequest::Accusation` goes to `answer_accusation`.
/// assert_eq!(host.answer_accusation(&accusation), Err(NotAccused::NotHere), "the offender is no agent of this host");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAnswer {
    /// What its standing allows.
    pub standing: Admission,
    /// The flags that the directory has of it, each proven by its record, and its R: what STANDING tells an agent.
    pub flags: u16,
    /// See above; 6,000 for an EID that the directory does not know.
    pub reputation: u16,
    /// Its newest binding, if there is one. It is verified here.
    pub binding: Option<Binding>,
}
