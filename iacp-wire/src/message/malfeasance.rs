//! Proof of Malfeasance (`IACP §4.2.7.1`, `IACP §5.5.1`).

use zerocopy::network_endian::{U16, U64};
use zerocopy::{FromBytes, IntoBytes};

use crate::error::{ParseError, Reason};
use crate::field::{Digest, Eid, Locator, Signature};
use crate::figure::{Show, Value, figure};

figure! {
    /// `PROOF_OF_MAL`, 0x18 (`IACP Appendix A.23`); its evidence may follow.
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// |            Version            |    Offense Type Identifier    |
    /// +-------------------------------+-------------------------------+
    /// |             Target Malicious Node Identity [32]               |
    /// +---------------------------------------------------------------+
    /// |           Conflicting Signed Message Digest A [32]            |
    /// +---------------------------------------------------------------+
    /// |           Conflicting Signed Message Digest B [32]            |
    /// +---------------------------------------------------------------+
    /// |          Accusing Node Cryptographic Signature [64]           |
    /// +---------------------------------------------------------------+
    /// ```
    ProofOfMal = 164 {
        /// Of the ticket's own format: 1.
        version: U16,
        /// 1 is equivocation.
        offense_type: U16,
        /// Who is accused.
        target_eid: Eid,
        /// SHA-256 of fragment A, the smaller of the two.
        digest_a: Digest,
        /// SHA-256 of fragment B.
        digest_b: Digest,
        /// By the accuser.
        signature: Signature,
    }
}

figure! {
    /// A binding that the accused once signed (`IACP §4.2.7.1`).
    HeaderFragment = 88 {
        /// The locator that was bound.
        ip: Locator,
        /// The generation that it was bound under.
        generation_counter: U64,
        /// The accused's binding signature.
        signature: Signature,
    }
}

figure! {
    /// The evidence annex of a ticket: what the two digests are digests of.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |            Fragment A: IP 16 | Generation 8 | Sig. 64         |
    /// +---------------------------------------------------------------+
    /// |            Fragment B: IP 16 | Generation 8 | Sig. 64         |
    /// +---------------------------------------------------------------+
    /// |               Verification time, Unix ms [8]                  |
    /// +---------------------------------------------------------------+
    /// |                       Accuser EID [32]                        |
    /// +---------------------------------------------------------------+
    /// ```
    MalfeasanceEvidence = 216 {
        /// The fragment with the smaller digest.
        fragment_a: HeaderFragment,
        /// The fragment with the larger digest.
        fragment_b: HeaderFragment,
        /// When the accuser verified them, Unix time in milliseconds.
        verification_time: U64,
        /// Who accuses.
        accuser_eid: Eid,
    }
}

impl Show for HeaderFragment {
    fn show(&self) -> Value<'_> {
        Value::Bytes(self.as_bytes())
    }
}

/// Proof of Malfeasance Data, as it is embedded in other messages: a ticket with its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalfeasanceData<'a> {
    /// The ticket.
    pub ticket: &'a ProofOfMal,
    /// Its evidence.
    pub evidence: &'a MalfeasanceEvidence,
}

impl<'a> MalfeasanceData<'a> {
    /// Length in bytes.
    pub const LEN: usize = ProofOfMal::LEN + MalfeasanceEvidence::LEN;

    /// Reads the data embedded in a teardown or a revocation. Offsets in errors count from its first byte.
    ///
    /// # Errors
    /// The length is not [`Self::LEN`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let wrong = ParseError::new(Reason::Length, "malfeasance_data", 0);
        let Ok((ticket, rest)) = ProofOfMal::ref_from_prefix(bytes) else { return Err(wrong) };
        let Ok(evidence) = MalfeasanceEvidence::ref_from_bytes(rest) else { return Err(wrong) };
        Ok(Self { ticket, evidence })
    }
}

figure! {
    /// `POM_NOTICE`, 0x95: tells the accused of an accusation. A hint: the accused fetches the accusation itself.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Accusation id [32]                       |
    /// +---------------------------------------------------------------+
    /// |                      Offender EID [32]                        |
    /// +---------------------------------------------------------------+
    /// |              Epoch in which the escrow opened [8]             |
    /// +---------------------------------------------------------------+
    /// |                   Directory node EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    PomNotice = 168 {
        /// Which accusation.
        accusation_id: Digest,
        /// Against which key.
        offender_eid: Eid,
        /// Epochs of 30 s.
        opening_epoch: U64,
        /// The node that holds the escrow.
        directory_node_eid: Eid,
        /// By that node.
        signature: Signature,
    }
}

figure! {
    /// `POM_VOTE`, 0x96: how one node ends an escrow.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Accusation id [32]                       |
    /// +---------------------------------------------------------------+
    /// |                      Offender EID [32]                        |
    /// +---------------+-----------------------------------------------+
    /// |  Outcome [1]  |                 Reserved [3]                  |
    /// +---------------+-----------------------------------------------+
    /// |                          Epoch [8]                            |
    /// +---------------------------------------------------------------+
    /// |                       Voter EID [32]                          |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    PomVote = 172 {
        /// Which accusation.
        accusation_id: Digest,
        /// Against which key.
        offender_eid: Eid,
        /// 1 guilty, 2 cleared.
        outcome: u8,
        /// Zero when sent, ignored when received.
        reserved: [u8; 3],
        /// When the node voted: epochs of 30 s.
        epoch: U64,
        /// The node that votes.
        voter_eid: Eid,
        /// By that node.
        signature: Signature,
    }
}
