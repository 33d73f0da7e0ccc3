//! What this host has counted of its peers (`IACP §3.6`): a log whose entries are chained, with a head that the host's own key signs.
//!
//! ```text
//! DIR/reputation/log    72 bytes an entry
//! DIR/reputation/head   144 bytes: how many entries count, and the hash over them
//! ```
//!
//! Entries are written once a second, before the head that counts them. So a crash loses a second: what lies behind the head is not
//! counted, and written over. A log that is not the one of its head is put aside, and the host begins a new one.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;

use anyhow::{Context, Result};
use iacp_core::erp::entity::HostEvent;
use iacp_core::erp::keeper::{Keeper, Watched};
use iacp_core::governance::journal::{Entry, Head, Journal};
use iacp_core::governance::reputation::{Account, Proven};
use iacp_core::pss::Admission;
use iacp_core::slots::IndexKey;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;
use rand_core::Rng;

use crate::host::storage::{Folder, replace};
use crate::host::tables::{AGENTS, SESSIONS_EACH};
use crate::keys::{self, Crypto, Identity};

/// Peers that are counted in one epoch.
const ACCOUNTS: usize = 4_096;
/// Entries of a log. The page that reaches it is the last one until the next start, which begins a new log.
const LIMIT: u64 = if cfg!(test) { 100 } else { 1_000_000 };
/// How long counts wait before they are written, in milliseconds.
const WRITE: u64 = 1_000;

/// Entries on their way to the disk, with the head that counts them.
pub struct Page {
    first: u64,
    entries: Vec<u8>,
    head: [u8; Head::LEN],
}

impl Page {
    /// Writes it. The same page may be written twice.
    pub fn write(&self, folder: &Folder) -> io::Result<()> {
        let place = place(folder);
        DirBuilder::new().recursive(true).mode(0o700).create(&place)?;
        let log = File::options().write(true).create(true).truncate(false).mode(0o600).open(place.join("log"))?;
        log.write_all_at(&self.entries, self.first * Entry::LEN as u64)?;
        log.sync_all()?;
        replace(&place.join("head"), &self.head)
    }
}

fn place(folder: &Folder) -> PathBuf {
    folder.path().join("reputation")
}

/// The reputation of peers, and what of it is not written yet.
pub struct Book {
    keeper: Keeper<'static>,
    lii: Identity,
    first: u64,
    pending: Vec<u8>,
    write: Option<Mono>,
}

fn lend<T: Copy>(count: usize, value: T) -> &'static mut [T] {
    Box::leak(vec![value; count].into_boxed_slice())
}

/// What a folder has: the entries that its head counts.
fn read(folder: &Folder, keeper: &Eid) -> Result<Vec<Entry>> {
    let place = place(folder);
    let head = match fs::read(place.join("head")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let head = <&[u8; Head::LEN]>::try_from(head.as_slice()).ok().and_then(Head::from_bytes);
    let head = head.filter(|head| head.keeper == *keeper).context("the head is not of this host")?;
    let log = fs::read(place.join("log"))?;
    let counted = log.as_chunks::<{ Entry::LEN }>().0.iter().take(usize::try_from(head.entries)?);
    let entries: Option<Vec<Entry>> = counted.map(Entry::from_bytes).collect();
    let entries = entries.context("an entry was changed")?;
    Journal::verify::<Crypto>(&head, entries.iter().copied())?;
    anyhow::ensure!(head.entries < LIMIT, "it is full");
    Ok(entries)
}

impl Book {
    /// Goes on with the log of this folder. A log that cannot be gone on with is put aside; the text says why.
    pub fn open(folder: &Folder, lii: Identity) -> Result<(Self, Option<String>)> {
        let mut key = [0; 16];
        keys::rng().fill_bytes(&mut key);
        let (accounts, watched) = (lend(ACCOUNTS, Account::FREE), lend::<Option<Watched>>(SESSIONS, None));
        let mut keeper = Keeper::new::<Crypto>(accounts, watched, IndexKey::new(key), lii.eid());
        let (entries, lost) = match read(folder, &lii.eid()) {
            Ok(entries) => (entries, None),
            Err(why) => {
                let aside = (1_u32..).map(|number| folder.path().join(format!("reputation.{number}")));
                let aside = aside.into_iter().find(|path| !path.exists()).unwrap_or_default();
                fs::rename(place(folder), &aside).with_context(|| format!("cannot write {}", aside.display()))?;
                let what = format!("reputation: {why:#}; a new log begins, the old one is {}", aside.display());
                (Vec::new(), Some(what))
            }
        };
        for entry in &entries {
            keeper.resume::<Crypto>(entry)?;
        }
        let first = keeper.journal().entries();
        Ok((Self { keeper, lii, first, pending: Vec::new(), write: None }, lost))
    }

    /// How many entries there are.
    pub const fn entries(&self) -> u64 {
        self.keeper.journal().entries()
    }

    /// Counts what an event says of a peer.
    pub fn saw(&mut self, now: Mono, unix: UnixTime, event: &HostEvent<'_>) {
        let Self { keeper, pending, .. } = self;
        keeper.saw::<Crypto>(now, unix, event, &mut |entry| pending.extend(entry.to_bytes()));
        self.is_to_be_written(now);
    }

    /// What the LL-Entity is told of a peer, given what the directory's records allow.
    pub fn standing(&mut self, unix: UnixTime, peer: &Eid, by_records: Admission) -> (Admission, u16) {
        let proven = if by_records == Admission::Drop { Proven::Against } else { Proven::Nothing };
        let Self { keeper, pending, .. } = self;
        keeper.standing::<Crypto>(unix, peer, proven, &mut |entry| pending.extend(entry.to_bytes()))
    }

    fn is_to_be_written(&mut self, now: Mono) {
        if !self.pending.is_empty() {
            self.write.get_or_insert(now.after(WRITE));
        }
    }

    /// When something is due.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.write.into_iter().chain(self.keeper.next_deadline()).min()
    }

    /// Does what is due; gives what is to be written.
    pub fn handle_deadline(&mut self, now: Mono, unix: UnixTime) -> Option<Page> {
        let Self { keeper, pending, .. } = self;
        keeper.handle_deadline::<Crypto>(now, unix, &mut |entry| pending.extend(entry.to_bytes()));
        self.is_to_be_written(now);
        if self.write.is_none_or(|write| now < write) {
            return None;
        }
        self.page(unix)
    }

    /// Everything that is not written yet.
    pub fn page(&mut self, unix: UnixTime) -> Option<Page> {
        self.write = None;
        let entries = std::mem::take(&mut self.pending);
        let end = self.entries();
        let first = std::mem::replace(&mut self.first, end);
        if entries.is_empty() || first >= LIMIT {
            return None;
        }
        Some(Page { first, entries, head: self.keeper.journal().head(&self.lii, unix).to_bytes() })
    }
}

/// One place for each session.
const SESSIONS: usize = AGENTS * SESSIONS_EACH as usize;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);
    const PEER: Eid = Eid([5; 32]);

    fn opened(folder: &Folder) -> (Book, Option<String>) {
        Book::open(folder, folder.lii().expect("a key")).expect("a book")
    }

    fn violate(book: &mut Book, times: usize) {
        for _ in 0..times {
            book.saw(Mono(5), NOW, &HostEvent::Compromised { eid: Eid([1; 32]), peer: PEER });
        }
    }

    // shows: IACP-017 (§3.6.1), IACP-020 (§3.6.2), IACP-021 (§3.6.2)
    #[test]
    fn what_was_counted_outlives_the_host() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let (mut book, lost) = opened(&folder);
        assert_eq!(
            (lost, book.next_deadline(), book.standing(NOW, &PEER, Admission::Admit)),
            (None, None, (Admission::Admit, 6_000))
        );
        // R of four violations: S = 40,000 / 16, (45 · 2,500 + 35 · 5,000 + 20 · 10,000) / 100.
        violate(&mut book, 4);
        assert_eq!(book.next_deadline(), Some(Mono(1_005)));
        assert!(book.handle_deadline(Mono(1_004), NOW).is_none());
        let first = book.handle_deadline(Mono(1_005), NOW).expect("four entries");
        assert_eq!(book.standing(NOW, &PEER, Admission::Admit), (Admission::Throttle, 4_875));
        first.write(&folder).expect("written");
        book.page(NOW).expect("the change of its verdict").write(&folder).expect("written");
        assert!(book.page(NOW).is_none());
        drop(book);
        let (mut book, lost) = opened(&folder);
        assert_eq!((lost, book.entries()), (None, 5));
        assert_eq!(book.standing(NOW, &PEER, Admission::Admit), (Admission::Throttle, 4_875));
        assert_eq!(book.standing(NOW, &PEER, Admission::Drop).0, Admission::Drop, "whatever its score is");
        // A crash between the entries and their head: they are not counted.
        violate(&mut book, 1);
        let page = book.page(NOW).expect("an entry");
        let before = fs::read(super::place(&folder).join("head")).expect("a head");
        page.write(&folder).expect("written");
        fs::write(super::place(&folder).join("head"), before).expect("written");
        let (mut book, lost) = opened(&folder);
        assert_eq!((lost, book.entries()), (None, 5));
        violate(&mut book, 1);
        book.page(NOW).expect("an entry").write(&folder).expect("written over what was left");
        assert_eq!((opened(&folder).1, opened(&folder).0.entries()), (None, 6));
    }

    // shows: IACP-017 (§3.6.1)
    #[test]
    fn a_full_log_gives_way_to_a_new_one_at_the_next_start() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        let (mut book, _) = opened(&folder);
        for count in [99, 2] {
            violate(&mut book, count);
            book.page(NOW).expect("it begins below the limit").write(&folder).expect("written");
        }
        violate(&mut book, 1);
        assert!(book.page(NOW).is_none(), "it is full");
        let (mut book, lost) = opened(&folder);
        assert!(lost.expect("it is told").starts_with("reputation: it is full; a new log begins"));
        violate(&mut book, 1);
        book.page(NOW).expect("an entry").write(&folder).expect("written");
        assert_eq!((opened(&folder).1, opened(&folder).0.entries()), (None, 1));
    }

    // shows: IACP-017 (§3.6.1)
    #[test]
    fn a_log_that_was_changed_is_put_aside() {
        let place = tempfile::tempdir().expect("a directory");
        let folder = Folder::new(place.path());
        for (file, at, why) in
            [("log", 39, "hash: an entry was changed"), ("log", 16, "an entry was changed"), ("head", 33, "")]
        {
            let (mut book, _) = opened(&folder);
            violate(&mut book, 2);
            book.page(NOW).expect("entries").write(&folder).expect("written");
            let path = super::place(&folder).join(file);
            let mut bytes = fs::read(&path).expect("it is there");
            bytes[at] ^= 0x40;
            fs::write(&path, bytes).expect("written");
            let (mut book, lost) = opened(&folder);
            let lost = lost.expect("it is told");
            assert!(lost.starts_with(&format!("reputation: {why}")) && lost.contains("the old one is"), "{lost}");
            assert_eq!((book.entries(), book.standing(NOW, &PEER, Admission::Admit).0), (0, Admission::Admit));
        }
        assert!(place.path().join("reputation.3/log").exists());
        // The log of another host is none of this one's.
        let (mut book, _) = opened(&folder);
        violate(&mut book, 1);
        book.page(NOW).expect("an entry").write(&folder).expect("written");
        fs::remove_file(place.path().join("lii")).expect("it was there");
        assert!(opened(&folder).1.expect("told").contains("the head is not of this host"));
    }
}
