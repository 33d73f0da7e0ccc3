//! The key schedule of a session.
//!
//! ```text
//! T    = SHA-256( "IACP/1 PSS" | 0 | EID_i | EID_r | h(PSS_NEG turn 1) | h(PSS_ACK) )
//! PRK  = HKDF-Extract( T, X25519(static_i, static_r) | X25519(ephemeral_i, ephemeral_r) )
//! each = HKDF-Expand( PRK, "IACP/1 " + { key | iv | chain | ticket | ticket iv } + { " i2r" | " r2i" } )
//! ```

use iacp_wire::{Cookie, Eid, X25519Key};

use super::terms::Capabilities;
use crate::crypto::{Provider, Secret32, Suite, WeakKey};
use crate::identity::Identity;
use crate::pss::stream::keys::Direction;

/// What one side seals its Forwarding Tickets with (`IACP §3.5`). It outlives the session: that is what tickets are for.
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

/// All keys of a session, from one side's view.
pub(crate) struct SessionKeys<P: Provider> {
    pub(crate) send: Direction<P>,
    pub(crate) receive: Direction<P>,
    pub(crate) tickets: TicketKeys,
}

/// What both sides know of the handshake when they derive the keys.
pub(crate) struct Transcript {
    pub(crate) initiator: Eid,
    pub(crate) responder: Eid,
    /// SHA-256 of turn 1's PSS_NEG without its signature.
    pub(crate) negotiation: [u8; 32],
    /// SHA-256 of the PSS_ACK without its signature.
    pub(crate) acknowledgement: [u8; 32],
    pub(crate) capabilities: Capabilities,
}

/// Derives a session's keys. The static half proves who, the ephemeral half makes the past safe from tomorrow's theft.
pub(crate) fn derive<P: Provider>(
    transcript: &Transcript,
    identity: &Identity<P>,
    peer: &Eid,
    ephemeral: &Secret32,
    peer_share: &X25519Key,
) -> Result<SessionKeys<P>, WeakKey> {
    let static_shared = P::x25519(&P::static_secret(identity.key()), &P::static_public(&peer.0)?)?;
    let ephemeral_shared = P::x25519(ephemeral, &peer_share.0)?;
    let salt = P::sha256(&[
        b"IACP/1 PSS\0",
        &transcript.initiator.0,
        &transcript.responder.0,
        &transcript.negotiation,
        &transcript.acknowledgement,
    ]);
    let prk = P::hkdf_extract(&salt, &[static_shared.expose(), ephemeral_shared.expose()]);
    let suite = transcript.capabilities.suite();
    let initiates = identity.eid() == transcript.initiator;
    let (send, receive) = if initiates { (&I2R, &R2I) } else { (&R2I, &I2R) };
    Ok(SessionKeys {
        send: send.direction::<P>(&prk, suite),
        receive: receive.direction::<P>(&prk, suite),
        tickets: TicketKeys { ours: send.ticket::<P>(&prk), theirs: receive.ticket::<P>(&prk) },
    })
}

/// One label for each purpose.
struct Labels {
    key: &'static [u8],
    iv: &'static [u8],
    chain: &'static [u8],
    ticket: &'static [u8],
    ticket_iv: &'static [u8],
}

const I2R: Labels = Labels {
    key: b"IACP/1 key i2r",
    iv: b"IACP/1 iv i2r",
    chain: b"IACP/1 chain i2r",
    ticket: b"IACP/1 ticket i2r",
    ticket_iv: b"IACP/1 ticket iv i2r",
};

const R2I: Labels = Labels {
    key: b"IACP/1 key r2i",
    iv: b"IACP/1 iv r2i",
    chain: b"IACP/1 chain r2i",
    ticket: b"IACP/1 ticket r2i",
    ticket_iv: b"IACP/1 ticket iv r2i",
};

impl Labels {
    fn direction<P: Provider>(&self, prk: &Secret32, suite: Suite) -> Direction<P> {
        Direction {
            cipher: P::cipher(suite, &P::hkdf_expand_key(prk, self.key)),
            iv: first_four::<P>(prk, self.iv),
            chain: *P::hkdf_expand_key(prk, self.chain).expose(),
        }
    }

    fn ticket<P: Provider>(&self, prk: &Secret32) -> TicketKey {
        TicketKey { key: P::hkdf_expand_key(prk, self.ticket), iv: first_four::<P>(prk, self.ticket_iv) }
    }
}

fn first_four<P: Provider>(prk: &Secret32, info: &[u8]) -> [u8; 4] {
    let mut iv = [0; 4];
    let block = P::hkdf_expand_key(prk, info);
    iv.iter_mut().zip(block.expose()).for_each(|(to, from)| *to = *from);
    iv
}

/// `Local_Session_Key` (`IACP §4.2.4.2`): where a host with several agents files a session. The IAT keeps agents apart
/// even where cookies collide.
// keeps: IACP-087
#[must_use]
pub fn local_session_key<P: Provider>(
    initiator_cookie: Cookie,
    responder_cookie: Cookie,
    source: &Eid,
    iat: &Secret32,
) -> [u8; 32] {
    P::sha256(&[&initiator_cookie.0, &responder_cookie.0, &source.0, iat.expose()])
}
