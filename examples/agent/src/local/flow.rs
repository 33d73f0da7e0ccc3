//! One session of a file's transfer, from its OPEN to its end: what is sent, and what is heard of it.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use anyhow::Result;
use iacp_core::erp::local::LocalStatus;
use iacp_wire::Eid;
use tokio::time::Instant;

use crate::local::channel::{Ask, Channel, KEEPALIVE, words};
use crate::local::notice::{Notice, Status, What, ending};
use crate::local::transfer::{Answer, Offer};
use crate::telling::event::Event;
use crate::telling::step::Step;
use crate::telling::timeline::Timeline;

/// Items that are asked for and not answered by the host: enough to keep it busy.
const ASKED: usize = 64;
/// What the host does not take in this state is tried again after this long.
pub const NOT_NOW: Duration = Duration::from_millis(50);
/// How long the peer's end of the session is waited for after everything was sent.
const PARTING: Duration = Duration::from_secs(5);
/// A session without progress for this long is given up for another one, with twice as much time. The receiver's
/// host may have been started again, and then knows nothing of the session.
const STALLED: Duration = Duration::from_secs(5);
/// How many times progress is reported.
const TOLD: u64 = 20;

/// How a session ended for its transfer.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// The receiver has the whole file on stable storage.
    Done,
    /// It does not take it.
    Refused(String),
    /// It cannot be sent at all.
    Impossible(String),
    /// The agent's context is not ready for a session yet.
    NotYet,
    /// It may go on in another session.
    Broken(String),
    /// The host has gone, or the agent's context in it.
    Gone,
}

/// The file cannot be read any more.
#[derive(Debug)]
struct Unreadable(io::Error);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            ErrorKind::UnexpectedEof => f.write_str("the file has become shorter meanwhile"),
            _ => write!(f, "cannot read the file: {}", self.0),
        }
    }
}

impl std::error::Error for Unreadable {}

/// No more bytes in a second than were ordered.
pub struct Paced {
    rate: Option<u64>,
    next: Instant,
}

impl Paced {
    pub fn new(rate: Option<u64>) -> Self {
        Self { rate, next: Instant::now() }
    }

    fn due(&self) -> Instant {
        self.next
    }

    fn sent(&mut self, bytes: usize) {
        if let Some(rate) = self.rate {
            // What was not used for a tenth of a second is not made up for.
            let earliest = Instant::now().checked_sub(Duration::from_millis(100)).unwrap_or(self.next);
            self.next = self.next.max(earliest) + Duration::from_micros(bytes as u64 * 1_000_000 / rate);
        }
    }
}

/// What was asked and is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Item(u64),
    Finish,
}

/// A file on its way.
pub struct Flow {
    file: File,
    pub offer: Offer,
    peer: Eid,
    at: Option<SocketAddr>,
    paced: Paced,
    /// Bytes that are safe with the receiver, in all sessions.
    safe: u64,
    stalled: Duration,
    told: u64,
    session: Session,
}

/// What is known of the session.
#[derive(Default)]
struct Session {
    handle: u64,
    open: u32,
    opened: bool,
    /// It began before, on another host.
    went_on: bool,
    /// What the receiver had when the session began.
    base: Option<u64>,
    /// The next item to send; item 0 is the offer.
    next: u64,
    asked: VecDeque<(u32, Asked)>,
    /// Something was refused for want of room: nothing is asked until everything is answered, and there is room.
    stalled: bool,
    room: bool,
    again: Option<Instant>,
    /// Since when nothing has become safe, while something is under way.
    since: Option<Instant>,
    finished: bool,
    done: bool,
    end: Option<Instant>,
}

impl Flow {
    pub fn new(file: File, offer: Offer, peer: Eid, at: Option<SocketAddr>, paced: Paced) -> Self {
        Self { file, offer, peer, at, paced, safe: 0, stalled: STALLED, told: 0, session: Session::default() }
    }

    pub const fn safe(&self) -> u64 {
        self.safe
    }

    /// Whether the last session came about.
    pub const fn was_opened(&self) -> bool {
        self.session.opened
    }

    /// Whether the last session is the one before it, which has gone on on another host.
    pub const fn went_on(&self) -> bool {
        self.session.went_on
    }

    /// Sends what is missing in a session of its own, or in one that goes on on this host.
    pub async fn run(&mut self, channel: &mut Channel, timeline: &Timeline) -> Ended {
        match self.drive(channel, timeline).await {
            Ok(ended) => ended,
            Err(error) if error.is::<Unreadable>() => Ended::Impossible(error.to_string()),
            // Anything else that fails is the channel.
            Err(_) => Ended::Gone,
        }
    }

    async fn drive(&mut self, channel: &mut Channel, timeline: &Timeline) -> Result<Ended> {
        self.session = match channel.goes_on(&self.peer) {
            Some((handle, next)) if self.session.opened => {
                // What was asked and not taken is asked again: the number of the next item says from where on.
                let (base, done, now) = (self.session.base, self.session.done, Instant::now());
                let (since, end) = (Some(now).filter(|_| !done), done.then(|| now + PARTING));
                let gone_on = Session { handle, base, next, done, since, end, ..Session::default() };
                Session { opened: true, went_on: true, room: true, ..gone_on }
            }
            _ => {
                let open = channel.ask(0, Ask::Open { peer: &self.peer, at: self.at }).await?;
                Session { open, room: true, ..Session::default() }
            }
        };
        let mut keepalive = tokio::time::interval(KEEPALIVE);
        loop {
            let wait = self.ask(channel).await?;
            let stalled = self.session.since.map(|since| since + self.stalled);
            let wake = [wait, self.session.end, stalled].into_iter().flatten().min();
            let sleep = async {
                match wake {
                    Some(wake) => tokio::time::sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                notice = channel.next() => {
                    let Some(notice) = notice else { return Ok(if self.session.done { Ended::Done } else { Ended::Gone }) };
                    if let Some(ended) = self.hear(notice, channel, timeline).await? {
                        return Ok(ended);
                    }
                }
                _ = keepalive.tick() => channel.keep_alive().await?,
                () = sleep => {
                    if self.session.end.is_some_and(|end| end <= Instant::now()) {
                        return Ok(Ended::Done);
                    }
                    if stalled.is_some_and(|at| at <= Instant::now()) {
                        self.stalled *= 2;
                        channel.say(self.session.handle, Ask::Abort).await?;
                        return Ok(Ended::Broken("nothing becomes safe with the receiver".into()));
                    }
                }
            }
        }
    }

    /// Asks the host to send what can be sent now; returns until when it waits, if it waits for the clock.
    async fn ask(&mut self, channel: &mut Channel) -> Result<Option<Instant>> {
        loop {
            let now = Instant::now();
            let session = &mut self.session;
            if session.stalled
                && session.asked.is_empty()
                && (session.room || session.again.is_some_and(|at| at <= now))
            {
                (session.stalled, session.again) = (false, None);
            }
            if !session.opened || session.finished || session.done || session.asked.len() >= ASKED {
                return Ok(None);
            }
            if session.stalled {
                return Ok(session.again.filter(|_| session.asked.is_empty()));
            }
            if session.next == 0 {
                let content = self.offer.write();
                self.put(channel, Asked::Item(0), &content).await?;
                continue;
            }
            let Some(base) = session.base else { return Ok(None) };
            let chunk = u64::from(self.offer.chunk);
            let from = base + (session.next - 1) * chunk;
            if from >= self.offer.size {
                session.finished = true;
                self.put(channel, Asked::Finish, &[]).await?;
                continue;
            }
            if self.paced.due() > now {
                return Ok(Some(self.paced.due()));
            }
            let length = usize::try_from(chunk.min(self.offer.size - from)).unwrap_or(0);
            let mut content = vec![0; length];
            self.file.read_exact_at(&mut content, from).map_err(Unreadable)?;
            let next = session.next;
            self.put(channel, Asked::Item(next), &content).await?;
            self.paced.sent(length);
        }
    }

    async fn put(&mut self, channel: &mut Channel, asked: Asked, content: &[u8]) -> Result<()> {
        let handle = self.session.handle;
        let request = match asked {
            Asked::Item(item) => channel.ask(handle, Ask::Send { item, content }).await?,
            Asked::Finish => channel.ask(handle, Ask::Finish { items: self.session.next }).await?,
        };
        self.session.asked.push_back((request, asked));
        if let Asked::Item(item) = asked {
            self.session.next = item + 1;
        }
        self.session.since = self.session.since.or_else(|| Some(Instant::now()));
        Ok(())
    }

    async fn hear(&mut self, notice: Notice, channel: &mut Channel, timeline: &Timeline) -> Result<Option<Ended>> {
        if let What::Result { request, status, .. } = notice.what {
            return Ok(self.answered(request, notice.session, status));
        }
        if notice.what == (What::State { unbound: true }) {
            return Ok(Some(Ended::Gone));
        }
        if notice.session != self.session.handle || self.session.handle == 0 {
            return Ok(None);
        }
        match notice.what {
            What::Opened { peer, .. } => {
                self.session.opened = true;
                self.session.since = Some(Instant::now());
                timeline.note("agent", Event::Step(Step::Opened { peer: hex::encode(peer.0) }));
            }
            What::Data { content, .. } => return self.answer(&content, channel, timeline).await,
            What::Delivered { item } => self.delivered(item, timeline),
            What::Room => self.session.room = true,
            What::CloseRequested => channel.say(self.session.handle, Ask::Close).await?,
            What::Closed { .. } if self.session.done => return Ok(Some(Ended::Done)),
            What::Closed { closure, reason } => return Ok(Some(Ended::Broken(ending(closure, reason)))),
            // Only sessions with a contract have terms, and none was offered.
            What::Proposed => channel.say(self.session.handle, Ask::Abort).await?,
            _ => {}
        }
        Ok(None)
    }

    /// What became of a request.
    fn answered(&mut self, request: u32, handle: u64, status: Result<(), Status>) -> Option<Ended> {
        if request == self.session.open {
            return match status {
                Ok(()) => {
                    self.session.handle = handle;
                    None
                }
                Err(Status::Known(LocalStatus::NotNow)) => Some(Ended::NotYet),
                Err(Status::Known(LocalStatus::Capacity)) => {
                    Some(Ended::Broken("the host has no session free now".into()))
                }
                Err(Status::Known(LocalStatus::Refused)) => {
                    Some(Ended::Impossible("the peer's EID is no key, or is this agent's own".into()))
                }
                Err(status) => Some(Ended::Impossible(words(status))),
            };
        }
        let asked = self.session.asked.front().filter(|(number, _)| *number == request).map(|(_, asked)| *asked)?;
        self.session.asked.pop_front();
        let Err(status) = status else { return None };
        match status {
            Status::Known(LocalStatus::Full | LocalStatus::NotNow) => {
                // From here on again. What was asked behind it is refused as out of order.
                match asked {
                    Asked::Item(item) => self.session.next = item,
                    Asked::Finish => self.session.finished = false,
                }
                let full = status == Status::Known(LocalStatus::Full);
                (self.session.stalled, self.session.room) = (true, false);
                self.session.again = (!full).then(|| Instant::now() + NOT_NOW);
                None
            }
            Status::Known(LocalStatus::OutOfOrder) if self.session.stalled => {
                self.session.finished = false;
                None
            }
            // How the session ended is told by itself.
            Status::Known(LocalStatus::Finished | LocalStatus::NoSession) => None,
            status => Some(Ended::Broken(words(status))),
        }
    }

    /// What the receiver says.
    async fn answer(&mut self, item: &[u8], channel: &mut Channel, timeline: &Timeline) -> Result<Option<Ended>> {
        match Answer::parse(item) {
            Some(Answer::Have(bytes)) if bytes <= self.offer.size && self.session.base.is_none() => {
                self.session.base = Some(bytes);
                let (transfer, of) = (hex::encode(self.offer.number), self.offer.size);
                timeline.note("agent", Event::Step(Step::GoesOn { transfer, from: bytes, bytes: of }));
                self.session.since = None;
                self.is_safe(bytes, timeline);
            }
            Some(Answer::Done(sha256)) if sha256 == self.offer.sha256 => {
                self.is_safe(self.offer.size, timeline);
                (self.session.done, self.session.since) = (true, None);
                self.session.end = Some(Instant::now() + PARTING);
                channel.say(self.session.handle, Ask::Close).await?;
            }
            Some(Answer::Refused(why)) => {
                channel.say(self.session.handle, Ask::Close).await?;
                return Ok(Some(Ended::Refused(why)));
            }
            // What a receiver that was started again says twice.
            Some(Answer::Have(_)) if self.session.base.is_some() => {}
            _ => {
                channel.say(self.session.handle, Ask::Abort).await?;
                return Ok(Some(Ended::Impossible("the peer takes no files, or says something else".into())));
            }
        }
        Ok(None)
    }

    /// All items below are safe with the peer.
    fn delivered(&mut self, item: u64, timeline: &Timeline) {
        let waits = item < self.session.next || self.session.finished;
        self.session.since = waits.then(Instant::now);
        if let Some(base) = self.session.base {
            let bytes = base + item.saturating_sub(1) * u64::from(self.offer.chunk);
            self.is_safe(bytes.min(self.offer.size), timeline);
        }
    }

    fn is_safe(&mut self, bytes: u64, timeline: &Timeline) {
        // After a digest that was wrong it begins again, so it may fall.
        if bytes > self.safe {
            self.stalled = STALLED;
        }
        self.safe = bytes;
        timeline.progress(bytes);
        let step = bytes * TOLD / self.offer.size.max(1);
        if step != self.told {
            self.told = step;
            let (transfer, done) = (hex::encode(self.offer.number), bytes);
            timeline.note("agent", Event::Step(Step::Progress { transfer, done, bytes: self.offer.size }));
        }
    }
}
