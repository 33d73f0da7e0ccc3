//! The key schedule of a session.
//!
//! ```text
//! T    = SHA-256( "IACP/1 PSS" | 0 | EID_i | EID_r | h(PSS_NEG turn 1) | h(PSS_ACK) )
//! PRK  = HKDF-Extract( T, X25519(static_i, static_r) | X25519(ephemeral_i, ephemeral_r) )
//! each = HKDF-Expand( PRK, "IACP/1 " + { key | iv | chain | update | ticket | ticket iv } + { " i2r" | " r2i" } )
//! ```

use iacp_wire::{Cookie, Eid};

use crate::crypto::{CheckedKey, Provider, Secret32, WeakKey};
use crate::identity::Identity;
use crate::pss::stream::keys::Way;

/// The key with which one side seals its Forwarding Tickets (`IACP §3.5`). It outlives the session, because tickets are
/// used after it.
pub struct TicketKey {
    /// The key.
    pub key: Secret32,
    /// The first four bytes of every nonce; the issue counter follows.
    pub iv: [u8; 4],
}

/// The ticket keys of both sides, from one side's view.
pub struct TicketKeys {
    /// For our tickets.
    pub ours: TicketKey,
    /// For the peer's.
    pub theirs: TicketKey,
}

/// The values of the handshake from which both sides derive the keys.
pub(crate) struct Transcript {
    pub(crate) initiator: Eid,
    pub(crate) responder: Eid,
    /// SHA-256 of turn 1's PSS_NEG without its signature.
    pub(crate) negotiation: [u8; 32],
    /// SHA-256 of the PSS_ACK without its signature.
    pub(crate) acknowledgement: [u8; 32],
}

/// Derives a session's PRK. The static half of the key agreement proves the identities; the ephemeral half gives
/// forward secrecy.
#[inline(never)]
pub(crate) fn derive<P: Provider>(
    transcript: &Transcript,
    identity: &Identity<P>,
    peer: &CheckedKey,
    ephemeral_shared: &Secret32,
) -> Result<Secret32, WeakKey> {
    let static_shared = P::x25519(&P::static_secret(identity.key()), &P::static_public(peer.bytes())?)?;
    let salt = P::sha256(&[
        b"IACP/1 PSS\0",
        &transcript.initiator.0,
        &transcript.responder.0,
        &transcript.negotiation,
        &transcript.acknowledgement,
    ]);
    Ok(P::hkdf_extract(&salt, &[static_shared.expose(), ephemeral_shared.expose()]))
}

/// The secret that determines which heartbeat numbers go to candidates. Only this side has it, like its half of the key
/// agreement.
pub(crate) fn place_secret<P: Provider>(ephemeral: &Secret32) -> u64 {
    let block = P::hkdf_expand_key(ephemeral, b"IACP/1 places");
    block.expose().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

impl TicketKey {
    fn copy(&self) -> Self {
        let key = Secret32::fill(|to| to.iter_mut().zip(self.key.expose()).for_each(|(to, from)| *to = *from));
        Self { key, iv: self.iv }
    }
}

impl TicketKeys {
    /// A copy of the keys, for a session that passes on its own and wipes them.
    pub(crate) fn copy(&self) -> Self {
        Self { ours: self.ours.copy(), theirs: self.theirs.copy() }
    }

    /// The ticket keys of a session whose frames go out in `way`.
    pub(crate) fn derive<P: Provider>(prk: &Secret32, way: Way) -> Self {
        Self { ours: ticket::<P>(prk, way), theirs: ticket::<P>(prk, way.opposite()) }
    }
}

fn ticket<P: Provider>(prk: &Secret32, way: Way) -> TicketKey {
    let (key, iv): (&[u8], &[u8]) = match way {
        Way::I2r => (b"IACP/1 ticket i2r", b"IACP/1 ticket iv i2r"),
        Way::R2i => (b"IACP/1 ticket r2i", b"IACP/1 ticket iv r2i"),
    };
    let block = P::hkdf_expand_key(prk, iv);
    TicketKey { key: P::hkdf_expand_key(prk, key), iv: block.expose().first_chunk().copied().unwrap_or_default() }
}

/// The Session Hash: a name of the session that is the same for both sides.
#[must_use]
pub fn session_hash<P: Provider>(
    (initiator_cookie, responder_cookie): (Cookie, Cookie),
    initiator: &Eid,
    responder: &Eid,
) -> [u8; 32] {
    P::sha256(&[b"IACP/1 session\0", &initiator_cookie.0, &responder_cookie.0, &initiator.0, &responder.0])
}

/// `Local_Session_Key` (`IACP §4.2.4.2`): the key under which a host with several agents files a session. The IAT
/// separates agents even if cookies collide.
// keeps: IACP-087 (§4.2.4.2)
#[must_use]
pub fn local_session_key<P: Provider>(
    initiator_cookie: Cookie,
    responder_cookie: Cookie,
    source: &Eid,
    iat: &Secret32,
) -> [u8; 32] {
    P::sha256(&[&initiator_cookie.0, &responder_cookie.0, &source.0, iat.expose()])
}
