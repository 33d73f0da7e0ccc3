//! What bounds a fetch, on a command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use super::{Bounds, BySession, Scope, authorities};

/// Which hosts may be asked and for how much; and which agent, for references of a session.
#[derive(Args)]
pub struct Limits {
    /// A host that may be asked, redirects included; may be repeated. Without it, every host in --scope may
    #[arg(long, value_name = "HOST")]
    from: Vec<String>,
    /// The narrowest addresses that may be asked: a reference comes from a peer, so by default it cannot reach private addresses
    #[arg(long, value_enum, default_value_t = Scope::Public)]
    scope: Scope,
    /// Certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The longest object that is fetched, in bytes
    #[arg(long, value_name = "N", default_value_t = 64 << 20)]
    max_bytes: u64,
    /// iacp: only: where the agent of the reference listens, IP:PORT
    #[arg(long, value_name = "ADDR")]
    at: Option<String>,
    /// iacp: only: the agent program, if it is not beside this one
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,
    /// iacp: only: a file with the seed of our own identity, for which the object was sealed
    #[arg(long, value_name = "FILE")]
    seed_file: Option<PathBuf>,
}

impl Limits {
    /// The bounds of a fetch that may take so long.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub fn bounds(&self, time: Duration) -> Result<Bounds> {
        Ok(Bounds {
            longest: self.max_bytes,
            time,
            scope: self.scope,
            hosts: self.from.clone(),
            authorities: self.ca.as_deref().map(authorities).transpose()?,
        })
    }

    /// The agent that is asked for references of a session, if its address was said.
    ///
    /// # Errors
    /// There is no agent program beside this one, or something is said about it and not where the other one is.
    pub fn session(&self, transport: &str, time: Duration) -> Result<Option<BySession>> {
        let Some(at) = self.at.clone() else {
            let said = self.agent.is_some() || self.seed_file.is_some();
            ensure!(!said, "--at is needed: an iacp: reference does not say where its agent listens");
            return Ok(None);
        };
        Ok(Some(BySession {
            program: self.agent.clone().map_or_else(BySession::program_beside, Ok)?,
            at,
            transport: transport.into(),
            seed_file: self.seed_file.clone(),
            longest: self.max_bytes,
            time,
        }))
    }
}
