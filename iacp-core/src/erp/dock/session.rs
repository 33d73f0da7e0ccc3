//! A session as a record, written where it is sealed, and read into the memory of the host that goes on with it.

use core::net::SocketAddr;

use iacp_wire::Locator;
use zerocopy::{FromBytes, IntoBytes};
use zeroize::Zeroize;

use super::records::{NONE, SessionHead, SessionRecord, TakenFrame, Waiting, logged_length};
use crate::crypto::Secret32;
use crate::erp::resume::Line;
use crate::pss::{Ahead, Capabilities, Heard, KeyState, Moving, Role, Sent, Terms, continuity};

/// What an LL-Entity keeps of a session beside the machine: items, and what its agent wants.
pub(crate) struct Beside {
    pub(crate) line: Option<Line>,
    /// The next item that the agent may send.
    pub(crate) next_item: u64,
    /// The lowest item of the peer's that is not safe with the agent, and which above it are.
    pub(crate) not_safe: u64,
    pub(crate) items: [u8; 32],
    pub(crate) unannounced: bool,
    /// The agent's wish to close, behind what waits.
    pub(crate) close: Option<u16>,
    pub(crate) peer_generation: u64,
}

/// The length of the record of a session with these frames and this waiting content.
pub(crate) fn session_len<'f>(
    logged: impl Iterator<Item = (&'f [u8], bool)>,
    ahead: usize,
    waiting: (usize, usize),
) -> usize {
    let log: usize = logged.map(|(frame, _)| frame.len().saturating_add(2)).sum();
    let waits = waiting.0.saturating_mul(4).saturating_add(waiting.1);
    SessionHead::LEN.saturating_add(log).saturating_add(ahead.saturating_mul(TakenFrame::LEN)).saturating_add(waits)
}

/// Writes the record; `out` is as long as it. `None` if that is not so.
pub(crate) fn write_session<'f, 'w>(
    moving: &Moving,
    beside: &Beside,
    logged: impl Iterator<Item = (&'f [u8], bool)>,
    ahead: impl Iterator<Item = Ahead>,
    waiting: impl Iterator<Item = Waiting<'w>>,
    out: &mut [u8],
) -> Option<()> {
    let (head, mut rest) = SessionHead::mut_from_prefix(out).ok()?;
    let (mut frames, mut taken, mut waits) = (0_u16, 0_u16, 0_u16);
    for (frame, content) in logged {
        put(&mut rest, &logged_length(frame, content)?)?;
        put(&mut rest, frame)?;
        frames = frames.checked_add(1)?;
    }
    for Ahead { sequence, chain, tag } in ahead {
        put(&mut rest, TakenFrame { sequence: sequence.into(), chain, tag }.as_bytes())?;
        taken = taken.checked_add(1)?;
    }
    for Waiting { kind, fin, content } in waiting {
        let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
        put(&mut rest, &[kind.code(), u8::from(fin), high, low])?;
        put(&mut rest, content)?;
        waits = waits.checked_add(1)?;
    }
    fill(head, moving, beside);
    (head.logged, head.taken, head.waiting) = (frames.into(), taken.into(), waits.into());
    rest.is_empty().then_some(())
}

fn put(rest: &mut &mut [u8], bytes: &[u8]) -> Option<()> {
    let (to, behind) = core::mem::take(rest).split_at_mut_checked(bytes.len())?;
    to.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    *rest = behind;
    Some(())
}

fn fill(head: &mut SessionHead, moving: &Moving, beside: &Beside) {
    let Moving { sent, received, terms, .. } = moving;
    head.as_mut_bytes().zeroize();
    (head.peer, head.initiator_cookie, head.responder_cookie) = (moving.peer, moving.cookies.0, moving.cookies.1);
    head.role = match moving.role {
        Role::Initiator => 1,
        Role::Responder => 2,
    };
    head.state = match moving.state {
        continuity::State::AnomalyFlagged => 2,
        continuity::State::Disconnected => 4,
        continuity::State::Reconciling => 5,
        _ => 1,
    };
    let close = moving.wish.or(beside.close);
    for (flag, set) in [
        (SessionHead::HEARD, moving.heard),
        (SessionHead::HOLD, moving.hold),
        (SessionHead::CONTRACT, moving.contract),
        (SessionHead::UNANNOUNCED, beside.unannounced),
        (SessionHead::PEER_ASKED, moving.peer_asked.is_some()),
        (SessionHead::CLOSE_WANTED, close.is_some()),
    ] {
        head.flags |= if set { flag } else { 0 };
    }
    head.capabilities = moving.capabilities.bits().into();
    (head.send_generation, head.send_iv) = (sent.key.generation.into(), sent.key.iv);
    copy(&mut head.send_secret, sent.key.secret.expose());
    (head.send_frames, head.send_echoed) = (sent.key.count.into(), sent.echoed.unwrap_or(NONE).into());
    (head.receive_generation, head.receive_iv) = (received.key.generation.into(), received.key.iv);
    copy(&mut head.receive_secret, received.key.secret.expose());
    head.receive_next = received.leaving.unwrap_or(NONE).into();
    head.line = beside.line.map_or([0; 16], |line| line.0);
    (head.home_ip, head.home_port) = (Locator::from(moving.home.ip()), moving.home.port().into());
    head.disconnected = u32::try_from(moving.disconnected).unwrap_or(u32::MAX).into();
    head.rotation = terms.dgk_rotation.into();
    (head.lifetime, head.window) = (terms.lifetime.into(), terms.receive_window.into());
    head.reason = close.or(moving.peer_asked).unwrap_or(0).into();
    (head.send_initial, head.send_first, head.send_next) = (sent.first.into(), sent.first.into(), sent.next.into());
    (head.send_chain, head.heartbeats) = (sent.chain, sent.heartbeats.into());
    (head.send_fin, head.next_item) = (sent.fin.unwrap_or(NONE).into(), beside.next_item.into());
    (head.receive_initial, head.expected) = (received.first.into(), received.expected.into());
    (head.receive_chain, head.item_not_safe) = (received.chain, beside.not_safe.into());
    (head.not_come, head.newest) = (received.expected.into(), received.newest.into());
    (head.newest_heartbeat, head.failed_opens) = (received.heartbeat.into(), received.key.count.into());
    head.receive_fin = received.fin.unwrap_or(NONE).into();
    (head.peer_generation, head.items) = (beside.peer_generation.into(), beside.items);
}

fn copy(to: &mut [u8; 32], from: &[u8; 32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

fn known(number: zerocopy::network_endian::U64) -> Option<u64> {
    Some(number.get()).filter(|number| *number != NONE)
}

/// What a record says, for the memory that goes on with the session. `None` where its numbers cannot be those of one.
pub(crate) fn moving(record: &SessionRecord<'_>) -> Option<(Moving, Beside)> {
    let head = record.head;
    let flag = |flag| head.flags & flag != 0;
    let secret = |bytes: &[u8; 32]| Secret32::fill(|to| copy(to, bytes));
    let role = if head.role == 1 { Role::Initiator } else { Role::Responder };
    let state = match head.state {
        1 => continuity::State::Established,
        2 => continuity::State::AnomalyFlagged,
        4 => continuity::State::Disconnected,
        _ => continuity::State::Reconciling,
    };
    // What is held and not consumed is forgotten, and the peer sends it again. Without HOLD nothing lies between.
    let hold = flag(SessionHead::HOLD);
    let expected = head.expected.get();
    if !hold && expected != head.not_come.get() {
        return None;
    }
    let reason = head.reason.get();
    let waits = record.waiting().next().is_some();
    let close = flag(SessionHead::CLOSE_WANTED).then_some(reason);
    let moving = Moving {
        peer: head.peer,
        cookies: (head.initiator_cookie, head.responder_cookie),
        role,
        state,
        heard: flag(SessionHead::HEARD),
        hold,
        capabilities: Capabilities::from_bits(head.capabilities.get()),
        home: SocketAddr::new(head.home_ip.into(), head.home_port.get()),
        disconnected: head.disconnected.get().into(),
        contract: flag(SessionHead::CONTRACT),
        terms: Terms {
            dgk_rotation: head.rotation.get(),
            lifetime: head.lifetime.get(),
            receive_window: head.window.get(),
        },
        peer_asked: flag(SessionHead::PEER_ASKED).then_some(reason),
        wish: close.filter(|_| !waits),
        sent: Sent {
            key: KeyState {
                generation: head.send_generation.get(),
                secret: secret(&head.send_secret),
                iv: head.send_iv,
                count: head.send_frames.get(),
            },
            echoed: known(head.send_echoed),
            first: head.send_first.get(),
            next: head.send_next.get(),
            chain: head.send_chain,
            heartbeats: head.heartbeats.get(),
            fin: known(head.send_fin),
        },
        received: Heard {
            key: KeyState {
                generation: head.receive_generation.get(),
                secret: secret(&head.receive_secret),
                iv: head.receive_iv,
                count: head.failed_opens.get(),
            },
            leaving: known(head.receive_next),
            first: head.receive_initial.get(),
            expected,
            chain: head.receive_chain,
            newest: if hold { expected } else { head.newest.get() },
            heartbeat: head.newest_heartbeat.get(),
            fin: known(head.receive_fin).filter(|fin| !hold || *fin < expected),
        },
    };
    let beside = Beside {
        line: record.line(),
        next_item: head.next_item.get(),
        not_safe: head.item_not_safe.get(),
        items: if hold { [0; 32] } else { head.items },
        unannounced: flag(SessionHead::UNANNOUNCED),
        close: close.filter(|_| waits),
        peer_generation: head.peer_generation.get(),
    };
    Some((moving, beside))
}

#[cfg(test)]
mod tests;
