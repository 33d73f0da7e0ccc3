//! The SHA-256 of a file: as it comes, a piece at a time, or at once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use sha2::{Digest, Sha256};

/// How much is read at a time.
const PIECE: usize = 256 << 10;

/// The hash of the beginning of a file.
#[derive(Default)]
pub struct Running {
    hash: Sha256,
    upto: u64,
}

impl Running {
    /// How long the beginning is.
    pub const fn upto(&self) -> u64 {
        self.upto
    }

    /// What is written at this place; it counts if it follows.
    pub fn follows(&mut self, place: u64, content: &[u8]) {
        if place == self.upto {
            self.hash.update(content);
            self.upto += content.len() as u64;
        }
    }

    /// The next piece, of a file of this length.
    pub fn read(&mut self, file: &File, length: u64) -> io::Result<()> {
        let left = usize::try_from(length.saturating_sub(self.upto)).unwrap_or(PIECE);
        let mut piece = vec![0; left.min(PIECE)];
        file.read_exact_at(&mut piece, self.upto)?;
        self.follows(self.upto, &piece);
        Ok(())
    }

    /// In hexadecimal digits.
    pub fn digest(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn digest(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut piece) = (File::open(path)?, Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}
