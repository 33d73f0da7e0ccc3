//! Where a path leads, by the records that stand here (`IACP §5.2.2`): ROOT, every CURATION, the DELEGATIONs, and what verdicts,
//! revocations and open escrows say of each key on the way.

use core::fmt;

use iacp_wire::{DhtKey, Eid};

use super::{Node, Trust, View};
use crate::crypto::Provider;
use crate::directory::name::{
    ChainBreak, ChainFacts, Curation, Delegation, MAX_TOKENS, MAX_VERSIONS, Path, Root, follow, resolve,
};
use crate::directory::{Body, Facts, Kind};
use crate::time::UnixTime;

/// How many versions of a root are read: no name has more.
const VERSIONS: usize = 64;

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Named {
    /// The EID.
    pub eid: Eid,
    /// The first end of all records that lead there, Unix time in milliseconds.
    pub until: u64,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unnamed {
    /// There is no such name, or a key on the way is slashed or revoked.
    Broken(ChainBreak),
    /// A key on the way is accused, and there is no verdict yet: nothing is said of the name until then.
    Quarantined(Eid),
}

impl fmt::Display for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Quarantined(_) => f.pad("a key on the way is accused"),
        }
    }
}

impl<P: Provider, T: Trust> View<'_, '_, P, T> {
    fn is_over(&self, key: &Eid) -> bool {
        self.is_slashed(key) || self.first_invalid(key) == Some(0)
    }
}

/// The reader of a chain is the node itself: it has verified what it keeps.
impl<P: Provider, T: Trust> ChainFacts for View<'_, '_, P, T> {
    fn paid(&self, root: &Root<'_>) -> bool {
        Facts::paid(self, root)
    }
    fn revoked(&self, key: &Eid) -> bool {
        self.is_over(key)
    }
    fn refused(&self, eid: &Eid) -> bool {
        self.is_over(eid)
    }
}

/// Records on the way to a name, and the first end among them.
struct Way<'a> {
    tokens: heapless::Vec<Delegation<'a>, MAX_TOKENS>,
    until: u64,
}

impl<P: Provider> Node<'_, P> {
    fn at(path: &Path<'_>) -> DhtKey {
        DhtKey(P::sha256(&[path.as_str().as_bytes()]))
    }

    /// The tokens from `above` down to a path. Each names its parent, so they are read from the path upward.
    fn way<'a>(&'a self, now: UnixTime, above: &Path<'_>, path: &Path<'_>) -> Result<Way<'a>, ChainBreak> {
        let mut way = Way { tokens: heapless::Vec::new(), until: u64::MAX };
        let mut token = self.token(now, path, &mut way.until).ok_or(ChainBreak::LinkMissing)?;
        loop {
            way.tokens.push(token).map_err(|_| ChainBreak::ChainTooLong)?;
            if token.parent == *above || token.parent.is_root() {
                break;
            }
            token = self.token(now, &token.parent, &mut way.until).ok_or(ChainBreak::LinkMissing)?;
        }
        way.tokens.reverse();
        Ok(way)
    }

    fn token(&self, now: UnixTime, child: &Path<'_>, until: &mut u64) -> Option<Delegation<'_>> {
        let (record, _) = self.store.one(now, Kind::Delegation, Self::at(child))?;
        *until = (*until).min(record.expiry);
        Delegation::parse(record.body).ok()
    }

    /// The EID of a path (`IACP §5.2.2`), as far as the records of its links stand here: a node that is not responsible for all of
    /// them says that the name is broken.
    ///
    /// A CUSTODY stands in place of everything above its child, once that is slashed, revoked or accused.
    ///
    /// # Errors
    /// The first failure, from the root down.
    // keeps: IACP-114 (§5.2.2), IACP-164 (B.6)
    pub fn name<T: Trust>(&self, now: UnixTime, path: &str, trust: &T) -> Result<Named, Unnamed> {
        let broken = Unnamed::Broken;
        let path = Path::new(path).ok_or(broken(ChainBreak::PathMalformed))?;
        match self.by_root(now, &path, trust) {
            Err(
                why @ (Unnamed::Quarantined(_) | Unnamed::Broken(ChainBreak::RootRevoked | ChainBreak::KeyRevoked)),
            ) => self.by_custody(now, &path, trust).unwrap_or(Err(why)),
            named => named,
        }
    }

    fn by_root<T: Trust>(&self, now: UnixTime, path: &Path<'_>, trust: &T) -> Result<Named, Unnamed> {
        let broken = Unnamed::Broken;
        let first = path.as_str().split('.').next().and_then(Path::new).ok_or(broken(ChainBreak::PathMalformed))?;
        let key = Self::at(&first);
        let (record, _) = self.store.one(now, Kind::Root, key).ok_or(broken(ChainBreak::RootUnknown))?;
        let Ok(Body::Root(root)) = Body::parse(Kind::Root, record.body) else {
            return Err(broken(ChainBreak::RootUnknown));
        };
        let (mut until, mut state) = (record.expiry, root.state::<P>());
        let mut versions: heapless::Vec<Curation<'_>, VERSIONS> = heapless::Vec::new();
        let view = self.view(now, trust);
        // Changes of a root that gave way may stand here for 400 days more.
        for version in 1..=MAX_VERSIONS {
            let Some((update, end)) = view.change(key, version, &state) else { break };
            (until, state) = (until.min(end), update.state::<P>());
            versions.push(update).map_err(|_| broken(ChainBreak::CurationBroken))?;
        }
        let mut tokens = heapless::Vec::new();
        if *path != first {
            let way = self.way(now, &first, path).map_err(broken)?;
            (tokens, until) = (way.tokens, until.min(way.until));
        }
        let eid = resolve::<P>(path.as_str(), Some(&root), &versions, &tokens, now, &view).map_err(broken)?;
        let curator = versions.last().map_or(root.curation_key, |version| version.curation_key);
        self.unaccused(&curator, &tokens)?;
        let end = tokens.iter().map(|token| token.not_after).min().unwrap_or(u64::MAX);
        Ok(Named { eid, until: until.min(end) })
    }

    fn unaccused(&self, first: &Eid, tokens: &[Delegation<'_>]) -> Result<(), Unnamed> {
        let mut keys = core::iter::once(*first).chain(tokens.iter().map(|token| token.child_key));
        keys.find(|key| self.cases.is_open(key)).map_or(Ok(()), |key| Err(Unnamed::Quarantined(key)))
    }

    /// The way from the nearest link above that the nodes keep alive; `None` without such a link.
    fn by_custody<T: Trust>(&self, now: UnixTime, path: &Path<'_>, trust: &T) -> Option<Result<Named, Unnamed>> {
        let ends = core::iter::once(path.as_str().len()).chain(path.as_str().rmatch_indices('.').map(|(at, _)| at));
        for child in ends.filter_map(|end| Path::new(path.as_str().get(..end)?)).filter(|child| !child.is_root()) {
            let Some((record, _)) = self.store.one(now, Kind::Custody, Self::at(&child)) else { continue };
            let Ok(Body::Custody(custody)) = Body::parse(Kind::Custody, record.body) else { continue };
            let terms = custody.custody.terms;
            let (mut until, mut tokens) = (record.expiry.min(terms.not_after.get()), heapless::Vec::new());
            // Another token that stands is its curator's word, given in good standing: the custody of an earlier key is over.
            let token = self.store.one(now, Kind::Delegation, Self::at(&child));
            let token = token.and_then(|(record, _)| Delegation::parse(record.body).ok());
            let is_renewed = |token: Delegation<'_>| token.not_before <= now.0 && token.child_key != terms.child_key;
            if until <= now.0 || token.is_some_and(is_renewed) {
                continue;
            }
            if *path != child {
                match self.way(now, &child, path) {
                    Ok(way) => (tokens, until) = (way.tokens, until.min(way.until)),
                    Err(why) => return Some(Err(Unnamed::Broken(why))),
                }
            }
            let view = self.view(now, trust);
            if view.is_over(&terms.child_key) {
                let why = if tokens.is_empty() { ChainBreak::TerminalRefused } else { ChainBreak::KeyRevoked };
                return Some(Err(Unnamed::Broken(why)));
            }
            let found = follow::<P>(path, (terms.child_key, child), &tokens, now, &view).map_err(Unnamed::Broken);
            let end = tokens.iter().map(|token| token.not_after).min().unwrap_or(u64::MAX);
            let unaccused = self.unaccused(&terms.child_key, &tokens);
            return Some(found.and_then(|eid| unaccused.map(|()| Named { eid, until: until.min(end) })));
        }
        None
    }
}
