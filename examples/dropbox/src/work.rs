//! An object between inbox and outcome. Whatever moment the process ends at, what lies here says how to go on:
//!
//! ```text
//! work/ID/claimed/       what was taken from the inbox, under its own names
//! work/ID/copying/       copies that may be incomplete: made anew
//! work/ID/kept/          complete copies: what is judged, and what is moved to the outcome's folder
//! ```

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cep_envelope::Surface;
use cep_envelope::manifest::MAX_OUTER;
use cep_envelope::notification::MAX_NOTIFICATION;
use serde::{Deserialize, Serialize};

use crate::across;
use crate::disk::{Disk, Steps};
use crate::folders::{Folders, folder_name, is_there, list, new_id};
use crate::inbox::Half;
use crate::line::Line;
use crate::ripe::{open_plain, words};

const ARRIVAL: &str = "arrival.json";
const DECISION: &str = "decision.json";
const UNREAD: &str = "unread";
/// A folder that was put in a notice's place between two looks.
const UNREAD_NOTICE: &str = "unread-notice";

/// Something that does not let itself be taken from the inbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stuck {
    /// The entry's name, as it is.
    pub entry: Vec<u8>,
    /// Why.
    pub why: String,
}

/// What came, and when. It stays beside the copies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrival {
    /// The name, escaped.
    pub name: String,
    /// The name's bytes, in hexadecimal digits.
    pub name_bytes: String,
    /// By our clock.
    pub at: jiff::Timestamp,
    /// Why nothing of it was read, if that is so.
    pub unread: Option<String>,
    /// Why its notice was not read, if that is so. The notice is not sealed, and nothing depends on it.
    #[serde(default)]
    pub notice: Option<String>,
}

/// The bytes that are judged: our own copies, which no other process can change.
pub(crate) struct Snapshot {
    pub arrival: Arrival,
    pub name: Vec<u8>,
    pub object: Option<Vec<u8>>,
    pub manifest: Option<Vec<u8>>,
    pub notice: Option<Vec<u8>>,
}

/// A name as it may be printed. What is outside of ASCII is escaped too: a look-alike must not look alike.
#[must_use]
pub fn printable(name: &[u8]) -> String {
    name.escape_ascii().to_string()
}

pub(crate) struct Item {
    pub id: String,
    folder: PathBuf,
}

impl Item {
    /// One that is there already.
    pub fn resume(folders: &Folders, id: &str) -> Self {
        Self { id: id.to_owned(), folder: folders.work().join(id) }
    }

    /// A place for one more.
    pub fn begin(disk: &mut Disk<impl Steps>, folders: &Folders) -> Result<Self> {
        let item = Self::resume(folders, &new_id()?);
        disk.make_folder(&item.folder)
            .and_then(|()| disk.make_folder(&item.claimed()))
            .and_then(|()| disk.sync_folder(&item.folder))
            .and_then(|()| disk.sync_folder(&folders.work()))
            .with_context(|| format!("cannot make {}", item.folder.display()))?;
        Ok(item)
    }

    fn claimed(&self) -> PathBuf {
        self.folder.join("claimed")
    }

    /// A copy of what is being taken from another file system.
    fn carrying(&self) -> PathBuf {
        self.folder.join("carrying")
    }

    fn copying(&self) -> PathBuf {
        self.folder.join("copying")
    }

    fn kept(&self) -> PathBuf {
        self.folder.join("kept")
    }

    /// The object whose halves were taken already, if any was.
    pub fn claimed_name(&self) -> Result<Option<Vec<u8>>> {
        let entries = list(&self.claimed())?;
        Ok(entries.first().map(|entry| Half::of(entry.file_name().as_bytes()).0.to_vec()))
    }

    /// Takes an object that was decided before, to be judged once more. Its place has the id of the order.
    pub fn take_back(disk: &mut Disk<impl Steps>, folders: &Folders, id: &str, from: &Path) -> Result<()> {
        let item = Self::resume(folders, id);
        if !is_there(from)? {
            return Ok(());
        }
        if !is_there(&item.folder)? {
            disk.make_folder(&item.folder)?;
            disk.sync_folder(&folders.work())?;
        }
        across::rename_folder(disk, from, &item.folder, "kept")?;
        disk.sync_folder(&item.folder)?;
        if let Some(outcome) = from.parent() {
            disk.sync_folder(outcome)?;
        }
        Ok(())
    }

    /// Whether complete copies are here, or only await their last name.
    pub fn is_kept(&self) -> Result<bool> {
        Ok(is_there(&self.kept())? || is_there(&self.copying().join(UNREAD))?)
    }

    /// Takes what is not taken yet, the manifest first: without it, an object that is half taken is not whole for any other process.
    pub fn claim(
        &self,
        disk: &mut Disk<impl Steps>,
        folders: &Folders,
        name: &[u8],
        longest: u64,
    ) -> Result<Option<Stuck>> {
        let (mut stuck, mut any) = (None, false);
        for half in Half::ALL {
            let Some(entry) = half.entry(name) else { continue };
            let (from, to) = (folders.inbox().join(&entry), self.claimed().join(&entry));
            if is_there(&to)? {
                any = true;
                across::finish(disk, &from, &to)?;
                continue;
            }
            // A notice that is no file is ignored, and stays where it is.
            if half == Half::Notice && !fs::symlink_metadata(&from).is_ok_and(|it| it.is_file()) {
                continue;
            }
            let taken = match disk.rename(&from, &to) {
                Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                    across::take(disk, &from, &self.carrying(), &to, half.longest(longest))
                }
                other => other,
            };
            match taken {
                Ok(()) => any = true,
                Err(error) if disk.ended() => return Err(error.into()),
                // Not sent, or taken back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // It cannot hold up the object that it is about.
                Err(_) if half == Half::Notice => {}
                // Another account's folder, or a mount: it stays, and everything else goes on.
                Err(error) => {
                    stuck = Some(Stuck { entry: entry.as_bytes().to_vec(), why: error.to_string() });
                    if !any {
                        break;
                    }
                }
            }
        }
        if any {
            disk.sync_folder(&self.claimed())?;
            disk.sync_folder(&folders.inbox())?;
        }
        Ok(stuck)
    }

    /// Makes our own copies of what was claimed, each read once. What is no file, or too long, is kept unread as it is.
    pub fn keep(&self, disk: &mut Disk<impl Steps>, name: &[u8], longest: u64, at: jiff::Timestamp) -> Result<()> {
        self.discard_copies(disk)?;
        let (mut copies, mut unread, mut notice) = (Vec::new(), None, None);
        for half in Half::ALL {
            let Some(entry) = half.entry(name) else { continue };
            let (path, what) = (self.claimed().join(entry), half.words());
            match read(&path, half.longest(longest)).with_context(|| format!("cannot read {what}"))? {
                Reading::Nothing => {}
                Reading::Bytes(bytes) => copies.push((half, bytes)),
                Reading::Unfit(why) if half == Half::Notice => notice = Some(format!("{what} {why}")),
                Reading::Unfit(why) => unread = Some(format!("{what} {why}")),
            }
        }
        let copying = self.copying();
        disk.make_folder(&copying)?;
        let arrival = Arrival { name: printable(name), name_bytes: hex::encode(name), at, unread, notice };
        disk.create(&copying.join(ARRIVAL), &pretty(&arrival)?)?;
        if arrival.unread.is_none() {
            for (half, bytes) in copies {
                disk.create(&copying.join(copy_name(name, half)), &bytes)?;
            }
            disk.sync_folder(&copying)?;
        } else {
            disk.sync_folder(&copying)?;
            disk.rename(&self.claimed(), &copying.join(UNREAD))?;
        }
        Ok(())
    }

    /// Half-made copies. Their originals are still in `claimed`.
    fn discard_copies(&self, disk: &mut Disk<impl Steps>) -> Result<()> {
        if is_there(&self.copying())? {
            for entry in list(&self.copying())? {
                disk.remove_file(&entry.path())?;
            }
            disk.remove_folder(&self.copying())?;
        }
        Ok(())
    }

    /// From here on the copies are the object, and the originals are redundant.
    pub fn replace_originals(&self, disk: &mut Disk<impl Steps>) -> Result<()> {
        if !is_there(&self.kept())? {
            disk.rename(&self.copying(), &self.kept())?;
            disk.sync_folder(&self.folder)?;
        }
        if is_there(&self.claimed())? {
            for entry in list(&self.claimed())? {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    disk.rename(&entry.path(), &self.kept().join(UNREAD_NOTICE))?;
                } else {
                    disk.remove_file(&entry.path())?;
                }
            }
            disk.remove_folder(&self.claimed())?;
            disk.sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Reads the copies.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let path = self.kept().join(ARRIVAL);
        let unclear = || format!("{} is not as it was written", path.display());
        let arrival: Arrival = serde_json::from_slice(&fs::read(&path).with_context(unclear)?).with_context(unclear)?;
        let name = hex::decode(&arrival.name_bytes).with_context(unclear)?;
        let copy = |half| match fs::read(self.kept().join(copy_name(&name, half))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read the copies in {}", self.kept().display())),
        };
        let (object, manifest, notice) = (copy(Half::Object)?, copy(Half::Manifest)?, copy(Half::Notice)?);
        Ok(Snapshot { arrival, name, object, manifest, notice })
    }

    /// Moves a decided object to where its line in the journal says.
    pub fn settle(&self, disk: &mut Disk<impl Steps>, folders: &Folders, line: &Line) -> Result<()> {
        let outcome = folders.outcome(line.outcome.0);
        if is_there(&self.kept())? {
            disk.replace(&self.kept().join(DECISION), &pretty(line)?)?;
            disk.sync_folder(&self.kept())?;
            across::rename_folder(disk, &self.kept(), &outcome, &line.folder)?;
            disk.sync_folder(&outcome)?;
            disk.sync_folder(&self.folder)?;
        }
        self.end(disk, folders)
    }

    /// Nothing of an object is here (any more).
    pub fn end(&self, disk: &mut Disk<impl Steps>, folders: &Folders) -> Result<()> {
        if is_there(&self.carrying())? {
            disk.remove_file(&self.carrying())?;
        }
        let not_empty = || format!("{} holds something that belongs to no step", self.folder.display());
        if is_there(&self.claimed())? {
            disk.remove_folder(&self.claimed()).with_context(not_empty)?;
        }
        disk.remove_folder(&self.folder).with_context(not_empty)?;
        disk.sync_folder(&folders.work())?;
        Ok(())
    }
}

impl Half {
    fn longest(self, object: u64) -> u64 {
        match self {
            Self::Manifest => MAX_OUTER as u64,
            Self::Notice => MAX_NOTIFICATION as u64,
            Self::Object => object,
        }
    }
}

/// A copy has the name under which it came only if that name is harmless.
fn copy_name(name: &[u8], half: Half) -> String {
    let stem = Surface::parse_bytes(name).map_or("object", |surface| surface.as_str());
    format!("{stem}{}", half.suffix())
}

fn pretty(value: &impl Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

enum Reading {
    Nothing,
    Bytes(Vec<u8>),
    /// And why it is not read.
    Unfit(String),
}

/// Reads a file once, and nothing that is not one: no link is followed, and nothing that could block is opened.
fn read(path: &Path, longest: u64) -> io::Result<Reading> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reading::Nothing),
        other => other?,
    };
    let kind = metadata.file_type();
    if !kind.is_file() {
        let kind = match () {
            () if kind.is_symlink() => "is a symbolic link",
            () if kind.is_dir() => "is a folder",
            () if kind.is_fifo() => "is a FIFO",
            () if kind.is_socket() => "is a socket",
            () => "is a device",
        };
        return Ok(Reading::Unfit(kind.into()));
    }
    let file = open_plain(path).map_err(|error| io::Error::new(error.kind(), words(&error)))?;
    let mut bytes = Vec::new();
    // A process that has it open may lengthen it meanwhile: the limit is on what is read.
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Ok(Reading::Unfit(format!("is longer than {longest} bytes")));
    }
    Ok(Reading::Bytes(bytes))
}

/// The folder in which an object of this name and id ends.
pub(crate) fn final_folder(snapshot: &Snapshot, id: &str) -> String {
    folder_name(&snapshot.name, id)
}
