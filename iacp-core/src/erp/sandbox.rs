//! The gate of the sandbox: its only way out, by an ESD-EID and nothing else (`IACP §4.1.4.3`).

use iacp_wire::layout::HandOffContext;
use iacp_wire::message::SandboxStream;
use iacp_wire::{Digest, Eid, Frame, Message, WriteError};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use crate::crypto::Provider;
use crate::identity::{Derivation, EsdEid};
use crate::slots::{Maybe, Places};
use crate::time::Mono;

/// No derivative lives longer, in seconds.
pub const LONGEST: u32 = 3_600;
/// The most streams that a derivative has at a time.
pub const STREAMS: usize = 16;
/// A stream has no more bytes under way to the egress.
pub const UNDER_WAY: u32 = 1 << 20;
/// How many slots are tried for one derivative.
const REACH: usize = 8;

/// Why a derivative is not made, or a frame of a sandbox is silently dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Shut {
    /// It would live too long, or no time at all.
    Time,
    /// There is no place.
    Capacity,
    /// The bytes are no SANDBOX_STREAM.
    Malformed,
    /// No living derivative has this name.
    Unknown,
    /// The stream is not open, or opens twice.
    Stream,
    /// The URL is not text.
    Url,
    /// More than 1 MiB would be under way.
    Full,
}

words! {
    Shut {
        Self::Time => "a derivative lives 1 to 3,600 seconds",
        Self::Capacity => "there is no place for it",
        Self::Malformed => "the bytes are no frame of a sandbox",
        Self::Unknown => "no living derivative has this name",
        Self::Stream => "the stream is not open, or opens twice",
        Self::Url => "the URL is no text",
        Self::Full => "more than 1 MiB would be under way",
    }
}

impl core::error::Error for Shut {}

/// A stream of a sandbox.
#[derive(Clone, Copy)]
struct Stream {
    number: u32,
    under_way: u32,
    /// The sandbox has said its last byte.
    asked: bool,
    /// The egress has.
    answered: bool,
}

/// Whose derivative it is: known inside the LL-Entity only.
struct Derived {
    derivation: Derivation,
    context: u32,
    session: u64,
    until: Mono,
    streams: [Option<Stream>; STREAMS],
}

impl Derived {
    /// Whether this is its name, in constant time: the name is all that it takes to act by it.
    fn has(&self, name: &Digest) -> bool {
        bool::from(self.derivation.esd_eid().as_bytes().ct_eq(&name.0))
    }
}

/// A place for a derivative.
pub struct DerivedSlot(Maybe<Derived>);

impl DerivedSlot {
    /// An empty place.
    pub const EMPTY: Self = Self(Maybe::Nothing);
}

/// What a frame of a sandbox asks of the caller's egress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Egress<'a> {
    /// Whose it is; `session` is 0 if there is none. Neither goes toward the sandbox or into the network.
    pub context: u32,
    /// See above.
    pub session: u64,
    /// The stream's number.
    pub stream: u32,
    /// Where it leads, if it opens with this frame.
    pub url: Option<&'a str>,
    /// What is to be sent.
    pub bytes: &'a [u8],
    /// Whether these bytes are the last.
    pub ends: bool,
}

/// All derivatives of a host, in the caller's memory. An ESD-EID is unguessable and stands by its own bytes, so a look-up is a
/// few steps at most.
///
/// Without `ANY` it has no places, see [`Slots`](crate::slots::Slots).
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::erp::sandbox::{DerivedSlot, Egress, Gate, Shut};
/// use iacp_core::time::Mono;
/// use iacp_wire::message::SandboxStream;
/// use iacp_wire::{Eid, Frame, Message};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// let mut slots = [const { DerivedSlot::EMPTY }; 16];
/// let mut gate = Gate::new(&mut slots);
/// let name = gate.derive::<Portable>(Mono(0), &Eid([7; 32]), (3, 0), 60, &mut rng)?; // context 3, no session, a minute
///
/// // The sandbox asks for a page under the derived name; the agent's EID is not in the frame.
/// let flags = SandboxStream::OPENS.into();
/// let head = SandboxStream { esd_eid: name.digest(), stream: 1.into(), stream_flags: flags, reserved: [0; 2] };
/// let mut buffer = [0; 100];
/// let length = Frame::new(Message::SandboxStream { head: &head, bytes: b"https://example.org/" }).write(&mut buffer)?;
/// let Egress { context, url, .. } = gate.take(Mono(0), &buffer[..length])?;
/// assert_eq!((context, url), (3, Some("https://example.org/")));
/// assert_eq!(gate.take(Mono(60_000), &buffer[..length]), Err(Shut::Unknown)); // the minute is over
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Gate<'m, const ANY: bool = true> {
    slots: Places<'m, DerivedSlot, ANY>,
}

impl<'m> Gate<'m> {
    /// A gate with no derivatives.
    #[must_use]
    pub fn new(slots: &'m mut [DerivedSlot]) -> Self {
        Self::over(slots)
    }
}

impl<'m, const ANY: bool> Gate<'m, ANY> {
    /// See [`Gate::new`].
    pub(crate) fn over(slots: &'m mut [DerivedSlot]) -> Self {
        slots.iter_mut().for_each(|slot| *slot = DerivedSlot::EMPTY);
        Self { slots: Places::over(slots) }
    }

    fn places(&self, name: &Digest) -> impl Iterator<Item = usize> + use<ANY> {
        let length = self.slots.len();
        let home = name.0.first_chunk().copied().map_or(0, u64::from_be_bytes);
        let home = u64::try_from(length).ok().and_then(|length| home.checked_rem(length));
        let home = home.and_then(|home| usize::try_from(home).ok()).unwrap_or(0);
        (0..REACH.min(length)).filter_map(move |step| home.saturating_add(step).checked_rem(length))
    }

    fn find(&mut self, now: Mono, name: &Digest) -> Option<&mut Derived> {
        let place = self.places(name).find(|place| {
            let derived = self.slots.get(*place).and_then(|slot| slot.0.as_ref());
            derived.is_some_and(|derived| derived.has(name) && now < derived.until)
        })?;
        self.slots.get_mut(place)?.0.as_mut()
    }

    /// Makes a derivative of an agent, for one session or none (0). How many one context has is its owner's to count.
    ///
    /// # Errors
    /// The time, or no place near its own is free: try again, for the next one stands elsewhere.
    pub fn derive<P: Provider>(
        &mut self,
        now: Mono,
        eid: &Eid,
        (context, session): (u32, u64),
        seconds: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<EsdEid, Shut> {
        self.derive_at::<P>(now, eid, (context, session), seconds, rng).map(|(esd_eid, _)| esd_eid)
    }

    /// The same, with the place where it stands.
    pub(crate) fn derive_at<P: Provider>(
        &mut self,
        now: Mono,
        eid: &Eid,
        (context, session): (u32, u64),
        seconds: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<(EsdEid, u32), Shut> {
        if seconds == 0 || seconds > LONGEST {
            return Err(Shut::Time);
        }
        let derivation = Derivation::new::<P>(eid, rng);
        let esd_eid = derivation.esd_eid();
        let free = |place: &usize| {
            let slot = self.slots.get(*place);
            slot.is_some_and(|slot| slot.0.as_ref().is_none_or(|derived| derived.until <= now))
        };
        let place = self.places(&esd_eid.digest()).find(free).ok_or(Shut::Capacity)?;
        let until = now.after(u64::from(seconds) * 1_000);
        let derived = Derived { derivation, context, session, until, streams: [None; STREAMS] };
        *self.slots.get_mut(place).ok_or(Shut::Capacity)? = DerivedSlot(Maybe::Just(derived));
        Ok((esd_eid, u32::try_from(place).map_err(|_| Shut::Capacity)?))
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    fn at(&mut self, place: u32) -> Option<&mut Maybe<Derived>> {
        self.slots.get_mut(usize::try_from(place).ok()?).map(|slot| &mut slot.0)
    }

    /// Whether a derivative of this context stands in a place and lives.
    pub(crate) fn lives(&mut self, now: Mono, place: u32, context: u32) -> bool {
        let derived = self.at(place).and_then(|slot| slot.as_ref());
        derived.is_some_and(|derived| derived.context == context && now < derived.until)
    }

    /// Ends the derivative in a place, if it is this context's, and of this session where one is named.
    pub(crate) fn end(&mut self, place: u32, context: u32, session: Option<u64>) {
        let Some(slot) = self.at(place) else { return };
        let its =
            |derived: &Derived| derived.context == context && session.is_none_or(|session| session == derived.session);
        if slot.as_ref().is_some_and(its) {
            *slot = Maybe::Nothing;
        }
    }

    /// Whose a living derivative is: context, and session or 0.
    pub(crate) fn owner(&mut self, now: Mono, name: &Digest) -> Option<(u32, u64)> {
        self.find(now, name).map(|derived| (derived.context, derived.session))
    }

    /// The Hand-off Context Object for a living derivative: the agent's EID is not in it, and its session hash is keyed.
    // keeps: IACP-058 (§4.1.4.3)
    pub fn hand_off<'u, P: Provider>(
        &mut self,
        now: Mono,
        name: &EsdEid,
        plain: Option<&Digest>,
        (trigger_type, target_url): (u16, &'u str),
    ) -> Option<HandOffContext<'u>> {
        let derived = self.find(now, &name.digest())?;
        let session_hash = derived.derivation.session_hash::<P>(plain);
        Some(HandOffContext { trigger_type, esd_eid: name.digest(), session_hash, target_url })
    }

    /// Takes a frame of a sandbox: the one way out. The derivative that comes back is looked up here, and nothing that is not
    /// alive leads anywhere.
    ///
    /// # Errors
    /// Silence, and one count.
    // keeps: IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
    pub fn take<'a>(&mut self, now: Mono, frame: &'a [u8]) -> Result<Egress<'a>, Shut> {
        let frame = Frame::parse(frame).map_err(|_| Shut::Malformed)?;
        let Message::SandboxStream { head, bytes } = frame.message else { return Err(Shut::Malformed) };
        let number = head.stream.get();
        let flags = head.stream_flags.get();
        let (opens, ends) = (flags & SandboxStream::OPENS != 0, flags & SandboxStream::ENDS != 0);
        let derived = self.find(now, &head.esd_eid).ok_or(Shut::Unknown)?;
        let open = |stream: &&mut Option<Stream>| stream.is_some_and(|stream| stream.number == number);
        let found = derived.streams.iter_mut().find(open);
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (url, bytes) = match (opens, found) {
            (true, None) => {
                let url = core::str::from_utf8(bytes).map_err(|_| Shut::Url)?;
                let free = derived.streams.iter_mut().find(|stream| stream.is_none()).ok_or(Shut::Capacity)?;
                *free = Some(Stream { number, under_way: 0, asked: ends, answered: false });
                (Some(url), &[][..])
            }
            (false, Some(Some(stream))) if !stream.asked => {
                let under_way = stream.under_way.saturating_add(length);
                if under_way > UNDER_WAY {
                    return Err(Shut::Full);
                }
                (stream.under_way, stream.asked) = (under_way, ends);
                (None, bytes)
            }
            _ => return Err(Shut::Stream),
        };
        derived.sweep();
        Ok(Egress { context: derived.context, session: derived.session, stream: number, url, bytes, ends })
    }

    /// Notes how many bytes the egress has passed on.
    pub fn passed(&mut self, now: Mono, name: &Digest, stream: u32, bytes: u32) {
        let derived = self.find(now, name);
        let streams = derived.into_iter().flat_map(|derived| derived.streams.iter_mut().flatten());
        for found in streams.filter(|found| found.number == stream) {
            found.under_way = found.under_way.saturating_sub(bytes);
        }
    }

    /// Writes what comes back toward the sandbox: derivative, stream and bytes, and nothing else of the agent.
    ///
    /// # Errors
    /// The derivative or its stream is over, or the buffer is too small. Nothing has changed.
    pub fn answer(
        &mut self,
        now: Mono,
        name: &Digest,
        stream: u32,
        (bytes, ends): (&[u8], bool),
        out: &mut [u8],
    ) -> Result<usize, Option<WriteError>> {
        let derived = self.find(now, name).ok_or(None)?;
        let mut streams = derived.streams.iter_mut().flatten();
        let found = streams.find(|found| found.number == stream && !found.answered).ok_or(None)?;
        let head = SandboxStream {
            esd_eid: *name,
            stream: stream.into(),
            stream_flags: if ends { SandboxStream::ENDS } else { 0 }.into(),
            reserved: [0; 2],
        };
        let length = Frame::new(Message::SandboxStream { head: &head, bytes }).write(out).map_err(Some)?;
        found.answered = ends;
        derived.sweep();
        Ok(length)
    }

    /// Ends a derivative, as its owner does for each one of a session or context that ends. Only its own context may: returns
    /// whether it was there and that context's.
    pub fn retract(&mut self, context: u32, name: &Digest) -> bool {
        let place = self.places(name).find(|place| {
            let derived = self.slots.get(*place).and_then(|slot| slot.0.as_ref());
            derived.is_some_and(|derived| derived.context == context && derived.has(name))
        });
        place.and_then(|place| self.slots.get_mut(place)).map(|slot| slot.0 = Maybe::Nothing).is_some()
    }
}

impl Derived {
    /// Streams that both sides have ended are over.
    fn sweep(&mut self) {
        for stream in &mut self.streams {
            if stream.is_some_and(|stream| stream.asked && stream.answered) {
                *stream = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
