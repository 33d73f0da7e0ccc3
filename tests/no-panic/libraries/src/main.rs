//! Hands opaque bytes to the libraries that `cep-envelope` reads and verifies with, to see which panic paths they have.
#![no_std]
#![no_main]

use core::hint::black_box;

/// The entry, under the name that the linker starts from.
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        #[cfg(feature = "json")]
        json(black_box(&[]));
        #[cfg(feature = "signature")]
        signature(black_box(&[]));
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        black_box(());
    }
}

/// serde-json-core. The probe shows that nothing around it can panic.
#[cfg(feature = "json")]
fn json(bytes: &[u8]) {
    use cep_envelope::manifest::Manifest;
    use cep_envelope::notification::Notification;

    black_box(Manifest::read(bytes).is_ok());
    black_box(Notification::read(bytes).is_ok());
}

/// ed25519-compact.
#[cfg(feature = "signature")]
fn signature(bytes: &[u8]) {
    use ed25519_compact::{PublicKey, Signature, x25519};

    let public = PublicKey::new(black_box([0; 32]));
    black_box(public.verify(bytes, &Signature::new(black_box([0; 64]))).is_ok());
    let scalar = x25519::SecretKey::new(black_box([0; 32]));
    black_box(x25519::PublicKey::from_ed25519(&public).is_ok_and(|point| point.dh(&scalar).is_ok()));
}
