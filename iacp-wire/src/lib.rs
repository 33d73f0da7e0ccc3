//! The wire formats of the Internet Agent Communication Protocol (draft-gebauer-iacp-00): bytes to meaning and back.
//!
//! The crate has no clock, no keys and no sessions. [`Frame::parse`] reads any datagram without a copy and without an
//! allocation; [`Frame::write`] writes any message into the caller's buffer. The type of a parsed value proves that it
//! is well-formed: nothing has to be checked a second time.
//!
//! ```
//! use iacp_wire::{Flags, Frame, InitializationNonce, Message, Tlvs, message::ErpInit};
//!
//! let init = ErpInit { initialization_nonce: InitializationNonce([7; 32]) };
//! let mut buffer = [0; 64];
//! let length = Frame::new(Message::ErpInit(&init)).write(&mut buffer)?;
//! assert_eq!(buffer[..4], [0x11, 0x10, 0x00, 0x20]); // version 1, type 0x11, no flags, 32 bytes follow
//!
//! let frame = Frame::parse(&buffer[..length])?;
//! assert_eq!(frame.flags, Flags::NONE);
//! assert!(matches!(frame.message, Message::ErpInit(read) if read.initialization_nonce.0 == [7; 32]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `names` (default) | an error names its field; without it there are the reason and the byte, and 5 KB less flash |
//! | `registry` (default) | every message is read. Without it: PSS_INIT, PSS_NEG, PSS_ACK, PSS_DATA_STREAM, PSS_TEARDOWN, ERP_STREAM, ERP_REGISTER, ERP_DEFLECT, MIGRATION_VECTOR, PATH_RELAY and ERROR; each other type is unknown. All can be written |
//! | `arbitrary` | frames for fuzzers, well-formed and nearly so. It allocates |
//! | `defmt` | `defmt::Format` on errors and registry values |
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

mod error;
pub mod field;
mod figure;
mod frame;
#[cfg(feature = "arbitrary")]
pub mod generate;
mod header;
pub mod layout;
pub mod message;
mod put;
mod read;
mod tlv;

pub use error::{ParseError, Reason, WriteError};
pub use field::*;
pub use figure::{Figure, Value};
pub use frame::{Frame, session_cookies};
pub use header::{Flags, HEADER_LEN, MAX_PAYLOAD, MessageType, VERSION};
pub use message::Message;
pub use tlv::{KnownTlv, MigrationValueV4, MigrationValueV6, MigrationVectorTlv, Tlv, TlvWriter, Tlvs};

// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
