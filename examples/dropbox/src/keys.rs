//! KEYS.json: whose key is whose, from when until when, as this receiver knows it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::manifest::{BoundKey, KeyDirectory, MAX_ID};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folders::{read_bounded, sync_folder_of};

/// The longest key directory that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// One key, bound to one sender for some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The sender's name.
    pub sender: String,
    /// The id of the key.
    pub signer: String,
    /// The Ed25519 public key, 64 hexadecimal digits.
    pub key: String,
    /// What arrives earlier is not taken under this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// What arrives then or later is not taken under this key: it has ended, or was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Binding {
    /// Whether an object that arrives now may be sealed with it. The receiver's clock counts: a thief can seal with any
    /// date.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }

    /// Its end or beginning in words, if it has one that counts now.
    pub(crate) fn limits(&self, now: Timestamp) -> String {
        match (self.from, self.until) {
            (Some(from), _) if from > now => format!(" (from {from:.0})"),
            (_, Some(until)) if until <= now => format!(" (ended {until:.0})"),
            (_, Some(until)) => format!(" (until {until:.0})"),
            _ => String::new(),
        }
    }
}

/// The local key directory.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    bindings: Vec<(Binding, BoundKey)>,
    /// Places in the list, by the id of the key.
    by_signer: BTreeMap<String, Vec<usize>>,
    /// Names in small letters, senders' and keys', and whose they are.
    names: BTreeMap<String, Vec<String>>,
}

impl Keys {
    /// Takes these bindings.
    ///
    /// # Errors
    /// A key is malformed, or two keys have the same id and sender.
    pub fn new(bindings: Vec<Binding>) -> Result<Self> {
        let mut keys = Self::default();
        for (number, binding) in bindings.into_iter().enumerate() {
            keys.add(binding).with_context(|| format!("entry {}", number + 1))?;
        }
        Ok(keys)
    }

    fn add(&mut self, binding: Binding) -> Result<()> {
        for (field, id) in [("sender", &binding.sender), ("signer", &binding.signer)] {
            check_name(id).with_context(|| field)?;
        }
        let key = hex_32(&binding.key).context("key: not 64 hexadecimal digits")?;
        let key = BoundKey::new(key).context("key: no key that all verifiers agree on")?;
        if self.of(&binding.signer, &binding.sender).is_some() {
            let (signer, sender) = (binding.signer.escape_debug(), binding.sender.escape_debug());
            bail!("signer '{signer}' of sender '{sender}' has a key already");
        }
        self.by_signer.entry(binding.signer.clone()).or_default().push(self.bindings.len());
        for name in [&binding.sender, &binding.signer] {
            self.names.entry(name.to_ascii_lowercase()).or_default().push(binding.sender.clone());
        }
        self.bindings.push((binding, key));
        Ok(())
    }

    /// All bindings, in the order of the file.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().map(|(binding, _)| binding)
    }

    /// The bindings of a key's id.
    pub(crate) fn of_signer<'k>(&'k self, signer: &str) -> impl Iterator<Item = &'k Binding> {
        let places = self.by_signer.get(signer).into_iter().flatten();
        places.filter_map(|place| self.bindings.get(*place)).map(|(binding, _)| binding)
    }

    fn of(&self, signer: &str, sender: &str) -> Option<&(Binding, BoundKey)> {
        let mut places = self.by_signer.get(signer).into_iter().flatten();
        places.find_map(|place| self.bindings.get(*place).filter(|(binding, _)| binding.sender == sender))
    }

    /// As it is at this time.
    #[must_use]
    pub const fn at(&self, now: Timestamp) -> KeysAt<'_> {
        KeysAt { keys: self, now }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or does not hold what it should.
    pub fn load(path: &Path) -> Result<Self> {
        let unfit = || format!("--keys {}", path.display());
        let bytes = read_bounded(path, LONGEST).with_context(unfit)?;
        let bindings = serde_json::from_slice(&bytes).context("not a list of {sender, signer, key}");
        bindings.and_then(Self::new).with_context(unfit)
    }

    /// Puts one more key into the file, or makes the file.
    ///
    /// # Errors
    /// The file cannot be read or written, or the id is taken.
    pub fn add_to_file(path: &Path, binding: Binding) -> Result<()> {
        let mut keys = if path.exists() { Self::load(path)? } else { Self::default() };
        keys.add(binding).with_context(|| format!("--keys {}", path.display()))?;
        keys.save(path)
    }

    /// Sets the end of a key. What arrived before stays as it was decided.
    ///
    /// # Errors
    /// There is no such key, it has ended earlier, or the file cannot be written.
    pub fn end_in_file(path: &Path, sender: &str, signer: &str, until: Timestamp) -> Result<()> {
        let mut keys = Self::load(path)?;
        let binding = keys.binding_mut(path, sender, signer)?;
        if let Some(ended) = binding.until.filter(|ended| *ended < until) {
            bail!("key '{}' of '{}' has its end at {ended:.0} already", signer.escape_debug(), sender.escape_debug());
        }
        binding.until = Some(until);
        keys.save(path)
    }

    /// Binds a new key to the sender of an old one, and lets the old one end, in one step. An end that is earlier stays.
    ///
    /// # Errors
    /// There is no such old key, the new one cannot be bound, or the file cannot be written. The file is as it was.
    pub fn renew_in_file(path: &Path, signer: &str, new: Binding, until: Timestamp) -> Result<()> {
        let mut keys = Self::load(path)?;
        let old = keys.binding_mut(path, &new.sender, signer)?;
        old.until = Some(old.until.map_or(until, |ends| ends.min(until)));
        keys.add(new).with_context(|| format!("--keys {}", path.display()))?;
        keys.save(path)
    }

    fn binding_mut(&mut self, path: &Path, sender: &str, signer: &str) -> Result<&mut Binding> {
        let found = self.bindings.iter_mut().find(|(binding, _)| binding.sender == sender && binding.signer == signer);
        let found = found.with_context(|| {
            let (signer, sender) = (signer.escape_debug(), sender.escape_debug());
            format!("--keys {}: sender '{sender}' has no key '{signer}'", path.display())
        })?;
        Ok(&mut found.0)
    }

    fn save(&self, path: &Path) -> Result<()> {
        let bindings: Vec<_> = self.bindings().collect();
        let mut text = serde_json::to_vec_pretty(&bindings)?;
        text.push(b'\n');
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let write = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            sync_folder_of(path)
        };
        write().with_context(|| format!("--keys {}", path.display()))
    }
}

/// The directory at some time.
#[derive(Clone, Copy, Debug)]
pub struct KeysAt<'k> {
    keys: &'k Keys,
    now: Timestamp,
}

impl KeysAt<'_> {
    /// Which sender a key's id belongs to: one of these if it is theirs, else the first.
    pub(crate) fn sender_of(&self, signer: &str, preferred: [Option<&str>; 2]) -> Option<&str> {
        let holding = || self.keys.of_signer(signer).filter(|binding| binding.holds_at(self.now));
        let named = |name: &str| holding().find(|binding| binding.sender == name);
        let found = preferred.into_iter().flatten().find_map(named).or_else(|| holding().next());
        found.map(|binding| binding.sender.as_str())
    }

    /// What is known of a key that is not bound, in words.
    pub(crate) fn why_not(&self, signer: &str, sender: &str) -> String {
        let said = |signer: &str| format!("'{}'", signer.escape_debug());
        let named: Vec<_> = self.keys.bindings().filter(|binding| binding.sender == sender).collect();
        let bound = named.iter().map(|binding| said(&binding.signer) + &binding.limits(self.now)).collect::<Vec<_>>();
        let bound = if bound.is_empty() { "no key".to_owned() } else { bound.join(", ") };
        format!("it says that key {} sealed it; sender {} has {bound}", said(signer), said(sender))
    }
}

impl KeyDirectory for KeysAt<'_> {
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey> {
        self.keys.of(signer, sender).filter(|(binding, _)| binding.holds_at(self.now)).map(|(_, key)| *key)
    }

    /// Capitals make no other name: a reader would not notice.
    fn is_another(&self, name: &str, sender: &str) -> bool {
        let owners = self.keys.names.get(&name.to_ascii_lowercase());
        owners.is_some_and(|owners| owners.iter().all(|owner| owner != sender)) && !name.eq_ignore_ascii_case(sender)
    }
}

/// A key directory that may change while the drop runs.
#[derive(Clone, Debug)]
pub struct KeyFile {
    keys: Keys,
    file: Option<(PathBuf, Seen)>,
}

/// What the system tells of a file: enough to notice a change.
type Seen = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl From<Keys> for KeyFile {
    fn from(keys: Keys) -> Self {
        Self { keys, file: None }
    }
}

impl KeyFile {
    /// Reads a file, and will read it again when it changes.
    ///
    /// # Errors
    /// As [`Keys::load`].
    pub fn load(path: &Path) -> Result<Self> {
        let seen = seen(path);
        Ok(Self { keys: Keys::load(path)?, file: Some((path.to_owned(), seen)) })
    }

    /// The keys, as they were read last.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Reads the file again if it has changed: the whole of it, or nothing. Says what has happened, if anything has.
    pub(crate) fn refresh(&mut self) -> Option<String> {
        let (path, before) = self.file.as_mut()?;
        let now = seen(path);
        if now == *before {
            return None;
        }
        *before = now;
        Some(match Keys::load(path) {
            Ok(keys) => {
                self.keys = keys;
                format!("{} has changed: {} keys are bound now", path.display(), self.keys.bindings.len())
            }
            Err(error) => format!("the keys stay as they were, for the changed file is refused: {error:#}"),
        })
    }
}

fn seen(path: &Path) -> Seen {
    let it = fs::metadata(path).ok()?;
    Some((it.dev(), it.ino(), it.size(), (it.mtime(), it.mtime_nsec()), (it.ctime(), it.ctime_nsec())))
}

/// Whether this can be the name of a sender, a key or a recipient.
///
/// # Errors
/// It is empty, too long, or has a control character or a quotation mark.
pub fn check_name(name: &str) -> Result<()> {
    ensure!(!name.is_empty() && name.len() <= MAX_ID, "not 1 to {MAX_ID} bytes");
    let odd = |c: char| c.is_control() || matches!(c, '"' | '\\');
    ensure!(!name.contains(odd), "has a control character, a quotation mark or a backslash");
    Ok(())
}

/// 32 bytes of 64 hexadecimal digits. The message of a caller must not repeat the text: it may be a secret.
pub(crate) fn hex_32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}
