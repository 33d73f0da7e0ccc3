//! Fields of fixed layouts, one behind the other.

/// The parts, one behind the other. They have the length of the array.
pub(super) fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    put(parts, &mut bytes);
    bytes
}

/// Writes the parts, one behind the other, as far as there is room.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(super) fn put(parts: &[&[u8]], to: &mut [u8]) {
    let mut rest = to.iter_mut();
    for part in parts {
        part.iter().zip(&mut rest).for_each(|(from, to)| *to = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_one_behind_the_other_and_what_has_no_room_is_left_out() {
        assert_eq!(concat::<6>(&[&[1], &[2, 3], &[], &[4, 5, 6]]), [1, 2, 3, 4, 5, 6]);
        let mut short = [0; 3];
        put(&[&[1, 2], &[3, 4]], &mut short);
        assert_eq!(short, [1, 2, 3]);
    }
}
