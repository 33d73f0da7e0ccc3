//! `agent relay`: takes handoffs and hands them on. It needs no key but its own, and can open no seal.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::carrier::link::{self, Transport};
use crate::clock::Clock;
use crate::content::parts::{self, Parts};
use crate::content::receive::Store;
use crate::content::rooms::Site;
use crate::handoff::answer;
use crate::handoff::carry::{LONGEST, carry};
use crate::keys::{self, Identity, Target};
use crate::output::print_line;
use crate::send::{Expected, Sent};
use crate::server::drive::{Later, part, serve_and_answer};
use crate::server::{Answered, Key, Received, Reply, Server};
use crate::telling::event::Event;
use crate::telling::outlet::Outlet;
use crate::telling::timeline::{Style, Timeline};

/// Takes handoffs from anyone and hands each on to one agent, as it is; prints this agent's EID
///
/// The receiver's answer goes back to the sender, as it is, if it comes within 20 seconds. Waiting handoffs are sent
/// on in turn by source network; at most 64 of one network and 256 in all wait, more are refused.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where to listen: IP:PORT (port 0 lets the system choose; the address is told on standard error)
    #[arg(long, value_name = "ADDR")]
    bind: String,
    /// Whom to hand on to: EID@IP:PORT, the EID being 64 hexadecimal digits
    #[arg(long, value_name = "EID@ADDR")]
    to: String,
    /// The identity's seed, 64 hexadecimal digits; a new identity without it
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// What carries the frames, on both sides
    #[arg(long, value_enum, default_value_t = Transport::Quic)]
    transport: Transport,
    /// The longest content that is taken, in bytes
    #[arg(long, value_name = "N", default_value_t = LONGEST)]
    max_bytes: u64,
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Clock::start();
    let timeline = Timeline::new(clock, Style::Log);
    let (answering, (identity, _)) = keys::twins(arguments.seed.as_deref())?;
    let target = Target::read("--to", &arguments.to).await?;
    if identity.eid() == target.eid {
        bail!("--to: the EID is our own: an agent has no session with itself");
    }
    let bind = keys::address("--bind", &arguments.bind).await?;
    let bound = link::listen(arguments.transport, bind).await?;
    print_line(&hex::encode(identity.eid().0))?;
    let at = bound.at.to_string();
    timeline.note("relay", Event::Listening { transport: arguments.transport.name(), at });

    let store = Store::relayed(arguments.max_bytes);
    let outlet = Outlet::new("relay", &timeline, None);
    let mut server = Server::new("relay", &timeline, answering, store, None, outlet, clock.now());
    let mut inbox = bound.inbox;
    // What waits here is bounded by the room that all handoffs share: each takes of it for its place, too.
    let (queue, waiting) = unbounded_channel();
    let (answers, mut later) = unbounded_channel();
    let mut report = |received: &Received| match &received.handoff {
        Some(parts) => {
            queue
                .send((received.network, (received.session, Rc::clone(parts))))
                .ok()
                .context("nothing is handed on any more")?;
            Ok(Answered::Within(answer::RELAY_WAITS))
        }
        // The handoffs here belong to others, and are not given out.
        None => Ok(Answered::Now(None)),
    };
    let interrupted = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
    tokio::select! {
        served = serve_and_answer(&mut server, &mut inbox, &clock, &mut report, &mut later, interrupted) => served?,
        () = hand_on(&timeline, clock, &identity, target, arguments.transport, waiting, &answers) => {}
    }
    part("relay", &timeline, &mut server, &clock, bound.endpoint).await;
    Ok(ExitCode::SUCCESS)
}

/// A handoff, and the session that brought it.
type Waiting = (Key, Rc<Parts>);

/// What waits: of a network in the order in which it came, and one of each network in turn.
struct Turns<T>(VecDeque<(Site, VecDeque<T>)>);

impl<T> Turns<T> {
    fn add(&mut self, network: Site, waiting: T) {
        match self.0.iter_mut().find(|(of, _)| *of == network) {
            Some((_, line)) => line.push_back(waiting),
            None => self.0.push_back((network, VecDeque::from([waiting]))),
        }
    }

    fn next(&mut self) -> Option<T> {
        let (network, mut line) = self.0.pop_front()?;
        let next = line.pop_front();
        if !line.is_empty() {
            self.0.push_back((network, line));
        }
        next
    }

    /// The next one, as soon as there is one; `None` if nothing comes any more.
    async fn wait(&mut self, queue: &mut UnboundedReceiver<(Site, T)>) -> Option<T> {
        if self.0.is_empty() {
            let (network, first) = queue.recv().await?;
            self.add(network, first);
        }
        while let Ok((network, waiting)) = queue.try_recv() {
            self.add(network, waiting);
        }
        self.next()
    }
}

/// How often a handoff is tried, and the pause after the first failure, which doubles.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// One after another. What cannot be handed on is told of and tried again, and after some tries given up: its sender still has it.
// keeps: CEP-020 (§3.2), CEP-111 (§10)
async fn hand_on(
    timeline: &Timeline,
    clock: Clock,
    identity: &Identity,
    target: Target,
    transport: Transport,
    mut queue: UnboundedReceiver<(Site, Waiting)>,
    answers: &UnboundedSender<Later>,
) {
    let mut turns = Turns(VecDeque::new());
    while let Some((session, parts)) = turns.wait(&mut queue).await {
        let Some(stream) = parts::write(&parts.notice, &parts.outer, &parts.content) else { continue };
        let mut back = None;
        for failures in 1..=TRIES {
            let (to, bytes) = (keys::short(&target.eid), stream.len() as u64);
            timeline.note("relay", Event::Relays { to, bytes });
            let stream = stream.clone();
            let reply = Some(Expected::new(answer::LONGEST, answer::RECEIVER_WAITS));
            let carried = carry("relay", timeline, clock, identity, target, transport, "the handoff", stream, reply);
            let error = match carried.await {
                Ok(sent) => {
                    back = answer_of(sent);
                    break;
                }
                Err(error) => error,
            };
            let then = if failures < TRIES { "it is tried again" } else { "it is given up, and its sender has it" };
            timeline.note("relay", Event::Trouble { what: format!("not handed on, {then}: {error:#}") });
            if failures < TRIES {
                tokio::time::sleep(PAUSE * 2_u32.pow(failures - 1)).await;
            }
        }
        // A sender that has gone meanwhile waits for nothing; one that is given up with its handoff need not wait either.
        let _ = answers.send((session, back));
    }
}

/// What the receiver has answered, as it came: to look into it is the sender's business.
fn answer_of(sent: Sent) -> Option<Reply> {
    let parts = sent.reply?.ok()?;
    parts::write(&parts.notice, &parts.outer, &parts.content).map(Reply::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn networks_take_turns_however_much_one_of_them_brings() {
        let (queue, mut waiting) = unbounded_channel();
        let mut turns = Turns(VecDeque::new());
        let bring = |network: u8, what: u32| queue.send(([network; 9], (network, what))).expect("somebody hears");
        (0..100).for_each(|what| bring(1, what));
        assert_eq!(turns.wait(&mut waiting).await, Some((1, 0)));
        bring(2, 0);
        bring(2, 1);
        bring(3, 0);
        let mut next = Vec::new();
        for _ in 0..6 {
            next.extend(turns.wait(&mut waiting).await);
        }
        assert_eq!(next, [(1, 1), (2, 0), (3, 0), (1, 2), (2, 1), (1, 3)]);
        drop(queue);
        for what in 4..100 {
            assert_eq!(turns.wait(&mut waiting).await, Some((1, what)));
        }
        assert_eq!(turns.wait(&mut waiting).await, None);
    }
}
