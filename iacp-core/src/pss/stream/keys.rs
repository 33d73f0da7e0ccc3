//! The keys of one direction, and their renewal inside the session.
//!
//! ```text
//! secret_0     = PRK of the handshake
//! key_g        = HKDF-Expand( secret_g, "IACP/1 key i2r" or "… r2i" )
//! secret_(g+1) = HKDF-Expand( secret_g, "IACP/1 update i2r" or "… r2i" )
//! nonce        = ( iv + g mod 2^32 ) 4 | sequence 8
//! ```
//!
//! The generation of a frame's key is visible in the nonce. The sender renews its key only when the receiver has
//! certainly left the previous generation, so a receiver never needs more than two: *low* and the one after it.

use zeroize::Zeroize;

use crate::crypto::stack::{AFTERWARDS, scrub};
use crate::crypto::{Provider, Secret32, Suite};
use crate::pss::discard::Discard;

/// A key is renewed when it has sealed this many frames, heartbeats included.
pub(crate) const UPDATE_AFTER: u32 = 1 << 22;
/// A key never seals more frames than this: then the session ends.
pub(crate) const KEY_LIMIT: u32 = 1 << 23;
/// After this many failed openings the session ends.
pub(crate) const FAILED_LIMIT: u64 = 1 << 36;

/// Which way a direction goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the initiator to the responder.
    I2r,
    /// From the responder to the initiator.
    R2i,
}

impl Way {
    pub(crate) const fn opposite(self) -> Self {
        match self {
            Self::I2r => Self::R2i,
            Self::R2i => Self::I2r,
        }
    }

    const fn key(self) -> &'static [u8] {
        match self {
            Self::I2r => b"IACP/1 key i2r",
            Self::R2i => b"IACP/1 key r2i",
        }
    }

    const fn iv(self) -> &'static [u8] {
        match self {
            Self::I2r => b"IACP/1 iv i2r",
            Self::R2i => b"IACP/1 iv r2i",
        }
    }

    const fn chain(self) -> &'static [u8] {
        match self {
            Self::I2r => b"IACP/1 chain i2r",
            Self::R2i => b"IACP/1 chain r2i",
        }
    }

    const fn update(self) -> &'static [u8] {
        match self {
            Self::I2r => b"IACP/1 update i2r",
            Self::R2i => b"IACP/1 update r2i",
        }
    }
}

/// The first IV, which both halves derive from the handshake's PRK.
fn first_iv<P: Provider>(prk: &Secret32, way: Way) -> u32 {
    let block = P::hkdf_expand_key(prk, way.iv());
    block.expose().first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn first_chain<P: Provider>(prk: &Secret32, way: Way, chain: &mut [u8; 32]) {
    let block = P::hkdf_expand_key(prk, way.chain());
    chain.iter_mut().zip(block.expose()).for_each(|(to, from)| *to = *from);
}

fn copy_secret(from: &Secret32) -> Secret32 {
    Secret32::fill(|to| to.iter_mut().zip(from.expose()).for_each(|(to, from)| *to = *from))
}

fn nonce(iv: u32, generation: u32, sequence: u64) -> [u8; 12] {
    let [a, b, c, d] = iv.wrapping_add(generation).to_be_bytes();
    let [e, f, g, h, i, j, k, l] = sequence.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// An expanded key, or none. None is the first variant, so memory without a key is all zero.
#[repr(u8)]
enum Expanded<T> {
    None,
    Key(T),
}

impl<T> Expanded<T> {
    const fn get(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Key(cipher) => Some(cipher),
        }
    }
}

/// Puts the secret of the next generation into the place of the last one.
fn next<P: Provider>(secret: &mut Secret32, way: Way) {
    let _clear = AFTERWARDS;
    replace::<P>(secret, way);
}

#[inline(never)]
fn replace<P: Provider>(secret: &mut Secret32, way: Way) {
    *secret = P::hkdf_expand_key(secret, way.update());
}

/// Expands a key where it will be used.
#[inline(never)]
fn expand<P: Provider>(place: &mut Expanded<P::Cipher>, suite: Suite, secret: &Secret32, way: Way) {
    *place = Expanded::None;
    let key = P::hkdf_expand_key(secret, way.key());
    scrub();
    let _clear = AFTERWARDS;
    place_cipher::<P>(place, suite, &key);
}

#[inline(never)]
fn place_cipher<P: Provider>(place: &mut Expanded<P::Cipher>, suite: Suite, key: &Secret32) {
    *place = Expanded::Key(P::cipher(suite, key));
}

/// The key of one direction for another host that continues the session. It is wiped when it is dropped.
pub(crate) struct KeyState {
    pub(crate) generation: u32,
    pub(crate) secret: Secret32,
    /// Of this generation.
    pub(crate) iv: [u8; 4],
    /// Frames that were sealed under it, or openings that have failed.
    pub(crate) count: u64,
}

/// The sending key. It contains the only count of the frames that it has sealed, so it is never copied, and is wiped
/// together with the count.
pub(crate) struct Sealing<P: Provider> {
    way: Way,
    suite: Suite,
    secret: Secret32,
    /// None before the handshake and after the end.
    cipher: Expanded<P::Cipher>,
    iv: u32,
    generation: u32,
    /// Frames sealed under this generation, heartbeats included.
    sealed: u32,
    /// The rolling hash before the next data frame.
    pub(crate) chain: [u8; 32],
}

impl<P: Provider> Sealing<P> {
    pub(crate) const IDLE: Self = Self {
        way: Way::I2r,
        suite: Suite::Aes256Gcm,
        secret: Secret32::new([0; 32]),
        cipher: Expanded::None,
        iv: 0,
        generation: 0,
        sealed: 0,
        chain: [0; 32],
    };

    pub(crate) fn start(&mut self, prk: &Secret32, way: Way, suite: Suite) {
        (self.way, self.suite, self.generation, self.sealed) = (way, suite, 0, 0);
        self.iv = first_iv::<P>(prk, way);
        first_chain::<P>(prk, way, &mut self.chain);
        self.secret = copy_secret(prk);
        expand::<P>(&mut self.cipher, suite, prk, way);
    }

    pub(crate) fn wipe(&mut self) {
        self.cipher = Expanded::None;
        self.secret.zeroize();
        self.chain.zeroize();
    }

    /// With the number of renewals and of sealed frames.
    pub(crate) fn forget(&mut self) {
        self.wipe();
        (self.generation, self.sealed) = (0, 0);
    }

    pub(crate) const fn alive(&self) -> bool {
        self.cipher.get().is_some()
    }

    pub(crate) const fn generation(&self) -> u32 {
        self.generation
    }

    /// How many frames this key may still seal.
    pub(crate) const fn left(&self) -> u32 {
        KEY_LIMIT.saturating_sub(self.sealed)
    }

    /// Whether this key has sealed enough frames to be renewed as soon as that is allowed.
    pub(crate) const fn is_worn(&self) -> bool {
        self.sealed >= UPDATE_AFTER
    }

    #[cfg(test)]
    pub(crate) const fn set_sealed(&mut self, sealed: u32) {
        self.sealed = sealed;
    }

    /// Seals the next generation's frames from now on. The older secret and key are wiped in this step.
    pub(crate) fn update(&mut self) {
        if self.cipher.get().is_none() {
            return;
        }
        next::<P>(&mut self.secret, self.way);
        expand::<P>(&mut self.cipher, self.suite, &self.secret, self.way);
        self.generation = self.generation.wrapping_add(1);
        self.sealed = 0;
    }

    pub(crate) fn nonce(&self, sequence: u64) -> [u8; 12] {
        nonce(self.iv, self.generation, sequence)
    }

    /// For the host that takes the session over. This one must seal nothing afterwards.
    pub(crate) fn export(&self) -> KeyState {
        let iv = self.iv.wrapping_add(self.generation).to_be_bytes();
        let (secret, count) = (copy_secret(&self.secret), u64::from(self.sealed));
        KeyState { generation: self.generation, secret, iv, count }
    }

    /// Continues where another host has stopped. `None` if the key has sealed more frames than allowed.
    pub(crate) fn import(&mut self, state: &KeyState, way: Way, suite: Suite, chain: &[u8; 32]) -> Option<()> {
        let sealed = u32::try_from(state.count).ok().filter(|sealed| *sealed <= KEY_LIMIT)?;
        (self.way, self.suite, self.generation, self.sealed) = (way, suite, state.generation, sealed);
        self.iv = u32::from_be_bytes(state.iv).wrapping_sub(state.generation);
        self.chain = *chain;
        self.secret = copy_secret(&state.secret);
        expand::<P>(&mut self.cipher, suite, &self.secret, way);
        Some(())
    }

    /// Seals in place; `None` without a key, or when the key is spent. Each nonce must be new.
    pub(crate) fn seal(&mut self, nonce: &[u8; 12], aad: &[u8], buffer: &mut [u8]) -> Option<[u8; 16]> {
        let cipher = self.cipher.get().filter(|_| self.sealed < KEY_LIMIT)?;
        let tag = P::seal(cipher, nonce, aad, buffer);
        self.sealed += 1;
        Some(tag)
    }
}

impl<P: Provider> Drop for Sealing<P> {
    fn drop(&mut self) {
        // The cipher and the secret wipe themselves.
        self.chain.zeroize();
    }
}

/// The receiving keys: of generation *low*, and of the one after it once a frame needs it.
pub(crate) struct Opening<P: Provider> {
    way: Way,
    suite: Suite,
    /// The secret of generation *low*.
    secret: Secret32,
    low: u32,
    iv: u32,
    /// The key of generation *low* + 1, once it was derived. It is derived at most once, whatever the peer sends.
    next_key: Secret32,
    next_known: bool,
    /// One expanded key: of *low*, or of *low* + 1 once a frame of it has opened. The frames of the other generation are
    /// few, and their key is expanded for each of them.
    cipher: Expanded<P::Cipher>,
    cipher_ahead: bool,
    failed: u64,
    /// The rolling hash before the lowest data frame that has not arrived.
    pub(crate) chain: [u8; 32],
}

impl<P: Provider> Opening<P> {
    pub(crate) const IDLE: Self = Self {
        way: Way::I2r,
        suite: Suite::Aes256Gcm,
        secret: Secret32::new([0; 32]),
        low: 0,
        iv: 0,
        next_key: Secret32::new([0; 32]),
        next_known: false,
        cipher: Expanded::None,
        cipher_ahead: false,
        failed: 0,
        chain: [0; 32],
    };

    pub(crate) fn start(&mut self, prk: &Secret32, way: Way, suite: Suite) {
        self.wipe();
        (self.way, self.suite, self.low, self.failed) = (way, suite, 0, 0);
        self.iv = first_iv::<P>(prk, way);
        first_chain::<P>(prk, way, &mut self.chain);
        self.secret = copy_secret(prk);
        expand::<P>(&mut self.cipher, suite, prk, way);
    }

    pub(crate) fn wipe(&mut self) {
        self.cipher = Expanded::None;
        self.secret.zeroize();
        self.next_key.zeroize();
        self.chain.zeroize();
        (self.next_known, self.cipher_ahead) = (false, false);
    }

    /// With the number of renewals and of frames that did not open.
    pub(crate) fn forget(&mut self) {
        self.wipe();
        (self.low, self.failed) = (0, 0);
    }

    /// For the host that takes the session over: the lower generation. The next one is derived there when a frame needs
    /// it.
    pub(crate) fn export(&self) -> KeyState {
        let iv = self.iv.wrapping_add(self.low).to_be_bytes();
        KeyState { generation: self.low, secret: copy_secret(&self.secret), iv, count: self.failed }
    }

    /// Continues where another host has stopped.
    pub(crate) fn import(&mut self, state: &KeyState, way: Way, suite: Suite, chain: &[u8; 32]) {
        self.wipe();
        (self.way, self.suite, self.low, self.failed) = (way, suite, state.generation, state.count);
        self.iv = u32::from_be_bytes(state.iv).wrapping_sub(state.generation);
        self.chain = *chain;
        self.secret = copy_secret(&state.secret);
        expand::<P>(&mut self.cipher, suite, &self.secret, way);
    }

    /// The newest generation of which a frame has opened.
    pub(crate) const fn newest_generation(&self) -> u32 {
        if self.cipher_ahead { self.low.wrapping_add(1) } else { self.low }
    }

    pub(crate) const fn is_spent(&self) -> bool {
        self.failed >= FAILED_LIMIT
    }

    #[cfg(test)]
    pub(crate) const fn set_failed(&mut self, failed: u64) {
        self.failed = failed;
    }

    /// Ends generation *low*, of which no frame can still arrive. Its secret and key are wiped.
    pub(crate) fn leave_low(&mut self) {
        next::<P>(&mut self.secret, self.way);
        if !self.cipher_ahead {
            expand::<P>(&mut self.cipher, self.suite, &self.secret, self.way);
        }
        self.next_key.zeroize();
        (self.next_known, self.cipher_ahead) = (false, false);
        self.low = self.low.wrapping_add(1);
    }

    /// Opens a frame in place. Returns whether it was sealed under the generation after *low*. If it does not open,
    /// only the count of failures changes, and at most once the next key.
    pub(crate) fn open(
        &mut self,
        sequence: u64,
        nonce_in_frame: [u8; 12],
        aad: &[u8],
        sealed: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<bool, Discard> {
        let kept = self.cipher.get().ok_or(Discard::NotNow)?;
        let ahead = if nonce_in_frame == nonce(self.iv, self.low, sequence) {
            false
        } else if nonce_in_frame == nonce(self.iv, self.low.wrapping_add(1), sequence) {
            true
        } else {
            return Err(Discard::Nonce);
        };
        let opens = if ahead == self.cipher_ahead {
            P::open(kept, &nonce_in_frame, aad, sealed, tag).is_ok()
        } else {
            self.open_other(ahead, &nonce_in_frame, aad, sealed, tag)
        };
        if opens {
            return Ok(ahead);
        }
        self.failed = self.failed.saturating_add(1);
        Err(Discard::Seal)
    }

    /// Opens a frame of the generation whose key is not kept expanded.
    fn open_other(&mut self, ahead: bool, nonce: &[u8; 12], aad: &[u8], sealed: &mut [u8], tag: &[u8; 16]) -> bool {
        let _clear = AFTERWARDS;
        self.open_with_other(ahead, nonce, aad, sealed, tag)
    }

    #[inline(never)]
    fn open_with_other(
        &mut self,
        ahead: bool,
        nonce: &[u8; 12],
        aad: &[u8],
        sealed: &mut [u8],
        tag: &[u8; 16],
    ) -> bool {
        if !ahead {
            let cipher = P::cipher(self.suite, &P::hkdf_expand_key(&self.secret, self.way.key()));
            return P::open(&cipher, nonce, aad, sealed, tag).is_ok();
        }
        if !self.next_known {
            let next = P::hkdf_expand_key(&self.secret, self.way.update());
            self.next_key = P::hkdf_expand_key(&next, self.way.key());
            self.next_known = true;
        }
        let cipher = P::cipher(self.suite, &self.next_key);
        let opens = P::open(&cipher, nonce, aad, sealed, tag).is_ok();
        if opens {
            self.cipher = Expanded::Key(cipher);
            self.cipher_ahead = true;
        }
        opens
    }
}

impl<P: Provider> Drop for Opening<P> {
    fn drop(&mut self) {
        // The cipher and the secrets wipe themselves.
        self.chain.zeroize();
    }
}
