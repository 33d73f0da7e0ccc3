//! Peer input never panics: the parsers do not contain the means to.

use std::collections::BTreeSet;
use std::io::{Write, stderr};
use std::path::Path;

use no_panic::{OPT_LEVELS, TARGET, build, is_panic_machinery, symbols, target_is_available};

/// The panic machinery in a build of the probe.
fn machinery(opt_level: &str, control: bool) -> BTreeSet<String> {
    // One directory for all builds: they follow each other, and share what they can.
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("probe");
    let elf = build(&target_dir, opt_level, control).unwrap_or_else(|error| panic!("no probe: {error}"));
    let symbols = symbols(&elf).expect("an ELF file");
    assert!(
        symbols.iter().any(|symbol| symbol.contains("iacp_wire")),
        "the parsers are not in the probe: {symbols:#?}"
    );
    symbols.into_iter().filter(|symbol| is_panic_machinery(symbol)).collect()
}

// shows: IACP-169
#[test]
fn the_parsers_contain_no_call_into_the_panic_machinery() {
    if !target_is_available() {
        // Not `eprintln!`, which is only shown for tests that fail.
        let said = writeln!(stderr(), "\n*** NOT TESTED: {TARGET} is absent, and `rustup target add` failed. ***\n");
        return said.expect("somebody reads this");
    }
    for opt_level in OPT_LEVELS {
        // The control first: with what can panic built in, the machinery is found. Else the test could not fail.
        let found = machinery(opt_level, true);
        for kind in ["panic_bounds_check", "expect_failed", "slice", "panic_fmt"] {
            assert!(found.iter().any(|symbol| symbol.contains(kind)), "opt-level {opt_level}, {kind}: {found:#?}");
        }
        let found = machinery(opt_level, false);
        assert!(found.is_empty(), "at opt-level {opt_level} the parsers can panic: {found:#?}");
    }
}
