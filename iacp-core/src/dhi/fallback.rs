//! The ANML Fallback Query (`IACP §4.1.2`): if no mapping is known, the LL-Entity asks a configured resolver. Query and
//! answer are signed, and each requestor has one query a second.

use core::net::IpAddr;

use iacp_wire::message::{AnmlFallbackAnswer, AnmlFallbackQuery};
use iacp_wire::{Eid, Frame, Message, Signature, TransactionId, WriteError};
use rand_core::CryptoRng;

use super::uri::Uri;
use crate::crypto::Provider;
use crate::guard::site;
use crate::identity::{Identity, sign_frame, verify_frame};
use crate::time::{Mono, UnixTime};

/// The longest life of a mapping, in milliseconds.
pub const MAPPING_LIFE_MAX: u64 = 86_400_000;
/// How long *not found* is kept, in milliseconds.
pub const NOT_FOUND_LIFE: u64 = 300_000;
/// The least time between two queries of one requestor, in milliseconds.
const PAUSE: u64 = 1_000;

/// A resolver's answer about a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mapping {
    /// The host may also be reached as this EID, until `expiry`. This does not mean that the EID's content is that of
    /// the origin.
    Mapped {
        /// The EID that answers for the host.
        eid: Eid,
        /// The end.
        expiry: UnixTime,
    },
    /// There is no mapping.
    NotFound,
    /// The resolver does not say.
    Refused,
}

impl core::fmt::Display for Mapping {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mapped { eid, .. } => write!(f, "mapped to {eid}"),
            Self::NotFound => f.pad("no mapping"),
            Self::Refused => f.pad("the resolver does not say"),
        }
    }
}

/// The statuses of an answer (PROFILE 10.14).
const OK: u32 = 0;
const NOT_FOUND: u32 = 20;
const REFUSED: u32 = 21;

/// Why an answer is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Ignored {
    /// No such frame.
    Malformed,
    /// To another query.
    Nonce,
    /// The answer is from another resolver than the one that was asked.
    Resolver,
    /// The resolver's signature does not verify.
    Signature,
    /// An unknown status, or fields that do not go with it.
    Status,
    /// The mapping has expired already, or ends more than a day ahead.
    Expiry,
}

words! {
    Ignored {
        Self::Malformed => "no ANML_FALLBACK_ANSWER",
        Self::Nonce => "transaction_nonce: of another query",
        Self::Resolver => "resolver_eid: not the resolver that was asked",
        Self::Signature => "signature: does not hold",
        Self::Status => "status: unknown, or not with these fields",
        Self::Expiry => "expiry: past, or more than a day ahead",
    }
}

impl core::error::Error for Ignored {}

/// A query under way.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::dhi::fallback::{Asked, Ignored, Mapping, Query, Resolver, Unanswered};
/// use iacp_core::identity::Identity;
/// use iacp_core::time::{Mono, UnixTime};
/// # use rand_chacha::ChaCha8Rng;
/// # use rand_core::SeedableRng;
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
///
/// let (entity, resolver) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// let (now, mut frame, mut answer) = (UnixTime(1_790_000_000_000), [0; 512], [0; 256]);
/// let (query, length) = Query::write(&entity, resolver.eid(), "https://example.org/", &mut rng, &mut frame)?;
///
/// let mut memory = [Asked::FREE; 16];
/// let mut resolving = Resolver::new(&mut memory);
/// let known = |host: &str| if host == "example.org" { Mapping::NotFound } else { Mapping::Refused };
/// let from = [192, 0, 2, 7].into();
/// let length = resolving.answer((Mono(0), now), &resolver, (from, &frame[..length]), known, &mut answer)?;
/// assert_eq!(query.accept::<Portable>(now, &answer[..length]), Ok(Mapping::NotFound));
///
/// let again = resolving.answer((Mono(1), now), &resolver, (from, &frame), known, &mut []);
/// assert_eq!(again, Err(Unanswered::Malformed), "bytes behind the query");
/// assert_eq!(query.accept::<Portable>(now, &answer[..40]), Err(Ignored::Malformed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Query {
    resolver: Eid,
    nonce: TransactionId,
    digest: [u8; 32],
}

impl Query {
    /// Writes a signed query to the front of `buffer`: 108 bytes and the URI.
    ///
    /// # Errors
    /// The buffer is too small, or the URI too long for a frame.
    // keeps: IACP-027 (§4.1.2)
    pub fn write<P: Provider>(
        identity: &Identity<P>,
        resolver: Eid,
        uri: &str,
        rng: &mut impl CryptoRng,
        buffer: &mut [u8],
    ) -> Result<(Self, usize), WriteError> {
        let mut nonce = TransactionId([0; 8]);
        rng.fill_bytes(&mut nonce.0);
        Self::write_as(identity, resolver, (uri, nonce), buffer)
    }

    /// The same with a nonce from the caller.
    pub(crate) fn write_as<P: Provider>(
        identity: &Identity<P>,
        resolver: Eid,
        (uri, nonce): (&str, TransactionId),
        buffer: &mut [u8],
    ) -> Result<(Self, usize), WriteError> {
        let tail =
            AnmlFallbackQuery { requestor_eid: identity.eid(), transaction_nonce: nonce, signature: Signature::ZERO };
        let frame = Frame::new(Message::AnmlFallbackQuery { uri, tail: &tail });
        let length = sign_frame(identity, &frame, [&[], &[]], buffer)?;
        let digest = P::sha256(&[buffer.get(..length).unwrap_or_default()]);
        Ok((Self { resolver, nonce, digest }, length))
    }

    /// The same query for another resolver: the query itself names no resolver.
    #[must_use]
    pub const fn at(&self, resolver: Eid) -> Self {
        Self { resolver, nonce: self.nonce, digest: self.digest }
    }

    /// The number that its answers repeat.
    pub(crate) const fn nonce(&self) -> TransactionId {
        self.nonce
    }

    /// Takes the resolver's answer. An ignored answer changes nothing: the query stays open.
    ///
    /// # Errors
    /// Why it is ignored.
    // keeps: IACP-028 (§4.1.2)
    pub fn accept<P: Provider>(&self, now: UnixTime, bytes: &[u8]) -> Result<Mapping, Ignored> {
        let frame = Frame::parse(bytes).map_err(|_| Ignored::Malformed)?;
        let Message::AnmlFallbackAnswer(answer) = frame.message else { return Err(Ignored::Malformed) };
        if answer.transaction_nonce != self.nonce {
            return Err(Ignored::Nonce);
        }
        if answer.resolver_eid != self.resolver {
            return Err(Ignored::Resolver);
        }
        verify_frame::<P>(&self.resolver, &frame, [&self.digest, &[]], bytes).map_err(|_| Ignored::Signature)?;
        let expiry = UnixTime(answer.expiry.get());
        let is_empty = answer.mapped_eid == Eid([0; 32]) && expiry == UnixTime(0);
        match answer.status.get() {
            OK if expiry <= now || expiry.0.saturating_sub(now.0) > MAPPING_LIFE_MAX => Err(Ignored::Expiry),
            OK if answer.mapped_eid != Eid([0; 32]) => Ok(Mapping::Mapped { eid: answer.mapped_eid, expiry }),
            NOT_FOUND if is_empty => Ok(Mapping::NotFound),
            REFUSED if is_empty => Ok(Mapping::Refused),
            _ => Err(Ignored::Status),
        }
    }
}

/// When a requestor asked last from a network.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    requestor: Eid,
    network: [u8; 9],
    at: Option<Mono>,
}

impl Asked {
    /// No requestor.
    pub const FREE: Self = Self { requestor: Eid([0; 32]), network: [0; 9], at: None };

    fn is_recent(&self, now: Mono) -> bool {
        self.at.is_some_and(|at| now.since(at) < PAUSE)
    }
}

/// Why a query has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unanswered {
    /// No such frame.
    Malformed,
    /// This requestor asked less than a second ago, from the same network.
    TooSoon,
    /// Within this second, as many other requestors have asked as there is memory for, or for their network.
    Full,
    /// The requestor's signature does not verify.
    Signature,
    /// The answer does not fit the buffer.
    Buffer,
}

words! {
    Unanswered {
        Self::Malformed => "no ANML Fallback Query",
        Self::TooSoon => "requestor_eid: asked less than a second ago",
        Self::Full => "too many requestors within a second",
        Self::Signature => "signature: does not hold",
        Self::Buffer => "the buffer is shorter than an answer",
    }
}

impl core::error::Error for Unanswered {}

/// The resolver's side, in the caller's memory: one place for each requestor of the last second and its network, an eighth of the
/// places for one network. A query says neither when nor to whom it was sent: so one that another host repeats counts for the
/// network of that host.
pub struct Resolver<'m> {
    asked: &'m mut [Asked],
}

/// The share of one network among all places: one in this number.
const SHARE: usize = 8;

impl<'m> Resolver<'m> {
    /// A resolver; the contents of the memory are kept.
    pub const fn new(asked: &'m mut [Asked]) -> Self {
        Self { asked }
    }

    /// Answers a query that came from the address `from` with what `known` returns for its host; returns the length of the answer in
    /// `buffer`. A URI that is not a web URI is REFUSED without calling `known`.
    ///
    /// # Errors
    /// Why the query gets no answer. Only an answered query counts against its requestor: a forged one does not.
    // keeps: IACP-028 (§4.1.2)
    pub fn answer<P: Provider>(
        &mut self,
        (now, unix): (Mono, UnixTime),
        me: &Identity<P>,
        (from, query): (IpAddr, &[u8]),
        known: impl FnOnce(&str) -> Mapping,
        buffer: &mut [u8],
    ) -> Result<usize, Unanswered> {
        let frame = Frame::parse(query).map_err(|_| Unanswered::Malformed)?;
        let Message::AnmlFallbackQuery { uri, tail } = frame.message else { return Err(Unanswered::Malformed) };
        let network = site(from);
        let place = self.place(now, &tail.requestor_eid, network)?;
        verify_frame::<P>(&tail.requestor_eid, &frame, [&[], &[]], query).map_err(|_| Unanswered::Signature)?;
        let mut target = Uri::EMPTY;
        let mapping = if target.read(uri).is_ok() { known(target.host()) } else { Mapping::Refused };
        let (status, eid, expiry) = match mapping {
            Mapping::Mapped { eid, expiry } => {
                (OK, eid, UnixTime(expiry.0.min(unix.0.saturating_add(MAPPING_LIFE_MAX))))
            }
            Mapping::NotFound => (NOT_FOUND, Eid([0; 32]), UnixTime(0)),
            Mapping::Refused => (REFUSED, Eid([0; 32]), UnixTime(0)),
        };
        let answer = AnmlFallbackAnswer {
            transaction_nonce: tail.transaction_nonce,
            status: status.into(),
            mapped_eid: eid,
            expiry: expiry.0.into(),
            resolver_eid: me.eid(),
            signature: Signature::ZERO,
        };
        let context = P::sha256(&[query]);
        let written = sign_frame(me, &Frame::new(Message::AnmlFallbackAnswer(&answer)), [&context, &[]], buffer);
        let length = written.map_err(|_| Unanswered::Buffer)?;
        if let Some(asked) = self.asked.get_mut(place) {
            *asked = Asked { requestor: tail.requestor_eid, network, at: Some(now) };
        }
        Ok(length)
    }

    /// The place where this query is counted: that of the requestor there, or one whose second is over.
    fn place(&self, now: Mono, requestor: &Eid, network: [u8; 9]) -> Result<usize, Unanswered> {
        let is_own = |asked: &Asked| asked.at.is_some() && asked.requestor == *requestor && asked.network == network;
        let own = self.asked.iter().position(is_own);
        let of_network = || self.asked.iter().filter(|asked| asked.is_recent(now) && asked.network == network).count();
        let free = || self.asked.iter().position(|asked| !asked.is_recent(now));
        let share = (self.asked.len() / SHARE).max(1);
        match own {
            Some(at) if self.asked.get(at).is_some_and(|asked| asked.is_recent(now)) => Err(Unanswered::TooSoon),
            _ if of_network() >= share => Err(Unanswered::Full),
            Some(at) => Ok(at),
            None => free().ok_or(Unanswered::Full),
        }
    }
}
