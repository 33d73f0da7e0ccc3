//! Any message is the same after writing and reading, and any bytes are the same after reading and writing, or are
//! refused.
//!
//! A failure is written to `round_trip.regressions` beside this file and tried first from then on.

mod figures;
mod oracle;

use figures::correct_length;
use iacp_wire::layout::{HandOffContext, NamespaceRoot};
use iacp_wire::message::*;
use iacp_wire::{Cookie, Digest, Eid, Flags, Frame, Message, MessageType, Signature, Tlvs, Value};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::FileFailurePersistence;
use zerocopy::FromBytes;

fn config(cases: u32) -> ProptestConfig {
    let beside = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(beside)), ..ProptestConfig::default() }
}

/// The parts of an arbitrary message.
#[derive(Clone, Debug)]
struct Parts {
    message_type: MessageType,
    /// At least as long as any figure.
    head: Vec<u8>,
    tail: Vec<u8>,
    signature: [u8; 64],
    text: String,
    transit_id: u16,
    fin: bool,
    responder_cookie: Option<[u8; 8]>,
    tlvs: Vec<u8>,
}

fn parts() -> impl Strategy<Value = Parts> {
    let body = (vec(any::<u8>(), 220), vec(any::<u8>(), 16..600), any::<[u8; 64]>(), "\\PC{0,40}");
    let around = (any::<u16>(), any::<bool>(), any::<Option<[u8; 8]>>(), tlvs());
    (select(MessageType::ALL), body, around).prop_map(
        |(message_type, (head, tail, signature, text), (transit_id, fin, responder_cookie, tlvs))| Parts {
            message_type,
            head,
            tail,
            signature,
            text,
            transit_id,
            fin,
            responder_cookie,
            tlvs,
        },
    )
}

/// Sound TLVs in any order: each known one at most once, unknown ones as they come.
fn tlvs() -> impl Strategy<Value = Vec<u8>> {
    let key = |code: u8| any::<[u8; 32]>().prop_map(move |key| [&[code, 32], &key[..]].concat());
    let vector = (select(&[0x0C, 0x17][..]), any::<bool>(), any::<[u8; 41]>()).prop_map(|(code, v4, value)| match v4 {
        true => [&[code, 18, 4], &value[..17]].concat(),
        false => [&[code, 42, 6], &value[..]].concat(),
    });
    let is_unknown = |code: &u8| !matches!(code, 0x0C | 0x17 | 0x80..=0x82 | 0x90 | 0x91);
    let unknown = (any::<u8>().prop_filter("a known type", is_unknown), vec(any::<u8>(), 0..40))
        .prop_map(|(code, value)| [&[code, u8::try_from(value.len()).expect("short")], &value[..]].concat());
    let known = (prop::option::of(key(0x80)), prop::option::of(key(0x81)), prop::option::of(vector));
    (known, vec(unknown, 0..3))
        .prop_map(|((share, airk, vector), unknown)| {
            [share, airk, vector].into_iter().flatten().chain(unknown).collect::<Vec<_>>()
        })
        .prop_shuffle()
        .prop_map(|tlvs| tlvs.concat())
}

/// Writes the length of a figure's variable part into its length field.
fn measure(head: &mut [u8], field: usize, measured: &[u8]) {
    let length = u32::try_from(measured.len()).expect("short");
    head[field..field + 4].copy_from_slice(&length.to_be_bytes());
}

impl Parts {
    fn measured(mut self) -> Self {
        match self.message_type {
            MessageType::PssTeardown => measure(&mut self.head, 12, &self.tail),
            MessageType::PssRevocationPublish | MessageType::PssRevocationRebuttal => {
                measure(&mut self.head, 64, &self.tail);
            }
            _ => {}
        }
        self
    }

    fn message(&self) -> Message<'_> {
        fn figure<T: FromBytes + zerocopy::KnownLayout + zerocopy::Immutable + zerocopy::Unaligned>(
            bytes: &[u8],
        ) -> &T {
            T::ref_from_prefix(bytes).expect("the bytes are long enough").0
        }
        let (head, tail) = (&self.head[..], &self.tail[..]);
        match self.message_type {
            MessageType::DiscoveryReq => Message::DiscoveryReq(figure(head)),
            MessageType::DiscoveryRes => Message::DiscoveryRes(figure(head)),
            MessageType::AccessTicketReq => Message::AccessTicketReq(figure(head)),
            MessageType::AccessTicketRes => Message::AccessTicketRes(figure(head)),
            MessageType::DhtTicketStore => Message::DhtTicketStore(figure(head)),
            MessageType::DhtTicketQuery => Message::DhtTicketQuery(figure(head)),
            MessageType::DhtTicketResp => Message::DhtTicketResp(figure(head)),
            MessageType::PssInit => Message::PssInit(figure(head)),
            MessageType::PssAck => Message::PssAck(figure(head)),
            MessageType::PssNeg => Message::PssNeg(figure(head)),
            MessageType::PssDataStream => Message::PssDataStream { head: figure(head), sealed: tail },
            MessageType::PssTeardown => Message::PssTeardown { head: figure(head), malfeasance: tail },
            MessageType::PssRevocationPublish => {
                Message::PssRevocationPublish { head: figure(head), malfeasance: tail }
            }
            MessageType::ErpDeflect => Message::ErpDeflect { head: figure(head), inner: tail },
            MessageType::OuterTransport => {
                Message::OuterTransport { transit_id: self.transit_id, head: figure(head), inner: tail }
            }
            MessageType::ErpInit => Message::ErpInit(figure(head)),
            MessageType::AnmlFallbackQuery => Message::AnmlFallbackQuery { uri: &self.text, tail: figure(head) },
            MessageType::PssRevocationRebuttal => {
                let signature = figure::<Signature>(&self.signature);
                Message::PssRevocationRebuttal { head: figure(head), evidence: tail, signature }
            }
            MessageType::ErpAlloc => Message::ErpAlloc(figure(head)),
            MessageType::ErpRegister => Message::ErpRegister(figure(head)),
            MessageType::ErpEvolve => Message::ErpEvolve(figure(head)),
            MessageType::MigrationVector => Message::MigrationVector(figure(head)),
            MessageType::ProofOfMal => {
                let head = figure::<ProofOfMal>(head);
                let evidence = match head.offense_type.get() {
                    2..=4 => Claims::parse(tail).ok().map(Evidence::Claims),
                    _ => MalfeasanceEvidence::ref_from_prefix(tail).ok().map(|(found, _)| Evidence::Bindings(found)),
                };
                Message::ProofOfMal { head, evidence }
            }
            MessageType::ErpKeepalive => Message::ErpKeepalive(figure(head)),
            MessageType::ErpStream => Message::ErpStream { head: figure(head), inner: tail },
            MessageType::ErpConfirm => Message::ErpConfirm(figure(head)),
            MessageType::Error => Message::Error(figure(head)),
            MessageType::TicketedRequest => Message::TicketedRequest { head: figure(head), inner: tail },
            MessageType::Local => Message::Local { head: figure(head), inner: tail },
            MessageType::AaiRequest => Message::AaiRequest { head: figure(head), arguments: tail },
            MessageType::AaiNotice => Message::AaiNotice { head: figure(head), content: tail },
            MessageType::PathRelay => Message::PathRelay { head: figure(head), inner: tail },
            MessageType::TransitGrant => Message::TransitGrant(figure(head)),
            MessageType::DockOffer => Message::DockOffer(figure(head)),
            MessageType::SandboxStream => Message::SandboxStream { head: figure(head), bytes: tail },
            MessageType::AnmlFallbackAnswer => Message::AnmlFallbackAnswer(figure(head)),
            MessageType::DirGet => Message::DirGet { head: figure(head), padding: tail },
            MessageType::DirAnswer => Message::DirAnswer { head: figure(head), records: tail },
            MessageType::DirPut => Message::DirPut { head: figure(head), record: tail },
            MessageType::DirReceipt => Message::DirReceipt(figure(head)),
            MessageType::WorkedRequest => Message::WorkedRequest { head: figure(head), inner: tail },
            MessageType::PomNotice => Message::PomNotice(figure(head)),
            MessageType::PomVote => Message::PomVote(figure(head)),
            MessageType::SpaceJoin => Message::SpaceJoin(figure(head)),
            MessageType::SpaceStatus => Message::SpaceStatus(figure(head)),
            MessageType::SpaceRelay => Message::SpaceRelay { head: figure(head), inner: tail },
        }
    }

    /// Whether TLVs may follow: the bodies whose size is fixed.
    fn is_fixed(&self) -> bool {
        figures::of(self.message_type).ending == figures::Ending::Tlvs
    }

    fn frame(&self) -> Frame<'_> {
        let mut frame = Frame::new(self.message());
        if self.fin {
            frame.flags = Flags::FIN;
        }
        if let (Some(cookie), true) = (self.responder_cookie, self.message_type != MessageType::OuterTransport) {
            frame = frame.in_session(Cookie(cookie));
        }
        if self.is_fixed() {
            frame.tlvs = Tlvs::parse(&self.tlvs).expect("the TLVs are sound");
        }
        frame
    }
}

fn fields(message: &Message<'_>) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    message.visit(&mut |name, value: Value<'_>| fields.push((name, format!("{value:?}"))));
    fields
}

proptest! {
    #![proptest_config(config(2000))]

    // shows: IACP-159 (App. A)
    #[test]
    fn any_message_written_and_read_is_the_same_message(parts in parts()) {
        let parts = parts.measured();
        let frame = parts.frame();
        prop_assume!(parts.message_type != MessageType::MigrationVector || frame.tlvs.migration_vector().is_some());
        let mut buffer = [0; 2048];
        let length = frame.write(&mut buffer).expect("2048 bytes hold it");
        prop_assert_eq!(length, frame.length());
        let read = Frame::parse(&buffer[..length]).expect("what is written can be read");
        prop_assert_eq!(read.message.message_type(), parts.message_type);
        prop_assert_eq!(fields(&read.message), fields(&frame.message));
        prop_assert_eq!(read.flags, frame.flags);
        prop_assert_eq!(read.responder_cookie, frame.responder_cookie);
        prop_assert_eq!(read.tlvs, frame.tlvs);
        oracle::judge(&buffer[..length]);
    }

    #[test]
    fn any_hand_off_context_object_survives(
        trigger_type: u16, esd_eid: [u8; 32], session_hash: [u8; 32], target_url in "\\PC{0,300}",
    ) {
        let (esd_eid, session_hash) = (Digest(esd_eid), Digest(session_hash));
        let object = HandOffContext { trigger_type, esd_eid, session_hash, target_url: &target_url };
        let mut buffer = [0; 2048];
        let length = object.write(&mut buffer).expect("2048 bytes hold it");
        prop_assert_eq!(length, 68 + target_url.len());
        prop_assert_eq!(HandOffContext::parse(&buffer[..length]), Ok(object));
    }

    #[test]
    fn any_namespace_root_record_survives(key: [u8; 32], escrow: [u8; 32], namespace in "[a-z0-9.]{0,300}") {
        let (curation_public_key, escrow_allocation_index) = (Eid(key), Digest(escrow));
        let record = NamespaceRoot { curation_public_key, escrow_allocation_index, namespace: &namespace };
        let mut buffer = [0; 2048];
        let length = record.write(&mut buffer).expect("2048 bytes hold it");
        prop_assert_eq!(length, 68 + namespace.len());
        prop_assert_eq!(NamespaceRoot::parse(&buffer[..length]), Ok(record));
    }
}

/// A change to a golden frame.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    CorrectLength,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), 1..=u8::MAX).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        Just(Change::CorrectLength),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(at, bits) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
            }
            Self::Flip(..) => {}
            Self::Insert(at, inserted) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(bytes.len() + 1);
                bytes.drain(at..bytes.len().min(at + count));
            }
            Self::CorrectLength if bytes.len() >= 4 => correct_length(bytes),
            Self::CorrectLength => {}
        }
    }
}

proptest! {
    #![proptest_config(config(4000))]

    // shows: IACP-169 (§8.7)
    #[test]
    fn any_bytes_are_a_frame_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        oracle::judge(&bytes);
    }

    #[test]
    fn any_body_of_any_type_is_a_frame_or_refused(
        known in select(MessageType::ALL), flags in 0..16_u8, body in vec(any::<u8>(), 0..600),
    ) {
        let mut bytes = vec![0x10 | known.code() >> 4, known.code() << 4 | flags, 0, 0];
        if known == MessageType::OuterTransport {
            bytes[0] = 0;
        }
        bytes.extend(body);
        if known != MessageType::OuterTransport {
            correct_length(&mut bytes);
        }
        oracle::judge(&bytes);
    }

    #[test]
    fn a_golden_frame_that_was_tampered_with_is_a_frame_or_refused(
        sample in select(figures::all().collect::<Vec<_>>()), changes in vec(change(), 1..6), corrected: bool,
    ) {
        let mut bytes = sample.encoded();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        if corrected && bytes.len() >= 4 && bytes[0] != 0 {
            correct_length(&mut bytes);
        }
        oracle::judge(&bytes);
    }

    #[test]
    fn any_bytes_are_a_layout_or_refused(mut bytes in vec(any::<u8>(), 0..200), sound: bool) {
        if let (true, Some(text)) = (sound, bytes.len().checked_sub(68)) {
            let length = u16::try_from(text).expect("short").to_be_bytes();
            bytes[..2].copy_from_slice(&length);
            bytes[66..68].copy_from_slice(&length);
            bytes[68..].iter_mut().for_each(|byte| *byte &= 0x7F);
        }
        let mut buffer = [0; 256];
        if let Ok(object) = HandOffContext::parse(&bytes) {
            prop_assert_eq!(object.write(&mut buffer), Ok(bytes.len()));
            prop_assert_eq!(&buffer[..bytes.len()], &bytes[..]);
        }
        if let Ok(record) = NamespaceRoot::parse(&bytes) {
            prop_assert_eq!(record.write(&mut buffer), Ok(bytes.len()));
            // Reserved: ignored when read, zero when written.
            bytes[2..4].fill(0);
            prop_assert_eq!(&buffer[..bytes.len()], &bytes[..]);
        }
        if let Ok(tlvs) = Tlvs::parse(&bytes) {
            prop_assert_eq!(tlvs.iter().map(|tlv| 2 + tlv.value.len()).sum::<usize>(), bytes.len());
        }
    }
}
