//! The meaning of a frame's bytes.

mod json;
pub mod notes;
pub mod shape;
mod table;

use std::fmt;

use iacp_wire::{Frame, ParseError};

pub use json::{Shown, shown};
pub use table::table;

use crate::hexadecimal::{self, HexError};

/// Why a text is not a frame.
#[derive(Debug)]
pub enum Fault {
    /// The text is not hex.
    Hex(HexError),
    /// Its bytes are no frame.
    Frame(ParseError),
    /// It was cut, because no datagram is so long.
    LongLine,
}

impl Fault {
    /// At which byte.
    #[must_use]
    pub const fn offset(&self) -> usize {
        match self {
            Self::Hex(error) => error.offset,
            Self::Frame(error) => error.offset,
            Self::LongLine => 0,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hex(error) => error.fmt(f),
            Self::Frame(error) => error.fmt(f),
            Self::LongLine => write!(f, "hex: the line is longer than any datagram"),
        }
    }
}

impl std::error::Error for Fault {}

/// Reads a frame in hex, and hands it on with its bytes.
///
/// # Errors
///
/// The text is not hex, or its bytes are not a frame.
pub fn read<T>(text: &[u8], say: impl FnOnce(&Frame<'_>, &[u8]) -> T) -> Result<T, Fault> {
    let bytes = hexadecimal::read(text).map_err(Fault::Hex)?;
    let frame = Frame::parse(&bytes).map_err(Fault::Frame)?;
    Ok(say(&frame, &bytes))
}
