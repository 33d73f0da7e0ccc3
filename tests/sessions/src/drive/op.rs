//! Operations, of four bytes each.

/// How many requests there are: the ops of AAI_REQUEST are 1 to this one.
pub const REQUESTS: u16 = 25;
/// How many operations there are.
const CODES: u8 = 49;

/// One operation. `who` is a host modulo 3 and, above that, one of its agents; other bytes are taken modulo what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// So many milliseconds pass: the first times two to the power of the second, modulo 12.
    Wait(u8, u8),
    /// An agent asks for something: AAI_REQUEST with this op, whose arguments come of two bytes.
    Ask {
        /// 1 to 25.
        op: u16,
        /// The agent.
        who: u8,
        /// What the session, the peer or the kind comes of.
        b: u8,
        /// What the rest comes of.
        c: u8,
    },
    /// A host is at another address from now on.
    Move(u8, u8),
    /// A node falls silent, or answers again; or alters what it relays.
    Node(u8, u8),
    /// A host has verified an accusation against an agent.
    Challenge(u8, u8),
    /// The accusation does not hold.
    Clear(u8, u8),
    /// The directory's verdict about an agent: admit, throttle, drop.
    Standing(u8, u8),
    /// A throttled agent's sessions go by three paths.
    Degrade(u8, u8),
    /// An agent moves to another host; the third byte says whether something goes wrong on the way.
    Dock(u8, u8, u8),
    /// A host notices that its memory is a copy.
    Renew(u8),
    /// An agent's software changes, and its root key vouches for it, or not.
    Evolve(u8, u8),
    /// An agent shows that it lives, by another channel.
    Keepalive(u8, u8),
    /// What is lost, and what comes twice.
    Weather(u8, u8),
    /// A datagram of before comes again: which one, and which of its bits is changed; or where it ends.
    Again(u8, u8, u8),
    /// A frame of nonsense by a local channel.
    Noise(u8, u8, u8),
    /// A node tells of an accusation.
    Notice(u8, u8),
    /// Nothing from one host arrives at another, or everything again.
    Cut(u8, u8),
    /// Another agent comes by a channel.
    Init(u8, u8),
    /// The host gives an agent another EID.
    Rotate(u8, u8),
    /// The nodes know the EID of a host of the web.
    Mapping(u8),
    /// Agents are silent for a while.
    Silence(u8),
    /// A host's storage is stuck, or works again.
    Storage(u8),
    /// An agent's guess at another one's token.
    Guess(u8, u8),
}

impl Op {
    /// Any four bytes are an operation.
    #[must_use]
    pub const fn read([code, a, b, c]: [u8; 4]) -> Self {
        match code % CODES {
            0 => Self::Wait(a, b),
            op @ 1..=25 => Self::Ask { op: op as u16, who: a, b, c },
            26 => Self::Move(a, b),
            27 => Self::Node(a, b),
            28 => Self::Challenge(a, b),
            29 => Self::Clear(a, b),
            30 => Self::Standing(a, b),
            31 => Self::Degrade(a, b),
            32 | 33 => Self::Dock(a, b, c),
            34 => Self::Renew(a),
            35 => Self::Evolve(a, b),
            36 => Self::Keepalive(a, b),
            37 => Self::Weather(a, b),
            38..=40 => Self::Again(a, b, c),
            41 => Self::Noise(a, b, c),
            42 => Self::Notice(a, b),
            43 => Self::Cut(a, b),
            44 => Self::Init(a, b),
            45 => Self::Rotate(a, b),
            46 => Self::Mapping(a),
            47 => Self::Silence(a),
            _ if a & 1 == 0 => Self::Storage(a >> 1),
            _ => Self::Guess(a >> 1, b),
        }
    }

    /// Four bytes that are read as this operation.
    #[must_use]
    pub const fn write(self) -> [u8; 4] {
        match self {
            Self::Wait(a, b) => [0, a, b, 0],
            Self::Ask { op, who, b, c } => [(op % (REQUESTS + 1)) as u8, who, b, c],
            Self::Move(a, b) => [26, a, b, 0],
            Self::Node(a, b) => [27, a, b, 0],
            Self::Challenge(a, b) => [28, a, b, 0],
            Self::Clear(a, b) => [29, a, b, 0],
            Self::Standing(a, b) => [30, a, b, 0],
            Self::Degrade(a, b) => [31, a, b, 0],
            Self::Dock(a, b, c) => [32, a, b, c],
            Self::Renew(a) => [34, a, 0, 0],
            Self::Evolve(a, b) => [35, a, b, 0],
            Self::Keepalive(a, b) => [36, a, b, 0],
            Self::Weather(a, b) => [37, a, b, 0],
            Self::Again(a, b, c) => [38, a, b, c],
            Self::Noise(a, b, c) => [41, a, b, c],
            Self::Notice(a, b) => [42, a, b, 0],
            Self::Cut(a, b) => [43, a, b, 0],
            Self::Init(a, b) => [44, a, b, 0],
            Self::Rotate(a, b) => [45, a, b, 0],
            Self::Mapping(a) => [46, a, 0, 0],
            Self::Silence(a) => [47, a, 0, 0],
            Self::Storage(a) => [48, a << 1, 0, 0],
            Self::Guess(a, b) => [48, a << 1 | 1, b, 0],
        }
    }
}
