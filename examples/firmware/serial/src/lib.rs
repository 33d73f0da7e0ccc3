//! Frames on a serial line: COBS, a CRC-32 behind each frame, and a zero byte at its end.
//!
//! A damaged frame is lost, as a datagram is; what is behind the next zero is read as if nothing had happened. The CRC finds
//! accidents. Against intent there are signatures and tags, above. [`item`] says what is in the frames of this example.
#![no_std]

pub mod item;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

/// No frame is longer, in bytes.
pub const FRAME: usize = 1_200;
/// A frame and its CRC.
const CHECKED: usize = FRAME + 4;
/// The same as it is on the line: one byte more for each 254, one in front, and the zero.
pub const ENCODED: usize = CHECKED + CHECKED / 254 + 2;

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// How many bytes there can be between two zeros in one group of COBS.
const GROUP: usize = 254;

/// Sends a frame, given in two parts, byte by byte over the line. `None` if it is longer than [`FRAME`]: nothing was sent then.
pub fn send(head: &[u8], body: &[u8], mut line: impl FnMut(u8)) -> Option<()> {
    if head.len().checked_add(body.len())? > FRAME {
        return None;
    }
    let mut digest = CRC.digest();
    digest.update(head);
    digest.update(body);
    let check = digest.finalize().to_le_bytes();
    // A group is its length and what stands before the next zero, or before the end.
    let (mut group, mut length) = ([0; GROUP], 0);
    for byte in head.iter().chain(body).chain(&check) {
        if let Some(place) = group.get_mut(length).filter(|_| *byte != 0) {
            *place = *byte;
            length += 1;
        }
        if *byte == 0 || length == GROUP {
            finish(&group, length, &mut line);
            length = 0;
        }
    }
    finish(&group, length, &mut line);
    line(0);
    Some(())
}

fn finish(group: &[u8; GROUP], length: usize, line: &mut impl FnMut(u8)) {
    line(u8::try_from(length + 1).unwrap_or(u8::MAX));
    group.iter().take(length).for_each(|byte| line(*byte));
}

/// Writes a frame, given in two parts, as it goes over the line. `None` if it is longer than [`FRAME`].
///
/// ```
/// let (mut out, mut decoder) = ([0; serial::ENCODED], serial::Decoder::new());
/// let encoded = serial::encode(b"a fra", b"me", &mut out).expect("it is short");
/// let (last, body) = encoded.split_last().expect("it ends with a zero");
/// assert!(body.iter().all(|byte| decoder.push(*byte).is_none()));
/// assert_eq!(decoder.push(*last).as_deref(), Some(&b"a frame"[..]));
/// ```
pub fn encode<'o>(head: &[u8], body: &[u8], out: &'o mut [u8; ENCODED]) -> Option<&'o [u8]> {
    let mut length = 0;
    send(head, body, |byte| {
        if let Some(place) = out.get_mut(length) {
            *place = byte;
        }
        length += 1;
    })?;
    out.get(..length)
}

/// Takes bytes off the line.
pub struct Decoder {
    bytes: [u8; ENCODED],
    length: usize,
    /// More came than a frame may have: all of it is noise until the next zero.
    flooded: bool,
    /// How many frames were damaged.
    pub damaged: u32,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Nothing has come.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; ENCODED], length: 0, flooded: false, damaged: 0 }
    }

    /// The next byte; a frame, if it ends one.
    pub fn push(&mut self, byte: u8) -> Option<&mut [u8]> {
        if byte != 0 {
            match self.bytes.get_mut(self.length) {
                Some(place) => {
                    *place = byte;
                    self.length += 1;
                }
                None => self.flooded = true,
            }
            return None;
        }
        let (length, flooded) = (core::mem::take(&mut self.length), core::mem::take(&mut self.flooded));
        if length == 0 {
            return None;
        }
        let frame = (!flooded).then(|| checked(self.bytes.get_mut(..length)?)).flatten();
        match frame {
            Some(length) => self.bytes.get_mut(..length),
            None => {
                self.damaged = self.damaged.saturating_add(1);
                None
            }
        }
    }
}

/// Decodes in place. The length of the frame, if its CRC is right.
fn checked(bytes: &mut [u8]) -> Option<usize> {
    let length = cobs::decode_in_place(bytes).ok()?;
    let (frame, check) = bytes.get(..length)?.split_last_chunk::<4>()?;
    (frame.len() <= FRAME && CRC.checksum(frame).to_le_bytes() == *check).then_some(frame.len())
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    fn put(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes.iter().filter_map(|byte| decoder.push(*byte).map(|frame| frame.to_vec())).collect()
    }

    #[test]
    fn frames_of_every_length_come_as_they_were() {
        let mut out = [0; ENCODED];
        for length in 0..=FRAME {
            let frame: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            let encoded = encode(&frame[..length / 3], &frame[length / 3..], &mut out).expect("not too long").to_vec();
            assert!(!encoded[..encoded.len() - 1].contains(&0), "one zero, at its end");
            assert_eq!(put(&mut Decoder::new(), &encoded), [frame]);
        }
        assert_eq!(encode(&[0; FRAME], &[0; 5], &mut out), None);
    }

    #[test]
    fn any_one_byte_changed_or_lost_costs_this_frame_and_the_next_at_most() {
        let mut out = [0; ENCODED];
        let one = encode(b"one\0\0frame", b"", &mut out).expect("short").to_vec();
        let all = [one.clone(), one.clone(), one.clone()].concat();
        for at in 0..one.len() {
            for change in 1..=255 {
                let mut bytes = all.clone();
                bytes[at] ^= change;
                let got = put(&mut Decoder::new(), &bytes);
                assert!(got.iter().all(|frame| frame == b"one\0\0frame"), "byte {at}, {change}: {got:?}");
                assert!(!got.is_empty() && got.len() < 3, "byte {at}, {change}: {got:?}");
            }
            let mut bytes = all.clone();
            bytes.remove(at);
            let got = put(&mut Decoder::new(), &bytes);
            assert!(!got.is_empty() && got.len() < 3, "without byte {at}: {got:?}");
        }
    }

    #[test]
    fn noise_without_end_is_one_damaged_frame() {
        let mut decoder = Decoder::new();
        assert_eq!(put(&mut decoder, &std::vec![7; 100_000]), Vec::<Vec<u8>>::new());
        assert_eq!((put(&mut decoder, &[0]).len(), decoder.damaged), (0, 1));
        let mut out = [0; ENCODED];
        let encoded = encode(b"again", b"", &mut out).expect("short");
        assert_eq!(put(&mut decoder, encoded), [b"again"]);
    }
}
