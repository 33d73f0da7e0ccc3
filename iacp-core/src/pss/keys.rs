//! The key schedule of a session.
//!
//! ```text
//! T    = SHA-256( "IACP/1 PSS" | 0 | EID_i | EID_r | h(PSS_NEG turn 1) | h(PSS_ACK) )
//! PRK  = HKDF-Extract( T, X25519(static_i, static_r) | X25519(ephemeral_i, ephemeral_r) )
//! each = HKDF-Expand( PRK, "IACP/1 " + { key | iv | chain } + { " i2r" | " r2i" } )
//! ```

use iacp_wire::{Cookie, Eid, X25519Key};
use zeroize::Zeroize;

use super::terms::Capabilities;
use crate::crypto::{Provider, Secret32, WeakKey};
use crate::identity::Identity;

/// What one direction of a session is sealed with. Its memory is the only count of what it has sealed, so it is never
/// copied, and it is wiped with that memory.
pub(crate) struct Direction<P: Provider> {
    pub(crate) cipher: P::Cipher,
    iv: [u8; 4],
    pub(crate) chain: [u8; 32],
}

impl<P: Provider> Direction<P> {
    /// The nonce of a sequence number: it rises strictly because the sequence does.
    pub(crate) fn nonce(&self, sequence: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        let bytes = self.iv.into_iter().chain(sequence.to_be_bytes());
        nonce.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        nonce
    }
}

impl<P: Provider> Drop for Direction<P> {
    fn drop(&mut self) {
        // The cipher wipes itself.
        self.iv.zeroize();
        self.chain.zeroize();
    }
}

/// The keys of both directions.
pub(crate) struct SessionKeys<P: Provider> {
    pub(crate) initiator_to_responder: Direction<P>,
    pub(crate) responder_to_initiator: Direction<P>,
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
    Ok(SessionKeys {
        initiator_to_responder: direction::<P>(
            &prk,
            [b"IACP/1 key i2r", b"IACP/1 iv i2r", b"IACP/1 chain i2r"],
            transcript.capabilities,
        ),
        responder_to_initiator: direction::<P>(
            &prk,
            [b"IACP/1 key r2i", b"IACP/1 iv r2i", b"IACP/1 chain r2i"],
            transcript.capabilities,
        ),
    })
}

fn direction<P: Provider>(
    prk: &Secret32,
    [key_info, iv_info, chain_info]: [&[u8]; 3],
    capabilities: Capabilities,
) -> Direction<P> {
    let cipher = P::cipher(capabilities.suite(), &P::hkdf_expand_key(prk, key_info));
    let iv_block = P::hkdf_expand_key(prk, iv_info);
    let mut iv = [0; 4];
    iv.iter_mut().zip(iv_block.expose()).for_each(|(to, from)| *to = *from);
    Direction { cipher, iv, chain: *P::hkdf_expand_key(prk, chain_info).expose() }
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
