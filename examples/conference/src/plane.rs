//! The control plane: whose policy governs, who has signed it, and where protocols' identifiers lead.

use anyhow::{Context, Result, anyhow};
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use interaction_gov::authority::{Authorities, AuthorityError, Delegation, Update};
use interaction_gov::policy::{Policy, Provenance};
use interaction_gov::proof::Component;
use interaction_gov::protocol::Registry;
use interaction_gov::rollout::Rollout;
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Listed, Set, Vocabulary};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use sha2::{Digest as _, Sha256};

/// Four authorities with up to 64 rules each, and as many versions as a day sees.
pub type Versions = Rollout<4, 4>;

/// A policy as its file has it.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The name of the file.
    pub file: &'static str,
    /// Its content.
    pub text: &'static str,
}

/// The control plane of everything that happens here.
pub struct Plane {
    /// What policies are written in.
    pub names: Vocabulary<'static>,
    /// The versions, and the authorities behind them.
    pub rollout: Versions,
    /// Where protocols' identifiers lead.
    pub registry: Registry<64>,
    /// The source of all random values, so that the same seed gives the same day.
    pub rng: ChaCha20Rng,
    /// What it signs heads with.
    pub key: KeyPair,
    /// The publisher that vouches for models.
    pub publisher: KeyPair,
    /// Each authority's own key. Real ones do not lie in one place; here one program plays all parts.
    keys: Vec<KeyPair>,
    /// For each authority the text that it has signed last.
    pub(crate) signed: Vec<Option<Text>>,
    /// For each version the texts in it.
    pub(crate) texts: Vec<Vec<Text>>,
}

impl Plane {
    /// Authorities with keys, and no policy yet.
    pub fn new(vocabulary: &'static str, mut rng: ChaCha20Rng) -> Result<Self> {
        let names = Vocabulary::read(vocabulary).context("the vocabulary")?;
        let key = pair(&mut rng);
        let publisher = pair(&mut rng);
        let keys: Vec<KeyPair> = names.all::<Authority>().map(|_| pair(&mut rng)).collect();
        let mut authorities = Authorities::new();
        for ((authority, name), key) in names.all::<Authority>().zip(&keys) {
            authorities.introduce(authority, *key.pk).with_context(|| format!("introducing {name}"))?;
        }
        let rollout = Rollout::new(authorities, draw(&mut rng));
        let registry = Registry::new(draw(&mut rng));
        let signed = vec![None; keys.len()];
        Ok(Self { names, rollout, registry, rng, key, publisher, keys, signed, texts: Vec::new() })
    }

    /// What a name stands for.
    pub fn the<T: Listed>(&self, name: &str) -> Result<T> {
        self.names.find(name).ok_or_else(|| anyhow!("the vocabulary has no {name} among its {}", T::LIST))
    }

    /// What some names stand for.
    pub fn all<T: Listed>(&self, names: &[&str]) -> Result<Set<T>> {
        names.iter().map(|name| self.the(name)).collect()
    }

    /// An authority signs its next text, and the control plane takes it, or returns the reason why not.
    pub fn take(&mut self, name: &str, version: u32, text: Text) -> Result<Result<(), AuthorityError>> {
        let authority: Authority = self.the(name)?;
        let before = self.signed.get(usize::from(authority.0)).copied().flatten().map_or("", |before| before.text);
        let taken = self.offer(name, name, version, before, text)?;
        if let (Ok(()), Some(place)) = (taken, self.signed.get_mut(usize::from(authority.0))) {
            *place = Some(text);
        }
        Ok(taken)
    }

    /// A text is offered as an authority's next one after another, signed by `signer`.
    pub fn offer(
        &mut self,
        signer: &str,
        name: &str,
        version: u32,
        follows: &str,
        text: Text,
    ) -> Result<Result<(), AuthorityError>> {
        let (authority, signer): (Authority, Authority) = (self.the(name)?, self.the(signer)?);
        let key = self.keys.get(usize::from(signer.0)).context("an authority without a key")?;
        let update = Update {
            authority,
            version,
            follows: Sha256::digest(follows).into(),
            vocabulary: *self.names.digest(),
            text: text.text,
        };
        let signature = *key.sk.sign(update.signed(), None);
        let mut scratch = Policy::<4>::new();
        Ok(self.rollout.authorities.take(&update, &signature, &verifies, &self.names, &mut scratch))
    }

    /// An authority lets another one decide in its place, and signs that.
    pub fn delegate(&mut self, delegation: Delegation, now: Time) -> Result<Result<(), AuthorityError>> {
        let key = self.keys.get(usize::from(delegation.from.0)).context("an authority without a key")?;
        let signature = *key.sk.sign(delegation.signed(), None);
        Ok(self.rollout.authorities.delegate(delegation, &signature, &verifies, now))
    }

    /// Compiles what the authorities have signed last, and keeps it as a version that governs nothing yet.
    pub fn install(&mut self) -> Result<u32> {
        let texts: Vec<Text> = self.signed.iter().copied().flatten().collect();
        let mut policy = Policy::new();
        for Text { file, text } in &texts {
            policy.add(text, &self.names).with_context(|| format!("{file} is no policy"))?;
        }
        let version = self.rollout.install(&policy).context("installing a version")?;
        self.texts.push(texts);
        Ok(version)
    }

    /// The files of a version's texts.
    pub fn files(&self, version: u32) -> Vec<&'static str> {
        let texts = usize::try_from(version).ok().and_then(|version| self.texts.get(version));
        texts.map_or_else(Vec::new, |texts| texts.iter().map(|text| text.file).collect())
    }

    /// The file and the words of a line that decided.
    pub fn rule(&self, version: u32, authority: Authority, line: u16) -> Option<(&'static str, String)> {
        let texts = self.texts.get(usize::try_from(version).ok()?)?;
        let head = format!("authority {}", self.names.name(authority));
        let Text { file, text } = texts.iter().find(|text| text.text.lines().any(|line| line.trim_end() == head))?;
        let words = text.lines().nth(usize::from(line).checked_sub(1)?)?;
        Some((file, words.split_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// What comes with a model: its publisher's signature over its digest, if the publisher vouches for it.
    pub fn statement(&self, digest: &[u8; 32], vouched: bool) -> Vec<u8> {
        if vouched { self.publisher.sk.sign(digest, None).to_vec() } else { b"trained with care".to_vec() }
    }
}

/// A statement is verified if the publisher has signed it; every other one is merely stated.
pub fn provenance(publisher: [u8; 32]) -> impl Fn(&Component<'_>) -> Provenance {
    move |component| match <&[u8; 64]>::try_from(component.statement) {
        Ok(signature) if verifies(&publisher, &component.digest, signature) => Provenance::Verified,
        _ if component.statement.is_empty() => Provenance::None,
        _ => Provenance::Stated,
    }
}

/// Ed25519. What is not canonical, and keys of small order, do not verify.
pub fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    PublicKey::new(*key).verify(hash, &Signature::new(*signature)).is_ok()
}

/// A key pair of the seed's.
pub fn pair(rng: &mut ChaCha20Rng) -> KeyPair {
    KeyPair::from_seed(Seed::new(draw(rng)))
}

/// Bytes of the seed's.
pub fn draw<const N: usize>(rng: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// The first bytes of a SHA-256: how records name things.
pub fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(Sha256::digest(bytes)).for_each(|(to, from)| *to = from);
    short
}
