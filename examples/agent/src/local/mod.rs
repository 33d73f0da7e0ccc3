//! `agent local`: agents in processes of their own, which come to a host by its local channel.

mod channel;
mod collect;
mod credentials;
mod flow;
mod follow;
mod intake;
mod ledger;
mod listen;
mod notice;
mod publish;
mod send;
mod share;
mod stay;
mod transfer;

pub use intake::digest;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Agents of a host, in processes of their own
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Collect(collect::Arguments),
    Follow(follow::Arguments),
    Listen(listen::Arguments),
    Send(send::Arguments),
    Share(share::Arguments),
}

pub async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Collect(arguments) => collect::run(arguments).await,
        Command::Follow(arguments) => follow::run(arguments).await,
        Command::Listen(arguments) => listen::run(arguments).await,
        Command::Send(arguments) => send::run(arguments).await,
        Command::Share(arguments) => share::run(arguments).await,
    }
}
