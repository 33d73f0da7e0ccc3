//! `inspect policy compile`: policies as bytes that firmware links.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use interaction_gov::policy::{CompiledError, Policy};
use serde_json::json;

use super::{Index, read_policies, refuse, texts_of, with_vocabulary};
use crate::texts::{self, shown};

/// Compiles policies into bytes that firmware links: a device then reads no text, and has no work when it starts
///
/// The bytes are read in a constant, which lies in flash as it is:
///
///   static VERSION: Version<3> = match Version::compiled(1, include_bytes!("policy.bin")) {
///       Ok(version) => version,
///       Err(_) => panic!("no compiled policy"),
///   };
///
/// The digest that is printed is that of the version: it says which texts, in which order, the bytes were made of.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The policies, in the order in which they are composed
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The names in which the policies are written
    #[arg(long, value_name = "FILE")]
    vocabulary: PathBuf,
    /// Where the bytes go
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints a JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A file that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { files, vocabulary, out, json } = arguments;
    with_vocabulary(vocabulary, *json, |vocabulary| {
        let texts = texts_of(files);
        let policies = match read_policies(&texts, vocabulary) {
            Ok(policies) => policies,
            Err(complaints) => return refuse(&complaints, *json),
        };
        let bytes = compiled(&policies.together);
        texts::replace(out, &bytes)?;
        let authorities: Vec<_> = policies.authorities().map(|(part, version, ..)| (part.name, version)).collect();
        let (words, digest) = (words(&bytes), hex::encode(policies.together.digest()));
        let mut told = io::stdout().lock();
        if *json {
            let authorities: Vec<_> =
                authorities.iter().map(|(name, version)| json!({ "authority": name, "version": version })).collect();
            let object = json!({
                "ok": true, "file": shown(out), "bytes": bytes.len(), "words": words, "digest": digest,
                "authorities": authorities,
            });
            writeln!(told, "{object}")?;
        } else {
            let names: Vec<_> = authorities.iter().map(|(name, version)| format!("{name} {version}")).collect();
            writeln!(told, "{}: {} bytes, for a Version<{words}>", shown(out), bytes.len())?;
            writeln!(told, "authorities {}\ndigest {digest}", names.join(", "))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The bytes of a policy.
fn compiled(policy: &Index) -> Vec<u8> {
    let mut bytes = vec![0; policy.compile(&mut []).unwrap_or_else(|needed| needed)];
    let used = policy.compile(&mut bytes).unwrap_or_else(|needed| needed);
    bytes.truncate(used);
    bytes
}

/// How many words of 64 rules a policy of these bytes needs room for.
fn words(bytes: &[u8]) -> u16 {
    match Policy::<0>::compiled(bytes) {
        Err(CompiledError::Full(words)) => words,
        _ => 0,
    }
}
