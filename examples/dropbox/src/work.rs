//! An object between inbox and outcome. Whatever moment the process ends at, what lies here says how to go on:
//!
//! ```text
//! work/ID/claimed/       what was taken from the inbox, under its own names
//! work/ID/copying/       copies that may be incomplete: made anew
//! work/ID/kept/          complete copies: what is judged, and what is moved to the outcome's folder
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cep_envelope::Surface;
use cep_envelope::manifest::MAX_OUTER;
use cep_envelope::notification::MAX_NOTIFICATION;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::disk::{Disk, Steps};
use crate::folders::{Folders, folder_name, is_there, list, new_id};
use crate::inbox::Half;
use crate::journal::Line;

const ARRIVAL: &str = "arrival.json";
const DECISION: &str = "decision.json";
const UNREAD: &str = "unread";

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
}

/// The bytes that are judged: our own copies, which nobody else can change.
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

    /// Whether complete copies are here, or only await their last name.
    pub fn is_kept(&self) -> Result<bool> {
        Ok(is_there(&self.kept())? || is_there(&self.copying().join(UNREAD))?)
    }

    /// Takes what is not taken yet, the manifest first: without it, an object that is half taken is whole for nobody.
    pub fn claim(&self, disk: &mut Disk<impl Steps>, folders: &Folders, name: &[u8]) -> Result<Option<Stuck>> {
        let (mut stuck, mut any) = (None, false);
        for half in Half::ALL {
            let Some(entry) = half.entry(name) else { continue };
            let to = self.claimed().join(&entry);
            if is_there(&to)? {
                any = true;
                continue;
            }
            match disk.rename(&folders.inbox().join(&entry), &to) {
                Ok(()) => any = true,
                // Not sent, or taken back.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // Somebody else's folder, or a mount: it stays, and everything else goes on.
                Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy) => {
                    stuck = Some(Stuck { entry: entry.as_bytes().to_vec(), why: error.to_string() });
                    if !any {
                        break;
                    }
                }
                Err(error) => {
                    let entry = printable(entry.as_bytes());
                    return Err(error).with_context(|| format!("cannot take '{entry}' from the inbox"));
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
        let (mut copies, mut unread) = (Vec::new(), None);
        for half in Half::ALL {
            let Some(entry) = half.entry(name) else { continue };
            let (path, what) = (self.claimed().join(entry), half.words());
            match read(&path, half.longest(longest)).with_context(|| format!("cannot read {what}"))? {
                Reading::Nothing => {}
                Reading::Bytes(bytes) => copies.push((half, bytes)),
                Reading::Unfit(why) => unread = Some(format!("{what} {why}")),
            }
        }
        let copying = self.copying();
        disk.make_folder(&copying)?;
        let arrival = Arrival { name: printable(name), name_bytes: hex::encode(name), at, unread };
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
                disk.remove_file(&entry.path())?;
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
            disk.rename(&self.kept(), &outcome.join(&line.folder))?;
            disk.sync_folder(&outcome)?;
            disk.sync_folder(&self.folder)?;
        }
        self.end(disk, folders)
    }

    /// Nothing of an object is here (any more).
    pub fn end(&self, disk: &mut Disk<impl Steps>, folders: &Folders) -> Result<()> {
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
    const fn words(self) -> &'static str {
        match self {
            Self::Manifest => "its manifest",
            Self::Notice => "its notice",
            Self::Object => "the object",
        }
    }

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
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::ACCESS | Errno::PERM) => return Ok(Reading::Unfit("may not be read".into())),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    // Whoever has it open may lengthen it meanwhile: the limit is on what is read.
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
