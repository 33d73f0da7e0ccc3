//! The Generation Counter: when it may be signed, and what a received one means (`IACP §4.2.5`).

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use iacp_wire::Locator;

use super::binding::Binding;

/// The number below which all generations stay: 2^63.
pub const LIMIT: u64 = 1 << 63;

/// What is known of an EID here: the part of its cache entry that the rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cached {
    /// The highest generation whose binding has verified.
    pub generation: u64,
    /// The locator that it names.
    pub ip: Locator,
}

/// What a frame means for the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// A first binding of an EID that this host has asked for or talks to: it is kept.
    Enter,
    /// The binding takes the entry's place at once. Attempts and the degraded mark are reset, and what is sealed and not
    /// acknowledged is due toward the new home.
    Replace,
    /// As [`Replace`](Self::Replace), but the EID is gone: every session with it ends.
    Leave,
    /// The cache has nothing to do with it: the inner frame goes on.
    Process,
    /// The cache stays as it is and the inner frame goes on. Should that authenticate as the source's, the backoff is
    /// reset and the directory is read.
    Offer,
    /// The cache stays as it is, and the two bindings prove that their signer bound one generation to two locators.
    Equivocation,
    /// Silence.
    Drop,
}

words! {
    Effect {
        Self::Enter => "entered",
        Self::Replace => "replaces the entry",
        Self::Leave => "the EID is gone",
        Self::Process => "the cache has nothing to do with it",
        Self::Offer => "the cache stays until the frame authenticates",
        Self::Equivocation => "two places under one generation",
        Self::Drop => "dropped",
    }
}

/// The rule of `IACP §4.2.5.2`, for a frame with generation `packet`.
///
/// `binding` is the locator of the binding that the frame carries, if it carries one; ERP_STREAM has none. `wanted` says
/// whether this host has a session or a request for the EID: bindings of strangers fill nothing. `verifies` is asked only
/// where the answer depends on it, and never for what is dropped.
///
/// ```
/// use iacp_core::erp::generation::{Cached, Effect, decide};
/// use iacp_wire::Locator;
///
/// let cached = Some(Cached { generation: 7, ip: Locator([1; 16]) });
/// // An ERP_STREAM header is not authenticated: it replaces nothing.
/// assert_eq!(decide(8, cached, None, true, || true), Effect::Offer);
/// assert_eq!(decide(8, cached, Some(Locator([2; 16])), true, || true), Effect::Replace);
/// assert_eq!(decide(6, cached, Some(Locator([2; 16])), true, || panic!("never asked")), Effect::Drop);
/// ```
// keeps: IACP-091 (§4.2.5.2), IACP-092 (§4.2.5.2), IACP-093 (§4.2.5.2)
#[must_use]
pub fn decide(
    packet: u64,
    cached: Option<Cached>,
    binding: Option<Locator>,
    wanted: bool,
    verifies: impl FnOnce() -> bool,
) -> Effect {
    if packet >= LIMIT {
        return Effect::Drop;
    }
    let Some(cached) = cached else {
        return if wanted && binding.is_some() && verifies() { Effect::Enter } else { Effect::Process };
    };
    if packet < cached.generation {
        return Effect::Drop;
    }
    let Some(ip) = binding else {
        return if packet > cached.generation { Effect::Offer } else { Effect::Process };
    };
    if packet > cached.generation {
        return match (verifies(), ip == Locator::ZERO) {
            (true, false) => Effect::Replace,
            (true, true) => Effect::Leave,
            (false, _) => Effect::Offer,
        };
    }
    if ip == cached.ip {
        Effect::Process
    } else if verifies() {
        Effect::Equivocation
    } else {
        // A binding that anyone could have written, and nothing beside it that could go on.
        Effect::Drop
    }
}

/// Applies the rule to a cache entry: the entry changes exactly with [`Effect::Enter`], [`Effect::Replace`] and
/// [`Effect::Leave`]. A leaving stays in the entry, so that what is replayed afterwards is below it.
pub fn receive(
    entry: &mut Option<Binding>,
    shown: &Binding,
    wanted: bool,
    verifies: impl FnOnce(&Binding) -> bool,
) -> Effect {
    if entry.as_ref().is_some_and(|entry| entry.eid != shown.eid) {
        return Effect::Drop;
    }
    let cached = entry.map(|Binding { generation, ip, .. }| Cached { generation, ip });
    let effect = decide(shown.generation, cached, Some(shown.ip), wanted, || verifies(shown));
    match effect {
        Effect::Enter | Effect::Replace | Effect::Leave => *entry = Some(*shown),
        Effect::Process | Effect::Offer | Effect::Equivocation | Effect::Drop => {}
    }
    effect
}

/// The UDP port of an LL-Entity.
pub const PORT: u16 = 4227;

/// Where to look for the owner of a binding: at its IP, at the port that the MIGRATION_VECTOR came from if it came from
/// that IP, else at 4227. `None` for a leaving. It is a claim: data follows only what is proven there.
#[must_use]
pub fn claimed_place(binding: &Binding, from: Option<SocketAddr>) -> Option<SocketAddr> {
    let ip = IpAddr::from(binding.ip);
    let port = from.filter(|from| from.ip().to_canonical() == ip).map_or(PORT, |from| from.port());
    (!binding.is_leaving()).then_some(SocketAddr::new(ip, port))
}

/// Why no generation is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NoGeneration {
    /// This bound must be on stable storage first.
    NotPersisted {
        /// Every generation below it may have been signed.
        bound: u64,
    },
    /// 2^63 generations were used: the EID ends.
    Exhausted,
}

impl fmt::Display for NoGeneration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPersisted { bound } => write!(f, "generation bound {bound} is not on stable storage yet"),
            Self::Exhausted => f.pad("the EID has no generations left"),
        }
    }
}

impl core::error::Error for NoGeneration {}

/// The generations of an own EID. Each is handed out once, and only when stable storage has a bound above it; so neither
/// a crash nor a restart signs one generation for two locators. The one after the last stays free for the leaving, which
/// cannot wait for storage.
///
/// ```
/// use iacp_core::erp::generation::{Counter, NoGeneration};
///
/// let mut counter = Counter::NEW;
/// assert_eq!(counter.take(), Err(NoGeneration::NotPersisted { bound: 2 }));
/// counter.persisted(2);
/// assert_eq!(counter.take(), Ok(0));
/// // The agent leaves: nothing more has to be written.
/// assert_eq!(counter.leave(), Ok(1));
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Counter {
    next: u64,
    bound: u64,
}

impl Counter {
    /// The counter of a new EID.
    pub const NEW: Self = Self { next: 0, bound: 0 };

    /// The counter of an EID whose key was kept over a restart, from the stored bound. Where the bound is lost, the EID
    /// must be given up.
    #[must_use]
    pub const fn restored(bound: u64) -> Self {
        Self { next: bound, bound }
    }

    /// The counter of an EID that another host has handed over together with a binding of this generation, which is the next
    /// one to be shown.
    pub(crate) const fn handed_over(generation: u64) -> Self {
        Self { next: generation, bound: 0 }
    }

    /// The generation that comes next, and the bound under which it and the one after it are.
    pub(crate) const fn upcoming(&self) -> (u64, u64) {
        (self.next, self.next.saturating_add(2))
    }

    /// The next generation was signed by another host, for another place: it is not shown here.
    pub(crate) const fn pass(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// The host's memory was restored or cloned, and stable storage has this bound: generations go on above all that may
    /// have been signed meanwhile, and the next one is persisted first. What this memory knows counts too: its bound, and its
    /// next generation, which stands above the bound where another host has signed those before it.
    pub const fn restart(&mut self, stored: u64) {
        let known = if self.next > self.bound { self.next } else { self.bound };
        *self = Self::restored(if stored > known { stored } else { known });
    }

    /// The lowest generation that was not signed under this counter.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The bound that must be on stable storage before the next [`take`](Self::take); `None` if it is.
    #[must_use]
    pub const fn wanted(&self) -> Option<u64> {
        let bound = self.next.saturating_add(2);
        if self.bound < bound { Some(bound) } else { None }
    }

    /// Stable storage has this bound now.
    pub const fn persisted(&mut self, bound: u64) {
        if bound > self.bound {
            self.bound = bound;
        }
    }

    /// The generation to sign now: one more than the last.
    ///
    /// # Errors
    /// The bound is not persisted, or no generations are left. Nothing has changed.
    pub const fn take(&mut self) -> Result<u64, NoGeneration> {
        if self.next >= LIMIT - 1 {
            return Err(NoGeneration::Exhausted);
        }
        if let Some(bound) = self.wanted() {
            return Err(NoGeneration::NotPersisted { bound });
        }
        let generation = self.next;
        self.next += 1;
        Ok(generation)
    }

    /// The generation of the leaving. The counter ends with it.
    ///
    /// # Errors
    /// Nothing was ever signed since the counter was made or restored, and so nothing is reserved.
    pub const fn leave(self) -> Result<u64, NoGeneration> {
        if self.next >= self.bound {
            return Err(NoGeneration::NotPersisted { bound: self.next.saturating_add(1) });
        }
        if self.next >= LIMIT {
            return Err(NoGeneration::Exhausted);
        }
        Ok(self.next)
    }
}
