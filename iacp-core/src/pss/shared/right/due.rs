//! What is due to the peer: keys, values, ends (`IACP §6.1.2`, `IACP §6.4.4`).

use super::{READ, Reach, Rights, SUBSCRIBE};
use crate::pss::shared::Coordinate;
use crate::pss::shared::endpoint::{EndpointSlot, Endpoints};
use crate::time::Mono;

/// A frame that is due to the peer about one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// The key of the group's epoch, which must be sent before values that are sealed under it.
    Key(Coordinate),
    /// That the peer is no longer a member of the group.
    Out(Coordinate),
    /// The newest value; those between are skipped.
    Value(Coordinate),
    /// That the endpoint has ended.
    Gone(Coordinate),
}

words! {
    Due {
        Self::Key(_) => "the key of the epoch",
        Self::Out(_) => "that the peer is no longer a member",
        Self::Value(_) => "the newest value",
        Self::Gone(_) => "that the endpoint has ended",
    }
}

impl<const N: usize> Rights<N> {
    /// The next frame to send. Call this whenever the session has room, until it returns `None`. A session whose window
    /// is full gets the newest value later, without those between: an endpoint is a state, not a stream. `home` is the
    /// reach of the session's home: while it is too wide, granted rights are suspended.
    #[must_use]
    pub fn update(&self, now: Mono, home: Reach, endpoints: &Endpoints<'_>) -> Option<Due> {
        self.all().find_map(|right| {
            let coordinate = right.coordinate;
            if right.gone {
                return Some(Due::Gone(coordinate));
            }
            let sealed = endpoints.find(&coordinate).filter(|endpoint| endpoint.flags().sealed);
            let epoch = sealed.map(EndpointSlot::epoch);
            // No key and no value is sent before the epoch that excludes the leaving members has begun.
            if epoch.is_some_and(|epoch| epoch > right.told) {
                let member = self.endpoint(now, endpoints, &coordinate, READ, home).is_some();
                match (member, right.told > 0 && !self.is_member(right, now)) {
                    (true, _) => return Some(Due::Key(coordinate)),
                    (false, true) => return Some(Due::Out(coordinate)),
                    (false, false) => {}
                }
            }
            let endpoint = self.endpoint(now, endpoints, &coordinate, READ | SUBSCRIBE, home)?;
            let anew = endpoint.version() > right.sent || right.under < right.told;
            let sealable = epoch.is_none_or(|epoch| epoch > 0 && epoch == right.told);
            (right.subscribed && anew && sealable).then_some(Due::Value(coordinate))
        })
    }

    /// Notes that it was sealed for the peer; `version` is that of a value, `epoch` that of a key.
    pub fn sent(&mut self, due: Due, version: u64) {
        match due {
            Due::Value(coordinate) => {
                if let Some(right) = self.right(&coordinate) {
                    (right.sent, right.under) = (right.sent.max(version), right.told);
                }
            }
            Due::Key(coordinate) => {
                if let Some(right) = self.right(&coordinate) {
                    right.told = version;
                }
            }
            Due::Out(coordinate) => {
                if let Some(right) = self.right(&coordinate) {
                    right.told = 0;
                }
                self.tidy();
            }
            // Rights that were granted again in the meantime stay.
            Due::Gone(coordinate) => {
                if let Some(right) = self.right(&coordinate) {
                    right.gone = false;
                }
                self.tidy();
            }
        }
    }

    /// Whether the peer was sent the key of the current epoch of this endpoint.
    #[must_use]
    pub fn holds_key(&self, endpoint: &EndpointSlot) -> bool {
        let coordinate = endpoint.coordinate();
        endpoint.epoch() > 0 && self.all().any(|right| right.coordinate == coordinate && right.told == endpoint.epoch())
    }

    /// An endpoint whose epoch must end, because the peer holds its key and is no longer a member. `ended` means that
    /// the session is over, and all its rights.
    #[must_use]
    pub fn left(&self, now: Mono, endpoints: &Endpoints<'_>, ended: bool) -> Option<Coordinate> {
        self.all().find_map(|right| {
            let endpoint = endpoints.find(&right.coordinate)?;
            let holds = endpoint.epoch() > 0 && endpoint.epoch() == right.told;
            (holds && (ended || !self.is_member(right, now))).then_some(right.coordinate)
        })
    }

    /// When the next right to a group's key ends by time.
    #[must_use]
    pub fn due(&self, now: Mono) -> Option<Mono> {
        self.all().filter(|right| right.told > 0).filter_map(|right| right.until).filter(|until| *until > now).min()
    }
}
