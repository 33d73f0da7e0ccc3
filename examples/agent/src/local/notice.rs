//! What an LL-Entity tells its agent, as the agent reads it (AAI_NOTICE, PROFILE 23.4).

use iacp_core::erp::local::LocalStatus;
use iacp_wire::{Eid, Frame, Message};

/// A notice, and the session that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub session: u64,
    pub what: What,
}

/// What a notice says, as far as this program asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Result {
        request: u32,
        status: Result<(), Status>,
        /// Of ENDPOINT.
        coordinate: Option<[u8; 32]>,
    },
    State {
        unbound: bool,
    },
    Opened {
        peer: Eid,
        /// It goes on from an earlier one, or from another host.
        resumed: bool,
        capabilities: u32,
        /// Its name, with RESUME.
        line: [u8; 16],
        first_to_send: u64,
        first_to_come: u64,
    },
    Proposed,
    /// A contract is effective.
    Contract,
    /// The peer has granted something of this endpoint, or taken it back (0).
    Granted {
        coordinate: [u8; 32],
        rights: u16,
        tag: Vec<u8>,
    },
    Value {
        coordinate: [u8; 32],
        version: u64,
        value: Vec<u8>,
    },
    /// The peer is silent.
    Disconnected,
    /// The endpoint has ended.
    Gone {
        coordinate: [u8; 32],
    },
    Data {
        sequence: u64,
        /// With RESUME.
        item: u64,
        content: Vec<u8>,
    },
    Delivered {
        item: u64,
    },
    Room,
    Finished {
        sequence: u64,
    },
    CloseRequested,
    Closed {
        closure: u8,
        reason: u16,
    },
    /// Any other.
    Other,
}

/// A status of RESULT; one that this program does not know is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Known(LocalStatus),
    Unknown(u16),
}

/// Numbers, taken from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

impl Notice {
    /// Reads a frame from the LL-Entity to the agent with this EID; `None` if it is none, or for another agent.
    pub fn parse(frame: &[u8], own: &Eid) -> Option<Self> {
        let Message::Local { head, inner } = Frame::parse(frame).ok()?.message else { return None };
        if head.eid != *own {
            return None;
        }
        let Message::AaiNotice { head, content } = Frame::parse(inner).ok()?.message else { return None };
        let mut fields = Fields(content);
        let what = match head.notice.get() {
            1 => {
                let status = match head.result_status.get() {
                    0 => Ok(()),
                    code => Err(LocalStatus::from_code(code).map_or(Status::Unknown(code), Status::Known)),
                };
                What::Result { request: head.request.get(), status, coordinate: fields.take() }
            }
            2 => What::State { unbound: fields.take::<1>()? == [0] },
            3 => {
                let (peer, [_role, outcome, ..]) = (Eid(fields.take()?), fields.take::<4>()?);
                let (capabilities, line) = (u32::from_be_bytes(fields.take()?), fields.take()?);
                let (resumed, first_to_send, first_to_come) = (outcome == 1, fields.u64()?, fields.u64()?);
                What::Opened { peer, resumed, capabilities, line, first_to_send, first_to_come }
            }
            4 => What::Proposed,
            5 => What::Contract,
            6 => {
                let (sequence, item) = (fields.u64()?, fields.u64()?);
                What::Data { sequence, item, content: fields.0.to_vec() }
            }
            7 => What::Delivered { item: fields.u64()? },
            8 => What::Room,
            9 => What::Finished { sequence: fields.u64()? },
            10 => What::CloseRequested,
            11 => {
                let [closure, _truncated] = fields.take()?;
                What::Closed { closure, reason: fields.u16()? }
            }
            12 => {
                let (coordinate, version) = (fields.take()?, fields.u64()?);
                What::Value { coordinate, version, value: fields.0.to_vec() }
            }
            13 => What::Gone { coordinate: fields.take()? },
            16 if fields.take() == Some([1]) => What::Disconnected,
            14 => {
                let (coordinate, rights, _reserved, _seconds) =
                    (fields.take()?, fields.u16()?, fields.take::<2>()?, fields.take::<4>()?);
                What::Granted { coordinate, rights, tag: fields.0.to_vec() }
            }
            _ => What::Other,
        };
        Some(Self { session: head.session.get(), what })
    }
}

/// How a session ended, in words.
pub fn ending(closure: u8, reason: u16) -> String {
    match closure {
        1 => "in good order".into(),
        2 => format!("by force, by us (reason {reason})"),
        3 => format!("by force, by the peer (reason {reason})"),
        4 => "the request for teardown got no answer".into(),
        5 => "no authentic answer: nothing listens there, or it is another EID's place".into(),
        6 => "the peer contradicts itself in the handshake or the negotiation".into(),
        7 => "SESSION_COMPROMISED: the peer broke the protocol".into(),
        8 => "the peer went silent and did not come back".into(),
        9 => "a key has done as much as it may".into(),
        10 => "the peer's own session takes its place".into(),
        other => format!("closure {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: LOCAL with EID 01… and a zero token around an AAI_NOTICE with Session 2 << 32 | 3.
    fn frame(notice: u16, status: u16, content: &[u8]) -> Vec<u8> {
        let inner = [
            &[0x18, 0x80][..],
            &u16::try_from(16 + content.len()).expect("short").to_be_bytes(),
            &notice.to_be_bytes(),
            &status.to_be_bytes(),
            &7_u32.to_be_bytes(),
            &0x2_0000_0003_u64.to_be_bytes(),
            content,
        ]
        .concat();
        let payload = u16::try_from(64 + inner.len()).expect("short").to_be_bytes();
        [&[0x18, 0x60][..], &payload, &[1; 32], &[0; 32], &inner].concat()
    }

    fn read(notice: u16, status: u16, content: &[u8]) -> Option<What> {
        let read = Notice::parse(&frame(notice, status, content), &Eid([1; 32]))?;
        assert_eq!(read.session, 0x2_0000_0003);
        Some(read.what)
    }

    #[test]
    fn notices_are_read_as_the_profile_has_them() {
        assert_eq!(read(1, 0, &[]), Some(What::Result { request: 7, status: Ok(()), coordinate: None }));
        let full = Err(Status::Known(LocalStatus::Full));
        assert_eq!(read(1, 34, &[]), Some(What::Result { request: 7, status: full, coordinate: None }));
        let unknown = Err(Status::Unknown(999));
        assert_eq!(read(1, 999, &[]), Some(What::Result { request: 7, status: unknown, coordinate: None }));
        assert_eq!(read(2, 0, &[[0; 12]].concat()), Some(What::State { unbound: true }));
        let opened = [&[9; 32][..], &[1, 0, 0, 0], &[0, 0, 0, 9], &[7; 16], &5_u64.to_be_bytes(), &6_u64.to_be_bytes()];
        let (peer, line) = (Eid([9; 32]), [7; 16]);
        let expected =
            |resumed| Some(What::Opened { peer, resumed, capabilities: 9, line, first_to_send: 5, first_to_come: 6 });
        assert_eq!(read(3, 0, &opened.concat()), expected(false));
        let mut again = opened.concat();
        again[33] = 1;
        assert_eq!(read(3, 0, &again), expected(true));
        let data = [&8_u64.to_be_bytes()[..], &[0xff; 8], b"content"].concat();
        assert_eq!(read(6, 0, &data), Some(What::Data { sequence: 8, item: u64::MAX, content: b"content".to_vec() }));
        assert_eq!(read(11, 0, &[3, 1, 0, 7, 0, 0, 0, 0]), Some(What::Closed { closure: 3, reason: 7 }));
        let made = What::Result { request: 7, status: Ok(()), coordinate: Some([4; 32]) };
        assert_eq!(read(1, 0, &[4; 32]), Some(made));
        let value = [&[5; 32][..], &9_u64.to_be_bytes(), b"open"].concat();
        let expected = What::Value { coordinate: [5; 32], version: 9, value: b"open".to_vec() };
        assert_eq!(read(12, 0, &value), Some(expected));
        assert_eq!(read(13, 0, &[6; 32]), Some(What::Gone { coordinate: [6; 32] }));
        let granted = [&[7; 32][..], &3_u16.to_be_bytes(), &[0; 2], &60_u32.to_be_bytes(), b"door"].concat();
        let expected = What::Granted { coordinate: [7; 32], rights: 3, tag: b"door".to_vec() };
        assert_eq!(read(14, 0, &granted), Some(expected));
        assert_eq!(read(99, 0, &[]), Some(What::Other));
    }

    #[test]
    fn what_is_cut_or_for_another_agent_is_none() {
        for (notice, length) in [(2, 0), (3, 67), (6, 15), (7, 7), (9, 7), (11, 3), (12, 39), (13, 31), (14, 39)] {
            assert_eq!(read(notice, 0, &vec![1; length]), None, "notice {notice} of {length} bytes");
        }
        assert_eq!(Notice::parse(&frame(8, 0, &[]), &Eid([2; 32])), None);
        assert_eq!(Notice::parse(b"noise", &Eid([1; 32])), None);
    }
}
