//! The one way that bytes are written. It cannot run off the end.

use zerocopy::IntoBytes;

/// Copies the part to the front of the buffer and returns what is behind it, if there is room.
pub(crate) fn put<'b>(buffer: &'b mut [u8], part: &[u8]) -> Option<&'b mut [u8]> {
    let (room, rest) = buffer.split_at_mut_checked(part.len())?;
    // `copy_from_slice` would panic on two lengths, and not every optimiser sees that they are one.
    part.write_to(room).ok()?;
    Some(rest)
}
