//! `dropbox outbox`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use dropbox::{Keys, Outbox};

use super::exit_code;

/// Lists what was sent and what the receivers have answered
///
/// With --answers it first takes in what has come. Ends with the status of the worst answer: 0 all that was answered goes on,
/// 4 triage, 5 resync, 6 quarantine.
#[derive(Args)]
pub struct Arguments {
    /// The outbox
    folder: PathBuf,
    /// Where answers to this sender come
    #[arg(long, value_name = "FOLDER", requires_all = ["keys", "name"])]
    answers: Option<PathBuf>,
    /// Whom keys belong to, the receivers' among them
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// The sender's name, as the receivers know it
    #[arg(long)]
    name: Option<String>,
    /// One JSON object in a line
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let outbox = Outbox(arguments.folder.clone());
    if let (Some(folder), Some(keys), Some(me)) = (&arguments.answers, &arguments.keys, &arguments.name) {
        let sent = outbox.list()?;
        for answer in dropbox::answers_in(folder, &Keys::load(keys)?, me)? {
            if let Some((sent, _)) = sent.iter().find(|(sent, _)| sent.manifest == answer.manifest) {
                outbox.keep_answer(&sent.name, &answer)?;
            }
        }
    }
    let mut worst = 0;
    for (sent, answer) in outbox.list()? {
        worst = worst.max(answer.as_ref().map_or(0, |answer| exit_code(answer.outcome.0)));
        if arguments.json {
            println!("{}", serde_json::json!({ "sent": sent, "answer": answer }));
        } else {
            let said =
                answer.map_or_else(|| "no answer yet".to_owned(), |answer| answer.words.escape_debug().to_string());
            println!("{}  for {}  {}  {said}", sent.name, sent.recipient.escape_debug(), sent.manifest);
        }
    }
    Ok(ExitCode::from(worst))
}
