//! Where a peer of a server is.

use std::net::SocketAddr;

use crate::carrier::link::Route;

/// The ways to a peer: home, and where something authentic came from last, if that was elsewhere.
pub(super) struct Ways {
    pub(super) home: (SocketAddr, Route),
    pub(super) other: Option<(SocketAddr, Route)>,
}

impl Ways {
    pub(super) fn came(&mut self, from: SocketAddr, route: &Route) {
        if from != self.home.0 {
            self.other = Some((from, route.clone()));
        } else if !route.is(&self.home.1) {
            self.home.1 = route.clone();
        }
    }

    pub(super) fn moved(&mut self, to: SocketAddr) {
        if let Some(other) = self.other.take_if(|(at, _)| *at == to) {
            self.home = other;
        }
    }

    pub(super) fn to(&self, to: SocketAddr) -> Option<&Route> {
        let known = [Some(&self.home), self.other.as_ref()];
        known.into_iter().flatten().find(|(at, route)| route.leads(*at, to)).map(|(_, route)| route)
    }
}
