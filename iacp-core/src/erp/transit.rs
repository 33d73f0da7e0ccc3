//! IP_Transit_Token: a third host carries for hosts that have shown their address (`IACP App. A.15`).
//!
//! A carrier keeps nothing of those that ask. The token is a keyed hash of all that it is good for: one source address,
//! one destination, one Transit-ID, and the Transit-ID is one of the host's key and port.

use core::net::SocketAddr;

use iacp_wire::message::{OuterTransport, TransitGrant};
use iacp_wire::{Eid, Frame, Locator, Message, RefusedDigest, Signature, TransitToken, WriteError};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::stream::Outer;
use crate::crypto::{Provider, Secret32};
use crate::identity::{Identity, sign_frame, verify_frame};
use crate::time::Mono;

/// A token is sure to be taken for this long, in seconds.
const LIFETIME: u32 = 600;
/// A secret issues tokens for this long, and takes them for as long again, in milliseconds.
const ISSUES: u64 = LIFETIME as u64 * 1_000;
/// A grant is taken if its datagram was sent no longer ago than this, in milliseconds.
pub const GRANT_AWAITED: u64 = 5_000;

/// Transit-ID and token of one host at one port, for one destination.
struct Token {
    id: u16,
    token: TransitToken,
}

fn token<P: Provider>(secret: &Secret32, lii: &Eid, from: SocketAddr, destination: &Locator) -> Token {
    let port = from.port().to_be_bytes();
    let id = P::hmac_sha256(secret.expose(), &[b"IACP/1 transit\0", &lii.0, &port]);
    let id = id.expose().first_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    let source = Locator::from(from.ip());
    let mac = P::hmac_sha256(secret.expose(), &[&source.0, &destination.0, &id.to_be_bytes()]);
    Token { id, token: TransitToken(*mac.expose()) }
}

/// What a carrier says to a datagram with an Outer Transport Header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carriage {
    /// Token and signature hold: it may carry, within its limits.
    Carry,
    /// The token is zero, old or another host's: this answers it. Nothing is kept.
    Grant(TransitGrant),
    /// The token holds and the signature does not: silence.
    Silence,
}

words! {
    Carriage {
        Self::Carry => "it may carry",
        Self::Grant(_) => "a token is granted",
        Self::Silence => "silence: the signature does not hold",
    }
}

/// A carrier's secrets.
///
/// ```
/// use iacp_core::erp::transit::Carrier;
/// use iacp_core::time::Mono;
/// # use rand_chacha::ChaCha8Rng;
/// # use rand_core::SeedableRng;
///
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
/// let mut carrier = Carrier::new(Mono(0), &mut rng);
/// // Ask before each use: secrets live 600 s, and 600 s more for tokens that were issued late.
/// carrier.rotate(Mono(601_000), &mut rng);
/// ```
pub struct Carrier {
    current: Secret32,
    previous: Option<Secret32>,
    born: Mono,
}

impl Carrier {
    /// A carrier with a fresh secret.
    #[must_use]
    pub fn new(now: Mono, rng: &mut impl CryptoRng) -> Self {
        Self { current: Secret32::random(rng), previous: None, born: now }
    }

    /// Draws a new secret if it is time.
    pub fn rotate(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        let age = now.since(self.born);
        if age < ISSUES {
            return;
        }
        let old = core::mem::replace(&mut self.current, Secret32::random(rng));
        // After a long pause the last secret is too old to be taken, too.
        self.previous = (age < 2 * ISSUES).then_some(old);
        self.born = now;
    }

    /// After a clone or a restore: no token of before is taken.
    pub fn renew(&mut self, now: Mono, rng: &mut impl CryptoRng) {
        *self = Self::new(now, rng);
    }

    /// Judges a datagram: the token first, by two short hashes, then the signature.
    ///
    /// `destination` is the target of the ERP_DEFLECT, or for a PATH_RELAY this host's own address.
    // keeps: IACP-157 (A.15)
    pub fn judge<P: Provider>(
        &self,
        own: &Eid,
        from: SocketAddr,
        datagram: &[u8],
        outer: &Outer<'_>,
        destination: &Locator,
    ) -> Carriage {
        let lii = &outer.head.ll_entity_instance_identifier;
        let fits = |secret: &Secret32| {
            let expected = token::<P>(secret, lii, from, destination);
            let same = expected.token.0.ct_eq(&outer.head.ip_transit_token.0);
            bool::from(same) && expected.id == outer.transit_id
        };
        if !fits(&self.current) && !self.previous.as_ref().is_some_and(fits) {
            return Carriage::Grant(self.grant::<P>(own, lii, from, datagram, destination));
        }
        let signed =
            Frame::parse(datagram).is_ok_and(|frame| verify_frame::<P>(lii, &frame, [&[], &[]], datagram).is_ok());
        if signed { Carriage::Carry } else { Carriage::Silence }
    }

    fn grant<P: Provider>(
        &self,
        own: &Eid,
        lii: &Eid,
        from: SocketAddr,
        datagram: &[u8],
        destination: &Locator,
    ) -> TransitGrant {
        let Token { id, token } = token::<P>(&self.current, lii, from, destination);
        TransitGrant {
            granted_transit_id: id.into(),
            reserved: [0; 2],
            lifetime: LIFETIME.into(),
            ip_transit_token: token,
            destination_ip: *destination,
            observed_ip: from.ip().into(),
            observed_port: from.port().into(),
            reserved_port: [0; 2],
            answered_digest: answered::<P>(datagram),
            carrier_instance_identifier: *own,
        }
    }
}

/// The first 8 bytes of SHA-256 of a datagram.
fn answered<P: Provider>(datagram: &[u8]) -> RefusedDigest {
    RefusedDigest(P::sha256(&[datagram]).first_chunk().copied().unwrap_or_default())
}

/// What a host knows of one carrier for one destination.
///
/// A host asks a carrier for transit, and gets a token that only its own address can use:
///
/// ```
/// use iacp_core::erp::stream::{Arrival, Outer};
/// use iacp_core::erp::transit::{Carriage, Carrier, Grant};
/// # use iacp_core::crypto::{ChaChaOnly, Secret32};
/// # use iacp_core::erp::{deflect, stream};
/// # use iacp_core::identity::Identity;
/// # use iacp_core::time::Mono;
/// # use iacp_wire::{Eid, Locator};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let [host, router] = [1, 2].map(|byte| Identity::<ChaChaOnly>::from_seed(&Secret32::new([byte; 32])));
/// # let (home, at) = (([192, 0, 2, 1], 4227).into(), ([198, 51, 100, 7], 4227).into());
/// # let target = Locator::from(std::net::IpAddr::from([203, 0, 113, 9]));
/// # let (mut inner, mut carried) = ([0; 300], [0; 400]);
/// # let length = stream::write(&Eid([1; 32]), &Eid([2; 32]), 0, b"\x10\xb0\0\0", &mut inner)?;
/// # let length = deflect::write(([203, 0, 113, 9], 4227).into(), 4, &inner[..length], &mut carried)?;
/// # let carried = &carried[..length];
/// # let carrier = Carrier::new(Mono(0), &mut rng);
///
/// let judge = |datagram: &[u8]| {
///     let outer: Outer<'_> = Arrival::read(datagram).ok()?.outer?;
///     Some(carrier.judge::<ChaChaOnly>(&router.eid(), home, datagram, &outer, &target))
/// };
/// let mut grant = Grant::new(at, target);
/// let mut datagram = [0; 600];
/// let length = grant.wrap(Mono(0), &host, carried, &mut datagram)?;
/// let Some(Carriage::Grant(token)) = judge(&datagram[..length]) else { return Err("it has no token yet".into()) };
/// assert_eq!(grant.take(Mono(20), at, &token), Some(home), "the host learns its outer address, too");
/// let length = grant.wrap(Mono(20), &host, carried, &mut datagram)?;
/// assert_eq!(judge(&datagram[..length]), Some(Carriage::Carry));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    carrier: SocketAddr,
    destination: Locator,
    transit_id: u16,
    token: TransitToken,
    /// The last datagram that was sent there, and when.
    asked: Option<(RefusedDigest, Mono)>,
    ends: Option<Mono>,
}

impl Grant {
    /// A carrier that has not been asked yet.
    #[must_use]
    pub const fn new(carrier: SocketAddr, destination: Locator) -> Self {
        Self { carrier, destination, transit_id: 0, token: TransitToken::ZERO, asked: None, ends: None }
    }

    /// Whether a token is at hand.
    #[must_use]
    pub fn holds(&self, now: Mono) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }

    /// Writes `carried`, an ERP_DEFLECT or PATH_RELAY, behind a signed Outer Transport Header. Without a token the header
    /// has zero there, and asks for one.
    ///
    /// # Errors
    /// The buffer is too small. Nothing has changed.
    pub fn wrap<P: Provider>(
        &mut self,
        now: Mono,
        host: &Identity<P>,
        carried: &[u8],
        out: &mut [u8],
    ) -> Result<usize, WriteError> {
        let (transit_id, ip_transit_token) =
            if self.holds(now) { (self.transit_id, self.token) } else { (0, TransitToken::ZERO) };
        let head =
            OuterTransport { ip_transit_token, ll_entity_instance_identifier: host.eid(), signature: Signature::ZERO };
        let frame = Frame::new(Message::OuterTransport { transit_id, head: &head, inner: carried });
        let length = sign_frame(host, &frame, [&[], &[]], out)?;
        self.asked = Some((answered::<P>(out.get(..length).unwrap_or_default()), now));
        Ok(length)
    }

    /// Takes a grant that echoes the datagram that was sent last, within 5 s, from where it was sent to. Returns this
    /// host's own address as the carrier sees it: a host behind a translator learns it so.
    pub fn take(&mut self, now: Mono, from: SocketAddr, grant: &TransitGrant) -> Option<SocketAddr> {
        let (digest, at) = self.asked?;
        let echoes = digest == grant.answered_digest && now.since(at) <= GRANT_AWAITED;
        if !echoes || from != self.carrier || grant.destination_ip != self.destination {
            return None;
        }
        let observed = SocketAddr::new(grant.observed_ip.into(), grant.observed_port.get());
        *self = Self {
            transit_id: grant.granted_transit_id.get(),
            token: grant.ip_transit_token,
            // One grant answers one datagram.
            asked: None,
            ends: Some(now.after(u64::from(grant.lifetime.get()).saturating_mul(1_000))),
            ..*self
        };
        Some(observed)
    }
}
