//! What two agents say to each other about a file, as items of a session. A transfer has a number of its own, so that it goes
//! on in another session after a loss, from where the receiver has it on stable storage.
//!
//! ```text
//! sender                                       receiver
//! item 0   OFFER  number, size, SHA-256, chunk
//!                                              item 0   HAVE  so many bytes
//! item 1…  the bytes behind those, in chunks
//! FIN
//!                                              item 1   DONE  the SHA-256 of what is stored
//! ```
//!
//! ```text
//! OFFER   "IACP file 1\n" 12 · number 16 · size 8 · SHA-256 32 · chunk 2
//! HAVE    0x01 · bytes 8
//! DONE    0x02 · SHA-256 32
//! REFUSED 0x03 · why, in UTF-8
//! ```
//!
//! Each chunk but the last is as long as the OFFER says, so that the place of an item follows from its number.

use crate::local::channel::CONTENT;

const MAGIC: &[u8; 12] = b"IACP file 1\n";
/// The longest reason for a refusal, in bytes; more is cut off.
const WHY: usize = 200;

/// A file that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Drawn by the sender, and known to the two ends only.
    pub number: [u8; 16],
    pub size: u64,
    pub sha256: [u8; 32],
    /// Bytes in each item but the last.
    pub chunk: u16,
}

/// What the receiver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Have(u64),
    Done([u8; 32]),
    Refused(String),
}

impl Offer {
    pub fn write(&self) -> Vec<u8> {
        let (size, chunk) = (self.size.to_be_bytes(), self.chunk.to_be_bytes());
        [&MAGIC[..], &self.number, &size, &self.sha256, &chunk].concat()
    }

    /// `None` for anything else.
    pub fn parse(item: &[u8]) -> Option<Self> {
        let rest = item.strip_prefix(MAGIC)?;
        let (number, rest) = rest.split_first_chunk()?;
        let (size, rest) = rest.split_first_chunk()?;
        let (sha256, rest) = rest.split_first_chunk()?;
        let (chunk, rest) = rest.split_first_chunk()?;
        let offer = Self {
            number: *number,
            size: u64::from_be_bytes(*size),
            sha256: *sha256,
            chunk: u16::from_be_bytes(*chunk),
        };
        (rest.is_empty() && (1..=CONTENT).contains(&usize::from(offer.chunk))).then_some(offer)
    }
}

impl Answer {
    pub fn write(&self) -> Vec<u8> {
        match self {
            Self::Have(bytes) => [&[1][..], &bytes.to_be_bytes()].concat(),
            Self::Done(sha256) => [&[2][..], sha256].concat(),
            Self::Refused(why) => [&[3][..], why.as_bytes().get(..WHY).unwrap_or(why.as_bytes())].concat(),
        }
    }

    /// `None` for anything else.
    pub fn parse(item: &[u8]) -> Option<Self> {
        let (code, rest) = item.split_first()?;
        match code {
            1 => rest.try_into().ok().map(u64::from_be_bytes).map(Self::Have),
            2 => rest.try_into().ok().map(Self::Done),
            // A peer's words are shown to a person: no line of its own, no control characters.
            3 => {
                Some(Self::Refused(String::from_utf8_lossy(rest.get(..WHY).unwrap_or(rest)).escape_debug().to_string()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_what_is_written_and_read() {
        let offer = Offer { number: [1; 16], size: 258, sha256: [2; 32], chunk: 879 };
        let golden = [&b"IACP file 1\n"[..], &[1; 16], &[0, 0, 0, 0, 0, 0, 1, 2], &[2; 32], &[3, 111]].concat();
        assert_eq!(offer.write(), golden);
        assert_eq!(Offer::parse(&golden), Some(offer));
        for (answer, golden) in [
            (Answer::Have(513), &b"\x01\0\0\0\0\0\0\x02\x01"[..]),
            (Answer::Done([7; 32]), &[&[2][..], &[7; 32]].concat()),
            (Answer::Refused("full".into()), b"\x03full"),
        ] {
            assert_eq!(answer.write(), golden);
            assert_eq!(Answer::parse(golden), Some(answer));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let offer = Offer { number: [1; 16], size: 258, sha256: [2; 32], chunk: 879 }.write();
        for end in 0..offer.len() {
            assert_eq!(Offer::parse(&offer[..end]), None, "{end} bytes");
        }
        assert_eq!(Offer::parse(&[&offer[..], &[0]].concat()), None);
        for chunk in [0, 880, u16::MAX] {
            let other = [&offer[..offer.len() - 2], &chunk.to_be_bytes()].concat();
            assert_eq!(Offer::parse(&other), None, "chunks of {chunk}");
        }
        for item in [&b""[..], b"\0", b"\x01\0", b"\x01\0\0\0\0\0\0\0\0\0", b"\x02", b"\x04"] {
            assert_eq!(Answer::parse(item), None, "{item:?}");
        }
        assert_eq!(Answer::parse(b"\x03a\nb\x1b"), Some(Answer::Refused("a\\nb\\u{1b}".into())));
    }
}
