//! Proof that the release build of the parsers contains no call into the panic machinery.
//!
//! The program in `probe/` hands opaque bytes to every parser. It is built for a microcontroller, optimised and linked
//! as firmware is, so that only what can be reached is in it; then its symbols are read. A parser that could panic, be
//! it by an index, an `unwrap` or a copy between two lengths, would have linked the function that does so.
//!
//! Two libraries do contain such calls. In the probe each is replaced by a stand-in that contains none and returns any
//! result, so that the proof covers all our code, up to the decision. `libraries/` shows what they contain themselves.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use object::{Object, ObjectSymbol};

/// What the probe is built for.
pub const TARGET: &str = "thumbv6m-none-eabi";

/// Optimisations that firmware and hosts are built with.
pub const OPT_LEVELS: [&str; 3] = ["3", "s", "z"];

/// Whether the standard library of [`TARGET`] is there, or could be installed.
#[must_use]
pub fn target_is_available() -> bool {
    let is_there = || {
        let printed = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
        printed.is_ok_and(|output| {
            output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        })
    };
    if is_there() {
        return true;
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    added.is_ok_and(|status| status.success()) && is_there()
}

/// What can be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// All our code that takes bytes.
    Probe,
    /// The same, and calls that panic on purpose.
    Control,
    /// serde-json-core, as manifests and notifications are read with it.
    Json,
    /// ed25519-compact, as signatures are verified with it.
    Signature,
}

impl Program {
    /// Its package, and the feature that it takes.
    const fn package(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Probe => ("probe", None),
            Self::Control => ("probe", Some("control")),
            Self::Json => ("libraries", Some("json")),
            Self::Signature => ("libraries", Some("signature")),
        }
    }
}

/// Builds a program and returns its ELF file.
///
/// # Errors
/// The output of the compiler.
pub fn build(program: Program, target_dir: &Path, opt_level: &str) -> Result<Vec<u8>, String> {
    let (package, feature) = program.package();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(package).join("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--target", TARGET]);
    command.arg("--manifest-path").arg(manifest);
    // A directory of its own: the build that runs this test holds the lock of the other one.
    command.arg("--target-dir").arg(target_dir);
    command.args(feature.map(|feature| ["--features", feature]).into_iter().flatten());
    // The programs are built in one way, whatever the tests are built with.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_"].iter().any(|prefix| text.starts_with(prefix));
        if is_ours || text.ends_with("RUSTFLAGS") {
            command.env_remove(name);
        }
    }
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    std::fs::read(target_dir.join(TARGET).join("release").join(package)).map_err(|error| error.to_string())
}

/// The names of all symbols of an ELF file, as mangled.
///
/// # Errors
/// The bytes are not an ELF file.
pub fn symbols(elf: &[u8]) -> Result<BTreeSet<String>, object::Error> {
    let file = object::File::parse(elf)?;
    file.symbols().map(|symbol| symbol.name().map(str::to_owned)).collect()
}

/// Whether a symbol belongs to the panic machinery: whatever `core` calls its ways into it, from one release of the
/// compiler to the next.
#[must_use]
pub fn is_panic_machinery(symbol: &str) -> bool {
    let of_core = symbol.contains("4core") || symbol.contains("5alloc");
    let fails = ["panic", "_fail", "unwrap", "expect_"].iter().any(|word| symbol.contains(word));
    (of_core && fails) || symbol.contains("begin_unwind") || symbol.contains("rust_panic")
}

#[cfg(test)]
mod tests {
    use super::is_panic_machinery;

    #[test]
    fn the_machinery_is_known_by_both_manglings() {
        for symbol in [
            "_RNvNtCs1QLhu7ipsqP_4core9panicking9panic_fmt",
            "_ZN4core9panicking18panic_bounds_check17h0123456789abcdefE",
            "_ZN4core5slice5index22slice_index_order_fail17h0123456789abcdefE",
            "_ZN4core6option13unwrap_failed17h0123456789abcdefE",
            "_ZN4core6result13unwrap_failed17h0123456789abcdefE",
            "_ZN4core3str16slice_error_fail17h0123456789abcdefE",
            "_RNvNvNtCs1QLhu7ipsqP_4core5slice20copy_from_slice_impl17len_mismatch_fail",
            "rust_begin_unwind",
            "_RNvCs6_7___rustc17rust_begin_unwind",
        ] {
            assert!(is_panic_machinery(symbol), "{symbol}");
        }
        for symbol in ["_RNvMNtCs_9iacp_wire5frameNtB2_5Frame5parse", "_ZN4core3str8converts9from_utf8E", "_start"] {
            assert!(!is_panic_machinery(symbol), "{symbol}");
        }
    }
}
