//! Our sessions as a flow: handshake, sealing, heartbeats and pace of iacp-core on both sides, with AWS-LC below them.

use std::net::{Ipv6Addr, SocketAddr};

use iacp_core::crypto::AwsLc;
use iacp_core::identity::Identity;
use iacp_core::pss::{
    Admission, Capabilities, Congestion, ContentKind, Flight, Incoming, OVERHEAD, Received, Replied, Responder,
    Session, SessionEvent, Settings, TRANSMIT_BUFFER, Terms,
};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::world::{Flow, Side};

type End<C, const LOG: usize, const FRAMES: usize> = Box<Session<AwsLc, LOG, FRAMES, C>>;

/// A receiver's log: it seals nothing but heartbeats, which are not kept.
const RECEIVER_LOG: usize = 1_024;

/// Two agents: the initiator sends content, the responder takes it.
pub struct Ours<C: Congestion, const LOG: usize, const FRAMES: usize> {
    rng: ChaCha8Rng,
    identities: [Identity<AwsLc>; 2],
    sender: End<C, LOG, FRAMES>,
    listening: Responder<1>,
    receiver: End<Flight, RECEIVER_LOG, FRAMES>,
    /// PSS_NEG frames that have not left.
    answers: Vec<Vec<u8>>,
    frame: usize,
    left: u64,
    began: Option<u64>,
    delivered: u64,
}

fn address(side: Side) -> SocketAddr {
    let port = match side {
        Side::Sender => 1,
        Side::Receiver => 2,
    };
    (Ipv6Addr::LOCALHOST, port).into()
}

/// The session's clock counts milliseconds.
const fn mono(now: u64) -> Mono {
    Mono(now / 1_000)
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> Ours<C, LOG, FRAMES> {
    /// A session that is about to be opened, with `content` bytes of content in frames of this length.
    #[must_use]
    pub fn new(content: u64, frame: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let receive_window = u32::try_from(FRAMES).expect("the terms have 32 bits for it");
        let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window };
        let listening = Responder::new(Settings { capabilities: Capabilities::NONE, terms }, mono(0), &mut rng);
        Self {
            identities: [Identity::generate(&mut rng), Identity::generate(&mut rng)],
            sender: Box::new(Session::IDLE),
            listening,
            receiver: Box::new(Session::IDLE),
            answers: Vec::new(),
            frame,
            left: content,
            began: None,
            delivered: 0,
            rng,
        }
    }

    /// The initiator's application: opens the session, then seals what the session has room for.
    fn write(&mut self, now: u64) {
        let at = mono(now);
        if self.sender.is_over() {
            assert!(self.began.is_none() && self.sender.closure().is_none(), "the session has ended early");
            let [own, peer] = &self.identities;
            let begun =
                self.sender.initiate(at, own, peer.eid(), address(Side::Receiver), Capabilities::NONE, &mut self.rng);
            begun.expect("its memory is free");
        }
        while let Some(event) = self.sender.poll_event() {
            match event {
                SessionEvent::Established => self.began = Some(now),
                SessionEvent::Closed(closure) => panic!("the sender's session is over: {closure:?}"),
                _ => {}
            }
        }
        while self.began.is_some() && self.left > 0 {
            let content = self.left.min((self.frame - OVERHEAD) as u64);
            let length = usize::try_from(content).expect("below the length of a frame");
            if self.sender.send_with(at, ContentKind::Anml, length, |room| room.fill(7)).is_err() {
                break;
            }
            self.left -= content;
        }
    }

    /// A datagram for the responder before it has a session.
    fn listen(&mut self, now: Mono, mut datagram: Vec<u8>) {
        let Ok(Incoming::Signed(signed)) = Incoming::parse(&mut datagram) else { return };
        let (identity, from) = (&self.identities[1], address(Side::Sender));
        let mut out = [0; TRANSMIT_BUFFER];
        let answer = self.listening.answer(now, identity, from, &signed, |_: &_| Admission::Admit, &mut out);
        if let Ok(Replied::Negotiate { length, .. }) = answer {
            self.answers.push(out[..length].to_vec());
        } else if let Ok(accepted) = self.listening.accept(now, identity, from, &signed, &mut ()) {
            self.receiver.accept(now, &accepted).expect("its memory is free");
        }
    }
}

/// Handles what is due in the session at this time; returns the next datagram that it sends.
fn poll<C: Congestion, const LOG: usize, const FRAMES: usize>(
    session: &mut Session<AwsLc, LOG, FRAMES, C>,
    now: Mono,
    identity: &Identity<AwsLc>,
    rng: &mut ChaCha8Rng,
) -> Option<Vec<u8>> {
    if session.next_deadline().is_some_and(|(at, _)| at <= now) {
        session.handle_deadline(now, identity, rng).expect("the session's identity");
    }
    let mut out = [0; TRANSMIT_BUFFER];
    let transmit = session.poll_transmit(now, &mut out).expect("the buffer is long enough");
    transmit.map(|transmit| transmit.bytes.to_vec())
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> Flow for Ours<C, LOG, FRAMES> {
    fn transmit(&mut self, now: u64, side: Side) -> Option<Vec<u8>> {
        match side {
            Side::Sender => {
                self.write(now);
                poll(&mut self.sender, mono(now), &self.identities[0], &mut self.rng)
            }
            Side::Receiver => {
                self.answers.pop().or_else(|| poll(&mut self.receiver, mono(now), &self.identities[1], &mut self.rng))
            }
        }
    }

    fn receive(&mut self, now: u64, side: Side, mut datagram: Vec<u8>) {
        let now = mono(now);
        match side {
            Side::Sender => {
                self.sender.handle(now, &self.identities[0], address(Side::Receiver), &mut datagram);
            }
            Side::Receiver if self.receiver.is_over() => self.listen(now, datagram),
            Side::Receiver => {
                let from = address(Side::Sender);
                if let Received::Data { content, .. } =
                    self.receiver.handle(now, &self.identities[1], from, &mut datagram)
                {
                    self.delivered += content.len() as u64;
                }
                while let Some(event) = self.receiver.poll_event() {
                    assert!(!matches!(event, SessionEvent::Closed(_)), "the receiver's session is over: {event:?}");
                }
            }
        }
    }

    fn wake(&mut self, side: Side) -> Option<u64> {
        let next = match side {
            Side::Sender => self.sender.next_deadline(),
            Side::Receiver => self.receiver.next_deadline(),
        };
        next.map(|(at, _)| at.0.saturating_mul(1_000))
    }

    fn began(&self) -> Option<u64> {
        self.began
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }
}
