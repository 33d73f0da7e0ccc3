//! `agent fetch`: asks the agent that an `iacp:` reference names for an object, over a session with it (`CEP §10`).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::SealedManifest;
use cep_envelope::notification::MAX_REF;
use iacp_wire::Eid;

use crate::carrier::link::Transport;
use crate::clock::Clock;
use crate::content::parts::{self, Parts};
use crate::handoff::carry::{LONGEST, carry};
use crate::handoff::shelf::{MANIFEST, NOTICE, place};
use crate::keys::{self, Target};
use crate::output::print_line;
use crate::send::Expected;
use crate::telling::timeline::{Style, Timeline};

/// What a session's beginning and end may take besides, in milliseconds.
const MARGIN: u64 = 5_000;

/// Asks an agent for an object by its reference, and puts it into a folder, to be judged like every other
///
/// The reference is iacp:EID/NAME, as notifications of 'agent handoff' have it: the agent is the one with this EID, and no other can
/// answer for it. It gives out what is sealed for this agent's EID ('agent listen --serve'). Nothing is written unless manifest and
/// object are whole and belong together; whether the object goes on is its judge's decision ('dropbox run').
#[derive(clap::Args)]
pub struct Arguments {
    /// What to ask for: iacp:EID/NAME
    reference: String,
    /// Where the agent listens: IP:PORT
    #[arg(long, value_name = "ADDR")]
    at: String,
    /// The folder, such as the inbox of a file drop; made if it is not there
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// The identity's seed, 64 hexadecimal digits; a new identity without it
    #[arg(long, value_name = "HEX", conflicts_with = "seed_file")]
    seed: Option<String>,
    /// A file with the seed in it
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
    /// What carries the frames: what the listener was started with
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// The longest object that is taken, in bytes
    #[arg(long, value_name = "N", default_value_t = LONGEST)]
    max_bytes: u64,
    /// For how long all of it may take, in seconds
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// The agent and the object that a reference names.
fn parse(reference: &str) -> Result<(Eid, String)> {
    let shown = || format!("'{}'", reference.escape_debug());
    ensure!(reference.len() <= MAX_REF, "the reference is longer than {MAX_REF} bytes");
    let (scheme, rest) = reference.split_once(':').with_context(|| format!("{}: no iacp: reference", shown()))?;
    ensure!(
        scheme.eq_ignore_ascii_case("iacp"),
        "{}: no iacp: reference (https: is fetched by 'dropbox fetch')",
        shown()
    );
    let (eid, name) =
        rest.split_once('/').with_context(|| format!("{}: it names no object: iacp:EID/NAME", shown()))?;
    let surface = Surface::parse(name).map_err(|error| anyhow!("{}: its name is no surface: {error}", shown()))?;
    Ok((keys::eid_of("the reference", eid)?, surface.as_str().to_owned()))
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let (eid, name) = parse(&arguments.reference)?;
    let seed = arguments.seed_file.as_deref().map(keys::seed_in_file).transpose()?.or(arguments.seed);
    let identity = keys::identity(seed.as_deref())?;
    ensure!(identity.eid() != eid, "the reference's EID is our own: an agent has no session with itself");
    let target = Target { eid, at: keys::address("--at", &arguments.at).await?, proof: None };
    let request = parts::write_request(&name).context("the name is too long")?;
    let within = arguments.timeout.saturating_mul(1_000);
    let reply = Some(Expected::new(arguments.max_bytes, within));
    let asked = carry("fetch", &timeline, clock, &identity, target, arguments.transport, "the request", request, reply);
    let limit = Duration::from_millis(within.saturating_add(MARGIN));
    let sent = tokio::time::timeout(limit, asked).await;
    let sent = sent.map_err(|_| anyhow!("it takes longer than {} s (--timeout)", arguments.timeout))??;
    let parts = match sent.reply {
        Some(Ok(parts)) => parts,
        Some(Err(why)) => bail!("{}: what came is refused: {why}", arguments.reference.escape_debug()),
        None => bail!(
            "{}: {} gives out no such object to {}, or takes longer than {} s (--timeout)",
            arguments.reference.escape_debug(),
            keys::short(&eid),
            keys::short(&identity.eid()),
            arguments.timeout
        ),
    };
    let (digest, manifest) = check(&parts)?;
    std::fs::create_dir_all(&arguments.into)
        .with_context(|| format!("--into: cannot make {}", arguments.into.display()))?;
    // The manifest last: then it is whole.
    for (behind, bytes) in [("", &parts.content), (NOTICE, &parts.notice), (MANIFEST, &parts.outer)] {
        let file = format!("{name}{behind}");
        if behind != NOTICE || !bytes.is_empty() {
            place(&arguments.into, &file, bytes)
                .with_context(|| format!("--into: cannot write {}", arguments.into.join(&file).display()))?;
        }
    }
    if arguments.json {
        let (bytes, digest, manifest) = (parts.content.len(), digest.to_string(), manifest.to_string());
        let said = serde_json::json!({ "name": name, "bytes": bytes, "digest": digest, "manifest_digest": manifest });
        print_line(&said.to_string())?;
    } else {
        print_line(&name)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether object and manifest belong together: the digests of both.
fn check(parts: &Parts) -> Result<(Digest, Digest)> {
    let sealed = SealedManifest::parse(&parts.outer);
    let sealed = sealed.map_err(|error| anyhow!("its manifest: what came is no outer object: {error}"))?;
    let (digest, claimed) = (Digest::of(&parts.content), sealed.unverified().content_digest);
    ensure!(
        digest == claimed,
        "what came is not what its manifest names: {} bytes with {digest}, not {claimed}",
        parts.content.len()
    );
    Ok((digest, Digest::of(sealed.signed_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_an_agent_and_a_surface_or_is_refused_with_its_reason() {
        let (eid, name) = ("ab".repeat(32), "20260514t064148z.message.jasper.normal.tza");
        let parsed = parse(&format!("iacp:{eid}/{name}")).expect("a reference");
        assert_eq!(parsed, (Eid([0xab; 32]), name.to_owned()));
        assert!(parse(&format!("IACP:{eid}/{name}")).is_ok(), "a scheme's capitals make no difference");
        for (reference, expected) in [
            (String::new(), "no iacp: reference"),
            (format!("{eid}/{name}"), "no iacp: reference"),
            (format!("https://{eid}/{name}"), "dropbox fetch"),
            (format!("iacp:{eid}"), "names no object"),
            (format!("iacp:{eid}/"), "no surface"),
            (format!("iacp:{eid}/../{name}"), "no surface"),
            (format!("iacp:{eid}/{name}/"), "no surface"),
            (format!("iacp:{eid}/{name}?x"), "no surface"),
            (format!("iacp://{eid}/{name}"), "no surface"),
            (format!("iacp:{}/{name}", "ab".repeat(31)), "not an EID"),
            (format!("iacp:x/{name}"), "not an EID"),
            (format!("iacp:{eid}/{}", "x".repeat(1_024)), "longer than 1024 bytes"),
        ] {
            let error = parse(&reference).expect_err(&reference).to_string();
            assert!(error.contains(expected), "{reference}: {error}");
        }
    }
}
