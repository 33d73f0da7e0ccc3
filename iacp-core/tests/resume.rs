//! Going on after a loss: kind 5, items, receipts, Forwarding Tickets (`IACP §3.5`, `IACP §6.4.2`).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use iacp_core::crypto::{Portable, Provider, Secret32, Suite};
use iacp_core::erp::receipt::{KEPT, ReceiptSlot, Receipts};
use iacp_core::erp::resume::{
    Agreement, Initiator, Item, Items, Knowledge, Line, LineOutcome, NotResumed, Resume, ResumeRecord, answer,
};
use iacp_core::erp::ticket::{BLOCK, Issuer, NotIssued, NotOpened, Opener, query, storage_key};
use iacp_core::identity::Identity;
use iacp_core::pss::TicketKey;
use iacp_core::time::Mono;
use iacp_wire::message::{DhtTicketResp, DhtTicketStore};
use iacp_wire::{Cookie, Eid, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

const OLD: Line = Line([0x11; 16]);
const SESSION: Line = Line([0x22; 16]);

fn hex(text: &str) -> Vec<u8> {
    hex_digits(text).chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn hex_digits(text: &str) -> Vec<u8> {
    text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| u8::try_from(digit).expect("a digit")).collect()
}

// shows: IACP-144 (§6.4.2)
#[test]
fn kind_5_has_line_next_item_and_lowest_item_not_safe() {
    let known = Knowledge { keeps: Some(3), next: Some(9), safe: 5, delivered: 6 };
    let frame = Initiator::new(Some((OLD, known))).first_frame();
    let golden = hex("11111111 11111111 11111111 11111111 00000000 00000009 00000000 00000005");
    assert_eq!(frame.to_bytes()[..], golden[..]);
    assert_eq!(Resume::read(&golden), Ok(frame));
    let unknown = Initiator::new(Some((OLD, Knowledge::of_record(5)))).first_frame();
    let golden = hex("11111111 11111111 11111111 11111111 ffffffff ffffffff 00000000 00000005");
    assert_eq!(unknown.to_bytes()[..], golden[..], "the next item is not known after a lost memory");
    assert_eq!(Resume::read(&golden), Ok(unknown));
    let none = Initiator::new(None).first_frame();
    assert_eq!(none.to_bytes(), [0; 32]);
    assert_eq!(none.line(), None);
}

#[test]
fn a_malformed_kind_5_is_refused() {
    let good = hex("11111111 11111111 11111111 11111111 00000000 00000009 00000000 00000005");
    for length in 0..32 {
        assert_eq!(Resume::read(&good[..length]), Err(NotResumed::Malformed), "{length} bytes");
    }
    assert_eq!(Resume::read(&[&good[..], &[0]].concat()), Err(NotResumed::Malformed));
    // No line, and yet numbers.
    for byte in 16..32 {
        let mut none = [0; 32];
        none[byte] = 1;
        assert_eq!(Resume::read(&none), Err(NotResumed::Malformed), "byte {byte}");
    }
    let mut endless = good.clone();
    endless[24..].fill(0xFF);
    assert_eq!(Resume::read(&endless), Err(NotResumed::Malformed));
    // A number of 2^62 or above would leave too few: neither for the next item, nor for the lowest that is not safe.
    for byte in [16, 24] {
        let mut beyond = good.clone();
        beyond[byte] = 0x40;
        assert_eq!(Resume::read(&beyond), Err(NotResumed::Malformed), "byte {byte}");
    }
}

#[test]
fn a_resume_record_has_56_bytes_and_no_key() {
    let record = ResumeRecord { peer: Eid([0x33; 32]), line: OLD, safe: 0x0102 };
    let golden = [hex(&"33".repeat(32)), hex(&"11".repeat(16)), hex("00000000 00000102")].concat();
    assert_eq!(record.to_bytes()[..], golden[..]);
    assert_eq!(ResumeRecord::read(&golden), Some(record));
    assert!((0..56).all(|length| ResumeRecord::read(&golden[..length]).is_none()));
    assert_eq!(ResumeRecord::read(&[&golden[..], &[0]].concat()), None);
    let (mut no_line, mut no_number) = (golden.clone(), golden);
    no_line[32..48].fill(0);
    no_number[48..].fill(0xFF);
    assert_eq!((ResumeRecord::read(&no_line), ResumeRecord::read(&no_number)), (None, None));
    let cookies = Line::of_session(Cookie([1; 8]), Cookie([2; 8]));
    assert_eq!(cookies.0, [[1; 8], [2; 8]].concat()[..]);
}

/// An exchange between two sides that know this of one line.
fn exchange(initiator: Option<Knowledge>, responder: Option<Knowledge>) -> Result<(Agreement, Agreement), NotResumed> {
    let side = Initiator::new(initiator.map(|known| (OLD, known)));
    let read = |frame: Resume| Resume::read(&frame.to_bytes()).expect("what is written can be read");
    let (reply, theirs) = answer(&read(side.first_frame()), SESSION, responder)?;
    Ok((side.settle(&read(reply), SESSION)?, theirs))
}

/// Every small state of both sides: where they can be true together the line goes on, from exactly where each side says, and
/// else the session ends; both sides always come to the same.
#[test]
fn both_sides_agree_or_the_session_ends_in_every_small_state() {
    let numbers = [None, Some(0), Some(1), Some(2), Some(3)];
    let mut states = Vec::new();
    for keeps in numbers {
        for next in numbers {
            for safe in 0..4 {
                for delivered in safe..4 {
                    states.push(Knowledge { keeps, next, safe, delivered });
                }
            }
        }
    }
    let (mut resumed, mut refused) = (0, 0);
    for ours in &states {
        for theirs in &states {
            // Each sender can still send what is not safe with the other, and has sent what is.
            let can = |sender: &Knowledge, receiver: &Knowledge| {
                sender.keeps.is_none_or(|keeps| keeps <= receiver.safe)
                    && sender.next.is_none_or(|next| receiver.safe <= next)
            };
            match exchange(Some(*ours), Some(*theirs)) {
                Ok((initiator, responder)) => {
                    resumed += 1;
                    assert!(can(ours, theirs) && can(theirs, ours), "{ours:?} {theirs:?}");
                    assert_eq!((initiator.outcome, responder.outcome), (LineOutcome::Resumed, LineOutcome::Resumed));
                    assert_eq!((initiator.line, responder.line), (OLD, OLD));
                    assert_eq!((initiator.send_from, responder.send_from), (theirs.safe, ours.safe));
                    assert_eq!((initiator.receive_from, responder.receive_from), (ours.delivered, theirs.delivered));
                }
                Err(refusal) => {
                    refused += 1;
                    assert_eq!(refusal, NotResumed::Contradiction);
                    assert!(!can(ours, theirs) || !can(theirs, ours), "{ours:?} {theirs:?}");
                }
            }
        }
    }
    assert!(resumed > 1_000 && refused > 1_000, "{resumed} {refused}");
}

#[test]
fn a_line_that_the_responder_does_not_know_begins_anew_and_only_then() {
    let known = Knowledge { keeps: Some(0), next: Some(4), safe: 2, delivered: 2 };
    let (initiator, responder) = exchange(Some(known), None).expect("it begins anew");
    assert_eq!((initiator.outcome, responder.outcome), (LineOutcome::Unknown, LineOutcome::New));
    assert_eq!((initiator.line, responder.line), (SESSION, SESSION), "named by this session");
    assert_eq!((initiator.send_from, initiator.receive_from), (0, 0));
    // No agent asked for a line: the responder may know as many as it wants.
    let (initiator, responder) = exchange(None, Some(known)).expect("it begins");
    assert_eq!((initiator.outcome, responder.outcome), (LineOutcome::New, LineOutcome::New));
    assert_eq!((initiator.line, responder.line), (SESSION, SESSION));
}

#[test]
fn an_answer_for_another_line_is_a_violation() {
    let known = Knowledge::of_record(0);
    let other = Initiator::new(Some((Line([9; 16]), known))).first_frame();
    let asked = Initiator::new(Some((OLD, known)));
    assert_eq!(asked.settle(&other, SESSION), Err(NotResumed::OtherLine));
    assert_eq!(Initiator::new(None).settle(&other, SESSION), Err(NotResumed::OtherLine));
    assert!(!asked.may_send() && Initiator::new(None).may_send(), "no item is sent before the answer is known");
    assert_eq!((asked.freezes(), Initiator::new(None).freezes()), (Some(OLD), None));
}

/// The attack *resume with a false item*: a liar hurts itself alone.
#[test]
fn a_false_item_hurts_the_liar_alone() {
    let honest = Knowledge { keeps: Some(4), next: Some(9), safe: 6, delivered: 6 };
    let claim =
        |safe| answer(&Initiator::new(Some((OLD, Knowledge::of_record(safe)))).first_frame(), SESSION, Some(honest));
    // What it claims to have is not sent; what it denies is sent, if it is still there.
    assert_eq!(claim(9).map(|(_, agreed)| agreed.send_from), Ok(9));
    assert_eq!(claim(4).map(|(_, agreed)| agreed.send_from), Ok(4));
    // What never was, or is gone, contradicts.
    assert_eq!(claim(10).map(|(_, agreed)| agreed), Err(NotResumed::Contradiction));
    assert_eq!(claim(3).map(|(_, agreed)| agreed), Err(NotResumed::Contradiction));
    // In no case does the honest side deliver anything twice.
    assert_eq!(claim(9).map(|(_, agreed)| agreed.receive_from), Ok(6));
}

/// The attack *old backup resumes*: the numbers contradict, and nothing is repeated silently.
#[test]
fn an_old_backup_contradicts() {
    // The initiator had sent 9 items; its backup says 3, while the responder has committed 7.
    let backup = Knowledge { keeps: Some(0), next: Some(3), safe: 0, delivered: 0 };
    let committed = Knowledge { keeps: None, next: None, safe: 7, delivered: 7 };
    assert_eq!(exchange(Some(backup), Some(committed)), Err(NotResumed::Contradiction));
    assert_eq!(exchange(Some(committed), Some(backup)), Err(NotResumed::Contradiction));
}

#[test]
fn of_two_records_of_one_line_the_higher_counts() {
    let known = Knowledge { keeps: Some(0), next: Some(9), safe: 4, delivered: 6 };
    assert_eq!(known.with_record(3), known);
    assert_eq!(known.with_record(5), Knowledge { safe: 5, ..known });
    assert_eq!(known.with_record(8), Knowledge { safe: 8, delivered: 8, ..known });
}

/// Items against a plain set, in random order with repetitions.
#[test]
fn each_item_is_fresh_once_in_whatever_order_it_comes() {
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let start = u64::from(rng.next_u32() % 5);
        let (mut items, mut seen) = (Items::from(start), (0..start).collect::<BTreeSet<u64>>());
        for _ in 0..3_000 {
            let low = items.lowest();
            let reach = [3, 40, 300][usize::try_from(seed % 3).expect("small")];
            let item = (low + u64::from(rng.next_u32() % reach)).saturating_sub(u64::from(rng.next_u32() % 20));
            let expected = if item > low + 256 {
                Item::Beyond
            } else if seen.insert(item) {
                Item::Fresh
            } else {
                Item::Repeated
            };
            assert_eq!(items.take(item), expected, "seed {seed}, item {item} from {low}");
            let lowest = (0..).find(|item| !seen.contains(item)).expect("there is one");
            assert_eq!(items.lowest(), lowest, "seed {seed}");
        }
    }
    let mut last = Items::from(u64::MAX - 1);
    assert_eq!(last.take(u64::MAX), Item::Beyond, "all ones is no item");
    assert_eq!(last.take(u64::MAX - 1), Item::Fresh);
    assert_eq!((last.take(u64::MAX - 1), last.take(u64::MAX)), (Item::Repeated, Item::Beyond));
    let mut whole = Items::from(0);
    (1..=256).for_each(|item| assert_eq!(whole.take(item), Item::Fresh));
    assert_eq!((whole.take(257), whole.take(0), whole.lowest()), (Item::Beyond, Item::Fresh, 257));
    assert_eq!(whole, Items::from(257));
}

#[test]
fn receipts_are_kept_for_a_day_and_per_peer() {
    let mut slots = [ReceiptSlot::EMPTY; 16];
    let mut receipts = Receipts::new(&mut slots, 7);
    let record = |peer: u8, line: u8, safe| ResumeRecord { peer: Eid([peer; 32]), line: Line([line; 16]), safe };
    receipts.keep(Mono(0), record(1, 1, 5));
    assert_eq!(receipts.find(Mono(KEPT - 1), &Eid([1; 32]), Line([1; 16])), Some(5));
    assert_eq!(receipts.find(Mono(KEPT), &Eid([1; 32]), Line([1; 16])), None, "24 h");
    assert_eq!(receipts.find(Mono(1), &Eid([2; 32]), Line([1; 16])), None, "another peer's line is not known");
    // The lower number never replaces the higher one, and does renew the time.
    receipts.keep(Mono(10), record(1, 1, 3));
    assert_eq!(receipts.find(Mono(KEPT + 9), &Eid([1; 32]), Line([1; 16])), Some(5));
}

/// A peer that ends session after session loses its own receipts before those of others.
#[test]
fn a_peer_that_floods_the_receipts_loses_its_own() {
    let mut slots = [ReceiptSlot::EMPTY; 8];
    let mut receipts = Receipts::new(&mut slots, 7);
    let victim = ResumeRecord { peer: Eid([1; 32]), line: Line([1; 16]), safe: 5 };
    receipts.keep(Mono(0), victim);
    for line in 0..100 {
        receipts.keep(Mono(1 + u64::from(line)), ResumeRecord { peer: Eid([2; 32]), line: Line([line; 16]), safe: 1 });
    }
    assert_eq!(receipts.find(Mono(200), &victim.peer, victim.line), Some(5));
    assert_eq!(receipts.find(Mono(200), &Eid([2; 32]), Line([99; 16])), Some(1));
    assert_eq!(receipts.find(Mono(200), &Eid([2; 32]), Line([0; 16])), None);
    // No memory, no receipts: nothing breaks.
    let mut none: [ReceiptSlot; 0] = [];
    let mut off = Receipts::new(&mut none, 7);
    off.keep(Mono(0), victim);
    assert_eq!(off.find(Mono(0), &victim.peer, victim.line), None);
    let mut few = [ReceiptSlot::EMPTY; 3];
    let mut few = Receipts::new(&mut few, 7);
    few.keep(Mono(0), victim);
    assert_eq!(few.find(Mono(0), &victim.peer, victim.line), Some(5));
}

fn owner() -> Identity<Portable> {
    Identity::from_seed(&Secret32::new([3; 32]))
}

fn key(byte: u8) -> TicketKey {
    TicketKey { key: Secret32::new([byte; 32]), iv: [byte; 4] }
}

fn place() -> SocketAddr {
    "192.0.2.7:4300".parse().expect("an address")
}

fn stored(ticket: &DhtTicketStore) -> DhtTicketResp {
    DhtTicketResp {
        transaction_id: TransactionId::ZERO,
        status_code: 0.into(),
        aead_nonce: ticket.aead_nonce,
        encrypted_forwarding_data: ticket.encrypted_forwarding_data,
        signature: ticket.signature,
    }
}

fn issuer(byte: u8, suite: Suite) -> Issuer {
    let mut issuer = Issuer::new(key(byte), suite);
    issuer.persisted(BLOCK);
    issuer
}

// shows: IACP-012 (§3.5), IACP-010 (§3.5)
#[test]
fn a_ticket_seals_the_new_locator_to_the_peer_and_is_signed_by_its_owner() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let mut issuer = issuer(8, suite);
        let ticket = issuer.issue(&owner(), place()).expect("the counter is stored");
        let eid = owner().eid();
        assert_eq!(ticket.target_storage_key.0[..], Sha256::digest(eid.0)[..]);
        assert_eq!(ticket.aead_nonce.0, [8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(ticket.time_to_live.get(), 86_400);
        // By hand: what is sealed, under what, and what is signed.
        let mut plain = hex("00000000 00000000 0000ffff c0000207 10cc 0000");
        let aad = [&ticket.target_storage_key.0[..], &eid.0].concat();
        let tag = Portable::seal(&Portable::cipher(suite, &key(8).key), &ticket.aead_nonce.0, &aad, &mut plain);
        assert_eq!(ticket.encrypted_forwarding_data.0[..], [&plain[..], &tag].concat()[..]);
        let signed = [
            b"IACP/1 DHT_TICKET_STORE\0\x10\x50\x00\xb4",
            &aad[..],
            &ticket.aead_nonce.0,
            &ticket.encrypted_forwarding_data.0,
        ]
        .concat();
        let digest: [u8; 32] = Sha256::digest(&signed).into();
        assert!(Portable::verify(&eid.0, &digest, &ticket.signature.0).is_ok());
        let mut opener = Opener::new(key(8), suite);
        assert_eq!(opener.open::<Portable>(&eid, &stored(&ticket)), Ok(place()));
        assert_eq!(opener.seen(), 1);
    }
    let asked = query::<Portable>(&owner().eid(), &Eid([9; 32]), TransactionId([7; 8]));
    assert_eq!(asked.target_storage_key, storage_key::<Portable>(&owner().eid()));
}

#[test]
fn no_ticket_is_issued_under_a_counter_that_is_not_stored_and_none_twice() {
    let mut issuer = Issuer::new(key(8), Suite::Aes256Gcm);
    assert_eq!(issuer.issue(&owner(), place()), Err(NotIssued::NotPersisted { bound: BLOCK }));
    issuer.persisted(BLOCK);
    let mut nonces = BTreeSet::new();
    for _ in 0..BLOCK {
        assert!(nonces.insert(issuer.issue(&owner(), place()).expect("within the block").aead_nonce.0));
    }
    assert_eq!(issuer.issue(&owner(), place()), Err(NotIssued::NotPersisted { bound: 2 * BLOCK }));
    // A restart in the middle of a block skips the rest of it.
    let mut issuer = Issuer::restored(key(8), Suite::Aes256Gcm, BLOCK);
    issuer.persisted(2 * BLOCK);
    assert!(nonces.insert(issuer.issue(&owner(), place()).expect("a new block").aead_nonce.0));
    let mut last = Issuer::restored(key(8), Suite::Aes256Gcm, u64::MAX);
    assert_eq!(last.issue(&owner(), place()), Err(NotIssued::Exhausted));
}

#[test]
fn two_sessions_with_one_iv_go_on_from_the_higher_counter() {
    let (mut one, mut two) = (issuer(8, Suite::Aes256Gcm), issuer(8, Suite::Aes256Gcm));
    (0..5).for_each(|_| _ = one.issue(&owner(), place()));
    one.share(&mut two);
    assert_eq!(two.issue(&owner(), place()).expect("stored").aead_nonce.0[11], 5);
    let mut other = issuer(9, Suite::Aes256Gcm);
    one.share(&mut other);
    assert_eq!(other.issue(&owner(), place()).expect("stored").aead_nonce.0[11], 0, "another iv has its own");
}

#[test]
fn old_forged_and_foreign_tickets_are_not_opened_and_change_nothing() {
    let mut issuer = issuer(8, Suite::Aes256Gcm);
    let eid = owner().eid();
    let first = stored(&issuer.issue(&owner(), place()).expect("stored"));
    let second = stored(&issuer.issue(&owner(), place()).expect("stored"));
    let mut opener = Opener::new(key(8), Suite::Aes256Gcm);
    let none = DhtTicketResp { status_code: 1.into(), ..second };
    assert_eq!(opener.open::<Portable>(&eid, &none), Err(NotOpened::None));
    assert_eq!(opener.open::<Portable>(&Eid([9; 32]), &second), Err(NotOpened::Signature), "another owner");
    for byte in 4..12 {
        let mut altered = second;
        altered.aead_nonce.0[byte] ^= 0x40;
        assert_eq!(opener.open::<Portable>(&eid, &altered), Err(NotOpened::Signature));
    }
    for byte in 0..36 {
        let mut altered = second;
        altered.encrypted_forwarding_data.0[byte] ^= 1;
        assert_eq!(opener.open::<Portable>(&eid, &altered), Err(NotOpened::Signature));
    }
    // The owner's own ticket for another of its peers, which has another key under the same iv.
    let mut colliding = Opener::new(TicketKey { key: Secret32::new([7; 32]), iv: [8; 4] }, Suite::Aes256Gcm);
    assert_eq!(colliding.open::<Portable>(&eid, &second), Err(NotOpened::Seal));
    assert_eq!(colliding.seen(), 0);
    let mut foreign = Opener::new(key(7), Suite::Aes256Gcm);
    assert_eq!(foreign.open::<Portable>(&eid, &second), Err(NotOpened::OtherKey));
    assert_eq!(opener.seen(), 0, "nothing that was refused has changed anything");
    assert_eq!(opener.open::<Portable>(&eid, &second), Ok(place()));
    assert_eq!(opener.open::<Portable>(&eid, &first), Err(NotOpened::Old), "counters rise");
    assert_eq!(opener.open::<Portable>(&eid, &second), Err(NotOpened::Old), "each once");
    let mut restored = Opener::restored(key(8), Suite::Aes256Gcm, opener.seen());
    assert_eq!(restored.open::<Portable>(&eid, &second), Err(NotOpened::Old), "also after a restart");
}

#[test]
fn a_ticket_that_names_no_address_or_no_port_leads_nowhere() {
    let eid = owner().eid();
    for (named, opens) in [("192.0.2.7:1", true), ("192.0.2.7:0", false), ("[::]:4300", false), ("[::1]:4300", true)] {
        let at: SocketAddr = named.parse().expect("an address");
        let ticket = stored(&issuer(8, Suite::Aes256Gcm).issue(&owner(), at).expect("stored"));
        let opened = Opener::new(key(8), Suite::Aes256Gcm).open::<Portable>(&eid, &ticket);
        assert_eq!(opened, if opens { Ok(at) } else { Err(NotOpened::Place) });
    }
    // After the highest counter there would be none.
    let mut last = stored(&issuer(8, Suite::Aes256Gcm).issue(&owner(), place()).expect("stored"));
    last.aead_nonce.0[4..].fill(0xFF);
    let opened = Opener::new(key(8), Suite::Aes256Gcm).open::<Portable>(&eid, &last);
    assert_eq!(opened, Err(NotOpened::Old));
}
