//! The sending side: an object and its sealed manifest, put into an inbox.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{
    CausalParent, MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, SealedTime, SurfaceParts, seal,
};
use cep_envelope::notification::MAX_NOTIFICATION;
use cep_envelope::{Parts, Surface, TimeFragment};
use ed25519_compact::{KeyPair, Seed};
use jiff::Timestamp;

use crate::folders::{random, read_bounded};
use crate::inbox::Half;
use crate::keys::{Binding, hex_32};

/// The longest file with a seed in it, in bytes.
const LONGEST_SEED: u64 = 256;

/// What a sender says about an object.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// The id of the sender's key.
    pub signer: &'a str,
    /// Whom the object is for.
    pub recipient: &'a str,
    /// What kind of object it is.
    pub schema: &'a str,
    /// The surface's context.
    pub context: &'a str,
    /// The surface's profile: without a notice, the sender's name.
    pub profile: &'a str,
    /// The surface's priority.
    pub priority: &'a str,
    /// The surface's extension, which nothing seals.
    pub extension: Option<&'a str>,
    /// What the object continues.
    pub parent: CausalParent,
    /// When it is sealed.
    pub at: Timestamp,
}

/// What was sealed: two files, under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The surface.
    pub name: String,
    /// The outer object.
    pub outer: Vec<u8>,
    /// The manifest's digest: how a child names it.
    pub digest: Digest,
}

impl Sealing<'_> {
    /// Seals an object.
    ///
    /// # Errors
    /// A field that no surface or manifest can have.
    pub fn seal(&self, object: &[u8], key: &KeyPair) -> Result<Sealed> {
        let fragment = self.at.strftime("%Y%m%dt%H%M%Sz").to_string();
        let parts = Parts {
            time: TimeFragment::parse(&fragment).context("this year has no surface")?,
            context: self.context,
            profile: self.profile,
            priority: self.priority,
            extension: self.extension,
        };
        let mut name = [0; Surface::LONGEST];
        let surface = Surface::compose(&parts, &mut name).map_err(|error| anyhow!("{error}"))?;
        let sealed_at = self.at.to_string();
        let manifest = Manifest {
            schema: self.schema,
            surface: SurfaceParts::from(surface),
            sealed_created_at: SealedTime::parse(&sealed_at).map_err(|error| anyhow!("{error}"))?,
            content_digest: Digest::of(object),
            causal_parent: self.parent,
            // Sealed, so that no carrier can choose them.
            signer: Some(self.signer),
            recipient: Some(self.recipient),
        };
        let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
        let text = manifest.write(&mut text).map_err(|error| match error {
            Some(error) => anyhow!("the manifest would be refused: {error}"),
            None => anyhow!("the manifest would be too long"),
        })?;
        let sign = |hash: &[u8; 32]| *key.sk.sign(hash, None);
        let outer = seal(text, self.signer, self.recipient, sign, &mut outer).map_err(|error| anyhow!("{error}"))?;
        Ok(Sealed { name: surface.as_str().to_owned(), outer: outer.to_vec(), digest: Digest::of(text) })
    }
}

/// Puts an object into an inbox: its bytes first, its manifest last, each under a hidden name until it is complete. The same bytes
/// without a manifest are what an earlier attempt has left, and are completed.
///
/// # Errors
/// It cannot be written, or the name is taken ([`Taken`]).
// keeps: CEP-018 (§3.2)
pub fn drop_into(inbox: &Path, sealed: &Sealed, object: &[u8]) -> Result<()> {
    drop_with_notice(inbox, sealed, object, None)
}

/// The same with a notification beside it. Where the name is taken, the notification is not put either: it would come beside another
/// object.
///
/// # Errors
/// As [`drop_into`], or another notification is there.
pub fn drop_with_notice(inbox: &Path, sealed: &Sealed, object: &[u8], notice: Option<&[u8]>) -> Result<()> {
    let path = |half: Half| inbox.join(format!("{}{}", sealed.name, half.suffix()));
    let is_there = |half: Half| fs::symlink_metadata(path(half)).is_ok();
    if is_there(Half::Manifest) {
        return Err(Taken(path(Half::Manifest)).into());
    }
    let has_begun = is_there(Half::Object);
    ensure!(!has_begun || is_this(&path(Half::Object), object), Taken(path(Half::Object)));
    if let Some(notice) = notice.filter(|notice| !is_this(&path(Half::Notice), notice)) {
        put(inbox, &format!("{}{}", sealed.name, Half::Notice.suffix()), notice)?;
    }
    if !has_begun {
        put(inbox, &format!("{}{}", sealed.name, Half::Object.suffix()), object)?;
    }
    put(inbox, &format!("{}{}", sealed.name, Half::Manifest.suffix()), &sealed.outer)?;
    match File::open(inbox).and_then(|inbox| inbox.sync_all()) {
        // Another account's inbox may be written to and not read: then the system syncs it when it sees fit.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other.context("--into"),
    }
}

/// Puts one file into an inbox, under a hidden name until it is complete.
fn put(inbox: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (path, hidden) = (inbox.join(name), inbox.join(format!(".{name}.{}", hex::encode(random::<4>()?))));
    let write = || {
        let mut file = File::create_new(&hidden)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Unlike a rename, it replaces nothing.
        fs::hard_link(&hidden, &path)
    };
    let written = write();
    let _ = fs::remove_file(&hidden);
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Taken(path).into()),
        other => other.with_context(|| format!("--into: cannot write {}", path.display())),
    }
}

/// Whether this object is in an inbox already, whole.
#[must_use]
pub fn is_in(inbox: &Path, sealed: &Sealed, object: &[u8]) -> bool {
    let path = |half: Half| inbox.join(format!("{}{}", sealed.name, half.suffix()));
    is_this(&path(Half::Manifest), &sealed.outer) && is_this(&path(Half::Object), object)
}

/// Whether a file has these bytes.
fn is_this(path: &Path, bytes: &[u8]) -> bool {
    read_bounded(path, bytes.len() as u64).is_ok_and(|there| there == bytes)
}

/// Reads a file that may be a notification.
///
/// # Errors
/// It cannot be read, or is longer than notifications are.
pub fn read_notice(path: &Path) -> Result<Vec<u8>> {
    read_bounded(path, MAX_NOTIFICATION as u64).with_context(|| format!("--notice {}", path.display()))
}

/// Another file has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken(pub PathBuf);

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--into: {} is there already; a second later, or with another --extension, the name is another",
            self.0.display()
        )
    }
}

impl std::error::Error for Taken {}

/// The digest by which a child names its parent, from the parent's outer object.
///
/// # Errors
/// The bytes are no outer object.
pub fn parent_of(outer: &[u8]) -> Result<CausalParent> {
    let sealed = SealedManifest::parse(outer).map_err(|error| anyhow!("{error}"))?;
    Ok(CausalParent::Of(Digest::of(sealed.signed_bytes())))
}

/// A key from a file that holds its seed and nothing else; `-` is standard input. A seed on a command line is for all to see.
///
/// # Errors
/// The file cannot be read, or holds no seed. The message does not repeat what is in it.
pub fn key_in_file(path: &Path) -> Result<KeyPair> {
    let unfit = || format!("--seed-file {}", path.display());
    let text = if path.as_os_str() == "-" {
        let mut text = Vec::new();
        io::stdin().take(LONGEST_SEED).read_to_end(&mut text).map(|_| text)
    } else {
        read_bounded(path, LONGEST_SEED)
    };
    let text = text.with_context(unfit)?;
    key_of(std::str::from_utf8(text.trim_ascii()).unwrap_or_default()).with_context(unfit)
}

/// A key from its seed, 64 hexadecimal digits.
///
/// # Errors
/// They are none. The message does not repeat what was given: it is a secret, or nearly one.
pub fn key_of(seed: &str) -> Result<KeyPair> {
    Ok(KeyPair::from_seed(Seed::new(hex_32(seed).context("not 64 hexadecimal digits (32 bytes)")?)))
}

/// A new seed, and the binding of its public key.
///
/// # Errors
/// The system gives no randomness.
pub fn new_key(sender: &str, signer: &str) -> Result<(String, Binding)> {
    let seed: [u8; 32] = random()?;
    let key = hex::encode(*KeyPair::from_seed(Seed::new(seed)).pk);
    Ok((hex::encode(seed), Binding { sender: sender.into(), signer: signer.into(), key, from: None, until: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interrupted_attempt_has_left_is_completed_and_nothing_else_is_replaced() {
        let place = tempfile::tempdir().expect("a folder");
        let name = "20260514t064148z.file.alice.normal".to_owned();
        let sealed = Sealed { name: name.clone(), outer: b"outer".to_vec(), digest: Digest::of(b"manifest") };
        fs::write(place.path().join(&name), b"object").expect("written");
        let other = drop_into(place.path(), &sealed, b"another").expect_err("other bytes have the name");
        assert!(other.is::<Taken>(), "{other}");
        drop_into(place.path(), &sealed, b"object").expect("the manifest was missing");
        let again = drop_into(place.path(), &sealed, b"object").expect_err("it is whole");
        assert!(again.is::<Taken>(), "{again}");
        assert_eq!(fs::read_dir(place.path()).expect("readable").count(), 2);
    }
}
