//! What the sensor seals about each batch of readings: a continuity envelope, whose parent is that of the batch before.

use cep_envelope::Surface;
use cep_envelope::digest::{ContentDigest, Digest};
use cep_envelope::manifest::{CausalParent, Manifest, SealedTime};
use iacp_core::crypto::{Provider, Secret32};
use serial::item::{GATEWAY, KEY, SCHEMA, content, name_and_time};

use crate::memory::Crypto;
use crate::retained::Retained;

type Key = <Crypto as Provider>::SigningKey;

/// Room for a name with its length, and an outer object as this sensor makes them.
pub const ENVELOPE: usize = 800;

pub struct Sealer(Key);

impl Sealer {
    pub fn new(seed: &Secret32) -> Self {
        Self(Crypto::signing_key(seed))
    }

    /// The envelope of a batch. The batch before was sealed by this node, now or before its last reset.
    #[inline(never)]
    pub fn envelope<'o>(&self, batch: u64, retained: &mut Retained, out: &'o mut [u8; ENVELOPE]) -> Option<&'o [u8]> {
        let mut hash = ContentDigest::new();
        content(batch).for_each(|reading| hash.update(&reading));
        let (name, time) = name_and_time(batch);
        let (name, time) = (str::from_utf8(&name).ok()?, str::from_utf8(&time).ok()?);
        let (last, [newest, before]) = retained.sealed;
        // A batch is sealed again where the reset came before the gateway had it.
        let parent = if batch == last { before } else { newest };
        let manifest = Manifest {
            schema: SCHEMA,
            surface: Surface::parse(name).ok()?.into(),
            sealed_created_at: SealedTime::parse(time).ok()?,
            content_digest: hash.finish(),
            causal_parent: if batch == 0 { CausalParent::Root } else { CausalParent::Of(Digest::new(parent)) },
            signer: Some(KEY),
            recipient: Some(GATEWAY),
        };
        let (length, rest) = out.split_first_mut()?;
        *length = u8::try_from(name.len()).ok()?;
        let (place, outer) = rest.split_at_mut_checked(name.len())?;
        place.copy_from_slice(name.as_bytes());
        let (sealed, digest) = manifest.seal(KEY, GATEWAY, |hash| Crypto::sign(&self.0, hash), outer).ok()?;
        let length = 1 + name.len() + sealed.len();
        retained.sealed = (batch, [*digest.as_bytes(), parent]);
        out.get(..length)
    }
}
