//! Sizes of what a host has many of. A change that makes one larger has to say so here.

use core::mem::size_of;

use iacp_core::crypto::{ChaChaOnly, Compact, Portable, Provider};
use iacp_core::pss::{Flight, Session};

/// The bytes of a session besides `LOG` and what each frame takes.
const fn fixed<P: Provider>() -> usize {
    // Both grow with FRAMES alone: so what is left at no frame is fixed.
    let (four, eight) = (size_of::<Session<P, 2048, 4, Flight>>(), size_of::<Session<P, 2048, 8, Flight>>());
    2 * four - eight - 2048
}

#[test]
fn a_session_takes_its_log_its_frames_and_a_fixed_rest() {
    // Both ciphers expanded; how large they are is the cipher's and the machine's own business.
    let ciphers = 2 * size_of::<<Portable as Provider>::Cipher>();
    let rest = fixed::<Portable>() - ciphers;
    assert!(rest <= 1_512, "{rest} bytes besides {ciphers} of ciphers");
    let frame = (size_of::<Session<Portable, 2048, 8>>() - size_of::<Session<Portable, 2048, 4>>()) / 4;
    assert!(frame <= 112, "{frame} bytes for each frame in flight");
}

#[test]
fn a_session_that_keeps_short_keys_takes_less_than_1_600_bytes_and_its_frames() {
    let fixed = [fixed::<Compact>(), fixed::<ChaChaOnly>()];
    assert!(fixed.iter().all(|bytes| *bytes <= 1_600), "{fixed:?}");
}
