//! Tells the linker where the board's `memory.x` is, and the program what it is to be.

use std::env;
use std::path::Path;

/// The programs, by feature. The one without a feature is `pair`.
const PROGRAMS: [(&str, &str); 8] = [
    ("DECISION", "decision"),
    ("ENVELOPE", "envelope"),
    ("POLICY", "policy"),
    ("PARSE", "parse"),
    ("RANKING", "ranking"),
    ("STRICT", "strict"),
    ("INITIATOR", "node"),
    ("RESPONDER", "node"),
];

fn main() {
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let chosen = PROGRAMS.iter().find(|(feature, _)| has(feature)).map_or("pair", |(_, program)| program);
    let program = if has("BASELINE") { "none" } else { chosen };
    println!(
        "cargo:rustc-check-cfg=cfg(program, values(\"none\", \"pair\", \"envelope\", \"decision\", \"policy\", \"parse\", \"ranking\", \"strict\", \"node\"))"
    );
    println!("cargo:rustc-cfg=program=\"{program}\"");

    let is_small = env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv6m"));
    let board = if is_small { "microbit" } else { "mps2" };
    println!("cargo:rustc-check-cfg=cfg(board, values(\"mps2\", \"microbit\"))");
    println!("cargo:rustc-cfg=board=\"{board}\"");
    let memory = Path::new(env!("CARGO_MANIFEST_DIR")).join("boards").join(board);
    println!("cargo:rustc-link-search={}", memory.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=boards");
    println!("cargo:rerun-if-changed=build.rs");
}
