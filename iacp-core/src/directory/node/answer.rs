//! What a node sends back, and the answers that it keeps for the time when a breaker is open (`IACP §5.4.2`).

use iacp_wire::message::{DhtTicketResp, DhtTicketStore, DirAnswer, DirReceipt, ErpConfirm, ErrorMessage};
use iacp_wire::{AeadNonce, DhtKey, Digest, Frame, Message, RefusedDigest, SealedLocator, Signature, TransactionId};

use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame};
use crate::slots::IndexKey;
use crate::time::Mono;

/// Flags of a DIR_ANSWER.
pub(super) mod flag {
    pub const CHALLENGED: u16 = 0x0001;
    pub const SLASHED: u16 = 0x0002;
    pub const REVOKED: u16 = 0x0004;
    pub const QUARANTINED: u16 = 0x0008;
    pub const HOSTED: u16 = 0x0010;
    pub const HAS_TICKETS: u16 = 0x0020;
    pub const LEFT: u16 = 0x0040;
    pub const CACHED: u16 = 0x8000;
}

/// Codes of an ERROR.
pub(super) mod code {
    pub const RATE_LIMITED: u16 = 1;
    pub const WORK_TOO_LOW: u16 = 2;
    pub const CAPACITY: u16 = 4;
    pub const BREAKER_OPEN: u16 = 6;
}

/// What a binding's signature covers: EID, IP, generation.
const BOUND: usize = iacp_wire::message::ErpRegister::LEN - Signature::LEN;

/// A refusal of a frame: 20 bytes, shorter than anything that is refused.
pub(super) fn error<P: Provider>(code: u16, refused: &[u8], retry_after: u32, out: &mut [u8]) -> Option<usize> {
    let [first, second, ..] = *refused else { return None };
    let digest = P::sha256(&[refused]);
    let body = ErrorMessage {
        code: code.into(),
        refused_type: first << 4 | second >> 4,
        reserved: 0,
        retry_after: retry_after.into(),
        refused_digest: RefusedDigest(digest.first_chunk().copied().unwrap_or_default()),
    };
    let length = Frame::new(Message::Error(&body)).write(out).ok()?;
    (length <= refused.len()).then_some(length)
}

/// The word of this node on a record.
pub(super) fn receipt<P: Provider>(
    me: &Identity<P>,
    record_digest: Digest,
    status: u32,
    out: &mut [u8],
) -> Option<usize> {
    let body =
        DirReceipt { record_digest, directory_node_eid: me.eid(), status: status.into(), signature: Signature::ZERO };
    sign_frame(me, &Frame::new(Message::DirReceipt(&body)), [&[], &[]], out).ok()
}

/// The confirmation of a binding.
pub(super) fn confirm<P: Provider>(
    me: &Identity<P>,
    binding: &iacp_wire::message::ErpRegister,
    status: u32,
    out: &mut [u8],
) -> Option<usize> {
    let body = ErpConfirm {
        eid: binding.source_eid,
        generation_counter: binding.generation_counter,
        directory_node_eid: me.eid(),
        status: status.into(),
        signature: Signature::ZERO,
    };
    let bound = zerocopy::IntoBytes::as_bytes(binding).get(..BOUND)?;
    sign_frame(me, &Frame::new(Message::ErpConfirm(&body)), [bound, &[]], out).ok()
}

/// The answer to a DHT_TICKET_QUERY.
// keeps: IACP-014 (A.7)
pub(super) fn ticket(to: TransactionId, found: Option<&DhtTicketStore>, out: &mut [u8]) -> Option<usize> {
    let body = match found {
        Some(ticket) => DhtTicketResp {
            transaction_id: to,
            status_code: 0.into(),
            aead_nonce: ticket.aead_nonce,
            encrypted_forwarding_data: ticket.encrypted_forwarding_data,
            signature: ticket.signature,
        },
        None => DhtTicketResp {
            transaction_id: to,
            status_code: 1.into(),
            aead_nonce: AeadNonce::ZERO,
            encrypted_forwarding_data: SealedLocator::ZERO,
            signature: Signature::ZERO,
        },
    };
    Frame::new(Message::DhtTicketResp(&body)).write(out).ok()
}

/// An answer of records as it is being written: what does not fit is counted.
pub(super) struct Listing<'o> {
    out: &'o mut [u8],
    length: usize,
    most: usize,
    total: u8,
    open: bool,
}

/// Common header and DIR_ANSWER.
const HEAD: usize = 4 + DirAnswer::LEN;

impl<'o> Listing<'o> {
    /// An answer of at most three times the request.
    pub(super) fn new(request: usize, out: &'o mut [u8]) -> Self {
        let most = request.saturating_mul(3).min(1_200).min(out.len());
        Self { out, length: HEAD, most, total: 0, open: true }
    }

    /// Adds a record, if it fits and is not skipped. Once one did not fit, none behind it stands.
    pub(super) fn add(&mut self, record: &iacp_wire::layout::Record<'_>, skipped: bool) {
        self.total = self.total.saturating_add(1);
        if skipped || !self.open {
            return;
        }
        let room = self.out.get_mut(self.length..self.most).unwrap_or_default();
        match record.write(room) {
            Ok(length) => self.length = self.length.saturating_add(length),
            Err(_) => self.open = false,
        }
    }

    /// Whether each record that was not skipped stands in the answer.
    pub(super) const fn is_whole(&self) -> bool {
        self.open
    }

    /// Writes the head; gives the length of the frame.
    pub(super) fn finish(self, to: TransactionId, status: u16, flags: u16, first: u8) -> Option<usize> {
        let payload = u16::try_from(self.length.checked_sub(4)?).ok()?.to_be_bytes();
        let head = DirAnswer {
            transaction_id: to,
            answer_status: status.into(),
            answer_flags: flags.into(),
            total: self.total,
            first,
            reserved: [0; 2],
        };
        let bytes = [0x19, 0x10].into_iter().chain(payload).chain(zerocopy::IntoBytes::as_bytes(&head).iter().copied());
        let front = self.out.get_mut(..HEAD)?;
        front.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        (self.length <= self.most).then_some(self.length)
    }
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    question: (DhtKey, u8, u8, u8),
    at: Mono,
    length: u16,
    answer: [u8; 1_200],
}

impl Kept {
    /// A free place.
    pub const FREE: Self = Self { question: (DhtKey::ZERO, 0, 0, 0), at: Mono(0), length: 0, answer: [0; 1_200] };
}

/// The last answers, filled while a breaker is closed and read while it is open.
pub(super) struct Cache<'m> {
    places: &'m mut [Kept],
    key: IndexKey,
}

/// An answer is at most so old, in milliseconds.
const FRESH: u64 = 60_000;
/// How many slots are tried for an answer.
const WAYS: usize = 4;

impl<'m> Cache<'m> {
    pub(super) fn new(places: &'m mut [Kept], key: IndexKey) -> Self {
        places.iter_mut().for_each(|place| place.length = 0);
        Self { places, key }
    }

    fn set(&mut self, question: &(DhtKey, u8, u8, u8)) -> Option<&mut [Kept]> {
        let (key, kind, first, class) = question;
        let hash = self.key.hash(&[&key.0, &[*kind, *first, *class]]);
        let ways = WAYS.min(self.places.len());
        let sets = self.places.len().checked_div(ways)?;
        let start = usize::try_from(hash % u64::try_from(sets).ok()?).ok()?.saturating_mul(ways);
        self.places.get_mut(start..start.saturating_add(ways))
    }

    /// Keeps an answer; it replaces the oldest one of its set.
    pub(super) fn keep(&mut self, now: Mono, question: (DhtKey, u8, u8, u8), answer: &[u8]) {
        let Some(set) = self.set(&question) else { return };
        let same = set.iter().position(|kept| kept.length > 0 && kept.question == question);
        let oldest = || set.iter().enumerate().min_by_key(|(_, kept)| (kept.length > 0, kept.at)).map(|(at, _)| at);
        let Some(place) = same.or_else(oldest).and_then(|at| set.get_mut(at)) else { return };
        let (Ok(length), true) = (u16::try_from(answer.len()), answer.len() <= 1_200) else { return };
        (place.question, place.at, place.length) = (question, now, length);
        place.answer.iter_mut().zip(answer).for_each(|(to, from)| *to = *from);
    }

    /// A kept answer under the question's own transaction id and with the flag CACHED.
    pub(super) fn read(
        &mut self,
        now: Mono,
        question: (DhtKey, u8, u8, u8),
        to: TransactionId,
        most: usize,
        out: &mut [u8],
    ) -> Option<usize> {
        let set = self.set(&question)?;
        let kept =
            set.iter().find(|kept| kept.length > 0 && kept.question == question && now.since(kept.at) <= FRESH)?;
        let bytes = kept.answer.get(..usize::from(kept.length)).filter(|bytes| bytes.len() <= most)?;
        let room = out.get_mut(..bytes.len())?;
        room.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        room.get_mut(4..12)?.iter_mut().zip(to.0).for_each(|(byte, id)| *byte = id);
        *room.get_mut(14)? |= flag::CACHED.to_be_bytes()[0];
        Some(bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use iacp_wire::layout::Record;

    use super::*;
    use crate::crypto::ChaChaOnly;

    #[test]
    fn a_refusal_is_no_longer_than_what_it_refuses() {
        let mut refused = [0x18; 32];
        refused[1] = 0x1F;
        let (length, mut out) = (4 + ErrorMessage::LEN, [0; 64]);
        for (bytes, answered) in [(1, None), (length - 1, None), (length, Some(length)), (length + 1, Some(length))] {
            assert_eq!(error::<ChaChaOnly>(code::CAPACITY, &refused[..bytes], 7, &mut out), answered, "{bytes} bytes");
        }
        let Message::Error(said) = Frame::parse(&out[..length]).expect("whole").message else { panic!("an ERROR") };
        assert_eq!((said.code.get(), said.refused_type, said.retry_after.get()), (4, 0x81, 7));
        assert_eq!(said.refused_digest.0, ChaChaOnly::sha256(&[&refused[..length + 1]])[..8]);
    }

    #[test]
    fn a_list_has_three_times_its_question_and_1200_bytes_at_most() {
        let mut out = [0; 1_300];
        for (request, room, most) in [(100, 1_300, 300), (400, 1_300, 1_200), (401, 1_300, 1_200), (400, 50, 50)] {
            assert_eq!(Listing::new(request, &mut out[..room]).most, most, "{request} and {room}");
        }
        // The head alone has 20 bytes.
        for (request, room, written) in [(6, 64, None), (7, 64, Some(20)), (7, 20, Some(20)), (7, 19, None)] {
            let listing = Listing::new(request, &mut out[..room]);
            assert_eq!(listing.finish(TransactionId([9; 8]), 0, 0, 0), written, "{request} and {room}");
        }
    }

    #[test]
    fn a_list_that_is_cut_counts_what_it_leaves_out() {
        let record = Record { kind: 1, storage_key: DhtKey([1; 32]), expiry: 9, body: &[7; 6] };
        let shorter = Record { body: &[7], ..record };
        // Two records of 50 bytes, and one that was skipped.
        for (room, whole) in [(HEAD + 99, false), (HEAD + 100, true)] {
            let mut out = [0; 300];
            let mut listing = Listing::new(400, &mut out[..room]);
            for skipped in [true, false, false] {
                listing.add(&record, skipped);
            }
            assert_eq!(listing.is_whole(), whole, "{room}");
            // Behind what was left out nothing stands, though it would fit.
            listing.add(&shorter, false);
            let length = listing.finish(TransactionId([9; 8]), 20, 0x8001, 1).expect("the head fits");
            assert_eq!(length, if whole { HEAD + 100 } else { HEAD + 50 });
            let Message::DirAnswer { head, records } = Frame::parse(&out[..length]).expect("whole").message else {
                panic!("a DIR_ANSWER")
            };
            assert_eq!((head.total, head.first, records.len()), (4, 1, length - HEAD));
            assert_eq!((head.answer_status.get(), head.answer_flags.get()), (20, 0x8001));
            assert_eq!(head.transaction_id, TransactionId([9; 8]));
            assert_eq!(Record::parse_prefix(records).map(|(first, _)| first), Ok(record));
        }
    }

    const fn question(number: u8) -> (DhtKey, u8, u8, u8) {
        (DhtKey([number; 32]), 1, 2, 3)
    }

    fn has(cache: &mut Cache<'_>, now: u64, question: (DhtKey, u8, u8, u8)) -> bool {
        cache.read(Mono(now), question, TransactionId([9; 8]), 1_200, &mut [0; 1_200]).is_some()
    }

    // shows: IACP-125 (§5.4.2)
    #[test]
    fn an_answer_is_kept_for_a_minute_and_goes_out_under_the_number_of_its_question() {
        let mut places = [const { Kept::FREE }; 4];
        let mut cache = Cache::new(&mut places, IndexKey::new([7; 16]));
        cache.keep(Mono(1_000), question(1), &[0xAA; 40]);
        let mut out = [0; 64];
        for (now, most, length) in
            [(1_000, 40, Some(40)), (1_000, 39, None), (61_000, 40, Some(40)), (61_001, 40, None)]
        {
            let read = cache.read(Mono(now), question(1), TransactionId([9; 8]), most, &mut out);
            assert_eq!(read, length, "at {now}, {most} bytes");
        }
        assert_eq!(out[..4], [0xAA; 4]);
        assert_eq!(out[4..12], [9; 8]);
        assert_eq!(out[12..40], [0xAA; 28], "the flag of a kept answer is set already");
        cache.keep(Mono(1_000), question(2), &[0; 40]);
        cache.read(Mono(1_000), question(2), TransactionId([9; 8]), 40, &mut out).expect("it is kept");
        assert_eq!((out[13], out[14], out[15]), (0, 0x80, 0));
        assert!(cache.read(Mono(1_000), question(2), TransactionId([9; 8]), 40, &mut [0; 39]).is_none(), "no room");
        // Another key, kind, place in the list or class is another question.
        let (key, kind, first, class) = question(1);
        for other in [(DhtKey([3; 32]), kind, first, class), (key, 9, first, class), (key, kind, 9, class)] {
            assert!(!has(&mut cache, 1_000, other));
        }
        assert!(!has(&mut cache, 1_000, (key, kind, first, 9)) && has(&mut cache, 1_000, question(1)));
    }

    #[test]
    fn an_answer_takes_the_place_of_its_older_one_or_of_the_oldest_of_four() {
        let mut places = [const { Kept::FREE }; 4];
        let mut cache = Cache::new(&mut places, IndexKey::new([7; 16]));
        for number in 1..=4 {
            cache.keep(Mono(number.into()), question(number), &[0; 20]);
        }
        cache.keep(Mono(5), question(1), &[0; 20]);
        cache.keep(Mono(6), question(5), &[0; 20]);
        assert_eq!([1, 2, 3, 4, 5].map(|number| has(&mut cache, 6, question(number))), [true, false, true, true, true]);
        // A frame has at most 1,200 bytes.
        cache.keep(Mono(7), question(6), &[0; 1_201]);
        cache.keep(Mono(7), question(7), &[0; 1_200]);
        assert!(!has(&mut cache, 7, question(6)) && has(&mut cache, 7, question(7)));
        assert!(!has(&mut Cache::new(&mut [], IndexKey::new([7; 16])), 7, question(7)));
        let mut places = [const { Kept::FREE }; 8];
        let mut cache = Cache::new(&mut places, IndexKey::new([7; 16]));
        (0..100).for_each(|number| cache.keep(Mono(number.into()), question(number), &[0; 20]));
        assert_eq!((0..100).filter(|number| has(&mut cache, 100, question(*number))).count(), 8, "two sets of four");
        let mut three = [const { Kept::FREE }; 3];
        let mut cache = Cache::new(&mut three, IndexKey::new([7; 16]));
        (0..100).for_each(|number| cache.keep(Mono(number.into()), question(number), &[0; 20]));
        assert_eq!((0..100).filter(|number| has(&mut cache, 100, question(*number))).count(), 3);
    }
}
