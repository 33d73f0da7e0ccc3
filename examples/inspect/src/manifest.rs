//! `inspect manifest`: what a sealed manifest claims, and, given the key, what of it is proven.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{BoundKey, CausalParent, Expected, Manifest, SealedManifest};
use clap::Args;
use serde_json::{Value, json};

/// Reads a manifest, bare or in its signed outer object, and compares it with a name, a content and a key.
#[derive(Args)]
pub struct Arguments {
    /// The manifest's file
    file: PathBuf,
    /// The name under which the object came
    #[arg(long, value_name = "SURFACE")]
    name: Option<String>,
    /// The content that the manifest is said to be of
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// The sender's Ed25519 public key, 64 hexadecimal digits: it is taken as bound to the sender and to the claimed signer
    #[arg(long, value_name = "HEX", requires_all = ["sender", "recipient"])]
    key: Option<String>,
    /// Whom the envelope names as the sender
    #[arg(long)]
    sender: Option<String>,
    /// Who receives it
    #[arg(long)]
    recipient: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A file that cannot be read, is no manifest, or does not hold what is asked of it.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let read = |path: &PathBuf| fs::read(path).with_context(|| path.display().to_string());
    let bytes = read(&arguments.file)?;
    let (outer, manifest) = match SealedManifest::parse(&bytes) {
        Ok(outer) => (Some(outer), *outer.unverified()),
        Err(no_outer) => {
            let bare = Manifest::read(&bytes).map_err(|error| {
                anyhow!("{}: neither a signed object ({no_outer}) nor a manifest ({error})", arguments.file.display())
            })?;
            (None, bare)
        }
    };
    let own = outer.as_ref().map_or(bytes.trim_ascii(), SealedManifest::signed_bytes);

    let disagreements = match &arguments.name {
        Some(name) => {
            let surface = Surface::parse(name).map_err(|error| anyhow!("--name: {error}"))?;
            let found = manifest.compare_surface(&surface.into());
            Some(found.iter().map(|disagreement| disagreement.name()).collect::<Vec<_>>())
        }
        None => None,
    };
    let content_matches = match &arguments.content {
        Some(path) => Some(Digest::of(&read(path)?) == manifest.content_digest),
        None => None,
    };
    let verdict = match &arguments.key {
        Some(key) => Some(verify(arguments, key, outer.as_ref())?),
        None => None,
    };

    let fields = fields(&manifest, &Digest::of(own), outer.as_ref());
    let out = &mut io::stdout().lock();
    let failed = content_matches == Some(false) || verdict.as_ref().is_some_and(Result::is_err);
    if arguments.json {
        let mut object = serde_json::Map::new();
        object.insert("ok".into(), (!failed).into());
        object.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        object.insert("disagreements".into(), json!(disagreements));
        object.insert("content_matches".into(), json!(content_matches));
        object.insert("verified".into(), json!(verdict.map(|verdict| verdict.is_ok())));
        writeln!(out, "{}", Value::Object(object))?;
    } else {
        for (name, value) in fields {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            writeln!(out, "  {name:<22} {}", text.escape_debug())?;
        }
        if let Some(names) = disagreements {
            let text = if names.is_empty() { "none".into() } else { names.join(", ") + " (what is sealed holds)" };
            writeln!(out, "  {:<22} {text}", "disagreements")?;
        }
        if let Some(matches) = content_matches {
            writeln!(
                out,
                "  {:<22} {}",
                "content",
                if matches { "is what was sealed" } else { "is not what was sealed" }
            )?;
        }
        let text = match &verdict {
            Some(Ok(())) => "verified".to_owned(),
            Some(Err(reason)) => format!("REFUSED: {reason}"),
            None => "not verified: no key was given".to_owned(),
        };
        writeln!(out, "  {:<22} {text}", "signature")?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether the key's owner sealed it; the reason if not.
fn verify(arguments: &Arguments, key: &str, outer: Option<&SealedManifest<'_>>) -> Result<Result<(), String>> {
    let (Some(sender), Some(recipient)) = (&arguments.sender, &arguments.recipient) else {
        bail!("--key goes with --sender and --recipient");
    };
    let key: [u8; 32] =
        hex::decode(key).ok().and_then(|bytes| bytes.try_into().ok()).context("--key: not 64 hexadecimal digits")?;
    let key = BoundKey::new(key).context("--key: no key that all verifiers agree on")?;
    let Some(outer) = outer else { return Ok(Err("a bare manifest is not signed".into())) };
    let keys = |signer: &str, claimed: &str| (signer == outer.claimed_signer() && claimed == sender).then_some(key);
    let verified = outer.verify(Expected { sender, recipient }, &keys);
    Ok(verified.map(|_| ()).map_err(|error| error.to_string()))
}

/// What the manifest says, in the draft's order.
fn fields(manifest: &Manifest<'_>, own: &Digest, outer: Option<&SealedManifest<'_>>) -> Vec<(&'static str, Value)> {
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
