//! Resuming after a loss of memory, with the library's exchange as the code of each step.
//!
//! A has `items` things to send to B. Both may crash, and keep only what their agents stored. Everything that was ever
//! sent can arrive at any time, in any order, again and again, or never: that is an attacker that keeps all datagrams,
//! and the network that loses, doubles and delays them. Cookies are bound to the responder's boot, and each is accepted
//! once there.

use std::collections::{BTreeMap, BTreeSet};

use iacp_core::erp::resume::{
    Agreement, Initiator, Item, Items, Knowledge, Line, LineOutcome, NotResumed, Resume, answer,
};
use stateright::{Model, Property};

/// The sender of the items, and their receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It has the items.
    A,
    /// It commits them.
    B,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A rule that is left out, to show that the model notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// All rules hold.
    Nothing,
    /// The older session goes on after kind 5 was sealed, and numbers that contradict begin a new line.
    Freeze,
    /// A session that resumes a line gives it a new name.
    Names,
    /// An item that comes again is taken as a new one after a restart of the line.
    Repeats,
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Resuming {
    /// How many things A has to send.
    pub items: u64,
    /// How many sessions are begun.
    pub sessions: u8,
    /// How often a side loses its memory.
    pub crashes: u8,
    /// Which side begins sessions.
    pub starter: Side,
    /// What is left out.
    pub broken: Broken,
    /// Longest history.
    pub depth: u8,
}

/// An attempt of the starter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Attempt {
    Hearing { id: u8 },
    Acknowledged { id: u8 },
    Named { id: u8, side: Initiator },
}

/// A session that carries a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Carried {
    id: u8,
    line: Line,
    frozen: bool,
}

/// A datagram under way: everything of a session is sealed under its own keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Datagram {
    /// PSS_ACK, with the responder's boot in its cookie.
    Ack(u8, Side, u8),
    /// The responder's first sealed heartbeat.
    Up(u8, Side),
    /// The initiator's first frame.
    First(u8, Side, [u8; 32]),
    /// The responder's first frame.
    Reply(u8, Side, [u8; 32]),
    /// An item, and its content.
    Data(u8, u64, u64),
    /// All items below are safe with B.
    Acknowledged(u8, u64),
}

/// A side: its memory, and for both what the agent stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Host {
    boot: u8,
    accepted: BTreeSet<u8>,
    unspoken: BTreeSet<u8>,
    attempt: Option<Attempt>,
    session: Option<Carried>,
}

/// Both sides and the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    a: Host,
    b: Host,
    /// A's record: the line, which thing is its item 0, and the lowest thing that A still keeps.
    line: Option<Line>,
    base: u64,
    keeps: u64,
    /// B's records: the next item of each line, and the line of the last commit.
    records: BTreeMap<Line, u64>,
    latest: Option<Line>,
    /// B's memory of the line: what was delivered, and what of it waits to be committed.
    items: Option<(Line, Items)>,
    waiting: BTreeMap<u64, u64>,
    committed: Vec<u64>,
    net: BTreeSet<Datagram>,
    used: u8,
    crashes: u8,
    steps: u8,
}

/// What may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The starter begins a session.
    Open,
    /// It gives up the attempt.
    GiveUp,
    /// PSS_INIT and PSS_NEG pass; the responder keeps nothing.
    Negotiate,
    /// A datagram arrives.
    Arrive(Datagram),
    /// B's agent commits the next item.
    Commit,
    /// A side loses its memory.
    Crash(Side),
}

const fn name(id: u8) -> Line {
    Line([id; 16])
}

impl State {
    const fn host(&mut self, side: Side) -> &mut Host {
        match side {
            Side::A => &mut self.a,
            Side::B => &mut self.b,
        }
    }

    fn known(&self, side: Side, line: Line, total: u64) -> Option<Knowledge> {
        let host = if side == Side::A { &self.a } else { &self.b };
        let remembers = host.session.is_some_and(|session| session.line == line);
        match side {
            Side::A if self.line != Some(line) => None,
            Side::A if remembers => {
                let (keeps, next) = (Some(self.keeps - self.base), Some(total - self.base));
                Some(Knowledge { keeps, next, safe: 0, delivered: 0 })
            }
            Side::A => Some(Knowledge::of_record(0)),
            Side::B => {
                let safe = self.records.get(&line).copied();
                let delivered = self.items.filter(|(of, _)| remembers && *of == line).map(|(_, items)| items.lowest());
                match (safe, delivered) {
                    (None, None) if !remembers => None,
                    (safe, delivered) => {
                        let safe = safe.unwrap_or(0);
                        let (keeps, next) = if remembers { (Some(0), Some(0)) } else { (None, None) };
                        Some(Knowledge { keeps, next, safe, delivered: delivered.unwrap_or(safe).max(safe) })
                    }
                }
            }
        }
    }

    fn line_of(&self, side: Side) -> Option<Line> {
        match side {
            Side::A => self.line,
            Side::B => self.b.session.map(|session| session.line).or(self.latest),
        }
    }

    fn crash(&mut self, side: Side) {
        let host = self.host(side);
        *host = Host { boot: host.boot + 1, ..Host::default() };
        if side == Side::B {
            (self.items, self.waiting) = (None, BTreeMap::new());
        }
    }
}

impl Resuming {
    /// The agreement takes effect at one side.
    fn enter(&self, state: &mut State, side: Side, id: u8, agreed: &Agreement) {
        let line = if self.broken == Broken::Names { name(id) } else { agreed.line };
        let resumed = agreed.outcome == LineOutcome::Resumed;
        match side {
            Side::A => {
                let thing = state.base + agreed.send_from;
                // What the agent no longer has, or never had, it cannot send: ABORT.
                if resumed && (thing < state.keeps || thing > self.items) {
                    return;
                }
                if !resumed {
                    state.base = state.keeps;
                }
                state.keeps = state.base + agreed.send_from;
                state.line = Some(line);
                for item in agreed.send_from..self.items - state.base {
                    state.net.insert(Datagram::Data(id, item, state.base + item));
                }
            }
            Side::B => {
                let goes_on = resumed && state.items.is_some_and(|(of, _)| of == agreed.line);
                let items = match state.items {
                    Some((_, items)) if goes_on && self.broken != Broken::Repeats => items,
                    _ => Items::from(if self.broken == Broken::Repeats { 0 } else { agreed.receive_from }),
                };
                if !goes_on {
                    state.waiting.clear();
                }
                if self.broken == Broken::Names && resumed {
                    // The rule of an earlier text: the record is rewritten under the new name.
                    if let Some(next) = state.records.get(&agreed.line).copied() {
                        state.records.insert(line, next);
                    }
                }
                state.items = Some((line, items));
            }
        }
        state.host(side).session = Some(Carried { id, line, frozen: false });
    }

    fn arrive(&self, state: &mut State, datagram: Datagram) {
        match datagram {
            Datagram::Ack(id, to, boot) => {
                let host = state.host(to);
                if host.boot == boot && host.accepted.insert(id) {
                    host.unspoken.insert(id);
                    state.net.insert(Datagram::Up(id, to.other()));
                }
            }
            Datagram::Up(id, to) => {
                if state.host(to).attempt != Some(Attempt::Acknowledged { id }) {
                    return;
                }
                let named = state.line_of(to).and_then(|line| Some((line, state.known(to, line, self.items)?)));
                let side = Initiator::new(named);
                let freeze = side.freezes().filter(|_| self.broken != Broken::Freeze);
                let host = state.host(to);
                host.attempt = Some(Attempt::Named { id, side });
                if let Some(older) = host.session.as_mut().filter(|older| Some(older.line) == freeze) {
                    older.frozen = true;
                }
                state.net.insert(Datagram::First(id, to.other(), side.first_frame().to_bytes()));
            }
            Datagram::First(id, to, bytes) => {
                if !state.host(to).unspoken.remove(&id) {
                    return;
                }
                let theirs = Resume::read(&bytes).expect("it was written by the library");
                let known = theirs.line().and_then(|line| state.known(to, line, self.items));
                let answered = match answer(&theirs, name(id), known) {
                    Err(NotResumed::Contradiction) if self.broken == Broken::Freeze => answer(&theirs, name(id), None),
                    answered => answered,
                };
                let Ok((reply, agreed)) = answered else { return };
                // An agent sends its items in one line only: a peer that begins another gets none of them there.
                let another = to == Side::A && agreed.outcome == LineOutcome::New && state.line.is_some();
                if !another || self.broken == Broken::Freeze {
                    state.net.insert(Datagram::Reply(id, to.other(), reply.to_bytes()));
                    self.enter(state, to, id, &agreed);
                }
            }
            Datagram::Reply(id, to, bytes) => {
                let Some(Attempt::Named { id: attempt, side }) = state.host(to).attempt else { return };
                if attempt != id {
                    return;
                }
                state.host(to).attempt = None;
                let theirs = Resume::read(&bytes).expect("it was written by the library");
                if let Ok(agreed) = side.settle(&theirs, name(id)) {
                    self.enter(state, to, id, &agreed);
                }
            }
            Datagram::Data(id, item, thing) => {
                let Some(session) = state.b.session.filter(|session| session.id == id && !session.frozen) else {
                    return;
                };
                if let Some((line, items)) = state.items.as_mut()
                    && *line == session.line
                    && items.take(item) == Item::Fresh
                {
                    state.waiting.insert(item, thing);
                }
            }
            Datagram::Acknowledged(id, below) => {
                if state.a.session.is_some_and(|session| session.id == id && !session.frozen) {
                    state.keeps = state.keeps.max(state.base + below);
                }
            }
        }
    }

    fn commit(&self, state: &mut State) {
        let Some((line, _)) = state.items else { return };
        let next = if self.broken == Broken::Repeats {
            state.waiting.keys().next().copied().unwrap_or(0)
        } else {
            state.records.get(&line).copied().unwrap_or(0)
        };
        if let Some(thing) = state.waiting.remove(&next) {
            state.committed.push(thing);
            state.records.insert(line, next + 1);
            state.latest = Some(line);
            if let Some(session) = state.b.session.filter(|session| session.line == line && !session.frozen) {
                state.net.insert(Datagram::Acknowledged(session.id, next + 1));
            }
        }
    }

    fn act(&self, state: &mut State, action: Action) {
        match action {
            Action::Open => {
                state.used += 1;
                let id = state.used;
                state.host(self.starter).attempt = Some(Attempt::Hearing { id });
            }
            Action::GiveUp => state.host(self.starter).attempt = None,
            Action::Negotiate => {
                let boot = state.host(self.starter.other()).boot;
                let host = state.host(self.starter);
                if let Some(Attempt::Hearing { id }) = host.attempt {
                    host.attempt = Some(Attempt::Acknowledged { id });
                    state.net.insert(Datagram::Ack(id, self.starter.other(), boot));
                }
            }
            Action::Arrive(datagram) => self.arrive(state, datagram),
            Action::Commit => self.commit(state),
            Action::Crash(side) => {
                state.crashes += 1;
                state.crash(side);
            }
        }
    }

    /// Committed work is a prefix of what A has to send: each item once, in order.
    fn is_prefix(&self, state: &State) -> bool {
        state.committed.iter().copied().eq(0..u64::try_from(state.committed.len()).unwrap_or(u64::MAX))
    }

    /// From here, if the network becomes fair and A opens once more, everything gets there.
    fn settles(&self, state: &State) -> bool {
        let fair = Self { starter: Side::A, ..*self };
        let mut state = state.clone();
        state.a.attempt = None;
        let id = state.used + 1;
        fair.act(&mut state, Action::Open);
        fair.act(&mut state, Action::Negotiate);
        // What is under way for this session arrives until nothing new is sent.
        for _ in 0..12 {
            let mine = |datagram: &&Datagram| match datagram {
                Datagram::Ack(of, ..)
                | Datagram::Up(of, _)
                | Datagram::First(of, ..)
                | Datagram::Reply(of, ..)
                | Datagram::Data(of, ..)
                | Datagram::Acknowledged(of, _) => *of == id,
            };
            let arriving: Vec<Datagram> = state.net.iter().filter(mine).copied().collect();
            arriving.into_iter().for_each(|datagram| fair.arrive(&mut state, datagram));
            (0..self.items).for_each(|_| fair.commit(&mut state));
        }
        state.committed.len() as u64 == self.items && self.is_prefix(&state)
    }
}

impl Model for Resuming {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            a: Host::default(),
            b: Host::default(),
            line: None,
            base: 0,
            keeps: 0,
            records: BTreeMap::new(),
            latest: None,
            items: None,
            waiting: BTreeMap::new(),
            committed: Vec::new(),
            net: BTreeSet::new(),
            used: 0,
            crashes: 0,
            steps: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.steps >= self.depth {
            return;
        }
        let host = if self.starter == Side::A { &state.a } else { &state.b };
        match host.attempt {
            None if state.used < self.sessions => actions.push(Action::Open),
            None => {}
            Some(Attempt::Hearing { .. }) => actions.extend([Action::Negotiate]),
            Some(_) if state.used < self.sessions => actions.push(Action::GiveUp),
            Some(_) => {}
        }
        actions.extend(state.net.iter().copied().map(Action::Arrive));
        actions.push(Action::Commit);
        if state.crashes < self.crashes {
            actions.extend([Action::Crash(Side::A), Action::Crash(Side::B)]);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        self.act(&mut state, action);
        (state != *last).then(|| {
            state.steps = last.steps + u8::from(self.depth < u8::MAX);
            state
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("each item is committed once and in order", |model: &Self, state: &State| {
                model.is_prefix(state)
            }),
            Property::always("there is no dead end", |model: &Self, state: &State| model.settles(state)),
            Property::sometimes("all is committed", |model: &Self, state: &State| {
                state.committed.len() as u64 == model.items
            }),
            Property::sometimes("a line goes on in a second session", |_, state: &State| {
                state.a.session.is_some_and(|session| session.line != name(session.id))
            }),
        ]
    }
}
