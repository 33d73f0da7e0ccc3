//! What a sender keeps: each object that it has sealed, under its name, with what is needed to seal it again.
//!
//! ```text
//! OUTBOX/NAME/NAME, NAME+manifest.json    as they were sent
//! OUTBOX/NAME/sent.json                   for whom, continuing what, from where
//! OUTBOX/NAME/answer.json                 the receiver's outcome, once it is known
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{CausalParent, Expected, SealedManifest, Strict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer::{ANSWER_SCHEMA, Answer};
use crate::folders::{list, read_bounded, sync_folder_of};
use crate::inbox::Half;
use crate::keys::Keys;
use crate::seal::{Sealed, Sealing};

const SENT: &str = "sent.json";
const ANSWER: &str = "answer.json";
/// The longest of our own small files, in bytes.
const SMALL: u64 = 1 << 20;

/// What was said about an object when it was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The surface.
    pub name: String,
    /// The digest of its manifest: how a child names it.
    pub manifest: String,
    /// The id of the key.
    pub signer: String,
    /// Whom it is for.
    pub recipient: String,
    /// What kind of object it is.
    pub schema: String,
    /// What it continues: `root`, `missing`, or a digest.
    pub parent: String,
    /// When it was sealed.
    pub at: Timestamp,
    /// The name of the object that was sealed again as this one.
    pub again: Option<String>,
}

/// How a parent is written in commands and files.
#[must_use]
pub fn parent_text(parent: &CausalParent) -> String {
    match parent {
        CausalParent::Missing => "missing".into(),
        CausalParent::Root => "root".into(),
        CausalParent::Of(digest) => digest.to_string(),
    }
}

/// Reads what [`parent_text`] writes.
///
/// # Errors
/// It is something else.
pub fn parse_parent(text: &str) -> Result<CausalParent> {
    Ok(match text {
        "missing" => CausalParent::Missing,
        "root" => CausalParent::Root,
        digest => CausalParent::Of(Digest::parse(digest).map_err(|error| anyhow!("{error}"))?),
    })
}

/// A sender's folder.
#[derive(Clone, Debug)]
pub struct Outbox(pub PathBuf);

impl Outbox {
    /// Keeps what was sealed, before it is sent.
    ///
    /// # Errors
    /// It cannot be written, or the name is taken.
    pub fn keep(&self, sealing: &Sealing<'_>, sealed: &Sealed, object: &[u8], again: Option<&str>) -> Result<()> {
        let sent = Sent {
            name: sealed.name.clone(),
            manifest: sealed.digest.to_string(),
            signer: sealing.signer.into(),
            recipient: sealing.recipient.into(),
            schema: sealing.schema.into(),
            parent: parent_text(&sealing.parent),
            at: sealing.at,
            again: again.map(Into::into),
        };
        let folder = self.0.join(&sealed.name);
        fs::create_dir_all(&self.0).with_context(|| format!("--outbox: cannot make {}", self.0.display()))?;
        fs::create_dir(&folder).with_context(|| {
            let at = folder.display();
            format!("--outbox: cannot make {at} (a second later, or with another --extension, the name is another)")
        })?;
        let manifest = format!("{}{}", sealed.name, Half::Manifest.suffix());
        write_new(&folder.join(&sealed.name), object)?;
        write_new(&folder.join(manifest), &sealed.outer)?;
        write_new(&folder.join(SENT), &serde_json::to_vec_pretty(&sent)?)?;
        sync_folder_of(&folder).with_context(|| folder.display().to_string())
    }

    /// All that was sent, the oldest first, each with its answer if one has come.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn list(&self) -> Result<Vec<(Sent, Option<Answer>)>> {
        let mut all = Vec::new();
        for entry in list(&self.0)? {
            if let Some(name) = entry.file_name().to_str().filter(|name| Surface::parse(name).is_ok()) {
                all.push((self.sent(name)?, self.answer(name)?));
            }
        }
        all.sort_by(|(one, _), (other, _)| (one.at, &one.name).cmp(&(other.at, &other.name)));
        Ok(all)
    }

    /// What was said about the object of this name.
    ///
    /// # Errors
    /// It is not here.
    pub fn sent(&self, name: &str) -> Result<Sent> {
        Surface::parse(name).map_err(|error| anyhow!("'{}' is no surface: {error}", name.escape_debug()))?;
        let path = self.0.join(name).join(SENT);
        let bytes = read_bounded(&path, SMALL).with_context(|| format!("--outbox: {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    /// The object of this name.
    ///
    /// # Errors
    /// It is not here.
    pub fn object(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.0.join(name).join(name);
        fs::read(&path).with_context(|| path.display().to_string())
    }

    /// The receiver's outcome, if it has come.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn answer(&self, name: &str) -> Result<Option<Answer>> {
        let path = self.0.join(name).join(ANSWER);
        match read_bounded(&path, SMALL) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| path.display().to_string()),
        }
    }

    /// Keeps an answer beside what it is about. The last one counts: an object that was held back may be released.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_answer(&self, name: &str, answer: &Answer) -> Result<()> {
        let path = self.0.join(name).join(ANSWER);
        if self.answer(name)?.is_some_and(|before| before.at > answer.at) {
            return Ok(());
        }
        let hidden = self.0.join(name).join(format!(".{ANSWER}"));
        fs::write(&hidden, serde_json::to_vec_pretty(answer)?)
            .and_then(|()| fs::rename(&hidden, &path))
            .with_context(|| path.display().to_string())
    }
}

/// What stands for an answer to `me` in this folder, verified: sealed by a key that is bound, for this recipient.
///
/// # Errors
/// The folder cannot be read.
pub fn answers_in(folder: &Path, keys: &Keys, me: &str) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for entry in list(folder)? {
        let entry = entry.file_name();
        let (name, half) = Half::of(entry.as_encoded_bytes());
        if half == Half::Manifest
            && !name.starts_with(b".")
            && let Ok(name) = std::str::from_utf8(name)
            && let Ok(answer) = answer_of(folder, name, keys, me)
        {
            answers.push(answer);
        }
    }
    answers.sort_by_key(|answer| answer.at);
    Ok(answers)
}

fn answer_of(folder: &Path, name: &str, keys: &Keys, me: &str) -> Result<Answer> {
    let outer = read_bounded(&folder.join(format!("{name}{}", Half::Manifest.suffix())), SMALL)?;
    let object = read_bounded(&folder.join(name), SMALL)?;
    let sealed = SealedManifest::parse(&outer).map_err(|error| anyhow!("{error}"))?;
    let keys = keys.at(Timestamp::now());
    let Some(sender) = keys.sender_of(sealed.claimed_signer(), [None, None]) else { bail!("its key is not bound") };
    let verified = sealed.verify(Expected { sender, recipient: me }, &keys, &Strict);
    let verified = verified.map_err(|error| anyhow!("{error}"))?;
    ensure!(verified.is_of(&Digest::of(&object)), "it is not the content that was sealed");
    ensure!(verified.recipient_is_sealed(), "its recipient was not sealed");
    ensure!(verified.manifest().schema == ANSWER_SCHEMA, "it is no answer");
    Ok(serde_json::from_slice(&object)?)
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
