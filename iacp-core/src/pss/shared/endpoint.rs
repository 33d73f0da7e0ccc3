//! Ephemeral State Endpoints: small values with versions, which live as long as the EID that owns them (`IACP §6.1`).

use iacp_wire::Eid;
use zeroize::Zeroize;

use super::coordinate::Coordinate;
use super::frame::{TAG, VALUE};
use super::group_key::SEALING;
use crate::crypto::Provider;

/// Tags with this prefix are reserved for the protocol.
const RESERVED: &[u8] = b"IACP/1 ";

/// The tag of the endpoint that each side has for the other without asking.
#[must_use]
pub fn pair_tag(peer: &Eid) -> [u8; 44] {
    tagged(&peer.0)
}

/// The tag of the only endpoint of a session for which EXCLUSIVE was agreed.
// keeps: IACP-148 (§6.4.4)
#[must_use]
pub fn exclusive_tag(session_hash: &[u8; 32]) -> [u8; 44] {
    tagged(session_hash)
}

fn tagged(name: &[u8; 32]) -> [u8; 44] {
    let mut tag = [0; 44];
    tag.iter_mut().zip(b"IACP/1 pair\0".iter().chain(name)).for_each(|(to, from)| *to = *from);
    tag
}

/// What an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EndpointFlags {
    /// It serves peers anywhere; a local endpoint serves only peers on this host and its own links.
    pub global: bool,
    /// A local endpoint that serves like a global one.
    pub bridged: bool,
    /// Whether its values are sealed under a group key.
    pub sealed: bool,
}

/// Why nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EndpointError {
    /// All places are taken.
    Capacity,
    /// The tag is empty, longer than 64 bytes, or reserved for the protocol.
    Tag,
    /// There is already an endpoint with this tag.
    Exists,
    /// There is no such endpoint.
    NotFound,
    /// The value is too long.
    TooLong,
    /// The version is another one.
    Version,
}

words! {
    EndpointError {
        Self::Capacity => "there is no place for another endpoint",
        Self::Tag => "the tag is empty, longer than 64 bytes, or reserved",
        Self::Exists => "an endpoint with this tag exists",
        Self::NotFound => "there is no such endpoint",
        Self::TooLong => "the value is longer than 835 bytes",
        Self::Version => "the endpoint has another version",
    }
}

impl core::error::Error for EndpointError {}

/// A place for an endpoint. Wiped when it is erased.
#[derive(Zeroize)]
pub struct EndpointSlot {
    coordinate: [u8; 32],
    tag: [u8; TAG],
    tag_length: u8,
    is_global: bool,
    is_bridged: bool,
    is_sealed: bool,
    /// 0 in an empty place: versions begin at 1.
    version: u64,
    /// The place of its group, and the epoch under which values may be sealed now; 0 is none.
    group: u32,
    epoch: u64,
    length: u16,
    value: [u8; VALUE],
}

impl EndpointSlot {
    /// An empty place.
    pub const EMPTY: Self = Self {
        coordinate: [0; 32],
        tag: [0; TAG],
        tag_length: 0,
        is_global: false,
        is_bridged: false,
        is_sealed: false,
        version: 0,
        group: 0,
        epoch: 0,
        length: 0,
        value: [0; VALUE],
    };

    /// The coordinate of the endpoint.
    #[must_use]
    pub const fn coordinate(&self) -> Coordinate {
        Coordinate(self.coordinate)
    }

    /// The flags of the endpoint.
    #[must_use]
    pub const fn flags(&self) -> EndpointFlags {
        EndpointFlags { global: self.is_global, bridged: self.is_bridged, sealed: self.is_sealed }
    }

    /// The owner's name for it; a GRANT contains it.
    #[must_use]
    pub fn tag(&self) -> &[u8] {
        self.tag.get(..usize::from(self.tag_length)).unwrap_or_default()
    }

    /// Whether it belongs to a pair of agents: its tag is one of the protocol.
    #[must_use]
    pub fn is_of_pair(&self) -> bool {
        self.tag().starts_with(RESERVED)
    }

    /// One more with each change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The value in clear.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.value.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The epoch of its group under which values may be sealed now; 0 is none: a member has left, and the next epoch has not
    /// begun.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sets the epoch of its group; 0 if it has ended.
    pub const fn set_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    /// Its place among the groups, if its values are sealed.
    pub(crate) const fn group(&self) -> Option<u32> {
        self.group.checked_sub(1)
    }

    pub(crate) const fn set_group(&mut self, group: u32) {
        self.group = group + 1;
    }

    fn set(&mut self, version: u64, value: &[u8]) {
        self.value.zeroize();
        self.value.iter_mut().zip(value).for_each(|(to, from)| *to = *from);
        // The caller has checked that it is at most 835.
        self.length = u16::try_from(value.len()).unwrap_or(0);
        self.version = version;
    }
}

/// The endpoints of one EID, in the caller's memory: as many as there are places, at most 64. They live only as long as
/// the EID: the LL-Entity calls [`Endpoints::erase_all`] when the EID ends.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::pss::shared::endpoint::{EndpointError, EndpointFlags, EndpointSlot, Endpoints};
/// use iacp_wire::Eid;
///
/// let mut slots = [EndpointSlot::EMPTY; 2];
/// let mut endpoints = Endpoints::new(Eid([7; 32]), &mut slots);
/// let door = endpoints.create::<ChaChaOnly>(b"door", EndpointFlags::default())?;
/// assert_eq!(endpoints.write(&door, 0, b"open")?, 2);
/// assert_eq!(endpoints.find(&door).map(|endpoint| endpoint.value()), Some(&b"open"[..]));
/// assert_eq!(endpoints.write(&door, 1, b"shut"), Err(EndpointError::Version), "it has version 2 by now");
/// # Ok::<(), EndpointError>(())
/// ```
pub struct Endpoints<'m> {
    owner: Eid,
    slots: &'m mut [EndpointSlot],
}

impl<'m> Endpoints<'m> {
    /// The most places that are used.
    pub const MOST: usize = 64;

    /// The endpoints of a new EID: the contents of the places are wiped.
    #[must_use]
    pub fn new(owner: Eid, slots: &'m mut [EndpointSlot]) -> Self {
        let most = slots.len().min(Self::MOST);
        let slots = slots.get_mut(..most).unwrap_or_default();
        let mut endpoints = Self { owner, slots };
        endpoints.erase_all();
        endpoints
    }

    /// The endpoints that are already in these places.
    pub(crate) fn over(owner: Eid, slots: &'m mut [EndpointSlot]) -> Self {
        Self { owner, slots }
    }

    /// The EID has ended: all values and tags are wiped.
    // keeps: IACP-132 (§6.1.1)
    pub fn erase_all(&mut self) {
        self.slots.iter_mut().for_each(Zeroize::zeroize);
    }

    /// A new endpoint with an empty value and version 1.
    ///
    /// # Errors
    /// See [`EndpointError`]; the tag must not begin like those of the protocol.
    pub fn create<P: Provider>(&mut self, tag: &[u8], flags: EndpointFlags) -> Result<Coordinate, EndpointError> {
        if tag.starts_with(RESERVED) {
            return Err(EndpointError::Tag);
        }
        self.enter::<P>(tag, flags)
    }

    /// Creates the endpoint of a pair of agents: see [`pair_tag`] and [`exclusive_tag`]. It is global; an existing one
    /// stays as it is.
    ///
    /// # Errors
    /// There is no place.
    pub fn pair<P: Provider>(&mut self, tag: &[u8; 44]) -> Result<Coordinate, EndpointError> {
        let flags = EndpointFlags { global: true, ..EndpointFlags::default() };
        match self.enter::<P>(tag, flags) {
            Err(EndpointError::Exists) => Ok(Coordinate::of::<P>(&self.owner, tag)),
            other => other,
        }
    }

    /// An endpoint that has come from another host with its agent, with the version and the value that it had there.
    ///
    /// # Errors
    /// See [`EndpointError`]. Nothing has changed.
    pub(crate) fn restore<P: Provider>(
        &mut self,
        tag: &[u8],
        flags: EndpointFlags,
        version: u64,
        value: &[u8],
    ) -> Result<Coordinate, EndpointError> {
        let most = if flags.sealed { VALUE - SEALING } else { VALUE };
        if value.len() > most || version == 0 {
            return Err(EndpointError::TooLong);
        }
        let coordinate = self.enter::<P>(tag, flags)?;
        if let Some(slot) = self.find_mut(&coordinate) {
            slot.set(version, value);
        }
        Ok(coordinate)
    }

    fn enter<P: Provider>(&mut self, tag: &[u8], flags: EndpointFlags) -> Result<Coordinate, EndpointError> {
        let tag_length = u8::try_from(tag.len()).map_err(|_| EndpointError::Tag)?;
        if tag.is_empty() || tag.len() > TAG {
            return Err(EndpointError::Tag);
        }
        let coordinate = Coordinate::of::<P>(&self.owner, tag);
        if self.find(&coordinate).is_some() {
            return Err(EndpointError::Exists);
        }
        let slot = self.slots.iter_mut().find(|slot| slot.version == 0).ok_or(EndpointError::Capacity)?;
        slot.coordinate = coordinate.0;
        slot.tag.iter_mut().zip(tag).for_each(|(to, from)| *to = *from);
        slot.tag_length = tag_length;
        (slot.is_global, slot.is_bridged, slot.is_sealed) = (flags.global, flags.bridged, flags.sealed);
        slot.set(1, &[]);
        Ok(coordinate)
    }

    /// The endpoint with this coordinate.
    #[must_use]
    pub fn find(&self, coordinate: &Coordinate) -> Option<&EndpointSlot> {
        self.slots.iter().find(|slot| slot.version != 0 && slot.coordinate == coordinate.0)
    }

    /// The same, to be changed.
    pub fn find_mut(&mut self, coordinate: &Coordinate) -> Option<&mut EndpointSlot> {
        self.slots.iter_mut().find(|slot| slot.version != 0 && slot.coordinate == coordinate.0)
    }

    /// Changes a value, if its version is `if_version` or `if_version` is 0, and returns the new version.
    ///
    /// # Errors
    /// See [`EndpointError`]. Nothing has changed.
    pub fn write(&mut self, coordinate: &Coordinate, if_version: u64, value: &[u8]) -> Result<u64, EndpointError> {
        let slot = self.find_mut(coordinate).ok_or(EndpointError::NotFound)?;
        // A sealed value has 40 bytes more.
        let most = if slot.is_sealed { VALUE - SEALING } else { VALUE };
        if value.len() > most {
            return Err(EndpointError::TooLong);
        }
        if if_version != 0 && if_version != slot.version {
            return Err(EndpointError::Version);
        }
        let version = slot.version.checked_add(1).ok_or(EndpointError::Version)?;
        slot.set(version, value);
        Ok(version)
    }

    /// Erases an endpoint: value and tag are wiped. Returns whether it was there.
    pub fn erase(&mut self, coordinate: &Coordinate) -> bool {
        self.find_mut(coordinate).map(Zeroize::zeroize).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ChaChaOnly;

    const PLAIN: EndpointFlags = EndpointFlags { global: false, bridged: false, sealed: false };

    fn with_endpoints(run: impl FnOnce(&mut Endpoints<'_>)) {
        let mut slots = [const { EndpointSlot::EMPTY }; 66];
        run(&mut Endpoints::new(Eid([7; 32]), &mut slots));
    }

    #[test]
    fn an_endpoint_that_has_come_from_another_host_keeps_version_and_value() {
        let sealed = EndpointFlags { sealed: true, ..PLAIN };
        for (flags, length, version, fits) in [
            (PLAIN, 835, 7, true),
            (PLAIN, 836, 7, false),
            (sealed, 795, 7, true),
            (sealed, 796, 7, false),
            (PLAIN, 0, 1, true),
            (PLAIN, 0, 0, false),
        ] {
            with_endpoints(|endpoints| {
                let value = &[9; 836][..length];
                let restored = endpoints.restore::<ChaChaOnly>(b"door", flags, version, value);
                assert_eq!(restored.is_ok(), fits, "{length} bytes, version {version}");
                let Ok(coordinate) = restored else { return assert_eq!(restored, Err(EndpointError::TooLong)) };
                let slot = endpoints.find(&coordinate).expect("it is there");
                assert_eq!(
                    (slot.version(), slot.value(), slot.flags(), slot.tag()),
                    (version, value, flags, &b"door"[..])
                );
                let again = endpoints.restore::<ChaChaOnly>(b"door", flags, version, b"");
                assert_eq!(again, Err(EndpointError::Exists));
            });
        }
    }

    #[test]
    fn an_eid_has_64_endpoints_with_tags_of_64_bytes() {
        with_endpoints(|endpoints| {
            for tag in 0..64 {
                assert!(endpoints.create::<ChaChaOnly>(&[tag], PLAIN).is_ok(), "{tag}");
            }
            assert_eq!(endpoints.create::<ChaChaOnly>(&[64], PLAIN), Err(EndpointError::Capacity));
        });
        with_endpoints(|endpoints| {
            for (length, fits) in [(0, false), (1, true), (64, true), (65, false), (256, false)] {
                let created = endpoints.create::<ChaChaOnly>(&[b't'; 256][..length], PLAIN);
                assert_eq!(created.is_ok(), fits, "{length} bytes");
            }
        });
    }

    #[test]
    fn an_endpoint_knows_its_group_its_epoch_and_whether_it_is_of_a_pair() {
        with_endpoints(|endpoints| {
            let door = endpoints.create::<ChaChaOnly>(b"door", PLAIN).expect("room");
            let pair = endpoints.pair::<ChaChaOnly>(&pair_tag(&Eid([9; 32]))).expect("room");
            assert_ne!(pair_tag(&Eid([9; 32])), exclusive_tag(&[8; 32]));
            let pair = endpoints.find(&pair).expect("it is there");
            assert!(pair.is_of_pair() && pair.flags().global && pair.tag().len() == 44);
            let slot = endpoints.find_mut(&door).expect("it is there");
            assert_eq!((slot.is_of_pair(), slot.group(), slot.epoch()), (false, None, 0));
            slot.set_group(0);
            slot.set_epoch(3);
            assert_eq!((slot.group(), slot.epoch(), slot.coordinate()), (Some(0), 3, door));
            slot.set_group(4);
            assert_eq!(slot.group(), Some(4));
            // The last version of all takes no other value.
            slot.set(u64::MAX - 1, b"old");
            assert_eq!(endpoints.write(&door, 0, b"last"), Ok(u64::MAX));
            assert_eq!(endpoints.write(&door, 0, b"none"), Err(EndpointError::Version));
            assert_eq!(endpoints.find(&door).map(EndpointSlot::value), Some(&b"last"[..]));
            assert!(endpoints.erase(&door) && endpoints.find(&Coordinate([0; 32])).is_none(), "an empty place is none");
        });
    }
}
