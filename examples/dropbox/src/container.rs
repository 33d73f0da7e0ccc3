//! The sealed formats that this receiver can check.
//!
//! A container's content, as the manifest names it, is the whole file: what was sealed cannot be packed otherwise on the way.
//! The check adds that the file is sound inside.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use cep_envelope::digest::Digest;
use cep_envelope::ladder::{Container, NotAContainer};
use ruzstd::decoding::StreamingDecoder;
use tar::EntryType;

/// The most bytes that a container may unpack to.
const MOST_BYTES: u64 = 1 << 30;
/// The most bytes that one byte may unpack to, beyond what an empty archive takes.
const MOST_RATIO: u64 = 200;
/// What the smallest archive takes: tar fills up to 10,240 bytes.
const LEAST: u64 = 64 << 10;
/// The most files and folders in a container.
const MOST_ENTRIES: usize = 10_000;
/// The format that objects must have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Any bytes.
    #[default]
    Bare,
    /// A TAR archive of files and folders, in one Zstandard frame.
    TarZstd,
}

impl Format {
    /// Whether an object is sound; the reason, if not.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn sound(self, object: &[u8]) -> Result<(), String> {
        match self {
            Self::Bare => Ok(()),
            Self::TarZstd => tar_zstd(object).map_err(|error| error.to_string()),
        }
    }
}

impl Container for Format {
    fn check(&self, object: &[u8], digest: &Digest) -> Result<Digest, NotAContainer> {
        self.sound(object).map(|()| *digest).map_err(|_| NotAContainer)
    }

    fn expects(&self, content: &Digest) -> Option<Digest> {
        Some(*content)
    }
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}

/// Unpacks to nowhere, and keeps nothing but names. The decoder itself refuses to look back further than 100 MB.
fn tar_zstd(object: &[u8]) -> io::Result<()> {
    let mut packed = object;
    let decoder = StreamingDecoder::new(&mut packed).map_err(|error| odd(format!("no Zstandard: {error}")))?;
    let most = MOST_BYTES.min((object.len() as u64).saturating_mul(MOST_RATIO).saturating_add(LEAST));
    let mut bounded = Bounded { inner: decoder, left: most };
    entries(&mut bounded)?;
    // Behind the archive there are zeros to fill it up, and nothing else.
    let mut buffer = [0; 4096];
    loop {
        let count = bounded.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        if buffer.iter().take(count).any(|byte| *byte != 0) {
            return Err(odd("something follows the archive"));
        }
    }
    let decoder = &bounded.inner.decoder;
    let (said, found) = (decoder.get_checksum_from_data(), decoder.get_calculated_checksum());
    if said.is_some_and(|said| found != Some(said)) {
        return Err(odd("its checksum is another"));
    }
    drop(bounded);
    if packed.is_empty() { Ok(()) } else { Err(odd("something follows the frame")) }
}

fn entries(unpacked: impl Read) -> io::Result<()> {
    let mut archive = tar::Archive::new(unpacked);
    let mut names = BTreeSet::new();
    // Raw: no extension gives an entry another name, size or target behind our back.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let shown = path.display().to_string().escape_debug().to_string();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Directory => {}
            EntryType::Symlink | EntryType::Link => return Err(odd(format!("'{shown}' is a link"))),
            _ => {
                return Err(odd(format!(
                    "'{shown}' is neither file nor folder, or its name is too long for a plain header"
                )));
            }
        }
        if !is_harmless(&path) {
            return Err(odd(format!("'{shown}' leads elsewhere")));
        }
        if names.len() >= MOST_ENTRIES {
            return Err(odd(format!("it has more than {MOST_ENTRIES} entries")));
        }
        // Names that differ in their capitals alone are one file on some systems; `a`, `./a` and `a/` are one everywhere.
        let parts = path.components().filter(|part| matches!(part, Component::Normal(_)));
        if !names.insert(parts.collect::<PathBuf>().to_string_lossy().to_lowercase()) {
            return Err(odd(format!("'{shown}' is there twice")));
        }
        let size = entry.header().entry_size()?;
        if io::copy(&mut entry, &mut io::sink())? != size {
            return Err(odd(format!("'{shown}' ends too early")));
        }
    }
    if names.is_empty() { Err(odd("it holds nothing")) } else { Ok(()) }
}

/// A path below the folder into which it is unpacked, whatever system unpacks it.
fn is_harmless(path: &Path) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':');
    let normal = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    normal && path.to_str().is_some_and(|text| !text.is_empty() && !text.contains(odd))
}

/// A reader that gives an error where there is too much.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(to)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| odd("it unpacks to more than is allowed"))?;
        Ok(count)
    }
}
