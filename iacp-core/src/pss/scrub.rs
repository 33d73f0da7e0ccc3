//! Clears dead stack frames, whose bytes a move could copy.

use zeroize::Zeroize;

/// How many bytes are cleared: more than the frames of the next calls need. On small machines these are small, and so
/// is the stack.
const REACH: usize = if cfg!(target_pointer_width = "64") { 4_096 } else { 1_024 };

/// Overwrites the stack below its caller. When a large enum is moved, the bytes between its fields are moved too, and
/// these may be left over from an earlier call. So this is called after a call that had a secret on the stack and
/// before such an enum is moved into the session's memory, where no drop would wipe those bytes.
#[inline(never)]
pub(super) fn scrub() {
    let mut dead = [0_u8; REACH];
    dead.zeroize();
    core::hint::black_box(&mut dead);
}
