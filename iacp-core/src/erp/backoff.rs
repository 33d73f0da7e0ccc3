//! STATE_ANML_DEGRADED: a destination that cannot be resolved or reached is asked again, later and later
//! (`IACP §4.2.6`).
//!
//! The mark belongs to one context and one destination. It blocks nothing else, and the context stays BOUND.

use iacp_wire::Eid;

use super::generation::Effect;
use crate::crypto::Provider;
use crate::time::Mono;

/// The first pause, in milliseconds.
const BASE: u64 = 2_000;
/// The longest pause before the jitter, in milliseconds.
const CEILING: u64 = 300_000;
/// The jitter is below this many seconds.
const JITTER: u16 = 15;

/// `min(300 s, 2 s · 2^attempts)` and a jitter of 0 to 14 s that the context's EID decides, in milliseconds.
// keeps: IACP-095 (§4.2.6.1), IACP-096 (§4.2.6.1)
#[must_use]
pub fn pause<P: Provider>(context: &Eid, attempts: u32) -> u64 {
    let pause = BASE.checked_shl(attempts).filter(|pause| attempts < 32 && *pause < CEILING).unwrap_or(CEILING);
    let digest = P::sha256(&[&context.0, &attempts.to_be_bytes()]);
    let jitter = digest.first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes)) % JITTER;
    pause + u64::from(jitter) * 1_000
}

/// The mark of one context for one destination.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::erp::backoff::Resolution;
/// use iacp_core::erp::generation::Effect;
/// use iacp_core::time::Mono;
/// use iacp_wire::Eid;
///
/// let mut resolution = Resolution::NOMINAL;
/// resolution.failed::<ChaChaOnly>(Mono(0), &Eid([7; 32]));
/// assert!(resolution.is_degraded());
/// assert!(!resolution.is_due(Mono(1_999)));
/// // The destination has moved, says a binding that verifies: it is asked at once.
/// assert!(resolution.after(Effect::Replace, false));
/// assert!(resolution.is_due(Mono(0)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Resolution {
    attempts: u32,
    due: Option<Mono>,
}

impl Resolution {
    /// Nothing has failed.
    pub const NOMINAL: Self = Self { attempts: 0, due: None };

    /// A read ended without a locator, or a handshake without an answer: STATE_ANML_DEGRADED begins or goes on. Returns
    /// when to try again.
    // keeps: IACP-094 (§4.2.6.1)
    pub fn failed<P: Provider>(&mut self, now: Mono, context: &Eid) -> Mono {
        let due = now.after(pause::<P>(context, self.attempts));
        *self = Self { attempts: self.attempts.saturating_add(1), due: Some(due) };
        due
    }

    /// Whether the destination is in STATE_ANML_DEGRADED.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.due.is_some()
    }

    /// When to try again; `None` if nothing has failed.
    #[must_use]
    pub const fn next_attempt(&self) -> Option<Mono> {
        self.due
    }

    /// Whether an attempt may run now.
    #[must_use]
    pub fn is_due(&self, now: Mono) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// A session with the destination stands: the mark ends. Returns whether there was one.
    pub const fn succeeded(&mut self) -> bool {
        let ended = self.due.is_some();
        *self = Self::NOMINAL;
        ended
    }

    /// The asynchronous resets: a binding that verifies, and a higher generation whose frame has authenticated as the
    /// source's. Returns whether the mark ended; then the request runs at once. A header alone resets nothing.
    // keeps: IACP-097 (§4.2.6.2)
    pub const fn after(&mut self, effect: Effect, authenticated: bool) -> bool {
        match effect {
            Effect::Enter | Effect::Replace => self.succeeded(),
            Effect::Offer if authenticated => self.succeeded(),
            Effect::Offer | Effect::Leave | Effect::Process | Effect::Equivocation | Effect::Drop => false,
        }
    }
}
