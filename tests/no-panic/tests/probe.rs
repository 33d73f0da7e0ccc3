//! Peer input never causes a panic: neither the parsers nor the sessions contain code that can.

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::path::Path;

use no_panic::{OPT_LEVELS, Program, TARGET, build, is_panic_machinery, symbols, target_is_available};

/// The panic machinery in a program that contains code with this in its name.
fn machinery(program: Program, opt_level: &str, contains: &[&str]) -> BTreeSet<String> {
    // One directory for all builds: they follow each other, and share what they can.
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probe");
    let elf = build(program, &target_dir, opt_level).unwrap_or_else(|error| panic!("no {program:?}: {error}"));
    let symbols = symbols(&elf).expect("an ELF file");
    for name in contains {
        assert!(symbols.iter().any(|symbol| symbol.contains(name)), "{program:?} is without {name}: {symbols:#?}");
    }
    symbols.into_iter().filter(|symbol| is_panic_machinery(symbol)).collect()
}

/// Not `eprintln!`, which is only shown for tests that fail.
fn say_untested() {
    let said = writeln!(stderr(), "\n*** NOT TESTED: {TARGET} is absent, and `rustup target add` failed. ***\n");
    said.expect("a reader is there");
}

// shows: IACP-169 (§8.7)
#[test]
fn parsers_and_sessions_contain_no_call_into_the_panic_machinery() {
    if !target_is_available() {
        return say_untested();
    }
    let ours = ["iacp_wire", "iacp_core", "cep_envelope", "interaction_gov"];
    for opt_level in OPT_LEVELS {
        // The control first: with code that can panic built in, the machinery is found. Otherwise the test could not
        // fail.
        let found = machinery(Program::Control, opt_level, &ours);
        for kind in ["panic_bounds_check", "expect_failed", "slice", "panic_fmt"] {
            assert!(found.iter().any(|symbol| symbol.contains(kind)), "opt-level {opt_level}, {kind}: {found:#?}");
        }
        let found = machinery(Program::Probe, opt_level, &ours);
        assert!(found.is_empty(), "at opt-level {opt_level} they can panic: {found:#?}");
    }
}

/// The probe has stand-ins for these two. What they contain, as rustc 1.95 names it:
///
/// | library         | calls                                                          | from                                    |
/// |-----------------|----------------------------------------------------------------|-----------------------------------------|
/// | serde-json-core | `slice_index_fail`, `panic_bounds_check`                       | `de::Deserializer::parse_str`           |
/// |                 | `slice_index_fail`, `len_mismatch_fail`                        | `deserialize_str`, for escapes          |
/// |                 | `slice_error_fail`, and in it `unwrap_failed`, `panic`         | `str::unescape_next_fragment`           |
/// | ed25519-compact | `slice_index_fail`, `panic_bounds_check`, `len_mismatch_fail`  | `sha512::Hash`, `sha512::State::blocks` |
/// |                 | `panic_bounds_check`                                           | `GeP2::double_scalarmult_vartime`       |
///
/// In their sources we find no way to any of them: what reads JSON gets only text that the strict scan has passed, and
/// what verifies gets 32 bytes of message. The fuzz targets find none either. But that is no proof, as it is for our code.
#[test]
fn two_libraries_contain_some() {
    if !target_is_available() {
        return say_untested();
    }
    // The least that is optimised away.
    let opt_level = OPT_LEVELS[2];
    for (program, name) in [(Program::Json, "serde_json_core"), (Program::Signature, "ed25519_compact")] {
        let found = machinery(program, opt_level, &[name]);
        for kind in ["slice", "panic_bounds_check"] {
            assert!(found.iter().any(|symbol| symbol.contains(kind)), "nothing need stand in for {name}: {found:#?}");
        }
    }
}
