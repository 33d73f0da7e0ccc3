//! What C lends: checked for null and alignment before it is used.

use core::slice;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;
use zeroize::Zeroizing;

/// # Safety
/// `at` is null, or lends `length` bytes for `'a`.
pub unsafe fn bytes<'a>(at: *const u8, length: usize) -> Option<&'a [u8]> {
    if length == 0 {
        return Some(&[]);
    }
    // SAFETY: it is not null, and the caller lends that many bytes.
    (!at.is_null() && isize::try_from(length).is_ok()).then(|| unsafe { slice::from_raw_parts(at, length) })
}

/// # Safety
/// `at` is null, or lends `length` bytes for `'a`, to nothing else.
pub unsafe fn bytes_mut<'a>(at: *mut u8, length: usize) -> Option<&'a mut [u8]> {
    if length == 0 {
        return Some(&mut []);
    }
    // SAFETY: it is not null, and the caller lends that many bytes, and to us alone.
    (!at.is_null() && isize::try_from(length).is_ok()).then(|| unsafe { slice::from_raw_parts_mut(at, length) })
}

/// A generator from 32 random bytes of the caller's. It wipes itself, and the copy of the bytes is wiped here.
///
/// # Safety
/// `at` is null, or lends 32 bytes.
pub unsafe fn generator(at: *const u8) -> Option<ChaCha20Rng> {
    let mut seed = Zeroizing::new([0; 32]);
    // SAFETY: as the caller promises.
    seed.copy_from_slice(unsafe { bytes(at, 32) }?);
    Some(ChaCha20Rng::from_seed(*seed))
}

/// # Safety
/// `at` is null, or lends 32 bytes.
pub unsafe fn thirty_two(at: *const u8) -> Option<[u8; 32]> {
    // SAFETY: as the caller promises.
    unsafe { bytes(at, 32) }?.try_into().ok()
}

/// The place for a `T` at the start of memory of the caller's.
pub fn place<T>(at: *mut u8, length: usize) -> Option<*mut T> {
    let place = at.cast::<T>();
    (!at.is_null() && place.is_aligned() && length >= size_of::<T>()).then_some(place)
}
