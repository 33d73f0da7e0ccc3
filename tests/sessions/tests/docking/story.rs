//! Two agents with a transfer in both directions; one of them moves to another host.

use std::collections::BTreeMap;

use iacp_core::erp::context::State;
use iacp_core::erp::dock::DockReason;
use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{Listen, LocalStatus, Open, Request};
use iacp_core::erp::resume::{Line, ResumeRecord};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use iacp_wire::Eid;
use sessions::Weather;
use sessions::hosts::{Hosts, Told};

const ITEMS: usize = 40;
const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
pub const ROUGH: Weather = Weather { loss: 60, duplication: 40, delay: 5, jitter: 40, ..Weather::FAIR };
/// The host and the agent that stay, the one that moves, and where it moves to.
pub const STAYS: (usize, usize) = (0, 0);
pub const MOVES: (usize, usize) = (1, 0);
pub const TO: usize = 2;

/// What the two sides have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Resume,
    Hold,
    /// The same as the first two, under the other cipher.
    ChaCha,
    ChaChaResume,
}

impl Kind {
    pub fn offer(self) -> Capabilities {
        let chacha = Capabilities::CHACHA20_POLY1305;
        match self {
            Self::Plain => Capabilities::NONE,
            Self::Resume | Self::Hold => Capabilities::RESUME,
            Self::ChaCha => chacha,
            Self::ChaChaResume => Capabilities::RESUME.with(chacha),
        }
    }

    pub fn resumes(self) -> bool {
        self.offer().contains(Capabilities::RESUME)
    }

    pub fn hold(self) -> bool {
        self == Self::Hold
    }
}

fn number(length: usize) -> u64 {
    u64::try_from(length).expect("few")
}

fn item(of: &Eid, number: usize) -> Vec<u8> {
    format!("item {number} of {:02x?}", &of.0[..4]).into_bytes()
}

/// An application: what it has committed survives its host.
pub struct Side {
    pub at: (usize, usize),
    pub own: Eid,
    peer: Eid,
    pub committed: Vec<Vec<u8>>,
    waiting: BTreeMap<u64, Vec<u8>>,
    next: usize,
    first: Option<u64>,
    session: Option<Handle>,
    line: Option<[u8; 16]>,
    /// How often each item number was delivered, on all hosts.
    told: BTreeMap<u64, u32>,
    /// How much of each session was handled.
    seen: BTreeMap<(usize, usize, u64), usize>,
}

pub struct Story {
    pub world: Hosts,
    pub kind: Kind,
    pub sides: [Side; 2],
}

impl Story {
    /// The side that stays opens the session.
    pub fn new(seed: u64, kind: Kind, weather: Weather) -> Self {
        Self::opened_by(0, seed, kind, weather)
    }

    pub fn opened_by(side: usize, seed: u64, kind: Kind, weather: Weather) -> Self {
        let mut world = Hosts::new(seed, 3, 1, true);
        world.weather = weather;
        assert!(world.run_until(120_000, Hosts::all_bound), "seed {seed}: not all are bound");
        let listen = Listen { capabilities: kind.offer(), terms: TERMS, sessions: 4, hold: kind.hold() };
        for host in [STAYS.0, MOVES.0] {
            let now = world.now;
            world.hosts[host].with(now, 0, |desk, _| desk.listen(listen)).expect("a window of 16");
        }
        let sides = [(STAYS, MOVES), (MOVES, STAYS)].map(|(at, peer)| Side {
            at,
            own: world.eid(at.0, at.1),
            peer: world.eid(peer.0, peer.1),
            committed: Vec::new(),
            waiting: BTreeMap::new(),
            next: 0,
            first: None,
            session: None,
            line: None,
            told: BTreeMap::new(),
            seen: BTreeMap::new(),
        });
        let mut story = Self { world, kind, sides };
        story.open(side, None).expect("it is BOUND");
        story
    }

    /// In the middle of a transfer both ways.
    pub fn in_mid_stream(seed: u64, kind: Kind, weather: Weather) -> Self {
        Self::new(seed, kind, weather).mid_stream()
    }

    /// Some of the transfer has come, on both sides.
    pub fn mid_stream(self) -> Self {
        let mut story = self;
        story.until("in mid-stream", |story| story.sides.iter().all(|side| side.committed.len() > 5));
        story
    }

    pub fn open(&mut self, side: usize, record: Option<[u8; 56]>) -> Result<Done, LocalStatus> {
        let (at, peer, now) = (self.sides[side].at, self.sides[side].peer, self.world.now);
        let (hold, offer) = (self.kind.hold(), self.kind.offer());
        let open = Open { peer, at: None, hold, offer, resume: record.as_ref(), proof: None };
        self.world.hosts[at.0].with(now, at.1, |desk, rng| desk.ask(None, &Request::Open(open), rng))
    }

    pub fn current(&self, side: usize) -> Option<(Handle, Told)> {
        let Side { at, peer, .. } = &self.sides[side];
        let mut open = self.world.hosts[at.0].told.iter().filter(|((agent, _), told)| {
            *agent == at.1 && told.peer == Some(*peer) && told.opened.is_some() && told.closed.is_none()
        });
        open.next_back().map(|((_, bits), told)| (Handle::from_bits(*bits).expect("a handle"), told.clone()))
    }

    /// What a side gets for the first time, on whichever host it is.
    pub fn news(&mut self, side: usize) -> Vec<(u64, Vec<u8>)> {
        let (at, resume) = (self.sides[side].at, self.kind.resumes());
        let mut all = Vec::new();
        for ((agent, bits), told) in &self.world.hosts[at.0].told {
            if *agent != at.1 {
                continue;
            }
            if resume {
                let seen = self.sides[side].seen.entry((at.0, at.1, *bits)).or_default();
                all.extend(told.numbered[*seen..].iter().cloned());
                *seen = told.numbered.len();
            } else {
                for (sequence, (content, count)) in &told.items {
                    assert_eq!(*count, 1, "sequence {sequence} was told twice");
                    let seen = self.sides[side].seen.entry((at.0, at.1, *sequence)).or_default();
                    if *seen == 0 {
                        all.push((*sequence, content.clone()));
                        *seen = 1;
                    }
                }
            }
        }
        all
    }

    fn hear(&mut self, index: usize) {
        let news = self.news(index);
        let side = &mut self.sides[index];
        for (number, content) in news {
            *side.told.entry(number).or_default() += 1;
            side.waiting.insert(number, content);
        }
    }

    pub fn work(&mut self, index: usize) {
        self.hear(index);
        let current = self.current(index);
        let (now, hold) = (self.world.now, self.kind.hold());
        let side = &mut self.sides[index];
        let Some((handle, told)) = current else { return };
        let opened = told.opened.expect("it is open");
        if side.session != Some(handle) {
            (side.session, side.line) = (Some(handle), Some(opened.1));
            side.next = usize::try_from(opened.2).expect("few");
            // OPENED may come after the first frames.
            let lowest = side.waiting.keys().next().copied().unwrap_or(opened.3);
            side.first = side.first.or(Some(opened.3.min(lowest)));
        }
        let first = side.first.expect("it was opened");
        while let Some(content) = side.waiting.remove(&(first + number(side.committed.len()))) {
            side.committed.push(content);
        }
        let below = number(side.committed.len());
        let (at, own) = (side.at, side.own);
        let host = &mut self.world.hosts[at.0];
        if hold {
            let _ = host.try_with(now, at.1, |desk, rng| desk.ask(Some(handle), &Request::Consumed { below }, rng));
            self.sides[index].waiting.retain(|number, _| *number >= below);
        }
        while self.sides[index].next < ITEMS {
            let next = self.sides[index].next;
            let content = item(&own, next);
            let sent = self.world.hosts[at.0].try_with(now, at.1, |desk, _| desk.send(handle, number(next), &content));
            if sent != Some(Ok(())) {
                break;
            }
            self.sides[index].next += 1;
        }
    }

    pub fn tick(&mut self) {
        (0..2).for_each(|side| self.work(side));
        self.world.keep_alive();
        let until = self.world.now.after(1_000);
        self.world.step(until);
    }

    pub fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.world.now.after(600_000);
        while !done(self) {
            let stands = self.sides.each_ref().map(|side| (side.at, side.committed.len(), side.next, side.session));
            assert!(self.world.now < end, "{what}: not within ten minutes, {:?}, {stands:?}", self.kind);
            self.tick();
        }
    }

    pub fn run(&mut self, milliseconds: u64) {
        let end = self.world.now.after(milliseconds);
        while self.world.now < end {
            self.tick();
        }
    }

    /// The agent that moves is on its new host.
    pub fn arrived(&mut self, agent: usize) {
        self.arrived_at((TO, agent));
    }

    /// The same, on any host.
    pub fn arrived_at(&mut self, at: (usize, usize)) {
        // What it was told before it moved belongs to its record.
        self.hear(1);
        let side = &mut self.sides[1];
        (side.at, side.session) = (at, None);
        if self.kind.hold() {
            // What was not CONSUMED is not in its record.
            side.waiting.clear();
        }
    }

    /// The agent that moves has lost its host, and continues at `at` with what it has stored.
    pub fn goes_on(&mut self, at: (usize, usize)) {
        let side = &mut self.sides[1];
        (side.at, side.session) = (at, None);
        side.waiting.clear();
        side.seen.clear();
        let (line, safe) = (Line(side.line.expect("it was open")), number(side.committed.len()));
        let record = ResumeRecord { peer: side.peer, line, safe }.to_bytes();
        self.until("bound again", |story| {
            story.world.hosts[at.0].states.get(&at.1).is_some_and(|(state, ..)| *state == State::Bound)
        });
        self.open(1, Some(record)).expect("it is BOUND");
    }

    pub fn finish(&mut self) {
        self.until("all has come", |story| story.sides.iter().all(|side| side.committed.len() == ITEMS));
        for side in &self.sides {
            let wanted: Vec<Vec<u8>> = (0..ITEMS).map(|number| item(&side.peer, number)).collect();
            assert_eq!(side.committed, wanted, "each item once, and in order");
            if !self.kind.hold() {
                assert!(side.told.values().all(|count| *count == 1), "nothing is told twice: {:?}", side.told);
            }
        }
        assert!(no_nonce_twice(&self.world) > 50);
    }

    /// Offer, lock, export.
    pub fn exported(&mut self) -> Vec<u8> {
        let eid = self.sides[1].own;
        let offer = self.world.offer(TO, MOVES.0, eid).expect("a slot is free");
        self.world.lock(MOVES.0, &offer, 0).expect("the offer holds");
        self.world.export(MOVES.0, &eid, DockReason::Planned, &[]).expect("it is stored")
    }
}

/// Of all sealed frames that were ever sent: where source, cookies and nonce are equal, all bytes are. Returns how many there were.
pub fn no_nonce_twice(world: &Hosts) -> usize {
    let mut frames: BTreeMap<Vec<u8>, &[u8]> = BTreeMap::new();
    let mut sealed = 0;
    for (.., bytes) in &world.trace {
        // ERP_STREAM is 76 bytes with its header; a PSS_DATA_STREAM begins with 10 b, and its flags follow.
        let sealed_in = |inner: &&[u8]| bytes[..2] == [0x18, 0x10] && inner[0] == 0x10 && inner[1] >> 4 == 0xb;
        let Some(inner) = bytes.get(76..).filter(sealed_in) else { continue };
        sealed += 1;
        let key = [&bytes[4..36], &inner[4..20], &inner[28..40]].concat();
        let first = *frames.entry(key).or_insert(inner);
        assert!(first == inner, "two frames under one nonce");
    }
    sealed
}
