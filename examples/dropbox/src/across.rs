//! From one file system to another: what cannot be renamed is copied, compared and only then removed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cep_envelope::digest::Digest;

use crate::disk::{Disk, Steps};
use crate::folders::list;
use crate::ripe::{digest_of, open_plain};

/// Takes a file from another file system: first into `carrying`, then to its place, then it is removed where it was.
pub(crate) fn take(
    disk: &mut Disk<impl Steps>,
    from: &Path,
    carrying: &Path,
    to: &Path,
    longest: u64,
) -> io::Result<()> {
    let mut file = open_plain(from)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(io::Error::other("only files can be taken from another file system"));
    }
    if before.len() > longest {
        return Err(io::Error::other(format!("it is longer than {longest} bytes, and on another file system")));
    }
    let mut bytes = Vec::new();
    (&mut file).take(longest).read_to_end(&mut bytes)?;
    disk.replace(carrying, &bytes)?;
    let after = file.metadata()?;
    let unchanged =
        (before.len(), before.mtime(), before.mtime_nsec()) == (after.len(), after.mtime(), after.mtime_nsec());
    if !unchanged || digest_of(File::open(carrying)?, u64::MAX)? != Some(Digest::of(&bytes)) {
        return Err(io::Error::new(io::ErrorKind::WouldBlock, "it changed while it was copied"));
    }
    disk.rename(carrying, to)?;
    if let Some(folder) = to.parent() {
        disk.sync_folder(folder)?;
    }
    disk.remove_file(from)
}

/// An earlier process may have ended between copying and removing: what is here already is removed there.
pub(crate) fn finish(disk: &mut Disk<impl Steps>, from: &Path, to: &Path) -> io::Result<()> {
    let (Ok(there), Ok(here)) = (fs::symlink_metadata(from), fs::symlink_metadata(to)) else { return Ok(()) };
    if there.dev() == here.dev() || !there.is_file() || !here.is_file() || there.len() != here.len() {
        return Ok(());
    }
    let digest = |path: &Path| digest_of(open_plain(path)?, u64::MAX);
    if digest(from)? == digest(to)? { disk.remove_file(from) } else { Ok(()) }
}

/// Gives a folder of ours its last place, which may be on another file system.
pub(crate) fn rename_folder(disk: &mut Disk<impl Steps>, from: &Path, outcome: &Path, name: &str) -> io::Result<()> {
    let to = outcome.join(name);
    match disk.rename(from, &to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {}
        other => return other,
    }
    let hidden = outcome.join(format!(".{name}.part"));
    let entries = list(from).map_err(io::Error::other)?;
    if entries.iter().any(|entry| !entry.file_type().is_ok_and(|kind| kind.is_file())) {
        return Err(io::Error::other(format!("only files can be moved to {}", to.display())));
    }
    if !to.exists() {
        if !hidden.exists() {
            disk.make_folder(&hidden)?;
        }
        for entry in &entries {
            disk.replace(&hidden.join(entry.file_name()), &fs::read(entry.path())?)?;
        }
        disk.sync_folder(&hidden)?;
        disk.rename(&hidden, &to)?;
        disk.sync_folder(outcome)?;
    }
    for entry in &entries {
        disk.remove_file(&entry.path())?;
    }
    disk.remove_folder(from)
}
