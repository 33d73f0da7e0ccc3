//! Ephemeral Session Derivative EIDs: what stands for an agent in a sandbox (`IACP §3.4`, `IACP §4.1.4.3`).

use iacp_wire::{Digest, Eid};
use rand_core::CryptoRng;

use crate::crypto::{Provider, Secret32};

/// An ESD-EID. It leads to its agent in the LL-Entity's own table only: it is made nowhere else than here, from a nonce
/// that never leaves the LL-Entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EsdEid(Digest);

impl EsdEid {
    /// As it stands in a frame.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// A derivation: the ESD-EID and its nonce. Who knew the nonce could test whose derivative it is.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::identity::derived::Derivation;
/// use iacp_wire::Eid;
/// # use rand_chacha::ChaCha8Rng;
/// # use rand_core::SeedableRng;
///
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
/// let eid = Eid([7; 32]);
/// let [one, two] = [(); 2].map(|()| Derivation::new::<ChaChaOnly>(&eid, &mut rng));
/// assert_ne!(one.esd_eid(), two.esd_eid(), "two derivatives of one agent have nothing in common");
/// ```
pub struct Derivation {
    nonce: Secret32,
    esd_eid: EsdEid,
}

impl Derivation {
    /// A new derivative of an EID.
    // keeps: IACP-057
    #[must_use]
    pub fn new<P: Provider>(eid: &Eid, rng: &mut impl CryptoRng) -> Self {
        let nonce = Secret32::random(rng);
        let esd_eid = EsdEid(Digest(P::sha256(&[b"IACP/1 ESD\0", &eid.0, nonce.expose()])));
        Self { nonce, esd_eid }
    }

    /// What the sandbox is told.
    #[must_use]
    pub const fn esd_eid(&self) -> EsdEid {
        self.esd_eid
    }

    /// What stands as Session Hash in every Hand-off Context Object, and zero where there is no session. The plain hash could be
    /// computed again from cookies and EIDs that pass by, and would name the agent.
    // keeps: IACP-056
    #[must_use]
    pub fn session_hash<P: Provider>(&self, plain: Option<&Digest>) -> Digest {
        plain.map_or(Digest::ZERO, |plain| {
            Digest(P::sha256(&[b"IACP/1 sandbox session\0", self.nonce.expose(), &plain.0]))
        })
    }
}
