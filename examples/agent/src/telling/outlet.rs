//! The way out of an agent: every frame is counted here, and may meet a fault that was ordered.

use std::net::SocketAddr;

use crate::carrier::faults::{Fate, Faults};
use crate::carrier::link::{Lost, Queue, Route};
use crate::carrier::traffic::{Label, Traffic};
use crate::telling::capture::{self, Capture};
use crate::telling::event::Event;
use crate::telling::timeline::Timeline;

/// The way out.
pub struct Outlet<'t> {
    who: &'static str,
    timeline: &'t Timeline,
    faults: Option<Faults>,
    /// The last frame was to pass and found the queue full: so the next one passes.
    spared: bool,
    traffic: Traffic,
    next: Option<u64>,
    last: Option<Label>,
    capture: Option<&'t Capture>,
}

impl<'t> Outlet<'t> {
    pub const fn new(who: &'static str, timeline: &'t Timeline, faults: Option<Faults>) -> Self {
        Self {
            who,
            timeline,
            faults,
            spared: false,
            traffic: Traffic { frames: 0, bytes: 0, data: 0, heartbeats: 0, repeats: 0, lost: 0, late: 0 },
            next: None,
            last: None,
            capture: None,
        }
    }

    /// Writes what goes out to a capture too.
    pub const fn captured(mut self, capture: Option<&'t Capture>) -> Self {
        self.capture = capture;
        self
    }

    pub const fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The last thing that was said is the answer to a peer that wants to end the session.
    pub fn has_answered(&self) -> bool {
        self.last.is_some_and(|label| label.is_farewell())
    }

    /// Sends one frame, unless a fault meets it. A frame that finds the queue full was not sent, and is not counted.
    ///
    /// # Errors
    /// The transport is gone.
    pub fn send(&mut self, route: &Route, to: SocketAddr, frame: &[u8]) -> Result<Queue, Lost> {
        let spared = std::mem::take(&mut self.spared);
        let fate = self.faults.as_mut().filter(|_| !spared).map_or(Fate::Passes, Faults::next);
        let label = Label::of(frame);
        if fate == Fate::Passes {
            let sent = route.send(to, frame);
            self.spared = sent == Ok(Queue::Full);
            if !self.spared {
                self.capture(frame);
                self.tell(label);
            }
            return sent;
        }
        self.capture(frame);
        self.tell(label);
        if let Fate::Late(delay) = fate {
            self.traffic.late += 1;
            let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            self.timeline.note(self.who, Event::Late { frame: label.to_string(), delay_ms });
            let (route, frame) = (route.clone(), frame.to_vec());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let _ = route.send(to, &frame);
            });
        } else {
            self.traffic.lost += 1;
            self.timeline.note(self.who, Event::Lost { frame: label.to_string(), bytes: label.length });
        }
        Ok(Queue::Taken)
    }

    /// A frame that a fault meets on its way was sent all the same.
    fn capture(&self, frame: &[u8]) {
        if let Some(capture) = self.capture {
            let (from, to) = match self.who {
                "alice" => (capture::ALICE, capture::BOB),
                _ => (capture::BOB, capture::ALICE),
            };
            if let Err(error) = capture.frame(from, to, frame) {
                self.timeline.note(self.who, Event::Trouble { what: format!("{error:#}") });
            }
        }
    }

    fn tell(&mut self, label: Label) {
        let repeat = self.count(label);
        if !label.flows() {
            self.timeline.note(self.who, Event::Sent { frame: label.to_string(), bytes: label.length, repeat });
        }
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
