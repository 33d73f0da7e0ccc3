//! Hands bytes that no compiler can foresee to every parser. What can panic pulls the panic machinery into this program.
//!
//! A module for each crate. To probe another parser, write one more function and call it in the module's `all`.
#![no_std]
#![no_main]

mod cep;
mod gov;
mod sessions;
mod wire;

use core::fmt::{self, Write};
use core::hint::black_box;

/// The entry, under the name that the linker starts from.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        wire::all();
        cep::all();
        gov::all();
        sessions::all();
        #[cfg(feature = "control")]
        control(opaque());
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        black_box(());
    }
}

/// Bytes whose values and number the optimiser cannot know.
fn opaque() -> &'static [u8] {
    black_box(&[])
}

fn opaque_buffer() -> &'static mut [u8] {
    black_box(&mut [])
}

/// Takes whatever is written.
struct Paper;

impl Write for Paper {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        black_box(text);
        black_box(Ok(()))
    }
}

fn print(value: &impl fmt::Display) {
    black_box(write!(Paper, "{value}").is_ok());
}

/// Looks at a value, or prints why there is none.
fn look<T>(result: Result<T, impl fmt::Display>) {
    match result {
        Ok(value) => {
            black_box(value);
        }
        Err(error) => print(&error),
    }
}

fn text() -> &'static str {
    core::str::from_utf8(opaque()).unwrap_or_default()
}

/// One function per kind of panic, each of which the test must find.
#[cfg(feature = "control")]
fn control(bytes: &[u8]) {
    black_box(bytes[bytes.len() / 2]);
    black_box(&bytes[black_box(3)..]);
    black_box(bytes.first().unwrap());
    black_box(bytes.get(1).expect("a byte"));
    opaque_buffer().copy_from_slice(bytes);
}
