//! Tells the linker where the board's `memory.x` is.

use std::path::Path;

fn main() {
    let memory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware/boards/mps2");
    println!("cargo:rustc-link-search={}", memory.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    println!("cargo:rerun-if-changed=build.rs");
}
