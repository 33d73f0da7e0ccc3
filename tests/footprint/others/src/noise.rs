//! Noise_XX_25519_ChaChaPoly_SHA256 by snow: both sides in one image. It allocates, so there is a heap.

extern crate alloc;

use alloc::boxed::Box;
use core::mem::MaybeUninit;

use embedded_alloc::LlffHeap;
use rand_core::Rng as _;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};
use snow::{Builder, Error, HandshakeState};

use crate::Side;
use crate::counter::Counter;
use crate::meter::Meter;
use crate::report::{Report, fail};

const NAME: &str = "Noise_XX_25519_ChaChaPoly_SHA256";
const HEAP_BYTES: usize = 16 * 1_024;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

struct Numbers(Counter);

impl Random for Numbers {
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Error> {
        self.0.fill_bytes(to);
        Ok(())
    }
}

/// snow's own primitives, with the numbers of this board.
struct Resolver(u64);

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Numbers(Counter(self.0))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

fn or<T>(result: Result<T, Error>, why: &str) -> T {
    match result {
        Ok(value) => value,
        Err(_) => fail(why),
    }
}

#[inline(never)]
fn side(seed: u8, initiates: bool) -> Result<HandshakeState, Error> {
    let builder = Builder::with_resolver(NAME.parse()?, Box::new(Resolver(u64::from(seed))));
    let key = [seed; 32];
    let builder = builder.local_private_key(&key)?;
    if initiates { builder.build_initiator() } else { builder.build_responder() }
}

#[inline(never)]
fn write(state: &mut HandshakeState, out: &mut [u8]) -> Result<usize, Error> {
    state.write_message(&[], out)
}

#[inline(never)]
fn read(state: &mut HandshakeState, message: &[u8]) -> Result<usize, Error> {
    state.read_message(message, &mut [])
}

pub fn all(meter: &mut Meter, report: &mut Report) {
    static mut MEMORY: [MaybeUninit<u8>; HEAP_BYTES] = [MaybeUninit::uninit(); HEAP_BYTES];
    static mut BUFFERS: [[u8; 1_200]; 2] = [[0; 1_200]; 2];
    // SAFETY: once, before anything is allocated; nothing else uses the memory.
    unsafe { HEAP.init(&raw mut MEMORY as usize, HEAP_BYTES) };
    // SAFETY: this function runs once.
    let [sealed, plain] = unsafe { &mut *(&raw mut BUFFERS) };

    let (mut initiator, mut responder) = (Side::NONE, Side::NONE);
    let mut ours = or(initiator.step(meter, || side(1, true)), "no initiator");
    let mut theirs = or(responder.step(meter, || side(2, false)), "no responder");
    for turn in 0..3 {
        let ((from, from_cost), (to, to_cost)) = if turn == 1 {
            ((&mut theirs, &mut responder), (&mut ours, &mut initiator))
        } else {
            ((&mut ours, &mut initiator), (&mut theirs, &mut responder))
        };
        let length = or(from_cost.step(meter, || write(from, sealed)), "no message");
        let message = sealed.get(..length).unwrap_or_default();
        or(to_cost.step(meter, || read(to, message)), "a message is refused");
    }
    report.line(&["size", "heap"], &[HEAP_BYTES as u32]);
    report.line(&["size", "heap-of-both-sides"], &[HEAP.used() as u32]);
    let mut ours = or(initiator.step(meter, || ours.into_transport_mode()), "no keys");
    let mut theirs = or(responder.step(meter, || theirs.into_transport_mode()), "no keys");
    initiator.tell(report, "initiator");
    responder.tell(report, "responder");

    for (content, seal, open) in [(64, "seal-64", "open-64"), (1_024, "seal-1024", "open-1024")] {
        let text = [0x5a; 1_024];
        let text = text.get(..content).unwrap_or_default();
        let (mut sender, mut receiver) = (Side::NONE, Side::NONE);
        let length = or(sender.step(meter, || ours.write_message(text, sealed)), "nothing is sealed");
        let message = sealed.get(..length).unwrap_or_default();
        let opened = or(receiver.step(meter, || theirs.read_message(message, plain)), "nothing is opened");
        if plain.get(..opened) != Some(text) {
            fail("not what was sealed");
        }
        sender.tell(report, seal);
        receiver.tell(report, open);
    }
}
