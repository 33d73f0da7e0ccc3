//! `inspect manifest`: what a sealed manifest claims, and, given the key, which of the claims are proven.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use cep_envelope::Surface;
use cep_envelope::digest::{ContentDigest, Digest};
use cep_envelope::manifest::{BoundKey, Expected, SealedManifest, Strict, VerifyError};
use clap::Args;
use explain::manifest;
use serde_json::{Value, json};

/// Reads a manifest, bare or in its signed outer object, and compares it with a name, a content and a key.
///
/// The exit code is 1 if anything differs: the name, the content, the key, or whom the key belongs to.
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
    /// The sender's Ed25519 public key, 64 hexadecimal digits: it is taken as bound to --sender under the id --signer
    #[arg(long, value_name = "HEX", requires_all = ["sender", "recipient"])]
    key: Option<String>,
    /// Whom the envelope names as the sender
    #[arg(long)]
    sender: Option<String>,
    /// The id of the sender's key; without it, the sender's name
    #[arg(long, value_name = "ID", requires = "key")]
    signer: Option<String>,
    /// Who receives it
    #[arg(long)]
    recipient: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// More bytes than any outer object has, white space included.
const LONGEST: u64 = 64 << 10;

/// Runs the subcommand.
///
/// # Errors
///
/// A file that cannot be read, is not a manifest, or does not match what was given.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (bytes, more) = read_start(&arguments.file, LONGEST)?;
    if more {
        bail!("{}: longer than {LONGEST} bytes, which no manifest is", arguments.file.display());
    }
    let read = manifest::read(&bytes).map_err(|error| anyhow!("{}: {error}", arguments.file.display()))?;
    let (outer, manifest) = (read.outer, read.manifest);

    let disagreements = match &arguments.name {
        Some(name) => {
            let surface = Surface::parse(name).map_err(|error| anyhow!("--name: {error}"))?;
            let found = manifest.compare_surface(&surface.into());
            Some(found.iter().map(|disagreement| disagreement.name()).collect::<Vec<_>>())
        }
        None => None,
    };
    let content_matches = match &arguments.content {
        Some(path) => Some(digest_of(path)? == manifest.content_digest),
        None => None,
    };
    let verdict = match &arguments.key {
        Some(key) => Some(verify(arguments, key, outer.as_ref())?),
        None => None,
    };

    let out = &mut io::stdout().lock();
    let names_differ = disagreements.as_ref().is_some_and(|names| !names.is_empty());
    let failed = names_differ || content_matches == Some(false) || verdict.as_ref().is_some_and(Result::is_err);
    if arguments.json {
        let mut object = serde_json::Map::new();
        object.insert("ok".into(), (!failed).into());
        object.extend(read.fields().into_iter().map(|(name, value)| (name.to_owned(), value)));
        object.insert("disagreements".into(), json!(disagreements));
        object.insert("content_matches".into(), json!(content_matches));
        object.insert("verified".into(), json!(verdict.map(|verdict| verdict.is_ok())));
        writeln!(out, "{}", Value::Object(object))?;
    } else {
        write!(out, "{read}")?;
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
    let bound = arguments.signer.as_ref().unwrap_or(sender);
    let keys = |signer: &str, claimed: &str| (signer == bound && claimed == sender).then_some(key);
    let verified = outer.verify(Expected { sender, recipient }, &keys, &Strict);
    Ok(verified.map(|_| ()).map_err(|error| match error {
        VerifyError::KeyNotBound => {
            format!("{error}: the object names key '{}', and '{bound}' is {sender}'s", outer.claimed_signer())
        }
        other => other.to_string(),
    }))
}

/// Opens a regular file: nothing that could block, or has no end.
fn open(path: &Path) -> Result<File> {
    let shown = || path.display().to_string();
    let metadata = fs::metadata(path).with_context(shown)?;
    anyhow::ensure!(metadata.is_file(), "{}: no regular file", path.display());
    File::open(path).with_context(shown)
}

/// The first bytes of a file, and whether there are more.
fn read_start(path: &Path, limit: u64) -> Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    open(path)?.take(limit + 1).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    let more = bytes.len() as u64 > limit;
    Ok((bytes, more))
}

fn digest_of(path: &Path) -> Result<Digest> {
    let (mut file, mut digest, mut buffer) = (open(path)?, ContentDigest::new(), vec![0; 64 << 10]);
    loop {
        let count = file.read(&mut buffer).with_context(|| path.display().to_string())?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return Ok(digest.finish()) };
        digest.update(piece);
    }
}
