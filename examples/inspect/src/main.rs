//! Looks into the protocol without speaking it.
//!
//! A subcommand is a module with `Arguments` and `run`: it needs a `mod`, a variant and an arm here, a line each.

use std::io;
use std::process::ExitCode;

use clap::Parser;

mod answers;
mod audit;
mod dissector;
mod frame;
mod lines;
mod machines;
mod manifest;
mod names;
mod policy;
mod pow;
mod requirements;
mod surface;
mod texts;

/// Looks into the protocol without speaking it.
#[derive(Parser)]
#[command(version)]
#[allow(clippy::large_enum_variant, reason = "one is made, at the start")]
enum Inspect {
    Audit(audit::Arguments),
    Dissector(dissector::Arguments),
    Frame(frame::Arguments),
    Machines(machines::Arguments),
    Manifest(manifest::Arguments),
    Policy(policy::Arguments),
    Pow(pow::Arguments),
    Requirements(requirements::Arguments),
    Surface(surface::Arguments),
}

fn main() -> ExitCode {
    let done = match Inspect::parse() {
        Inspect::Audit(arguments) => audit::run(&arguments),
        Inspect::Dissector(arguments) => dissector::run(&arguments),
        Inspect::Frame(arguments) => frame::run(&arguments),
        Inspect::Machines(arguments) => machines::run(&arguments),
        Inspect::Manifest(arguments) => manifest::run(&arguments),
        Inspect::Policy(arguments) => policy::run(&arguments),
        Inspect::Pow(arguments) => pow::run(&arguments),
        Inspect::Requirements(arguments) => requirements::run(&arguments),
        Inspect::Surface(arguments) => surface::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        // A reader of our output (`| head`) may have seen enough.
        if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        eprintln!("inspect: {error:#}");
        ExitCode::FAILURE
    })
}
