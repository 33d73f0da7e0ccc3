//! What a sender gets to know: the receiver's outcome, as a sealed object of its own.
//!
//! ```text
//! FOLDER/<sender>/NAME                  {"object":…,"manifest":"sha256:…","outcome":"continue",…}
//! FOLDER/<sender>/NAME+manifest.json    its outer object, sealed by the receiver for the sender
//! ```
//!
//! The schema is `cep-answer-v1`. All of it follows from the decision, so that a process that ends between answer and move gives
//! the same answer again. Only a sender that is proven gets one: a claim brings no third party an answer.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cep_envelope::manifest::CausalParent;
use ed25519_compact::KeyPair;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::disk::{Disk, Steps};
use crate::folders::is_there;
use crate::inbox::Half;
use crate::line::{Line, OutcomeName};
use crate::seal::Sealing;

/// The schema of answers.
pub const ANSWER_SCHEMA: &str = "cep-answer-v1";

/// What a receiver has decided about an object, told to its sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The name under which the object came.
    pub object: String,
    /// The digest of its manifest.
    pub manifest: String,
    /// What was decided.
    pub outcome: OutcomeName,
    /// The findings that made the outcome what it is.
    pub deciding: Vec<String>,
    /// The decision in words.
    pub words: String,
    /// When that was decided: a later answer of the same drop about the same object replaces an earlier one.
    pub at: jiff::Timestamp,
}

/// Where and by which key a receiver answers.
pub struct Answers {
    /// Below which every sender has a folder.
    pub folder: PathBuf,
    /// The id of the receiver's key.
    pub signer: String,
    /// The receiver's key.
    pub pair: KeyPair,
}

impl Answers {
    /// Answers the sender of a decided object, unless it has the answer already.
    pub(crate) fn give(&self, disk: &mut Disk<impl Steps>, name: &str, line: &Line) -> Result<()> {
        let (Some(sender), Some(manifest)) = (&line.sender, &line.manifest) else { return Ok(()) };
        let at = line.decided.unwrap_or(line.at);
        let answer = Answer {
            object: line.name.clone(),
            manifest: manifest.clone(),
            outcome: line.outcome,
            deciding: line.deciding.clone(),
            words: line.words.clone(),
            at,
        };
        let object = serde_json::to_vec(&answer)?;
        let is_segment = |text: &str| {
            (1..=48).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        // A name has whole seconds: what is decided again within one, by a person, is told under another name.
        let extension = format!("{}-{}", line.id, line.outcome.0);
        let sealing = Sealing {
            signer: &self.signer,
            recipient: sender,
            schema: ANSWER_SCHEMA,
            context: "answer",
            profile: if is_segment(name) { name } else { "receiver" },
            priority: "normal",
            extension: Some(&extension),
            parent: CausalParent::Root,
            at,
        };
        let sealed = sealing.seal(&object, &self.pair)?;
        let folder = self.folder.join(folder_of(sender));
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        // The manifest last: then it is whole.
        for (half, bytes) in [(Half::Object, &object), (Half::Manifest, &sealed.outer)] {
            let path = folder.join(format!("{}{}", sealed.name, half.suffix()));
            if !is_there(&path)? {
                let hidden = folder.join(format!(".{}{}", sealed.name, half.suffix()));
                disk.replace(&hidden, bytes)?;
                disk.rename(&hidden, &path)?;
            }
        }
        disk.sync_folder(&folder)?;
        Ok(())
    }
}

/// No file system takes a longer name than this.
const LONGEST_FOLDER: usize = 255;

/// The folder of a sender: its name, if that is harmless as a path; else that in hexadecimal digits; else, where even that is too
/// long, its SHA-256.
#[must_use]
pub fn folder_of(sender: &str) -> PathBuf {
    let harmless = sender.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let name = match format!("+{}", hex::encode(sender)) {
        _ if harmless && !sender.is_empty() => sender.to_owned(),
        name if name.len() > LONGEST_FOLDER => format!("++{}", hex::encode(Sha256::digest(sender))),
        name => name,
    };
    Path::new(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sender_has_a_folder_of_its_own_that_every_file_system_takes() {
        let long = ["/".repeat(127), "/".repeat(128), ".".repeat(128), "a".repeat(128)];
        let folders = long.each_ref().map(|sender| folder_of(sender));
        assert_eq!(folders.each_ref().map(|folder| folder.as_os_str().len()), [255, 66, 66, 128]);
        assert_ne!(folders[1], folders[2]);
        assert_eq!(folder_of("a/b"), Path::new("+612f62"));
    }
}
