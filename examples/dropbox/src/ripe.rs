//! Whether an object in the inbox is finished. What is still being written is not taken yet, and a sender that copies slowly
//! loses nothing.
//!
//! An outer object has a fixed end, and names the digest of what it is about: a manifest that cannot be read, or an object with
//! another digest, may be a half. Such a one waits until nothing of it has changed for the grace period. Then it is taken as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cep_envelope::digest::{ContentDigest, Digest};
use cep_envelope::manifest::{MAX_OUTER, SealedManifest};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{Mode, OFlags};

use crate::inbox::Half;

/// So many grace periods a bundle lies alone before it is taken.
const ALONE: i32 = 12;

/// What is known about an object in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ripe {
    /// It can be taken.
    Ready,
    /// It may still be written to: what is unfinished.
    Unfinished(Half),
    /// It cannot be read now: which half, and why.
    Unreadable(Half, String),
}

/// Of a half: which file, how long, and when it changed.
type Stamp = (u64, u64, u64, (i64, i64), (i64, i64));

struct Seen {
    stamps: Vec<Option<Stamp>>,
    since: Timestamp,
    what: Half,
}

/// What was unfinished when it was looked at last.
#[derive(Default)]
pub(crate) struct Ripening(BTreeMap<Vec<u8>, Seen>);

impl Ripening {
    /// Looks at one object.
    pub fn look(&mut self, inbox: &Path, name: &[u8], now: Timestamp, grace: SignedDuration, longest: u64) -> Ripe {
        let halves = [Half::Manifest, Half::Object];
        let metadata = |half: Half| fs::symlink_metadata(inbox.join(half.entry(name)?)).ok();
        let both = halves.map(metadata);
        if !both.iter().flatten().all(fs::Metadata::is_file) {
            return Ripe::Ready;
        }
        for half in halves {
            let Some(entry) = half.entry(name) else { continue };
            match open_plain(&inbox.join(entry)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Ripe::Unreadable(half, words(&error)),
                _ => {}
            }
        }
        let alone = both.iter().filter(|half| half.is_some()).count() < both.len();
        let grace = if alone { grace.saturating_mul(ALONE) } else { grace };
        let age = |changed: i64| now.as_second().saturating_sub(changed);
        let changed = both.iter().flatten().map(|it| it.mtime().max(it.ctime())).max().unwrap_or_default();
        if grace.is_zero() || age(changed) > grace.as_secs() {
            self.0.remove(name);
            return Ripe::Ready;
        }
        let stamps = both.iter().map(|it| it.as_ref().map(stamp)).collect();
        if let Some(seen) = self.0.get(name).filter(|seen| seen.stamps == stamps) {
            let waited = now.duration_since(seen.since);
            return if waited >= grace { Ripe::Ready } else { Ripe::Unfinished(seen.what) };
        }
        match unfinished(inbox, name, longest) {
            Some(what) => {
                self.0.insert(name.to_vec(), Seen { stamps, since: now, what });
                Ripe::Unfinished(what)
            }
            None => {
                self.0.remove(name);
                Ripe::Ready
            }
        }
    }

    /// Forgets what is not in the inbox any more.
    pub fn keep_only(&mut self, names: &BTreeSet<&[u8]>) {
        self.0.retain(|name, _| names.contains(&**name));
    }

    /// Whether anything is waiting for its grace period.
    pub fn is_waiting(&self) -> bool {
        !self.0.is_empty()
    }
}

fn stamp(it: &fs::Metadata) -> Stamp {
    (it.dev(), it.ino(), it.size(), (it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec()))
}

/// What of it may be a half.
fn unfinished(inbox: &Path, name: &[u8], longest: u64) -> Option<Half> {
    let read = |half: Half, longest: u64| {
        let mut bytes = Vec::new();
        let file = open_plain(&inbox.join(half.entry(name)?)).ok()?;
        file.take(longest.saturating_add(1)).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    };
    // A bundle with its manifest inside: it may be followed by one, or still be written to.
    let Some(outer) = read(Half::Manifest, MAX_OUTER as u64) else { return Some(Half::Object) };
    if outer.len() > MAX_OUTER {
        return None;
    }
    let Ok(sealed) = SealedManifest::parse(&outer) else { return Some(Half::Manifest) };
    let object = open_plain(&inbox.join(Half::Object.entry(name)?)).ok()?;
    let observed = digest_of(object, longest).ok()??;
    (observed != sealed.unverified().content_digest).then_some(Half::Object)
}

/// The digest of a file, if it is not too long.
pub(crate) fn digest_of(mut file: File, longest: u64) -> io::Result<Option<Digest>> {
    let (mut digest, mut buffer, mut read) = (ContentDigest::new(), vec![0; 64 << 10], 0_u64);
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
            return Ok(Some(digest.finish()));
        };
        read += count as u64;
        if read > longest {
            return Ok(None);
        }
        digest.update(piece);
    }
}

/// Opens a file for reading. No link is followed, and nothing is waited for.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Why a file cannot be read now, and what helps.
pub(crate) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "this account may not read it: its owner must allow that (chmod), or take it away".into()
        }
        io::ErrorKind::WouldBlock => "another process holds it (a lease): it is tried again".into(),
        _ => format!("{error}: it is tried again"),
    }
}
