//! An agent as its LL-Entity keeps it: key, token, generation, software, quota (`IACP §4.2.2`).

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::binding::Binding;
use super::context::{Event, State};
use super::dock::Context;
use super::generation::Counter;
use super::local::Listen;
use super::switch_point::Registration;
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32};
use crate::governance::malfeasance::Offence;
use crate::guard::{Rate, TokenBucket};
use crate::identity::Identity;
use crate::slots::{Chain, Maybe, Reset};
use crate::time::{Mono, soonest};

/// An ERP_KEEPALIVE is due this often, in milliseconds.
pub const KEEPALIVE: u64 = 30_000;
/// An agent that has been silent for longer than this is purged, in milliseconds.
// keeps: IACP-073 (§4.2.2.3)
pub const PURGE: u64 = 90_000;
/// How long a changed application waits for its ERP_EVOLVE, in milliseconds.
pub const EVOLUTION: u64 = 60_000;
/// How long sessions may take to close in order after a rotation for administrative reasons, in milliseconds.
pub const ROTATION: u64 = 30_000;

/// How long the first binding of an agent with a root key waits for the record that names the key, in milliseconds: an EID that
/// others know is bound to its root key before a thief of the EID's key can name another one.
pub const ROOT_RECORD: u64 = 5_000;

/// Sessions that an agent opens.
const OPENS: Rate = Rate { capacity: 64, per_second: 16 };
/// The most derivatives that an agent has at a time.
pub const DERIVATIVES: usize = 16;

/// What an agent shows its LL-Entity: its EID, and the Instance Authentication Token that says that it is the one
/// (`IACP §4.2.2.2`). The private key stays with the LL-Entity. It cannot be printed or copied, and wipes itself.
pub struct Agent {
    pub(crate) eid: Eid,
    pub(crate) iat: Secret32,
}

impl Agent {
    /// The credentials of an agent that was told them by ERP_ALLOC.
    #[must_use]
    pub const fn new(eid: Eid, iat: Secret32) -> Self {
        Self { eid, iat }
    }

    /// What the agent is called.
    #[must_use]
    pub const fn eid(&self) -> Eid {
        self.eid
    }

    /// The token, for the frames of a local channel.
    #[must_use]
    pub const fn iat(&self) -> &Secret32 {
        &self.iat
    }
}

/// What stable storage has of an agent whose LL-Entity has lost its memory. Without the seed the EID has ended with it.
///
/// ```
/// use iacp_core::crypto::Secret32;
/// use iacp_core::erp::agent::Stored;
///
/// // A seed out of the host's protected storage, and the bound that `Persist::Generation` had last.
/// let seed = Secret32::new([7; 32]);
/// let stored = Stored::new(&seed, 4);
/// assert_eq!((stored.bound, stored.airk), (4, None));
/// ```
#[derive(Clone, Copy)]
pub struct Stored<'s> {
    /// The seed of the EID, see [`LlEntity::seed`](crate::erp::entity::LlEntity::seed).
    pub seed: &'s Secret32,
    /// Every generation below it may have been signed. Where it is lost, the EID must be given up.
    pub bound: u64,
    /// The identity root key, if there is one.
    pub airk: Option<Eid>,
    /// The digest of the application that the root key has vouched for.
    pub digest: Digest,
    /// The number of its evolution.
    pub evolution: u64,
}

impl<'s> Stored<'s> {
    /// An agent whose software never evolves.
    #[must_use]
    pub const fn new(seed: &'s Secret32, bound: u64) -> Self {
        Self { seed, bound, airk: None, digest: Digest::ZERO, evolution: 0 }
    }
}

/// Why an EID is given up for another (`IACP §3.4`). There is no other reason.
///
/// ```
/// use iacp_core::erp::agent::RotationReason;
/// # use iacp_core::erp::entity::HostRequest;
/// # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/host.rs")); }
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Digest;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # use support::{host, stored};
/// # let (now, mut rng) = (Mono(0), ChaCha8Rng::seed_from_u64(1));
/// # let mut host = host(1, false, &mut rng);
/// # let old = host.init(now, None, Digest::ZERO, &mut rng)?;
/// # stored(&mut host, now);
///
/// let new = host.rotate(now, &old.eid(), RotationReason::Compromise, &mut rng)?;
/// assert_ne!(new.eid(), old.eid());
/// assert!(host.rotate(now, &old.eid(), RotationReason::Administrative, &mut rng).is_err(), "it is leaving already");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum RotationReason {
    /// By the host's own interface, never by the channel.
    Administrative = 1,
    /// The key may be out.
    Compromise = 2,
    /// The agent's task has ended, and none of its sessions lives.
    TaskEnded = 3,
}

words! {
    RotationReason {
        Self::Administrative => "administrative",
        Self::Compromise => "the key may be out",
        Self::TaskEnded => "the task has ended",
    }
}

/// What is told about a context when it is polled.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tell {
    pub(crate) state: bool,
    pub(crate) cloned: bool,
    pub(crate) wrong_source: bool,
    /// An accusation against the EID has proved itself.
    pub(crate) accused: Option<Offence>,
    /// The answer about a peer's standing has come.
    pub(crate) standing: bool,
    /// RESOLVE has ended.
    pub(crate) resolved: bool,
}

/// What of a context must be on stable storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storing {
    Nothing,
    /// The host has not been asked yet.
    Wanted,
    /// It has been asked, and has not said that it is done.
    Asked,
}

/// One context.
pub struct AgentSlot<P: Provider> {
    /// The private key never leaves this place.
    // keeps: IACP-070 (§4.2.2.1)
    pub(crate) identity: Option<Identity<P>>,
    /// What it is made of: for the host's protected storage, and for a host that takes the context over.
    pub(crate) seed: Secret32,
    pub(crate) iat: Secret32,
    pub(crate) channel: Option<u32>,
    pub(crate) state: State,
    /// The host's address at the time of the newest binding, as the number of its moves.
    pub(crate) moves: u32,
    pub(crate) airk: Option<Eid>,
    pub(crate) digest: Digest,
    pub(crate) evolution: u64,
    /// The software changed; since when its evolution is awaited.
    pub(crate) evolving: Option<Mono>,
    /// An evolution that holds and is not stored yet.
    pub(crate) evolved: Option<Digest>,
    /// A digest that came in TRANSITION and is raised at BOUND.
    pub(crate) changed: bool,
    pub(crate) binding: Option<Binding>,
    pub(crate) counter: Counter,
    pub(crate) storing: Storing,
    pub(crate) storing_evolution: Storing,
    /// A binding is to be signed as soon as its generation is stored.
    pub(crate) unsigned: bool,
    /// The binding was signed by the host that has handed the context over, and is not shown before its bound is stored.
    pub(crate) given: bool,
    pub(crate) registration: Registration,
    /// A node knows a later generation: our own record is to be read.
    pub(crate) read_own: bool,
    /// A node's STALE has it read again from then on.
    pub(crate) read_own_from: Mono,
    pub(crate) heard: Mono,
    pub(crate) listen: Maybe<Listen>,
    /// The agent reads nothing now (READY 0).
    pub(crate) paused: bool,
    pub(crate) degraded: bool,
    pub(crate) accused: bool,
    /// An accusation has proved itself here, and the host was told.
    pub(crate) proven: bool,
    /// The host is to be asked for the accusation; and when it was last.
    pub(crate) fetch: bool,
    pub(crate) fetched: Option<Mono>,
    /// The first binding waits for the record that names the root key, until then at most.
    pub(crate) awaits_root: Option<Mono>,
    pub(crate) rotated: Option<Mono>,
    pub(crate) tell: Tell,
    /// The first of its sessions, + 1.
    pub(crate) sessions: u32,
    pub(crate) session_count: u32,
    /// What OPEN takes from.
    pub(crate) opens: Maybe<TokenBucket>,
    pub(crate) incoming: u32,
    pub(crate) fifo: u32,
    /// Its sessions that were told FULL because its share of the FIFO was used up, the oldest first.
    pub(crate) rooms: Chain,
    /// What those of its sessions carry to whose peers a change of an own endpoint may be due.
    pub(crate) granting: Chain,
    /// When the epoch of one of its groups ends by time.
    pub(crate) groups_due: Option<Mono>,
    /// STANDING that waits for the host's answer: the agent's number, and of which EID; and the next agent that waits for the
    /// same peer, + 1.
    pub(crate) standing: Option<(u32, Eid)>,
    pub(crate) standing_next: u32,
    /// When it waits no longer.
    pub(crate) standing_due: Option<Mono>,
    /// When its ANML Fallback Query is to be sent again, or has taken too long.
    pub(crate) query_due: Option<Mono>,
    /// Where its derivatives stand in the gate of the sandbox, + 1 each.
    pub(crate) derived: [u32; DERIVATIVES],
}

impl<P: Provider> AgentSlot<P> {
    /// No agent.
    pub const EMPTY: Self = Self {
        identity: None,
        seed: Secret32::new([0; 32]),
        iat: Secret32::new([0; 32]),
        channel: None,
        state: State::Unbound,
        moves: 0,
        airk: None,
        digest: Digest::ZERO,
        evolution: 0,
        evolving: None,
        evolved: None,
        changed: false,
        binding: None,
        counter: Counter::NEW,
        storing: Storing::Nothing,
        storing_evolution: Storing::Nothing,
        unsigned: false,
        given: false,
        registration: Registration::IDLE,
        read_own: false,
        read_own_from: Mono(0),
        heard: Mono(0),
        listen: Maybe::Nothing,
        paused: false,
        degraded: false,
        accused: false,
        proven: false,
        fetch: false,
        fetched: None,
        awaits_root: None,
        rotated: None,
        tell: Tell {
            state: false,
            cloned: false,
            wrong_source: false,
            accused: None,
            standing: false,
            resolved: false,
        },
        sessions: 0,
        session_count: 0,
        opens: Maybe::Nothing,
        incoming: 0,
        fifo: 0,
        rooms: Chain::EMPTY,
        granting: Chain::EMPTY,
        groups_due: None,
        standing: None,
        standing_next: 0,
        standing_due: None,
        query_due: None,
        derived: [0; DERIVATIVES],
    };

    /// A context begins: a key, a token, and nothing that the network knows of.
    // keeps: IACP-071 (§4.2.2.2)
    pub(crate) fn begin(&mut self, now: Mono, airk: Option<Eid>, digest: Digest, rng: &mut impl CryptoRng) {
        cleanly(|| {
            self.seed = Secret32::random(rng);
            self.start(now, airk, digest, rng);
        })
    }

    /// A context goes on after a lost memory, with a new token. Generations go on above all that may have been signed.
    pub(crate) fn restore(&mut self, now: Mono, stored: &Stored<'_>, rng: &mut impl CryptoRng) {
        cleanly(|| {
            self.seed = Secret32::fill(|to| to.copy_from_slice(stored.seed.expose()));
            self.counter = Counter::restored(stored.bound);
            self.evolution = stored.evolution;
            self.start(now, stored.airk, stored.digest, rng);
        })
    }

    /// A context goes on that another host has handed over, with a new token.
    pub(crate) fn take_over(&mut self, now: Mono, context: &Context, rng: &mut impl CryptoRng) {
        cleanly(|| {
            self.seed = Secret32::fill(|to| to.copy_from_slice(context.seed.expose()));
            self.counter = Counter::handed_over(context.binding.generation);
            (self.binding, self.given) = (Some(context.binding), true);
            self.evolution = context.evolution;
            self.listen = Listen::from_bytes(&context.listen).into();
            self.start(now, Some(context.airk).filter(|airk| *airk != Eid::ZERO), context.app_digest, rng);
        })
    }

    fn start(&mut self, now: Mono, airk: Option<Eid>, digest: Digest, rng: &mut impl CryptoRng) {
        self.identity = Some(Identity::from_seed(&self.seed));
        self.iat = Secret32::random(rng);
        (self.airk, self.digest, self.heard, self.paused) = (airk, digest, now, false);
        // Both moves of B.2: the request, and the answer to it.
        let _ = self.state.step(Event::ErpInit);
        let _ = self.state.step(Event::ErpAlloc);
        self.want_binding();
    }

    /// The seed once more, for the record of a context that another host takes over.
    pub(crate) fn seed_copy(&self) -> Secret32 {
        Secret32::fill(|to| to.copy_from_slice(self.seed.expose()))
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) fn eid(&self) -> Eid {
        self.identity.as_ref().map_or(Eid::ZERO, Identity::eid)
    }

    /// Whether a token is this agent's, in constant time.
    pub(crate) fn knows(&self, iat: &[u8; 32]) -> bool {
        self.identity.is_some() && bool::from(self.iat.expose().ct_eq(iat))
    }

    /// The next binding is wanted: its generation, and the one after it for the leaving, are to be stored first.
    pub(crate) fn want_binding(&mut self) {
        self.unsigned = true;
        if self.counter.wanted().is_some() && self.storing == Storing::Nothing {
            self.storing = Storing::Wanted;
        }
    }

    /// The memory was restored or cloned: the counter begins at the stored bound, and what was asked of storage is asked anew.
    pub(crate) fn renew(&mut self, stored: u64) {
        if core::mem::take(&mut self.given) {
            // The other copy may have shown this one, and later ones.
            self.counter.pass();
        }
        self.counter.restart(stored);
        self.storing = Storing::Nothing;
        if self.evolved.is_some() {
            self.storing_evolution = Storing::Wanted;
        }
        if self.unsigned {
            self.want_binding();
        }
    }

    /// Whether a binding of this EID was signed elsewhere: it is not below all that may have been signed here, or it names
    /// another place than ours of the same generation. Our own is none, also while it is not shown yet: the host that has handed
    /// the context over has signed it, and has shown it to the peers. Before the first binding after a lost memory the counter
    /// alone says what is an echo.
    pub(crate) fn is_foreign(&self, binding: &Binding) -> bool {
        match self.binding.filter(|ours| ours.generation == binding.generation) {
            Some(ours) => binding.ip != ours.ip,
            None => binding.generation >= self.counter.next(),
        }
    }

    /// Makes a move of B.2, and has it told; `false` where the table has none.
    pub(crate) fn step(&mut self, event: Event) -> bool {
        let moved = self.state.step(event).is_ok();
        self.tell.state |= moved;
        moved
    }

    /// When something is due.
    pub(crate) fn due(&self, directory: bool) -> Option<Mono> {
        let purge = self.heard.after(PURGE + 1);
        let writes = directory && self.state == State::Transition && !self.unsigned;
        let registration = writes.then(|| self.registration.due());
        let evolution = self.evolving.map(|since| since.after(EVOLUTION));
        let rotation = self.rotated.map(|since| since.after(ROTATION));
        let asked = soonest(&[self.query_due, self.standing_due]);
        soonest(&[Some(purge), registration, evolution, rotation, self.groups_due, self.awaits_root, asked])
    }

    /// Whether the agent may open one more session now: a loop of them would push what is known of peers out of its table.
    pub(crate) fn may_open(&mut self, now: Mono) -> bool {
        let mut opens = self.opens.get().unwrap_or_else(|| TokenBucket::new(OPENS, now));
        let may = opens.take(now, 1).is_ok();
        self.opens = Maybe::Just(opens);
        may
    }

    /// Something is to be told.
    pub(crate) const fn has_news(&self) -> bool {
        let Tell { state, cloned, wrong_source, accused, standing, resolved } = self.tell;
        state || cloned || wrong_source || accused.is_some() || standing || resolved
    }
}

impl<P: Provider> Reset for AgentSlot<P> {
    fn reset(&mut self) {
        // The key wipes itself where it stands; the rest is written over it.
        self.identity = None;
        self.seed.zeroize();
        self.iat.zeroize();
        *self = Self::EMPTY;
    }
}

#[cfg(test)]
mod tests;
