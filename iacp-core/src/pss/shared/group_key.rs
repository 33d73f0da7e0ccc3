//! Dynamic Group Keys: an endpoint's values, sealed once for all members of its group (`IACP §6.4.4`).
//!
//! The key of an epoch is random and never derived from that of another epoch. It changes by time, and in the step in
//! which a member leaves, so that a former member cannot read new values.

use iacp_wire::Eid;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::coordinate::Coordinate;
use super::frame::{GroupKey, VALUE};
use crate::crypto::stack::cleanly;
use crate::crypto::{Provider, Secret32, Suite};
use crate::time::Mono;

/// How many bytes longer a sealed value is: epoch 8, salt 8, counter 8, tag 16.
pub const SEALING: usize = 40;
/// The most members of a group, whatever the length of its Trust List.
pub const MEMBERS: usize = 64;
/// The most values that an epoch seals.
pub const VALUES: u64 = 1 << 32;
/// A member keeps the older of two epochs for this long, in milliseconds.
pub const OLDER: u64 = 60_000;

/// Why a group does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GroupError {
    /// All places are taken.
    Capacity,
    /// The value is too long, or the buffer too short.
    Length,
    /// The epoch has sealed as many values as allowed (rotate), or the epochs are used up (give the group up).
    Spent,
    /// The value is sealed under an epoch that is not known here: it is dropped, and requested again when the key
    /// arrives.
    UnknownEpoch,
    /// It does not open.
    Seal,
}

words! {
    GroupError {
        Self::Capacity => "the group has no place for another member",
        Self::Length => "the value does not fit",
        Self::Spent => "the epoch has sealed all that it may",
        Self::UnknownEpoch => "the value's epoch is not known here",
        Self::Seal => "the value does not open",
    }
}

impl core::error::Error for GroupError {}

/// The owner's side of a group, with a Trust List of at most `N` members, at most 64. Only the owner seals, and each
/// value once: the same bytes go to all members.
///
/// [`Rights`](super::Rights) records which session was sent the key of which epoch.
///
/// A value for the whole group is sealed once, and opened by the members that have the key:
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Suite};
/// use iacp_core::pss::shared::Coordinate;
/// use iacp_core::pss::shared::frame::GroupKey;
/// use iacp_core::pss::shared::group_key::{Group, GroupError, Membership};
/// # use iacp_core::time::Mono;
/// # use iacp_wire::Eid;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
///
/// let door = Coordinate([7; 32]);
/// let mut group = Group::<4>::EMPTY;
/// group.begin(now, door, Suite::ChaCha20Poly1305, 0, &mut rng);
/// group.trust(Eid([2; 32]))?;
/// let mut sealed = group.seal::<ChaChaOnly>(1, b"open")?.to_vec();
///
/// let mut member = Membership::new();
/// let early = member.open::<ChaChaOnly>(now, &door, 1, &mut sealed);
/// assert_eq!(early, Err(GroupError::UnknownEpoch), "it has no key yet");
/// let mut content = [0; GroupKey::LEN]; // it comes in the owner's session with the member
/// group.write_key(&mut content).ok_or("it fits")?;
/// member.take(now, &GroupKey::read(&content)?);
/// GroupKey::wipe(&mut content);
/// assert_eq!(member.open::<ChaChaOnly>(now, &door, 1, &mut sealed)?, b"open");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Group<const N: usize> {
    coordinate: Coordinate,
    suite: Suite,
    trusted: [Option<Eid>; N],
    /// 0: there is no group.
    epoch: u64,
    key: Secret32,
    salt: [u8; 8],
    counter: u64,
    /// The endpoint's own rotation, and the shortest one of this epoch.
    own: u32,
    seconds: u32,
    began: Mono,
    /// The newest value as it was sealed in this epoch: its version, 0 if there is none, and its bytes.
    version: u64,
    length: usize,
    sealed: [u8; VALUE],
}

impl<const N: usize> Group<N> {
    /// No group.
    pub const EMPTY: Self = Self {
        coordinate: Coordinate([0; 32]),
        suite: Suite::Aes256Gcm,
        trusted: [None; N],
        epoch: 0,
        key: Secret32::new([0; 32]),
        salt: [0; 8],
        counter: 0,
        own: 0,
        seconds: 0,
        began: Mono(0),
        version: 0,
        length: 0,
        sealed: [0; VALUE],
    };

    /// A group without members, in its first epoch. `seconds` is the endpoint's own rotation; 0 is none.
    pub fn begin(&mut self, now: Mono, coordinate: Coordinate, suite: Suite, seconds: u32, rng: &mut impl CryptoRng) {
        self.wipe();
        (self.coordinate, self.suite, self.own) = (coordinate, suite, seconds);
        self.start(now, 1, rng);
    }

    /// The group ends: its keys are wiped.
    pub fn wipe(&mut self) {
        self.key.zeroize();
        (self.trusted, self.epoch, self.counter) = ([None; N], 0, 0);
        self.forget_sealed();
    }

    fn forget_sealed(&mut self) {
        (self.version, self.length) = (0, 0);
        self.sealed.zeroize();
    }

    /// Goes on with the group of an endpoint that has come from another host: with the epoch after the one that ran there.
    pub(crate) fn go_on(
        &mut self,
        now: Mono,
        coordinate: Coordinate,
        suite: Suite,
        seconds: u32,
        epoch: u64,
        rng: &mut impl CryptoRng,
    ) {
        self.wipe();
        (self.coordinate, self.suite, self.own, self.epoch) = (coordinate, suite, seconds, epoch);
        // Where the epochs are used up nothing is sealed any more.
        let _ = self.rotate(now, rng);
    }

    /// The EIDs on the Trust List.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Eid> {
        self.trusted.iter().flatten()
    }

    /// Seconds between rotations, as the endpoint's owner wants them.
    pub(crate) const fn rotation(&self) -> u32 {
        self.own
    }

    fn start(&mut self, now: Mono, epoch: u64, rng: &mut impl CryptoRng) {
        cleanly(|| {
            self.key.zeroize();
            self.key = Secret32::random(rng);
            (self.salt, self.epoch, self.counter) = (salt(rng), epoch, 0);
            (self.began, self.seconds) = (now, self.own);
            self.forget_sealed();
        })
    }

    /// The coordinate of the group's endpoint.
    #[must_use]
    pub const fn coordinate(&self) -> Coordinate {
        self.coordinate
    }

    /// The epoch, which rises by one; 0 if there is no group.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Notes that the key was sent to a member whose contract requires rotation at least this often (in seconds); 0
    /// means no requirement. It applies to this epoch.
    pub const fn shorten(&mut self, seconds: u32) {
        if seconds > 0 && (self.seconds == 0 || seconds < self.seconds) {
            self.seconds = seconds;
        }
    }

    /// When the epoch ends by time.
    #[must_use]
    pub fn rotation_due(&self) -> Option<Mono> {
        (self.epoch > 0 && self.seconds > 0).then(|| self.began.after(u64::from(self.seconds) * 1_000))
    }

    /// Whether the agent's Trust List has it.
    #[must_use]
    pub fn trusts(&self, member: &Eid) -> bool {
        self.trusted.contains(&Some(*member))
    }

    /// Puts a member on the Trust List. It can read values that were sealed since the epoch began, and no older ones.
    ///
    /// # Errors
    /// There is no place.
    pub fn trust(&mut self, member: Eid) -> Result<(), GroupError> {
        if self.trusts(&member) {
            return Ok(());
        }
        let place = self.trusted.iter_mut().take(MEMBERS).find(|place| place.is_none());
        *place.ok_or(GroupError::Capacity)? = Some(member);
        Ok(())
    }

    /// Removes a member from the Trust List. Returns whether it was there. If the member holds the key, the caller must
    /// rotate in the same step.
    pub fn distrust(&mut self, member: &Eid) -> bool {
        let place = self.trusted.iter_mut().find(|place| **place == Some(*member));
        place.map(|place| *place = None).is_some()
    }

    /// Begins a new epoch: by time, and in the step in which a member is taken off, its session ends or is DISCONNECTED
    /// for over 60 s, its right ends, or it becomes CHALLENGED. All members that leave in one step share one rotation.
    /// Every remaining member gets the new key, and then the newly sealed value.
    ///
    /// # Errors
    /// The epochs are used up: nothing is sealed any more.
    // keeps: IACP-149 (§6.4.4)
    pub fn rotate(&mut self, now: Mono, rng: &mut impl CryptoRng) -> Result<(), GroupError> {
        let epoch = self.epoch.checked_add(1);
        // Even if this fails, nothing more is sealed under the old key.
        self.start(now, epoch.unwrap_or(u64::MAX), rng);
        if epoch.is_none() {
            self.counter = VALUES;
        }
        epoch.map(|_| ()).ok_or(GroupError::Spent)
    }

    /// After a start, an import or a clone of the LL-Entity: a new salt, so that no loss of the counter repeats a nonce.
    pub fn renew(&mut self, rng: &mut impl CryptoRng) {
        (self.salt, self.counter) = (salt(rng), 0);
        self.forget_sealed();
    }

    /// Writes the content of kind 2 with the epoch's key, for a member's session to seal. The caller wipes the buffer. `None`
    /// if it does not fit.
    #[must_use]
    pub fn write_key(&self, out: &mut [u8]) -> Option<usize> {
        self.content(Some(self.key.expose())).write(out)
    }

    /// Writes the content of kind 2 that tells the receiver that it is no longer a member. `None` if it does not fit.
    #[must_use]
    pub fn write_out(&self, out: &mut [u8]) -> Option<usize> {
        self.content(None).write(out)
    }

    const fn content<'k>(&self, key: Option<&'k [u8; 32]>) -> GroupKey<'k> {
        GroupKey { coordinate: self.coordinate, epoch: self.epoch, suite: self.suite, seconds: self.seconds, key }
    }

    /// The newest value, sealed once in this epoch.
    ///
    /// # Errors
    /// See [`GroupError`]. Nothing was sealed.
    pub fn seal<P: Provider>(&mut self, version: u64, value: &[u8]) -> Result<&[u8], GroupError> {
        let length = value.len().saturating_add(SEALING);
        if version == 0 || version != self.version {
            if self.epoch == 0 || self.counter >= VALUES {
                return Err(GroupError::Spent);
            }
            if length > VALUE {
                return Err(GroupError::Length);
            }
            let counter = self.counter;
            self.counter += 1;
            let room = self.sealed.get_mut(..length).ok_or(GroupError::Length)?;
            let (head, rest) = room.split_at_mut_checked(24).ok_or(GroupError::Length)?;
            let (text, tag) = rest.split_at_mut_checked(value.len()).ok_or(GroupError::Length)?;
            let fields = self.epoch.to_be_bytes().into_iter().chain(self.salt).chain(counter.to_be_bytes());
            head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
            text.copy_from_slice(value);
            let sealed = cleanly(|| {
                let cipher = cipher::<P>(self.suite, &self.key, &self.coordinate, &self.salt);
                P::seal(&cipher, &nonce(counter), &aad(&self.coordinate, version), text)
            });
            tag.copy_from_slice(&sealed);
            (self.version, self.length) = (version, length);
        }
        self.sealed.get(..self.length).ok_or(GroupError::Length)
    }
}

/// One epoch of a member.
struct Epoch {
    number: u64,
    suite: Suite,
    key: Secret32,
}

/// A member's side of one group: the newest epoch, and for 60 s the one before. Only contents from the owner's own
/// session are accepted, because members could forge values for one another.
#[derive(Default)]
pub struct Membership {
    newest: Option<Epoch>,
    older: Option<(Epoch, Mono)>,
    out: u64,
    missing: bool,
}

impl Membership {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: None, older: None, out: 0, missing: false }
    }

    /// Whether a key is held: then this side is a member.
    #[must_use]
    pub const fn is_member(&self) -> bool {
        self.newest.is_some()
    }

    /// Takes a content of kind 2 from the owner. Returns whether a SUBSCRIBE is to be sent, because a value of this epoch came
    /// before its key. Epochs that are not above the newest change nothing.
    pub fn take(&mut self, now: Mono, content: &GroupKey<'_>) -> bool {
        self.expire(now);
        let newest = self.newest.as_ref().map_or(0, |epoch| epoch.number);
        let Some(key) = content.key else {
            if content.epoch > newest.max(self.out) {
                *self = Self { out: content.epoch, ..Self::new() };
            }
            return false;
        };
        // A member that is back gets the key of the current epoch, and none of an older one.
        if content.epoch <= newest || content.epoch < self.out {
            return false;
        }
        let key = Secret32::fill(|to| to.copy_from_slice(key));
        let older = self.newest.replace(Epoch { number: content.epoch, suite: content.suite, key });
        self.older = older.map(|older| (older, now.after(OLDER)));
        core::mem::take(&mut self.missing)
    }

    /// Wipes the older epoch when its time is over.
    pub fn expire(&mut self, now: Mono) {
        if self.older.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.older = None;
        }
    }

    /// Opens a sealed value in place: epoch, salt and counter, then the ciphertext, then the tag.
    ///
    /// # Errors
    /// See [`GroupError`].
    pub fn open<'d, P: Provider>(
        &mut self,
        now: Mono,
        coordinate: &Coordinate,
        version: u64,
        sealed: &'d mut [u8],
    ) -> Result<&'d [u8], GroupError> {
        self.expire(now);
        let (head, rest) = sealed.split_first_chunk_mut::<24>().ok_or(GroupError::Length)?;
        let (text, tag) = rest.split_last_chunk_mut::<16>().ok_or(GroupError::Length)?;
        let [a, b, c, d, e, f, g, h, salt @ .., i, j, k, l, m, n, o, p] = *head;
        let (number, counter) =
            (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]));
        let newest = self.newest.as_ref();
        let known = newest.into_iter().chain(self.older.as_ref().map(|(older, _)| older));
        let Some(epoch) = known.into_iter().find(|epoch| epoch.number == number) else {
            self.missing |= newest.is_none_or(|newest| number > newest.number);
            return Err(GroupError::UnknownEpoch);
        };
        cleanly(|| {
            let cipher = cipher::<P>(epoch.suite, &epoch.key, coordinate, &salt);
            P::open(&cipher, &nonce(counter), &aad(coordinate, version), text, tag).map_err(|_| GroupError::Seal)
        })?;
        Ok(text)
    }
}

fn salt(rng: &mut impl CryptoRng) -> [u8; 8] {
    let mut salt = [0; 8];
    rng.fill_bytes(&mut salt);
    salt
}

fn cipher<P: Provider>(suite: Suite, key: &Secret32, coordinate: &Coordinate, salt: &[u8; 8]) -> P::Cipher {
    cleanly(|| {
        let mut info = [0; 51];
        let parts = b"IACP/1 dgk\0".iter().chain(&coordinate.0).chain(salt);
        info.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        let sealing = P::hkdf_expand_key(key, &info);
        info.zeroize();
        P::cipher(suite, &sealing)
    })
}

fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce.iter_mut().skip(4).zip(counter.to_be_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

fn aad(coordinate: &Coordinate, version: u64) -> [u8; 40] {
    let mut aad = [0; 40];
    aad.iter_mut().zip(coordinate.0.into_iter().chain(version.to_be_bytes())).for_each(|(to, from)| *to = from);
    aad
}

#[cfg(test)]
mod tests;
