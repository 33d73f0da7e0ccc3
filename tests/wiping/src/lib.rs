//! The bytes of a value, while it lives and after it was dropped. Only for tests: this is the one place of the workspace
//! that reads what safe code cannot.

use std::alloc::{Layout, dealloc};
use std::ptr;

use corosensei::stack::{DefaultStack, Stack as _};

/// The bytes of a value as they are now.
#[must_use]
pub fn bytes_of<T>(value: &T) -> Vec<u8> {
    // SAFETY: the memory of a live value can be read.
    unsafe { read(ptr::from_ref(value)) }
}

/// Drops a value where it is, and reads what it has left there.
#[must_use]
pub fn drop_and_read<T>(boxed: Box<T>) -> Vec<u8> {
    let raw = Box::into_raw(boxed);
    // SAFETY: the value is dropped once, and its memory is still allocated when it is read; then it is given back with
    // the layout that `Box` has allocated it with.
    unsafe {
        ptr::drop_in_place(raw);
        let bytes = read(raw);
        if size_of::<T>() > 0 {
            dealloc(raw.cast(), Layout::new::<T>());
        }
        bytes
    }
}

/// How much stack a call may use that is looked at.
const STACK: usize = 256 * 1_024;

/// A stack that can be read when nothing runs on it.
pub struct Stack(DefaultStack);

impl Stack {
    /// All zero.
    ///
    /// # Panics
    /// There is no memory for it.
    #[must_use]
    pub fn empty() -> Self {
        Self(DefaultStack::new(STACK).expect("memory"))
    }

    /// Runs `work` from its top.
    pub fn run(&mut self, work: impl FnOnce()) {
        corosensei::on_stack(&mut self.0, work);
    }

    /// What lies there, from the lowest address to the highest: all of it is dead.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        // The lowest page is a guard, which cannot be read.
        let (top, bottom) = (self.0.base().get(), self.0.limit().get());
        let readable = STACK.min(top - bottom);
        let lowest = ptr::with_exposed_provenance::<u8>(top - readable);
        // SAFETY: the stack is mapped for at least `STACK` bytes below its base, and nothing runs on it.
        (0..readable).map(|place| unsafe { ptr::read_volatile(lowest.add(place)) }).collect()
    }
}

/// Runs `work` on an empty stack of its own, and reads what it has left there, whatever frames the caller has.
pub fn left_on_the_stack(work: impl FnOnce()) -> Vec<u8> {
    let mut stack = Stack::empty();
    stack.run(work);
    stack.read()
}

/// # Safety
/// The memory is allocated, for the size of a `T`.
unsafe fn read<T>(at: *const T) -> Vec<u8> {
    let at: *const u8 = at.cast();
    // Volatile, byte by byte: what is read are bytes, with those between the fields among them, and the optimiser must
    // not know anything about them.
    // SAFETY: the caller's.
    (0..size_of::<T>()).map(|place| unsafe { ptr::read_volatile(at.add(place)) }).collect()
}
