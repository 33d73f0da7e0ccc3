//! What an agent remembers of itself: with it a process comes back to its context, on whichever host that is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use iacp_core::crypto::Secret32;
use iacp_core::erp::agent::Agent;
use iacp_wire::Eid;
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::host::docking::Moved;
use crate::host::storage::{Folder, Run, replace};
use crate::keys;

/// On how many hosts an agent is looked for, one after the other.
const HOSTS: usize = 16;

/// The credentials of an agent, as its file has them. They wipe themselves.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Kept {
    /// The Initialization Nonce: with it the agent comes back to a host that was started again.
    nonce: String,
    eid: String,
    /// The token, and the run of the host that it is for.
    iat: String,
    boot: String,
}

/// What an agent remembers of itself, in a file too if it is to be the same agent after a restart.
pub struct Credentials {
    path: Option<PathBuf>,
    kept: Option<Kept>,
}

impl Credentials {
    /// An agent that is forgotten with this process.
    pub const fn in_memory() -> Self {
        Self { path: None, kept: None }
    }

    /// Those of a file, if it is there.
    pub fn at(path: &Path) -> Result<Self> {
        let kept = match fs::read(path).map(Zeroizing::new) {
            Ok(text) => serde_json::from_slice(&text).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let kept = kept.map_err(|error| anyhow!("{}: no credentials of an agent: {error}", path.display()))?;
        Ok(Self { path: Some(path.to_owned()), kept })
    }

    /// The agent has left.
    pub fn forget(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
    }

    /// The token serves for nothing any more: its context has ended, or is on another host.
    pub fn void(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.boot.clear();
        }
    }

    /// The host to which this agent's context has gone from that of `folder`, from host to host.
    pub fn place(&self, folder: &Folder) -> Result<Folder> {
        let mut place = folder.clone();
        let Some(eid) = self.kept.as_ref().and_then(|kept| bytes(&kept.eid)).map(Eid) else { return Ok(place) };
        for _ in 0..HOSTS {
            match place.moved(&eid)? {
                None => return Ok(place),
                Some(Moved::To(next)) => place = Folder::new(&next),
                Some(Moved::Away) => {
                    bail!("{} has been handed over by the host in {}", keys::short(&eid), place.path().display())
                }
            }
        }
        bail!("{} has gone from host to host in a circle", keys::short(&eid))
    }

    /// The EID, in hexadecimal digits.
    pub fn eid(&self) -> Option<&str> {
        self.kept.as_ref().map(|kept| kept.eid.as_str())
    }

    /// EID and token, if they are of this run of the host.
    pub fn of_run(&self, run: &Run) -> Option<Agent> {
        let kept = self.kept.as_ref().filter(|kept| kept.boot == run.boot)?;
        let (eid, iat) = (bytes(&kept.eid)?, Zeroizing::new(bytes(&kept.iat)?));
        Some(Agent::new(Eid(eid), Secret32::fill(|to| to.copy_from_slice(iat.as_slice()))))
    }

    /// The nonce of the agent's first ERP_INIT, or a new one.
    pub fn nonce(&self) -> Zeroizing<[u8; 32]> {
        let kept = self.kept.as_ref().and_then(|kept| bytes(&kept.nonce));
        Zeroizing::new(kept.unwrap_or_else(|| {
            let mut nonce = [0; 32];
            keys::rng().fill_bytes(&mut nonce);
            nonce
        }))
    }

    pub fn write(&mut self, nonce: &[u8; 32], agent: &Agent, run: &Run) -> Result<()> {
        let (eid, iat) = (hex::encode(agent.eid().0), hex::encode(agent.iat().expose()));
        let kept = self.kept.insert(Kept { nonce: hex::encode(nonce), eid, iat, boot: run.boot.clone() });
        let Some(path) = &self.path else { return Ok(()) };
        let text = Zeroizing::new(serde_json::to_vec(kept)?);
        replace(path, &text).with_context(|| format!("cannot write {}", path.display()))
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_looked_for_where_its_host_says_that_it_has_gone() {
        let place = tempfile::tempdir().expect("a directory");
        let [first, second, third] = ["a", "b", "c"].map(|name| Folder::new(&place.path().join(name)));
        let (eid, iat) = (Eid([7; 32]), Secret32::new([8; 32]));
        let mut credentials = Credentials::in_memory();
        assert_eq!(credentials.place(&first).expect("no EID yet").path(), first.path());
        let run = Run { boot: "boot".into(), at: "127.0.0.1:1".into() };
        credentials.write(&[9; 32], &Agent::new(eid, iat), &run).expect("in memory");
        assert!(credentials.of_run(&run).is_some());
        for (from, to) in [(&first, &second), (&second, &third)] {
            from.set_moved(&eid, &Moved::To(to.path().to_owned())).expect("written");
            assert_eq!(credentials.place(&first).expect("known").path(), to.path());
        }
        third.set_moved(&eid, &Moved::Away).expect("written");
        assert!(credentials.place(&first).is_err(), "it is on its way");
        third.set_moved(&eid, &Moved::To(first.path().to_owned())).expect("written");
        assert!(credentials.place(&first).is_err(), "a circle");
        credentials.void();
        assert!(credentials.of_run(&run).is_none(), "the token serves for nothing any more");
        assert_eq!(*credentials.nonce(), [9; 32], "the nonce does");
    }
}
