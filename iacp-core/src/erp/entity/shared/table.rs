//! What is kept of the endpoints that a session carries, and of groups.

use crate::pss::shared::frame::Status;
use crate::pss::shared::group_key::{Group, MEMBERS, Membership};
use crate::pss::shared::right::{Granted, PeerEndpoint, READ};
use crate::pss::shared::{Coordinate, Rights};
use crate::slots::{Links, Reset};
use crate::time::Mono;

/// A peer that is DISCONNECTED for this long, in milliseconds, is not a member of a group.
pub(in crate::erp::entity) const AWAY: u64 = 60_000;
/// Endpoints of a side that can be granted or followed in one session: eight, and the one of the pair.
pub(super) const POINTS: usize = 9;
/// READs and WRITEs under way in one session, each way.
const REQUESTS: usize = 8;

/// What is known of an endpoint of the peer's.
pub(super) struct Point {
    /// `None`: the place is free.
    pub(super) coordinate: Option<Coordinate>,
    pub(super) seen: PeerEndpoint,
    /// The peer has granted something, as of the frame with this sequence.
    pub(super) granted: bool,
    pub(super) above: Option<u64>,
    /// The agent follows it.
    pub(super) followed: bool,
    /// A READ is under way: its value is told even if it is known.
    pub(super) asked: bool,
    /// SUBSCRIBE is to be sent again: a value came before its key, or the session goes on for one in which it was sent.
    pub(super) again: bool,
    /// The peer's endpoint for this side alone: its values come without a GRANT.
    pub(super) pair: bool,
    /// It was followed in the session for which this one goes on: with the peer's GRANT it is again.
    pub(super) carried: bool,
    pub(super) keys: Membership,
}

impl Point {
    const FREE: Self = Self {
        coordinate: None,
        seen: PeerEndpoint::NEW,
        granted: false,
        above: None,
        followed: false,
        asked: false,
        again: false,
        pair: false,
        carried: false,
        keys: Membership::new(),
    };

    /// Nothing was granted and nothing is awaited: the place may be another's.
    pub(super) const fn is_idle(&self) -> bool {
        !self.granted && !self.followed && !self.asked && !self.pair && !self.carried
    }
}

/// The answer that a peer's READ or WRITE is owed.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) coordinate: Coordinate,
    pub(super) request: u32,
    pub(super) status: Status,
    pub(super) version: u64,
    /// The value goes before it.
    pub(super) value: bool,
}

/// Which frames about endpoints have been served, of the newest 256 sequences: after a REWIND they come again.
struct Served {
    newest: u64,
    bits: [u64; 4],
}

impl Served {
    const NONE: Self = Self { newest: 0, bits: [0; 4] };

    fn bit(&mut self, sequence: u64) -> (Option<&mut u64>, u64) {
        let place = usize::try_from(sequence / 64 % 4).unwrap_or(0);
        (self.bits.get_mut(place), 1 << (sequence % 64))
    }

    /// Whether it is the first time. What is older than 256 sequences was consumed, and does not come again.
    fn first(&mut self, sequence: u64) -> bool {
        let skipped = sequence.saturating_sub(self.newest);
        if skipped >= 256 {
            self.bits = [0; 4];
        } else {
            for between in self.newest..sequence {
                if let (Some(bits), bit) = self.bit(between + 1) {
                    *bits &= !bit;
                }
            }
        }
        if self.newest.saturating_sub(sequence) >= 256 {
            return true;
        }
        self.newest = self.newest.max(sequence);
        let (Some(bits), bit) = self.bit(sequence) else { return true };
        let first = *bits & bit == 0;
        *bits |= bit;
        first
    }
}

/// What is kept of the endpoints that one session carries.
pub struct SharedSlot {
    /// Whose it is; and its place among those of its agent to whose peers a change of an own endpoint may be due.
    pub(super) session: u32,
    pub(super) granting: Links,
    /// What the peer may do with own endpoints.
    pub(in crate::erp::entity) rights: Rights<POINTS>,
    /// The peer's own.
    pub(super) points: [Point; POINTS],
    /// The numbers of the agent's requests that the peer has not answered.
    pub(super) requests: [Option<u32>; REQUESTS],
    pub(super) answers: [Option<Pending>; REQUESTS],
    served: Served,
    /// Both sides' endpoints of the pair have their place; and the own one's coordinate, if it ends with the session.
    pub(super) paired: bool,
    pub(in crate::erp::entity) exclusive: Option<Coordinate>,
    /// DISCONNECTED since then.
    pub(super) away: Option<Mono>,
    /// An accusation stands against the peer.
    pub(in crate::erp::entity) challenged: bool,
}

impl SharedSlot {
    /// Nothing is shared.
    pub const EMPTY: Self = Self {
        session: 0,
        granting: Links::NONE,
        rights: Rights::NONE,
        points: [const { Point::FREE }; POINTS],
        requests: [None; REQUESTS],
        answers: [None; REQUESTS],
        served: Served::NONE,
        paired: false,
        exclusive: None,
        away: None,
        challenged: false,
    };

    /// What is known of an endpoint of the peer's.
    pub(super) fn known(&mut self, coordinate: &Coordinate) -> Option<&mut Point> {
        self.points.iter_mut().find(|point| point.coordinate == Some(*coordinate))
    }

    /// The same; a new one takes a free slot, or replaces one of which nothing is granted: those whose end is known are kept
    /// longest.
    pub(super) fn point(&mut self, coordinate: Coordinate) -> Option<&mut Point> {
        let known = |point: &Point| point.coordinate == Some(coordinate);
        let free = |point: &Point| point.coordinate.is_none();
        let points = &self.points;
        let place = points.iter().position(known).or_else(|| points.iter().position(free));
        let place = place.or_else(|| points.iter().position(|point| point.is_idle() && point.above.is_none()));
        let place = place.or_else(|| points.iter().position(Point::is_idle))?;
        let point = self.points.get_mut(place)?;
        if point.coordinate != Some(coordinate) {
            *point = Point { coordinate: Some(coordinate), ..Point::FREE };
        }
        Some(point)
    }

    /// What the peer has granted, as it moves to another host. That the peer may have granted more than reading is known to it.
    pub(in crate::erp::entity) fn granted_to_us(&self) -> impl Iterator<Item = Granted> {
        self.points.iter().filter(|point| point.granted && !point.pair).filter_map(|point| {
            let (coordinate, subscribed, version) = (point.coordinate?, point.followed, point.seen.version());
            Some(Granted { coordinate, rights: READ, subscribed, seconds: 0, version })
        })
    }

    /// The same, in a session that has come from another host.
    pub(in crate::erp::entity) fn grant_to_us(&mut self, granted: &Granted) {
        if let Some(point) = self.point(granted.coordinate) {
            (point.granted, point.followed, point.seen) =
                (true, granted.subscribed, PeerEndpoint::up_to(granted.version));
        }
    }

    /// Whether the authentic frame of this sequence is served for the first time.
    pub(super) fn is_first(&mut self, sequence: u64) -> bool {
        self.served.first(sequence)
    }

    /// When a right to a group's key, or the patience with a silent peer, ends.
    pub(super) fn due(&self, now: Mono) -> Option<Mono> {
        let away = self.away.map(|since| since.after(AWAY)).filter(|at| *at > now);
        self.rights.due(now).into_iter().chain(away).min()
    }
}

impl Reset for SharedSlot {
    fn reset(&mut self) {
        self.rights.end();
        // Keys of groups wipe themselves where they stand.
        self.points.iter_mut().for_each(|point| *point = Point::FREE);
        (self.requests, self.answers) = ([None; REQUESTS], [None; REQUESTS]);
        (self.served, self.away, self.challenged) = (Served::NONE, None, false);
        (self.paired, self.exclusive) = (false, None);
        (self.session, self.granting) = (0, Links::NONE);
    }
}

/// The group of one sealed endpoint.
pub struct GroupSlot {
    /// Whose endpoint it is.
    pub(in crate::erp::entity) agent: u32,
    pub(in crate::erp::entity) group: Group<MEMBERS>,
}

impl GroupSlot {
    /// No group.
    pub const EMPTY: Self = Self { agent: 0, group: Group::EMPTY };
}

impl Reset for GroupSlot {
    fn reset(&mut self) {
        self.group.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sequence_is_served_once_in_whatever_order_it_comes() {
        let mut served = Served::NONE;
        for sequence in [5, 3, 4, 70, 260, 255, 300] {
            assert!(served.first(sequence), "{sequence}");
        }
        for sequence in [70, 260, 255, 300] {
            assert!(!served.first(sequence), "{sequence} again");
        }
        assert!((301..556).all(|sequence| served.first(sequence)));
        assert!((301..556).all(|sequence| !served.first(sequence)));
        assert!(served.first(10_000) && !served.first(10_000) && served.first(9_999));
    }

    #[test]
    fn what_is_256_sequences_old_was_consumed() {
        let mut served = Served::NONE;
        assert!(served.first(300) && served.first(45) && !served.first(45));
        assert!(served.first(44) && served.first(44), "it is not remembered");
        assert!(served.first(555) && !served.first(300), "255 later");
        assert!(served.first(811) && !served.first(811) && served.first(556) && !served.first(556));
    }

    fn at(byte: u8) -> Coordinate {
        Coordinate([byte; 32])
    }

    /// A table in which every place has an endpoint that the peer has granted.
    fn full() -> SharedSlot {
        let mut shared = SharedSlot::EMPTY;
        for byte in 1..=9 {
            shared.point(at(byte)).expect("there is a place").granted = true;
        }
        shared
    }

    #[test]
    fn a_place_is_anothers_when_nothing_is_granted_and_nothing_awaited() {
        type Change = fn(&mut Point);
        let changes: [Change; 5] = [
            |point| point.granted = true,
            |point| point.followed = true,
            |point| point.asked = true,
            |point| point.pair = true,
            |point| point.carried = true,
        ];
        for change in changes {
            let mut shared = full();
            assert!(shared.point(at(10)).is_none(), "all places are taken");
            let point = shared.known(&at(4)).expect("it is there");
            point.granted = false;
            change(point);
            assert!(shared.point(at(10)).is_none());
        }
        // Those whose end is known are kept longest.
        let mut shared = full();
        for (byte, above) in [(3, Some(7)), (5, None), (6, None)] {
            let point = shared.known(&at(byte)).expect("it is there");
            (point.granted, point.above) = (false, above);
        }
        for (new, replaced) in [(11, 5), (12, 6), (13, 3)] {
            let point = shared.point(at(new)).expect("a place is idle");
            assert!(!point.granted && point.above.is_none());
            point.granted = true;
            assert!(shared.known(&at(replaced)).is_none() && shared.known(&at(new)).is_some(), "{new}");
        }
        assert!(shared.point(at(14)).is_none());
        assert!(shared.point(at(13)).is_some_and(|point| point.granted), "it is as it was");
    }

    #[test]
    fn what_the_peer_has_granted_goes_on_with_the_session() {
        let mut shared = SharedSlot::EMPTY;
        let granted = Granted { coordinate: at(1), rights: READ, subscribed: true, seconds: 0, version: 7 };
        shared.grant_to_us(&granted);
        for (byte, granted, pair) in [(2, false, false), (3, true, true), (4, true, false)] {
            let point = shared.point(at(byte)).expect("there is a place");
            (point.granted, point.pair) = (granted, pair);
        }
        let other = Granted { coordinate: at(4), subscribed: false, version: 0, ..granted };
        assert!(shared.granted_to_us().eq([granted, other]));
    }

    #[test]
    fn a_silent_peer_leaves_its_groups_after_60_seconds() {
        let mut shared = SharedSlot::EMPTY;
        assert_eq!(shared.due(Mono(0)), None);
        shared.away = Some(Mono(1_000));
        for (now, due) in [(0, Some(61_000)), (60_999, Some(61_000)), (61_000, None)] {
            assert_eq!(shared.due(Mono(now)), due.map(Mono), "at {now}");
        }
        shared.rights.grant(Mono(0), at(1), READ, 9).expect("room");
        shared.rights.sent(crate::pss::shared::right::Due::Key(at(1)), 1);
        assert_eq!(shared.due(Mono(0)), Some(Mono(9_000)), "or when a right to a key ends");
        shared.reset();
        assert_eq!((shared.due(Mono(0)), shared.rights.has(&at(1))), (None, false));
    }
}
