//! What a frame means, read from its bytes: the fake provider leaves the plaintext readable.

/// Sequence numbers from here on are heartbeats'.
pub const HEARTBEATS: u64 = 1 << 63;

/// Where the ciphertext of a sealed frame begins, in bytes.
pub const SEALED_AT: usize = 40;

/// A sealed frame of a session.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'b>(&'b [u8]);

impl<'b> Frame<'b> {
    /// Reads a PSS_DATA_STREAM frame; `None` for any other.
    #[must_use]
    pub fn read(bytes: &'b [u8]) -> Option<Self> {
        let code = bytes.first()? << 4 | bytes.get(1)? >> 4;
        (code == 0x0B && bytes.len() >= SEALED_AT + 49).then_some(Self(bytes))
    }

    fn word(self, at: usize) -> u64 {
        u64::from_be_bytes(self.0[at..at + 8].try_into().expect("8 bytes"))
    }

    /// The whole sequence.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.word(20)
    }

    /// The number of a heartbeat; `None` for data.
    #[must_use]
    pub fn heartbeat(self) -> Option<u64> {
        self.sequence().checked_sub(HEARTBEATS)
    }

    /// The first four bytes of the nonce: the direction's iv, plus the generation.
    #[must_use]
    pub fn iv(self) -> u32 {
        u32::from_be_bytes(self.0[28..32].try_into().expect("4 bytes"))
    }

    /// The nonce.
    #[must_use]
    pub fn nonce(self) -> [u8; 12] {
        self.0[28..40].try_into().expect("12 bytes")
    }

    /// Next send sequence of a heartbeat, and whether it asks.
    #[must_use]
    pub fn next_send(self) -> (u64, bool) {
        let word = self.word(SEALED_AT + 33);
        (word & !HEARTBEATS, word >= HEARTBEATS)
    }

    /// E of a heartbeat.
    #[must_use]
    pub fn expected(self) -> u64 {
        self.word(SEALED_AT + 41) & !HEARTBEATS
    }

    /// The echo of a heartbeat.
    #[must_use]
    pub fn echo(self) -> u64 {
        self.word(SEALED_AT + 81)
    }

    /// The content of a data frame.
    #[must_use]
    pub fn content(self) -> &'b [u8] {
        &self.0[SEALED_AT + 33..self.0.len() - 16]
    }
}
