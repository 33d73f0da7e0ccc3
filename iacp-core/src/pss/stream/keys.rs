//! What a direction of a session is sealed with.

use zeroize::Zeroize;

use crate::crypto::Provider;

/// What one direction of a session is sealed with. Its memory is the only count of what it has sealed, so it is never
/// copied, and it is wiped with that memory.
pub(crate) struct Direction<P: Provider> {
    pub(crate) cipher: P::Cipher,
    pub(crate) iv: [u8; 4],
    pub(crate) chain: [u8; 32],
}

impl<P: Provider> Direction<P> {
    /// The nonce of a sequence number: it rises strictly because the sequence does.
    pub(crate) fn nonce(&self, sequence: u64) -> [u8; 12] {
        let [a, b, c, d] = self.iv;
        let [e, f, g, h, i, j, k, l] = sequence.to_be_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }
}

impl<P: Provider> Drop for Direction<P> {
    fn drop(&mut self) {
        // The cipher wipes itself.
        self.iv.zeroize();
        self.chain.zeroize();
    }
}
