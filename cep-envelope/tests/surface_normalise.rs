//! The normaliser makes safe what it can, refuses the rest, and never guesses.

mod surface_support;

use cep_envelope::{Change, NormaliseError, Surface, normalise};
use proptest::prelude::*;
use surface_support::{config, names};

/// The result and what was done, or the refusal.
fn normalised(name: &str) -> Result<(String, Vec<&'static str>), String> {
    let mut buffer = [0; Surface::LONGEST];
    let normalised = normalise(name, &mut buffer).map_err(|error: NormaliseError| error.to_string())?;
    assert_eq!(normalised.original(), name, "the original stays beside the result");
    assert_eq!(normalised.is_changed(), normalised.surface().as_str() != name);
    Ok((normalised.surface().as_str().to_owned(), normalised.changes().iter().map(Change::name).collect()))
}

// shows: CEP-052 (§5.3), CEP-054 (§5.3)
#[test]
fn what_takes_no_guessing_is_made_safe() {
    for (name, result, changes) in [
        ("2026-05-16.a.b.c", "2026-05-16.a.b.c", &[][..]),
        ("  2026-05-16.a.b.c ", "2026-05-16.a.b.c", &["trimmed"]),
        ("20260516T120000Z.a.b.c", "20260516t120000z.a.b.c", &["lower-cased"]),
        ("2026-05-16.Nightly.JSON.High.X", "2026-05-16.nightly.json.high.x", &["lower-cased"]),
        ("2026-05-16.a b.c_d.e", "2026-05-16.a-b.c-d.e", &["hyphenated"]),
        ("2026-05-16.a  _b.c.d - e", "2026-05-16.a---b.c.d---e", &["hyphenated"]),
        (" 2026-05-16.A B.c.d", "2026-05-16.a-b.c.d", &["trimmed", "lower-cased", "hyphenated"]),
    ] {
        assert_eq!(normalised(name), Ok((result.to_owned(), changes.to_vec())), "{name}");
    }
}

// shows: CEP-055 (§5.3), CEP-056 (§5.3), CEP-057 (§5.3), CEP-060 (§5.3)
#[test]
fn hostile_names_are_refused() {
    let long = format!("2026-05-16.{}", "a".repeat(190));
    let segment = format!(" 2026-05-16.{}.b.c", "A".repeat(49));
    for (name, refusal) in [
        ("2026-05-16.a/../b.c.d", "a path separator (byte 12)"),
        (" /2026-05-16.a.b.c", "a path separator (byte 1)"),
        ("..\\2026-05-16.a.b.c", "a path separator (byte 2)"),
        ("2026-05-16.a.b.c\0", "a control character (byte 16)"),
        ("2026-05-16.a\n.b.c", "a control character (byte 12)"),
        ("2026-05-16.a.b.c\r\n", "a control character (byte 16)"),
        ("\t2026-05-16.a.b.c", "a control character (byte 0)"),
        ("2026-05-16.a\u{1b}[2J.b.c", "a control character (byte 12)"),
        ("2026-05-16.a\x7f.b.c", "a control character (byte 12)"),
        ("2026-05-16.$(reboot).b.c", "a character that no surface has (byte 11)"),
        ("2026-05-16.a;b.b.c", "a character that no surface has (byte 12)"),
        ("2026-05-16.*.b.c", "a character that no surface has (byte 11)"),
        ("~2026-05-16.a.b.c", "a character that no surface has (byte 0)"),
        ("c:2026-05-16.a.b.c", "a character that no surface has (byte 1)"),
        ("2026-05-16.а.b.c", "a character outside ASCII (byte 11)"),
        ("2026-05-16.a.b.c\u{a0}", "a character outside ASCII (byte 16)"),
        ("２026-05-16.a.b.c", "a character outside ASCII (byte 0)"),
        ("2026-05-16．a.b.c", "a character outside ASCII (byte 10)"),
        ("2026\u{2010}05-16.a.b.c", "a character outside ASCII (byte 4)"),
        ("2026-05-16.\u{202e}a.b.c", "a character outside ASCII (byte 11)"),
        ("2026-05-16.\u{212a}.b.c", "a character outside ASCII (byte 11)"),
        ("2026 05 16.a.b.c", "a blank that may mean anything (byte 4)"),
        ("2026-05-16 12-00-00z.a.b.c", "a blank that may mean anything (byte 10)"),
        ("2026-05-16 .a.b.c", "a blank that may mean anything (byte 10)"),
        ("2026-05-16. a.b.c", "a blank that may mean anything (byte 11)"),
        (" 2026-05-16.a  .b.c", "a blank that may mean anything (byte 13)"),
        ("2026-05-16. .b.c", "a blank that may mean anything (byte 11)"),
        ("2026-05-16.a.b.c_", "a blank that may mean anything (byte 16)"),
        ("_2026-05-16.a.b.c", "a blank that may mean anything (byte 0)"),
        (" 2026-05-16..b.c", "context: is empty (byte 12)"),
        ("..", "time-fragment: a digit has to stand here (byte 0)"),
        ("", "time-fragment: the name ends too early (byte 0)"),
        ("   ", "time-fragment: the name ends too early (byte 3)"),
        ("2026-05-16.a.b ", "profile: the name ends too early (byte 14)"),
        ("2026-05-16.a.b.c.tar.gz", "extension: nothing may follow it (byte 20)"),
        (&segment, "context: is too long (byte 60)"),
        (&long, "the name is longer than 200 bytes (byte 200)"),
    ] {
        assert_eq!(normalised(name), Err(refusal.to_owned()), "{name:?}");
    }
    for byte in (0..=0x7f_u8).filter(|byte| !byte.is_ascii_alphanumeric() && !b"-._ ".contains(byte)) {
        let name = format!("2026-05-16.a{}a.b.c", char::from(byte));
        let error = normalised(&name).expect_err(&name);
        assert!(error.ends_with("(byte 12)"), "{byte:#x}: {error}");
    }
}

// shows: CEP-063 (§5.3), CEP-135 (§12)
#[test]
fn two_names_may_normalise_to_one() {
    let names = ["2026-05-16.a b.c.d", "2026-05-16.a_b.c.d", "2026-05-16.A-b.c.d", "2026-05-16.a-b.c.d"];
    let results = names.map(|name| normalised(name).expect("safe"));
    assert!(results.iter().all(|(result, _)| result == "2026-05-16.a-b.c.d"));
    let changed = results.map(|(_, changes)| !changes.is_empty());
    assert_eq!(
        changed,
        [true, true, true, false],
        "the entry that changed is told apart from the one that has the name"
    );
}

#[test]
fn any_length_is_looked_at_once() {
    let spaces = " ".repeat(1 << 20);
    let name = format!("{spaces}2026-05-16.a.b.c{spaces}");
    assert_eq!(normalised(&name), Ok(("2026-05-16.a.b.c".to_owned(), vec!["trimmed"])));
    assert!(normalised(&format!("{spaces}x{spaces}x")).is_err());
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn a_surface_stays_itself_but_for_its_capitals(name in names()) {
        let (result, changes) = normalised(&name).expect("a surface");
        prop_assert_eq!(&result, &name.to_ascii_lowercase());
        prop_assert_eq!(changes.is_empty(), result == name);
    }

    #[test]
    fn a_result_normalises_to_itself(
        name in " {0,2}2026-05-16[tT]?(12-00-00[zZ])?(\\.[a-zA-Z0-9 _-]{1,20}){3,4} {0,2}"
    ) {
        if let Ok((result, _)) = normalised(&name) {
            prop_assert_eq!(normalised(&result), Ok((result.clone(), vec![])));
            let plain = |text: &str| text.trim_matches(' ').to_ascii_lowercase().replace([' ', '_'], "-");
            prop_assert_eq!(result, plain(&name));
        }
    }

    #[test]
    fn anything_is_normalised_or_refused_within_itself(name in "\\PC{0,80}|[ -~]{0,250}|(2026-05-16)?[.a\\PC]{0,20}") {
        let mut buffer = [0; Surface::LONGEST];
        match normalise(&name, &mut buffer) {
            Ok(normalised) => prop_assert!(normalised.surface().as_str().len() <= name.len()),
            Err(error) => prop_assert!(error.offset <= name.len()),
        }
    }
}
