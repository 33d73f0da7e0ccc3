//! `agent control … dock`: agents from host to host. Each order is one step; `move` is all of them, between two hosts of this
//! machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use iacp_wire::Eid;
use rand_core::Rng;
use serde_json::{Value, json};

use super::{Order, ask, told};
use crate::host::docking::DockOrder;
use crate::host::storage::{Folder, replace};
use crate::keys;

/// Moves an agent to another host, with its EID and its sessions (IACP §5.6)
///
/// The importing host offers, the exporting host seals to the offer, the importing host takes over, and the exporting host is
/// told that it is done. An offer opens one file, once, within 300 s; it ends with its host.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Moves the agent to another host of this machine, all steps at once
    Move {
        /// The EID of the agent
        eid: String,
        /// The folder of the importing host
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Exporting host: the host with this LII (see status) may take agents over
    Allow {
        /// The LII of the importing host
        lii: String,
    },
    /// Importing host: offers to take an agent over
    Offer {
        /// The EID of the agent
        eid: String,
        /// The LII of the exporting host
        #[arg(long, value_name = "LII")]
        from: String,
        /// The file that the offer is written to
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Exporting host: encrypts an agent for the host that has offered. The agent is removed from this host
    Export {
        /// The file with the offer
        offer: PathBuf,
        /// A new file for what is sealed
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// This host is compromised: the EID may carry its sessions to their end, for 60 s, and is then given up
        #[arg(long)]
        compromised: bool,
    },
    /// Importing host: takes over what is sealed in this file
    Import {
        /// The file
        sealed: PathBuf,
    },
    /// Exporting host: the agent is on its new host: deletes its seed on this host
    Done {
        /// The EID of the agent
        eid: String,
        /// The folder of its new host, if that is on this machine: the agent's process follows by itself
        #[arg(long, value_name = "DIR")]
        at: Option<PathBuf>,
    },
    /// Exporting host: takes an agent back. Only if it was not imported and never will be: else there are two of it
    Keep {
        /// The EID of the agent
        eid: String,
    },
}

pub async fn run(folder: &Folder, arguments: &Arguments) -> Result<Value> {
    let order = match &arguments.step {
        Step::Move { eid, to } => return all_of_it(folder, &Folder::new(to), &keys::eid_of("dock move", eid)?).await,
        Step::Offer { eid, from, out } => {
            let said = dock(folder, DockOrder::Offer { eid: eid.clone(), from: from.clone() }).await?;
            let offer = said["offer"].as_str().context("the host offers nothing")?;
            replace(out, offer.as_bytes()).with_context(|| format!("--out: cannot write {}", out.display()))?;
            return Ok(json!({ "lii": said["lii"], "out": out }));
        }
        Step::Allow { lii } => DockOrder::Allow { lii: lii.clone() },
        Step::Export { offer, out, compromised } => {
            let shown = || format!("cannot read {}", offer.display());
            let offer = fs::read_to_string(offer).with_context(shown)?;
            DockOrder::Export { offer, to: whole(out)?, compromised: *compromised }
        }
        Step::Import { sealed } => DockOrder::Import { blob: whole(sealed)? },
        Step::Done { eid, at } => {
            DockOrder::Done { eid: eid.clone(), at: at.as_deref().map(|at| place(&Folder::new(at))).transpose()? }
        }
        Step::Keep { eid } => DockOrder::Keep { eid: eid.clone() },
    };
    dock(folder, order).await
}

/// Gives a host one of the orders.
pub async fn dock(folder: &Folder, order: DockOrder) -> Result<Value> {
    told(folder, &Order::Dock(order)).await
}

/// From the offer to the end. Both hosts are the user's own, so the importing one is on the list.
async fn all_of_it(from: &Folder, to: &Folder, eid: &Eid) -> Result<Value> {
    let eid = hex::encode(eid.0);
    let lii = |said: &Value| said["lii"].as_str().map(str::to_owned).context("the host does not say what it is called");
    let exporter = lii(&told(from, &Order::Status).await?)?;
    let importer = lii(&told(to, &Order::Status).await?)?;
    if exporter == importer {
        bail!("--to: {} is the host that the agent is to leave", to.path().display());
    }
    dock(from, DockOrder::Allow { lii: importer }).await?;
    let said = dock(to, DockOrder::Offer { eid: eid.clone(), from: exporter }).await?;
    let offer = said["offer"].as_str().context("the host offers nothing")?.to_owned();
    let sealed = whole(&from.path().join(format!("{eid}.{:016x}.docked", keys::rng().next_u64())))?;
    dock(from, DockOrder::Export { offer, to: sealed.clone(), compromised: false }).await?;
    let import = Order::Dock(DockOrder::Import { blob: sealed.clone() });
    let said = ask(to, &import).await.with_context(|| unknown(from, to, &eid, &sealed))?;
    if let Some(refused) = said["error"].as_str() {
        // There is no other copy of it, so nothing can be imported from it later.
        fs::remove_file(&sealed).with_context(|| unknown(from, to, &eid, &sealed))?;
        dock(from, DockOrder::Keep { eid }).await?;
        bail!("{refused}; the agent goes on where it was");
    }
    dock(from, DockOrder::Done { eid, at: Some(place(to)?) }).await?;
    Ok(said)
}

/// What a user can do where the importing host has not said that it has the agent.
fn unknown(from: &Folder, to: &Folder, eid: &str, sealed: &Path) -> String {
    format!(
        "the agent has left {} and is not known to be on {} (remove {} and 'dock keep {eid}' on the first; if the second has \
         it, 'dock done {eid}')",
        from.path().display(),
        to.path().display(),
        sealed.display(),
    )
}

/// A path that means the same for another process.
fn whole(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("no path: {}", path.display()))
}

fn place(folder: &Folder) -> Result<PathBuf> {
    whole(folder.path())
}
