//! The one function that writes bytes. It cannot write past the end.

use zerocopy::IntoBytes;

/// Copies the part to the front of the buffer and returns the rest of the buffer, if there is room.
pub(crate) fn put<'b>(buffer: &'b mut [u8], part: &[u8]) -> Option<&'b mut [u8]> {
    let (room, rest) = buffer.split_at_mut_checked(part.len())?;
    // `copy_from_slice` panics if the lengths differ, and not every optimiser sees that they are equal.
    part.write_to(room).ok()?;
    Some(rest)
}
