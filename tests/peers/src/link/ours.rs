//! Our stream as a flow: the delta log and the congestion control of iacp-core, and a receiver that acknowledges as
//! PROFILE says. Frames are as long as sealed ones, and not sealed: nothing here depends on what is in them.

use super::stream::congestion::Congestion;
use super::stream::{DeltaLog, Shown};
use super::world::{Flow, Side};
use crate::time::Mono;

/// Bytes of a data frame beside its content.
pub const OVERHEAD: usize = 89;
/// Bytes of a heartbeat without its bitmap.
pub const HEARTBEAT: usize = 145;

/// When a receiver sends a heartbeat.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledge {
    /// By this many frames at the latest.
    pub every: u64,
    /// By this many, among the first so many frames.
    pub early: (u64, u64),
    /// Milliseconds after a frame at the latest.
    pub delay: u64,
    /// So many frames after a gap opened, at once.
    pub after_gap: u64,
    /// The longest bitmap, in bytes.
    pub bitmap: usize,
}

/// A transfer with `C` as congestion control.
pub struct Ours<C: Congestion, const LOG: usize, const FRAMES: usize> {
    log: Box<DeltaLog<C, LOG, FRAMES>>,
    frame: usize,
    left: u64,
    began: Option<u64>,
    newest: u64,
    policy: Acknowledge,
    // The receiver.
    expected: u64,
    top: u64,
    early: Vec<bool>,
    heartbeats: u64,
    frames: u64,
    unacknowledged: u64,
    since_gap: u64,
    due: Option<u64>,
    delivered: u64,
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> Ours<C, LOG, FRAMES> {
    /// A session that is established over a path of this round trip in milliseconds, with so many bytes of content in
    /// frames of this length.
    #[must_use]
    pub fn new(content: u64, frame: usize, round_trip: u64, policy: Acknowledge) -> Self {
        // On the heap without a copy on the stack.
        let mut log: Box<DeltaLog<C, LOG, FRAMES>> = vec![DeltaLog::IDLE].pop().map(Box::new).expect("one");
        log.set_window(u32::try_from(FRAMES).unwrap_or(u32::MAX));
        log.restart(0);
        // The handshake has measured it.
        log.echo(Mono(round_trip), Mono(0));
        Self {
            log,
            frame,
            left: content,
            began: None,
            newest: 0,
            policy,
            expected: 0,
            top: 0,
            early: vec![false; FRAMES],
            heartbeats: 0,
            frames: 0,
            unacknowledged: 0,
            since_gap: u64::MAX,
            due: None,
            delivered: 0,
        }
    }

    fn seal(&mut self, now: Mono) {
        while self.left > 0 {
            let content = self.left.min((self.frame - OVERHEAD) as u64);
            let length = OVERHEAD + usize::try_from(content).unwrap_or(0);
            let sequence = self.log.next();
            let Some(frame) = self.log.room(length) else { return };
            frame[..8].copy_from_slice(&sequence.to_be_bytes());
            self.log.push(length, [1; 32], now);
            self.left -= content;
        }
    }

    fn take(&mut self, now: u64, datagram: &[u8]) {
        let sequence = u64::from_be_bytes(*datagram.first_chunk().expect("a sequence number"));
        let place = usize::try_from(sequence % FRAMES as u64).expect("an index");
        if sequence < self.expected || self.early[place] {
            self.due = Some(self.due.unwrap_or(u64::MAX).min(now + 1_000));
            return;
        }
        assert!(sequence < self.expected + FRAMES as u64, "beyond the window");
        self.delivered += (datagram.len() - OVERHEAD) as u64;
        self.frames += 1;
        self.unacknowledged += 1;
        let gap_before = self.top > self.expected;
        let skips = sequence > self.top;
        self.top = self.top.max(sequence + 1);
        self.early[place] = true;
        while self.expected < self.top {
            let place = usize::try_from(self.expected % FRAMES as u64).expect("an index");
            if !std::mem::take(&mut self.early[place]) {
                break;
            }
            self.expected += 1;
        }
        let closes = gap_before && self.top == self.expected;
        self.since_gap = if skips { 1 } else { self.since_gap.saturating_add(1) };
        let every = if self.frames <= self.policy.early.1 { self.policy.early.0 } else { self.policy.every };
        let at_once = self.frames == 1
            || skips
            || closes
            || self.since_gap == self.policy.after_gap
            || self.unacknowledged >= every;
        let due = if at_once { now } else { now + self.policy.delay * 1_000 };
        self.due = Some(self.due.unwrap_or(u64::MAX).min(due));
    }

    fn heartbeat(&mut self) -> Vec<u8> {
        self.heartbeats += 1;
        (self.unacknowledged, self.due) = (0, None);
        let reach = (self.top.saturating_sub(self.expected + 1)).min(8 * self.policy.bitmap as u64);
        let mut bitmap = vec![0_u8; usize::try_from(reach.div_ceil(8)).expect("short")];
        for bit in 0..reach {
            let place = usize::try_from((self.expected + 1 + bit) % FRAMES as u64).expect("an index");
            if self.early[place] {
                bitmap[usize::try_from(bit / 8).expect("short")] |= 0x80 >> (bit % 8);
            }
        }
        while bitmap.last() == Some(&0) {
            bitmap.pop();
        }
        let mut datagram = vec![0; HEARTBEAT];
        datagram[..8].copy_from_slice(&self.heartbeats.to_be_bytes());
        datagram[8..16].copy_from_slice(&self.expected.to_be_bytes());
        datagram.extend(bitmap);
        datagram
    }

    fn acknowledged(&mut self, now: u64, datagram: &[u8]) {
        let number = u64::from_be_bytes(datagram[..8].try_into().expect("eight bytes"));
        let expected = u64::from_be_bytes(datagram[8..16].try_into().expect("eight bytes"));
        if number > self.newest {
            self.newest = number;
            let shown = Shown { held: false, bitmap: &datagram[HEARTBEAT..] };
            self.log.acknowledge(Mono(now / 1_000), expected, shown);
        }
    }
}

impl<C: Congestion, const LOG: usize, const FRAMES: usize> Flow for Ours<C, LOG, FRAMES> {
    fn transmit(&mut self, now: u64, side: Side) -> Option<Vec<u8>> {
        match side {
            Side::Sender => {
                self.began.get_or_insert(now);
                let now = Mono(now / 1_000);
                self.seal(now);
                self.log.transmit(now).map(<[u8]>::to_vec)
            }
            Side::Receiver => self.due.is_some_and(|due| due <= now).then(|| self.heartbeat()),
        }
    }

    fn receive(&mut self, now: u64, side: Side, datagram: Vec<u8>) {
        match side {
            Side::Sender => self.acknowledged(now, &datagram),
            Side::Receiver => self.take(now, &datagram),
        }
    }

    fn wake(&mut self, side: Side) -> Option<u64> {
        match side {
            Side::Sender => self.log.due().map(|due| due.0 * 1_000),
            Side::Receiver => self.due,
        }
    }

    fn began(&self) -> Option<u64> {
        self.began
    }

    fn delivered(&self) -> u64 {
        self.delivered
    }
}
