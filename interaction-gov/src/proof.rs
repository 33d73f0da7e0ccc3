//! What the caller's platform checks: signatures, and the provenance of computations.

use crate::policy::Provenance;

/// Ed25519, as the caller's platform has it. It must be strict: canonical encodings, no points of small order.
///
/// This crate makes hashes and defines what they mean; the caller signs and verifies them.
///
/// ```
/// use interaction_gov::proof::Signatures;
///
/// // A function is enough; an application calls its Ed25519 here.
/// fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
///     signature.starts_with(key) && signature.ends_with(hash)
/// }
/// assert!(!Signatures::verify(&verifies, &[1; 32], &[2; 32], &[0; 64]));
/// ```
pub trait Signatures {
    /// Whether this key signed this hash.
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool;
}

impl<F: Fn(&[u8; 32], &[u8; 32], &[u8; 64]) -> bool> Signatures for F {
    fn verify(&self, key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
        self(key, hash, signature)
    }
}

/// A model, or any other thing that computes (`IoE §8`).
///
/// ```
/// use interaction_gov::proof::Component;
/// use sha2::{Digest as _, Sha256};
///
/// let weights = b"the bytes of a model";
/// let model = Component { digest: Sha256::digest(weights).into(), statement: b"signed by its publisher" };
/// assert_ne!(model.digest, [0; 32]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Component<'a> {
    /// SHA-256 of it: of the model's weights, of the program.
    pub digest: [u8; 32],
    /// A statement of its origin, in the form that the caller's check reads.
    pub statement: &'a [u8],
}

/// Checks the origin of a component. Third parties' components are checked like all others.
///
/// ```
/// use interaction_gov::policy::Provenance;
/// use interaction_gov::proof::{Component, ProvenanceCheck as _};
///
/// let check = |component: &Component<'_>| match component.statement {
///     [] => Provenance::None,
///     _ => Provenance::Stated, // or verified, where a signature over `component.digest` holds
/// };
/// assert_eq!(check.check(&Component { digest: [0; 32], statement: b"ours" }), Provenance::Stated);
/// ```
pub trait ProvenanceCheck {
    /// How much of the statement holds.
    fn check(&self, component: &Component<'_>) -> Provenance;
}

impl<F: Fn(&Component<'_>) -> Provenance> ProvenanceCheck for F {
    fn check(&self, component: &Component<'_>) -> Provenance {
        self(component)
    }
}
