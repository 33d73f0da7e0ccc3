//! What lies in the inbox: which halves belong together, which objects are whole, which wait.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::time::SystemTime;

use anyhow::Result;
use cep_envelope::{Surface, TimeOrder};

use crate::folders::list;
use crate::ripe::open_plain;
use crate::tibet;

/// The longest file name of the usual file systems.
const LONGEST_ENTRY: usize = 255;

/// A part of a delivery, each an entry of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Half {
    /// `NAME+manifest.json`: the outer object. It is written last and taken first.
    Manifest,
    /// `NAME+notice.json`: a notification, if there is one.
    Notice,
    /// `NAME`: the object's bytes.
    Object,
}

impl Half {
    /// All of them, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Manifest, Self::Notice, Self::Object];

    /// What it has behind the object's name. No surface has a `+`.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Manifest => "+manifest.json",
            Self::Notice => "+notice.json",
            Self::Object => "",
        }
    }

    /// Which object's which half an entry is.
    pub(crate) fn of(entry: &[u8]) -> (&[u8], Self) {
        for half in [Self::Manifest, Self::Notice] {
            if let Some(name) = entry.strip_suffix(half.suffix().as_bytes()) {
                return (name, half);
            }
        }
        (entry, Self::Object)
    }

    /// The entry of this half, if there can be one: `x+manifest.json` is never an object, and no name is endless.
    pub(crate) fn entry(self, name: &[u8]) -> Option<OsString> {
        let entry = [name, self.suffix().as_bytes()].concat();
        let can_be = !entry.is_empty() && entry.len() <= LONGEST_ENTRY && Self::of(&entry) == (name, self);
        can_be.then(|| OsString::from_vec(entry))
    }
}

/// What an object waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// The bytes are here.
    Manifest,
    /// A manifest is here: a reference without bytes.
    Object,
    /// Nothing but a notice is here.
    Both,
    /// All is here, and something of it may still be written to: what.
    End(Half),
}

impl WaitsFor {
    /// It in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Manifest => "its manifest",
            Self::Object => "the object itself",
            Self::Both => "its manifest and the object itself",
            Self::End(Half::Object) => "the end of the object itself",
            Self::End(_) => "the end of its manifest",
        }
    }
}

/// An object of which a half is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name, as it is.
    pub name: Vec<u8>,
    /// What is missing.
    pub waits_for: WaitsFor,
}

/// What the inbox holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Names of objects to be taken, in this order.
    pub ready: Vec<Vec<u8>>,
    pub waiting: Vec<Waiting>,
}

struct Found {
    name: Vec<u8>,
    halves: Vec<Half>,
    /// A half of it is no file: no waiting makes it one.
    odd: bool,
    modified: SystemTime,
}

/// Looks into the inbox. What begins with a dot is not finished, and not ours.
pub(crate) fn look(inbox: &Path) -> Result<Contents> {
    let mut entries: Vec<(OsString, bool, SystemTime)> = Vec::new();
    for entry in list(inbox)? {
        if entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        // Neither follows a link. What is gone meanwhile is gone.
        let Ok(metadata) = entry.metadata() else { continue };
        entries.push((entry.file_name(), metadata.is_file(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
    }
    let mut halves: Vec<_> = entries
        .iter()
        .map(|(entry, is_file, modified)| {
            let (name, half) = Half::of(entry.as_bytes());
            (name, half, *is_file, *modified)
        })
        .collect();
    halves.sort();
    let objects = halves.chunk_by(|one, other| one.0 == other.0).filter_map(|halves| {
        let (name, ..) = halves.first()?;
        Some(Found {
            name: name.to_vec(),
            halves: halves.iter().map(|(_, half, ..)| *half).collect(),
            // A notice is not sealed, and whatever it is, it makes no difference to the object.
            odd: halves.iter().any(|(_, half, is_file, _)| !is_file && *half != Half::Notice),
            modified: halves.iter().map(|(.., modified)| *modified).max()?,
        })
    });
    let mut contents = Contents::default();
    let mut ready = Vec::new();
    for object in objects {
        match object.waits_for() {
            Some(WaitsFor::Manifest) if is_foreign(inbox, &object.name) => ready.push(object),
            Some(waits_for) => contents.waiting.push(Waiting { name: object.name, waits_for }),
            None => ready.push(object),
        }
    }
    // A parent tends to be older than its child. This is a hint: whatever the order, no decision becomes wrong by it.
    ready.sort_by_cached_key(|object| object.order());
    contents.ready = ready.into_iter().map(|object| object.name).collect();
    Ok(contents)
}

/// Whether this object, which is alone, is one beside which no manifest comes. What cannot be read now may be one later.
fn is_foreign(inbox: &Path, name: &[u8]) -> bool {
    let Some(entry) = Half::Object.entry(name) else { return false };
    let mut beginning = Vec::new();
    let read = open_plain(&inbox.join(entry)).and_then(|file| file.take(tibet::BEGINNING).read_to_end(&mut beginning));
    read.is_ok() && tibet::is_theirs(&beginning)
}

impl Found {
    /// What can never become whole does not wait: it is judged as it is.
    fn waits_for(&self) -> Option<WaitsFor> {
        let can_be_whole = Half::Manifest.entry(&self.name).is_some() && Half::Object.entry(&self.name).is_some();
        if self.odd || !can_be_whole {
            return None;
        }
        match (self.halves.contains(&Half::Object), self.halves.contains(&Half::Manifest)) {
            (true, true) => None,
            (true, false) => Some(WaitsFor::Manifest),
            (false, true) => Some(WaitsFor::Object),
            (false, false) => Some(WaitsFor::Both),
        }
    }

    /// By the name's time if it has one, then by the time of its files, then by name.
    fn order(&self) -> (bool, Option<TimeOrder>, SystemTime, Vec<u8>) {
        let time = Surface::parse_bytes(&self.name).ok().map(|surface| surface.time_order());
        (time.is_none(), time, self.modified, self.name.clone())
    }
}
