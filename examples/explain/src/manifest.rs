//! What a sealed manifest claims, bare or in its signed outer object (`CEP §6`). Nothing of it is proven by being read.

use std::fmt;

use cep_envelope::digest::Digest;
use cep_envelope::manifest::{CausalParent, Manifest, SealedManifest};
use serde_json::{Value, json};

/// A manifest as it was read.
#[derive(Clone, Copy)]
pub struct Read<'a> {
    /// The signed object that contains it, if there is one.
    pub outer: Option<SealedManifest<'a>>,
    /// What it claims.
    pub manifest: Manifest<'a>,
    own: &'a [u8],
}

/// Reads a manifest.
///
/// # Errors
///
/// The bytes are neither a signed object nor a manifest; the text gives the reason.
pub fn read(bytes: &[u8]) -> Result<Read<'_>, String> {
    match SealedManifest::parse(bytes) {
        Ok(outer) => Ok(Read { outer: Some(outer), manifest: *outer.unverified(), own: outer.signed_bytes() }),
        Err(_) if SealedManifest::parse(bytes.trim_ascii()).is_ok() => {
            Err("white space before or behind the signed object, which has one spelling: remove it".into())
        }
        Err(error) if bytes.trim_ascii_start().starts_with(b"{\"manifest\":") => {
            Err(format!("not a signed object: {error}"))
        }
        Err(no_outer) => match Manifest::read(bytes) {
            Ok(manifest) => Ok(Read { outer: None, manifest, own: bytes.trim_ascii() }),
            Err(error) => Err(format!("neither a signed object ({no_outer}) nor a manifest ({error})")),
        },
    }
}

impl Read<'_> {
    /// The fields of the manifest, in the draft's order.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        let Self { outer, manifest, own } = self;
        let (own, outer) = (Digest::of(own), outer.as_ref());
        let parent = match manifest.causal_parent {
            CausalParent::Missing => json!("missing"),
            CausalParent::Root => Value::Null,
            CausalParent::Of(digest) => json!(digest.to_string()),
        };
        vec![
            ("schema", json!(manifest.schema)),
            ("surface_time_fragment", json!(manifest.surface.time)),
            ("surface_context", json!(manifest.surface.context)),
            ("surface_profile", json!(manifest.surface.profile)),
            ("surface_priority", json!(manifest.surface.priority)),
            ("sealed_created_at", json!(manifest.sealed_created_at.as_str())),
            ("content_digest", json!(manifest.content_digest.to_string())),
            ("causal_parent", parent),
            ("manifest_digest", json!(own.to_string())),
            ("claimed_signer", json!(outer.map(SealedManifest::claimed_signer))),
            ("claimed_recipient", json!(outer.map(SealedManifest::claimed_recipient))),
        ]
    }
}

/// A line for each field, with control characters escaped.
impl fmt::Display for Read<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().iter().try_for_each(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            writeln!(f, "  {name:<22} {}", text.escape_debug())
        })
    }
}
