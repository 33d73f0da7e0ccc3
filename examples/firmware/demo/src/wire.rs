//! The serial line: the emulator's socket, and what goes wrong on a cable.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serial::{Decoder, ENCODED};

/// What goes wrong on a cable, and how often it did.
pub struct Faults {
    /// One byte in so many.
    each: u32,
    rng: ChaCha8Rng,
    pub bytes: u64,
    pub lost: u64,
    pub damaged: u64,
}

impl Faults {
    pub fn new(each: u32, seed: u64) -> Self {
        Self { each, rng: ChaCha8Rng::seed_from_u64(seed), bytes: 0, lost: 0, damaged: 0 }
    }

    /// One byte goes over the cable, or does not.
    pub fn carry(&mut self, byte: u8) -> Option<u8> {
        self.bytes += 1;
        if self.each == 0 {
            return Some(byte);
        }
        match self.rng.next_u32() % self.each {
            0 => {
                self.lost += 1;
                None
            }
            1 => {
                self.damaged += 1;
                Some(byte ^ (1 << (self.rng.next_u32() % 8)))
            }
            _ => Some(byte),
        }
    }
}

pub struct Wire {
    stream: TcpStream,
    decoder: Box<Decoder>,
    pub faults: Faults,
}

impl Wire {
    pub fn new(stream: TcpStream, faults: Faults) -> Result<Self> {
        stream.set_nodelay(true)?;
        // The loop's only wait.
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        Ok(Self { stream, decoder: Box::default(), faults })
    }

    /// What has come within a millisecond.
    pub fn receive(&mut self) -> Result<Vec<Vec<u8>>> {
        let mut buffer = [0; 4_096];
        let count = match self.stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            // The emulator has gone: `ended` says how.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error).context("the serial line"),
        };
        let mut frames = Vec::new();
        for byte in buffer.iter().take(count) {
            if let Some(byte) = self.faults.carry(*byte)
                && let Some(frame) = self.decoder.push(byte)
            {
                frames.push(frame.to_vec());
            }
        }
        Ok(frames)
    }

    /// Sends a frame, given in two parts.
    pub fn send(&mut self, (head, body): (&[u8], &[u8])) -> Result<()> {
        let mut out = [0; ENCODED];
        let encoded = serial::encode(head, body, &mut out).context("a frame that is too long for the line")?;
        let carried: Vec<u8> = encoded.iter().filter_map(|byte| self.faults.carry(*byte)).collect();
        match self.stream.write_all(&carried) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            done => done.context("the serial line"),
        }
    }

    pub fn damaged_frames(&self) -> u32 {
        self.decoder.damaged
    }
}
