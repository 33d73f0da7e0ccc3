//! The way out of an agent: every frame is counted here, and may meet a fault that was ordered.

use std::fmt;
use std::net::SocketAddr;

use iacp_wire::{Flags, Frame, Message};

use crate::carrier::faults::{Fate, Faults};
use crate::carrier::link::{Lost, Route};
use crate::telling::timeline::{Event, Timeline};

/// What a frame is, seen from outside: nothing here needs a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub name: &'static str,
    pub length: usize,
    pub data: Option<u64>,
    pub fin: bool,
    pub heartbeat: bool,
    /// Type 1, 2 or 3 of a PSS_TEARDOWN.
    teardown: u16,
}

impl Label {
    /// Of a frame that a machine of ours wrote.
    pub fn of(frame: &[u8]) -> Self {
        let mut label =
            Self { name: "noise", length: frame.len(), data: None, fin: false, heartbeat: false, teardown: 0 };
        let Ok(frame) = Frame::parse(frame) else { return label };
        label.name = frame.message.message_type().name();
        match frame.message {
            Message::PssDataStream { head, .. } if head.sequence_number.get() >= 1 << 63 => label.heartbeat = true,
            Message::PssDataStream { head, .. } => {
                label.data = Some(head.sequence_number.get());
                label.fin = frame.flags.contains(Flags::FIN);
            }
            Message::PssTeardown { head, .. } => label.teardown = head.teardown_type.get(),
            _ => {}
        }
        label
    }

    /// It is our answer to a peer that wants to end the session.
    pub const fn is_farewell(&self) -> bool {
        self.teardown == 2
    }

    /// It belongs to the flow of data, of which only the sum is of interest.
    pub const fn flows(&self) -> bool {
        self.heartbeat || (self.data.is_some() && !self.fin)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { heartbeat: true, .. } => f.write_str("heartbeat"),
            Self { data: Some(sequence), fin, .. } => {
                write!(f, "{} #{sequence}{}", self.name, if *fin { " FIN" } else { "" })
            }
            Self { teardown: 1, .. } => write!(f, "{} request", self.name),
            Self { teardown: 2, .. } => write!(f, "{} answer", self.name),
            Self { teardown: 3, .. } => write!(f, "{} forced", self.name),
            _ => f.write_str(self.name),
        }
    }
}

/// What went out.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Traffic {
    pub frames: u64,
    pub bytes: u64,
    pub data: u64,
    pub heartbeats: u64,
    pub repeats: u64,
    pub lost: u64,
    pub late: u64,
}

/// The way out.
pub struct Outlet<'t> {
    who: &'static str,
    timeline: &'t Timeline,
    faults: Option<Faults>,
    traffic: Traffic,
    next: Option<u64>,
    last: Option<Label>,
}

impl<'t> Outlet<'t> {
    pub const fn new(who: &'static str, timeline: &'t Timeline, faults: Option<Faults>) -> Self {
        Self {
            who,
            timeline,
            faults,
            traffic: Traffic { frames: 0, bytes: 0, data: 0, heartbeats: 0, repeats: 0, lost: 0, late: 0 },
            next: None,
            last: None,
        }
    }

    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The last thing that was said is the answer to a peer that wants to end the session.
    pub fn has_answered(&self) -> bool {
        self.last.is_some_and(|label| label.is_farewell())
    }

    /// Sends one frame, unless a fault meets it.
    ///
    /// # Errors
    /// The transport is gone.
    pub async fn send(&mut self, route: &Route, to: SocketAddr, frame: &[u8]) -> Result<(), Lost> {
        let label = Label::of(frame);
        let repeat = self.count(label);
        let fate = self.faults.as_mut().map_or(Fate::Passes, Faults::next);
        if !label.flows() {
            self.timeline.note(self.who, Event::Sent { frame: label.to_string(), bytes: label.length, repeat });
        }
        match fate {
            Fate::Passes => return route.send(to, frame).await,
            Fate::Lost => {
                self.traffic.lost += 1;
                self.timeline.note(self.who, Event::Lost { frame: label.to_string(), bytes: label.length });
            }
            Fate::Late(delay) => {
                self.traffic.late += 1;
                let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
                self.timeline.note(self.who, Event::Late { frame: label.to_string(), delay_ms: ms });
                let (route, frame) = (route.clone(), frame.to_vec());
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    let _ = route.send(to, &frame).await;
                });
            }
        }
        Ok(())
    }

    /// Counts a frame; says whether it is the same one again.
    fn count(&mut self, label: Label) -> bool {
        self.traffic.frames += 1;
        self.traffic.bytes += label.length as u64;
        self.traffic.data += u64::from(label.data.is_some());
        self.traffic.heartbeats += u64::from(label.heartbeat);
        let repeat = match label.data {
            Some(sequence) => {
                let again = self.next.is_some_and(|next| sequence < next);
                self.next = self.next.max(Some(sequence + 1));
                again
            }
            None => !label.flows() && self.last == Some(label),
        };
        if !label.flows() {
            self.last = Some(label);
        }
        self.traffic.repeats += u64::from(repeat);
        repeat
    }
}
