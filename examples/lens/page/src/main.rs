//! Writes the lens: `cargo run --manifest-path examples/lens/Cargo.toml [FILE]`, then open the file. It needs no server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PAGE: &str = include_str!("lens.html");
const TARGET: &str = "wasm32-unknown-unknown";
/// Where the program goes in the page.
const PLACE: &str = "@PROGRAM@";

fn main() -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = workspace.join("target");
    let page = env::args_os().nth(1).map_or_else(|| target.join("lens.html"), PathBuf::from);
    let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--release", "--package", "lens-wasm", "--target", TARGET, "--target-dir"])
        .arg(&target)
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .status()
        .context("cargo does not start")?;
    ensure!(
        built.success(),
        "the program for the browser was not built; is the target there? rustup target add {TARGET}"
    );
    let program = fs::read(target.join(TARGET).join("release/lens_wasm.wasm")).context("the built program")?;
    ensure!(PAGE.contains(PLACE), "the page has no place for the program");
    let text = PAGE.replace(PLACE, &STANDARD.encode(&program));
    fs::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
    println!("{}: {} KiB, of which the program is {} KiB", page.display(), text.len() >> 10, program.len() >> 10);
    Ok(())
}
