//! What an authority signs: an update of its policy, a delegation (`IoE R3`).

use sha2::{Digest as _, Sha256};

use crate::policy::Scope;
use crate::time::Time;
use crate::vocabulary::Authority;

/// An update of an authority's policy, signed by it.
///
/// ```
/// use interaction_gov::authority::Update;
/// use interaction_gov::vocabulary::{Authority, Vocabulary};
/// use sha2::{Digest as _, Sha256};
///
/// let names = Vocabulary::read("actions join\nauthorities host")?;
/// let text = "authority host\nversion 1\npermit join\n";
/// let nothing = Sha256::digest("").into();
/// let update = Update { authority: Authority(0), version: 1, follows: nothing, vocabulary: *names.digest(), text };
/// assert_ne!(update.signed(), Update { version: 2, ..update }.signed(), "what the authority signs names all of it");
/// # Ok::<(), interaction_gov::TextError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'t> {
    /// The authority of the policy.
    pub authority: Authority,
    /// Its version: above all before.
    pub version: u32,
    /// SHA-256 of the previous text; of the empty text, if this is the first.
    pub follows: [u8; 32],
    /// The digest of the vocabulary in which it is written.
    pub vocabulary: [u8; 32],
    /// The text. Empty: the authority leaves, and is not asked again until its next update.
    pub text: &'t str,
}

impl Update<'_> {
    /// What the authority signs: SHA-256("IoE/1 update" | 0 | authority | version | follows | vocabulary | SHA-256(text)).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(b"IoE/1 update\0")
            .chain_update([self.authority.0])
            .chain_update(self.version.to_be_bytes())
            .chain_update(self.follows)
            .chain_update(self.vocabulary)
            .chain_update(Sha256::digest(self.text))
            .finalize()
            .into()
    }
}

/// An authority that lets another one decide in its place.
///
/// ```
/// use interaction_gov::authority::{Authorities, AuthorityError, Delegation};
/// use interaction_gov::policy::Scope;
/// use interaction_gov::time::Time;
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions record\nregions de\nauthorities region, clinic")?;
/// let [from, to] = ["region", "clinic"].map(|name| names.find(name).unwrap_or(interaction_gov::vocabulary::Authority(0)));
/// let mut authorities = Authorities::new();
/// authorities.introduce(from, [1; 32])?;
/// authorities.introduce(to, [2; 32])?;
/// let delegation = Delegation {
///     from,
///     to,
///     scope: Scope::read("record in de", &names)?,
///     vocabulary: *names.digest(),
///     until: Time(60_000),
///     serial: 1,
///     redelegate: false,
/// };
/// let trusting = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| true; // an application verifies `delegation.signed()`
/// authorities.delegate(delegation.clone(), &[0; 64], &trusting, Time(0))?;
/// let again = authorities.delegate(delegation, &[0; 64], &trusting, Time(1));
/// assert_eq!(again, Err(AuthorityError::Stale), "a serial counts once");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The authority that delegates.
    pub from: Authority,
    /// The authority that makes the decisions instead.
    pub to: Authority,
    /// What is delegated.
    pub scope: Scope,
    /// The digest of the vocabulary in which the scope is written.
    pub vocabulary: [u8; 32],
    /// The time at which it ends.
    pub until: Time,
    /// Must be above the serials of all earlier delegations of this authority.
    pub serial: u32,
    /// Whether the authority that decides may delegate further.
    pub redelegate: bool,
}

impl Delegation {
    /// What the authority signs: SHA-256("IoE/1 delegation" | 0 | from | to | redelegate | until | serial | vocabulary |
    /// scope).
    #[must_use]
    pub fn signed(&self) -> [u8; 32] {
        let hash = Sha256::new()
            .chain_update(b"IoE/1 delegation\0")
            .chain_update([self.from.0, self.to.0, u8::from(self.redelegate)])
            .chain_update(self.until.0.to_be_bytes())
            .chain_update(self.serial.to_be_bytes())
            .chain_update(self.vocabulary);
        self.scope.hashed(hash).finalize().into()
    }
}
