//! The connection to the broker: what comes is put into a queue, and acknowledged in the connection in which it came.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cep_envelope::notification::MAX_NOTIFICATION;
use rumqttc::mqttbytes::Error as Malformed;
use rumqttc::{
    Client, Connection, ConnectionError, Event, Outgoing, Packet, Publish, QoS, StateError, SubscribeReasonCode,
};

use crate::connect::{MAX_PACKET, topic_of};
use crate::listen::{Heard, LONGEST_PAUSE, Listening, PAUSE, WAITING};

/// The longest packet that MQTT has, and more: so much is read once if a broker has a packet above `MAX_PACKET` for us, for it would
/// bring the same packet in every connection.
const LONGEST_PACKET: usize = 256 << 20;
/// How many connections in turn may end while a longer packet is taken.
const FAILURES: u32 = 3;
/// A pause until there may be room for an acknowledgement.
const MOMENT: Duration = Duration::from_millis(10);

/// A message, and the connection in which it came.
pub(crate) struct Message {
    pub publish: Publish,
    connection: u64,
    in_hand: Option<InHand>,
}

impl Message {
    /// The connection may end before this one is done: then the broker brings it once more.
    pub fn give_way(&mut self) {
        self.in_hand = None;
    }

    /// The broker has brought an earlier message once more, in another connection.
    pub fn is_again(&self, earlier: &Self) -> bool {
        self.connection != earlier.connection && self.publish.payload == earlier.publish.payload
    }
}

#[cfg(test)]
impl Message {
    pub fn of(connection: u64, payload: &[u8]) -> Self {
        Self { publish: Publish::new("topic", QoS::AtLeastOnce, payload), connection, in_hand: None }
    }

    pub fn connection(&self) -> u64 {
        self.connection
    }
}

/// Counts a message until it is dropped.
struct InHand(Arc<AtomicUsize>);

impl InHand {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What the thread with the connection and the thread with the work share.
pub(crate) struct Link {
    client: Client,
    connection: Mutex<Current>,
    /// Messages that are not done: in the queue, at work, or to be tried again.
    in_hand: Arc<AtomicUsize>,
    /// The work has ended.
    ended: AtomicBool,
}

/// The connection that is there now.
struct Current {
    /// Counts connections. Their messages are numbered anew, so that an acknowledgement of an earlier one may mean another message.
    number: u64,
    /// Acknowledgements that are not sent yet.
    unsent: usize,
}

impl Link {
    pub fn new(client: Client) -> Self {
        let connection = Mutex::new(Current { number: 0, unsent: 0 });
        Self { client, connection, in_hand: Arc::default(), ended: AtomicBool::new(false) }
    }

    fn connection(&self) -> MutexGuard<'_, Current> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acknowledges a message if its connection still is. If not, the broker brings it once more, and it is known then.
    pub fn acknowledge(&self, message: Message) {
        loop {
            let mut connection = self.connection();
            if connection.number != message.connection {
                return;
            }
            if self.client.try_ack(&message.publish).is_ok() {
                connection.unsent += 1;
                // Before the connection's thread looks whether all is done.
                drop(message);
                return;
            }
            drop(connection);
            thread::sleep(MOMENT);
        }
    }

    /// Ends the connection, and the thread that has it.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = self.client.disconnect();
    }

    /// Whether all that came is handled and, where it is done, acknowledged.
    fn has_caught_up(&self) -> bool {
        self.in_hand.load(Ordering::SeqCst) == 0 && self.connection().unsent == 0
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Puts a message into the queue. Whether there was room for it.
    fn put(&self, queue: &SyncSender<Message>, publish: Publish) -> bool {
        let (connection, in_hand) = (self.connection().number, Some(InHand::of(&self.in_hand)));
        let put = queue.try_send(Message { publish: shortened(publish), connection, in_hand });
        !matches!(put, Err(TrySendError::Full(_)))
    }
}

/// What is too long for a notification is refused whatever follows: the queue keeps no more of it than it takes to see that.
fn shortened(mut publish: Publish) -> Publish {
    if let Some((beginning, _)) = publish.payload.split_at_checked(MAX_NOTIFICATION + 1) {
        publish.payload = beginning.to_vec().into();
    }
    publish
}

/// One connection after the other.
struct Poll<'p, T> {
    link: &'p Link,
    queue: &'p SyncSender<Message>,
    tell: T,
    pause: Duration,
    /// A message found no room. The broker brings it again in another connection alone, which is to begin when there is room.
    missed: bool,
    /// A packet that is longer than usual is taken.
    large: bool,
    /// Connections that have ended since then.
    failures: u32,
    /// The next connection is a clean one: it ends the session that the broker keeps.
    clean: bool,
}

/// Keeps the connection, and puts what arrives into the queue, until the work has ended.
pub(crate) fn poll(
    listening: &Listening,
    link: &Link,
    connection: &mut Connection,
    queue: &SyncSender<Message>,
    tell: impl Fn(Heard),
) {
    let topic = topic_of(&listening.name);
    let mut poll = Poll { link, queue, tell, pause: PAUSE, missed: false, large: false, failures: 0, clean: false };
    while let Ok(event) = connection.recv() {
        let ended = link.has_ended();
        let trouble = match event {
            Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
            Ok(Event::Incoming(Packet::ConnAck(_))) if ended => break,
            // A clean session ends with its connection: nothing is to be kept in it.
            Ok(Event::Incoming(Packet::ConnAck(_))) if poll.clean => {
                poll.clean = false;
                connection.eventloop.mqtt_options.set_clean_session(false);
                poll.lose(connection);
                None
            }
            // A broker that was started again may know of no subscription.
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let asked = link.client.try_subscribe(&topic, QoS::AtLeastOnce);
                asked.err().map(|_| "there is no room for the subscription".into())
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => poll.subscribed(&answer.return_codes),
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                // As the packet's length counts: two lengths of two bytes, the topic, and the payload.
                if publish.payload.len() + publish.topic.len() + 4 > MAX_PACKET {
                    poll.as_usual(connection);
                }
                poll.take(publish);
                None
            }
            // What is answered comes behind all that waited: the long packet, if it came at all, has been read.
            Ok(Event::Incoming(Packet::PingResp)) if poll.large => {
                poll.as_usual(connection);
                None
            }
            Ok(Event::Outgoing(Outgoing::PubAck(_))) => {
                let mut connection = link.connection();
                connection.unsent = connection.unsent.saturating_sub(1);
                None
            }
            Ok(_) => None,
            Err(_) if ended => break,
            Err(error) => {
                poll.repair(connection, &error);
                Some(error.to_string())
            }
        };
        let caught_up = poll.missed && link.has_caught_up();
        if let Some(why) = trouble {
            poll.lose(connection);
            (poll.tell)(Heard::Lost(why));
            thread::sleep(poll.pause);
            poll.pause = (poll.pause * 2).min(LONGEST_PAUSE);
        } else if caught_up {
            poll.lose(connection);
            (poll.tell)(Heard::Lost("there is room again for the messages that found none".into()));
        }
    }
    // No acknowledgement is waited for any more.
    link.connection().number += 1;
}

impl<T: Fn(Heard)> Poll<'_, T> {
    /// The broker has answered the subscription: why it is none, if it is none.
    fn subscribed(&mut self, answers: &[SubscribeReasonCode]) -> Option<String> {
        let accepted = |answer: &SubscribeReasonCode| {
            matches!(answer, SubscribeReasonCode::Success(QoS::AtLeastOnce | QoS::ExactlyOnce))
        };
        if answers.is_empty() || !answers.iter().all(accepted) {
            self.pause = LONGEST_PAUSE;
            return Some("the broker refuses the subscription with QoS 1".into());
        }
        self.pause = PAUSE;
        (self.tell)(Heard::Subscribed);
        None
    }

    /// A message. With QoS 0 it may be lost anywhere on the way, so that no sender relies on it: it takes no room.
    fn take(&mut self, publish: Publish) {
        if publish.qos == QoS::AtMostOnce {
            (self.tell)(Heard::Refused(format!("a message of {} bytes: it has QoS 0", publish.payload.len())));
        } else if !self.link.put(self.queue, publish) && !self.missed {
            self.missed = true;
            (self.tell)(Heard::Kept(format!(
                "{WAITING} messages wait already: the broker brings more when they are done"
            )));
        }
    }

    /// What is different in the next connection.
    fn repair(&mut self, connection: &mut Connection, error: &ConnectionError) {
        let options = &mut connection.eventloop.mqtt_options;
        match error {
            ConnectionError::MqttState(StateError::Deserialization(Malformed::PayloadSizeLimitExceeded(_)))
                if !self.large =>
            {
                self.large = true;
                options.set_max_packet_size(LONGEST_PACKET, MAX_PACKET);
            }
            // The network has ended the connection; rumqttc tells it as an error of a packet.
            ConnectionError::MqttState(StateError::Deserialization(Malformed::Io(_))) => self.failed(connection),
            // The broker would send the same packet in every connection of this session.
            ConnectionError::MqttState(StateError::Deserialization(_)) => self.begin_anew(connection),
            ConnectionError::MqttState(_) => self.failed(connection),
            _ => {}
        }
    }

    /// A connection has ended. A longer packet may be the reason, if it happens again and again.
    fn failed(&mut self, connection: &mut Connection) {
        self.failures += u32::from(self.large);
        if self.failures >= FAILURES {
            self.begin_anew(connection);
        }
    }

    /// The next connection ends the session, and the one after it begins another.
    fn begin_anew(&mut self, connection: &mut Connection) {
        self.as_usual(connection);
        self.clean = true;
        connection.eventloop.mqtt_options.set_clean_session(true);
    }

    /// The next connection takes no packet that is longer than usual.
    fn as_usual(&mut self, connection: &mut Connection) {
        (self.large, self.failures) = (false, 0);
        connection.eventloop.mqtt_options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
    }

    /// Ends the connection, if it has not ended. What came in it is handled, and is not acknowledged any more.
    fn lose(&mut self, connection: &mut Connection) {
        for event in std::mem::take(&mut connection.eventloop.state.events) {
            if let Event::Incoming(Packet::Publish(publish)) = event {
                self.take(publish);
            }
        }
        self.missed = false;
        let mut current = self.link.connection();
        *current = Current { number: current.number + 1, unsent: 0 };
        // Whatever acknowledgement waits to be sent is forgotten.
        connection.eventloop.clean();
    }
}
