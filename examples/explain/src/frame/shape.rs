//! What each message is made of, before any byte is read.

use iacp_wire::message as m;
use iacp_wire::{AeadTag, Figure, MessageType, Signature, Value};

/// How the bytes of a field are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned number.
    Number,
    /// A byte string.
    Bytes,
    /// UTF-8 text.
    Text,
}

/// A field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the figure.
    pub name: &'static str,
    /// How it is read.
    pub kind: Kind,
    /// Its size in bytes. One field of a message may have none: it takes the bytes that the others leave.
    pub size: Option<usize>,
}

/// A message.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The fields in wire order.
    pub fields: Vec<Field>,
    /// The least size of the open field.
    pub least: usize,
    /// The field that gives the size of the open one.
    pub measured_by: Option<&'static str>,
    /// The figures of which it is made, and those of its evidence.
    pub figures: Vec<&'static [(&'static str, usize)]>,
    /// TLVs may follow.
    pub tlvs: bool,
    /// Evidence may follow: see [`bindings`] and [`claims`].
    pub evidence: bool,
}

/// The fields of a figure.
#[must_use]
pub fn fields<T: Figure>() -> Vec<Field> {
    let mut fields = Vec::new();
    T::new_zeroed().visit(&mut |name, value| {
        let kind = match value {
            Value::Integer(_) => Kind::Number,
            Value::Bytes(_) | Value::Secret(_) => Kind::Bytes,
            Value::Text(_) => Kind::Text,
        };
        let size = T::FIELDS.iter().find(|(field, _)| *field == name).map(|(_, size)| *size);
        fields.push(Field { name, kind, size });
    });
    fields
}

/// A figure, behind which TLVs may stand.
fn closed<T: Figure>() -> Shape {
    let figures = vec![T::FIELDS];
    Shape { fields: fields::<T>(), least: 0, measured_by: None, figures, tlvs: true, evidence: false }
}

/// A figure and a field that runs to the end.
fn open<T: Figure>(name: &'static str) -> Shape {
    let mut shape = Shape { tlvs: false, ..closed::<T>() };
    shape.fields.push(Field { name, kind: Kind::Bytes, size: None });
    shape
}

/// The evidence of two bindings (offence 1).
#[must_use]
pub fn bindings() -> Vec<Field> {
    fields::<m::MalfeasanceEvidence>()
}

/// The evidence of two claims (offences 2 to 4): what stands before the two claims, and behind them.
#[must_use]
pub fn claims() -> [Vec<Field>; 2] {
    [fields::<m::ClaimsHead>(), fields::<m::ClaimsTail>()]
}

/// What a message is made of.
#[must_use]
pub fn of(message_type: MessageType) -> Shape {
    use MessageType as T;
    match message_type {
        T::DiscoveryReq => closed::<m::DiscoveryReq>(),
        T::DiscoveryRes => closed::<m::DiscoveryRes>(),
        T::AccessTicketReq => closed::<m::AccessTicketReq>(),
        T::AccessTicketRes => closed::<m::AccessTicketRes>(),
        T::DhtTicketStore => closed::<m::DhtTicketStore>(),
        T::DhtTicketQuery => closed::<m::DhtTicketQuery>(),
        T::DhtTicketResp => closed::<m::DhtTicketResp>(),
        T::PssInit => closed::<m::PssInit>(),
        T::PssAck => closed::<m::PssAck>(),
        T::PssNeg => closed::<m::PssNeg>(),
        T::ErpInit => closed::<m::ErpInit>(),
        T::ErpAlloc => closed::<m::ErpAlloc>(),
        T::ErpRegister => closed::<m::ErpRegister>(),
        T::ErpEvolve => closed::<m::ErpEvolve>(),
        T::MigrationVector => closed::<m::MigrationVector>(),
        T::ErpKeepalive => closed::<m::ErpKeepalive>(),
        T::ErpConfirm => closed::<m::ErpConfirm>(),
        T::TransitGrant => closed::<m::TransitGrant>(),
        T::DockOffer => closed::<m::DockOffer>(),
        T::AnmlFallbackAnswer => closed::<m::AnmlFallbackAnswer>(),
        T::DirReceipt => closed::<m::DirReceipt>(),
        T::PomNotice => closed::<m::PomNotice>(),
        T::PomVote => closed::<m::PomVote>(),
        T::SpaceJoin => closed::<m::SpaceJoin>(),
        T::SpaceStatus => closed::<m::SpaceStatus>(),
        T::Error => closed::<m::ErrorMessage>(),
        T::ErpDeflect => open::<m::ErpDeflect>("inner_payload"),
        T::OuterTransport => open::<m::OuterTransport>("inner_payload"),
        T::ErpStream => open::<m::ErpStream>("inner_frame"),
        T::TicketedRequest => open::<m::TicketedRequest>("inner_frame"),
        T::Local => open::<m::Local>("inner_frame"),
        T::AaiRequest => open::<m::AaiRequest>("arguments"),
        T::AaiNotice => open::<m::AaiNotice>("content"),
        T::PathRelay => open::<m::PathRelay>("inner_frame"),
        T::SandboxStream => open::<m::SandboxStream>("bytes"),
        T::DirGet => open::<m::DirGet>("padding"),
        T::DirAnswer => open::<m::DirAnswer>("records"),
        T::DirPut => open::<m::DirPut>("record"),
        T::WorkedRequest => open::<m::WorkedRequest>("inner_frame"),
        T::SpaceRelay => open::<m::SpaceRelay>("inner_frame"),
        T::PssDataStream => Shape { least: AeadTag::LEN, ..open::<m::PssDataStream>("encrypted_payload") },
        T::PssTeardown => measured(open::<m::PssTeardown>("malfeasance_data"), "malfeasance_length"),
        T::PssRevocationPublish => measured(open::<m::PssRevocationPublish>("malfeasance_data"), "malfeasance_length"),
        T::PssRevocationRebuttal => {
            let mut shape = open::<m::PssRevocationRebuttal>("rebuttal_evidence");
            shape.fields.push(Field { name: "signature", kind: Kind::Bytes, size: Some(Signature::LEN) });
            measured(shape, "rebuttal_proof_length")
        }
        T::AnmlFallbackQuery => {
            let mut shape = Shape { tlvs: false, ..closed::<m::AnmlFallbackQuery>() };
            shape.fields.insert(0, Field { name: "legacy_target_uri", kind: Kind::Text, size: None });
            shape
        }
        T::ProofOfMal => {
            let mut shape = Shape { tlvs: false, evidence: true, ..closed::<m::ProofOfMal>() };
            shape.figures.extend([m::MalfeasanceEvidence::FIELDS, m::ClaimsHead::FIELDS, m::ClaimsTail::FIELDS]);
            shape
        }
    }
}

const fn measured(mut shape: Shape, by: &'static str) -> Shape {
    shape.measured_by = Some(by);
    shape
}

#[cfg(test)]
mod tests {
    use iacp_wire::MessageType;

    use super::of;

    #[test]
    fn at_most_one_field_is_open_and_what_measures_it_is_there() {
        for message_type in MessageType::ALL {
            let shape = of(*message_type);
            let open = shape.fields.iter().filter(|field| field.size.is_none()).count();
            assert!(open <= 1, "{message_type:?}");
            assert!(!shape.tlvs || open == 0, "{message_type:?}: TLVs stand behind fixed bodies only");
            let named = |name: &str| shape.fields.iter().any(|field| field.name == name);
            assert!(shape.measured_by.is_none_or(named), "{message_type:?}");
        }
    }
}
