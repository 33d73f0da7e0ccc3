//! From a path to its EID: what a reader follows, and why it may lead nowhere (`IACP §5.2.2`).

use iacp_wire::Eid;

use super::{CLOCKS, Curation, Delegation, MAX_TOKENS, Path, Payment, Root};
use crate::crypto::Provider;
use crate::time::UnixTime;

/// Why a path leads to no EID. The order is that of the checks, from the root down: the first failure is the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ChainBreak {
    /// The path is none.
    PathMalformed,
    /// No valid ROOT.
    RootUnknown,
    /// The ROOT's proof fails.
    RootUnproven,
    /// A version of the root is missing or fails.
    CurationBroken,
    /// The root's key is revoked.
    RootRevoked,
    /// No token for this path.
    LinkMissing,
    /// More than seven tokens.
    ChainTooLong,
    /// A token's parent path is not the link above.
    ParentMismatch,
    /// A token's child path does not extend its parent's by whole labels.
    NotAnExtension,
    /// A token's window is empty or longer than 400 days.
    WindowInvalid,
    /// A token is not valid yet.
    NotYetValid,
    /// A token is not valid any more.
    Expired,
    /// A token is not signed by the key of the link above.
    BadSignature,
    /// A child key is revoked.
    KeyRevoked,
    /// The EID at the end is slashed or revoked.
    TerminalRefused,
}

words! {
    ChainBreak {
        Self::PathMalformed => "path: not 1 to 8 labels of letters, digits and inner hyphens",
        Self::RootUnknown => "root: no valid record",
        Self::RootUnproven => "root: its proof of payment fails",
        Self::CurationBroken => "root: a version is missing or fails",
        Self::RootRevoked => "root: its key is revoked",
        Self::LinkMissing => "delegation: none for this path",
        Self::ChainTooLong => "delegation: the chain has more than seven tokens",
        Self::ParentMismatch => "parent path: not the link above",
        Self::NotAnExtension => "child path: does not extend the parent's by whole labels",
        Self::WindowInvalid => "not after: the window is empty or longer than 400 days",
        Self::NotYetValid => "not before: the token is not valid yet",
        Self::Expired => "not after: the token is not valid any more",
        Self::BadSignature => "signature: not by the key of the link above",
        Self::KeyRevoked => "child key: revoked",
        Self::TerminalRefused => "EID: slashed or revoked",
    }
}

impl core::error::Error for ChainBreak {}

/// What the reader of a chain knows of keys and payments besides the records.
pub trait ChainFacts {
    /// Whether a pinned or ledger payment holds.
    fn paid(&self, root: &Root<'_>) -> bool;
    /// Whether a curator's key is revoked, by a verdict that the reader has verified.
    fn revoked(&self, key: &Eid) -> bool;
    /// Whether the EID at the end may not be used.
    fn refused(&self, eid: &Eid) -> bool;
}

/// Follows a path from its root to its EID (`IACP §5.2.2`). `root` is the record of the path's first label, `versions` all its
/// changes, `tokens` the delegations from the root down.
///
/// # Errors
/// The first check that fails, from the root down. Nothing below it is looked at.
///
/// A reader follows `org.agentnet` from the root that its configuration pins:
///
/// ```
/// use iacp_core::directory::name::{ChainBreak, ChainFacts, Curation, Delegation, Payment, Root, resolve};
/// use iacp_core::directory::{Body, Kind};
/// # use iacp_core::crypto::{ChaChaOnly, Provider, Secret32};
/// # use iacp_core::directory::sign;
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::layout::NamespaceRoot;
/// # use iacp_wire::{Digest, Eid};
/// # let now = UnixTime(1_790_000_010_000);
/// # let [curator, agent] = [1, 2].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
/// # let proof = [2]; // what a pinned root is paid with
/// # let escrow = Digest(ChaChaOnly::sha256(&[&proof]));
/// # let record = NamespaceRoot {
/// #     curation_public_key: curator.eid(),
/// #     escrow_allocation_index: escrow,
/// #     namespace: "org",
/// # };
/// # let mut buffer = [0; 200];
/// # let length = record.write(&mut buffer)?;
/// # let before = [&buffer[..length], &now.0.to_be_bytes()].concat();
/// # let after = [&[0, 1], &proof[..]].concat();
/// # let root = [&before[..], &sign(&curator, Kind::Root, &before, &after).0, &after].concat();
/// # let text = |path: &str| [&[0, path.len() as u8], path.as_bytes()].concat();
/// # let window = [(now.0 - 1_000).to_be_bytes(), (now.0 + 60_000).to_be_bytes()].concat();
/// # let fields = [&text("org")[..], &text("org.agentnet"), &agent.eid().0, &window].concat();
/// # let token = [&fields[..], &sign(&curator, Kind::Delegation, &fields, &[]).0].concat();
///
/// struct Pinned; // what this reader knows besides the records
/// impl ChainFacts for Pinned {
///     fn paid(&self, _root: &Root<'_>) -> bool { true }
///     fn revoked(&self, _key: &Eid) -> bool { false }
///     fn refused(&self, _eid: &Eid) -> bool { false }
/// }
///
/// let Body::Root(root) = Body::parse(Kind::Root, &root)? else { return Err("it is one".into()) };
/// assert_eq!(root.payment::<ChaChaOnly>(), Some(Payment::Pinned));
/// let (versions, tokens): ([Curation<'_>; 0], _) = ([], [Delegation::parse(&token)?]);
/// let follow = |path, tokens| resolve::<ChaChaOnly>(path, Some(&root), &versions, tokens, now, &Pinned);
/// assert_eq!(follow("org.agentnet", &tokens), Ok(agent.eid()));
/// assert_eq!(follow("org.agentnet.market", &tokens), Err(ChainBreak::LinkMissing));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IACP-114 (§5.2.2)
pub fn resolve<P: Provider>(
    path: &str,
    root: Option<&Root<'_>>,
    versions: &[Curation<'_>],
    tokens: &[Delegation<'_>],
    now: UnixTime,
    standing: &impl ChainFacts,
) -> Result<Eid, ChainBreak> {
    let path = Path::new(path).ok_or(ChainBreak::PathMalformed)?;
    let root = root.filter(|root| path == root.path || path.extends(&root.path)).ok_or(ChainBreak::RootUnknown)?;
    root.verify::<P>().map_err(|_| ChainBreak::RootUnknown)?;
    match root.payment::<P>().ok_or(ChainBreak::RootUnproven)? {
        Payment::Work(_) => {}
        Payment::Pinned | Payment::Ledger if standing.paid(root) => {}
        Payment::Pinned | Payment::Ledger => return Err(ChainBreak::RootUnproven),
    }
    let (mut key, mut state) = (root.curation_key, root.state::<P>());
    for (version, expected) in versions.iter().zip(1..) {
        let follows = version.version == expected && version.path == root.path && version.state_before == state;
        if !follows || version.verify::<P>(&key).is_err() {
            return Err(ChainBreak::CurationBroken);
        }
        (key, state) = (version.curation_key, version.state::<P>());
    }
    if standing.revoked(&key) {
        return Err(ChainBreak::RootRevoked);
    }
    follow::<P>(&path, (key, root.path), tokens, now, standing)
}

/// The part of the way below a link whose key is known.
pub(crate) fn follow<'a, P: Provider>(
    path: &Path<'_>,
    (mut key, mut above): (Eid, Path<'a>),
    tokens: &[Delegation<'a>],
    now: UnixTime,
    standing: &impl ChainFacts,
) -> Result<Eid, ChainBreak> {
    if tokens.last().map_or(above, |token| token.child) != *path {
        return Err(ChainBreak::LinkMissing);
    }
    if tokens.len() > MAX_TOKENS {
        return Err(ChainBreak::ChainTooLong);
    }
    for token in tokens {
        if token.parent != above {
            return Err(ChainBreak::ParentMismatch);
        }
        if !token.child.extends(&token.parent) {
            return Err(ChainBreak::NotAnExtension);
        }
        if !token.window_is_valid() {
            return Err(ChainBreak::WindowInvalid);
        }
        if now.0.saturating_add(CLOCKS) < token.not_before {
            return Err(ChainBreak::NotYetValid);
        }
        if now.0 >= token.not_after {
            return Err(ChainBreak::Expired);
        }
        token.verify::<P>(&key).map_err(|_| ChainBreak::BadSignature)?;
        if standing.revoked(&token.child_key) {
            return Err(ChainBreak::KeyRevoked);
        }
        (key, above) = (token.child_key, token.child);
    }
    if standing.refused(&key) {
        return Err(ChainBreak::TerminalRefused);
    }
    Ok(key)
}
