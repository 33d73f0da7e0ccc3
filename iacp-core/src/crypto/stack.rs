//! Dead stack: what a call leaves there of its secrets, and how it is overwritten.
//!
//! A type that wipes itself clears the place where it was dropped. Copies remain: of moves, of arrays that a library makes
//! on its way, of registers that were spilled. They lie below the frame of the caller, and stay until another call happens
//! to write there.

use core::hint::black_box;

/// How deep the stack is where Ed25519 or X25519 computes, or a cipher's key is expanded, in bytes: registers are wide on large
/// machines, and spilled. `tests/wiping` looks whether it suffices.
pub(super) const KEY: usize = if cfg!(target_pointer_width = "64") { 8_192 } else { 2_048 };
/// How deep the stack of an HMAC is.
pub(super) const HASH: usize = if cfg!(target_pointer_width = "64") { 2_048 } else { 1_024 };

/// Overwrites so many bytes of stack below the frame of its caller. They have to be there: firmware adds them to the depth
/// of its stack.
///
/// Call it where the stack is least deep, such as in the main loop, to be sure that nothing is left by calls that the host
/// has made from there. The library calls it after each operation that derives or expands a key, and when it reports the
/// end of a session.
///
/// ```
/// use iacp_core::crypto::clear_stack;
///
/// fn after_the_last_session() {
///     clear_stack::<4_096>();
/// }
/// # after_the_last_session();
/// ```
#[inline(never)]
pub fn clear_stack<const BYTES: usize>() {
    let mut dead = [0_u8; BYTES];
    // The optimiser must assume that these bytes are read.
    black_box(&mut dead);
}

/// Runs an operation with a secret, and overwrites the stack that it used, as far as `BYTES`. For who writes a
/// [`Provider`](super::Provider).
///
/// The result is written where the caller wants it, and is not overwritten.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Provider, Secret32, WeakKey, cleared};
///
/// fn agree(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
///     cleared::<2_048, _>(|| ChaChaOnly::x25519(secret, public))
/// }
/// assert!(agree(&Secret32::new([7; 32]), &[9; 32]).is_ok());
/// ```
#[inline]
pub fn cleared<const BYTES: usize, T>(operation: impl FnOnce() -> T) -> T {
    // A guard, and not a call before the return: then the result would be a variable here, and returned as a copy of it.
    let _cleared = Cleared::<BYTES>;
    below(operation)
}

/// In a frame of its own, which is below that of the caller.
#[inline(never)]
fn below<T>(operation: impl FnOnce() -> T) -> T {
    operation()
}

struct Cleared<const BYTES: usize>;

impl<const BYTES: usize> Drop for Cleared<BYTES> {
    #[inline]
    fn drop(&mut self) {
        clear_stack::<BYTES>();
    }
}
