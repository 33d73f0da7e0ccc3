//! `agent send`: opens a session and streams a file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use iacp_core::pss::{
    Capabilities, Closure, Congestion, ContentKind, Model, OVERHEAD, Received as Heard, SendError, SessionEvent,
    TRANSMIT_BUFFER, TeardownReason,
};
use iacp_core::time::Mono;

use crate::carrier::carried::Carried;
use crate::carrier::link::{self, Arrival, Inbox, Lost, Queue, Route, Transport};
use crate::clock::Clock;
use crate::content::parts::{Came, Parts};
use crate::content::receive::{Receiver, Store};
use crate::content::source::Source;
use crate::keys::{self, Identity, Target};
use crate::memory::{Sending, lend};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::summary::{ending, grouped};
use crate::telling::timeline::{Style, Timeline};
use crate::telling::watch::Watch;

/// A peer that refuses every frame for this long is given up, in milliseconds.
const REFUSED: u64 = 10_000;
/// How long a DISCONNECTED peer is waited for, in milliseconds.
const RECONNECT: u64 = 15_000;
/// Our answer to a peer that ended the session is repeated for this long if it asks again, in milliseconds.
const LINGER: u64 = 2_000;
/// How long the last frame waits for room in the transport's queue.
const PARTING: std::time::Duration = std::time::Duration::from_secs(1);

/// Streams a file to a listening agent
#[derive(clap::Args)]
pub struct Arguments {
    /// Whom to send to: EID@IP:PORT, the EID being 64 hexadecimal digits
    #[arg(long, value_name = "EID@ADDR")]
    to: String,
    /// The identity's seed, 64 hexadecimal digits; a new identity without it
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// What carries the frames: what the listener was started with
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// The file
    file: PathBuf,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let identity = keys::identity(arguments.seed.as_deref())?;
    let target = Target::read("--to", &arguments.to).await?;
    if target.eid == identity.eid() {
        bail!("the EID is our own: an agent has no session with itself");
    }
    let source = Source::open(&arguments.file).await?;
    let (route, mut inbox) = link::connect(arguments.transport, target.at).await?;
    let outlet = Outlet::new("send", &timeline, None);
    let sent = deliver("send", &timeline, clock, &identity, target, route, outlet, source, &mut inbox, None).await?;
    eprintln!(
        "sent {} bytes to {} in {} ms, SHA-256 {}",
        grouped(sent.bytes),
        keys::short(&target.eid),
        grouped(sent.took_ms),
        sent.sha256
    );
    Ok(ExitCode::SUCCESS)
}

/// A file that has arrived.
pub struct Sent {
    pub sha256: String,
    pub bytes: u64,
    /// From the moment when the session was there until it was over.
    pub took_ms: u64,
    /// What came back in the same session, if something did.
    pub reply: Option<Result<Parts, String>>,
}

/// What may come back.
pub struct Expected {
    store: Store,
    within: u64,
    receiver: Option<Receiver>,
    came: Option<Result<Parts, String>>,
}

impl Expected {
    /// The longest content in it, in bytes, and how long it is waited for once everything was sent, in milliseconds.
    pub fn new(longest: u64, within: u64) -> Self {
        Self { store: Store::handoff(longest), within, receiver: None, came: None }
    }

    /// Everything has come.
    fn complete(&mut self) {
        let Some(mut receiver) = self.receiver.take().filter(|receiver| !receiver.is_empty()) else { return };
        self.came = Some(match receiver.complete(&self.store) {
            Ok(complete) => match complete.handoff {
                Some(Came::Handoff(parts)) => Ok(parts),
                _ => Err("what came back is a request".into()),
            },
            Err(error) => Err(error.to_string()),
        });
    }
}

/// Streams a file over a route in a session of its own, with the congestion control that belongs to it.
#[expect(clippy::too_many_arguments, reason = "all of them belong to callers")]
pub async fn deliver<'a>(
    who: &'static str,
    timeline: &'a Timeline,
    clock: Clock,
    identity: &'a Identity,
    target: Target,
    route: Route,
    outlet: Outlet<'a>,
    source: Source,
    inbox: &mut Inbox,
    reply: Option<Expected>,
) -> Result<Sent> {
    let offer = Capabilities::NONE;
    match route {
        Route::Quic(..) => {
            let mut sender = Sender::<Carried>::new(who, timeline, clock, identity, target, route, outlet, offer)?;
            sender.reply = reply;
            sender.send(source, inbox).await
        }
        Route::Udp(_) => {
            let mut sender = Sender::<Model>::new(who, timeline, clock, identity, target, route, outlet, offer)?;
            sender.reply = reply;
            sender.send(source, inbox).await
        }
    }
}

/// The sending side of one session.
pub struct Sender<'a, C: Congestion> {
    who: &'static str,
    timeline: &'a Timeline,
    clock: Clock,
    identity: &'a Identity,
    target: Target,
    route: Route,
    pub outlet: Outlet<'a>,
    pub session: Box<Sending<C>>,
    pub watch: Watch,
    began: Mono,
    established: Option<Mono>,
    refused: Option<Mono>,
    /// There is no room in the session until it says so.
    full: bool,
    closing: bool,
    closure: Option<Closure>,
    /// What is waited for before the session is ended.
    pub reply: Option<Expected>,
    /// When that has taken long enough.
    patience: Option<Mono>,
}

impl<'a, C> Sender<'a, C>
where
    C: Congestion + Send + 'static,
    C::Stamp: Send,
{
    /// Begins a session: its PSS_INIT is due.
    #[expect(clippy::too_many_arguments, reason = "all of them belong to callers")]
    pub fn new(
        who: &'static str,
        timeline: &'a Timeline,
        clock: Clock,
        identity: &'a Identity,
        target: Target,
        route: Route,
        outlet: Outlet<'a>,
        offer: Capabilities,
    ) -> Result<Self> {
        let began = clock.now();
        let mut session: Box<Sending<C>> = lend()?;
        let Target { eid, at, proof } = target;
        session.initiate_found(began, identity, eid, at, offer, proof, &mut keys::rng())?;
        session.set_reconnect_limit(RECONNECT);
        let watch = Watch::new();
        Ok(Self {
            who,
            timeline,
            clock,
            identity,
            target,
            route,
            outlet,
            session,
            watch,
            began,
            established: None,
            refused: None,
            full: false,
            closing: false,
            closure: None,
            reply: None,
            patience: None,
        })
    }

    /// Streams a file and ends the session. It returns when the peer has confirmed that everything has arrived.
    pub async fn send(&mut self, mut source: Source, inbox: &mut Inbox) -> Result<Sent> {
        source.set_limit(self.route.frame_limit().saturating_sub(OVERHEAD));
        let done = self.drive(&mut source, inbox).await;
        self.timeline.end_progress();
        let closure = done?;
        if let Route::Quic(..) = self.route {
            if closure != Closure::Graceful {
                // Time for the last frame to leave.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            self.route.close();
        }
        // What the peer has acknowledged it has, however it parts.
        let arrived =
            self.session.delivered_all() && matches!(closure, Closure::Forced { .. } | Closure::Unanswered { .. });
        if arrived {
            let what = format!("{} has arrived, but the session did not end in good order", source.name());
            self.timeline.note(self.who, Event::Trouble { what });
        }
        match closure {
            _ if arrived || closure == Closure::Graceful => {
                let (sha256, bytes) = source.sent();
                let took_ms = self.clock.now().since(self.established.unwrap_or(self.began));
                let reply = self.reply.take().and_then(|reply| reply.came);
                Ok(Sent { sha256, bytes, took_ms, reply })
            }
            Closure::NoAnswer => bail!(
                "no authentic answer from {} in {} s and four attempts: the EID is not the listener's, or nothing \
                 listens there",
                self.target,
                self.clock.now().since(self.began) / 1_000
            ),
            closure => bail!("{} was not sent: session over, {}", source.name(), ending(closure)),
        }
    }

    async fn drive(&mut self, source: &mut Source, inbox: &mut Inbox) -> Result<Closure> {
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let mut linger = None;
        loop {
            let now = self.clock.now();
            self.heed(now, source);
            self.seal(now, source)?;
            let blocked = self.transmit(now)?;
            self.show_progress(source);
            let mut due = self.session.next_deadline().map(|(at, _)| at).filter(|_| !blocked);
            if let Some(until) = self.patience.filter(|_| source.exhausted() && !self.closing) {
                due = Some(due.map_or(until, |due| due.min(until)));
            }
            if let Some(closure) = self.closure {
                // Had the peer asked first, our answer may be lost, and it asks again.
                let answered = closure == Closure::Graceful && self.outlet.has_answered();
                let end = *linger.get_or_insert(if answered { now.after(LINGER) } else { now });
                if now >= end && !blocked {
                    if self.established.is_some() {
                        self.timeline.note(self.who, Event::Closed { how: ending(closure) });
                    }
                    return Ok(closure);
                }
                due = Some(end);
            }
            tokio::select! {
                arrival = inbox.recv() => {
                    let arrival = arrival.context("the transport has gone")?;
                    self.handle(arrival)?;
                    while let Ok(arrival) = inbox.try_recv() {
                        self.handle(arrival)?;
                    }
                }
                read = source.fill(), if source.wants() && !self.full => {
                    read.with_context(|| format!("cannot read {}", source.name()))?;
                }
                () = self.route.room(), if blocked => {}
                () = self.clock.sleep_until(due) => {
                    self.session.handle_deadline(self.clock.now(), self.identity, &mut keys::rng())?;
                }
                _ = &mut interrupted => {
                    let now = self.clock.now();
                    self.session.abort(now, self.identity, TeardownReason::ShuttingDown)?;
                    self.say_last_word(now).await?;
                    bail!("interrupted: {} was not sent", source.name());
                }
            }
        }
    }

    /// Does what the session's changes ask for.
    fn heed(&mut self, now: Mono, source: &Source) {
        while let Some(change) = self.session.poll_event() {
            self.watch.look(&self.session, self.who, self.timeline);
            match change {
                SessionEvent::Established => {
                    self.established = Some(now);
                    let (peer, at) = (keys::short(&self.target.eid), self.session.locator().to_string());
                    let took_ms = Some(now.since(self.began));
                    self.timeline.note(self.who, Event::Established { peer, at, took_ms });
                    let (file, bytes) = (source.name().to_owned(), source.size());
                    self.timeline.note(self.who, Event::Sending { file, bytes, frame_content: source.limit() });
                    self.timeline.begin_progress(bytes);
                    if let Some(reply) = &mut self.reply {
                        reply.receiver =
                            Some(Receiver::new(self.session.expected(), &reply.store, Rc::clone(&reply.store.room)));
                    }
                }
                // What the listener asks for is what it can take.
                SessionEvent::Proposed { .. } => {
                    if self.session.accept_terms(now, self.identity).is_err() {
                        let _ = self.session.abort(now, self.identity, TeardownReason::NegotiationFailed);
                    }
                }
                SessionEvent::Contract(terms) => {
                    let (receive_window, lifetime_s) = (terms.receive_window, terms.lifetime);
                    self.timeline.note(self.who, Event::Contract { receive_window, lifetime_s });
                    self.full = false;
                }
                SessionEvent::Disconnected => {
                    let what = "the peer is silent (DISCONNECTED): the session waits for it".into();
                    self.timeline.note(self.who, Event::Trouble { what });
                }
                SessionEvent::Reconciled => {
                    self.full = false;
                    self.timeline.note(self.who, Event::Trouble { what: "the peer is back".into() });
                }
                SessionEvent::Writable => self.full = false,
                // What is sent from here on goes there: the socket is not connected.
                SessionEvent::Moved { to } => {
                    self.timeline.note(self.who, Event::Moved { to: to.to_string() });
                }
                SessionEvent::Closed(closure) => self.closure = Some(closure),
                SessionEvent::Finished { .. } => {
                    if let Some(reply) = &mut self.reply {
                        reply.complete();
                        self.patience = Some(now);
                    }
                }
                // The peer sends nothing but its reply and its FIN, and ends what it takes no more by force.
                SessionEvent::Reconciling
                | SessionEvent::CloseRequested { .. }
                | SessionEvent::Delivered
                | SessionEvent::Released => {}
            }
        }
        self.watch.look(&self.session, self.who, self.timeline);
    }

    /// Seals what has been read. When all of it is, the session is to end in good order.
    fn seal(&mut self, now: Mono, source: &mut Source) -> Result<()> {
        if self.established.is_none() || self.closure.is_some() || self.full {
            return Ok(());
        }
        if let Some(content) = source.ready() {
            match self.session.send(now, ContentKind::Anml, content) {
                Ok(_) => source.taken(),
                // It says when it can: by Writable, Contract or Reconciled.
                Err(SendError::Full | SendError::NotNow) => self.full = true,
                // The peer ends the session; how, it says itself.
                Err(SendError::Finished) => {}
                Err(error) => bail!("cannot send: {error}"),
            }
        }
        if source.exhausted() && !self.closing {
            match (&self.reply, self.patience) {
                (None, _) => self.end(now)?,
                (Some(_), Some(until)) if until <= now => self.end(now)?,
                (Some(reply), None) if self.session.finish(now).is_ok() => {
                    self.patience = Some(now.after(reply.within))
                }
                (Some(_), _) => {}
            }
        }
        Ok(())
    }

    /// Asks the peer to end the session, once.
    fn end(&mut self, now: Mono) -> Result<()> {
        if !self.closing && self.closure.is_none() {
            self.session.close(now, TeardownReason::TaskComplete)?;
            self.closing = true;
        }
        Ok(())
    }

    /// Sends what is due; says whether the transport's queue is full.
    fn transmit(&mut self, now: Mono) -> Result<bool> {
        let mut out = [0; TRANSMIT_BUFFER];
        while let Some(transmit) = self.session.poll_transmit(now, &mut out)? {
            match self.outlet.send(&self.route, transmit.to, transmit.bytes) {
                Ok(Queue::Taken) => {}
                Ok(Queue::Full) => {
                    self.session.not_sent(now);
                    return Ok(true);
                }
                Err(lost) => self.lost(now, lost)?,
            }
        }
        Ok(false)
    }

    /// Sends what is left to be said. Where the transport's queue is full it waits for room, so that nothing of it is lost
    /// here; but not for long.
    async fn say_last_word(&mut self, now: Mono) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PARTING;
        while self.transmit(now)? {
            if tokio::time::timeout_at(deadline, self.route.room()).await.is_err() {
                break;
            }
        }
        // QUIC has a moment to send what it has taken.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        Ok(())
    }

    fn handle(&mut self, arrival: Arrival) -> Result<()> {
        let now = self.clock.now();
        let mut datagram = match arrival.what {
            Ok(datagram) => datagram,
            Err(lost) => return self.lost(now, lost),
        };
        self.refused = None;
        let heard = self.session.handle(now, self.identity, arrival.from, &mut datagram);
        if !matches!(heard, Heard::Discarded(_)) {
            arrival.route.taken();
        }
        let Heard::Data { sequence, kind, content } = heard else { return Ok(()) };
        // Without a reply that is waited for, content of the peer's is nothing to us.
        let Some(reply) = &mut self.reply else { return Ok(()) };
        let Some(receiver) = &mut reply.receiver else { return Ok(()) };
        let content = (kind == ContentKind::Anml).then_some(&*content);
        if let Err(error) = receiver.take(&reply.store, sequence, content) {
            reply.receiver = None;
            reply.came = Some(Err(error.to_string()));
            self.session.abort(now, self.identity, TeardownReason::None)?;
        }
        Ok(())
    }

    /// The transport says that there is no peer, or that it has ended itself.
    fn lost(&mut self, now: Mono, lost: Lost) -> Result<()> {
        if self.session.closure().is_some() {
            return Ok(());
        }
        match lost {
            Lost::Refused if self.established.is_none() => {
                bail!("connection refused: no process listens on udp {}", self.target.at)
            }
            // The peer has moved: that nothing listens at its first place is no news.
            Lost::Refused if self.session.locator() != self.target.at => Ok(()),
            // Anyone may say so, and the peer may be back in a moment.
            Lost::Refused => {
                let since = *self.refused.get_or_insert(now);
                if now.since(since) >= REFUSED {
                    bail!("no process listens on udp {} any more", self.target.at);
                }
                Ok(())
            }
            Lost::Ended(why) => bail!("the connection to quic {} is gone: {why}", self.target.at),
        }
    }

    /// Where everything below has been acknowledged.
    fn show_progress(&self, source: &Source) {
        let (first, next) = self.session.unacknowledged();
        let read = source.read();
        let waiting = (next - first) * source.limit() as u64;
        self.timeline.progress(read.saturating_sub(waiting));
    }
}
