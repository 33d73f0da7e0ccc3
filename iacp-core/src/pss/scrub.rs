//! Dead stack frames, which a move copies.

use zeroize::Zeroize;

/// How far it reaches, in bytes: more than the frames of what is called next. On small machines these are small, and so
/// is the stack.
const REACH: usize = if cfg!(target_pointer_width = "64") { 4_096 } else { 1_024 };

/// Overwrites the stack below its caller. A large enum is moved with all its bytes, also those between its fields, and
/// these are what an earlier call has left on the stack. So this stands between what had a secret there and what moves
/// such an enum into the session's memory, where no drop would wipe them.
#[inline(never)]
pub(super) fn scrub() {
    let mut dead = [0_u8; REACH];
    dead.zeroize();
    core::hint::black_box(&mut dead);
}
