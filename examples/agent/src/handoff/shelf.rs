//! What a listener gives out on request: the objects of an outbox, each to the agent that it was sealed for.
//!
//! ```text
//! FOLDER/NAME/NAME, NAME+manifest.json, NAME+notice.json
//! ```
//!
//! That is an outbox of `agent handoff --outbox` or `dropbox seal --outbox`; a notification may be missing. Nothing tells an agent
//! that an object is not there from one that is not for it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cep_envelope::Surface;
use cep_envelope::manifest::{MAX_OUTER, SealedManifest};
use cep_envelope::notification::MAX_NOTIFICATION;
use iacp_wire::Eid;

use crate::content::parts::{self, Room};
use crate::content::rooms::{Rooms, Site};
use crate::handoff::sealing::Envelope;
use crate::server::Reply;

/// The manifest's file, behind the object's name.
pub const MANIFEST: &str = "+manifest.json";
/// The notification's file, behind the object's name.
pub const NOTICE: &str = "+notice.json";
/// What all replies under way may take together, in bytes.
const ROOM: usize = 256 << 20;
/// What a reply takes beside its content at most, in bytes.
const BESIDE: usize = 64 << 10;

/// A folder of objects, and the agents that may have all of them.
pub struct Shelf {
    folder: PathBuf,
    readers: Vec<Eid>,
    longest: u64,
    /// A network has a quarter of it, or as much as one object takes.
    rooms: Rooms,
}

impl Shelf {
    /// Objects of at most `longest` bytes. An agent of `readers` gets every one, any other those that are sealed for its EID.
    pub fn new(folder: PathBuf, readers: Vec<Eid>, longest: u64) -> Result<Self> {
        ensure!(folder.is_dir(), "--serve {}: no folder", folder.display());
        let one = usize::try_from(longest).unwrap_or(usize::MAX).saturating_add(BESIDE);
        let rooms = Rooms::new(Room::new(ROOM), one.clamp(ROOM / 4, ROOM));
        Ok(Self { folder, readers, longest, rooms })
    }

    /// The object of this name, if it is here and this agent, which asks from this network, may have it.
    ///
    /// # Errors
    /// It is here and cannot be read, or there is no room for it now.
    pub fn find(&mut self, name: &[u8], peer: &Eid, network: Site) -> Result<Option<Reply>> {
        // A surface has no '/', and is not '..'.
        let Ok(surface) = Surface::parse_bytes(name) else { return Ok(None) };
        let name = surface.as_str();
        let folder = self.folder.join(name);
        let Some(outer) = read(&folder.join(format!("{name}{MANIFEST}")), MAX_OUTER as u64)? else { return Ok(None) };
        let Ok(sealed) = SealedManifest::parse(&outer) else { return Ok(None) };
        if !self.readers.contains(peer) && sealed.claimed_recipient() != hex::encode(peer.0) {
            return Ok(None);
        }
        let Some(content) = read(&folder.join(name), self.longest)? else { return Ok(None) };
        let notice = read(&folder.join(format!("{name}{NOTICE}")), MAX_NOTIFICATION as u64)?.unwrap_or_default();
        let stream = parts::write(&notice, &outer, &content).context("too long")?;
        let held = self.rooms.of(network).hold(stream.len()).context("too much is asked for at once")?;
        Ok(Some(Reply::in_room(stream, held)))
    }
}

/// A regular file of at most `longest` bytes; `None` if there is none.
fn read(path: &Path, longest: u64) -> Result<Option<Vec<u8>>> {
    let unfit = || path.display().to_string();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(unfit),
    };
    ensure!(file.metadata().with_context(unfit)?.is_file(), "{}: no regular file", unfit());
    let mut bytes = Vec::new();
    file.take(longest.saturating_add(1)).read_to_end(&mut bytes).with_context(unfit)?;
    ensure!(bytes.len() as u64 <= longest, "{}: longer than {longest} bytes", unfit());
    Ok(Some(bytes))
}

/// Puts a sealed object where it may be asked for.
pub fn keep(folder: &Path, envelope: &Envelope, content: &[u8]) -> Result<()> {
    let name = &envelope.name;
    let unfit = |path: &Path| format!("--outbox: cannot write {}", path.display());
    let folder = folder.join(name);
    fs::create_dir_all(&folder).with_context(|| unfit(&folder))?;
    // The manifest last: an object without one is not given out.
    for (behind, bytes) in [("", content), (NOTICE, &envelope.notice), (MANIFEST, &envelope.outer)] {
        place(&folder, &format!("{name}{behind}"), bytes)
            .with_context(|| unfit(&folder.join(format!("{name}{behind}"))))?;
    }
    Ok(())
}

/// Writes a file under a hidden name, and gives it its own when it is complete; never in the place of another. The same content,
/// which an earlier run has placed before it was interrupted, stays.
pub fn place(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let hidden = folder.join(format!(".{name}.{:016x}", rand_core::Rng::next_u64(&mut crate::keys::rng())));
    let write = || {
        let mut file = File::create_new(&hidden)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::hard_link(&hidden, folder.join(name))
    };
    let written = write();
    let _ = fs::remove_file(&hidden);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_the_same(&folder.join(name), bytes) => Ok(()),
        written => written,
    }
}

fn is_the_same(path: &Path, bytes: &[u8]) -> bool {
    read(path, bytes.len() as u64).is_ok_and(|there| there.as_deref() == Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::sealing;
    use crate::keys;

    const NETWORK: Site = [1; 9];

    #[test]
    fn an_object_goes_to_the_agent_it_is_for_and_to_readers_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let [(_, alice), (_, _)] = [(); 2].map(|()| keys::sealer(None).expect("a key"));
        let [bob, carol, dave] = [(); 3].map(|()| keys::identity(None).expect("a key").eid());
        let envelope = sealing::envelope(&alice, &bob, b"content", None).expect("sealed");
        keep(place.path(), &envelope, b"content").expect("kept");
        let shelf = |longest| Shelf::new(place.path().to_owned(), vec![carol], longest).expect("a folder");
        let find = |name: &str, peer| shelf(7).find(name.as_bytes(), peer, NETWORK).expect("readable");
        for peer in [&bob, &carol] {
            let reply = find(&envelope.name, peer).expect("it may have it");
            assert_eq!(reply.stream, envelope.stream);
        }
        assert!(find(&envelope.name, &dave).is_none());
        for name in ["", "..", "../x", &format!("{0}/{0}", envelope.name), "20260514t064148z.message.x.normal.tza"] {
            assert!(find(name, &bob).is_none(), "{name}");
        }
        assert!(shelf(6).find(envelope.name.as_bytes(), &bob, NETWORK).is_err(), "longer than is given out");
        assert!(keep(place.path(), &envelope, b"other").is_err(), "a name is given once");
        assert!(keep(place.path(), &envelope, b"content").is_ok(), "the same again, as after an interruption");
        fs::remove_file(place.path().join(&envelope.name).join(&envelope.name)).expect("removed");
        assert!(find(&envelope.name, &bob).is_none(), "a manifest alone is no object");
    }

    #[test]
    fn the_room_for_replies_is_shared_among_networks_and_comes_back() {
        let place = tempfile::tempdir().expect("a folder");
        let (_, alice) = keys::sealer(None).expect("a key");
        let bob = keys::identity(None).expect("a key").eid();
        let envelope = sealing::envelope(&alice, &bob, b"content", None).expect("sealed");
        keep(place.path(), &envelope, b"content").expect("kept");
        let mut shelf = Shelf::new(place.path().to_owned(), vec![], 7).expect("a folder");
        let one = envelope.stream.len();
        shelf.rooms = Rooms::new(Room::new(2 * one), one);
        let mut find = |network| shelf.find(envelope.name.as_bytes(), &bob, network);
        let first = find(NETWORK).expect("room");
        assert!(find(NETWORK).is_err(), "the first takes all of its network's share");
        let other = find([2; 9]).expect("room of another network");
        assert!(find([3; 9]).is_err(), "nothing is left");
        drop((first, other));
        assert!(find(NETWORK).expect("room").is_some());
    }
}
