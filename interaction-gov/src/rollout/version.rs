//! A version, and the place that holds it.

use crate::number::Flag;
use crate::policy::{AUTHORITIES, CompiledError, PLACES, Policy, TESTS};

/// A version.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let Setting { plane, call, .. } = setting();
/// let governs = call.version(&plane).ok_or("a version governs")?;
/// assert_eq!((governs.number, governs.policy.members().len()), (0, 1));
/// assert!(governs.to_string().starts_with("version 0, "), "and the first bytes of its digest: {governs}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Version<const W: usize, const A: usize = AUTHORITIES, const T: usize = TESTS, const K: usize = PLACES> {
    /// Its number. No two versions of a control plane ever have the same.
    pub number: u32,
    /// Whether it was rolled back.
    pub(crate) withdrawn: Flag,
    /// The rules and settings.
    pub policy: Policy<W, A, T, K>,
}

impl<const W: usize> Version<W> {
    /// A version that was compiled on a host, with the number that its maker gave it: a constant, which lies in flash
    /// and takes no RAM. It governs nothing until it is [linked](super::Rollout::link).
    ///
    /// # Errors
    /// [`CompiledError`]: the bytes are no compiled policy, or `W` is too small for it.
    pub const fn compiled(number: u32, bytes: &[u8]) -> Result<Self, CompiledError> {
        Self::fitted(number, bytes)
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Version<W, A, T, K> {
    /// The same with just as many places for authorities, tests and kinds of regions as it needs ([`Policy::fitted`]).
    ///
    /// # Errors
    /// [`CompiledError`], also if it has more of them than there are places.
    pub const fn fitted(number: u32, bytes: &[u8]) -> Result<Self, CompiledError> {
        match Policy::fitted(bytes) {
            Ok(policy) => Ok(Self { number, withdrawn: Flag::NO, policy }),
            Err(error) => Err(error),
        }
    }

    /// What identifies it: the digest of its policy.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        self.policy.digest()
    }
}

/// A place for a version. An `Option` would not do: its empty value is not all zeros.
pub(crate) struct Place<const W: usize, const A: usize, const T: usize, const K: usize> {
    taken: Flag,
    version: Version<W, A, T, K>,
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Place<W, A, T, K> {
    pub const FREE: Self =
        Self { taken: Flag::NO, version: Version { number: 0, withdrawn: Flag::NO, policy: Policy::with_room() } };

    pub const fn version(&self) -> Option<&Version<W, A, T, K>> {
        if self.taken.is() { Some(&self.version) } else { None }
    }

    /// Takes a version of this number, whose policy is still empty.
    pub fn fill(&mut self, number: u32, withdrawn: Flag) -> &mut Policy<W, A, T, K> {
        let Self { taken, version } = self;
        (*taken, version.number, version.withdrawn) = (Flag::YES, number, withdrawn);
        version.policy.clear();
        &mut version.policy
    }

    pub const fn free(&mut self) {
        self.taken = Flag::NO;
    }

    pub const fn withdraw(&mut self) {
        self.version.withdrawn = Flag::YES;
    }
}
