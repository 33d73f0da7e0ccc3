//! The receiving end: files in a folder, taken over from sessions so that neither a loss nor a crash takes anything back.
//!
//! ```text
//! DIR/.NUMBER.part    what is there of a transfer
//! DIR/.NUMBER.json    what it is, and which session brings it
//! DIR/SHA-256         a file that is whole
//! ```
//!
//! What a session brings is written and synced, then it is CONSUMED, and only then the sender forgets it. No socket here:
//! what comes goes in, and what is to be asked comes out.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use iacp_wire::Eid;
use serde::{Deserialize, Serialize};

use crate::local::channel::WINDOW;
use crate::local::transfer::{Answer, Offer};
use crate::telling::step::Step;

mod hash;
mod journal;
#[cfg(test)]
mod tests;

use hash::Running;
pub use hash::digest;

/// Transfers that are not complete are kept for their senders up to this number; then one goes of which little is there, or that
/// nothing was brought of for a day.
const UNFINISHED: usize = 64;

const DAY: Duration = Duration::from_secs(86_400);
/// How many completed transfers are remembered, for senders that missed the confirmation.
const FINISHED: usize = 256;

/// What the agent is to ask of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Say { item: u64, answer: Answer },
    Consumed { below: u64 },
    Close,
    Abort,
}

/// A transfer, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    size: u64,
    sha256: String,
    chunk: u16,
    from: String,
    done: bool,
    /// The run of the host, the session in it, and the number of its first item.
    boot: String,
    session: u64,
    first: u64,
    /// What was there when the session began.
    base: u64,
}

struct Transfer {
    number: String,
    kept: Kept,
    file: Option<File>,
    length: u64,
    hash: Running,
}

impl Transfer {
    /// What came in earlier sessions is not hashed yet.
    fn is_behind(&self) -> bool {
        self.file.is_some() && self.hash.upto() < self.length
    }
}

/// One session.
struct Stream {
    peer: Eid,
    first: u64,
    next: u64,
    fin: Option<u64>,
    early: BTreeMap<u64, Vec<u8>>,
    transfer: Option<Transfer>,
    /// Something has come, or come again, since the host was told what is safe.
    dirty: bool,
    /// The agent asked for what it may have had already.
    rewound: bool,
    /// Nothing more is taken from it.
    over: bool,
}

/// All transfers of an agent.
pub struct Intake {
    folder: PathBuf,
    longest: u64,
    boot: String,
    streams: HashMap<u64, Stream>,
    replies: Vec<(u64, Reply)>,
    steps: Vec<Step>,
    /// Items that came twice without having been asked for again.
    twice: u64,
}

impl Intake {
    /// Files go to `folder`, and none is longer than `longest`.
    pub fn new(folder: &Path, longest: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("--out: cannot make {}", folder.display()))?;
        let folder = folder.to_owned();
        let intake = Self {
            folder,
            longest,
            boot: String::new(),
            streams: HashMap::new(),
            replies: Vec::new(),
            steps: Vec::new(),
            twice: 0,
        };
        intake.prune("").with_context(|| format!("--out: cannot read {}", intake.folder.display()))?;
        Ok(intake)
    }

    /// The agent has a context, in this run of the host. If it is the same one as before, its sessions may live: returns
    /// those that are to be rewound.
    pub fn begin(&mut self, boot: &str, same: bool) -> Result<Vec<u64>> {
        boot.clone_into(&mut self.boot);
        self.streams.clear();
        if !same {
            return Ok(Vec::new());
        }
        for (number, kept) in self.transfers()? {
            if kept.boot != boot || kept.session == 0 {
                continue;
            }
            if let Some((session, stream)) = self.restore(number, kept)? {
                self.streams.insert(session, stream);
            }
        }
        Ok(self.streams.keys().copied().collect())
    }

    /// A session of before, from what is on stable storage: whole chunks count.
    fn restore(&self, number: String, kept: Kept) -> io::Result<Option<(u64, Stream)>> {
        let (chunk, session, first) = (u64::from(kept.chunk), kept.session, kept.first);
        let (file, length) = if kept.done || self.is_whole(&number, &kept) {
            (None, kept.size)
        } else {
            let mut file = match self.part(&number, false) {
                Ok(file) => file,
                // It was given up, and its journal outlived it: the session brings something of no transfer.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let length = file.metadata()?.len().min(kept.size);
            let length = if length == kept.size { length } else { length - length.saturating_sub(kept.base) % chunk };
            // A crash may have left a piece of a chunk.
            file.set_len(length)?;
            file.seek(SeekFrom::End(0))?;
            (Some(file), length)
        };
        let items = length.saturating_sub(kept.base).div_ceil(chunk);
        let Ok(peer) = hex::decode(&kept.from).map(|bytes| Eid(bytes.try_into().unwrap_or_default())) else {
            return Ok(None);
        };
        let transfer = Some(Transfer { number, kept, file, length, hash: Running::default() });
        let next = first + 1 + items;
        let stream = Stream {
            peer,
            first,
            next,
            fin: None,
            early: BTreeMap::new(),
            transfer,
            dirty: false,
            rewound: true,
            over: false,
        };
        Ok(Some((session, stream)))
    }

    /// What is to be asked after a rewind: the answers may not have been given.
    pub fn rewound(&mut self, session: u64) {
        let Some(transfer) = self.streams.get(&session).and_then(|stream| stream.transfer.as_ref()) else { return };
        let (number, from, bytes) = (transfer.number.clone(), transfer.length, transfer.kept.size);
        self.replies.push((session, Reply::Say { item: 0, answer: Answer::Have(transfer.kept.base) }));
        self.steps.push(Step::GoesOn { transfer: number, from, bytes });
    }

    pub fn opened(&mut self, session: u64, peer: Eid, first: u64) {
        let stream = Stream {
            peer,
            first,
            next: first,
            fin: None,
            early: BTreeMap::new(),
            transfer: None,
            dirty: false,
            rewound: false,
            over: false,
        };
        self.streams.entry(session).or_insert(stream);
        self.steps.push(Step::Opened { peer: hex::encode(peer.0) });
    }

    /// A session that another host has handed over goes on here, under another number: the peer says nothing again of what it has
    /// been told to be safe.
    pub fn goes_on(&mut self, session: u64, peer: Eid, first: u64) -> Result<()> {
        let from = hex::encode(peer.0);
        for (number, kept) in self.transfers()? {
            if kept.from != from || kept.boot == self.boot || kept.session == 0 || first <= kept.first {
                continue;
            }
            let Some((_, mut stream)) = self.restore(number.clone(), kept)? else { continue };
            // One more than there are items: the end of them was told to be safe, too.
            if first > stream.next + 1 {
                continue;
            }
            stream.fin = (first > stream.next).then_some(stream.next);
            stream.dirty = true;
            if let Some(transfer) = &mut stream.transfer {
                (transfer.kept.session, transfer.kept.boot) = (session, self.boot.clone());
                self.keep(&number, &transfer.kept).context("cannot keep the file")?;
            }
            self.streams.insert(session, stream);
            self.rewound(session);
            self.complete(session);
            return Ok(());
        }
        self.opened(session, peer, first);
        Ok(())
    }

    /// An item; they come in any order.
    pub fn data(&mut self, session: u64, sequence: u64, content: Vec<u8>) {
        let Some(stream) = self.streams.get_mut(&session) else {
            // Its OPENED was told to a process that is gone.
            self.replies.push((session, Reply::Abort));
            return;
        };
        if stream.over {
            return;
        }
        if sequence != stream.next {
            let known = sequence < stream.next || stream.early.contains_key(&sequence);
            self.twice += u64::from(known && !stream.rewound);
            stream.dirty |= known;
            if !known && stream.early.len() < WINDOW as usize {
                stream.early.insert(sequence, content);
            }
            return;
        }
        let mut item = Some(content);
        while let Some(content) = item {
            if let Err(error) = self.take(session, &content) {
                self.give_up(session, &format!("{error:#}"));
                return;
            }
            let Some(stream) = self.streams.get_mut(&session) else { return };
            stream.next += 1;
            stream.dirty = true;
            item = stream.early.remove(&stream.next);
        }
        self.complete(session);
    }

    pub fn finished(&mut self, session: u64, sequence: u64) {
        if let Some(stream) = self.streams.get_mut(&session) {
            stream.fin = Some(sequence);
            stream.dirty = true;
            self.complete(session);
        }
    }

    pub fn close_requested(&mut self, session: u64) {
        self.replies.push((session, Reply::Close));
    }

    /// A session is over; what it has brought stays.
    pub fn closed(&mut self, session: u64, in_good_order: bool, how: &str) {
        let Some(stream) = self.streams.remove(&session) else { return };
        let unfinished = stream.transfer.is_some_and(|transfer| !transfer.kept.done);
        if unfinished || !in_good_order {
            self.steps.push(Step::Broken { why: how.to_owned() });
        }
    }

    /// What has come is made safe, and the host is told so. Call it when nothing waits to be taken.
    pub fn flush(&mut self) -> Vec<(u64, Reply)> {
        let mut lost = Vec::new();
        for (session, stream) in &mut self.streams {
            if !std::mem::take(&mut stream.dirty) || stream.over {
                continue;
            }
            let file = stream.transfer.as_ref().and_then(|transfer| transfer.file.as_ref());
            if let Some(Err(error)) = file.map(File::sync_data) {
                lost.push((*session, error.to_string()));
                continue;
            }
            let below = stream.next + u64::from(stream.fin == Some(stream.next));
            self.replies.push((*session, Reply::Consumed { below }));
        }
        for (session, error) in lost {
            self.give_up(session, &format!("cannot keep the file: {error}"));
        }
        std::mem::take(&mut self.replies)
    }

    pub fn steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }

    /// The next item in order.
    fn take(&mut self, session: u64, content: &[u8]) -> Result<()> {
        let Some(stream) = self.streams.get_mut(&session) else { return Ok(()) };
        if stream.next == stream.first {
            let offer = Offer::parse(content).context("the peer's first item offers no file")?;
            return self.offered(session, &offer);
        }
        let transfer = stream.transfer.as_mut().context("the peer offers no file")?;
        let chunk = usize::from(transfer.kept.chunk);
        let end = transfer.length + content.len() as u64;
        let fits = end <= transfer.kept.size
            && (content.len() == chunk || (end == transfer.kept.size && content.len() < chunk));
        if !fits || content.is_empty() {
            anyhow::bail!("an item of {} bytes at byte {} does not fit the offer", content.len(), transfer.length);
        }
        let file = transfer.file.as_mut().context("the file is complete")?;
        file.write_all(content).context("cannot keep the file")?;
        transfer.hash.follows(transfer.length, content);
        transfer.length = end;
        Ok(())
    }

    fn offered(&mut self, session: u64, offer: &Offer) -> Result<()> {
        let number = hex::encode(offer.number);
        if offer.size > self.longest {
            let answer = Answer::Refused(format!("longer than {} bytes", self.longest));
            self.replies.push((session, Reply::Say { item: 0, answer }));
            return Ok(());
        }
        let Some(stream) = self.streams.get_mut(&session) else { return Ok(()) };
        let (peer, first) = (stream.peer, stream.first);
        let known = self.kept(&number)?;
        let sha256 = hex::encode(offer.sha256);
        if known.as_ref().is_some_and(|known| known.size != offer.size || known.sha256 != sha256) {
            let answer = Answer::Refused("another file has this number".into());
            self.replies.push((session, Reply::Say { item: 0, answer }));
            return Ok(());
        }
        // A session that brought it before is over, whether its end is known yet or not.
        let earlier = self.streams.iter().find_map(|(other, stream)| {
            let same = stream.transfer.as_ref().is_some_and(|transfer| transfer.number == number);
            (same && *other != session).then_some(*other)
        });
        if let Some(earlier) = earlier {
            self.streams.remove(&earlier);
            self.replies.push((earlier, Reply::Abort));
        }
        let done = known.as_ref().is_some_and(|known| known.done);
        let whole = done || known.is_some_and(|known| self.is_whole(&number, &known));
        let (mut file, mut base) = (None, offer.size);
        if !whole {
            let part = self.part(&number, true)?;
            part.sync_data()?;
            base = part.metadata()?.len().min(offer.size);
            file = Some(part);
        }
        let kept = Kept {
            size: offer.size,
            sha256,
            chunk: offer.chunk,
            from: hex::encode(peer.0),
            done,
            boot: self.boot.clone(),
            session,
            first,
            base,
        };
        self.keep(&number, &kept).context("cannot keep the file")?;
        self.prune(&number)?;
        self.steps.push(Step::GoesOn { transfer: number.clone(), from: base, bytes: offer.size });
        self.replies.push((session, Reply::Say { item: 0, answer: Answer::Have(base) }));
        if let Some(stream) = self.streams.get_mut(&session) {
            stream.transfer = Some(Transfer { number, kept, file, length: base, hash: Running::default() });
        }
        Ok(())
    }

    /// Everything that was sent has come: it is the file, or it is not.
    fn complete(&mut self, session: u64) {
        let Some(stream) = self.streams.get_mut(&session) else { return };
        if stream.fin != Some(stream.next) || stream.over {
            return;
        }
        // A sender that was refused finishes, too. One that has sent all waits until the hash is there.
        let Some(mut transfer) = stream.transfer.take_if(|transfer| !transfer.is_behind()) else { return };
        let answer = match self.settle(&mut transfer) {
            Ok(answer) => answer,
            Err(error) => {
                self.give_up(session, &format!("{error:#}"));
                return;
            }
        };
        // What was refused has left nothing: a repeated end of the stream must not find it, and take it for a file that is there.
        let is_there = matches!(answer, Answer::Done(_));
        self.replies.push((session, Reply::Say { item: 1, answer }));
        if let Some(stream) = self.streams.get_mut(&session) {
            stream.transfer = Some(transfer).filter(|_| is_there);
        }
    }

    fn settle(&mut self, transfer: &mut Transfer) -> Result<Answer> {
        let wanted = transfer.kept.sha256.clone();
        if !transfer.kept.done {
            if transfer.length != transfer.kept.size {
                anyhow::bail!("the peer finishes at byte {} of {}", transfer.length, transfer.kept.size);
            }
            // Without one, the file has its name already.
            if let Some(file) = transfer.file.take() {
                file.sync_all().context("cannot keep the file")?;
                let (part, found) = (self.part_path(&transfer.number), transfer.hash.digest());
                if found != wanted {
                    fs::remove_file(&part).context("cannot remove what is no file")?;
                    fs::remove_file(self.journal(&transfer.number)).context("cannot remove what is no file")?;
                    self.steps.push(Step::Broken { why: format!("what came has another digest: {found}") });
                    return Ok(Answer::Refused("what came has another digest".into()));
                }
                fs::rename(&part, self.folder.join(&wanted)).context("cannot keep the file")?;
            }
            File::open(&self.folder).and_then(|folder| folder.sync_all()).context("cannot keep the file")?;
            transfer.kept.done = true;
            self.keep(&transfer.number, &transfer.kept).context("cannot keep the file")?;
            self.steps.push(Step::Stored {
                transfer: transfer.number.clone(),
                bytes: transfer.kept.size,
                sha256: wanted.clone(),
                from: transfer.kept.from.clone(),
                twice: self.twice,
            });
        }
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&wanted, &mut sha256)?;
        Ok(Answer::Done(sha256))
    }

    /// Hashes a piece of what came in earlier sessions. Whether there is more: a long file must not keep the agent from its host, so
    /// that this is called between notices.
    pub fn catch_up(&mut self) -> bool {
        let behind = self.streams.iter_mut().filter_map(|(session, stream)| {
            let transfer = stream.transfer.as_mut().filter(|transfer| transfer.is_behind())?;
            Some((*session, transfer))
        });
        let Some((session, transfer)) = behind.min_by_key(|(_, transfer)| transfer.length - transfer.hash.upto())
        else {
            return false;
        };
        let Some(file) = &transfer.file else { return false };
        if let Err(error) = transfer.hash.read(file, transfer.length) {
            self.give_up(session, &format!("cannot read the file: {error}"));
        } else if !transfer.is_behind() {
            self.complete(session);
        }
        true
    }

    fn give_up(&mut self, session: u64, why: &str) {
        if let Some(stream) = self.streams.get_mut(&session) {
            (stream.over, stream.transfer) = (true, None);
        }
        self.steps.push(Step::Broken { why: why.to_owned() });
        self.replies.push((session, Reply::Abort));
    }
}
