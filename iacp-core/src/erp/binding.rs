//! A binding: an EID, where it is, since which generation, and its signature over the three (`IACP §4.2.5.1`).
//!
//! ERP_REGISTER, MIGRATION_VECTOR and the fragments of a PROOF_OF_MAL carry one and the same 56 signed bytes. So a
//! binding that was kept is a proof of what its owner announced.

use iacp_wire::message::{ErpRegister, MigrationVector};
use iacp_wire::{Eid, Frame, Locator, Message, Signature};

use crate::crypto::{BadSignature, Provider};
use crate::identity::Identity;

/// What a peer's cache keeps of an EID: 120 bytes, as they stand in ERP_REGISTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whose binding it is.
    pub eid: Eid,
    /// Where the EID is; zero says that it has left.
    pub ip: Locator,
    /// Rises with each binding of the EID.
    pub generation: u64,
    /// By the EID.
    pub signature: Signature,
}

impl Binding {
    /// Signs a binding. Only [`Counter`](super::generation::Counter) may say the generation.
    #[must_use]
    pub fn sign<P: Provider>(identity: &Identity<P>, ip: Locator, generation: u64) -> Self {
        let eid = identity.eid();
        let signature = Signature(P::sign(identity.key(), &signed(&eid, &ip, generation)));
        Self { eid, ip, generation, signature }
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// It does not hold, whatever the cause.
    pub fn verify<P: Provider>(&self) -> Result<(), BadSignature> {
        P::verify(&self.eid.0, &signed(&self.eid, &self.ip, self.generation), &self.signature.0)
    }

    /// Whether the binding says that the EID has left.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.ip == Locator::ZERO
    }

    /// The binding that a frame carries, if it is one of the two that do. Nothing is verified.
    #[must_use]
    pub fn of_frame(frame: &Frame<'_>) -> Option<Self> {
        match frame.message {
            Message::ErpRegister(ErpRegister { source_eid, current_transport_ip, generation_counter, signature }) => {
                let generation = generation_counter.get();
                Some(Self { eid: *source_eid, ip: *current_transport_ip, generation, signature: *signature })
            }
            Message::MigrationVector(MigrationVector { source_eid, generation_counter, signature }) => {
                let ip = frame.tlvs.migration_vector()?.current_locator();
                Some(Self { eid: *source_eid, ip, generation: generation_counter.get(), signature: *signature })
            }
            _ => None,
        }
    }

    /// The binding as the body of an ERP_REGISTER.
    #[must_use]
    pub fn to_register(&self) -> ErpRegister {
        ErpRegister {
            source_eid: self.eid,
            current_transport_ip: self.ip,
            generation_counter: self.generation.into(),
            signature: self.signature,
        }
    }
}

/// The 56 bytes that the three messages sign.
fn signed(eid: &Eid, ip: &Locator, generation: u64) -> [u8; 56] {
    let mut bytes = [0; 56];
    let fields = eid.0.iter().chain(&ip.0).copied().chain(generation.to_be_bytes());
    bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    bytes
}
