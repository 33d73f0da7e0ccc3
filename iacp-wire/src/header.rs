//! The common header, its flags, and the message-type registry (`IACP §7.1`).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+---------------+-------+-------------------------------+
//! |Version|     Type      | Flags |        Payload Length         |   common header
//! +-------+---------------+-------+-------------------------------+
//! |  Outer Type = 0x00F   | Flags |          Transit-ID           |   Outer Transport Header
//! +-----------------------+-------+-------------------------------+
//! ```
//!
//! The Outer Transport Header has the same bit positions with version 0, so the first byte distinguishes the two. It
//! has no length: its payload runs to the end of the datagram.

use core::fmt;

use crate::error::{ParseError, Reason};
use crate::read::Reader;

/// The protocol version of the common header.
pub const VERSION: u8 = 1;
/// Length of the common header, and of the Outer Transport Header's first word, in bytes.
pub const HEADER_LEN: usize = 4;
/// The longest payload that Payload Length can express, in bytes.
pub const MAX_PAYLOAD: usize = u16::MAX as usize;

/// The four flag bits of a header (`IACP §7.3`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// The responder's cookie follows the header.
    pub const SESSION: Self = Self(0x1);
    /// The sender's last data frame.
    pub const FIN: Self = Self(0x2);

    /// Reads the low four bits. The two reserved ones are kept as received: signatures cover them.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 0xF)
    }

    /// All four bits as received.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The bits that may be sent: reserved ones are zero.
    #[must_use]
    pub const fn sendable(self) -> Self {
        Self(self.0 & 0x3)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of bits together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// The flags that are set by name, reserved ones as a number.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reserved = self.without(self.sendable()).0;
        let mut between = "";
        for (flag, name) in [(Self::SESSION, "SESSION"), (Self::FIN, "FIN")] {
            if self.contains(flag) {
                write!(f, "{between}{name}")?;
                between = ", ";
            }
        }
        match reserved {
            0 if between.is_empty() => f.pad("none"),
            0 => Ok(()),
            bits => write!(f, "{between}{bits:#x}"),
        }
    }
}

macro_rules! registry {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal),* $(,)?) => {
        /// The message types (`IACP §7.1`), and from 0x80 on those that the draft's text needs without a figure.
        ///
        /// ```
        /// use iacp_wire::MessageType;
        ///
        /// assert_eq!(MessageType::from_code(0x08), Some(MessageType::PssInit));
        /// assert_eq!(MessageType::PssInit.to_string(), "PSS_INIT");
        /// ```
        // keeps: IACP-155 (§7.1)
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum MessageType {
            $($(#[$doc])* $variant = $code),*
        }

        impl MessageType {
            /// All types, the draft's first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The type of a code, if it is in the registry.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The code on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The registry's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),*
                }
            }
        }

        impl fmt::Display for MessageType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

registry! {
    /// `IACP Appendix A.1`
    DiscoveryReq = 0x01 "DISCOVERY_REQ",
    /// `IACP Appendix A.2`
    DiscoveryRes = 0x02 "DISCOVERY_RES",
    /// `IACP Appendix A.3`
    AccessTicketReq = 0x03 "ACCESS_TICKET_REQ",
    /// `IACP Appendix A.4`
    AccessTicketRes = 0x04 "ACCESS_TICKET_RES",
    /// `IACP Appendix A.5`
    DhtTicketStore = 0x05 "DHT_TICKET_STORE",
    /// `IACP Appendix A.6`
    DhtTicketQuery = 0x06 "DHT_TICKET_QUERY",
    /// `IACP Appendix A.7`
    DhtTicketResp = 0x07 "DHT_TICKET_RESP",
    /// `IACP Appendix A.8`
    PssInit = 0x08 "PSS_INIT",
    /// `IACP Appendix A.9`
    PssAck = 0x09 "PSS_ACK",
    /// `IACP Appendix A.10`
    PssNeg = 0x0A "PSS_NEG",
    /// `IACP Appendix A.11`
    PssDataStream = 0x0B "PSS_DATA_STREAM",
    /// `IACP Appendix A.12`
    PssTeardown = 0x0C "PSS_TEARDOWN",
    /// `IACP Appendix A.13`
    PssRevocationPublish = 0x0D "PSS_REVOCATION_PUBLISH",
    /// `IACP Appendix A.14`
    ErpDeflect = 0x0E "ERP_DEFLECT",
    /// `IACP Appendix A.15`: the one type without a common header.
    OuterTransport = 0x0F "Outer Transport Header",
    /// `IACP Appendix A.18`
    ErpInit = 0x11 "ERP_INIT",
    /// `IACP Appendix A.16`
    AnmlFallbackQuery = 0x12 "ANML Fallback Query",
    /// `IACP Appendix A.17`
    PssRevocationRebuttal = 0x13 "PSS_REVOCATION_REBUTTAL",
    /// `IACP Appendix A.19`
    ErpAlloc = 0x14 "ERP_ALLOC",
    /// `IACP Appendix A.20`
    ErpRegister = 0x15 "ERP_REGISTER",
    /// `IACP Appendix A.21`
    ErpEvolve = 0x16 "ERP_EVOLVE",
    /// `IACP Appendix A.22`
    MigrationVector = 0x17 "MIGRATION_VECTOR",
    /// `IACP Appendix A.23`
    ProofOfMal = 0x18 "PROOF_OF_MAL",
    /// `IACP §4.2.2.3`
    ErpKeepalive = 0x80 "ERP_KEEPALIVE",
    /// `IACP §4.2.3.4`
    ErpStream = 0x81 "ERP_STREAM",
    /// `IACP §4.2.3.3`: one directory node's confirmation of a registration.
    ErpConfirm = 0x82 "ERP_CONFIRM",
    /// `IACP §5.4.1`: the explicit error payload.
    Error = 0x84 "ERROR",
    /// `IACP §5.3.2`: a request that presents an Access Ticket.
    TicketedRequest = 0x85 "TICKETED_REQUEST",
    /// `IACP §4.2.2.2`: the encapsulation header of the local channel.
    Local = 0x86 "LOCAL",
    /// `IACP §4.2.1.2`: a request of an agent to its LL-Entity.
    AaiRequest = 0x87 "AAI_REQUEST",
    /// `IACP §4.2.1.2`: a notice of an LL-Entity to an agent.
    AaiNotice = 0x88 "AAI_NOTICE",
    /// `IACP §4.2.7.3`: a copy of a frame by another path.
    PathRelay = 0x89 "PATH_RELAY",
    /// `IACP Appendix A.15`: a carrier's token for an Outer Transport Header.
    TransitGrant = 0x8A "TRANSIT_GRANT",
    /// `IACP §5.6`: a host offers to take over an agent's context.
    DockOffer = 0x8B "DOCK_OFFER",
    /// `IACP §4.1.4.3`: between a sandbox and the LL-Entity.
    SandboxStream = 0x8C "SANDBOX_STREAM",
    /// `IACP §5.1`: asks a directory node for records.
    DirGet = 0x90 "DIR_GET",
    /// `IACP §5.1`: a directory node's answer.
    DirAnswer = 0x91 "DIR_ANSWER",
    /// `IACP §5.1`: a record for a directory node to keep.
    DirPut = 0x92 "DIR_PUT",
    /// `IACP §5.1`: a directory node's answer to a DIR_PUT.
    DirReceipt = 0x93 "DIR_RECEIPT",
    /// `IACP §5.3.1`: a request with its proof of work.
    WorkedRequest = 0x94 "WORKED_REQUEST",
    /// `IACP §4.2.7.2`: tells the accused of an accusation.
    PomNotice = 0x95 "POM_NOTICE",
    /// `IACP §5.5.2`: how a directory node ends an escrow.
    PomVote = 0x96 "POM_VOTE",
    /// `IACP §6.2`: an agent joins a hub.
    SpaceJoin = 0x97 "SPACE_JOIN",
    /// `IACP §6.2`: a hub's answer.
    SpaceStatus = 0x98 "SPACE_STATUS",
    /// `IACP §6.2`: a request or an answer that passes through a hub.
    SpaceRelay = 0x99 "SPACE_RELAY",
    /// `IACP §4.1.2`: a resolver's answer to an ANML Fallback Query.
    AnmlFallbackAnswer = 0x9A "ANML_FALLBACK_ANSWER",
}

/// The first word of a datagram.
#[derive(Clone, Copy)]
pub(crate) enum FirstWord {
    Common { code: u8, flags: Flags, payload_length: u16 },
    Outer { flags: Flags, transit_id: u16 },
}

impl FirstWord {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let start = reader.offset();
        let [b0] = reader.array("version")?;
        let version = b0 >> 4;
        if version != VERSION && b0 != 0 {
            return Err(ParseError::new(Reason::Version(version), "version", start));
        }
        let [b1] = reader.array("type")?;
        let code = b0 << 4 | b1 >> 4;
        let flags = Flags::from_bits(b1);
        if version == VERSION {
            let payload_length = u16::from_be_bytes(reader.array("payload_length")?);
            return Ok(Self::Common { code, flags, payload_length });
        }
        // keeps: IACP-156 (§7.2–7.4)
        if code != MessageType::OuterTransport.code() {
            return Err(ParseError::new(Reason::Version(version), "version", start));
        }
        Ok(Self::Outer { flags, transit_id: u16::from_be_bytes(reader.array("transit_id")?) })
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let (b0, b1, tail) = match self {
            Self::Common { code, flags, payload_length } => {
                (VERSION << 4 | code >> 4, code << 4 | flags.bits(), payload_length)
            }
            Self::Outer { flags, transit_id } => {
                (0, MessageType::OuterTransport.code() << 4 | flags.bits(), transit_id)
            }
        };
        let [high, low] = tail.to_be_bytes();
        [b0, b1, high, low]
    }
}
