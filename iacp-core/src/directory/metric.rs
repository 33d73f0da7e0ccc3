//! Places, distance, and who is responsible for a key (`IACP §3.5`, `IACP §5.1.1`).

use core::net::{IpAddr, SocketAddr};

use heapless::Vec;
use iacp_wire::{DhtKey, Eid};

use super::kind::Class;
use crate::crypto::Provider;
use crate::discovery::pow::trailing_zero_bits;

/// How many nodes are responsible for a record.
pub const RESPONSIBLE: usize = 7;
/// Two views of the network differ: a node accepts a record if it is among this many nearest nodes of its own view.
pub const NEAREST: usize = 10;
/// The bits of work that a place costs, see [`place`].
pub const PLACE_BITS: u32 = 24;

/// A point of the 256-bit key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Coordinate([u8; 32]);

impl Coordinate {
    /// The storage key, its two highest bits replaced by the class (`IACP §5.1.2`).
    // keeps: IACP-110 (§5.1.2)
    #[must_use]
    pub const fn new(class: Class, key: &DhtKey) -> Self {
        let mut bytes = key.0;
        let [first, ..] = &mut bytes;
        *first = *first & 0x3F | (class as u8) << 6;
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The zone: the first byte.
    #[must_use]
    pub const fn zone(&self) -> u8 {
        let [first, ..] = self.0;
        first
    }

    /// The distance to a place, as one number: XOR (`IACP §5.1.1`).
    // keeps: IACP-009 (§3.5)
    #[must_use]
    pub fn distance(&self, place: &Self) -> [u8; 32] {
        let mut distance = self.0;
        distance.iter_mut().zip(place.0).for_each(|(byte, other)| *byte ^= other);
        distance
    }
}

/// The place that a node's key and nonce give it, if they show the work for one.
#[must_use]
pub fn place<P: Provider>(node: &Eid, nonce: u64, bits: u32) -> Option<DhtKey> {
    let place = P::sha256(&[b"IACP/1 place\0", &node.0, &nonce.to_be_bytes()]);
    (trailing_zero_bits(&place) >= bits).then_some(DhtKey(place))
}

/// A directory node, as others know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its key.
    pub eid: Eid,
    /// Its address.
    pub at: SocketAddr,
    /// Its place, before the class.
    pub place: DhtKey,
    /// Bit c for class c.
    pub classes: u8,
}

impl NodeInfo {
    /// Whether it keeps records of a class.
    #[must_use]
    pub const fn serves(&self, class: Class) -> bool {
        self.classes >> (class as u8) & 1 == 1
    }

    /// Whether the two lie in one /16, or /32 of IPv6.
    pub(crate) fn shares_network(&self, other: &Self) -> bool {
        self.networks().1 == other.networks().1
    }

    /// Its network: the /24 and the /16 of IPv4, the /48 and the /32 of IPv6.
    fn networks(&self) -> (u64, u64) {
        match self.at.ip().to_canonical() {
            IpAddr::V4(v4) => {
                let bits = u64::from(v4.to_bits());
                (1 << 63 | bits >> 8, 1 << 63 | bits >> 16)
            }
            IpAddr::V6(v6) => {
                let bits = u64::try_from(v6.to_bits() >> 80).unwrap_or(u64::MAX);
                (bits, bits >> 16)
            }
        }
    }
}

/// Whether one network may hold several of the places for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Diversity {
    /// One of a /24 or /48, two of a /16 or /32.
    Limited,
    /// For tests on one host.
    Off,
}

words! {
    Diversity {
        Self::Limited => "limited",
        Self::Off => "off",
    }
}

/// The nodes for a key: walk the nodes of the class by distance, and take one unless its network has its share. The
/// first [`RESPONSIBLE`] answer for the key, the first [`NEAREST`] keep it.
///
/// One pass, in any order. The limits (one of a /24, two of a /16, ten in all) lie within each other, so the nodes to
/// take form the cheapest base of a matroid: a node that does not fit displaces the farthest one of the limit that
/// it breaks, and what was displaced is never needed again.
///
/// ```
/// use iacp_core::directory::Class;
/// use iacp_core::directory::metric::{Diversity, NodeInfo, responsible};
/// # use iacp_wire::{DhtKey, Eid};
///
/// let node = |byte: u8, at: [u8; 4]| NodeInfo {
///     eid: Eid([byte; 32]),
///     at: (at, 4_300).into(),
///     place: DhtKey([byte; 32]),
///     classes: 0xF,
/// };
/// // Two nodes of one network, and one of another network that is farther from the key.
/// let nodes = [node(1, [192, 0, 2, 1]), node(2, [192, 0, 2, 2]), node(9, [198, 51, 100, 1])];
/// let chosen = responsible(Class::Identities, &DhtKey([0; 32]), nodes.iter(), Diversity::Limited);
/// assert_eq!(chosen.iter().map(|node| node.eid.0[0]).collect::<Vec<_>>(), [1, 9]);
/// ```
pub fn responsible<'n>(
    class: Class,
    key: &DhtKey,
    nodes: impl Iterator<Item = &'n NodeInfo>,
    rule: Diversity,
) -> Vec<&'n NodeInfo, NEAREST> {
    let at = Coordinate::new(class, key);
    let mut taken: Vec<(Far, &'n NodeInfo), NEAREST> = Vec::new();
    // The farthest of ten: a node that is farther still displaces none.
    let mut last: Option<Far> = None;
    for node in nodes.filter(|node| node.serves(class)) {
        let far = (at.distance(&Coordinate::new(class, &node.place)), node.eid);
        if last.is_some_and(|last| far >= last) || taken.iter().any(|(_, other)| other.eid == node.eid) {
            continue;
        }
        let (small, large) = node.networks();
        let limited = rule == Diversity::Limited;
        let same_small = |other: &NodeInfo| limited && other.networks().0 == small;
        let same_large = |other: &NodeInfo| limited && other.networks().1 == large;
        let farthest = |of: &dyn Fn(&NodeInfo) -> bool| {
            taken
                .iter()
                .enumerate()
                .filter(|(_, (_, other))| of(other))
                .max_by_key(|(_, (far, _))| *far)
                .map(|(at, _)| at)
        };
        let displaced = if taken.iter().any(|(_, other)| same_small(other)) {
            farthest(&same_small)
        } else if taken.iter().filter(|(_, other)| same_large(other)).count() >= 2 {
            farthest(&same_large)
        } else if taken.is_full() {
            farthest(&|_| true)
        } else {
            None
        };
        match displaced {
            None => {
                let _ = taken.push((far, node));
            }
            Some(place) => {
                if let Some(other) = taken.get_mut(place)
                    && far < other.0
                {
                    *other = (far, node);
                }
            }
        }
        last = if taken.is_full() { taken.iter().map(|(far, _)| *far).max() } else { None };
    }
    taken.sort_unstable_by_key(|(far, _)| *far);
    taken.into_iter().map(|(_, node)| node).collect()
}

/// How far a node is from a key. Of two that are as far the key decides.
type Far = ([u8; 32], Eid);

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec as List;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;
    use crate::crypto::ChaChaOnly;

    fn node(rng: &mut ChaCha8Rng, spread: u8) -> NodeInfo {
        let [a, b, c, d] = rng.next_u32().to_be_bytes();
        let (mut eid, mut place) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut eid);
        rng.fill_bytes(&mut place);
        let ip = [10, a % spread, b % spread, c];
        NodeInfo { eid: Eid(eid), at: (ip, 4227).into(), place: DhtKey(place), classes: d | 1 }
    }

    /// The walk as it is written down: sort, then take.
    fn walked<'n>(class: Class, key: &DhtKey, nodes: &'n [NodeInfo], rule: Diversity) -> List<&'n NodeInfo> {
        let at = Coordinate::new(class, key);
        let mut sorted: List<&NodeInfo> = nodes.iter().filter(|node| node.serves(class)).collect();
        sorted.sort_by_key(|node| (at.distance(&Coordinate::new(class, &node.place)), node.eid));
        let mut taken: List<&NodeInfo> = List::new();
        for node in sorted {
            let same = |bytes: usize| {
                let network = |node: &NodeInfo| match node.at.ip() {
                    IpAddr::V4(v4) => v4.octets()[..bytes].to_vec(),
                    IpAddr::V6(v6) => v6.octets()[..2 * bytes].to_vec(),
                };
                taken.iter().filter(|other| network(other) == network(node)).count()
            };
            if rule == Diversity::Off || same(3) == 0 && same(2) < 2 {
                taken.push(node);
            }
            if taken.len() == NEAREST {
                break;
            }
        }
        taken
    }

    // shows: IACP-009 (§3.5), IACP-110 (§5.1.2)
    #[test]
    fn one_pass_takes_what_the_walk_by_distance_takes() {
        for seed in 0..300 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let spread = 1 + rng.next_u32().to_be_bytes()[3] % 12;
            let count = rng.next_u32() % 60;
            let nodes: List<NodeInfo> = (0..count).map(|_| node(&mut rng, spread)).collect();
            let mut key = [0; 32];
            rng.fill_bytes(&mut key);
            for class in [Class::Identities, Class::Namespaces, Class::Spaces, Class::Overlay] {
                for rule in [Diversity::Limited, Diversity::Off] {
                    let taken = responsible(class, &DhtKey(key), nodes.iter(), rule);
                    assert_eq!(taken.to_vec(), walked(class, &DhtKey(key), &nodes, rule), "seed {seed}");
                }
            }
        }
    }

    // shows: IACP-110 (§5.1.2)
    #[test]
    fn the_two_highest_bits_of_a_coordinate_are_its_class() {
        let key = DhtKey([0xFF; 32]);
        for (class, first) in
            [(Class::Identities, 0x3F), (Class::Namespaces, 0x7F), (Class::Spaces, 0xBF), (Class::Overlay, 0xFF)]
        {
            let coordinate = Coordinate::new(class, &key);
            assert_eq!(coordinate.zone(), first);
            assert_eq!(coordinate.bytes()[1..], [0xFF; 31]);
        }
    }

    // An eclipse: places of one network take one seat of the key, however near they are.
    #[test]
    fn one_network_has_one_seat_and_its_neighbours_two() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let key = DhtKey([0x11; 32]);
        let honest: List<NodeInfo> = (0..40).map(|_| node(&mut rng, 250)).collect();
        let near = |last: u8, ip: [u8; 4]| NodeInfo {
            eid: Eid([last; 32]),
            at: (ip, 4227).into(),
            place: {
                let mut place = key;
                place.0[31] = last;
                place
            },
            classes: 0xF,
        };
        let attackers: List<NodeInfo> = (1..=200).map(|last| near(last, [192, 0, last % 4, last])).collect();
        let taken = responsible(Class::Identities, &key, attackers.iter().chain(&honest), Diversity::Limited);
        let seats = taken.iter().filter(|node| attackers.contains(node)).count();
        assert_eq!(seats, 2, "four /24 of one /16");
    }

    #[test]
    fn a_place_costs_work_and_comes_from_the_key() {
        let found = (0..4_096).find_map(|nonce| place::<ChaChaOnly>(&Eid([7; 32]), nonce, 8));
        let found = found.expect("one in 256");
        assert_eq!(found.0[31], 0);
        let all = (0..64).filter_map(|nonce| place::<ChaChaOnly>(&Eid([8; 32]), nonce, 0)).count();
        assert_eq!(all, 64);
    }

    // shows: IACP-110 (§5.1.2)
    #[test]
    fn a_network_is_a_24_or_48_and_its_neighbours_a_16_or_32() {
        let at = |number: u8, ip: &str| NodeInfo {
            eid: Eid([number; 32]),
            at: (ip.parse::<IpAddr>().expect(ip), 4_227).into(),
            place: DhtKey([number; 32]),
            classes: 0xF,
        };
        for (one, other, share) in [
            ("192.0.2.1", "192.0.99.1", true),
            ("192.0.2.1", "192.1.2.1", false),
            ("192.0.2.1", "::ffff:192.0.3.1", true),
            ("2001:db8:1::1", "2001:db8:2::1", true),
            ("2001:db8:1::1", "2001:db9:1::1", false),
            ("192.0.2.1", "0:0:0:c000::1", false),
        ] {
            assert_eq!(at(1, one).shares_network(&at(2, other)), share, "{one} and {other}");
        }
        let seats = |ips: [&str; 3], rule| {
            let nodes: List<NodeInfo> = (1..).zip(ips).map(|(number, ip)| at(number, ip)).collect();
            responsible(Class::Identities, &DhtKey([0; 32]), nodes.iter(), rule).len()
        };
        for (ips, limited) in [
            (["192.0.2.1", "192.0.2.2", "192.0.2.3"], 1),
            (["192.0.2.1", "192.0.3.1", "192.0.4.1"], 2),
            (["192.0.2.1", "192.1.2.1", "192.2.2.1"], 3),
            (["2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"], 1),
            (["2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"], 2),
            (["2001:db8:1::1", "2001:db9:1::1", "2001:dba:1::1"], 3),
        ] {
            assert_eq!((seats(ips, Diversity::Limited), seats(ips, Diversity::Off)), (limited, 3), "{ips:?}");
        }
    }
}
