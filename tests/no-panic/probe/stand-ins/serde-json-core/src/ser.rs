//! Writing.

use core::hint::black_box;

/// No room.
#[derive(Debug)]
pub struct Error;

/// Any length, whatever the value.
pub fn to_slice<T: ?Sized>(value: &T, to: &mut [u8]) -> Result<usize, Error> {
    black_box((core::ptr::from_ref(value).cast::<u8>(), to));
    if black_box(true) { Ok(black_box(0)) } else { Err(Error) }
}
