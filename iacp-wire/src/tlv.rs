//! Type-Length-Values, which may follow a fixed-size body (`IACP §7.2`).
//!
//! ```text
//! +---------------+---------------+- - - - - - - -
//! |     Type      |    Length     |  Value …
//! +---------------+---------------+- - - - - - - -
//! ```
//!
//! Length counts the value. Unknown types are skipped; a known one that is repeated or mis-sized is an error.

use core::fmt;
use core::net::IpAddr;

use zerocopy::FromBytes;

use crate::error::{ParseError, Reason, WriteError};
use crate::field::{Digest, Eid, Locator, X25519Key};
use crate::figure::figure;
use crate::put::put;
use crate::read::Reader;

/// One Type-Length-Value.
///
/// An example is at [`TlvWriter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// The type.
    pub code: u8,
    /// The value.
    pub value: &'a [u8],
}

/// The TLV types that this crate understands.
///
/// An example is at [`TlvWriter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KnownTlv {
    /// 0x17, or 0x0C in the registry's older spelling (`IACP §7.2`, `IACP Appendix A.22`).
    MigrationVector,
    /// 0x80: an ephemeral X25519 public key.
    KeyShare,
    /// 0x81: an agent's identity root key.
    Airk,
    /// 0x82: SHA-256 of an agent's application, in ERP_INIT and ERP_KEEPALIVE.
    AppDigest,
    /// 0x90: the Forwarding Ticket for which a DHT_TICKET_QUERY asks, by the first four bytes of its nonce.
    TicketIv,
    /// 0x91: ties a PSS_INIT to the discovery request to which it belongs.
    DiscoveryProof,
}

impl KnownTlv {
    /// The meaning of a code, if it has one here.
    // keeps: IACP-156 (§7.2–7.4)
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x0C | 0x17 => Some(Self::MigrationVector),
            0x80 => Some(Self::KeyShare),
            0x81 => Some(Self::Airk),
            0x82 => Some(Self::AppDigest),
            0x90 => Some(Self::TicketIv),
            0x91 => Some(Self::DiscoveryProof),
            _ => None,
        }
    }

    /// The code to send.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::MigrationVector => 0x17,
            Self::KeyShare => 0x80,
            Self::Airk => 0x81,
            Self::AppDigest => 0x82,
            Self::TicketIv => 0x90,
            Self::DiscoveryProof => 0x91,
        }
    }

    /// The registry's name; for codes that the registry does not have, ours.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MigrationVector => "MIGRATION_VECTOR",
            Self::KeyShare => "KEY_SHARE",
            Self::Airk => "AIRK",
            Self::AppDigest => "APP_DIGEST",
            Self::TicketIv => "TICKET_IV",
            Self::DiscoveryProof => "DISCOVERY_PROOF",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::MigrationVector => 1,
            Self::KeyShare => 2,
            Self::Airk => 4,
            Self::AppDigest => 8,
            Self::TicketIv => 16,
            Self::DiscoveryProof => 32,
        }
    }

    /// The one length of the value; the MIGRATION_VECTOR has two.
    const fn length(self) -> Option<usize> {
        match self {
            Self::MigrationVector => None,
            Self::KeyShare | Self::Airk | Self::AppDigest => Some(32),
            Self::TicketIv => Some(4),
            Self::DiscoveryProof => Some(16),
        }
    }
}

impl fmt::Display for KnownTlv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

figure! {
    /// The value of a MIGRATION_VECTOR for IPv4 (`IACP Appendix A.22`).
    ///
    /// ```text
    /// +---------------+---------------+---------------+---------------+
    /// |TLV Type (0x17)|  TLV Length   |  IP Version   |   Reserved    |
    /// +---------------+---------------+---------------+---------------+
    /// |                     Previous_Transport_IP                     |
    /// +---------------------------------------------------------------+
    /// |                     Current_Transport_IP                      |
    /// +---------------------------------------------------------------+
    /// |                   Migration_Nonce [8 bytes]                   |
    /// +---------------------------------------------------------------+
    /// ```
    MigrationValueV4 = 18 {
        /// 4.
        ip_version: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
        /// Where the agent was.
        previous_transport_ip: [u8; 4],
        /// Where the agent is.
        current_transport_ip: [u8; 4],
        /// Random, unsigned, informative.
        migration_nonce: [u8; 8],
    }
}

figure! {
    /// The value of a MIGRATION_VECTOR for IPv6: the figure above with longer addresses.
    MigrationValueV6 = 42 {
        /// 6.
        ip_version: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
        /// Where the agent was.
        previous_transport_ip: [u8; 16],
        /// Where the agent is.
        current_transport_ip: [u8; 16],
        /// Random, unsigned, informative.
        migration_nonce: [u8; 8],
    }
}

/// A MIGRATION_VECTOR TLV of either IP version.
///
/// Addresses of two versions are both written as IPv6. [`TlvWriter`] has an example with IPv4.
///
/// ```
/// use core::net::{Ipv4Addr, Ipv6Addr};
///
/// use iacp_wire::{KnownTlv, MigrationValueV6, MigrationVectorTlv, TlvWriter};
///
/// let (previous, current) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::LOCALHOST.into());
/// let code = KnownTlv::MigrationVector.code();
/// let mut buffer = [0; 64];
/// let mut writer = TlvWriter::new(&mut buffer);
/// writer.migration_vector(&MigrationVectorTlv { code, previous, current, nonce: [7; 8] })?;
/// assert_eq!(writer.finish()?.as_bytes().len(), 2 + MigrationValueV6::LEN);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationVectorTlv {
    /// The code with which it came: 0x17 or 0x0C.
    pub code: u8,
    /// Where the agent was.
    pub previous: IpAddr,
    /// Where the agent is.
    pub current: IpAddr,
    /// Random, unsigned, informative.
    pub nonce: [u8; 8],
}

impl MigrationVectorTlv {
    fn read(tlv: Tlv<'_>) -> Result<Self, Reason> {
        let wrong_size = Reason::TlvSize(tlv.code);
        match tlv.value.first() {
            Some(4) => {
                let v4 = MigrationValueV4::ref_from_bytes(tlv.value).map_err(|_| wrong_size)?;
                Ok(Self {
                    code: tlv.code,
                    previous: IpAddr::from(v4.previous_transport_ip),
                    current: IpAddr::from(v4.current_transport_ip),
                    nonce: v4.migration_nonce,
                })
            }
            Some(6) => {
                let v6 = MigrationValueV6::ref_from_bytes(tlv.value).map_err(|_| wrong_size)?;
                Ok(Self {
                    code: tlv.code,
                    previous: IpAddr::from(v6.previous_transport_ip),
                    current: IpAddr::from(v6.current_transport_ip),
                    nonce: v6.migration_nonce,
                })
            }
            Some(version) => Err(Reason::IpVersion(*version)),
            None => Err(wrong_size),
        }
    }

    /// The current address as the wire's locator.
    #[must_use]
    pub fn current_locator(&self) -> Locator {
        self.current.into()
    }
}

/// The TLVs of a frame. All known ones have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// No TLV.
    pub const NONE: Self = Self(&[]);

    /// Checks a sequence of TLVs. Offsets in errors count from its first byte.
    ///
    /// # Errors
    /// A TLV overruns the bytes, or a known one is repeated or mis-sized.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::read(&mut Reader::new(bytes, 0))
    }

    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let all = *reader;
        let mut seen = 0;
        while reader.remaining() > 0 {
            let at = reader.offset();
            let error = |reason| ParseError::new(reason, "tlv", at);
            let [code] = reader.array("tlv")?;
            let overrun = |_| error(Reason::TlvOverrun(code));
            let [length] = reader.array("tlv").map_err(overrun)?;
            let value = reader.take(usize::from(length), "tlv").map_err(overrun)?;
            let Some(known) = KnownTlv::from_code(code) else { continue };
            if seen & known.bit() != 0 {
                return Err(error(Reason::TlvRepeated(code)));
            }
            seen |= known.bit();
            match known.length() {
                None => {
                    MigrationVectorTlv::read(Tlv { code, value }).map_err(error)?;
                }
                Some(length) if length != value.len() => return Err(error(Reason::TlvSize(code))),
                Some(_) => {}
            }
        }
        let mut all = all;
        Ok(Self(all.rest()))
    }

    /// The bytes as in the frame.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// All TLVs in wire order, unknown ones included.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (&[code, length], after) = rest.split_first_chunk()?;
            let (value, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(Tlv { code, value })
        })
    }

    fn known(&self, known: KnownTlv) -> Option<Tlv<'a>> {
        self.iter().find(|tlv| KnownTlv::from_code(tlv.code) == Some(known))
    }

    /// The KEY_SHARE, if there is one.
    #[must_use]
    pub fn key_share(&self) -> Option<&'a X25519Key> {
        X25519Key::ref_from_bytes(self.known(KnownTlv::KeyShare)?.value).ok()
    }

    /// The AIRK, if there is one.
    #[must_use]
    pub fn airk(&self) -> Option<&'a Eid> {
        Eid::ref_from_bytes(self.known(KnownTlv::Airk)?.value).ok()
    }

    /// The APP_DIGEST, if there is one.
    #[must_use]
    pub fn app_digest(&self) -> Option<&'a Digest> {
        Digest::ref_from_bytes(self.known(KnownTlv::AppDigest)?.value).ok()
    }

    /// The TICKET_IV, if there is one.
    #[must_use]
    pub fn ticket_iv(&self) -> Option<&'a [u8; 4]> {
        self.known(KnownTlv::TicketIv)?.value.first_chunk()
    }

    /// The DISCOVERY_PROOF, if there is one.
    #[must_use]
    pub fn discovery_proof(&self) -> Option<&'a [u8; 16]> {
        self.known(KnownTlv::DiscoveryProof)?.value.first_chunk()
    }

    /// The MIGRATION_VECTOR, if there is one.
    #[must_use]
    pub fn migration_vector(&self) -> Option<MigrationVectorTlv> {
        MigrationVectorTlv::read(self.known(KnownTlv::MigrationVector)?).ok()
    }
}

/// Writes TLVs one after the other into the caller's buffer.
///
/// An agent that moved says so in a MIGRATION_VECTOR, and a receiver skips TLVs that it does not know.
///
/// ```
/// use core::net::{IpAddr, Ipv4Addr};
///
/// use iacp_wire::{KnownTlv, MigrationValueV4, MigrationVectorTlv, Tlv, TlvWriter, Tlvs};
///
/// let home = |last| IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
/// let code = KnownTlv::MigrationVector.code();
/// let moved = MigrationVectorTlv { code, previous: home(1), current: home(2), nonce: [7; 8] };
/// let mut buffer = [0; 64];
/// let mut writer = TlvWriter::new(&mut buffer);
/// writer.migration_vector(&moved)?;
/// writer.push(Tlv { code: 0xEE, value: b"of a later version" })?;
///
/// let bytes = writer.finish()?.as_bytes();
/// assert_eq!(usize::from(bytes[1]), MigrationValueV4::LEN);
/// let read = Tlvs::parse(bytes)?;
/// assert_eq!(read.migration_vector(), Some(moved));
/// assert_eq!(read.iter().filter(|tlv| KnownTlv::from_code(tlv.code).is_none()).count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TlvWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl<'b> TlvWriter<'b> {
    /// Starts at the front of the buffer.
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Appends one TLV of any type.
    ///
    /// # Errors
    /// The value is longer than 255 bytes, or the buffer is too small.
    pub fn push(&mut self, tlv: Tlv<'_>) -> Result<(), WriteError> {
        let length = u8::try_from(tlv.value.len()).map_err(|_| WriteError::TooLong)?;
        let needed = self.length.saturating_add(2).saturating_add(tlv.value.len());
        self.buffer
            .get_mut(self.length..needed)
            .and_then(|room| put(room, &[tlv.code, length]))
            .and_then(|room| put(room, tlv.value))
            .ok_or(WriteError::TooSmall { needed })?;
        self.length = needed;
        Ok(())
    }

    /// Appends a KEY_SHARE.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn key_share(&mut self, key: &X25519Key) -> Result<(), WriteError> {
        self.push(Tlv { code: KnownTlv::KeyShare.code(), value: &key.0 })
    }

    /// Appends an AIRK.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn airk(&mut self, key: &Eid) -> Result<(), WriteError> {
        self.push(Tlv { code: KnownTlv::Airk.code(), value: &key.0 })
    }

    /// Appends an APP_DIGEST.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn app_digest(&mut self, digest: &Digest) -> Result<(), WriteError> {
        self.push(Tlv { code: KnownTlv::AppDigest.code(), value: &digest.0 })
    }

    /// Appends a TICKET_IV.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn ticket_iv(&mut self, iv: &[u8; 4]) -> Result<(), WriteError> {
        self.push(Tlv { code: KnownTlv::TicketIv.code(), value: iv })
    }

    /// Appends a DISCOVERY_PROOF.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn discovery_proof(&mut self, proof: &[u8; 16]) -> Result<(), WriteError> {
        self.push(Tlv { code: KnownTlv::DiscoveryProof.code(), value: proof })
    }

    /// Appends a MIGRATION_VECTOR, always as type 0x17. Two addresses of different versions are both written as IPv6.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn migration_vector(&mut self, vector: &MigrationVectorTlv) -> Result<(), WriteError> {
        use zerocopy::IntoBytes;
        let nonce = vector.nonce;
        match (vector.previous, vector.current) {
            (IpAddr::V4(previous), IpAddr::V4(current)) => {
                let value = MigrationValueV4 {
                    ip_version: 4,
                    reserved: 0,
                    previous_transport_ip: previous.octets(),
                    current_transport_ip: current.octets(),
                    migration_nonce: nonce,
                };
                self.push(Tlv { code: KnownTlv::MigrationVector.code(), value: value.as_bytes() })
            }
            (previous, current) => {
                let value = MigrationValueV6 {
                    ip_version: 6,
                    reserved: 0,
                    previous_transport_ip: Locator::from(previous).0,
                    current_transport_ip: Locator::from(current).0,
                    migration_nonce: nonce,
                };
                self.push(Tlv { code: KnownTlv::MigrationVector.code(), value: value.as_bytes() })
            }
        }
    }

    /// The finished TLVs.
    ///
    /// # Errors
    /// A known TLV was pushed twice or with a wrong size.
    pub fn finish(self) -> Result<Tlvs<'b>, ParseError> {
        let Self { buffer, length } = self;
        let buffer: &'b [u8] = buffer;
        Tlvs::parse(buffer.get(..length).unwrap_or_default())
    }
}
