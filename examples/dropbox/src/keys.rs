//! KEYS.json: whose key is whose, as this receiver knows it.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::manifest::{BoundKey, KeyDirectory, MAX_ID};
use serde::{Deserialize, Serialize};

/// One key, bound to one sender.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The sender's name.
    pub sender: String,
    /// The id of the key.
    pub signer: String,
    /// The Ed25519 public key, 64 hexadecimal digits.
    pub key: String,
}

/// The local key directory.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    bindings: Vec<(Binding, BoundKey)>,
}

impl Keys {
    /// Takes these bindings.
    ///
    /// # Errors
    /// A key is none, or two keys have the same id and sender.
    pub fn new(bindings: Vec<Binding>) -> Result<Self> {
        let mut keys = Self::default();
        for (number, binding) in bindings.into_iter().enumerate() {
            keys.add(binding).with_context(|| format!("entry {}", number + 1))?;
        }
        Ok(keys)
    }

    fn add(&mut self, binding: Binding) -> Result<()> {
        for (field, id) in [("sender", &binding.sender), ("signer", &binding.signer)] {
            ensure!(!id.is_empty() && id.len() <= MAX_ID, "{field}: not 1 to {MAX_ID} bytes");
        }
        let key = hex_32(&binding.key).context("key: not 64 hexadecimal digits")?;
        let key = BoundKey::new(key).context("key: no key that all verifiers agree on")?;
        if self.key(&binding.signer, &binding.sender).is_some() {
            let (signer, sender) = (binding.signer.escape_debug(), binding.sender.escape_debug());
            bail!("signer '{signer}' of sender '{sender}' has a key already");
        }
        self.bindings.push((binding, key));
        Ok(())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or does not hold what it should.
    pub fn load(path: &Path) -> Result<Self> {
        let unfit = || format!("--keys {}", path.display());
        let bytes = fs::read(path).with_context(unfit)?;
        let bindings = serde_json::from_slice(&bytes).context("not a list of {sender, signer, key}");
        bindings.and_then(Self::new).with_context(unfit)
    }

    /// Puts one more key into the file, or makes the file.
    ///
    /// # Errors
    /// The file cannot be read or written, or the id is taken.
    pub fn add_to_file(path: &Path, binding: Binding) -> Result<()> {
        let unfit = || format!("--keys {}", path.display());
        let mut keys = if path.exists() { Self::load(path)? } else { Self::default() };
        keys.add(binding).with_context(unfit)?;
        let bindings: Vec<_> = keys.bindings.iter().map(|(binding, _)| binding).collect();
        let mut text = serde_json::to_vec_pretty(&bindings)?;
        text.push(b'\n');
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let write = || {
            let mut file = fs::File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, path)
        };
        write().with_context(unfit)
    }
}

impl KeyDirectory for Keys {
    fn key(&self, signer: &str, sender: &str) -> Option<BoundKey> {
        let bound = |binding: &Binding| binding.signer == signer && binding.sender == sender;
        self.bindings.iter().find(|(binding, _)| bound(binding)).map(|(_, key)| *key)
    }
}

/// 32 bytes of 64 hexadecimal digits. The message of whoever asks must not repeat the text: it may be a secret.
pub(crate) fn hex_32(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok().map(|()| bytes)
}
