//! Clears dead stack frames: no step of a session leaves there what it has derived, and no move copies it from there.

use crate::crypto::{ClearStack, clear_stack};

/// How many bytes are cleared: more than the frames of a step need in which keys are derived. On small machines these are
/// small, and so is the stack.
const REACH: usize = if cfg!(target_pointer_width = "64") { 16_384 } else { 2_048 };

/// Overwrites the stack below its caller. When a large enum is moved, the bytes between its fields are moved too, and
/// these may be left over from an earlier call. So this is called after a call that had a secret on the stack and
/// before such an enum is moved into the session's memory, where no drop would wipe those bytes.
pub(crate) fn scrub() {
    clear_stack::<REACH>();
}

/// `let _clear = AFTERWARDS;` stands in front of the call of a step in which keys are derived, and overwrites its stack afterwards. The
/// step is a function that is not inlined.
pub(crate) const AFTERWARDS: ClearStack<REACH> = ClearStack;
