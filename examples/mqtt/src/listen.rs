//! Notifications that arrive, and the objects that they refer to.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::notification::{MAX_NOTIFICATION, Notification};
use dropbox::{Bounds, BySession, Fetched, Fetcher, Sealed, Taken, drop_with_notice, is_in, is_session};
use rumqttc::Client;

use crate::connect::Broker;
use crate::link::{Link, Message, poll};
use crate::seen::Seen;

/// Messages that wait for their turn, and as many that are to be tried again.
pub(crate) const WAITING: usize = 256;
/// A pause after the broker's first failure; it doubles.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
/// The longest of them.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Of the messages that are to be tried again: so many wait for a name, and so many for a slow server.
const WAITING_EACH: usize = WAITING / 3;
/// How often a reference is tried, and the pause after the first failure, which doubles.
const TRIES: u32 = 4;
/// A try has this part of the time while others wait. What takes longer has all of it when nothing else waits: a reference that
/// nothing answers holds up the others for no longer than that.
const PART: u32 = 8;
const BETWEEN_TRIES: Duration = Duration::from_millis(250);
/// How often a name is tried that another object has in the inbox, with `LONGEST_PAUSE` between. A drop takes what is whole within
/// seconds.
const TRIES_OF_A_NAME: u32 = 12;

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
    /// The broker is gone, refuses the subscription, or speaks nonsense; it is tried again.
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
    let link = Link::new(client);
    let (link, tell, bounds) = (&link, &tell, &bounds);
    thread::scope(|scope| {
        let working = scope.spawn(move || {
            // Without the work there is nothing to listen for, however it ends.
            let _ends = Ends(link);
            work(listening, bounds, &mut seen, &waiting, link, tell)
        });
        poll(listening, link, &mut connection, &queue, tell);
        drop(queue);
        working.join().map_err(|_| anyhow!("the work has ended"))?
    })
}

struct Ends<'l>(&'l Link);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A message that is to be tried again.
struct Later {
    after: After,
    due: Instant,
    failures: u32,
    message: Message,
}

/// What it waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// A pause.
    Pause,
    /// Another object has its name in the inbox: a drop takes that one.
    Name,
    /// Its server is slow: nothing else waits.
    Others,
}

/// What is to become of a message.
enum Step {
    /// It is acknowledged, and remembered if it is never to be handled again.
    Done(Heard, Option<Digest>),
    /// Its reference cannot be had now.
    Again(String),
    /// Its reference cannot be had in the time of this try.
    Slow(String),
    /// Another object has its name in the inbox.
    Taken(String),
    /// The inbox cannot be written: it is not acknowledged, and tried again for as long as that is so.
    Kept(String),
}

/// Handles what is in the queue, one after the other. What has to wait does not hold up the others.
fn work(
    listening: &Listening,
    bounds: &impl Fn() -> Bounds,
    seen: &mut Seen,
    waiting: &Receiver<Message>,
    link: &Link,
    tell: impl Fn(Heard),
) -> Result<()> {
    let (mut later, mut handled): (Vec<Later>, u64) = (Vec::new(), 0);
    // What is tried again and what is new take turns.
    let mut new_first = false;
    loop {
        let now = Instant::now();
        let due = later.iter().position(|one| one.after != After::Others && one.due <= now);
        let new = std::mem::take(&mut new_first) && later.len() < WAITING;
        let new = new.then(|| waiting.try_recv().ok()).flatten();
        let (mut message, failures, after) = if let Some(message) = new {
            let Some(message) = unknown(&mut later, message) else { continue };
            (message, 0, After::Pause)
        } else if let Some(place) = due {
            new_first = true;
            let one = later.swap_remove(place);
            (one.message, one.failures, one.after)
        } else {
            let slow = later.iter().position(|one| one.due <= now);
            let soonest = later.iter().map(|one| one.due).min();
            let pause = soonest.map_or(LONGEST_PAUSE, |soonest| soonest.saturating_duration_since(now));
            let next = if later.len() < WAITING {
                waiting.recv_timeout(pause)
            } else {
                thread::sleep(pause);
                Err(RecvTimeoutError::Timeout)
            };
            match (next, slow) {
                (Ok(message), _) => {
                    let Some(message) = unknown(&mut later, message) else { continue };
                    (message, 0, After::Pause)
                }
                (Err(RecvTimeoutError::Timeout), Some(place)) => {
                    let one = later.remove(place);
                    (one.message, one.failures, one.after)
                }
                (Err(RecvTimeoutError::Timeout), None) => continue,
                (Err(RecvTimeoutError::Disconnected), _) => return Ok(()),
            }
        };
        let about = |why: String| format!("{}: {why}", shown(&message.publish.payload));
        let has_room = |after| later.iter().filter(|one| one.after == after).count() < WAITING_EACH;
        let part = if after == After::Others { 1 } else { PART };
        let step = handle(listening, bounds, seen, &message.publish.payload, part);
        // A pause begins when the try has ended: what takes long does not hold up the others.
        let now = Instant::now();
        let (heard, digest) = match step {
            Step::Done(heard, digest) => (heard, digest),
            Step::Again(why) if failures + 1 < TRIES => {
                let due = now + BETWEEN_TRIES * 2_u32.pow(failures);
                tell(Heard::Kept(format!("{}; it is tried again", about(why))));
                later.push(Later { after, due, failures: failures + 1, message });
                continue;
            }
            Step::Slow(why) if failures + 1 < TRIES && has_room(After::Others) => {
                tell(Heard::Kept(format!("{}; it is tried again when nothing else waits", about(why))));
                message.give_way();
                later.push(Later { after: After::Others, due: now, failures: failures + 1, message });
                continue;
            }
            Step::Taken(why) if failures + 1 < TRIES_OF_A_NAME && has_room(After::Name) => {
                tell(Heard::Kept(about(why)));
                later.push(Later { after: After::Name, due: now + LONGEST_PAUSE, failures: failures + 1, message });
                continue;
            }
            Step::Kept(why) => {
                tell(Heard::Kept(about(why)));
                later.push(Later { after, due: now + LONGEST_PAUSE, failures, message });
                continue;
            }
            // Its sender may announce it again.
            Step::Again(why) | Step::Slow(why) | Step::Taken(why) => (Heard::Refused(about(why)), None),
        };
        if let Some(digest) = digest {
            seen.add(digest)?;
        }
        tell(heard);
        link.acknowledge(message);
        handled += 1;
        if listening.count.is_some_and(|count| handled >= count) {
            return Ok(());
        }
    }
}

/// A message that has come; none if it waits already, from an earlier connection. Then it takes that one's place, and its failures: only
/// the one of the present connection can be acknowledged.
fn unknown(later: &mut [Later], mut message: Message) -> Option<Message> {
    let Some(one) = later.iter_mut().find(|one| message.is_again(&one.message)) else { return Some(message) };
    if one.after == After::Others {
        message.give_way();
    }
    one.message = message;
    None
}

/// What a message is about, as far as it says: text of a peer's, harmless to print.
fn shown(payload: &[u8]) -> String {
    match Notification::read(payload) {
        Ok(notice) => format!("{} of {}", notice.envelope_name.escape_debug(), notice.from_agent.escape_debug()),
        Err(_) if payload.len() > MAX_NOTIFICATION => format!("a message of more than {MAX_NOTIFICATION} bytes"),
        Err(_) => format!("a message of {} bytes", payload.len()),
    }
}

/// The reference has a part of the time.
fn handle(listening: &Listening, bounds: &impl Fn() -> Bounds, seen: &Seen, payload: &[u8], part: u32) -> Step {
    let digest = Digest::of(payload);
    if seen.has(&digest) {
        return Step::Done(Heard::Again(shown(payload)), None);
    }
    let notice = match check(payload, &listening.name) {
        Ok(notice) => notice,
        Err(why) => return Step::Done(Heard::Refused(format!("{}: {why:#}", shown(payload))), Some(digest)),
    };
    let mut bounds = bounds();
    bounds.time /= part;
    let (begun, time) = (Instant::now(), bounds.time);
    let fetched = match fetch(listening, bounds, &notice) {
        Ok(fetched) => fetched,
        Err(error) if begun.elapsed() >= time / 2 => return Step::Slow(format!("{error:#}")),
        Err(error) => return Step::Again(format!("{error:#}")),
    };
    match put(listening, fetched, payload) {
        Ok(name) => Step::Done(Heard::Put(name), Some(digest)),
        // Until a drop has taken what is there.
        Err(error) if error.is::<Taken>() => Step::Taken(format!("{error:#}")),
        Err(error) => Step::Kept(format!("{error:#}")),
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

fn fetch(listening: &Listening, bounds: Bounds, notice: &Notification<'_>) -> Result<Fetched> {
    if is_session(notice.envelope_ref.untrusted()) {
        let session = listening.session.clone();
        let mut session = session.context("an iacp: reference, and --at does not say where its agent listens")?;
        session.time = bounds.time;
        return notice.resolve(&mut session);
    }
    notice.resolve(&mut Fetcher::new(bounds, &mut |_, _| ()))
}

/// The notice first, the manifest last: then it is whole. What is there already under this name stays, and if it is this object, it was
/// put by a process that has ended before it could say so.
fn put(listening: &Listening, fetched: Fetched, notice: &[u8]) -> Result<String> {
    std::fs::create_dir_all(&listening.inbox).with_context(|| format!("--into {}", listening.inbox.display()))?;
    let sealed = Sealed { name: fetched.name, outer: fetched.outer, digest: fetched.manifest };
    if !is_in(&listening.inbox, &sealed, &fetched.object) {
        drop_with_notice(&listening.inbox, &sealed, &fetched.object, Some(notice))?;
    }
    Ok(sealed.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_waits_and_comes_in_the_next_connection_takes_its_own_place() {
        let due = Instant::now();
        let waits = |payload: &[u8]| Later { after: After::Others, due, failures: 2, message: Message::of(1, payload) };
        // The same twice, as two messages of its sender's.
        let mut later = vec![waits(b"slow"), waits(b"slow"), waits(b"other")];
        for payload in [b"slow", b"slow"] {
            assert!(unknown(&mut later, Message::of(2, payload)).is_none());
        }
        assert_eq!(later.len(), 3);
        assert!(later.iter().all(|one| one.failures == 2));
        assert_eq!(later.iter().map(|one| one.message.connection()).collect::<Vec<_>>(), [2, 2, 1]);
        // A third one of this connection is a new one, and so is what does not wait.
        assert!(unknown(&mut later, Message::of(2, b"slow")).is_some());
        assert!(unknown(&mut later, Message::of(2, b"new")).is_some());
    }
}
