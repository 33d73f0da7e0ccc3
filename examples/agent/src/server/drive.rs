//! The loop around a server: arrivals, deadlines, reports, and the end.

use std::future::Future;

use anyhow::Result;
use iacp_core::time::Mono;
use quinn::Endpoint;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::reply::State;
use super::{Answered, Key, Received, Reply, Server};
use crate::carrier::link::Inbox;
use crate::clock::Clock;
use crate::telling::event::Event;
use crate::telling::timeline::Timeline;

/// Datagrams that are taken in a row, before deadlines and reports have their turn.
const BURST: usize = 64;

/// Drives a server whose peers get no answers, until it is told to stop.
pub async fn serve(
    server: &mut Server<'_>,
    inbox: &mut Inbox,
    clock: &Clock,
    report: &mut impl FnMut(&Received) -> Result<()>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let mut report = |received: &Received| report(received).map(|()| Answered::Nothing);
    let (_, mut none) = unbounded_channel();
    serve_and_answer(server, inbox, clock, &mut report, &mut none, stop).await
}

/// An awaited answer, or `None` if there will be none.
pub type Later = (Key, Option<Reply>);

/// Drives a server until it is told to stop. What `report` answers with [`Answered::Within`] comes by `later`.
pub async fn serve_and_answer(
    server: &mut Server<'_>,
    inbox: &mut Inbox,
    clock: &Clock,
    report: &mut impl FnMut(&Received) -> Result<Answered>,
    later: &mut UnboundedReceiver<Later>,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    tokio::pin!(stop);
    loop {
        tokio::select! {
            arrival = inbox.recv() => {
                let Some(arrival) = arrival else { return Ok(()) };
                server.handle(clock.now(), arrival);
                // Datagrams that have arrived meanwhile, in the same turn.
                for _ in 0..BURST {
                    let Ok(arrival) = inbox.try_recv() else { break };
                    server.handle(clock.now(), arrival);
                }
            }
            () = clock.sleep_until(server.next_deadline()) => server.handle_deadline(clock.now()),
            Some((session, reply)) = later.recv() => server.answer_awaited(clock.now(), session, reply),
            () = &mut stop => return Ok(()),
        }
        for received in std::mem::take(&mut server.received) {
            let answered = report(&received)?;
            server.answer(clock.now(), received.session, answered);
        }
    }
}

/// Tells all peers that we go, and goes.
pub async fn part(
    who: &'static str,
    timeline: &Timeline,
    server: &mut Server<'_>,
    clock: &Clock,
    endpoint: Option<Endpoint>,
) {
    timeline.note(who, Event::Trouble { what: "interrupted: tells its peers and ends".into() });
    server.shut_down(clock.now());
    if let Some(endpoint) = endpoint {
        // What was said last has a moment to leave.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        endpoint.close(0_u32.into(), b"shutting down");
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), endpoint.wait_idle()).await;
    }
}

impl Server<'_> {
    /// The application has said what the peer gets. A session that is over, or was answered, stays as it is.
    pub fn answer(&mut self, now: Mono, key: Key, answered: Answered) {
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        if entry.session.closure().is_some() {
            return;
        }
        entry.reply = match answered {
            Answered::Nothing => return,
            Answered::Within(milliseconds) => State::Awaited(now.after(milliseconds)),
            Answered::Now(None) => State::Finishing,
            Answered::Now(Some(reply)) => State::Sending { reply, gone: 0 },
        };
        self.settle(now, key);
    }

    /// What was awaited has come, or will not come. Too late, it is forgotten.
    pub fn answer_awaited(&mut self, now: Mono, key: Key, reply: Option<Reply>) {
        if self.sessions.get(&key).is_some_and(|entry| matches!(entry.reply, State::Awaited(_))) {
            self.answer(now, key, Answered::Now(reply));
        }
    }
}
