//! `dropbox status`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

/// Shows the status of a drop, and changes nothing
///
/// Ends with status 0 if nothing waits for a person, with 3 if something is held back, with 1 if it cannot be told.
#[derive(Args)]
pub struct Arguments {
    /// The folder with the inbox in it
    root: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let status = dropbox::status(&arguments.root)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        let running = if status.running { "a process works in it" } else { "no process works in it" };
        println!("{}: {running}", arguments.root.display());
        println!("  inbox       {} whole, {} waiting for a half", status.ready, status.waiting);
        println!("  under way   {}", status.under_way);
        for (outcome, count) in &status.outcomes {
            println!("  {outcome:<10}  {count}");
        }
        println!("  journal     {} lines", status.lines);
        if status.orders > 0 {
            println!("  orders      {} to be done", status.orders);
        }
        if let Some(lost) = &status.memory_lost {
            println!("  memory      lost at {lost}");
        }
        if let Some(last) = &status.last {
            println!("  last        {last}");
        }
        if status.held > 0 {
            println!("{} wait for a person: dropbox review {}", status.held, arguments.root.display());
        }
    }
    Ok(if status.held > 0 { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
