//! The nodes that a node knows, itself among them, and what it still has to hand over to them.

use core::net::{IpAddr, SocketAddr};

use iacp_wire::{DhtKey, Digest, Eid};

use crate::directory::metric::{Coordinate, Diversity, NEAREST, NodeInfo, RESPONSIBLE, responsible};
use crate::directory::{Class, Voters};
use crate::guard::{Rate, TokenBucket};
use crate::slots::IndexKey;
use crate::time::{Mono, UnixTime};

/// What may come from the address of a known node, beside what its network may send: more than a node hands over.
const RATE: Rate = Rate { capacity: 512, per_second: 256 };
/// Milliseconds before a node that has not answered is asked again; the last pause repeats.
const PAUSES: [u64; 4] = [1_000, 8_000, 60_000, 600_000];
/// How many statements of one node are remembered; a new one replaces its own oldest.
const SAID: usize = 16;

/// A known node.
#[derive(Clone, Debug)]
pub struct Neighbour {
    info: NodeInfo,
    bucket: TokenBucket,
    /// The next place of the store to look at for records that are this node's; none once all have been looked at.
    handing: Option<u32>,
    /// None once the node has answered from its address.
    unheard: Option<Unheard>,
    /// When its NODE runs out, Unix time in milliseconds; none for what the caller introduced.
    until: Option<u64>,
    /// Its statements that count only from f + 1 nodes, under a keyed hash.
    said: [u64; SAID],
    saying: usize,
}

/// A node whose address is only written in its NODE. A source address can be forged, so nothing that it sends shows where it is.
#[derive(Clone, Copy, Debug)]
struct Unheard {
    asked: usize,
    due: Mono,
    /// What its receipt has to name.
    challenge: Option<Digest>,
}

impl Neighbour {
    fn is_at(&self, from: IpAddr) -> bool {
        self.info.at.ip().to_canonical() == from.to_canonical()
    }
}

/// How a node became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is this node itself.
    Own,
    /// The caller named it: it stays, and its address is taken as it is.
    Introduced,
    /// By its NODE, which stands until this Unix time. It counts once it has answered from its address.
    Named { until: u64 },
}

/// What a node says of itself, and which of the nodes that it knows is told next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announced {
    pub(super) nonce: u64,
    pub(super) due: UnixTime,
    pub(super) next: usize,
}

/// The known nodes. One that has answered is never pushed out by another: a node that knows enough nodes for a key needs no more. The
/// first one is the node itself.
pub(super) struct Neighbours<'m> {
    nodes: &'m mut [Option<Neighbour>],
    own: Own,
    key: IndexKey,
}

impl<'m> Neighbours<'m> {
    pub(super) fn new(nodes: &'m mut [Option<Neighbour>], key: IndexKey) -> Self {
        nodes.iter_mut().for_each(|node| *node = None);
        Self { nodes, own: Own::NEW, key }
    }

    /// The nodes that have answered from their address: no other one is responsible for a key, votes, or is sent anything but the
    /// question whether it is there.
    pub(super) fn all(&self) -> impl Iterator<Item = &NodeInfo> {
        self.nodes.iter().flatten().filter(|node| node.unheard.is_none()).map(|node| &node.info)
    }

    /// Enters a node that the caller knows, or whose record was judged. What it is nearer for is handed over to it.
    pub(super) fn enter(&mut self, now: Mono, info: NodeInfo, how: Known) -> bool {
        let handing = (how != Known::Own).then_some(0);
        let (unheard, until) = match how {
            Known::Own | Known::Introduced => (None, None),
            Known::Named { until } => (Some(Unheard { asked: 0, due: now, challenge: None }), Some(until)),
        };
        if let Some(at) = self.nodes.iter().position(|node| node.as_ref().is_some_and(|node| node.info.eid == info.eid))
        {
            // The first place is this node's own: what others say of it changes nothing.
            if let Some(known) = self.nodes.get_mut(at).and_then(Option::as_mut).filter(|_| at > 0) {
                if known.info != info {
                    (known.info, known.handing, known.unheard) = (info, handing, unheard);
                } else if unheard.is_none() {
                    known.unheard = None;
                }
                known.until = known.until.and(until);
                self.count();
            }
            return true;
        }
        let gave_no_answer = |place: &Option<Neighbour>| {
            let unheard = place.as_ref().and_then(|node| node.unheard.as_ref());
            unheard.is_some_and(|unheard| unheard.asked >= PAUSES.len())
        };
        let free = self.nodes.iter().position(Option::is_none).or_else(|| self.nodes.iter().position(gave_no_answer));
        let Some(free) = free.and_then(|free| self.nodes.get_mut(free)) else { return false };
        let bucket = TokenBucket::new(RATE, now);
        *free = Some(Neighbour { info, bucket, handing, unheard, until, said: [0; SAID], saying: 0 });
        self.count();
        true
    }

    /// Forgets the nodes whose records ran out: they said nothing for a day.
    pub(super) fn forget(&mut self, now: UnixTime) {
        let is_over = |node: &Neighbour| node.until.is_some_and(|until| until <= now.0);
        let mut forgot = false;
        for place in self.nodes.iter_mut().skip(1) {
            if place.as_ref().is_some_and(is_over) {
                (*place, forgot) = (None, true);
            }
        }
        if forgot {
            self.count();
        }
    }

    /// Whether a node is known, though it may not have answered yet.
    pub(super) fn knows(&self, eid: &Eid) -> bool {
        self.nodes.iter().flatten().any(|node| node.info.eid == *eid)
    }

    fn count(&mut self) {
        let mut all = self.nodes.iter().flatten().filter(|node| node.unheard.is_none()).map(|node| &node.info);
        if let Some(own) = all.next() {
            self.own.count(own, all);
        }
    }

    /// The next node that is to be asked whether it is at its address, and where the digest is kept that its receipt has to name.
    pub(super) fn next_unheard(&mut self, now: Mono) -> Option<(NodeInfo, &mut Option<Digest>)> {
        let is_due = |node: &&mut Neighbour| node.unheard.is_some_and(|unheard| now >= unheard.due);
        let node = self.nodes.iter_mut().flatten().find(is_due)?;
        let unheard = node.unheard.as_mut()?;
        let pause = PAUSES.get(unheard.asked).or(PAUSES.last()).copied().unwrap_or_default();
        (unheard.asked, unheard.due) = (unheard.asked.saturating_add(1), now.after(pause));
        Some((node.info, &mut unheard.challenge))
    }

    /// Whether a node is waited for there, with a receipt that names this digest.
    pub(super) fn awaits(&self, eid: &Eid, from: SocketAddr, digest: &Digest) -> bool {
        let mut unheard = self.nodes.iter().flatten().filter(|node| node.info.eid == *eid && node.unheard.is_some());
        unheard.any(|node| {
            let challenge = node.unheard.and_then(|unheard| unheard.challenge);
            node.is_at(from.ip()) && node.info.at.port() == from.port() && challenge == Some(*digest)
        })
    }

    /// A node has answered from its address: from now on it counts.
    pub(super) fn heard(&mut self, eid: &Eid) {
        if let Some(node) = self.find(eid) {
            node.unheard = None;
        }
        self.count();
    }

    fn find(&mut self, eid: &Eid) -> Option<&mut Neighbour> {
        self.nodes.iter_mut().flatten().find(|node| node.info.eid == *eid)
    }

    /// Whether an address is that of a known node, which has answered from there.
    pub(super) fn is_home(&self, eid: &Eid, from: IpAddr) -> bool {
        let mut heard = self.nodes.iter().flatten().filter(|node| node.unheard.is_none());
        heard.any(|node| node.info.eid == *eid && node.is_at(from))
    }

    /// Takes tokens of a known node.
    pub(super) fn charge(&mut self, now: Mono, eid: &Eid, cost: u32) -> bool {
        self.find(eid).is_some_and(|node| node.bucket.take(now, cost).is_ok())
    }

    /// A responsible node, whose signature held, says this.
    pub(super) fn note(&mut self, by: &Eid, statement: &[u8; 32]) {
        // Zero is an empty place.
        let hash = self.key.hash(&[statement]) | 1;
        let Some(node) = self.find(by).filter(|node| !node.said.contains(&hash)) else { return };
        if let Some(place) = node.said.get_mut(node.saying % SAID) {
            *place = hash;
        }
        node.saying = node.saying.wrapping_add(1);
    }

    /// How many of these nodes have said it.
    pub(super) fn witnesses(&self, statement: &[u8; 32], of: &[Eid]) -> usize {
        // Zero is an empty place.
        let hash = self.key.hash(&[statement]) | 1;
        let of = self.nodes.iter().flatten().filter(|node| of.contains(&node.info.eid));
        of.filter(|node| node.said.contains(&hash)).count()
    }

    /// The nodes for a key, nearest first.
    pub(super) fn nearest(&self, class: Class, key: &DhtKey, rule: Diversity) -> heapless::Vec<&NodeInfo, NEAREST> {
        responsible(class, key, self.all(), rule)
    }

    pub(super) fn voters(&self, class: Class, key: &DhtKey, rule: Diversity) -> Voters {
        self.nearest(class, key, rule).iter().take(RESPONSIBLE).map(|node| node.eid).collect()
    }

    /// Whether a node is among the first `most` for a key.
    pub(super) fn serves(&self, eid: &Eid, class: Class, key: &DhtKey, rule: Diversity, most: usize) -> bool {
        let mut all = self.all();
        if let Some(own) = all.next()
            && own.eid == *eid
            && let Some(serves) = self.own.serves(own, class, key, rule, most)
        {
            return serves;
        }
        self.nearest(class, key, rule).iter().take(most).any(|node| node.eid == *eid)
    }

    /// The next node that something is handed over to, and from which place of the store on.
    pub(super) fn handing(&mut self) -> Option<(NodeInfo, &mut Option<u32>)> {
        let node = self.nodes.iter_mut().flatten().find(|node| node.handing.is_some() && node.unheard.is_none())?;
        Some((node.info, &mut node.handing))
    }

    /// Whether `one` is nearer to a key than `other`.
    pub(super) fn is_nearer(class: Class, key: &DhtKey, one: &DhtKey, other: &DhtKey) -> bool {
        let at = Coordinate::new(class, key);
        at.distance(&Coordinate::new(class, one)) < at.distance(&Coordinate::new(class, other))
    }
}

const CLASSES: [Class; 4] = [Class::Identities, Class::Namespaces, Class::Spaces, Class::Overlay];

/// How many nodes first differ from this one in which bit of their coordinate. By XOR such a node is nearer to a key exactly if the
/// key differs from this node in that bit too. So how many are nearer is a short sum, which a flood may ask for.
struct Own {
    differ: [[u16; 256]; 4],
    /// No further bit has a node.
    deepest: [usize; 4],
    /// Another node of this one's network is known, so that it may have to stand back.
    is_crowded: bool,
}

impl Own {
    const NEW: Self = Self { differ: [[0; 256]; 4], deepest: [0; 4], is_crowded: false };

    fn count<'n>(&mut self, own: &NodeInfo, others: impl Iterator<Item = &'n NodeInfo>) {
        *self = Self::NEW;
        for other in others {
            self.is_crowded |= own.shares_network(other);
            for (class, (counts, deepest)) in CLASSES.iter().zip(self.differ.iter_mut().zip(&mut self.deepest)) {
                let [place, its] = [&own.place, &other.place].map(|place| Coordinate::new(*class, place));
                let bit = leading_zeros(&place.distance(&its));
                if other.serves(*class)
                    && let Some(count) = counts.get_mut(bit)
                {
                    *count = count.saturating_add(1);
                    *deepest = bit.max(*deepest);
                }
            }
        }
    }

    /// Whether the node itself is among the first `most` for a key, where that follows from how many are nearer. Else, with limits
    /// on networks, the walk decides.
    fn serves(&self, own: &NodeInfo, class: Class, key: &DhtKey, rule: Diversity, most: usize) -> Option<bool> {
        if !own.serves(class) {
            return Some(false);
        }
        if rule == Diversity::Limited && self.is_crowded {
            return None;
        }
        let (counts, deepest) = (self.differ.get(class as usize)?, *self.deepest.get(class as usize)?);
        let distance = Coordinate::new(class, key).distance(&Coordinate::new(class, &own.place));
        let mut nearer = 0;
        for (byte, counts) in distance.iter().zip(counts.chunks_exact(8)).take(deepest / 8 + 1) {
            for (bit, count) in counts.iter().enumerate() {
                nearer += if byte << bit & 0x80 == 0 { 0 } else { usize::from(*count) };
            }
            if nearer >= most {
                // Of many that are nearer, some may have to stand back.
                return (rule == Diversity::Off).then_some(false);
            }
        }
        Some(true)
    }
}

fn leading_zeros(bytes: &[u8; 32]) -> usize {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = bytes.get(zeros).map_or(0, |byte| byte.leading_zeros());
    8 * zeros + usize::try_from(rest).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::IpAddr;
    use std::vec::Vec;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    fn node(rng: &mut ChaCha8Rng, spread: u8) -> NodeInfo {
        let [a, b, c, d] = rng.next_u32().to_be_bytes();
        let (mut eid, mut place) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut eid);
        rng.fill_bytes(&mut place);
        let at = (IpAddr::from([10, a % spread, b % spread, c]), 4_227).into();
        NodeInfo { eid: Eid(eid), at, place: DhtKey(place), classes: d }
    }

    #[test]
    fn the_short_sum_says_what_the_walk_says() {
        for seed in 0..200 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let [spread, count, ..] = rng.next_u32().to_be_bytes();
            let (spread, count) = (1 + spread % 30, count % 60);
            let mut places: Vec<Option<Neighbour>> = (0..=count).map(|_| None).collect();
            let mut known = Neighbours::new(&mut places, IndexKey::new([7; 16]));
            let own = node(&mut rng, spread);
            assert!(known.enter(Mono(0), own, Known::Own));
            for _ in 0..count {
                assert!(known.enter(Mono(0), node(&mut rng, spread), Known::Introduced));
            }
            for _ in 0..20 {
                let mut key = [0; 32];
                rng.fill_bytes(&mut key);
                let key = DhtKey(key);
                for (class, rule) in
                    CLASSES.iter().flat_map(|class| [Diversity::Off, Diversity::Limited].map(|rule| (*class, rule)))
                {
                    for most in [1, RESPONSIBLE, NEAREST] {
                        let walked = known.nearest(class, &key, rule).iter().take(most).any(|one| one.eid == own.eid);
                        assert_eq!(known.serves(&own.eid, class, &key, rule, most), walked, "seed {seed} {class:?}");
                    }
                }
            }
        }
    }

    fn numbered(number: u8) -> NodeInfo {
        let at = ([10, number, 0, 1], 4_227).into();
        NodeInfo { eid: Eid([number; 32]), at, place: DhtKey([number; 32]), classes: 0xF }
    }

    fn knowing(numbers: &[u8], places: &'static mut [Option<Neighbour>]) -> Neighbours<'static> {
        let mut known = Neighbours::new(places, IndexKey::new([7; 16]));
        for number in numbers {
            assert!(known.enter(Mono(0), numbered(*number), Known::Introduced));
        }
        known
    }

    fn places(count: usize) -> &'static mut [Option<Neighbour>] {
        std::boxed::Box::leak((0..count).map(|_| None).collect())
    }

    #[test]
    fn a_node_is_one_witness_however_often_it_says_something_and_strangers_are_none() {
        let mut known = knowing(&[1, 2, 3], places(8));
        for by in [1, 1, 2, 9] {
            known.note(&Eid([by; 32]), &[7; 32]);
        }
        let of = [1, 2, 3, 9].map(|number| Eid([number; 32]));
        assert_eq!(known.witnesses(&[7; 32], &of), 2);
        assert_eq!(known.witnesses(&[7; 32], &of[1..]), 1);
        assert_eq!(known.witnesses(&[8; 32], &of), 0);
    }

    #[test]
    fn a_talkative_node_displaces_its_own_words_alone() {
        let mut known = knowing(&[1, 2], places(8));
        let of = [1, 2].map(|number| Eid([number; 32]));
        known.note(&of[0], &[200; 32]);
        for number in 0..200 {
            known.note(&of[1], &[number; 32]);
        }
        assert_eq!(known.witnesses(&[200; 32], &of), 1);
        let kept = (0..200).filter(|number| known.witnesses(&[*number; 32], &of) == 1).count();
        assert_eq!(kept, SAID);
    }

    /// A full table keeps what answered, and gives the places of invented nodes away.
    #[test]
    fn a_node_that_never_answers_gives_way_and_one_that_did_stays() {
        let mut known = knowing(&[1, 2], places(4));
        let named = Known::Named { until: u64::MAX };
        assert!(known.enter(Mono(0), numbered(3), named));
        assert!(known.enter(Mono(0), numbered(4), named));
        assert!(!known.enter(Mono(0), numbered(5), named), "none has had its time to answer");
        let asked: Vec<u64> = (0..2_000_000)
            .step_by(500)
            .flat_map(|ms| core::iter::from_fn(|| known.next_unheard(Mono(ms)).map(|_| ms)).collect::<Vec<_>>())
            .collect();
        assert_eq!(asked[..8], [0, 0, 1_000, 1_000, 9_000, 9_000, 69_000, 69_000]);
        assert!(asked.len() <= 2 * 8, "every ten minutes after that: {asked:?}");
        known.heard(&Eid([4; 32]));
        assert!(known.enter(Mono(2_000_000), numbered(5), named));
        assert!(!known.enter(Mono(2_000_000), numbered(6), named));
        let eids: Vec<u8> = [1, 2, 3, 4, 5].into_iter().filter(|eid| known.knows(&Eid([*eid; 32]))).collect();
        assert_eq!(eids, [1, 2, 4, 5]);
    }

    #[test]
    fn others_cannot_change_the_own_entry_and_a_named_node_must_answer_first() {
        let mut known = Neighbours::new(places(4), IndexKey::new([7; 16]));
        assert!(known.enter(Mono(0), numbered(1), Known::Own));
        let elsewhere = |number: u8| NodeInfo { at: ([10, 99, 0, 1], 4_227).into(), ..numbered(number) };
        assert!(known.enter(Mono(0), elsewhere(1), Known::Introduced));
        assert_eq!(known.all().copied().collect::<Vec<_>>(), [numbered(1)]);
        assert!(known.handing().is_none(), "nothing is handed over to itself");
        let named = Known::Named { until: 1_000 };
        assert!(known.enter(Mono(0), numbered(2), named));
        let (two, home) = (Eid([2; 32]), numbered(2).at);
        assert!(known.knows(&two) && !known.is_home(&two, home.ip()) && known.handing().is_none());
        // It answers the question, from its address, and it alone.
        let challenge = Digest([5; 32]);
        assert!(!known.awaits(&two, home, &challenge), "it was not asked");
        *known.next_unheard(Mono(0)).expect("it is due").1 = Some(challenge);
        let port = SocketAddr::new(home.ip(), 4_228);
        for (eid, from, digest) in [
            (Eid([1; 32]), home, challenge),
            (two, elsewhere(2).at, challenge),
            (two, port, challenge),
            (two, home, Digest([6; 32])),
        ] {
            assert!(!known.awaits(&eid, from, &digest), "{eid} {from} {digest}");
        }
        assert!(known.awaits(&two, home, &challenge));
        known.heard(&two);
        assert!(
            known.is_home(&two, home.ip())
                && !known.is_home(&two, elsewhere(2).at.ip())
                && !known.awaits(&two, home, &challenge)
        );
        assert_eq!(known.handing().map(|(node, from)| (node, *from)), Some((numbered(2), Some(0))));
        // The same once more changes nothing; another address has to answer again.
        assert!(known.enter(Mono(0), numbered(2), named) && known.is_home(&two, home.ip()));
        assert!(known.enter(Mono(0), elsewhere(2), named) && !known.is_home(&two, elsewhere(2).at.ip()));
        assert!(known.enter(Mono(0), elsewhere(2), Known::Introduced), "unless the operator says so");
        assert!(known.is_home(&two, elsewhere(2).at.ip()));
    }

    #[test]
    fn a_node_is_known_until_its_record_ends_and_one_that_was_introduced_for_good() {
        let mut known = knowing(&[1, 2], places(8));
        let named = |until| Known::Named { until };
        for (number, until) in [(3, 1_000), (4, 1_000), (5, 1_000), (2, 1_000)] {
            assert!(known.enter(Mono(0), numbered(number), named(until)));
        }
        assert!(known.enter(Mono(0), numbered(4), named(2_000)), "its record was renewed");
        assert!(known.enter(Mono(0), numbered(5), Known::Introduced));
        let left =
            |known: &Neighbours<'_>| (1..=5).filter(|number| known.knows(&Eid([*number; 32]))).collect::<Vec<u8>>();
        known.forget(UnixTime(999));
        assert_eq!(left(&known), [1, 2, 3, 4, 5]);
        known.forget(UnixTime(1_000));
        assert_eq!(left(&known), [1, 2, 4, 5]);
        known.forget(UnixTime(2_000));
        assert_eq!(left(&known), [1, 2, 5]);
    }

    #[test]
    fn a_known_node_pays_from_its_own_bucket() {
        let mut known = knowing(&[1], places(2));
        assert!(known.charge(Mono(0), &Eid([1; 32]), 512) && !known.charge(Mono(0), &Eid([1; 32]), 1));
        assert!(!known.charge(Mono(0), &Eid([2; 32]), 0), "a stranger has none");
        let near = |one: u8, other: u8| {
            Neighbours::is_nearer(Class::Spaces, &DhtKey([0; 32]), &DhtKey([one; 32]), &DhtKey([other; 32]))
        };
        assert_eq!((near(1, 2), near(2, 1), near(1, 1)), (true, false, false));
    }
}
