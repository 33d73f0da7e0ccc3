//! Cookie secrets and the cookies that they have made sessions of (`IACP §4.2.4.1`, `IACP §6.4.3`).
//!
//! The R-Cookie is a keyed hash, so the responder stores nothing until a cookie comes back. Each secret keeps a fixed
//! set of the cookies that did: one cookie never makes two sessions, else a replayed PSS_ACK would bring back keys that
//! have already sealed.

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid, Locator, X25519Key};
use rand_core::CryptoRng;

use super::terms::Capabilities;
use crate::crypto::{Provider, Secret32};
use crate::pss::discard::Discard;
use crate::time::Mono;

/// A secret issues cookies for this long, and verifies them for as long again, in milliseconds.
const ISSUES: u64 = 120_000;
const VERIFIES: u64 = 2 * ISSUES;

/// What a cookie is bound to: all that the responder has to know again when it comes back.
pub(crate) struct Binding<'a> {
    pub(crate) initiator: &'a Eid,
    pub(crate) cookie: &'a Cookie,
    pub(crate) initial_sequence: u64,
    pub(crate) key_share: &'a X25519Key,
    pub(crate) agreed: Capabilities,
    pub(crate) from: SocketAddr,
}

/// What the responder answers with, and can always compute again: its ephemeral key and its first sequence.
pub(crate) struct Derived {
    pub(crate) ephemeral: Secret32,
    pub(crate) initial_sequence: u64,
}

/// Which secret issued a cookie.
#[derive(Clone, Copy)]
pub(crate) enum Issuer {
    Current,
    Previous,
}

/// One secret and the cookies that became sessions under it; both are wiped together.
struct Epoch<const ACCEPTED: usize> {
    secret: Secret32,
    born: Mono,
    /// Open addressing; no cookie is zero, so zero is an empty place.
    accepted: [Cookie; ACCEPTED],
    count: usize,
}

impl<const ACCEPTED: usize> Epoch<ACCEPTED> {
    fn mac<P: Provider>(&self, label: &[u8], binding: &Binding<'_>) -> Secret32 {
        P::hmac_sha256(
            self.secret.expose(),
            &[
                label,
                &binding.initiator.0,
                &binding.cookie.0,
                &binding.initial_sequence.to_be_bytes(),
                &binding.key_share.0,
                &binding.agreed.bits().to_be_bytes(),
                &Locator::from(binding.from.ip()).0,
                &binding.from.port().to_be_bytes(),
            ],
        )
    }

    /// The R-Cookie: unpredictable, and a keyed hash over the peer's locator.
    // keeps: IACP-085
    fn cookie<P: Provider>(&self, binding: &Binding<'_>) -> Cookie {
        let tag = self.mac::<P>(b"IACP/1 r-cookie\0", binding);
        let mut cookie = Cookie::ZERO;
        cookie.0.iter_mut().zip(tag.expose()).for_each(|(to, from)| *to = *from);
        // Zero means "not assigned yet".
        if cookie.is_zero() { Cookie([0, 0, 0, 0, 0, 0, 0, 1]) } else { cookie }
    }

    fn derive<P: Provider>(&self, binding: &Binding<'_>) -> Derived {
        let ephemeral = self.mac::<P>(b"IACP/1 ephemeral\0", binding);
        let sequence = self.mac::<P>(b"IACP/1 sequence\0", binding);
        let initial_sequence = sequence.expose().first_chunk().map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)));
        Derived { ephemeral, initial_sequence }
    }

    /// The places of the set in the order in which this cookie looks for one. Cookies are keyed hashes: nobody outside
    /// chooses where they fall.
    fn places(&self, cookie: Cookie) -> impl Iterator<Item = usize> + use<ACCEPTED> {
        let start = u64::from_be_bytes(cookie.0).checked_rem(ACCEPTED as u64).unwrap_or(0);
        let start = usize::try_from(start).unwrap_or(0);
        (start..ACCEPTED).chain(0..start)
    }

    fn has(&self, cookie: Cookie) -> bool {
        for place in self.places(cookie) {
            match self.accepted.get(place) {
                Some(found) if *found == cookie => return true,
                Some(found) if found.is_zero() => return false,
                _ => {}
            }
        }
        false
    }

    fn insert(&mut self, cookie: Cookie) -> Result<(), Discard> {
        for place in self.places(cookie) {
            if let Some(free) = self.accepted.get_mut(place).filter(|found| found.is_zero()) {
                *free = cookie;
                self.count += 1;
                return Ok(());
            }
        }
        Err(Discard::Capacity)
    }
}

/// The responder's secrets: the one that issues, and the one before it. Drawn at start, never saved, never copied.
pub(crate) struct CookieSecrets<const ACCEPTED: usize> {
    current: Epoch<ACCEPTED>,
    previous: Option<Epoch<ACCEPTED>>,
}

impl<const ACCEPTED: usize> CookieSecrets<ACCEPTED> {
    /// Draws the first secret.
    pub(crate) fn new(now: Mono, rng: &mut impl CryptoRng) -> Self {
        Self { current: Self::draw(now, rng), previous: None }
    }

    fn draw(now: Mono, rng: &mut impl CryptoRng) -> Epoch<ACCEPTED> {
        Epoch { secret: Secret32::random(rng), born: now, accepted: [Cookie::ZERO; ACCEPTED], count: 0 }
    }

    /// When a secret is due: the next one to be drawn, or the last one to be wiped.
    pub(crate) fn next_deadline(&self) -> Mono {
        let wiped = self.previous.as_ref().map(|previous| previous.born.after(VERIFIES));
        self.issues_until().min(wiped.unwrap_or(self.issues_until()))
    }

    const fn issues_until(&self) -> Mono {
        self.current.born.after(ISSUES)
    }

    /// Draws the next secret if it is due; what is too old to verify is wiped.
    pub(crate) fn rotate(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        if now < self.issues_until() {
            if self.previous.as_ref().is_some_and(|previous| now.since(previous.born) >= VERIFIES) {
                self.previous = None;
            }
            return;
        }
        let aged = core::mem::replace(&mut self.current, Self::draw(now, rng));
        self.previous = (now.since(aged.born) < VERIFIES).then_some(aged);
    }

    /// The answer to a PSS_INIT.
    ///
    /// # Errors
    /// The secret is due for rotation, or its set is full and a session could not be accepted.
    pub(crate) fn issue<P: Provider>(&self, now: Mono, binding: &Binding<'_>) -> Result<(Cookie, Derived), Discard> {
        self.can_issue(now)?;
        Ok((self.current.cookie::<P>(binding), self.current.derive::<P>(binding)))
    }

    /// Whether a cookie that is issued now could become a session.
    pub(crate) fn can_issue(&self, now: Mono) -> Result<(), Discard> {
        if now >= self.issues_until() {
            return Err(Discard::CookieExpired);
        }
        if self.current.count >= ACCEPTED { Err(Discard::Capacity) } else { Ok(()) }
    }

    /// What was issued for this binding, if the cookie is the one that was issued. Whether it was used is another
    /// question: see [`Self::used`].
    ///
    /// # Errors
    /// No living secret issued this cookie for this binding, or its set is full.
    pub(crate) fn verify<P: Provider>(
        &self,
        now: Mono,
        binding: &Binding<'_>,
        cookie: Cookie,
    ) -> Result<(Issuer, Derived), Discard> {
        use subtle::ConstantTimeEq;
        let previous = self.previous.as_ref().map(|epoch| (Issuer::Previous, epoch));
        let epochs = core::iter::once((Issuer::Current, &self.current)).chain(previous);
        for (issuer, epoch) in epochs.filter(|(_, epoch)| now.since(epoch.born) < VERIFIES) {
            if bool::from(epoch.cookie::<P>(binding).0.ct_eq(&cookie.0)) {
                let full = epoch.count >= ACCEPTED;
                return if full { Err(Discard::Capacity) } else { Ok((issuer, epoch.derive::<P>(binding))) };
            }
        }
        Err(Discard::Cookie)
    }

    /// Whether the cookie has already made a session: then a repeated PSS_ACK is that session's business.
    pub(crate) fn used(&self, cookie: Cookie) -> bool {
        core::iter::once(&self.current).chain(&self.previous).any(|epoch| epoch.has(cookie))
    }

    /// A verified cookie makes a session now, and never again.
    ///
    /// # Errors
    /// Its secret is gone, or the set is full.
    pub(crate) fn spend(&mut self, issuer: Issuer, cookie: Cookie) -> Result<(), Discard> {
        match issuer {
            Issuer::Current => self.current.insert(cookie),
            Issuer::Previous => self.previous.as_mut().ok_or(Discard::CookieExpired)?.insert(cookie),
        }
    }
}
