//! Dead stack: what a call leaves there of its secrets, and how it is overwritten.
//!
//! A type that wipes itself clears the place where it was dropped. Copies remain: of moves, of arrays that a library makes
//! on its way, of registers that were spilled. They lie below the frame of the caller, and stay until another call happens
//! to write there.

use core::hint::black_box;

/// How deep the stack is where Ed25519 or X25519 computes, or a cipher's key is expanded, in bytes: registers are wide on large
/// machines, and spilled. `tests/wiping` looks whether it suffices.
pub(super) const KEY: usize = if cfg!(target_pointer_width = "64") { 8_192 } else { 2_048 };
/// How deep it is where Ed25519 signs: a table of multiples of the base point is on the stack with `small-ed25519`.
pub(super) const SIGN: usize = match (cfg!(target_pointer_width = "64"), cfg!(feature = "small-ed25519")) {
    (true, _) => 16_384,
    (false, true) => 8_192,
    (false, false) => 3_072,
};
/// How deep the stack of an HMAC is.
pub(super) const HASH: usize = 2_048;

/// How many bytes are cleared after a step in which keys are derived: more than its frames need. On small machines these are
/// small, and so is the stack.
const REACH: usize = if cfg!(target_pointer_width = "64") { 16_384 } else { 2_048 };

/// How far below a call for events the frames of an LL-Entity's calls may reach in which ciphers worked.
pub(crate) const CIPHERS: usize = if cfg!(target_pointer_width = "64") { 16_384 } else { 3_072 };

/// Overwrites the stack below its caller. When a large enum is moved, the bytes between its fields are moved too, and
/// these may be left over from an earlier call. So this is called after a call that had a secret on the stack and
/// before such an enum is moved into the session's memory, where no drop would wipe those bytes.
pub(crate) fn scrub() {
    clear_stack::<REACH>();
}

/// `let _clear = AFTERWARDS;` stands in front of the call of a step in which keys are derived, and overwrites its stack
/// afterwards. The step is a function that is not inlined.
pub(crate) const AFTERWARDS: ClearStack<REACH> = ClearStack;

/// Runs a step that makes or derives a secret in a frame of its own, and overwrites its stack.
pub(crate) fn cleanly<T>(step: impl FnOnce() -> T) -> T {
    #[inline(never)]
    fn below<T>(step: impl FnOnce() -> T) -> T {
        step()
    }
    let _clear = AFTERWARDS;
    below(step)
}

/// Overwrites so many bytes of stack below the frame of its caller. They have to be there: firmware adds them to the depth
/// of its stack. The library clears up to 16 KiB on 64-bit machines.
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

/// Calls [`clear_stack`] when it goes out of scope: `let _clear = ClearStack::<2_048>;` stands in front of the call of an
/// operation with a secret, in [`cleared!`](crate::cleared).
///
/// A guard, and not a call behind the operation: then the result would be a variable there, and a copy of it would be returned.
///
/// ```
/// use iacp_core::crypto::ClearStack;
///
/// #[inline(never)] // its frame is below that of `parity`
/// fn compute(secret: &[u8; 32]) -> u8 {
///     secret.iter().fold(0, |parity, byte| parity ^ byte)
/// }
///
/// fn parity(secret: &[u8; 32]) -> u8 {
///     let _clear = ClearStack::<1_024>;
///     compute(secret)
/// }
/// assert_eq!(parity(&[7; 32]), 0);
/// ```
pub struct ClearStack<const BYTES: usize>;

impl<const BYTES: usize> Drop for ClearStack<BYTES> {
    #[inline]
    fn drop(&mut self) {
        clear_stack::<BYTES>();
    }
}

/// A function that leaves nothing on the stack: its body runs in a frame of its own, and so many bytes from there on are
/// overwritten before it returns. For writers of a [`Provider`](crate::crypto::Provider): what computes with a secret belongs into
/// such a function.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Provider, Secret32, WeakKey};
///
/// iacp_core::cleared! {
///     2_048;
///     /// X25519 by an engine.
///     fn agree(secret: &Secret32, public: &[u8; 32]) -> Result<Secret32, WeakKey> {
///         ChaChaOnly::x25519(secret, public)
///     }
/// }
/// assert!(agree(&Secret32::new([7; 32]), &[9; 32]).is_ok());
/// ```
#[macro_export]
macro_rules! cleared {
    ($bytes:expr; $(#[$attribute:meta])* $visible:vis fn $name:ident($($value:ident: $kind:ty),* $(,)?) -> $out:ty $body:block) => {
        $(#[$attribute])*
        $visible fn $name($($value: $kind),*) -> $out {
            #[inline(never)]
            fn below($($value: $kind),*) -> $out $body
            let _clear = $crate::crypto::ClearStack::<{ $bytes }>;
            below($($value),*)
        }
    };
}

pub(super) use cleared;
