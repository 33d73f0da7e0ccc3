//! The store of the DHT: a view of the node's own records. What the node does not let stand is not in the DHT, and the node that
//! sent it is not told that it is.

use std::borrow::Cow;
use std::iter::Empty;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libp2p::PeerId;
use libp2p::kad::store::{Error, RecordStore, Result};
use libp2p::kad::{ProviderRecord, Record, RecordKey};

use super::keeper::Keeper;
use super::overlay::{coordinate, eid_of};

/// The keeper, shared by the DHT and the frames.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Keeper>>);

impl Shared {
    /// Shares a keeper.
    #[must_use]
    pub fn new(keeper: Keeper) -> Self {
        Self(Arc::new(Mutex::new(keeper)))
    }

    /// The keeper, for a moment. No step of it is left half done by a panic: a failed step changes nothing.
    pub fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordStore for Shared {
    // The library's replication trusts that every sender of a key has replicated it: a liar could stop it. Ours is in `mod.rs`.
    type RecordsIter<'a> = Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        let (class, storage) = coordinate(key)?;
        let value = self.keeper().bundle(class, &storage);
        let record = Record { key: key.clone(), value, publisher: None, expires: None };
        (!record.value.is_empty()).then_some(Cow::Owned(record))
    }

    fn put(&mut self, record: Record) -> Result<()> {
        let mut keeper = self.keeper();
        // The library puts what this node hands on into its own store first. It came from there: what stands beside the verdict
        // about a key is not judged again. What others claim to be of this node does not come here.
        let publisher = record.publisher.as_ref().and_then(eid_of);
        if publisher == Some(keeper.eid()) {
            return Ok(());
        }
        // A record that no known node sent counts for no network, so it is not taken.
        let sender = publisher.and_then(|eid| keeper.overlay.at(&eid));
        let (Some((class, key)), Some(sender)) = (coordinate(&record.key), sender) else {
            return Err(Error::MaxRecords);
        };
        if keeper.take(sender.ip(), class, &key, &record.value) { Ok(()) } else { Err(Error::MaxRecords) }
    }

    // The node frees what ran out.
    fn remove(&mut self, _: &RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        std::iter::empty()
    }

    fn add_provider(&mut self, _: ProviderRecord) -> Result<()> {
        Err(Error::MaxProvidedKeys)
    }

    fn providers(&self, _: &RecordKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        std::iter::empty()
    }

    fn remove_provider(&mut self, _: &RecordKey, _: &PeerId) {}
}
