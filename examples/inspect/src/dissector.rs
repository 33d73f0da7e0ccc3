//! `inspect dissector`: a Wireshark dissector, made from the figures.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use explain::dissector::lua;

/// Writes a Wireshark dissector in Lua to standard output.
///
/// `inspect dissector > iacp.lua`, then `wireshark -X lua_script:iacp.lua FILE`, or put it into the folder of personal Lua
/// plugins. It reads datagrams on UDP port 4227 and captures of link type USER0; for another port: -d udp.port==PORT,iacp.
#[derive(clap::Args, Debug)]
pub struct Arguments {}

/// Runs the subcommand.
///
/// # Errors
///
/// An output that cannot be written.
pub fn run(_: &Arguments) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    out.write_all(lua().as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
