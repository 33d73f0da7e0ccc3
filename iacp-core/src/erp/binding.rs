//! Bindings: an EID, where it is, and since which generation, signed by it (`IACP §4.2.3.2`, `IACP §4.2.5.1`).

use core::net::{IpAddr, Ipv6Addr};

use iacp_wire::message::{ErpRegister, MigrationVector};
use iacp_wire::{Eid, Frame, Locator, Message, MigrationVectorTlv, Signature, TlvWriter};

use crate::crypto::Provider;
use crate::identity::Identity;

/// The longest ERP_REGISTER or MIGRATION_VECTOR that is written here.
pub(crate) const BINDING_FRAME: usize = 160;

/// What an EID says of its place. It proves itself.
///
/// ```
/// use iacp_core::crypto::Portable;
/// use iacp_core::erp::binding::Binding;
/// use iacp_core::identity::Identity;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// let identity = Identity::<Portable>::generate(&mut rng);
/// let binding = Binding::sign(&identity, [192, 0, 2, 7].into(), 3);
/// assert!(binding.verifies::<Portable>());
/// assert!(!Binding { generation: 4, ..binding }.verifies::<Portable>());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Whose place it is.
    pub eid: Eid,
    /// The place. The unspecified address says that the agent is gone.
    pub locator: Locator,
    /// The higher one counts.
    pub generation: u64,
    /// Over the 56 bytes of the other three.
    pub signature: Signature,
}

impl Binding {
    /// Signs a binding. Before that its generation must be on stable storage, and it is signed for one place only: two
    /// places under one generation are an equivocation.
    // keeps: IACP-076
    #[must_use]
    pub fn sign<P: Provider>(identity: &Identity<P>, address: IpAddr, generation: u64) -> Self {
        let unsigned = Self { eid: identity.eid(), locator: address.into(), generation, signature: Signature::ZERO };
        Self { signature: Signature(P::sign(identity.key(), &unsigned.bound())), ..unsigned }
    }

    /// The last binding of an agent: it is nowhere.
    #[must_use]
    pub fn leaving<P: Provider>(identity: &Identity<P>, generation: u64) -> Self {
        Self::sign(identity, Ipv6Addr::UNSPECIFIED.into(), generation)
    }

    /// The bytes under the signature.
    pub(crate) fn bound(&self) -> [u8; 56] {
        let mut bytes = [0; 56];
        let parts = self.eid.0.iter().chain(&self.locator.0).copied().chain(self.generation.to_be_bytes());
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Whether the EID has signed it.
    #[must_use]
    pub fn verifies<P: Provider>(&self) -> bool {
        P::verify(&self.eid.0, &self.bound(), &self.signature.0).is_ok()
    }

    /// Whether it says that the agent is gone.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.locator == Locator::ZERO
    }

    /// The place.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.locator.into()
    }

    /// The binding of an ERP_REGISTER or a MIGRATION_VECTOR. Nothing is verified.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Option<Self> {
        match frame.message {
            Message::ErpRegister(head) => Some(Self {
                eid: head.source_eid,
                locator: head.current_transport_ip,
                generation: head.generation_counter.get(),
                signature: head.signature,
            }),
            Message::MigrationVector(head) => Some(Self {
                eid: head.source_eid,
                locator: frame.tlvs.migration_vector()?.current_locator(),
                generation: head.generation_counter.get(),
                signature: head.signature,
            }),
            _ => None,
        }
    }

    /// Writes the ERP_REGISTER; returns its length, or 0 if `out` is too small.
    pub(crate) fn write_register(&self, out: &mut [u8]) -> usize {
        let register = ErpRegister {
            source_eid: self.eid,
            current_transport_ip: self.locator,
            generation_counter: self.generation.into(),
            signature: self.signature,
        };
        Frame::new(Message::ErpRegister(&register)).write(out).unwrap_or(0)
    }

    /// Writes the MIGRATION_VECTOR; returns its length, or 0 if `out` is too small. The nonce of its TLV is informative
    /// only: bytes of the signature are as good as any.
    pub(crate) fn write_vector(&self, previous: IpAddr, out: &mut [u8]) -> usize {
        let vector = MigrationVector {
            source_eid: self.eid,
            generation_counter: self.generation.into(),
            signature: self.signature,
        };
        let nonce = self.signature.0.first_chunk().copied().unwrap_or_default();
        let current = if self.is_leaving() { Ipv6Addr::UNSPECIFIED.into() } else { self.address() };
        let tlv = MigrationVectorTlv { code: iacp_wire::KnownTlv::MigrationVector.code(), previous, current, nonce };
        let mut room = [0; 48];
        let mut tlvs = TlvWriter::new(&mut room);
        let Ok(()) = tlvs.migration_vector(&tlv) else { return 0 };
        let Ok(tlvs) = tlvs.finish() else { return 0 };
        let frame = Frame { tlvs, ..Frame::new(Message::MigrationVector(&vector)) };
        frame.write(out).unwrap_or(0)
    }
}
