//! A receiver of envelopes: it decides whether an object may continue, and remembers what it approved.

use core::ptr;

use cep_envelope::decision::{Delivery, Outcome, Policy, Receiver};
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{MemoryLineage, Slot};
use cep_envelope::manifest::{BoundKey, Instant, Strict};

use crate::{IACP_ARGUMENT, IACP_KEY, lent};

/// Objects that a receiver remembers; a quarter of the places stays empty.
const OBJECTS: usize = 64;

/// Bytes of memory for a receiver, aligned to IACP_ALIGNMENT.
pub const CEP_RECEIVER_BYTES: usize = 16_384;
const _: () = assert!(size_of::<CepReceiver>() <= CEP_RECEIVER_BYTES);
const _: () = assert!(align_of::<CepReceiver>() <= crate::IACP_ALIGNMENT);

/// Progression is allowed.
pub const CEP_CONTINUE: i32 = 0;
/// Progression goes on along a branch.
pub const CEP_FORK: i32 = 1;
/// A person has to look at it.
pub const CEP_TRIAGE: i32 = 2;
/// It waits until both sides agree again.
pub const CEP_RESYNC: i32 = 3;
/// It is isolated until policy has reviewed it.
pub const CEP_QUARANTINE: i32 = 4;

/// Bytes that are lent: text as UTF-8, without a zero at its end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CepBytes {
    /// Null where there is none.
    pub at: *const u8,
    /// How many.
    pub length: usize,
}

/// What was delivered, and the one key that its sender may seal with.
#[repr(C)]
pub struct CepDelivery {
    /// The visible name.
    pub name: CepBytes,
    /// The object.
    pub content: CepBytes,
    /// The outer object with the sealed manifest.
    pub sealed: CepBytes,
    /// Who this receiver is.
    pub recipient: CepBytes,
    /// Who sent it, as the way of delivery says.
    pub sender: CepBytes,
    /// What the key is called.
    pub signer: CepBytes,
    /// The sender's Ed25519 key, 32 bytes.
    pub key: *const u8,
    /// When it arrived, in seconds of Unix time.
    pub arrival: i64,
}

/// The memory of a receiver. Its fields are not for C.
pub struct CepReceiver {
    lineage: MemoryLineage<[Slot; OBJECTS]>,
}

/// Makes a receiver that has never decided anything at the start of `memory` (`length` bytes, CEP_RECEIVER_BYTES are
/// enough; aligned). `secret` is 16 random bytes. Null when something is wrong with the arguments.
///
/// # Safety
/// The pointers lend what is said of them; the memory is the receiver's alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cep_begin(memory: *mut u8, length: usize, secret: *const u8) -> *mut CepReceiver {
    // SAFETY: as the caller promises.
    let secret = unsafe { lent::bytes(secret, 16) }.and_then(|bytes| bytes.try_into().ok());
    let (Some(secret), Some(place)) = (secret, lent::place::<CepReceiver>(memory, length)) else {
        return ptr::null_mut();
    };
    // SAFETY: the place is aligned, long enough and the receiver's alone.
    unsafe { place.write(CepReceiver { lineage: MemoryLineage::first([Slot::EMPTY; OBJECTS], secret) }) };
    place
}

/// Decides about a delivery: one of CEP_CONTINUE to CEP_QUARANTINE, or a negative number. What may go on is remembered
/// before this returns; when the memory is full it is CEP_TRIAGE.
///
/// # Safety
/// The pointers lend what is said of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cep_decide(receiver: *mut CepReceiver, delivery: *const CepDelivery) -> i32 {
    // SAFETY: as the caller promises.
    let (Some(receiver), Some(delivery)) = (unsafe { receiver.as_mut() }, unsafe { delivery.as_ref() }) else {
        return IACP_ARGUMENT;
    };
    // SAFETY: as the caller promises.
    let bytes = |lent: CepBytes| unsafe { lent::bytes(lent.at, lent.length) };
    let text = |lent: CepBytes| bytes(lent).and_then(|bytes| core::str::from_utf8(bytes).ok());
    let (Some(name), Some(content), Some(sealed)) =
        (bytes(delivery.name), bytes(delivery.content), bytes(delivery.sealed))
    else {
        return IACP_ARGUMENT;
    };
    let (Some(recipient), Some(sender), Some(called)) =
        (text(delivery.recipient), text(delivery.sender), text(delivery.signer))
    else {
        return IACP_ARGUMENT;
    };
    // SAFETY: as the caller promises.
    let Some(key) = (unsafe { lent::thirty_two(delivery.key) }) else { return IACP_ARGUMENT };
    let Some(key) = BoundKey::new(key) else { return IACP_KEY };
    let keys = |signer: &str, of: &str| (signer == called && of == sender).then_some(key);
    let policy = Policy::default();
    let judge = Receiver {
        name: recipient,
        container: &BareFile,
        keys: &keys,
        signatures: &Strict,
        lineage: &receiver.lineage,
        policy: &policy,
    };
    let delivered = Delivery {
        name,
        sender,
        object: Some(content),
        sealed: Some(sealed),
        notice: None,
        expected: None,
        arrival: Instant::unix(delivery.arrival),
    };
    let decision = judge.judge(&delivered).decision;
    if let Some(record) = decision.record()
        && receiver.lineage.record(record).is_err()
    {
        return CEP_TRIAGE;
    }
    match decision.outcome() {
        Outcome::Continue => CEP_CONTINUE,
        Outcome::Fork => CEP_FORK,
        Outcome::Triage => CEP_TRIAGE,
        Outcome::Resync => CEP_RESYNC,
        Outcome::Quarantine => CEP_QUARANTINE,
    }
}
