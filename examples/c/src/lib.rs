//! Sessions of `iacp-core` and decisions of `cep-envelope` for C.
//!
//! cbindgen makes `iacp.h` from this file and its modules; a test compares the two, and another runs `pair.c`, a
//! handshake and a conversation, where there is a C compiler. Nothing is allocated. Memory, clock, randomness and
//! datagrams are the caller's; each call is one step. A node or a receiver is used by one thread at a time.

#![no_std]
#[cfg(feature = "std")]
extern crate std;

mod envelope;
mod event;
mod lent;
mod session;

pub use envelope::*;
pub use event::*;
pub use session::*;

/// Done. Calls that return a length return it instead.
pub const IACP_OK: i32 = 0;
/// A pointer is null, memory is misaligned or too short, or a number has no meaning.
pub const IACP_ARGUMENT: i32 = -1;
/// Not in this state of the session.
pub const IACP_NOT_NOW: i32 = -2;
/// The peer's window or the log is full: again after IACP_EVENT_WRITABLE.
pub const IACP_FULL: i32 = -3;
/// Longer than one frame holds.
pub const IACP_TOO_LONG: i32 = -4;
/// The EID is our own, or no key.
pub const IACP_KEY: i32 = -5;
/// The datagram is noise, a repeat or too much at once. Nothing that was accepted has changed.
pub const IACP_DISCARDED: i32 = -6;

#[cfg(not(feature = "std"))]
#[panic_handler]
fn stop(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
