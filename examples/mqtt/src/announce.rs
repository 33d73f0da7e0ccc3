//! Publishing notifications.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cep_envelope::notification::Notification;
use rumqttc::{Client, Event, Outgoing, Packet, QoS, RecvTimeoutError};

use crate::connect::{Broker, topic_of};

/// A pause after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// What is published, and how.
pub struct Announcing<'a> {
    /// Where.
    pub broker: &'a Broker,
    /// The notifications, each with its receiver's name in it.
    pub notices: &'a [Vec<u8>],
    /// The broker keeps the last one of a receiver, for a listener that comes later.
    pub retain: bool,
    /// How long the broker may take to acknowledge all of them.
    pub time: Duration,
}

/// Publishes notifications with QoS 1, and returns when the broker has acknowledged every one.
///
/// # Errors
/// One is no notification: none is published. Or the broker did not acknowledge all of them in time: some may have been.
pub fn announce(announcing: &Announcing<'_>) -> Result<()> {
    let mut topics = Vec::new();
    for (number, notice) in announcing.notices.iter().enumerate() {
        let read = Notification::read(notice).map_err(|error| anyhow::anyhow!("{error}"));
        let read = read.with_context(|| format!("notification {} is none", number + 1))?;
        topics.push(topic_of(read.to_agent));
    }
    let id = format!("cep-announce-{}-{:08x}", std::process::id(), fresh());
    let (client, mut connection) = Client::new(announcing.broker.options(&id), announcing.notices.len().max(1) + 1);
    for (topic, notice) in topics.into_iter().zip(announcing.notices) {
        client.publish(topic, QoS::AtLeastOnce, announcing.retain, notice.clone())?;
    }
    let until = Instant::now() + announcing.time;
    let (mut acknowledged, mut trouble) = (0, None);
    while acknowledged < announcing.notices.len() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let why = trouble
                .map_or_else(|| "it does not answer".to_owned(), |error: rumqttc::ConnectionError| error.to_string());
            bail!("the broker has acknowledged {acknowledged} of {}: {why}", announcing.notices.len());
        }
        match connection.recv_timeout(left) {
            Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => acknowledged += 1,
            Ok(Ok(_)) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Err(error)) => {
                trouble = Some(error);
                std::thread::sleep(PAUSE.min(left));
            }
            Err(RecvTimeoutError::Disconnected) => bail!("the connection has ended"),
        }
    }
    client.disconnect()?;
    // What was said last has a moment to leave.
    let farewell = Instant::now() + PAUSE;
    while let Ok(Ok(event)) = connection.recv_timeout(farewell.saturating_duration_since(Instant::now())) {
        if event == Event::Outgoing(Outgoing::Disconnect) {
            break;
        }
    }
    Ok(())
}

/// A number that differs from one client to the next.
fn fresh() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(Instant::now());
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0)
}
