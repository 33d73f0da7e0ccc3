//! A binding: an EID, where it is, since which generation, and its signature over the three (`IACP §4.2.3.2`,
//! `IACP §4.2.5.1`).
//!
//! ERP_REGISTER, MIGRATION_VECTOR and the fragments of a PROOF_OF_MAL carry one and the same 56 signed bytes. So a
//! binding that was kept is a proof of what its owner announced.

use core::net::{IpAddr, Ipv6Addr};

use iacp_wire::message::{ErpRegister, MigrationVector};
use iacp_wire::{Eid, Frame, Locator, Message, MigrationVectorTlv, Signature, TlvWriter};

use super::fields::concat;
use crate::crypto::{BadSignature, Provider};
use crate::identity::Identity;

/// The longest ERP_REGISTER or MIGRATION_VECTOR that is written here.
pub(crate) const BINDING_FRAME: usize = 160;

/// What a peer's cache keeps of an EID: 120 bytes, as they stand in ERP_REGISTER. It proves itself.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::erp::binding::Binding;
/// use iacp_core::identity::Identity;
/// use iacp_wire::Locator;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// let identity = Identity::<Portable>::generate(&mut rng);
/// let binding = Binding::sign(&identity, Locator([7; 16]), 3);
/// assert!(binding.verify::<Portable>().is_ok());
/// assert!(Binding { generation: 4, ..binding }.verify::<Portable>().is_err());
/// ```
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
    // keeps: IACP-076 (§4.2.3.2)
    #[must_use]
    pub fn sign<P: Provider>(identity: &Identity<P>, ip: Locator, generation: u64) -> Self {
        let unsigned = Self { eid: identity.eid(), ip, generation, signature: Signature::ZERO };
        Self { signature: Signature(P::sign(identity.key(), &unsigned.signed())), ..unsigned }
    }

    /// The last binding of an agent: it is nowhere.
    #[must_use]
    pub fn leaving<P: Provider>(identity: &Identity<P>, generation: u64) -> Self {
        Self::sign(identity, Locator::ZERO, generation)
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// It does not hold, whatever the cause.
    pub fn verify<P: Provider>(&self) -> Result<(), BadSignature> {
        P::verify(&self.eid.0, &self.signed(), &self.signature.0)
    }

    /// Whether the binding says that the EID has left.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.ip == Locator::ZERO
    }

    /// The 56 bytes that the three messages sign.
    pub(crate) fn signed(&self) -> [u8; 56] {
        concat(&[&self.eid.0, &self.ip.0, &self.generation.to_be_bytes()])
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

    /// Writes the ERP_REGISTER; returns its length, or 0 if `out` is too small.
    pub(crate) fn write_register(&self, out: &mut [u8]) -> usize {
        Frame::new(Message::ErpRegister(&self.to_register())).write(out).unwrap_or(0)
    }

    /// Writes the MIGRATION_VECTOR; returns its length, or 0 if `out` is too small. The nonce of its TLV is informative
    /// only: bytes of the signature are as good as any.
    // keeps: IACP-090 (A.22)
    pub(crate) fn write_vector(&self, previous: IpAddr, out: &mut [u8]) -> usize {
        let vector = MigrationVector {
            source_eid: self.eid,
            generation_counter: self.generation.into(),
            signature: self.signature,
        };
        let nonce = self.signature.0.first_chunk().copied().unwrap_or_default();
        let current = if self.is_leaving() { Ipv6Addr::UNSPECIFIED.into() } else { self.ip.into() };
        let tlv = MigrationVectorTlv { code: iacp_wire::KnownTlv::MigrationVector.code(), previous, current, nonce };
        let mut room = [0; 48];
        let mut tlvs = TlvWriter::new(&mut room);
        let Ok(()) = tlvs.migration_vector(&tlv) else { return 0 };
        let Ok(tlvs) = tlvs.finish() else { return 0 };
        let frame = Frame { tlvs, ..Frame::new(Message::MigrationVector(&vector)) };
        frame.write(out).unwrap_or(0)
    }
}
