//! The receiving end of a file: content in sequence order, up to FIN.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rand_core::Rng;
use sha2::{Digest, Sha256};

use crate::content::parts::{Came, Held, Reader, Room};
use crate::keys;
use crate::memory::FRAMES;

/// What a listener does with files.
#[derive(Clone, Debug)]
pub struct Store {
    /// Where they go; without it they are hashed and forgotten.
    pub directory: Option<PathBuf>,
    /// No file may be longer, in bytes, and no content of a handoff.
    pub longest: u64,
    /// What all transfers under way may take in memory: handoffs whole, and of files what overtook a missing frame.
    pub room: Rc<Room>,
    /// How much of it the peers of one network may take, in bytes.
    pub share: usize,
    /// What comes are handoffs and requests, and no files.
    pub handoffs: bool,
    /// How much of the room a handoff takes for its place, in bytes.
    pub place: usize,
}

/// What all transfers under way may take together, in bytes, unless a single one may take more.
const ROOM: usize = 256 << 20;
/// What a frame that waits for an earlier one takes beside its content, in bytes: its place in the map.
const EARLY: usize = 64;
/// What a handoff takes beside its content, in bytes: its other parts, and the places of frames that wait.
const BESIDE: usize = (1 << 16) + FRAMES * EARLY;
/// What a handoff takes for its place among those that wait to be handed on, in bytes: so of one network at most 64 wait, and 256 in
/// all.
const PLACE: usize = 1 << 20;

impl Store {
    /// For files of at most `longest` bytes.
    pub fn files(directory: Option<PathBuf>, longest: u64) -> Self {
        Self { directory, longest, room: Room::new(ROOM), share: ROOM / 4, handoffs: false, place: 0 }
    }

    /// For handoffs whose content has at most `longest` bytes.
    pub fn handoffs(longest: u64) -> Self {
        Self::many(longest, 0)
    }

    /// For handoffs that wait to be handed on.
    pub fn relayed(longest: u64) -> Self {
        Self::many(longest, PLACE)
    }

    fn many(longest: u64, place: usize) -> Self {
        let one = whole(longest).saturating_add(place);
        let (room, share) = (Room::new(one.max(ROOM)), one.max(ROOM / 4));
        Self { directory: None, longest, room, share, handoffs: true, place }
    }

    /// For a single handoff whose content has at most `longest` bytes.
    pub fn handoff(longest: u64) -> Self {
        let one = whole(longest);
        Self { directory: None, longest, room: Room::new(one), share: one, handoffs: true, place: 0 }
    }
}

/// What one handoff may take, in bytes.
fn whole(longest: u64) -> usize {
    usize::try_from(longest).unwrap_or(usize::MAX).saturating_add(BESIDE)
}

/// Everything is here.
pub struct Complete {
    pub sha256: String,
    pub bytes: u64,
    pub handoff: Option<Came>,
}

/// One file under way. Its memory is bounded by the session's window, and by the room that it shares: what waits here is
/// what overtook a frame that is still missing.
pub struct Receiver {
    next: u64,
    early: BTreeMap<u64, Option<Vec<u8>>>,
    /// The room that `early` takes.
    held: Held,
    hash: Sha256,
    bytes: u64,
    partial: Option<Partial>,
    handoff: Option<Reader>,
}

impl Receiver {
    /// `first` is the sequence number that the peer's stream begins with, `room` the store's or a part of it.
    pub fn new(first: u64, store: &Store, room: Rc<Room>) -> Self {
        let handoff = store.handoffs.then(|| Reader::new(store.longest, Rc::clone(&room)).in_place(store.place));
        let (early, held) = (BTreeMap::new(), Held::nothing(room));
        Self { next: first, early, held, hash: Sha256::new(), bytes: 0, partial: None, handoff }
    }

    /// Takes a frame: its content, or `None` if it is not of the file. Each sequence number comes once.
    ///
    /// # Errors
    /// It cannot be stored, or there is no room for it until the frames before it have come.
    pub fn take(&mut self, store: &Store, sequence: u64, content: Option<&[u8]>) -> io::Result<()> {
        if sequence != self.next {
            self.held.take(EARLY + content.map_or(0, <[u8]>::len))?;
            self.early.insert(sequence, content.map(<[u8]>::to_vec));
            return Ok(());
        }
        self.append(store, content.unwrap_or_default())?;
        self.next += 1;
        while let Some(content) = self.early.remove(&self.next) {
            self.held.give(EARLY + content.as_ref().map_or(0, Vec::len));
            self.append(store, content.as_deref().unwrap_or_default())?;
            self.next += 1;
        }
        Ok(())
    }

    fn append(&mut self, store: &Store, content: &[u8]) -> io::Result<()> {
        self.bytes += content.len() as u64;
        if let Some(handoff) = &mut self.handoff {
            self.hash.update(content);
            return Ok(handoff.push(content)?);
        }
        if self.bytes > store.longest {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {} bytes", store.longest)));
        }
        self.hash.update(content);
        if content.is_empty() {
            return Ok(());
        }
        match &mut self.partial {
            Some(partial) => partial.file.write_all(content),
            place @ None => match &store.directory {
                Some(directory) => place.insert(Partial::create(directory)?).file.write_all(content),
                None => Ok(()),
            },
        }
    }

    /// Nothing has come.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Everything is here: the file gets its name, which is its hash and nothing that the peer could choose.
    ///
    /// # Errors
    /// It cannot be stored, or it is not a whole handoff where one was to come.
    pub fn complete(&mut self, store: &Store) -> io::Result<Complete> {
        let digest: [u8; 32] = std::mem::take(&mut self.hash).finalize().into();
        let name = hex::encode(digest);
        if let Some(handoff) = self.handoff.take() {
            return Ok(Complete { sha256: name, bytes: self.bytes, handoff: Some(handoff.finish()?) });
        }
        if let Some(directory) = &store.directory {
            let partial = match self.partial.take() {
                Some(partial) => partial,
                None => Partial::create(directory)?,
            };
            partial.keep(&directory.join(&name))?;
        }
        Ok(Complete { sha256: name, bytes: self.bytes, handoff: None })
    }
}

/// Content that is written, and has no name yet: it gets one only when it is kept.
pub fn stage(directory: &Path, content: &[u8]) -> io::Result<Partial> {
    let mut partial = Partial::create(directory)?;
    partial.file.write_all(content)?;
    partial.file.flush()?;
    Ok(partial)
}

/// A file without a name yet. Dropped, it goes away.
pub struct Partial {
    file: BufWriter<File>,
    path: Option<PathBuf>,
}

impl Partial {
    fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join(format!(".{:016x}.part", keys::rng().next_u64()));
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { file: BufWriter::new(file), path: Some(path) })
    }

    /// It gets its name, and is on the disk under it: what follows from that may be written down.
    pub fn keep(mut self, name: &Path) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        if let Some(path) = &self.path {
            fs::rename(path, name)?;
        }
        self.path = None;
        File::open(name.parent().ok_or(io::ErrorKind::InvalidInput)?)?.sync_all()?;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::parts;
    use crate::content::rooms::Rooms;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn begin(first: u64, store: &Store) -> Receiver {
        Receiver::new(first, store, Rc::clone(&store.room))
    }

    #[test]
    fn frames_that_wait_for_an_earlier_one_take_of_the_room_and_give_it_back() {
        for handoffs in [false, true] {
            let magic = b"CEP/1 handoff\n";
            let bytes = 3 * (EARLY + 1);
            let store = Store { room: Room::new(bytes + 14), handoffs, ..Store::files(None, 100) };
            let mut receiver = begin(0, &store);
            let one = |n: usize| Some(&magic[n..=n]);
            for n in 1..=3 {
                receiver.take(&store, n as u64, one(n)).expect("room");
            }
            let left = store.room.hold(14).expect("14 bytes are left");
            let refused = receiver.take(&store, 4, None).expect_err("another one has no room");
            assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
            assert!(begin(0, &store).take(&store, 1, Some(b"x")).is_err(), "nor has another session");
            drop(left);
            receiver.take(&store, 0, one(0)).expect("it closes the gap");
            // A handoff keeps its four bytes; a file has gone where it goes.
            let kept = if handoffs { 4 } else { 0 };
            assert!(store.room.hold(bytes + 14 - kept + 1).is_none());
            assert!(store.room.hold(bytes + 14 - kept).is_some());
            drop(receiver);
            assert!(store.room.hold(bytes + 14).is_some());
        }
    }

    #[test]
    fn of_handoffs_that_wait_to_be_handed_on_a_network_has_64_and_all_have_256() {
        let store = Store::relayed(16 << 20);
        let handoff = parts::write(&[], &[], &[]).expect("short");
        let mut rooms = Rooms::new(Rc::clone(&store.room), store.share);
        let mut fill = |network: u8| {
            let room = rooms.of([network; 9]);
            let mut kept = Vec::new();
            loop {
                let mut receiver = Receiver::new(0, &store, Rc::clone(&room));
                match receiver.take(&store, 0, Some(&handoff)) {
                    Ok(()) => kept.push(receiver.complete(&store).expect("whole")),
                    // Before it is acknowledged.
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
                        return kept;
                    }
                }
            }
        };
        let kept: Vec<_> = (0..5).map(&mut fill).collect();
        assert_eq!(kept.iter().map(Vec::len).collect::<Vec<_>>(), [63, 63, 63, 63, 3], "and their bytes");
        drop(kept);
        assert_eq!(fill(9).len(), 63, "the places come back");
    }

    #[test]
    fn content_is_put_in_order_and_other_kinds_are_left_out() {
        let store = Store::files(None, 3);
        let mut receiver = begin(10, &store);
        for (sequence, content) in [(12, Some("b")), (13, None), (14, Some("c")), (10, None), (11, Some("a"))] {
            receiver.take(&store, sequence, content.map(str::as_bytes)).expect("room");
        }
        assert!(receiver.early.is_empty());
        let complete = receiver.complete(&store).expect("nothing to store");
        assert_eq!((&*complete.sha256, complete.bytes), (ABC, 3));
        assert!(begin(0, &store).take(&store, 0, Some(b"four")).is_err());
    }

    #[test]
    fn a_file_is_named_by_its_hash_and_leaves_nothing_when_it_is_given_up() {
        let place = tempfile::tempdir().expect("a directory");
        let store = Store::files(Some(place.path().to_owned()), u64::MAX);
        let mut receiver = begin(0, &store);
        receiver.take(&store, 0, Some(b"abc")).expect("stored");
        receiver.complete(&store).expect("renamed");
        let mut given_up = begin(0, &store);
        given_up.take(&store, 0, Some(b"abc")).expect("stored");
        drop(given_up);
        let mut empty = begin(0, &store);
        let complete = empty.complete(&store).expect("renamed");
        assert_eq!((fs::read(place.path().join(complete.sha256)).expect("it is there").len(), complete.bytes), (0, 0));
        assert_eq!(fs::read(place.path().join(ABC)).expect("it is there"), b"abc");
        assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 2);
    }
}
