//! The local channels of a host: a Unix socket for agents in other processes, with frames one behind the other.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use iacp_wire::Eid;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::carrier::stream::read_frame;
use crate::host::tables::{CHANNELS, CHANNELS_EACH};

/// Frames of all channels that wait for their turn.
const INBOX: usize = 256;
/// With more unread bytes than this, the host reads nothing from the agent.
const SLOW: usize = 256 << 10;
/// With more than this, its channel is closed; it can ask again for what it missed.
const STUCK: usize = 8 << 20;
/// How soon it is looked whether a slow agent has read.
const LOOK: Duration = Duration::from_millis(5);
/// How many notices without content are kept for an agent that has no channel at the moment.
const MISSED: usize = 256;
/// How long the number of a closed channel is not reused: the LL-Entity may still hold frames for it.
const SHUT: Duration = Duration::from_secs(61);

/// If all numbers are taken, a connection without an agent for this long gives its number to another process.
const IDLE: Duration = Duration::from_secs(10);

/// Something came by a local channel.
pub enum Heard {
    Opened(UnixStream),
    Frame { number: u32, serial: u64, frame: Zeroizing<Vec<u8>> },
    Closed { number: u32, serial: u64 },
}

/// One connection.
struct Connection {
    /// Tells it from earlier ones of the same number.
    serial: u64,
    account: u32,
    frames: mpsc::UnboundedSender<Zeroizing<Vec<u8>>>,
    since: Instant,
    /// Bytes that the agent has not read.
    waiting: Arc<AtomicUsize>,
    tasks: [AbortHandle; 2],
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// All local channels. A channel's number says where answers go, so it is given to another process only when no agent
/// answers to it any more.
pub struct Channels {
    inbox: mpsc::Receiver<Heard>,
    heard: mpsc::Sender<Heard>,
    connections: HashMap<u32, Connection>,
    /// The last channel of each agent.
    agents: HashMap<Eid, u32>,
    missed: HashMap<Eid, VecDeque<Vec<u8>>>,
    shut: HashMap<u32, Instant>,
    next: u32,
    serial: u64,
}

impl Channels {
    /// Listens at `path`; only the user that the host runs as may come.
    pub fn listen(path: &Path) -> anyhow::Result<Self> {
        let listener = private_socket(path)?;
        let (heard, inbox) = mpsc::channel(INBOX);
        let opened = heard.clone();
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        if opened.send(Heard::Opened(stream)).await.is_err() {
                            return;
                        }
                    }
                    // No file descriptors, perhaps: later there may be some.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Ok(Self {
            inbox,
            heard,
            connections: HashMap::new(),
            agents: HashMap::new(),
            missed: HashMap::new(),
            shut: HashMap::new(),
            next: 0,
            serial: 0,
        })
    }

    /// What comes next. A call that is given up loses nothing.
    pub async fn next(&mut self) -> Option<Heard> {
        self.inbox.recv().await
    }

    /// How many channels are open.
    pub fn open(&self) -> usize {
        self.connections.len()
    }

    /// A process has connected; returns the number of its channel, and the account whose share it has. The process decides of
    /// nothing but that: which agent is there, its token says.
    ///
    /// # Errors
    /// There is no number for it: it is closed again.
    pub fn opened(&mut self, stream: UnixStream) -> Result<(u32, u32), &'static str> {
        let process = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
        // Processes of another namespace have no number here: they share one account.
        let account = process.and_then(|process| u32::try_from(process).ok()).filter(|process| *process != 0);
        let account = account.unwrap_or(u32::MAX);
        let of_it = self.connections.values().filter(|connection| connection.account == account).count();
        if of_it >= CHANNELS_EACH {
            return Err("a process has its share of local channels: one more is closed");
        }
        let number = self.free_number().or_else(|| self.idle_number());
        let number = number.ok_or("no local channel is free: a process is turned away")?;
        self.next = (number + 1) % limit();
        self.serial += 1;
        let (reader, writer) = stream.into_split();
        let (frames, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let reading = tokio::spawn(read(reader, number, self.serial, Arc::clone(&waiting), self.heard.clone()));
        let writing = tokio::spawn(write(writer, queue, Arc::clone(&waiting)));
        let tasks = [reading.abort_handle(), writing.abort_handle()];
        let (serial, since) = (self.serial, Instant::now());
        self.connections.insert(number, Connection { serial, account, frames, since, waiting, tasks });
        Ok((number, account))
    }

    /// A number for an agent that has come from another host: what it is told is kept until it comes by a channel. Nothing where
    /// all numbers are taken.
    pub fn reserve(&mut self, eid: Eid) -> Option<u32> {
        let number = self.free_number()?;
        self.agents.insert(eid, number);
        Some(number)
    }

    fn free_number(&mut self) -> Option<u32> {
        let now = Instant::now();
        self.shut.retain(|_, until| *until > now);
        (0..limit()).map(|step| (self.next + step) % limit()).find(|number| {
            let used = self.connections.contains_key(number) || self.shut.contains_key(number);
            !used && !self.agents.values().any(|of| of == number)
        })
    }

    /// The number of the oldest connection by which no agent has come, if that is old enough. It is closed.
    fn idle_number(&mut self) -> Option<u32> {
        let is_agents = |number: &u32| self.agents.values().any(|of| of == number);
        let idle = self.connections.iter().filter(|(number, _)| !is_agents(number) && !self.shut.contains_key(number));
        let (number, oldest) = idle.min_by_key(|(_, connection)| connection.since)?;
        let number = (oldest.since.elapsed() >= IDLE).then_some(*number)?;
        self.connections.remove(&number);
        Some(number)
    }

    /// Whether this connection is the one that has the number now.
    pub fn is_current(&self, number: u32, serial: u64) -> bool {
        self.connections.get(&number).is_some_and(|connection| connection.serial == serial)
    }

    /// A connection is over. Its agents may come back by another one.
    pub fn closed(&mut self, number: u32) {
        self.connections.remove(&number);
    }

    /// The LL-Entity drops this channel's frames for a minute: too many wrong tokens.
    pub fn shut(&mut self, number: u32) {
        self.connections.remove(&number);
        self.shut.insert(number, Instant::now() + SHUT);
    }

    /// An agent has shown its token on this channel: it gets what it has missed.
    pub fn came(&mut self, eid: Eid, number: u32) {
        if self.agents.insert(eid, number) == Some(number) && !self.missed.contains_key(&eid) {
            return;
        }
        for notice in self.missed.remove(&eid).unwrap_or_default() {
            self.tell(number, notice);
        }
    }

    /// The agent is gone.
    pub fn gone(&mut self, eid: &Eid) {
        self.agents.remove(eid);
        self.missed.remove(eid);
    }

    /// Sends a frame to a channel; `false` if there is none.
    pub fn tell(&mut self, number: u32, frame: Vec<u8>) -> bool {
        let Some(connection) = self.connections.get(&number) else { return false };
        let waiting = connection.waiting.fetch_add(frame.len(), Ordering::Relaxed);
        if waiting > STUCK || connection.frames.send(Zeroizing::new(frame)).is_err() {
            self.connections.remove(&number);
            return false;
        }
        true
    }

    /// Tells an agent something. Where it has no channel, content is lost, which an agent that HOLDs asks for again; the
    /// rest is kept for a while.
    pub fn notify(&mut self, eid: Eid, number: u32, notice: Vec<u8>, is_content: bool) {
        // A channel that is closed by this very notice, because its agent has stopped reading, has not told it.
        let kept = (!is_content).then(|| notice.clone());
        if !self.tell(number, notice)
            && let Some(notice) = kept
        {
            let missed = self.missed.entry(eid).or_default();
            if missed.len() >= MISSED {
                missed.pop_front();
            }
            missed.push_back(notice);
        }
    }
}

fn limit() -> u32 {
    u32::try_from(CHANNELS).unwrap_or(u32::MAX)
}

/// A socket that only this user can connect to. What an earlier process has left at the path is removed: the folder is
/// locked, so no other one listens there.
pub fn private_socket(path: &Path) -> anyhow::Result<UnixListener> {
    let shown = path.display();
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen at {shown}"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(|| format!("cannot protect {shown}"))?;
    Ok(listener)
}

async fn read(
    mut from: OwnedReadHalf,
    number: u32,
    serial: u64,
    waiting: Arc<AtomicUsize>,
    heard: mpsc::Sender<Heard>,
) {
    while let Ok(Some(frame)) = read_frame(&mut from).await {
        if heard.send(Heard::Frame { number, serial, frame: Zeroizing::new(frame) }).await.is_err() {
            return;
        }
        while waiting.load(Ordering::Relaxed) > SLOW {
            tokio::time::sleep(LOOK).await;
        }
    }
    let _ = heard.send(Heard::Closed { number, serial }).await;
}

async fn write(
    mut to: OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<Zeroizing<Vec<u8>>>,
    waiting: Arc<AtomicUsize>,
) {
    while let Some(frame) = queue.recv().await {
        if to.write_all(&frame).await.is_err() {
            return;
        }
        waiting.fetch_sub(frame.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(channels: &mut Channels) -> (u32, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        // Each is as if it came from a process of its own.
        let opened = channels.opened(ours).expect("a number is free");
        channels.connections.values_mut().for_each(|connection| connection.account = 0);
        (opened.0, theirs)
    }

    /// Channels of which one, with this number, was the agent's until its process ended.
    fn left_by_its_agent() -> (tempfile::TempDir, Channels, Eid, u32) {
        let place = tempfile::tempdir().expect("a directory");
        let mut channels = Channels::listen(&place.path().join("socket")).expect("it listens");
        let eid = Eid([1; 32]);
        let (number, _stream) = pair(&mut channels);
        channels.came(eid, number);
        channels.closed(number);
        (place, channels, eid, number)
    }

    #[tokio::test]
    async fn a_number_is_given_to_another_process_only_when_no_agent_answers_to_it() {
        let (_place, mut channels, eid, number) = left_by_its_agent();
        for _ in 0..3 * CHANNELS {
            let (other, _stream) = pair(&mut channels);
            assert_ne!(other, number, "its agent may come back");
            channels.closed(other);
        }
        channels.gone(&eid);
        let free = (0..CHANNELS).any(|_| {
            let (other, _stream) = pair(&mut channels);
            channels.closed(other);
            other == number
        });
        assert!(free, "no agent answers to it any more");
    }

    #[tokio::test]
    async fn what_an_agent_without_a_channel_misses_is_kept_but_for_content() {
        let (_place, mut channels, eid, number) = left_by_its_agent();
        channels.notify(eid, number, b"\x18\x80\x00\x01a".to_vec(), false);
        channels.notify(eid, number, b"\x18\x80\x00\x01b".to_vec(), true);
        for _ in 0..MISSED {
            channels.notify(Eid([2; 32]), number, b"\x18\x80\x00\x01c".to_vec(), false);
        }
        let (number, mut stream) = pair(&mut channels);
        channels.came(eid, number);
        channels.tell(number, b"\x18\x80\x00\x01d".to_vec());
        for expected in [b"\x18\x80\x00\x01a", b"\x18\x80\x00\x01d"] {
            let frame = read_frame(&mut stream).await.expect("whole").expect("one more");
            assert_eq!(frame, expected);
        }
    }

    #[tokio::test]
    async fn connections_by_which_no_agent_comes_do_not_keep_all_numbers() {
        let place = tempfile::tempdir().expect("a directory");
        let mut channels = Channels::listen(&place.path().join("socket")).expect("it listens");
        let mut held: Vec<_> = (0..CHANNELS).map(|_| pair(&mut channels)).collect();
        channels.came(Eid([1; 32]), held[0].0);
        let another = |channels: &mut Channels| {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            channels.opened(ours).ok().map(|(number, _)| (number, theirs))
        };
        assert!(another(&mut channels).is_none(), "they may have just come");
        channels.connections.values_mut().for_each(|connection| connection.since -= IDLE);
        for _ in 1..CHANNELS {
            let (number, stream) = another(&mut channels).expect("an idle one gives way");
            channels.connections.values_mut().for_each(|connection| connection.account = 0);
            assert_ne!(number, held[0].0, "an agent has come by it");
            held.push((number, stream));
        }
        assert!(another(&mut channels).is_none(), "these have just come");
    }

    #[tokio::test]
    async fn a_process_has_its_share_of_channels_and_leaves_the_others() {
        let place = tempfile::tempdir().expect("a directory");
        let mut channels = Channels::listen(&place.path().join("socket")).expect("it listens");
        let mut open = || {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            channels.opened(ours).map(|(number, account)| (number, account, theirs))
        };
        let held: Vec<_> = (0..CHANNELS_EACH).map(|_| open().expect("within its share")).collect();
        assert!(held.iter().all(|(_, account, _)| *account == std::process::id()), "all are this process's");
        assert!(open().is_err_and(|why| why.contains("its share")));
        channels.closed(held[0].0);
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        assert!(channels.opened(ours).is_ok(), "one of its own has ended");
    }

    #[tokio::test]
    async fn a_notice_that_closes_the_channel_is_told_when_the_agent_is_back() {
        let place = tempfile::tempdir().expect("a directory");
        let mut channels = Channels::listen(&place.path().join("socket")).expect("it listens");
        let eid = Eid([1; 32]);
        let (number, _stream) = pair(&mut channels);
        channels.came(eid, number);
        let notice = b"\x18\x80\x00\x01a".to_vec();
        while channels.is_current(number, channels.serial) {
            channels.notify(eid, number, vec![0; 1_000], true);
            if channels.connections.get(&number).is_some_and(|of| of.waiting.load(Ordering::Relaxed) > STUCK) {
                channels.notify(eid, number, notice.clone(), false);
            }
        }
        let (number, mut stream) = pair(&mut channels);
        channels.came(eid, number);
        assert_eq!(read_frame(&mut stream).await.expect("whole").expect("one"), notice);
    }

    #[tokio::test]
    async fn an_agent_that_does_not_read_loses_its_channel_and_no_other_does() {
        let place = tempfile::tempdir().expect("a directory");
        let mut channels = Channels::listen(&place.path().join("socket")).expect("it listens");
        let (number, _stream) = pair(&mut channels);
        let (other, _other_stream) = pair(&mut channels);
        let frames = 2 * STUCK / 1_000;
        let taken = (0..frames).take_while(|_| channels.tell(number, vec![0; 1_000])).count();
        assert!(taken < frames, "memory has an end");
        assert!(channels.tell(other, vec![0; 1_000]));
    }
}
