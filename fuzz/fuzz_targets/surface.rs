//! Any bytes are a surface exactly if the grammar derives them, refused at the byte that the grammar's automaton
//! refuses, and normalised to a surface or not at all.
#![no_main]

#[path = "../../cep-envelope/tests/abnf/mod.rs"]
mod abnf;

use std::sync::LazyLock;

use abnf::{GRAMMAR, Matcher, Verdict};
use cep_envelope::{Surface, normalise};
use libfuzzer_sys::fuzz_target;

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| Matcher::new(GRAMMAR));

fuzz_target!(|bytes: &[u8]| {
    match (MATCHER.judge(bytes), Surface::parse_bytes(bytes)) {
        (Verdict::Derived, Ok(surface)) => composed(&surface),
        (Verdict::Stuck(place), Err(error)) => assert_eq!(error.offset, place, "{error}"),
        (verdict, parsed) => panic!("{verdict:?}, but {parsed:?}"),
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        normalised(name);
    }
});

fn composed(surface: &Surface<'_>) {
    let _ = surface.time().calendar().map(|moment| moment.unix_seconds());
    let mut buffer = [0; Surface::LONGEST];
    let composed = Surface::compose(&surface.parts(), &mut buffer).expect("good parts");
    assert_eq!(composed.as_str(), surface.as_str().to_ascii_lowercase());
    assert_eq!(composed.parts(), surface.parts());
}

fn normalised(name: &str) {
    let (mut once, mut twice) = ([0; Surface::LONGEST], [0; Surface::LONGEST]);
    match normalise(name, &mut once) {
        Ok(result) => {
            let text = result.surface().as_str();
            assert_eq!(MATCHER.judge(text.as_bytes()), Verdict::Derived);
            assert_eq!((result.original(), result.is_changed()), (name, text != name));
            let again = normalise(text, &mut twice).expect("a surface");
            assert_eq!((again.surface().as_str(), again.is_changed()), (text, false));
        }
        Err(error) => {
            assert!(error.offset <= name.len());
            let lower = name.to_ascii_lowercase();
            assert_ne!(MATCHER.judge(lower.as_bytes()), Verdict::Derived, "{error}");
        }
    }
}
