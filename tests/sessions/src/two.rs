//! Two agents with a session between them, on one host or on two.

use iacp_core::erp::entity::Done;
use iacp_core::erp::local::{Listen, LocalStatus, Open, Request};
use iacp_core::pss::{Capabilities, Terms};
use iacp_core::slots::Handle;
use iacp_wire::Digest;

use crate::Weather;
use crate::hosts::{Hosts, Told};

const TERMS: Terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
/// The right to read.
pub const READ: u16 = 1;
/// The right to follow.
pub const SUBSCRIBE: u16 = 2;
/// The right to write.
pub const WRITE: u16 = 4;

/// Endpoints under a contract.
#[must_use]
pub fn offer() -> Capabilities {
    Capabilities::ENDPOINTS.with(Capabilities::SFC)
}

/// Two agents with a session between them: on one host or on two.
pub struct Two {
    /// The hosts.
    pub world: Hosts,
    /// Host and agent of each side; the first one opens.
    pub at: [(usize, usize); 2],
    /// The session, as each side calls it.
    pub sessions: [Handle; 2],
}

impl Two {
    /// A session between two agents of one host or of two, with what is agreed.
    #[must_use]
    pub fn new(seed: u64, inside: bool, weather: Weather, offer: Capabilities) -> Self {
        Self::with_terms(seed, inside, weather, offer, TERMS)
    }

    /// The same with other terms.
    ///
    /// # Panics
    /// There is no session in 50 seconds.
    #[must_use]
    pub fn with_terms(seed: u64, inside: bool, weather: Weather, offer: Capabilities, terms: Terms) -> Self {
        Self::prepared(seed, inside, weather, (offer, terms), |_| ())
    }

    /// The same, with something done to the world before the session is opened.
    ///
    /// # Panics
    /// There is no session in 50 seconds.
    #[must_use]
    pub fn prepared(
        seed: u64,
        inside: bool,
        weather: Weather,
        (offer, terms): (Capabilities, Terms),
        prepare: impl FnOnce(&mut Hosts),
    ) -> Self {
        let at = if inside { [(0, 0), (0, 1)] } else { [(0, 0), (1, 0)] };
        Self::among(if inside { 1 } else { 2 }, at, seed, weather, (offer, terms), prepare)
    }

    /// The same between two agents of so many hosts.
    ///
    /// # Panics
    /// There is no session in 50 seconds.
    #[must_use]
    pub fn among(
        hosts: u8,
        at: [(usize, usize); 2],
        seed: u64,
        weather: Weather,
        (offer, terms): (Capabilities, Terms),
        prepare: impl FnOnce(&mut Hosts),
    ) -> Self {
        let mut world = Hosts::new(seed, hosts, 2, true);
        world.weather = weather;
        assert!(world.run_until(120_000, Hosts::all_bound));
        prepare(&mut world);
        let now = world.now;
        let listen = Listen { capabilities: offer, terms, sessions: 4, hold: false };
        world.hosts[at[1].0].with(now, at[1].1, |desk, _| desk.listen(listen)).expect("a window of 16");
        let nothing = Handle::from_bits(1 << 32).expect("a slot");
        let mut two = Self { world, at, sessions: [nothing; 2] };
        two.open(offer, None);
        two
    }

    /// A further session between the two, which the first side opens; it is the current one from now on.
    ///
    /// # Panics
    /// There is no session in 50 seconds.
    pub fn open(&mut self, offer: Capabilities, resume: Option<&[u8; 56]>) {
        let ([(host, agent), (there, with)], now) = (self.at, self.world.now);
        let (own, peer) = (self.world.eid(host, agent), self.world.eid(there, with));
        let open = Open { peer, at: None, hold: false, offer, resume, proof: None };
        let asked = self.world.hosts[host].with(now, agent, |desk, rng| desk.ask(None, &Request::Open(open), rng));
        let Ok(Done::Session(session)) = asked else { panic!("{asked:?}") };
        self.sessions[0] = session;
        let with_own = |two: &Self| -> Vec<u64> {
            let all = two.world.hosts[there].told.iter();
            let theirs = all.filter(|((of, _), told)| *of == with && told.peer == Some(own));
            theirs.map(|((_, bits), _)| *bits).collect()
        };
        let (before, mut found) = (with_own(self), false);
        let sfc = offer.contains(Capabilities::SFC);
        // Each side that is asked about terms accepts them.
        for _ in 0..1_000 {
            self.world.run(50);
            self.world.keep_alive();
            if let Some(bits) = with_own(self).into_iter().find(|bits| !before.contains(bits)) {
                (self.sessions[1], found) = (Handle::from_bits(bits).expect("a handle"), true);
            }
            for side in 0..if found { 2 } else { 1 } {
                if self.told(side).is_some_and(|told| told.proposed && !told.contract) {
                    let _ = self.ask(side, true, &Request::Terms { counter: None });
                }
            }
            let ready = |side| self.told(side).is_some_and(|told| told.peer.is_some() && (told.contract || !sfc));
            if found && ready(0) && ready(1) {
                return;
            }
        }
        panic!("no session: {:?} {:?}", self.told(0), self.told(1));
    }

    /// The agent of a side moves to another host; its session there is the one that is meant from now on.
    ///
    /// # Panics
    /// It does not move, or has no session with the other side there.
    pub fn dock(&mut self, side: usize, to: usize) {
        let (other, with) = self.at[1 - side];
        let peer = self.world.eid(other, with);
        let agent = self.world.dock(self.at[side], to);
        self.at[side] = (to, agent);
        let (session, _) = self.world.hosts[to].told_of(agent, &peer).expect("its session has moved");
        self.sessions[side] = session;
    }

    /// Where a line goes on in a session of its own, that is the one which is meant.
    ///
    /// # Panics
    /// A side has none.
    pub fn follow(&mut self) {
        for side in 0..2 {
            let ((host, agent), (other, with)) = (self.at[side], self.at[1 - side]);
            let peer = self.world.eid(other, with);
            let mut open = self.world.hosts[host].told.iter().filter(|((of, _), told)| {
                *of == agent && told.peer == Some(peer) && told.opened.is_some() && told.closed.is_none()
            });
            let ((_, bits), _) = open.next_back().expect("a session");
            self.sessions[side] = Handle::from_bits(*bits).expect("a handle");
        }
    }

    /// The notices that a side got about the session.
    #[must_use]
    pub fn told(&self, side: usize) -> Option<&Told> {
        let (host, agent) = self.at[side];
        self.world.hosts[host].told.get(&(agent, self.sessions[side].bits()))
    }

    /// A request under a number of the agent's.
    ///
    /// # Errors
    /// The reason why the request had no effect.
    pub fn ask_as(
        &mut self,
        side: usize,
        number: u32,
        in_session: bool,
        request: &Request<'_>,
    ) -> Result<Done, LocalStatus> {
        let ((host, agent), session, now) = (self.at[side], self.sessions[side], self.world.now);
        let session = in_session.then_some(session);
        self.world.hosts[host].with(now, agent, |desk, rng| desk.ask_as(number, session, request, rng))
    }

    /// A request.
    ///
    /// # Errors
    /// The reason why the request had no effect.
    pub fn ask(&mut self, side: usize, in_session: bool, request: &Request<'_>) -> Result<Done, LocalStatus> {
        self.ask_as(side, 0, in_session, request)
    }

    /// A new endpoint of a side.
    pub fn endpoint(&mut self, side: usize, flags: u8, tag: &[u8]) -> Digest {
        match self.ask(side, false, &Request::Endpoint { flags, rotation: 0, tag }) {
            Ok(Done::Coordinate(coordinate)) => coordinate,
            other => panic!("{other:?}"),
        }
    }

    /// A new value of an own endpoint.
    ///
    /// # Errors
    /// The reason why the request had no effect.
    pub fn write(&mut self, side: usize, coordinate: Digest, value: &[u8]) -> Result<Done, LocalStatus> {
        self.ask(side, false, &Request::Write { coordinate, if_version: 0, value })
    }

    /// Rights of the peer.
    ///
    /// # Errors
    /// The reason why the request had no effect.
    pub fn grant(&mut self, side: usize, coordinate: Digest, rights: u16, seconds: u32) -> Result<Done, LocalStatus> {
        self.ask(side, true, &Request::Grant { coordinate, rights, seconds })
    }

    /// Two seconds pass, or twenty where frames are lost and come again.
    pub fn run(&mut self) {
        for _ in 0..if self.world.weather.loss > 0 { 10 } else { 1 } {
            self.world.run(2_000);
            self.world.keep_alive();
        }
    }

    /// Versions and values that a side got.
    #[must_use]
    pub fn values(&self, side: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let told = self.told(side).expect("open");
        told.values.iter().map(|(_, version, value)| (*version, value.clone())).collect()
    }

    /// The RESULT of a request.
    #[must_use]
    pub fn result(&self, side: usize, number: u32) -> Option<Result<(), LocalStatus>> {
        self.told(side)?.results.iter().find(|(request, _)| *request == number).map(|(_, status)| *status)
    }
}

/// The flag of an endpoint that is reachable from everywhere.
pub const GLOBAL: u8 = 1;
