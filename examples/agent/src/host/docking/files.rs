//! What docking keeps in the folder of a host: the host's own key, the hosts on its list, and where agents have gone.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use iacp_wire::Eid;
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::host::storage::{Folder, replace};
use crate::keys::{self, Identity};

/// Where an agent has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It is handed over now, or is on another machine.
    Away,
    /// The folder of its new host.
    To(PathBuf),
}

impl Folder {
    /// The host's own identity, its LII. It is made when it is needed for the first time.
    pub fn lii(&self) -> Result<Identity> {
        let path = self.path().join("lii");
        let unfit = || format!("--state: no key of a host in {}", path.display());
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => keys::identity(Some(text.trim())).with_context(unfit),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut seed = Zeroizing::new([0; 32]);
                keys::rng().fill_bytes(seed.as_mut_slice());
                let text = Zeroizing::new(hex::encode(seed.as_slice()));
                replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
                keys::identity(Some(text.as_str())).with_context(unfit)
            }
            Err(error) => Err(error).with_context(unfit),
        }
    }

    /// The hosts that may take agents over from this one.
    pub fn docks(&self) -> Result<Vec<Eid>> {
        let path = self.path().join("docks");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(|line| keys::eid_of(&path.display().to_string(), line)).collect()
    }

    /// Another host may take agents over from this one.
    pub fn allow(&self, lii: &Eid) -> Result<()> {
        let mut known = self.docks()?;
        if known.contains(lii) {
            return Ok(());
        }
        known.push(*lii);
        let text: String = known.iter().map(|lii| hex::encode(lii.0) + "\n").collect();
        let path = self.path().join("docks");
        replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Where the agent of this EID has gone, as far as this host knows; `None` if it has not gone.
    pub fn moved(&self, eid: &Eid) -> Result<Option<Moved>> {
        let path = self.note(eid);
        match fs::read(&path) {
            Ok(text) if text.is_empty() => Ok(Some(Moved::Away)),
            Ok(text) => Ok(Some(Moved::To(OsStr::from_bytes(&text).into()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Writes down where an agent has gone, before it finds that it is not here any more.
    pub fn set_moved(&self, eid: &Eid, moved: &Moved) -> Result<()> {
        let path = self.note(eid);
        let unable = || format!("cannot write {}", path.display());
        let folder = path.parent().unwrap_or_else(|| self.path());
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(unable)?;
        let text = match moved {
            Moved::Away => &[],
            Moved::To(place) => place.as_os_str().as_bytes(),
        };
        replace(&path, text).with_context(unable)
    }

    /// The agent is here, or here again.
    pub fn set_here(&self, eid: &Eid) {
        // Without a note there is nothing to do.
        let _ = fs::remove_file(self.note(eid));
    }

    fn note(&self, eid: &Eid) -> PathBuf {
        self.path().join("moved").join(hex::encode(eid.0))
    }
}

/// A file that does not exist yet, of this length: so there is room for what is written to it later.
pub fn reserve(path: &Path, length: usize) -> Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    let unable = || format!("cannot write {}", path.display());
    let file = fs::File::options().write(true).create_new(true).mode(0o600).open(path).with_context(unable)?;
    let zeros = vec![0; length];
    let filled = std::io::Write::write_all(&mut &file, &zeros).and_then(|()| file.sync_all());
    if let Err(error) = filled {
        let _ = fs::remove_file(path);
        return Err(error).with_context(unable);
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EID: Eid = Eid([7; 32]);

    #[test]
    fn the_key_of_a_host_is_made_once_and_the_list_takes_each_host_once() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let first = folder.lii().expect("made").eid();
        assert_eq!(folder.lii().expect("read").eid(), first);
        assert_eq!(folder.docks().expect("none yet"), []);
        for lii in [EID, first, EID] {
            folder.allow(&lii).expect("written");
        }
        assert_eq!(folder.docks().expect("readable"), [EID, first]);
        fs::write(place.path().join("docks"), "noise\n").expect("written");
        assert!(folder.docks().is_err(), "what is no LII is not passed over");
        fs::write(place.path().join("lii"), "noise\n").expect("written");
        assert!(folder.lii().is_err(), "and no other key is made");
    }

    #[test]
    fn a_note_says_where_an_agent_has_gone_until_it_is_here_again() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        assert_eq!(folder.moved(&EID).expect("readable"), None);
        for moved in [Moved::Away, Moved::To("/some/where else".into()), Moved::Away] {
            folder.set_moved(&EID, &moved).expect("written");
            assert_eq!(folder.moved(&EID).expect("readable"), Some(moved));
        }
        folder.set_here(&EID);
        folder.set_here(&EID);
        assert_eq!(folder.moved(&EID).expect("readable"), None);
    }

    #[test]
    fn a_place_for_a_blob_is_new_and_as_long_as_the_blob() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("blob");
        reserve(&path, 1_000).expect("there is room");
        assert_eq!(fs::metadata(&path).expect("it is there").len(), 1_000);
        assert!(reserve(&path, 1_000).is_err(), "no file is written over");
    }
}
