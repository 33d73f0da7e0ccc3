//! The bytes of a value, while it lives and after it was dropped. Only for tests: this is the one place of the workspace
//! that reads what safe code cannot.

use std::alloc::{Layout, dealloc};
use std::ptr;

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

/// # Safety
/// The memory is allocated, for the size of a `T`.
unsafe fn read<T>(at: *const T) -> Vec<u8> {
    let at: *const u8 = at.cast();
    // Volatile, byte by byte: what is read are bytes, with those between the fields among them, and the optimiser must
    // not know anything about them.
    // SAFETY: the caller's.
    (0..size_of::<T>()).map(|place| unsafe { ptr::read_volatile(at.add(place)) }).collect()
}
