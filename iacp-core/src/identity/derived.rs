//! The Ephemeral Session Derivative EID (`IACP §4.1.4.3`): what stands for an agent in a sandbox.

use core::fmt;

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::crypto::{Provider, Secret32};
use crate::time::Mono;

/// A derivative lives no longer, in milliseconds.
pub const DERIVATIVE_LIFE_MAX: u64 = 3_600_000;

/// An ESD-EID. It is made of an EID and a secret nonce, by [`Derivative::new`] alone; an EID is never one.
///
/// ```compile_fail
/// # use iacp_core::identity::EsdEid;
/// # use iacp_wire::Eid;
/// fn put(eid: Eid) -> EsdEid {
///     eid.into()
/// }
/// ```
// keeps: IACP-058 (§4.1.4.3)
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EsdEid([u8; 32]);

impl fmt::Display for EsdEid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl EsdEid {
    /// As it stands in a Hand-off Context Object.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        Digest(self.0)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for EsdEid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EsdEid({self})")
    }
}

/// A derived identity: the ESD-EID and its nonce. The nonce is secret: with it anyone can test from which EID it was derived.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::identity::{Derivation, EsdEid};
/// use iacp_wire::Eid;
/// # use rand_chacha::ChaCha8Rng;
/// # use rand_core::SeedableRng;
///
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
/// let eid = Eid([7; 32]);
/// let names: [EsdEid; 2] = [(); 2].map(|()| Derivation::new::<ChaChaOnly>(&eid, &mut rng).esd_eid());
/// assert_ne!(names[0], names[1], "two derivatives of one agent have nothing in common");
/// ```
pub struct Derivation {
    nonce: Secret32,
    esd_eid: EsdEid,
}

impl Derivation {
    /// A new derivative of an EID.
    // keeps: IACP-057 (§4.1.4.3)
    #[must_use]
    pub fn new<P: Provider>(eid: &Eid, rng: &mut impl CryptoRng) -> Self {
        let nonce = Secret32::random(rng);
        let esd_eid = EsdEid(P::sha256(&[b"IACP/1 ESD\0", &eid.0, nonce.expose()]));
        Self { nonce, esd_eid }
    }

    /// What the sandbox is told.
    #[must_use]
    pub const fn esd_eid(&self) -> EsdEid {
        self.esd_eid
    }

    /// What stands as Session Hash in every Hand-off Context Object, and zero where there is no session. The plain hash could be
    /// computed again from cookies and EIDs that pass by, and would name the agent.
    // keeps: IACP-056 (§4.1.4.3)
    #[must_use]
    pub fn session_hash<P: Provider>(&self, plain: Option<&Digest>) -> Digest {
        plain.map_or(Digest::ZERO, |plain| {
            Digest(P::sha256(&[b"IACP/1 sandbox session\0", self.nonce.expose(), &plain.0]))
        })
    }
}

/// What the LL-Entity keeps of one hand-off: the derivative, its secret nonce, and its end.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::identity::{Derivative, Identity};
/// use iacp_core::time::Mono;
/// # use rand_chacha::ChaCha8Rng;
/// # use rand_core::SeedableRng;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
///
/// let agent = Identity::<Portable>::generate(&mut rng);
/// let kept = Derivative::new::<Portable>(&agent.eid(), None, Mono(0), 60_000, &mut rng);
/// let returned = *kept.esd_eid().as_bytes();
/// assert!(kept.admits(Mono(59_999), &returned));
/// assert!(!kept.admits(Mono(60_000), &returned) && !kept.admits(Mono(0), &agent.eid().0));
/// ```
pub struct Derivative {
    esd_eid: EsdEid,
    session: Digest,
    end: Mono,
}

impl Derivative {
    /// A derivative of this EID for one hand-off, with a nonce of its own that is forgotten at once: with the nonce, the
    /// derivative could be told to be the EID's. `session` is the Session Hash of the session in which it happens.
    // keeps: IACP-057 (§4.1.4.3), IACP-058 (§4.1.4.3)
    #[must_use]
    pub fn new<P: Provider>(
        eid: &Eid,
        session: Option<&Digest>,
        now: Mono,
        life: u64,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let derivation = Derivation::new::<P>(eid, rng);
        let (esd_eid, session) = (derivation.esd_eid(), derivation.session_hash::<P>(session));
        Self { esd_eid, session, end: now.after(life.min(DERIVATIVE_LIFE_MAX)) }
    }

    /// What the sandbox bears.
    #[must_use]
    pub const fn esd_eid(&self) -> EsdEid {
        self.esd_eid
    }

    /// The Session Hash as the sandbox may see it: mixed with the nonce, zero without a session.
    #[must_use]
    pub const fn session_hash(&self) -> Digest {
        self.session
    }

    /// When it ends.
    #[must_use]
    pub const fn end(&self) -> Mono {
        self.end
    }

    /// Whether what comes back with these 32 bytes belongs to this hand-off, which still lives. Constant time in the bytes.
    // keeps: IACP-059 (§4.1.4.3)
    #[must_use]
    pub fn admits(&self, now: Mono, presented: &[u8; 32]) -> bool {
        bool::from(self.esd_eid.0.ct_eq(presented)) && now < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ChaChaOnly;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    const EID: Eid = Eid([7; 32]);

    #[test]
    fn a_derivative_is_neither_the_eid_nor_another_derivative_of_it() {
        // shows: IACP-057 (§4.1.4.3), IACP-058 (§4.1.4.3)
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let [one, other] =
            [1, 2].map(|_| Derivative::new::<ChaChaOnly>(&EID, Some(&Digest([3; 32])), Mono(0), 1, &mut rng));
        assert_ne!(one.esd_eid(), other.esd_eid());
        assert_ne!(one.session_hash(), other.session_hash(), "two hand-offs of one session cannot be joined");
        assert_ne!(one.session_hash(), Digest([3; 32]));
        assert_ne!(one.esd_eid().as_bytes(), &EID.0);
    }

    #[test]
    fn it_is_the_digest_that_the_profile_names() {
        // shows: IACP-057 (§4.1.4.3)
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let nonce = Secret32::random(&mut rng);
        let derivative = Derivative::new::<ChaChaOnly>(&EID, None, Mono(0), 1, &mut ChaCha8Rng::seed_from_u64(5));
        let expected = ChaChaOnly::sha256(&[b"IACP/1 ESD", &[0], &EID.0, nonce.expose()]);
        assert_eq!(derivative.esd_eid().as_bytes(), &expected);
        assert_eq!(derivative.session_hash(), Digest([0; 32]), "no session, no hash");
    }

    #[test]
    fn only_the_live_derivative_comes_back() {
        // shows: IACP-059 (§4.1.4.3)
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let kept = Derivative::new::<ChaChaOnly>(&EID, None, Mono(5), u64::MAX, &mut rng);
        let bytes = *kept.esd_eid().as_bytes();
        assert!(kept.admits(Mono(5), &bytes) && kept.admits(Mono(4 + DERIVATIVE_LIFE_MAX), &bytes));
        assert!(!kept.admits(Mono(5 + DERIVATIVE_LIFE_MAX), &bytes), "an hour at most");
        for at in 0..32 {
            let mut changed = bytes;
            changed[at] ^= 1;
            assert!(!kept.admits(Mono(5), &changed), "byte {at}");
        }
        assert!(!kept.admits(Mono(5), &EID.0));
    }
}
