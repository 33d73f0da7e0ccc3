//! Cookie secrets, and the cookies that have become sessions (`IACP §4.2.4.1`, `IACP §6.4.3`).
//!
//! The R-Cookie is a keyed hash, so the responder stores nothing until a cookie comes back. Each secret keeps a set of
//! fixed size with the cookies that did: one cookie must not make two sessions, or else a replayed PSS_ACK would
//! restore keys that have already sealed frames.

use core::net::SocketAddr;

use iacp_wire::{Cookie, Eid, Locator, X25519Key};
use rand_core::CryptoRng;

use super::terms::{Capabilities, Terms};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32};
use crate::pss::discard::Discard;
use crate::time::Mono;

/// A secret issues cookies for this long, and verifies them for as long again, in milliseconds.
const ISSUES: u64 = 120_000;
const VERIFIES: u64 = 2 * ISSUES;

/// The values to which a cookie is bound: everything that the responder needs again when the cookie comes back.
pub(crate) struct Binding<'a> {
    pub(crate) initiator: &'a Eid,
    pub(crate) cookie: &'a Cookie,
    pub(crate) initial_sequence: u64,
    pub(crate) key_share: &'a X25519Key,
    pub(crate) agreed: Capabilities,
    pub(crate) from: SocketAddr,
    /// The agent of the host that answers: two agents never share an ephemeral key.
    pub(crate) responder: &'a Eid,
    /// The terms: those of a cookie are those of its session.
    pub(crate) terms: Terms,
}

/// The responder's values that can always be computed again: its ephemeral key and its first sequence.
pub(crate) struct Derived {
    pub(crate) ephemeral: Secret32,
    pub(crate) initial_sequence: u64,
}

/// The secret that issued a cookie, and the place of the cookie in that secret's set.
#[derive(Clone, Copy)]
pub(crate) struct Issuer {
    secret: Generation,
    groups: Groups,
}

#[derive(Clone, Copy)]
enum Generation {
    Current,
    Previous,
}

/// The two groups of places that a cookie may have, as bits of its hash that never leave the responder: otherwise a
/// peer that sees its cookies could return only those that collide.
#[derive(Clone, Copy)]
struct Groups([u32; 2]);

/// How many places there are in a group. A search visits at most twice as many.
const GROUP: usize = 8;

/// One secret and the cookies that became sessions under it; both are wiped together.
struct Epoch<const ACCEPTED: usize> {
    secret: Secret32,
    born: Mono,
    /// Twice as many places as cookies, in groups. A cookie takes the emptier of its two groups; the probability that a
    /// group is full before the whole set is below one in 10,000. No cookie is zero: zero is an empty place.
    accepted: [[Cookie; 2]; ACCEPTED],
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
                &binding.responder.0,
                &binding.terms.dgk_rotation.to_be_bytes(),
                &binding.terms.lifetime.to_be_bytes(),
                &binding.terms.receive_window.to_be_bytes(),
            ],
        )
    }

    /// The R-Cookie, unpredictable and a keyed hash over the peer's locator, and its places.
    // keeps: IACP-085 (§4.2.4.1)
    fn cookie<P: Provider>(&self, binding: &Binding<'_>) -> (Cookie, Groups) {
        let tag = self.mac::<P>(b"IACP/1 r-cookie\0", binding);
        let (cookie, places) = tag.expose().split_at(Cookie::LEN);
        let cookie = Cookie(cookie.first_chunk().copied().unwrap_or_default());
        let place = |at| places.get(at..).and_then(|bytes| bytes.first_chunk().copied()).map_or(0, u32::from_be_bytes);
        let groups = Groups([place(0), place(4)]);
        // Zero means "not assigned yet".
        (if cookie.is_zero() { Cookie([0, 0, 0, 0, 0, 0, 0, 1]) } else { cookie }, groups)
    }

    fn derive<P: Provider>(&self, binding: &Binding<'_>) -> Derived {
        let ephemeral = self.mac::<P>(b"IACP/1 ephemeral\0", binding);
        let sequence = self.mac::<P>(b"IACP/1 sequence\0", binding);
        let initial_sequence = sequence.expose().first_chunk().map_or(0, |bytes| u64::from(u32::from_be_bytes(*bytes)));
        Derived { ephemeral, initial_sequence }
    }

    const PLACES: usize = 2 * ACCEPTED;
    const GROUP: usize = if Self::PLACES < GROUP { Self::PLACES } else { GROUP };
    /// A mask instead of a remainder, because small cores have no division.
    const LAST_GROUP: usize = {
        assert!(ACCEPTED.is_power_of_two(), "ACCEPTED must be a power of two");
        Self::PLACES / Self::GROUP - 1
    };

    /// The places of one group, as a range of all of them.
    fn range(bits: u32) -> core::ops::Range<usize> {
        let start = (usize::try_from(bits).unwrap_or(0) & Self::LAST_GROUP) * Self::GROUP;
        start..start + Self::GROUP
    }

    fn group(&self, bits: u32) -> &[Cookie] {
        self.accepted.as_flattened().get(Self::range(bits)).unwrap_or_default()
    }

    /// Whether the cookie has made a session. This visits at most two groups.
    fn has(&self, groups: Groups, cookie: Cookie) -> bool {
        groups.0.into_iter().any(|bits| self.group(bits).contains(&cookie))
    }

    const fn is_full(&self) -> bool {
        self.count >= ACCEPTED
    }

    fn insert(&mut self, groups: Groups, cookie: Cookie) -> Result<(), Discard> {
        if self.is_full() {
            return Err(Discard::Capacity);
        }
        let taken = |bits: &u32| self.group(*bits).iter().filter(|found| !found.is_zero()).count();
        let bits = groups.0.into_iter().min_by_key(taken).unwrap_or(0);
        let places = self.accepted.as_flattened_mut().get_mut(Self::range(bits)).unwrap_or_default();
        let free = places.iter_mut().find(|found| found.is_zero()).ok_or(Discard::Capacity)?;
        *free = cookie;
        self.count += 1;
        Ok(())
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
        Epoch { secret: Secret32::random(rng), born: now, accepted: [[Cookie::ZERO; 2]; ACCEPTED], count: 0 }
    }

    /// When the next secret has to be drawn or the last one wiped; immediately if the set is full.
    pub(crate) fn next_deadline(&self) -> Mono {
        if self.current.is_full() {
            return self.current.born;
        }
        let wiped = self.previous.as_ref().map(|previous| previous.born.after(VERIFIES));
        self.issues_until().min(wiped.unwrap_or(self.issues_until()))
    }

    const fn issues_until(&self) -> Mono {
        self.current.born.after(ISSUES)
    }

    /// Draws the next secret if it is due, or if the set of this one is full, and wipes secrets that are too old to
    /// verify. A secret is wiped together with its set, so no cookie is ever forgotten while it still verifies.
    pub(crate) fn rotate(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        if now < self.issues_until() && !self.current.is_full() {
            if self.previous.as_ref().is_some_and(|previous| now.since(previous.born) >= VERIFIES) {
                self.previous = None;
            }
            return;
        }
        cleanly(|| {
            let aged = core::mem::replace(&mut self.current, Self::draw(now, rng));
            self.previous = (now.since(aged.born) < VERIFIES).then_some(aged);
        });
    }

    /// The answer to a PSS_INIT.
    ///
    /// # Errors
    /// The secret is due for rotation, or its set is full and a session could not be accepted.
    pub(crate) fn issue<P: Provider>(&self, now: Mono, binding: &Binding<'_>) -> Result<(Cookie, Derived), Discard> {
        self.can_issue(now)?;
        Ok((self.current.cookie::<P>(binding).0, self.current.derive::<P>(binding)))
    }

    /// Whether a cookie that is issued now could become a session.
    pub(crate) fn can_issue(&self, now: Mono) -> Result<(), Discard> {
        if now >= self.issues_until() {
            return Err(Discard::CookieExpired);
        }
        if self.current.is_full() { Err(Discard::Capacity) } else { Ok(()) }
    }

    /// Verifies a cookie that was issued for this binding. The hash comes first: only for a cookie that is ours and
    /// belongs to this peer at this locator is the set searched, and only then does the answer depend on its room.
    ///
    /// # Errors
    /// In this order: no live secret issued this cookie for this binding; the cookie has made a session, which then has
    /// to handle a repeated PSS_ACK; its set is full.
    pub(crate) fn verify<P: Provider>(
        &self,
        now: Mono,
        binding: &Binding<'_>,
        cookie: Cookie,
    ) -> Result<(Issuer, Derived), Discard> {
        use subtle::ConstantTimeEq;
        let previous = self.previous.as_ref().map(|epoch| (Generation::Previous, epoch));
        let epochs = core::iter::once((Generation::Current, &self.current)).chain(previous);
        for (secret, epoch) in epochs.filter(|(_, epoch)| now.since(epoch.born) < VERIFIES) {
            let (issued, groups) = epoch.cookie::<P>(binding);
            if !bool::from(issued.0.ct_eq(&cookie.0)) {
                continue;
            }
            if epoch.has(groups, cookie) {
                return Err(Discard::CookieUsed);
            }
            if epoch.is_full() {
                return Err(Discard::Capacity);
            }
            return Ok((Issuer { secret, groups }, epoch.derive::<P>(binding)));
        }
        Err(Discard::Cookie)
    }

    /// Marks a verified cookie as used: it makes a session now, and never again.
    ///
    /// # Errors
    /// Its secret is gone, or the set is full.
    pub(crate) fn spend(&mut self, issuer: Issuer, cookie: Cookie) -> Result<(), Discard> {
        let epoch = match issuer.secret {
            Generation::Current => &mut self.current,
            Generation::Previous => self.previous.as_mut().ok_or(Discard::CookieExpired)?,
        };
        epoch.insert(issuer.groups, cookie)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::vec::Vec;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::crypto::Portable;

    const NOW: Mono = Mono(0);
    const SHARE: X25519Key = X25519Key([9; 32]);
    const EID: Eid = Eid([1; 32]);

    /// The binding of the peer with this I-Cookie at this port.
    fn binding(cookie: &Cookie, port: u16) -> Binding<'_> {
        let from = ([192, 0, 2, 1], port).into();
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
        let (responder, agreed) = (&Eid([9; 32]), Capabilities::NONE);
        Binding { initiator: &EID, cookie, initial_sequence: 5, key_share: &SHARE, agreed, from, responder, terms }
    }

    fn secrets<const N: usize>(seed: u64) -> CookieSecrets<N> {
        CookieSecrets::new(NOW, &mut ChaCha8Rng::seed_from_u64(seed))
    }

    /// The peer with this number gets a cookie and returns it.
    fn accept<const N: usize>(secrets: &mut CookieSecrets<N>, number: u64) -> Result<Cookie, Discard> {
        let own = Cookie(number.to_be_bytes());
        let cookie = secrets.current.cookie::<Portable>(&binding(&own, 1)).0;
        let (issuer, _) = secrets.verify::<Portable>(NOW, &binding(&own, 1), cookie)?;
        secrets.spend(issuer, cookie)?;
        Ok(cookie)
    }

    #[test]
    fn a_forged_acknowledgement_has_no_set_searched() {
        // The state of the set is not revealed before the hash is verified: neither that a cookie is spent, nor that
        // there is no room.
        let mut secrets = secrets::<4>(1);
        let spent: Vec<Cookie> = (0..4).map(|n| accept(&mut secrets, n).expect("room for four")).collect();
        for (n, cookie) in (0_u64..).zip(spent) {
            let own = Cookie(n.to_be_bytes());
            let verdict = |secrets: &CookieSecrets<4>, port, cookie| {
                secrets.verify::<Portable>(NOW, &binding(&own, port), cookie).map(|_| ())
            };
            assert_eq!(verdict(&secrets, 2, cookie), Err(Discard::Cookie), "from another port");
            let mut forged = cookie;
            forged.0[7] ^= 1;
            assert_eq!(verdict(&secrets, 1, forged), Err(Discard::Cookie));
            assert_eq!(verdict(&secrets, 1, cookie), Err(Discard::CookieUsed), "though the set is full");
        }
        assert_eq!(accept(&mut secrets, 4).map(|_| ()), Err(Discard::Capacity));
    }

    #[test]
    fn a_full_set_knows_all_its_cookies_and_a_look_is_two_groups() {
        fn fill<const N: usize>() {
            for seed in 0..4 {
                let mut secrets = secrets::<N>(seed);
                for number in 0..N as u64 {
                    assert!(accept(&mut secrets, number).is_ok(), "no group of {N} is full at {number}, seed {seed}");
                }
                assert_eq!(accept(&mut secrets, N as u64).map(|_| ()), Err(Discard::Capacity));
                for number in 0..N as u64 {
                    assert_eq!(accept(&mut secrets, number).map(|_| ()), Err(Discard::CookieUsed));
                }
                let epoch = &secrets.current;
                for bits in [0, 1, 77, u32::MAX] {
                    assert_eq!(epoch.group(bits).len(), GROUP.min(2 * N), "what a look costs, in places");
                }
                let held: BTreeSet<[u8; 8]> = epoch.accepted.as_flattened().iter().map(|cookie| cookie.0).collect();
                assert_eq!(held.len(), N + 1, "each once, and zero");
            }
        }
        fill::<1>();
        fill::<2>();
        fill::<4>();
        fill::<8>();
        fill::<64>();
        fill::<1_024>();
        fill::<4_096>();
    }

    #[test]
    fn cookies_that_look_alike_do_not_fall_together() {
        // A peer that sees its cookies, and returns only those with the same low byte, cannot fill a group before the
        // set is full.
        let mut secrets = secrets::<1_024>(3);
        let (mut returned, mut number) = (0, 0_u64);
        while returned < 1_024 {
            number += 1;
            let own = Cookie(number.to_be_bytes());
            let cookie = secrets.current.cookie::<Portable>(&binding(&own, 1)).0;
            if cookie.0[7] == 0x42 {
                assert_eq!(accept(&mut secrets, number), Ok(cookie), "cookie {returned} of 1,024");
                returned += 1;
            }
        }
    }

    #[test]
    fn a_full_set_goes_with_its_secret_at_once_and_its_cookies_make_no_second_session() {
        let mut secrets = secrets::<4>(5);
        let spent: Vec<Cookie> = (0..4).map(|n| accept(&mut secrets, n).expect("room for four")).collect();
        assert!(secrets.next_deadline() <= NOW, "it is due");
        secrets.rotate(NOW, &mut ChaCha8Rng::seed_from_u64(6));
        assert!(secrets.can_issue(NOW).is_ok());
        assert!(secrets.next_deadline() > NOW);
        assert!(accept(&mut secrets, 4).is_ok(), "the next peer does not wait");
        for (n, cookie) in (0_u64..).zip(spent) {
            let own = Cookie(n.to_be_bytes());
            let verdict = secrets.verify::<Portable>(NOW, &binding(&own, 1), cookie).map(|_| ());
            assert_eq!(verdict, Err(Discard::CookieUsed));
        }
    }

    #[test]
    fn the_size_of_the_set_is_its_memory() {
        // 16 bytes for each session, and 48 for the secret, its age and the count.
        assert!(size_of::<Epoch<8>>() <= 8 * 16 + 48, "{}", size_of::<Epoch<8>>());
    }

    // shows: IACP-085 (§4.2.4.1)
    #[test]
    fn a_secret_issues_for_two_minutes_and_verifies_for_two_more() {
        let rng = &mut ChaCha8Rng::seed_from_u64(8);
        let own = Cookie([7; 8]);
        let mut secrets = secrets::<4>(7);
        let issues = |secrets: &CookieSecrets<4>, now| secrets.issue::<Portable>(Mono(now), &binding(&own, 1));
        let (cookie, _) = issues(&secrets, 119_999).unwrap_or_else(|_| panic!("it still issues"));
        assert_eq!(issues(&secrets, 120_000).map(|_| ()), Err(Discard::CookieExpired));
        let verifies = |secrets: &CookieSecrets<4>| {
            let verdict = |now| secrets.verify::<Portable>(Mono(now), &binding(&own, 1), cookie).map(|_| ());
            [239_999, 240_000].map(verdict)
        };
        assert_eq!(verifies(&secrets), [Ok(()), Err(Discard::Cookie)]);
        secrets.rotate(Mono(119_999), rng);
        assert_eq!((secrets.next_deadline(), secrets.previous.is_none()), (Mono(120_000), true));
        // It is drawn late, and the older one is wiped before the next is due.
        secrets.rotate(Mono(200_000), rng);
        assert_eq!(verifies(&secrets), [Ok(()), Err(Discard::Cookie)]);
        assert_eq!(secrets.next_deadline(), Mono(240_000));
        secrets.rotate(Mono(239_999), rng);
        assert!(secrets.previous.is_some());
        secrets.rotate(Mono(240_000), rng);
        assert_eq!((secrets.next_deadline(), secrets.previous.is_none()), (Mono(320_000), true));
        for (now, kept) in [(120_000, true), (239_999, true), (240_000, false)] {
            let mut secrets = self::secrets::<4>(7);
            secrets.rotate(Mono(now), rng);
            assert_eq!(secrets.previous.is_some(), kept, "rotated at {now}");
        }
    }
}
