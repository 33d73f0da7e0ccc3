//! The newtypes that the wire structs are made of. All are big-endian byte strings without alignment.
//!
//! ```
//! use core::net::{IpAddr, Ipv4Addr};
//!
//! use iacp_wire::{Cookie, Digest, Eid, Locator, RefusedDigest, Signature};
//!
//! let agent = Eid([0xAB; 32]);
//! assert!(agent.to_string().starts_with("abab")); // lower-case hexadecimal
//!
//! // A locator is the 16 bytes of an IPv6 address.
//! let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
//! let locator = Locator::from(address);
//! assert_eq!(locator.0[10..], [0xFF, 0xFF, 192, 0, 2, 1]);
//! assert_eq!(IpAddr::from(locator), address);
//!
//! assert!(Cookie::ZERO.is_zero()); // no R-Cookie is assigned yet
//! assert_eq!((Digest::LEN, RefusedDigest::LEN, Signature::LEN), (32, 8, 64));
//! ```

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::figure::{Show, Value};

macro_rules! byte_fields {
    ($($(#[$doc:meta])* $name:ident[$size:literal]),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(transparent)]
        pub struct $name(pub [u8; $size]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $size;
            /// All bytes zero.
            pub const ZERO: Self = Self([0; $size]);
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl From<[u8; $size]> for $name {
            fn from(bytes: [u8; $size]) -> Self {
                Self(bytes)
            }
        }

        impl Show for $name {
            fn show(&self) -> Value<'_> {
                Value::Bytes(&self.0)
            }
        }

        /// Lower-case hexadecimal.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=[u8]:02x}", self.0);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

byte_fields! {
    /// Ephemeral Agent Identity: a raw Ed25519 public key (`IACP §3.2`).
    Eid[32],
    /// An I-Cookie or an R-Cookie (`IACP §4.2.4.1`).
    Cookie[8],
    /// A coordinate of the DHT's 256-bit key space (`IACP §5.1.2`).
    DhtKey[32],
    /// An IP address; IPv4 is IPv4-mapped IPv6.
    Locator[16],
    /// An Ed25519 signature.
    Signature[64],
    /// An ephemeral X25519 public key.
    X25519Key[32],
    /// A SHA-256 digest.
    Digest[32],
    /// The nonce of an AEAD seal.
    AeadNonce[12],
    /// The tag of an AEAD seal.
    AeadTag[16],
    /// A number that pairs a request with its answer.
    TransactionId[8],
    /// The random nonce of `ERP_INIT` (`IACP §4.2.3.1`).
    InitializationNonce[32],
    /// `IP_Transit_Token`: opaque to all but the LL-Entity that issued it (`IACP Appendix A.15`).
    TransitToken[32],
    /// The Proposed SFC Conditions Block of a `PSS_NEG` (`IACP Appendix A.10`).
    ConditionsBlock[32],
    /// The sealed EID of a `DISCOVERY_RES`, with its tag (`IACP Appendix A.2`).
    SealedEid[48],
    /// The sealed locator of a Forwarding Ticket, with its tag (`IACP §3.5`).
    SealedLocator[36],
    /// The first eight bytes of the SHA-256 digest of a refused frame.
    RefusedDigest[8],
    /// Proves to a hub that the joining agent receives at its address.
    JoinCookie[16],
}

impl Cookie {
    /// Whether this is zero, which means that no R-Cookie is assigned yet (`IACP §4.2.4.1`).
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl From<IpAddr> for Locator {
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        })
    }
}

impl From<Locator> for IpAddr {
    fn from(locator: Locator) -> Self {
        Ipv6Addr::from(locator.0).to_canonical()
    }
}

/// Instance Authentication Token (`IACP §4.2.2.2`), as it is in a frame.
///
/// A process that presents it is treated as the agent, so it cannot be printed, copied or compared here: take the bytes
/// out into a type that wipes itself and compares in constant time.
///
/// An example is at [`ErpAlloc`](crate::message::ErpAlloc).
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct IatField(pub [u8; 32]);

impl Show for IatField {
    fn show(&self) -> Value<'_> {
        Value::Secret(&self.0)
    }
}
