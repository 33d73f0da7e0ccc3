//! Notifications that arrive, and the objects that they refer to.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::notification::{MAX_NOTIFICATION, Notification};
use dropbox::{Bounds, BySession, Fetched, Fetcher, Half, Sealed, Taken, drop_into, is_session, put_notice};
use rumqttc::{Client, Connection, ConnectionError, Event, Outgoing, Packet, Publish, QoS, StateError};

use crate::connect::{Broker, topic_of};
use crate::seen::Seen;

/// Messages that wait for their turn. Those of QoS 1 that find no room are delivered again, for they are not acknowledged.
const WAITING: usize = 256;
/// A pause after the broker's first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a reference is tried, and the pause after the first failure, which doubles.
const TRIES: u32 = 4;
const BETWEEN_TRIES: Duration = Duration::from_millis(250);

/// Who listens, and what is done with what arrives.
pub struct Listening {
    /// Where notifications come from.
    pub broker: Broker,
    /// The client's id: the broker keeps messages for it while it is away.
    pub client: String,
    /// The receiver's name: notifications for others are refused.
    pub name: String,
    /// Where objects go.
    pub inbox: PathBuf,
    /// How `iacp:` references are asked for, if they are.
    pub session: Option<BySession>,
    /// Ends after so many messages; without it, never.
    pub count: Option<u64>,
}

/// What has become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The broker has accepted the subscription.
    Subscribed,
    /// The broker is gone, or speaks nonsense; it is tried again.
    Lost(String),
    /// The object of this name is in the inbox.
    Put(String),
    /// The same notification was handled before.
    Again(String),
    /// It is no notification for us, or refers to what is not to be had: it is forgotten.
    Refused(String),
    /// It could not be handled now, and waits.
    Kept(String),
}

/// Listens until `count` messages were handled, or for ever.
///
/// # Errors
/// The broker's library has ended, or what was seen cannot be written down.
pub fn listen(
    listening: &Listening,
    bounds: impl Fn() -> Bounds + Sync,
    mut seen: Seen,
    tell: impl Fn(Heard) + Send + Sync,
) -> Result<()> {
    let mut options = listening.broker.options(&listening.client);
    options.set_clean_session(false).set_manual_acks(true);
    let (client, mut connection) = Client::new(options, WAITING);
    let (queue, waiting) = sync_channel(WAITING);
    let (tell, bounds) = (&tell, &bounds);
    thread::scope(|scope| {
        let acknowledging = client.clone();
        let working = scope.spawn(move || work(listening, bounds, &mut seen, &waiting, &acknowledging, tell));
        let polled = poll(listening, &client, &mut connection, &queue, tell);
        drop(queue);
        let worked = working.join().map_err(|_| anyhow!("the work has ended"))?;
        worked.and(polled)
    })
}

/// Keeps the connection, and puts what arrives into the queue.
fn poll(
    listening: &Listening,
    client: &Client,
    connection: &mut Connection,
    queue: &SyncSender<Publish>,
    tell: impl Fn(Heard),
) -> Result<()> {
    let topic = topic_of(&listening.name);
    let mut pause = PAUSE;
    while let Ok(event) = connection.recv() {
        match event {
            // A broker that was started again may know of no subscription.
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                pause = PAUSE;
                connection.eventloop.mqtt_options.set_clean_session(false);
                if client.try_subscribe(&topic, QoS::AtLeastOnce).is_err() {
                    tell(Heard::Lost("there is no room for the subscription".into()));
                }
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => tell(Heard::Subscribed),
            Ok(Event::Incoming(Packet::Publish(publish))) => match queue.try_send(publish) {
                Ok(()) => {}
                Err(TrySendError::Full(publish)) => {
                    tell(Heard::Kept(format!("{WAITING} messages wait already: {}", shown(&publish.payload))));
                }
                Err(TrySendError::Disconnected(_)) => return Ok(()),
            },
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return Ok(()),
            Ok(_) => {}
            Err(error) => {
                if matches!(error, ConnectionError::MqttState(StateError::Deserialization(_))) {
                    // The broker would send the same packet in every connection of this session: the next one begins anew.
                    connection.eventloop.mqtt_options.set_clean_session(true);
                }
                tell(Heard::Lost(error.to_string()));
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    Ok(())
}

/// A message whose reference could not be had, to be tried again.
struct Later {
    due: Instant,
    failures: u32,
    publish: Publish,
}

/// What is to become of a message.
enum Step {
    /// It is acknowledged, and remembered if it is never to be handled again.
    Done(Heard, Option<Digest>),
    /// Its reference cannot be had now.
    Again(String),
    /// The inbox cannot be written: it is not acknowledged, and tried again for as long as that is so.
    Kept(String),
}

/// Handles what is in the queue, one after the other. What has to wait does not hold up the others.
fn work(
    listening: &Listening,
    bounds: &impl Fn() -> Bounds,
    seen: &mut Seen,
    waiting: &Receiver<Publish>,
    client: &Client,
    tell: impl Fn(Heard),
) -> Result<()> {
    let (mut later, mut handled): (Vec<Later>, u64) = (Vec::new(), 0);
    loop {
        let now = Instant::now();
        let due = later.iter().position(|one| one.due <= now);
        let (publish, failures) = if let Some(place) = due {
            let one = later.swap_remove(place);
            (one.publish, one.failures)
        } else {
            let soonest = later.iter().map(|one| one.due).min();
            let pause = soonest.map_or(LONGEST_PAUSE, |soonest| soonest.saturating_duration_since(now));
            match waiting.recv_timeout(pause) {
                Ok(publish) => (publish, 0),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        };
        let step = match handle(listening, bounds, seen, &publish.payload) {
            Step::Again(why) if failures + 1 < TRIES && later.len() < WAITING => {
                let due = now + BETWEEN_TRIES * 2_u32.pow(failures);
                tell(Heard::Kept(format!("{}: {why}; it is tried again", shown(&publish.payload))));
                later.push(Later { due, failures: failures + 1, publish });
                continue;
            }
            // Its sender may announce it again.
            Step::Again(why) => Step::Done(Heard::Refused(format!("{}: {why}", shown(&publish.payload))), None),
            step => step,
        };
        match step {
            // A broker brings it again in the next connection alone, and sends little more while so many are not acknowledged.
            Step::Kept(why) if later.len() < WAITING => {
                tell(Heard::Kept(why));
                later.push(Later { due: now + LONGEST_PAUSE, failures, publish });
                continue;
            }
            Step::Done(heard, digest) => {
                if let Some(digest) = digest {
                    seen.add(digest)?;
                }
                tell(heard);
                // An acknowledgement that is lost with the connection brings the message once more, and it is known then.
                let _ = client.ack(&publish);
            }
            Step::Kept(why) | Step::Again(why) => tell(Heard::Kept(why)),
        }
        handled += 1;
        if listening.count.is_some_and(|count| handled >= count) {
            client.disconnect()?;
            return Ok(());
        }
    }
}

/// What a message is about, as far as it says: text of a peer's, harmless to print.
fn shown(payload: &[u8]) -> String {
    match Notification::read(payload) {
        Ok(notice) => format!("{} of {}", notice.envelope_name.escape_debug(), notice.from_agent.escape_debug()),
        Err(_) => format!("a message of {} bytes", payload.len()),
    }
}

fn handle(listening: &Listening, bounds: &impl Fn() -> Bounds, seen: &Seen, payload: &[u8]) -> Step {
    let digest = Digest::of(payload);
    if seen.has(&digest) {
        return Step::Done(Heard::Again(shown(payload)), None);
    }
    let notice = match check(payload, &listening.name) {
        Ok(notice) => notice,
        Err(why) => return Step::Done(Heard::Refused(format!("{}: {why:#}", shown(payload))), Some(digest)),
    };
    let fetched = match fetch(listening, bounds, &notice) {
        Ok(fetched) => fetched,
        Err(error) => return Step::Again(format!("{error:#}")),
    };
    match put(listening, fetched, payload) {
        Ok(name) => Step::Done(Heard::Put(name), Some(digest)),
        // Another notification, or another object, has the name: it will not be free for this one.
        Err(error) if error.is::<Taken>() => {
            Step::Done(Heard::Refused(format!("{}: {error:#}", shown(payload))), Some(digest))
        }
        Err(error) => Step::Kept(format!("{}: {error:#}", shown(payload))),
    }
}

/// A notification for us, about an object that has a name.
fn check<'p>(payload: &'p [u8], name: &str) -> Result<Notification<'p>> {
    ensure!(payload.len() <= MAX_NOTIFICATION, "longer than the {MAX_NOTIFICATION} bytes of a notification");
    let notice = Notification::read(payload).map_err(|error| anyhow!("it is no notification: {error}"))?;
    ensure!(notice.to_agent == name, "it is for '{}'", notice.to_agent.escape_debug());
    Surface::parse(notice.envelope_name).map_err(|error| anyhow!("its name is no surface: {error}"))?;
    Ok(notice)
}

fn fetch(listening: &Listening, bounds: &impl Fn() -> Bounds, notice: &Notification<'_>) -> Result<Fetched> {
    if is_session(notice.envelope_ref.untrusted()) {
        let session = listening.session.clone();
        let mut session = session.context("an iacp: reference, and --at does not say where its agent listens")?;
        return notice.resolve(&mut session);
    }
    notice.resolve(&mut Fetcher::new(bounds(), &mut |_, _| ()))
}

/// The notice first, the manifest last: then it is whole. What is there already under this name stays.
fn put(listening: &Listening, fetched: Fetched, notice: &[u8]) -> Result<String> {
    std::fs::create_dir_all(&listening.inbox).with_context(|| format!("--into {}", listening.inbox.display()))?;
    let sealed = Sealed { name: fetched.name, outer: fetched.outer, digest: fetched.manifest };
    put_notice(&listening.inbox, &format!("{}{}", sealed.name, Half::Notice.suffix()), notice)?;
    drop_into(&listening.inbox, &sealed, &fetched.object)?;
    Ok(sealed.name)
}
