//! What a node knows besides the record that it judges: all of it read from its own store.

use iacp_wire::layout::Record;
use iacp_wire::{DhtKey, Digest, Eid};

use super::cases::Cases;
use super::curators::Curators;
use super::neighbours::Neighbours;
use super::settings::{Settings, Trust};
use super::store::Store;
use super::witness::statement;
use crate::crypto::Provider;
use crate::directory::name::{Curation, MAX_VERSIONS, Path, Root};
use crate::directory::quorum::faulty;
use crate::directory::{Body, Class, Facts, Kind, Slot, Voters, class_of};
use crate::governance::window::Outcome;
use crate::time::UnixTime;

/// The store, as the judge asks for it.
pub(super) struct View<'a, 'm, P, T> {
    pub store: &'a Store<'m>,
    pub cases: &'a Cases<'m>,
    pub curators: &'a Curators,
    pub neighbours: &'a Neighbours<'m>,
    pub settings: &'a Settings,
    pub trust: &'a T,
    pub now: UnixTime,
    pub provider: core::marker::PhantomData<P>,
}

impl<'a, P: Provider, T: Trust> View<'a, '_, P, T> {
    fn at_eid(eid: &Eid) -> DhtKey {
        DhtKey(P::sha256(&[&eid.0]))
    }

    fn at_path(path: &Path<'_>) -> DhtKey {
        DhtKey(P::sha256(&[path.as_str().as_bytes()]))
    }

    fn bodies(&self, kind: Kind, key: DhtKey) -> impl Iterator<Item = Body<'_>> {
        self.store.list(self.now, kind, key).filter_map(move |(record, _)| Body::parse(kind, record.body).ok())
    }

    /// The change of a root that follows `state`, and its end. Changes of a root that gave way to another one follow nothing.
    pub(super) fn change(&self, key: DhtKey, version: u64, state: &Digest) -> Option<(Curation<'a>, u64)> {
        let mut which = [0; 32];
        which.iter_mut().zip(version.to_be_bytes()).for_each(|(to, from)| *to = from);
        let record = self.store.held(&Slot { kind: Kind::Curation, key, which })?;
        match Body::parse(Kind::Curation, record.body) {
            Ok(Body::Curation(update)) if record.expiry > self.now.0 && update.state_before == *state => {
                Some((update, record.expiry))
            }
            _ => None,
        }
    }

    /// Key and state of a root after its changes up to `last`, and how many there were. Each follows the one before it.
    fn root(&self, path: &Path<'_>, last: u64) -> Option<(Eid, Digest, u64)> {
        let key = Self::at_path(path);
        let (mut owner, mut state) = self.bodies(Kind::Root, key).find_map(|body| match body {
            Body::Root(root) => Some((root.curation_key, root.state::<P>())),
            _ => None,
        })?;
        let mut versions = 0;
        while versions < last.min(MAX_VERSIONS) {
            let Some((update, _)) = self.change(key, versions + 1, &state) else { break };
            (owner, state) = (update.curation_key, update.state::<P>());
            versions += 1;
        }
        Some((owner, state, versions))
    }
}

impl<P: Provider, T: Trust> Facts for View<'_, '_, P, T> {
    fn airk(&self, eid: &Eid) -> Option<Eid> {
        self.bodies(Kind::AirkBinding, Self::at_eid(eid)).find_map(|body| match body {
            Body::AirkBinding(deposit) => Some(deposit.airk),
            _ => None,
        })
    }

    fn first_invalid(&self, eid: &Eid) -> Option<u64> {
        self.bodies(Kind::Revocation, Self::at_eid(eid)).find_map(|body| match body {
            Body::Revocation(revocation) => Some(revocation.first_invalid_generation.get()),
            _ => None,
        })
    }

    fn is_slashed(&self, eid: &Eid) -> bool {
        self.bodies(Kind::Verdict, Self::at_eid(eid)).any(|body| match body {
            Body::Verdict(verdict) => {
                verdict.head.offender_eid == *eid && verdict.head.outcome == Outcome::Guilty as u8
            }
            _ => false,
        })
    }

    fn is_challenged(&self, eid: &Eid) -> bool {
        self.cases.is_open(eid) || self.curators.is_suspect(eid)
    }

    fn path_key(&self, path: &Path<'_>) -> Option<Eid> {
        if path.is_root() {
            return self.root(path, MAX_VERSIONS).map(|(key, ..)| key);
        }
        let key = Self::at_path(path);
        let found = |body| match body {
            Body::Delegation(token) => (token.not_before <= self.now.0).then_some(token.child_key),
            Body::Custody(custody) => Some(custody.custody.terms.child_key),
            _ => None,
        };
        self.bodies(Kind::Delegation, key).find_map(found).or_else(|| self.bodies(Kind::Custody, key).find_map(found))
    }

    fn root_before(&self, path: &Path<'_>, version: u64) -> Option<(Eid, Digest)> {
        let before = version.checked_sub(1)?;
        // No gap: the version before must stand here.
        self.root(path, before).filter(|(_, _, versions)| *versions == before).map(|(key, state, _)| (key, state))
    }

    fn paid(&self, root: &Root<'_>) -> bool {
        self.trust.paid(root)
    }

    fn voters(&self, class: Class, key: &DhtKey) -> Voters {
        let own = || self.neighbours.voters(class, key, self.settings.diversity);
        self.trust.responsible(class, key).unwrap_or_else(own)
    }

    fn court(&self, accusation: &Digest) -> Option<(Class, DhtKey)> {
        self.cases.court(accusation)
    }

    fn ballot(&self, accusation: &Digest) -> Voters {
        self.cases.voters(accusation).iter().copied().collect()
    }

    fn is_witnessed(&self, record: &Record<'_>) -> bool {
        self.trust.is_witnessed(record) || {
            let (Some(statement), Ok(class)) = (statement::<P>(record), class_of::<P>(record)) else { return false };
            let voters = self.voters(class, &record.storage_key);
            self.neighbours.witnesses(&statement, &voters) > faulty(voters.len())
        }
    }

    fn place_bits(&self) -> u32 {
        self.settings.place_bits
    }
}
