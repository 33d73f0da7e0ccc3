//! Who we are and whom we mean: seeds, EIDs and addresses, as a user writes them.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use getrandom::SysRng;
use iacp_core::crypto::{AwsLc, Provider, Secret32};
use iacp_wire::Eid;
use rand_core::UnwrapErr;

use crate::output::print_line;

/// The cryptography of hosts. The portable one gives the same bytes.
pub type Crypto = AwsLc;
/// An agent's key pair.
pub type Identity = iacp_core::identity::Identity<Crypto>;

/// The operating system's randomness. It fails on no system that has started; if it did, the process would end.
pub const fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Prints the EID of a seed: give it to others so that they can trust this agent
#[derive(clap::Args)]
pub struct Arguments {
    /// The identity's seed, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    seed: String,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    print_line(&hex::encode(identity(Some(&arguments.seed))?.eid().0))?;
    Ok(ExitCode::SUCCESS)
}

/// The longest file with a seed in it, in bytes.
const LONGEST_SEED: u64 = 256;

/// The seed in a file. A seed on a command line is for all accounts of the host to see.
pub fn seed_in_file(path: &Path) -> Result<String> {
    let unfit = || format!("--seed-file {}", path.display());
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(LONGEST_SEED).read_to_string(&mut text)).with_context(unfit)?;
    Ok(text.trim().to_owned())
}

/// The identity of a seed in hexadecimal, or a new one.
pub fn identity(seed: Option<&str>) -> Result<Identity> {
    Ok(Identity::from_seed(&secret(seed)?))
}

/// The same agent twice: one half answers; the other begins sessions, and seals.
pub fn twins(seed: Option<&str>) -> Result<(Identity, (Identity, Sealer))> {
    let seed = secret(seed)?;
    Ok((Identity::from_seed(&seed), sealing(&seed)))
}

/// What an agent seals manifests with: the key of its EID. An [`Identity`] signs frames and nothing else, so this is made
/// from the same seed beside it. The two cannot be taken for each other: each signs a hash that begins with its own label.
pub struct Sealer {
    key: <Crypto as Provider>::SigningKey,
    /// What the agent is called in envelopes, and the id of its key: its EID, in small hexadecimal digits.
    pub name: String,
}

impl Sealer {
    /// Signs the hash that a manifest's signature covers.
    pub fn sign(&self, hash: &[u8; 32]) -> [u8; 64] {
        Crypto::sign(&self.key, hash)
    }
}

/// An agent that also seals, of a seed or new.
pub fn sealer(seed: Option<&str>) -> Result<(Identity, Sealer)> {
    Ok(sealing(&secret(seed)?))
}

fn sealing(seed: &Secret32) -> (Identity, Sealer) {
    let identity = Identity::from_seed(seed);
    let name = hex::encode(identity.eid().0);
    (identity, Sealer { key: Crypto::signing_key(seed), name })
}

fn secret(seed: Option<&str>) -> Result<Secret32> {
    let Some(seed) = seed else { return Ok(Secret32::random(&mut rng())) };
    // The message does not repeat what was given: it is a secret, or nearly one.
    let mut decoded = Ok(());
    let secret = Secret32::fill(|bytes| decoded = hex::decode_to_slice(seed, bytes));
    decoded.ok().context("--seed: not 64 hexadecimal digits (32 bytes)")?;
    Ok(secret)
}

fn bytes_32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

/// A peer: its EID, and where it listens.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub eid: Eid,
    pub at: SocketAddr,
    /// What a search has made for it, and the session shows.
    pub proof: Option<[u8; 16]>,
}

impl Target {
    /// Reads `EID@HOST:PORT`.
    pub async fn read(option: &str, text: &str) -> Result<Self> {
        let Some((eid, at)) = text.split_once('@') else {
            bail!("{option}: expected EID@IP:PORT, the EID being 64 hexadecimal digits");
        };
        Ok(Self { eid: eid_of(option, eid)?, at: peers_address(option, at).await?, proof: None })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", hex::encode(self.eid.0), self.at)
    }
}

/// Reads an EID.
pub fn eid_of(option: &str, text: &str) -> Result<Eid> {
    let eid = bytes_32(text);
    eid.map(Eid).with_context(|| format!("{option}: '{}' is not an EID (64 hexadecimal digits)", text.escape_debug()))
}

/// Reads an address; a name is looked up.
pub async fn address(option: &str, text: &str) -> Result<SocketAddr> {
    let unclear = || format!("{option}: '{text}' is no address (IP:PORT)");
    tokio::net::lookup_host(text).await.with_context(unclear)?.next().with_context(unclear)
}

/// The same of a peer, which listens at a port.
pub async fn peers_address(option: &str, text: &str) -> Result<SocketAddr> {
    let at = address(option, text).await?;
    if at.port() == 0 {
        bail!("{option}: '{text}' has no port: 0 is none");
    }
    Ok(at)
}

/// The first digits of an EID, for people.
pub fn short(eid: &Eid) -> String {
    let mut text = hex::encode(eid.0.first_chunk::<4>().unwrap_or(&[0; 4]));
    text.push('…');
    text
}
