//! The operations of a run, and their four bytes.

/// One operation. Sides are bytes modulo 2, places on the wire modulo its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// This many milliseconds pass: the first times two to the power of the second, modulo 20.
    Wait(u8, u8),
    /// A datagram arrives.
    Deliver(u8),
    /// Datagrams arrive until both ends are quiet.
    Settle,
    /// A datagram is repeated: the copy comes last.
    Copy(u8),
    /// A datagram is lost.
    Lose(u8),
    /// A datagram has one byte changed: which one, at which place, by which bits.
    Change(u8, u8, u8),
    /// A datagram loses its end.
    Cut(u8, u8),
    /// A side sends: side, kind, length.
    Send(u8, u8, u8),
    /// A side has sent everything.
    Finish(u8),
    /// A side ends the session in good order.
    Close(u8),
    /// A side ends the session at once, with a reason.
    Abort(u8, u8),
    /// A side's transport is gone.
    Lost(u8),
    /// A side's transport is back.
    Reconnect(u8),
    /// A side has another address from now on.
    Move(u8),
    /// A side accepts the terms that were proposed last.
    Accept(u8),
    /// A side makes a counter-proposal with this window.
    Counter(u8, u8),
    /// A side opens a session, if it has none that lives.
    Initiate(u8),
    /// A side's responder draws new secrets.
    Renew(u8),
    /// A side renews its sending key as soon as it may.
    RenewKey(u8),
    /// A verified record gives a side the address of the other.
    Claim(u8),
    /// A side's queue was full: what it sent last did not leave.
    NotSent(u8),
}

impl Op {
    /// Any four bytes are an operation.
    #[must_use]
    pub const fn read([code, a, b, c]: [u8; 4]) -> Self {
        match code % 21 {
            0 => Self::Wait(a, b),
            1 => Self::Deliver(a),
            2 => Self::Settle,
            3 => Self::Copy(a),
            4 => Self::Lose(a),
            5 => Self::Change(a, b, c),
            6 => Self::Cut(a, b),
            7 => Self::Send(a, b, c),
            8 => Self::Finish(a),
            9 => Self::Close(a),
            10 => Self::Abort(a, b),
            11 => Self::Lost(a),
            12 => Self::Reconnect(a),
            13 => Self::Move(a),
            14 => Self::Accept(a),
            15 => Self::Counter(a, b),
            16 => Self::Initiate(a),
            17 => Self::Renew(a),
            18 => Self::RenewKey(a),
            19 => Self::Claim(a),
            _ => Self::NotSent(a),
        }
    }

    /// Four bytes that are read as this operation.
    #[must_use]
    pub const fn write(self) -> [u8; 4] {
        match self {
            Self::Wait(a, b) => [0, a, b, 0],
            Self::Deliver(a) => [1, a, 0, 0],
            Self::Settle => [2, 0, 0, 0],
            Self::Copy(a) => [3, a, 0, 0],
            Self::Lose(a) => [4, a, 0, 0],
            Self::Change(a, b, c) => [5, a, b, c],
            Self::Cut(a, b) => [6, a, b, 0],
            Self::Send(a, b, c) => [7, a, b, c],
            Self::Finish(a) => [8, a, 0, 0],
            Self::Close(a) => [9, a, 0, 0],
            Self::Abort(a, b) => [10, a, b, 0],
            Self::Lost(a) => [11, a, 0, 0],
            Self::Reconnect(a) => [12, a, 0, 0],
            Self::Move(a) => [13, a, 0, 0],
            Self::Accept(a) => [14, a, 0, 0],
            Self::Counter(a, b) => [15, a, b, 0],
            Self::Initiate(a) => [16, a, 0, 0],
            Self::Renew(a) => [17, a, 0, 0],
            Self::RenewKey(a) => [18, a, 0, 0],
            Self::Claim(a) => [19, a, 0, 0],
            Self::NotSent(a) => [20, a, 0, 0],
        }
    }
}
