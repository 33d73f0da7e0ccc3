//! What an application knows of its session if it calls no getter and follows events alone.

use iacp_core::pss::{Closure, SessionEvent, continuity};

/// A session as its events describe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// The terms are a contract, or there is none to wait for.
    settled: bool,
    /// From [`SessionEvent::Established`] to [`SessionEvent::Closed`].
    state: Option<continuity::State>,
    /// How it ended.
    pub closure: Option<Closure>,
    /// [`SessionEvent::Released`] has come, or nothing has begun.
    pub released: bool,
}

impl Mirror {
    /// A session begins. `contract` is whether one was requested: the responder learns it from the PSS_ACK, the
    /// initiator from the first [`SessionEvent::Proposed`].
    #[must_use]
    pub const fn begin(contract: bool) -> Self {
        Self { settled: !contract, state: None, closure: None, released: false }
    }

    /// The session can send, as far as the events show.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == Some(continuity::State::Established)
    }

    /// Takes an event; it panics where one contradicts those before it.
    pub fn hear(&mut self, event: &SessionEvent) {
        use continuity::State;
        assert!(!self.released, "{event:?} after Released");
        assert!(self.closure.is_none() || *event == SessionEvent::Released, "{event:?} after {:?}", self.closure);
        match event {
            SessionEvent::Established => {
                // The connection may have been lost before it was confirmed; then it is still lost.
                assert!(matches!(self.state, None | Some(State::Disconnected)), "established twice");
                self.state = self.state.or(Some(if self.settled { State::Established } else { State::PssNegotiating }));
            }
            SessionEvent::Proposed { .. } => {
                self.settled = false;
                if self.state.is_some() {
                    assert_eq!(self.state, Some(State::PssNegotiating));
                }
            }
            SessionEvent::Contract(_) => {
                self.settled = true;
                if self.state == Some(State::PssNegotiating) {
                    self.state = Some(State::Established);
                }
            }
            SessionEvent::Disconnected => self.state = Some(State::Disconnected),
            SessionEvent::Reconciling => {
                assert_eq!(self.state, Some(State::Disconnected));
                self.state = Some(State::Reconciling);
            }
            SessionEvent::Reconciled => {
                assert_eq!(self.state, Some(State::Reconciling));
                self.state = Some(State::Established);
            }
            SessionEvent::Closed(closure) => (self.closure, self.state) = (Some(*closure), None),
            SessionEvent::Released => self.released = true,
            _ => {}
        }
    }

    /// Compares with the state that the session itself reports. A gap is no event: ANOMALY_FLAGGED is ESTABLISHED here.
    /// Before the keys are confirmed there is no event either.
    pub fn compare(&self, confirmed: bool, state: Option<continuity::State>, closure: Option<Closure>, over: bool) {
        use continuity::State;
        let told = match state {
            Some(State::AnomalyFlagged) => Some(State::Established),
            Some(_) if !confirmed && self.state.is_none() => None,
            state => state,
        };
        assert_eq!((self.state, self.closure, self.released), (told, closure, over), "events and session differ");
    }
}
