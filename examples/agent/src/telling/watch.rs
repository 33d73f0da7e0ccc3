//! Notices the state changes of a session.

use iacp_core::crypto::Provider;
use iacp_core::pss::{Congestion, Session, continuity, lifecycle};

use crate::telling::event::Event;
use crate::telling::timeline::Timeline;

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

    /// Tells what has changed.
    pub fn look<P: Provider, const LOG: usize, const FRAMES: usize, C: Congestion>(
        &mut self,
        session: &Session<P, LOG, FRAMES, C>,
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
        let from = self.continuity;
        // After its end a session has no state here: the last one stays.
        let Some(to) = session.continuity().filter(|to| from != Some(*to)) else { return };
        self.continuity = Some(to);
        self.flagged += u32::from(to == AnomalyFlagged);
        self.cleared += u32::from(from == Some(AnomalyFlagged) && to == Established);
        let from = from.map(continuity::State::name);
        timeline.note(who, Event::State { machine: continuity::MACHINE.name, from, to: to.name() });
    }
}
