//! The explanations of `inspect`, for a browser: text goes in, JSON comes out. The page's own script calls these three
//! functions.
//!
//! Both sides share one memory. What `room` and `answer` give belongs to the page until it calls `free`.

use explain::answer::{Pasted, answer as say};

/// Room for `length` bytes.
#[unsafe(no_mangle)]
pub extern "C" fn room(length: usize) -> *mut u8 {
    Box::leak(vec![0; length].into_boxed_slice()).as_mut_ptr()
}

/// Gives room back.
///
/// # Safety
/// `start` and `length` are those of one `room` or of one `answer`, and it was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(start: *mut u8, length: usize) {
    // SAFETY: it was leaked from a boxed slice of this length.
    drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, length)) });
}

/// Explains a text: its place and length in the upper and the lower half. The kind is the place in `Pasted::ALL`.
///
/// # Safety
/// `start` and `length` are those of a `room` that holds the text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn answer(kind: usize, start: *const u8, length: usize) -> u64 {
    // SAFETY: the page has written this room, and writes it no more.
    let text = unsafe { std::slice::from_raw_parts(start, length) };
    let said = match (Pasted::ALL.get(kind), std::str::from_utf8(text)) {
        (Some(kind), Ok(text)) => serde_json::to_string(&say(*kind, text)).unwrap_or_default(),
        _ => r#"{"ok":false,"text":"the page and its program do not fit","json":"null"}"#.to_owned(),
    };
    let said = Box::leak(said.into_bytes().into_boxed_slice());
    let (start, length) = (said.as_mut_ptr() as usize as u64, said.len() as u64);
    start << 32 | length
}
