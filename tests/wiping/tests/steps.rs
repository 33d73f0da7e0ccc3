//! What the steps of two LL-Entities leave on the stack, from the handshake to the end of a session.
//!
//! Whatever is derived is gone after each step, whatever frames the host has. Ciphers leave copies of their keys while a session
//! lasts, where its keys are in memory as well; they are gone when its end is told, if the host asks for events from where it
//! makes the other calls, or clears the stack itself.

mod watched;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::SocketAddr;

use iacp_core::crypto::{Secret32, clear_stack};
use iacp_core::erp::agent::{Agent, Stored};
use iacp_core::erp::entity::{HEAD, HostEvent, HostRequest, HostSettings, LlEntity, To};
use iacp_core::erp::generation::PORT;
use iacp_core::erp::local::{AgentEvent, Listen, Open, Request};
use iacp_core::pss::{Capabilities, TeardownReason, Terms};
use iacp_core::slots::Handle;
use iacp_core::time::Mono;
use iacp_wire::Digest;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sessions::hosts::{memory, place, tables};
use watched::{CIPHER, Watched, lying};
use wiping::{Stack, left_on_the_stack};

type Entity = LlEntity<'static, Watched, 8192, 16, 64>;

/// What has been found: in which step, what lies there, and how far below the frame from which the host has called.
type Left = BTreeSet<(&'static str, &'static str, usize)>;

/// Where the steps of the two hosts run.
enum Stacks {
    /// Each on an empty stack: what lies there afterwards, the step has left.
    Fresh(Left),
    /// One for each host.
    Kept([Stack; 2]),
    /// The same, and each step is called from another depth.
    Deep([Stack; 2], Box<ChaCha8Rng>),
}

impl Stacks {
    fn kept() -> Self {
        Self::Kept([Stack::empty(), Stack::empty()])
    }

    fn step(&mut self, side: usize, what: &'static str, work: &mut dyn FnMut()) {
        match self {
            Self::Fresh(left) => {
                let stack = left_on_the_stack(work);
                let depth = stack.len() - stack.iter().position(|byte| *byte != 0).unwrap_or(stack.len());
                assert!(what != "send" || depth < 16_384, "sending clears nothing: {depth} bytes");
                // As long as the session lasts, its ciphers have keys.
                let found = lying(&stack).into_iter().filter(|(secret, _)| *secret != CIPHER);
                left.extend(found.map(|(secret, at)| (what, secret, at)));
            }
            Self::Kept(stacks) => stacks[side].run(work),
            Self::Deep(stacks, rng) => {
                let depth = (rng.next_u32() % 20).to_le_bytes()[0];
                stacks[side].run(|| deeper(depth, work));
            }
        }
    }

    fn left(&self) -> Left {
        match self {
            Self::Fresh(left) => left.clone(),
            Self::Kept(stacks) | Self::Deep(stacks, _) => {
                stacks.iter().flat_map(|stack| lying(&stack.read())).map(|(secret, at)| ("all", secret, at)).collect()
            }
        }
    }
}

/// Frames of a host's own, of 300 bytes each.
#[inline(never)]
fn deeper(frames: u8, work: &mut dyn FnMut()) {
    let frame = black_box([0_u8; 300]);
    match frames.checked_sub(1) {
        Some(frames) => deeper(frames, work),
        None => work(),
    }
    black_box(&frame);
}

struct Node {
    entity: Entity,
    agent: Agent,
    rng: ChaCha8Rng,
    session: Option<Handle>,
    items: u64,
    /// How often the keys of both directions were renewed.
    renewed: (u32, u32),
    proposed: bool,
    asked: bool,
    closed: bool,
}

impl Node {
    fn new(number: u8) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(number.into());
        let settings = HostSettings::at(place(number)).without_directory();
        let mut entity = Entity::with_tables(memory(1, 2, 4), tables(1, 2), settings, Mono(0), &mut rng)
            .expect("the memory suffices");
        let agent = entity.init(Mono(0), None, Digest::ZERO, &mut rng).expect("a slot");
        Self {
            entity,
            agent,
            rng,
            session: None,
            items: 0,
            renewed: (0, 0),
            proposed: false,
            asked: false,
            closed: false,
        }
    }

    fn hear(&mut self, event: &HostEvent<'_>) {
        let HostEvent::Agent { session, event, .. } = event else { return };
        self.session = session.or(self.session);
        match event {
            AgentEvent::Data { .. } => self.items += 1,
            AgentEvent::Closed { .. } => self.closed = true,
            AgentEvent::Proposed { .. } => self.proposed = true,
            AgentEvent::CloseRequested { .. } => self.asked = true,
            _ => {}
        }
    }
}

/// Until there is nothing more to do at this moment.
fn settle(nodes: &mut [Node; 2], now: Mono, stacks: &mut Stacks) {
    loop {
        let mut mail: Vec<(usize, Vec<u8>)> = Vec::new();
        for (side, node) in nodes.iter_mut().enumerate() {
            stacks.step(side, "handle_deadline", &mut || {
                if node.entity.next_deadline().is_some_and(|due| due <= now) {
                    node.entity.handle_deadline(now, &mut node.rng);
                }
            });
            while let Some(request) = node.entity.poll_request() {
                if let HostRequest::Persist { eid, what } = request {
                    stacks.step(side, "persisted", &mut || node.entity.persisted(now, &eid, what));
                }
            }
            let mut more = true;
            while more {
                stacks.step(side, "poll_event", &mut || {
                    let event = node.entity.poll_event();
                    more = event.is_some();
                    if let Some(event) = event {
                        node.hear(&event);
                    }
                });
            }
            more = true;
            while more {
                stacks.step(side, "poll_transmit", &mut || {
                    let mut head = [0; HEAD];
                    let transmit = node.entity.poll_transmit(now, &mut head);
                    more = transmit.is_some();
                    if let Some(transmit) = transmit {
                        assert!(matches!(transmit.to, To::Network(_)));
                        mail.push((1 - side, [transmit.head, transmit.body].concat()));
                    }
                });
            }
        }
        if mail.is_empty() {
            return;
        }
        for (to, mut bytes) in mail {
            let from = SocketAddr::new(place(2 - u8::try_from(to).expect("0 or 1")), PORT);
            let node = &mut nodes[to];
            stacks.step(to, "handle", &mut || {
                let event = node.entity.handle(now, from, &mut bytes, &mut node.rng);
                node.hear(&event);
            });
        }
    }
}

/// A session from its beginning to its end, with items both ways and a renewal of the keys of both directions.
fn run(offer: Capabilities, forced: bool, stacks: &mut Stacks) {
    let mut nodes = [Node::new(1), Node::new(2)];
    let mut now = Mono(1_000);
    settle(&mut nodes, now, stacks);
    let peer = nodes[1].agent.eid();
    let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 16 };
    let listen = Listen { capabilities: offer, terms, sessions: 1, hold: false };
    let [one, two] = &mut nodes;
    two.entity.desk(now, &two.agent).expect("its agent").listen(listen).expect("a window of 16");
    let at = Some(SocketAddr::new(place(2), PORT));
    let open = Open { peer, at, hold: false, offer, resume: None, proof: None };
    stacks.step(0, "open_as", &mut || {
        one.entity.desk(now, &one.agent).expect("its agent").open_as(&open, &mut one.rng).expect("room");
    });
    let mut found = false;
    for second in 2..40_u64 {
        settle(&mut nodes, now, stacks);
        now = Mono(second * 1_000);
        for (side, node) in nodes.iter_mut().enumerate() {
            let Some(session) = node.session else { continue };
            let Node { entity, agent, rng, .. } = node;
            if let Some(generations) = entity.key_generations(session) {
                node.renewed = generations;
            }
            if core::mem::take(&mut node.proposed) {
                stacks.step(side, "accept", &mut || {
                    let accepts = Request::Terms { counter: None };
                    let mut desk = entity.desk(now, agent).expect("its agent");
                    desk.ask_as(1, Some(session), &accepts, rng).expect("proposed");
                });
            }
            match second {
                8 | 9 | 16 | 17 => stacks.step(side, "send", &mut || {
                    let mut desk = entity.desk(now, agent).expect("its agent");
                    desk.send(session, second % 8 + second / 16 * 2, b"an item").expect("room");
                }),
                12 => stacks.step(side, "renew_key", &mut || entity.renew_key(session).expect("open")),
                20 if side == 0 && forced => stacks.step(side, "abort", &mut || {
                    entity
                        .desk(now, agent)
                        .expect("its agent")
                        .abort(session, TeardownReason::None, rng)
                        .expect("open");
                }),
                20 if side == 0 => node.asked = true,
                _ => {}
            }
            if core::mem::take(&mut node.asked) {
                stacks.step(side, "close", &mut || {
                    let mut desk = entity.desk(now, agent).expect("its agent");
                    desk.close(session, TeardownReason::TaskComplete).expect("open");
                });
            }
        }
        if matches!(second, 9..18) && !matches!(stacks, Stacks::Fresh(_)) {
            found |= stacks.left().iter().any(|(_, secret, _)| *secret == CIPHER);
        }
    }
    assert!(found || matches!(stacks, Stacks::Fresh(_)), "the search finds what is there");
    for node in &nodes {
        assert!(node.session.is_some() && node.closed, "it began and ended");
        assert_eq!(node.items, 4, "and brought something");
        assert!(matches!(node.renewed, (1.., 1..)), "under new keys, not {:?}", node.renewed);
    }
}

/// With and without a contract; an end that both want, and one that is forced.
const RUNS: [(Capabilities, bool); 4] =
    [(Capabilities::NONE, false), (Capabilities::NONE, true), (Capabilities::SFC, false), (Capabilities::SFC, true)];

#[test]
fn no_step_leaves_what_it_has_derived_on_the_stack() {
    for (offer, forced) in RUNS {
        let mut stacks = Stacks::Fresh(Left::new());
        run(offer, forced, &mut stacks);
        assert_eq!(stacks.left(), Left::new(), "{offer:?}, forced: {forced}");
    }
}

/// An agent begins, is lost with the host's memory, goes on from its seed, and leaves.
#[test]
fn no_step_with_a_seed_leaves_it_on_the_stack() {
    let mut stacks = Stacks::Fresh(Left::new());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let settings = HostSettings::at(place(3)).without_directory();
    let new = |rng: &mut ChaCha8Rng| {
        Entity::with_tables(memory(1, 2, 4), tables(1, 2), settings, Mono(0), rng).expect("the memory suffices")
    };
    let mut entity = new(&mut rng);
    let mut agent = None;
    stacks.step(0, "init", &mut || agent = entity.init(Mono(0), None, Digest::ZERO, &mut rng).ok());
    let agent = agent.expect("a slot");
    let seed = Secret32::new(*entity.seed(&agent.eid()).expect("a context").expose());
    let mut again = new(&mut rng);
    stacks.step(0, "restore", &mut || {
        again.restore(Mono(0), &Stored::new(&seed, 10), &mut rng).expect("a slot");
    });
    stacks.step(0, "leave", &mut || entity.desk(Mono(0), &agent).expect("its agent").leave().expect("room"));
    assert_eq!(stacks.left(), Left::new());
    // What is derived from the seed is looked for as well.
    assert_eq!(lying(&[&[0; 7], seed.expose().as_slice()].concat()).len(), 2);
}

#[test]
fn when_the_end_of_a_session_is_told_no_key_is_left_on_the_stack() {
    for (offer, forced) in RUNS {
        let mut stacks = Stacks::kept();
        run(offer, forced, &mut stacks);
        assert_eq!(stacks.left(), Left::new(), "{offer:?}, forced: {forced}");
    }
}

#[test]
fn a_host_that_calls_from_anywhere_clears_its_stack_from_above() {
    for (number, (offer, forced)) in RUNS.into_iter().enumerate() {
        let mut stacks =
            Stacks::Deep([Stack::empty(), Stack::empty()], Box::new(ChaCha8Rng::seed_from_u64(number as u64)));
        run(offer, forced, &mut stacks);
        let Stacks::Deep(both, _) = &mut stacks else { unreachable!("it was made so") };
        for stack in both {
            stack.run(clear_stack::<32_768>);
        }
        assert_eq!(stacks.left(), Left::new(), "{offer:?}, forced: {forced}");
    }
}
