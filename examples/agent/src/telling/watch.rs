//! Notices the state changes of a session.

use iacp_core::crypto::Provider;
use iacp_core::pss::{Session, continuity, lifecycle};

use crate::telling::timeline::{Event, Timeline};

/// The states of a session when they were last looked at.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    lifecycle: lifecycle::State,
    /// `None` before there are keys.
    continuity: Option<continuity::State>,
    pub flagged: u32,
    pub cleared: u32,
}

impl Watch {
    pub const fn new() -> Self {
        Self { lifecycle: lifecycle::State::INITIAL, continuity: None, flagged: 0, cleared: 0 }
    }

    /// There was a session when it was last looked at.
    pub fn is_open(&self) -> bool {
        self.lifecycle == lifecycle::State::Established
    }

    /// Tells what has changed.
    pub fn look<P: Provider, const LOG: usize, const FRAMES: usize>(
        &mut self,
        session: &Session<P, LOG, FRAMES>,
        who: &'static str,
        timeline: &Timeline,
    ) {
        use continuity::State::{AnomalyFlagged, Established};
        let (from, to) = (self.lifecycle, session.lifecycle());
        if from != to {
            self.lifecycle = to;
            let machine = lifecycle::MACHINE.name;
            timeline.note(who, Event::State { machine, from: Some(from.name()), to: to.name() });
        }
        if self.continuity.is_none() && to != lifecycle::State::Established {
            return;
        }
        let (from, to) = (self.continuity, session.continuity());
        if from == Some(to) {
            return;
        }
        self.continuity = Some(to);
        self.flagged += u32::from(to == AnomalyFlagged);
        self.cleared += u32::from(from == Some(AnomalyFlagged) && to == Established);
        let from = from.map(continuity::State::name);
        timeline.note(who, Event::State { machine: continuity::MACHINE.name, from, to: to.name() });
    }
}
