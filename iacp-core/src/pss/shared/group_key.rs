//! Dynamic Group Keys: an endpoint's values, sealed once for all members of its group (`IACP §6.4.4`).
//!
//! The key of an epoch is random and never derived from another epoch's. It changes by time, and in the step in which a member
//! leaves: so a former member reads nothing new.

use core::fmt;

use iacp_wire::Eid;
use rand_core::CryptoRng;
use zeroize::Zeroize;

use super::coordinate::Coordinate;
use super::frame::{GroupKey, VALUE};
use crate::crypto::{Provider, Secret32, Suite};
use crate::time::Mono;

/// Epoch 8, salt 8, counter 8, tag 16: what a sealed value has beside its bytes.
pub const SEALING: usize = 40;
/// A group has no more members.
pub const MEMBERS: usize = 64;
/// An epoch seals no more values.
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
    /// The epoch has sealed as many values as it may, or the epochs are used up: rotate, or give the group up.
    Spent,
    /// The value is sealed under an epoch that is not known here: it is dropped, and asked for when the key comes.
    UnknownEpoch,
    /// It does not open.
    Seal,
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capacity => "the group has no place for another member",
            Self::Length => "the value does not fit",
            Self::Spent => "the epoch has sealed all that it may",
            Self::UnknownEpoch => "the value's epoch is not known here",
            Self::Seal => "the value does not open",
        })
    }
}

impl core::error::Error for GroupError {}

/// A place for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSlot {
    member: Option<Eid>,
    /// The newest epoch whose key was sent.
    told: u64,
    /// It is out, and has not been told.
    out: bool,
}

impl MemberSlot {
    /// An empty place.
    pub const EMPTY: Self = Self { member: None, told: 0, out: false };
}

/// What the group owes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Owed {
    /// The key of the epoch: it goes before the value that is sealed under it.
    Key,
    /// That it is out, and nothing of the new epoch.
    Out,
}

/// The owner's side of a group. The owner alone seals.
pub struct Group<'m> {
    coordinate: Coordinate,
    suite: Suite,
    members: &'m mut [MemberSlot],
    epoch: u64,
    key: Secret32,
    salt: [u8; 8],
    counter: u64,
    seconds: u32,
    began: Mono,
}

impl<'m> Group<'m> {
    /// A group without members, in its first epoch. `seconds` is the shortest rotation that is not zero of the members' contracts and
    /// the endpoint's own; 0 is none.
    pub fn new(
        now: Mono,
        coordinate: Coordinate,
        suite: Suite,
        seconds: u32,
        members: &'m mut [MemberSlot],
        rng: &mut impl CryptoRng,
    ) -> Self {
        let most = members.len().min(MEMBERS);
        let members = members.get_mut(..most).unwrap_or_default();
        members.fill(MemberSlot::EMPTY);
        let (key, salt) = (Secret32::random(rng), salt(rng));
        Self { coordinate, suite, members, epoch: 1, key, salt, counter: 0, seconds, began: now }
    }

    /// The epoch: it rises by one.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Another rotation time, after a contract has come or gone.
    pub const fn set_rotation(&mut self, seconds: u32) {
        self.seconds = seconds;
    }

    /// When the epoch ends by time.
    #[must_use]
    pub fn rotation_due(&self) -> Option<Mono> {
        (self.seconds > 0).then(|| self.began.after(u64::from(self.seconds) * 1_000))
    }

    /// Whether the agent's Trust List has it, and it is not out.
    #[must_use]
    pub fn has(&self, member: &Eid) -> bool {
        self.members.iter().any(|slot| slot.member == Some(*member) && !slot.out)
    }

    /// Takes a member in. It can read what was sealed since the epoch began, and nothing older.
    ///
    /// # Errors
    /// There is no place.
    pub fn join(&mut self, member: Eid) -> Result<(), GroupError> {
        if let Some(slot) = self.members.iter_mut().find(|slot| slot.member == Some(member)) {
            // One that was taken off and is back before it was told gets the key of the epoch that began without it.
            slot.out = false;
            return Ok(());
        }
        let free = |slot: &&mut MemberSlot| slot.member.is_none();
        let slot = self.members.iter_mut().find(free).ok_or(GroupError::Capacity)?;
        *slot = MemberSlot { member: Some(member), ..MemberSlot::EMPTY };
        Ok(())
    }

    /// Takes members off and begins a new epoch in the same step: when one is taken from the Trust List, its session ends or is
    /// DISCONNECTED for over 60 s, its right ends, or it becomes CHALLENGED. All that leave in one step share one rotation.
    /// Returns whether there was one.
    ///
    /// # Errors
    /// The epochs are used up; the members are off all the same, and nothing is sealed any more.
    // keeps: IACP-149
    pub fn leave(
        &mut self,
        now: Mono,
        leaves: impl Fn(&Eid) -> bool,
        rng: &mut impl CryptoRng,
    ) -> Result<bool, GroupError> {
        let mut left = false;
        for slot in self.members.iter_mut().filter(|slot| !slot.out) {
            if slot.member.as_ref().is_some_and(&leaves) {
                (slot.out, left) = (true, true);
            }
        }
        if left {
            self.rotate(now, rng)?;
        }
        Ok(left)
    }

    /// Begins a new epoch: every member gets its key, and then the value sealed anew.
    ///
    /// # Errors
    /// The epochs are used up.
    pub fn rotate(&mut self, now: Mono, rng: &mut impl CryptoRng) -> Result<(), GroupError> {
        // Whatever comes of it: nothing more is sealed under the old key.
        self.key = Secret32::random(rng);
        self.salt = salt(rng);
        let Some(epoch) = self.epoch.checked_add(1) else {
            self.counter = VALUES;
            return Err(GroupError::Spent);
        };
        (self.epoch, self.counter, self.began) = (epoch, 0, now);
        Ok(())
    }

    /// After a start, an import or a clone of the LL-Entity: a new salt, so that no loss of the counter repeats a nonce.
    pub fn renew(&mut self, rng: &mut impl CryptoRng) {
        (self.salt, self.counter) = (salt(rng), 0);
    }

    /// What a member is to be sent before anything that is sealed.
    #[must_use]
    pub fn owed(&self, member: &Eid) -> Option<Owed> {
        let slot = self.members.iter().find(|slot| slot.member == Some(*member))?;
        match slot {
            MemberSlot { out: true, .. } => Some(Owed::Out),
            MemberSlot { told, .. } => (*told < self.epoch).then_some(Owed::Key),
        }
    }

    /// Writes the content of kind 2 that a member is owed, for its session to seal. The caller wipes the buffer. `None` if nothing
    /// is owed or it does not fit.
    pub fn tell(&mut self, member: &Eid, out: &mut [u8]) -> Option<usize> {
        let owed = self.owed(member)?;
        let content = GroupKey {
            coordinate: self.coordinate,
            epoch: self.epoch,
            suite: self.suite,
            seconds: self.seconds,
            key: (owed == Owed::Key).then(|| self.key.expose()),
        };
        let length = content.write(out)?;
        let slot = self.members.iter_mut().find(|slot| slot.member == Some(*member))?;
        match owed {
            Owed::Key => slot.told = self.epoch,
            Owed::Out => *slot = MemberSlot::EMPTY,
        }
        Some(length)
    }

    /// Seals a value once; the same bytes go to all members. Returns their length in `out`.
    ///
    /// # Errors
    /// See [`GroupError`]. Nothing was sealed.
    pub fn seal<P: Provider>(&mut self, version: u64, value: &[u8], out: &mut [u8]) -> Result<usize, GroupError> {
        if self.counter >= VALUES {
            return Err(GroupError::Spent);
        }
        let length = value.len().saturating_add(SEALING);
        let room = out.get_mut(..length).filter(|_| length <= VALUE).ok_or(GroupError::Length)?;
        let counter = self.counter;
        self.counter += 1;
        let cipher = cipher::<P>(self.suite, &self.key, &self.coordinate, &self.salt);
        let (head, rest) = room.split_at_mut_checked(24).ok_or(GroupError::Length)?;
        let (text, tag) = rest.split_at_mut_checked(value.len()).ok_or(GroupError::Length)?;
        let fields = self.epoch.to_be_bytes().into_iter().chain(self.salt).chain(counter.to_be_bytes());
        head.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        text.copy_from_slice(value);
        let sealed = P::seal(&cipher, &nonce(counter), &aad(&self.coordinate, version), text);
        tag.copy_from_slice(&sealed);
        Ok(length)
    }
}

/// One epoch of a member.
struct Epoch {
    number: u64,
    suite: Suite,
    key: Secret32,
}

/// A member's side of one group: the newest epoch, and for 60 s the one before. Only what the owner says inside its own
/// session is taken: members could forge for one another.
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

    /// Takes a content of kind 2 from the owner. Returns whether a SUBSCRIBE is to be sent, because a value of this epoch came
    /// before its key. Epochs that are not above the newest change nothing.
    pub fn take(&mut self, now: Mono, content: &GroupKey<'_>) -> bool {
        self.expire(now);
        let newest = self.newest.as_ref().map_or(0, |epoch| epoch.number).max(self.out);
        let Some(key) = content.key else {
            if content.epoch > newest {
                *self = Self { out: content.epoch, ..Self::new() };
            }
            return false;
        };
        if content.epoch <= newest {
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

    /// Opens a sealed value where it stands: epoch, salt and counter, then the ciphertext, then the tag.
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
        let cipher = cipher::<P>(epoch.suite, &epoch.key, coordinate, &salt);
        P::open(&cipher, &nonce(counter), &aad(coordinate, version), text, tag).map_err(|_| GroupError::Seal)?;
        Ok(text)
    }
}

fn salt(rng: &mut impl CryptoRng) -> [u8; 8] {
    let mut salt = [0; 8];
    rng.fill_bytes(&mut salt);
    salt
}

fn cipher<P: Provider>(suite: Suite, key: &Secret32, coordinate: &Coordinate, salt: &[u8; 8]) -> P::Cipher {
    let mut info = [0; 51];
    let parts = b"IACP/1 dgk\0".iter().chain(&coordinate.0).chain(salt);
    info.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    let sealing = P::hkdf_expand_key(key, &info);
    info.zeroize();
    P::cipher(suite, &sealing)
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
