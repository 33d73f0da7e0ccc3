//! The header is what cbindgen makes of the code, and a program in C runs a handshake with it.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `iacp.h` is to be.
fn header() -> anyhow::Result<String> {
    let config = cbindgen::Config::from_file(folder().join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
    // It reads the modules of this file too.
    let builder = cbindgen::Builder::new().with_config(config).with_src(folder().join("src/lib.rs"));
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(String::from_utf8(text)?)
}

/// `HEADER=write cargo test -p iacp-c` writes it anew.
#[test]
fn the_header_is_made_of_the_code() -> anyhow::Result<()> {
    let path = folder().join("iacp.h");
    let wanted = header()?;
    if std::env::var_os("HEADER").is_some_and(|value| value == "write") {
        std::fs::write(&path, &wanted)?;
    }
    assert!(std::fs::read_to_string(path)? == wanted, "iacp.h is out of date: HEADER=write cargo test -p iacp-c");
    let declared = wanted.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()));
    for call in declared.filter_map(|line| line.split_once('(')).map(|(call, _)| format!("{call}(")) {
        assert_eq!(wanted.matches(&call).count(), 1, "{call}…) is declared once");
    }
    Ok(())
}

/// The library, which cargo has built beside this test: the newest, if it was built with several sets of features.
fn library() -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.parent().context("a folder")?;
    let mut libraries = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("libiacp") && name.ends_with(".a") && !name.starts_with("libiacp_") {
            libraries.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    libraries.into_iter().max().map(|(_, path)| path).context("no libiacp.a")
}

#[test]
fn a_program_in_c_runs_a_handshake() -> anyhow::Result<()> {
    if Command::new("cc").arg("--version").output().is_err() {
        writeln!(stderr(), "\n*** NOT TESTED: there is no C compiler (apt-get install gcc) ***\n")?;
        return Ok(());
    }
    let build = tempfile::tempdir()?;
    let program = build.path().join("pair");
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(folder())
        .arg(folder().join("pair.c"))
        .arg(library()?)
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&program)
        .status()?;
    assert!(status.success(), "pair.c does not compile");
    let outer = folder().join("../../tests/footprint/firmware/src/outer.json");
    // The key of the seed whose bytes are all 1, and two seconds after it has sealed.
    let key = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c";
    let output = Command::new(program).arg(outer).args([key, "1795744278"]).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("VERDICT: holds.") && said.contains("continues"), "{said}");
    Ok(())
}
