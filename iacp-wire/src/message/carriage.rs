//! Messages beside the draft's figures: PATH_RELAY, TRANSIT_GRANT, DOCK_OFFER and SANDBOX_STREAM, 0x89 to 0x8C.

use zerocopy::network_endian::{U16, U32, U64};

use crate::field::{Digest, Eid, Locator, RefusedDigest, Signature, TransitToken, X25519Key};
use crate::figure::figure;

figure! {
    /// `PATH_RELAY`, 0x89 (`IACP §4.2.7.3`): a copy of a frame by way of another node; the inner frame follows.
    ///
    /// ```text
    /// +---------------+-----------------------------------------------+
    /// |   Path [1]    |                  Reserved [3]                 |
    /// +---------------+-----------------------------------------------+
    /// |                          Inner frame …                        |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`Message`](crate::Message).
    PathRelay = 4 {
        /// 2 or 3; the direct path is 1. It is the sender's statement, which proves nothing.
        path: u8,
        /// Zero when sent, ignored when received.
        reserved: [u8; 3],
    }
}

figure! {
    /// `TRANSIT_GRANT`, 0x8A: the answer of a carrier to an Outer Transport Header without a token of that carrier
    /// (`IACP Appendix A.15`).
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// |        Transit-ID [2]         |          Reserved [2]         |
    /// +-------------------------------+-------------------------------+
    /// |                    Lifetime, in seconds [4]                   |
    /// +---------------------------------------------------------------+
    /// |                     IP_Transit_Token [32]                     |
    /// +---------------------------------------------------------------+
    /// |                      Destination IP [16]                      |
    /// +---------------------------------------------------------------+
    /// |                        Observed IP [16]                       |
    /// +-------------------------------+-------------------------------+
    /// |       Observed port [2]       |          Reserved [2]         |
    /// +-------------------------------+-------------------------------+
    /// |    First 8 bytes of SHA-256 of the datagram it answers [8]    |
    /// +---------------------------------------------------------------+
    /// |                       Carrier's LII [32]                      |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`OuterTransport`](crate::message::OuterTransport).
    TransitGrant = 116 {
        /// The Transit-ID for the first word of the Outer Transport Header from now on.
        granted_transit_id: U16,
        /// Zero when sent, ignored when received.
        reserved: [u8; 2],
        /// How long the token is certainly accepted, in seconds.
        lifetime: U32,
        /// The token that the carrier requires.
        ip_transit_token: TransitToken,
        /// The destination to which it carries with this token.
        destination_ip: Locator,
        /// The source address of the datagram that this answers.
        observed_ip: Locator,
        /// Its port.
        observed_port: U16,
        /// Zero when sent, ignored when received.
        reserved_port: [u8; 2],
        /// Which datagram this answers.
        answered_digest: RefusedDigest,
        /// The carrier that grants.
        carrier_instance_identifier: Eid,
    }
}

figure! {
    /// `DOCK_OFFER`, 0x8B (`IACP §5.6`): a host offers to take over an agent's context.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Importer's LII [32]                      |
    /// +---------------------------------------------------------------+
    /// |                      Exporter's LII [32]                      |
    /// +---------------------------------------------------------------+
    /// |                            EID [32]                           |
    /// +---------------------------------------------------------------+
    /// |                       Importer's IP [16]                      |
    /// +-------------------------------+-------------------------------+
    /// |      Importer's port [2]      |          Reserved [2]         |
    /// +-------------------------------+-------------------------------+
    /// |                  Ephemeral X25519 key [32]                    |
    /// +---------------------------------------------------------------+
    /// |             Expiry, in milliseconds since 1970 [8]            |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The exporter takes an offer that names it and is not too late.
    ///
    /// ```
    /// use core::net::IpAddr;
    ///
    /// use iacp_wire::message::DockOffer;
    /// use iacp_wire::{Eid, Locator, Signature, X25519Key};
    /// use zerocopy::network_endian::{U16, U64};
    ///
    /// let offer = DockOffer {
    ///     importer_instance_identifier: Eid([1; 32]),
    ///     exporter_instance_identifier: Eid([2; 32]),
    ///     eid: Eid([3; 32]),
    ///     importer_ip: Locator::from(IpAddr::from([192, 0, 2, 1])),
    ///     importer_port: U16::new(4227),
    ///     reserved: [0; 2],
    ///     ephemeral_key: X25519Key([4; 32]),
    ///     expiry: U64::new(1_790_000_060_000),
    ///     signature: Signature::ZERO,
    /// };
    /// let is_for = |lii: Eid, now: u64| offer.exporter_instance_identifier == lii && now < offer.expiry.get();
    /// assert!(is_for(Eid([2; 32]), 1_790_000_000_000));
    /// assert!(!is_for(Eid([2; 32]), 1_790_000_060_000));
    /// assert!(!is_for(Eid([9; 32]), 1_790_000_000_000));
    /// ```
    DockOffer = 220 {
        /// The host that takes over.
        importer_instance_identifier: Eid,
        /// The host that hands over; no other host accepts the offer.
        exporter_instance_identifier: Eid,
        /// The agent that moves.
        eid: Eid,
        /// The address to which it will be bound.
        importer_ip: Locator,
        /// The port there.
        importer_port: U16,
        /// Zero when sent, ignored when received.
        reserved: [u8; 2],
        /// The context is sealed to this key; its private half is used for one blob only.
        ephemeral_key: X25519Key,
        /// Not taken from then on.
        expiry: U64,
        /// Signed by the importer's LL-Entity Instance Key.
        signature: Signature,
    }
}

figure! {
    /// `SANDBOX_STREAM`, 0x8C (`IACP §4.1.4.3`): between a sandbox and the LL-Entity; the bytes follow. It contains
    /// nothing else about the agent.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |          Ephemeral Session Derivative EID (ESD-EID) [32]      |
    /// +---------------------------------------------------------------+
    /// |                           Stream [4]                          |
    /// +-------------------------------+-------------------------------+
    /// |           Flags [2]           |          Reserved [2]         |
    /// +-------------------------------+-------------------------------+
    /// |                             Bytes …                           |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The first frame of a stream contains the URL.
    ///
    /// ```
    /// use iacp_wire::message::SandboxStream;
    /// use iacp_wire::{Digest, Frame, Message};
    /// use zerocopy::network_endian::{U16, U32};
    ///
    /// let head = SandboxStream {
    ///     esd_eid: Digest([1; 32]),
    ///     stream: U32::new(1),
    ///     stream_flags: U16::new(SandboxStream::OPENS),
    ///     reserved: [0; 2],
    /// };
    /// let mut buffer = [0; 128];
    /// let opened = Message::SandboxStream { head: &head, bytes: b"https://example.org/" };
    /// let length = Frame::new(opened).write(&mut buffer)?;
    /// let Message::SandboxStream { head, bytes } = Frame::parse(&buffer[..length])?.message else {
    ///     return Err("a stream".into());
    /// };
    /// let flags = head.stream_flags.get();
    /// let url = (flags & SandboxStream::OPENS != 0).then(|| std::str::from_utf8(bytes)).transpose()?;
    /// assert_eq!(url, Some("https://example.org/"));
    /// assert_eq!(flags & SandboxStream::ENDS, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    SandboxStream = 40 {
        /// The derivative that stands for the agent.
        esd_eid: Digest,
        /// Which of the sandbox's streams.
        stream: U32,
        /// See [`SandboxStream::OPENS`] and [`SandboxStream::ENDS`].
        stream_flags: U16,
        /// Zero when sent, ignored when received.
        reserved: [u8; 2],
    }
}

impl SandboxStream {
    /// The stream opens: the bytes are a URL.
    pub const OPENS: u16 = 0x1;
    /// The stream ends with these bytes.
    pub const ENDS: u16 = 0x2;
}
