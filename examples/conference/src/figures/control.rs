//! The control plane of one world, and the authorities that sign what it takes.

use anyhow::{Context, Result};
use ed25519_compact::KeyPair;
use interaction_gov::authority::{Authorities, AuthorityError, Update};
use interaction_gov::policy::Policy;
use interaction_gov::rollout::{Rollout, Track};
use interaction_gov::vocabulary::{Authority, Vocabulary};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest as _, Sha256};

use crate::plane;

/// What policies are written in.
pub const NAMES: &str = include_str!("../../policies/names.vocabulary");
const CORPORATE: &str = include_str!("../../policies/corporate.policy");
const TIGHTENED: &str = include_str!("../../policies/corporate-2.policy");
/// The policies of the others, in the order of the vocabulary.
const OTHERS: [&str; 3] = [
    include_str!("../../policies/guest-organisation.policy"),
    include_str!("../../policies/regional-privacy.policy"),
    include_str!("../../policies/industry.policy"),
];
/// The one whose policy changes.
const CHANGES: Authority = Authority(0);
/// The percentage of new interactions that a canary gets.
pub const PERCENT: u8 = 10;
/// The version with which a control plane begins.
pub const FIRST: Known = Known { number: 0, said: Said::FIRST };
/// Updates until the script starts again.
const CYCLE: u64 = 20;

/// The longest wait for a failed function.
pub const RECOVERY_MS: u32 = 5_000;
/// How long what is known about a participant may be relied on.
const VALIDATION_MS: u32 = 150_000;
/// How long a permit holds. A configuration changes from one to the other.
const LEASES_MS: [u32; 2] = [10_000, 12_000];

/// The interactions that an update is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// All interactions that are not on the canary.
    Stable,
    /// The canary.
    Canary,
}

/// An update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Other rules.
    Policy(On),
    /// The same rules, other settings.
    Configuration(On),
    /// Back to the version before.
    RollBack(On),
    /// Other rules for some of the new interactions.
    CanaryStart,
    /// The canary's version for all interactions.
    CanaryPromote,
    /// The stable version for the canary.
    CanaryEnd,
}

impl Change {
    /// The update of a round.
    pub const fn of(round: u64) -> Self {
        match round % CYCLE {
            0 | 3 | 9 | 16 => Self::Policy(On::Stable),
            1 | 4 | 12 | 17 => Self::Configuration(On::Stable),
            // The last of these rolls back once more, to the version before that.
            2 | 11 | 18 | 19 => Self::RollBack(On::Stable),
            5 => Self::CanaryStart,
            7 | 10 | 13 => Self::Policy(On::Canary),
            6 | 14 => Self::Configuration(On::Canary),
            15 if (round / CYCLE).is_multiple_of(2) => Self::CanaryPromote,
            15 => Self::CanaryEnd,
            // Back to the stable version: what was rolled back does not come again, so another version follows.
            _ => Self::RollBack(On::Canary),
        }
    }

    /// The track whose version it changes.
    pub const fn on(self) -> On {
        match self {
            Self::Policy(on) | Self::Configuration(on) | Self::RollBack(on) => on,
            Self::CanaryStart | Self::CanaryPromote | Self::CanaryEnd => On::Canary,
        }
    }
}

/// The content of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether presenting requires a hardened device.
    pub tightened: bool,
    /// How long a permit holds.
    lease_ms: u32,
}

impl Said {
    const FIRST: Self = Self { tightened: false, lease_ms: LEASES_MS[0] };

    /// The rules of its policy, and what is configured with them.
    fn text(self, version: u32) -> String {
        let file = if self.tightened { TIGHTENED } else { CORPORATE };
        let ours = |line: &&str| !line.starts_with("set ");
        let numbered =
            |line: &str| if line.starts_with("version") { format!("version {version}") } else { line.into() };
        let mut lines: Vec<String> = file.lines().filter(ours).map(numbered).collect();
        let settings = [("lease", self.lease_ms), ("validation", VALIDATION_MS), ("recovery", RECOVERY_MS)];
        lines.extend(settings.map(|(what, ms)| format!("set {what} {ms}")));
        lines.join("\n")
    }

    const fn with_other_rules(self) -> Self {
        Self { tightened: !self.tightened, ..self }
    }

    const fn with_other_settings(self) -> Self {
        let [one, other] = LEASES_MS;
        Self { lease_ms: if self.lease_ms == one { other } else { one }, ..self }
    }
}

/// A text as it arrives.
#[derive(Clone)]
pub struct Signed {
    authority: Authority,
    version: u32,
    follows: [u8; 32],
    text: String,
    signature: [u8; 64],
    said: Said,
}

impl Signed {
    fn give_to(&self, authorities: &mut Authorities) -> Result<(), AuthorityError> {
        let Self { authority, version, follows, ref text, ref signature, .. } = *self;
        let update = Update { authority, version, follows, vocabulary: vocabulary(), text };
        let names = Vocabulary::read(NAMES).map_err(AuthorityError::Text)?;
        authorities.take(&update, signature, &plane::verifies, &names, &mut Policy::<4>::new())
    }
}

/// The authorities' side: their keys, and what they have signed last.
pub struct Office {
    keys: Vec<KeyPair>,
    first: Vec<Signed>,
    last: Signed,
}

impl Office {
    /// Authorities that have signed their first texts.
    pub fn new(names: &Vocabulary<'_>, rng: &mut ChaCha20Rng) -> Result<Self> {
        let keys: Vec<KeyPair> = names.all::<Authority>().map(|_| plane::pair(rng)).collect();
        let texts = [Said::FIRST.text(1)].into_iter().chain(OTHERS.map(str::to_owned));
        let texts = names.all::<Authority>().zip(&keys).zip(texts);
        let first: Vec<Signed> =
            texts.map(|(((authority, _), key), text)| sign(key, authority, 1, "", text, Said::FIRST)).collect();
        let last = first.first().cloned().context("the vocabulary has no authorities")?;
        Ok(Self { keys, first, last })
    }

    /// Makes an authority known, which has signed its first text.
    pub fn introduce(&self, authority: Authority, authorities: &mut Authorities) -> Result<&str> {
        let number = usize::from(authority.0);
        let (first, key) = self.first.get(number).zip(self.keys.get(number)).context("no such authority")?;
        authorities.introduce(authority, *key.pk).context("introducing an authority")?;
        first.give_to(authorities).context("a first text")?;
        Ok(&first.text)
    }

    /// The next text.
    pub fn next(&mut self, said: Said) -> Result<Signed> {
        self.last = self.following(CHANGES, said)?;
        Ok(self.last.clone())
    }

    fn following(&self, signer: Authority, said: Said) -> Result<Signed> {
        let version = self.last.version + 1;
        let key = self.keys.get(usize::from(signer.0)).context("an authority without a key")?;
        Ok(sign(key, CHANGES, version, &self.last.text, said.text(version), said))
    }

    /// A text that is signed and is not a policy.
    pub fn broken(&self) -> Result<Signed> {
        let version = self.last.version + 1;
        let key = self.keys.get(usize::from(CHANGES.0)).context("an authority without a key")?;
        let text = format!("{}\npermit recrod\n", self.last.said.text(version));
        Ok(sign(key, CHANGES, version, &self.last.text, text, self.last.said))
    }

    /// Texts that must be refused: forged, stale, replayed.
    pub fn bad(&self) -> Result<[(Signed, AuthorityError); 3]> {
        let forged = self.following(Authority(1), self.last.said.with_other_rules())?;
        let stale = self.first.first().cloned().context("no first text")?;
        let replayed = self.last.clone();
        Ok([(forged, AuthorityError::Forged), (stale, AuthorityError::Stale), (replayed, AuthorityError::Stale)])
    }
}

/// The digest of the vocabulary in which all of them write.
fn vocabulary() -> [u8; 32] {
    Sha256::digest(NAMES).into()
}

fn sign(key: &KeyPair, authority: Authority, version: u32, follows: &str, text: String, said: Said) -> Signed {
    let follows = Sha256::digest(follows).into();
    let update = Update { authority, version, follows, vocabulary: vocabulary(), text: &text };
    let signature = *key.sk.sign(update.signed(), None);
    Signed { authority, version, follows, text, signature, said }
}

/// What is known here about a version that governs. The measurement keeps its own record: the version that an
/// interaction reports is compared with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub number: u32,
    /// Its content.
    pub said: Said,
}

#[derive(Clone, Copy)]
struct Canary {
    track: Track,
    known: Known,
    /// It was rolled back.
    withdrawn: bool,
}

/// A control plane.
pub struct Control {
    /// What decides.
    pub rollout: Box<Rollout<4, 8>>,
    names: Vocabulary<'static>,
    /// What each authority has signed last.
    texts: Vec<Signed>,
    stable: Known,
    /// Versions to go back to, the last one last.
    before: Vec<Known>,
    canary: Option<Canary>,
    /// All versions that are kept: their numbers, and their texts.
    installed: Vec<(u32, Vec<String>)>,
    /// What chooses the canaries.
    key: [u8; 32],
}

impl Control {
    /// It has taken the first texts, and they govern.
    pub fn new(names: Vocabulary<'static>, office: &Office, key: [u8; 32]) -> Result<Self> {
        let mut authorities = Authorities::new();
        for (authority, _) in names.all::<Authority>() {
            office.introduce(authority, &mut authorities)?;
        }
        let nothing = Known { number: u32::MAX, said: Said::FIRST };
        let (rollout, texts) = (Box::new(Rollout::new(authorities, key)), office.first.clone());
        let (before, installed) = (Vec::new(), Vec::new());
        let mut control = Self { rollout, names, texts, stable: nothing, before, canary: None, installed, key };
        control.stable = control.install()?;
        control.rollout.publish(Track::STABLE, control.stable.number).context("publishing")?;
        Ok(control)
    }

    /// The same after its process has ended: restored from what was kept of it, and from the texts.
    pub fn restored(&self) -> Result<Self> {
        let mut bytes = vec![0; self.rollout.snapshot(&mut []).err().context("nothing is kept")?];
        self.rollout.snapshot(&mut bytes).ok().context("no room for what is kept")?;
        let mut rollout = Box::new(Rollout::new(Authorities::new(), self.key));
        let compile = |digest: &[u8; 32], policy: &mut Policy<4>| {
            self.installed.iter().any(|(_, texts)| {
                policy.clear();
                texts.iter().all(|text| policy.add(text, &self.names).is_ok()) && policy.digest() == digest
            })
        };
        rollout.restore(&bytes, compile).context("restoring")?;
        let Self { names, texts, stable, before, canary, installed, key, .. } = self;
        let (names, texts, before, installed) = (names.clone(), texts.clone(), before.clone(), installed.clone());
        Ok(Self { rollout, names, texts, stable: *stable, before, canary: *canary, installed, key: *key })
    }

    /// What an authority has to sign for an update; `None` if nothing.
    pub fn wants(&self, change: Change) -> Result<Option<Said>> {
        let on = |on: On| match on {
            On::Stable => Ok(self.stable.said),
            On::Canary => self.canary.map(|canary| canary.known.said).context("no canary"),
        };
        Ok(match change {
            Change::Policy(whose) => Some(on(whose)?.with_other_rules()),
            Change::Configuration(whose) => Some(on(whose)?.with_other_settings()),
            Change::CanaryStart => Some(self.stable.said.with_other_rules()),
            Change::RollBack(_) | Change::CanaryPromote | Change::CanaryEnd => None,
        })
    }

    /// Takes what an authority has signed.
    pub fn take(&mut self, signed: &Signed) -> Result<(), AuthorityError> {
        signed.give_to(&mut self.rollout.authorities)?;
        let known = self.texts.iter_mut().filter(|known| known.authority == signed.authority);
        known.for_each(|known| known.clone_from(signed));
        Ok(())
    }

    /// Makes a version of what was signed last.
    fn install(&mut self) -> Result<Known> {
        // Versions that govern no interaction and cannot be rolled back to are dropped; the others stay.
        let kept = self.before.len().saturating_sub(2);
        self.before.drain(..kept);
        let newest = self.before.iter().map(|known| known.number).chain([self.stable.number]).collect::<Vec<_>>();
        let kept = |number: u32| number == FIRST.number || newest.contains(&number);
        self.installed.retain(|(number, _)| kept(*number) || self.rollout.discard(*number).is_err());
        let mut policy = Policy::new();
        for signed in &self.texts {
            policy.add(&signed.text, &self.names).context("a text that is no policy")?;
        }
        let number = self.rollout.install(&policy).context("installing a version")?;
        self.installed.push((number, self.texts.iter().map(|signed| signed.text.clone()).collect()));
        let said = self.texts.first().context("no texts")?.said;
        Ok(Known { number, said })
    }

    /// An update, from its arrival until it is published.
    pub fn apply(&mut self, change: Change, signed: Option<&Signed>) -> Result<()> {
        if let Some(signed) = signed {
            self.take(signed).context("taking an update")?;
        }
        match change {
            Change::Policy(On::Stable) | Change::Configuration(On::Stable) => {
                let known = self.install()?;
                self.before.push(std::mem::replace(&mut self.stable, known));
                self.rollout.publish(Track::STABLE, known.number).context("publishing")
            }
            Change::Policy(On::Canary) | Change::Configuration(On::Canary) => {
                let known = self.install()?;
                let canary = self.canary.as_mut().context("no canary")?;
                (canary.known, canary.withdrawn) = (known, false);
                self.rollout.publish(canary.track, known.number).context("publishing")
            }
            Change::RollBack(On::Stable) => {
                self.stable = self.before.pop().context("nothing before")?;
                self.rollout.roll_back(CHANGES, self.stable.number).context("rolling back")
            }
            Change::RollBack(On::Canary) => {
                let canary = self.canary.as_mut().context("no canary")?;
                canary.withdrawn = true;
                self.rollout.roll_back_canary().context("rolling back")
            }
            Change::CanaryStart => {
                let known = self.install()?;
                let track = self.rollout.start_canary(known.number, PERCENT).context("starting a canary")?;
                self.canary = Some(Canary { track, known, withdrawn: false });
                Ok(())
            }
            Change::CanaryPromote => {
                let canary = self.canary.take().context("no canary")?;
                self.before.push(std::mem::replace(&mut self.stable, canary.known));
                self.rollout.promote_canary().context("promoting a canary")
            }
            Change::CanaryEnd => {
                self.canary = None;
                self.rollout.end_canary().context("ending a canary")
            }
        }
    }

    /// The canary's track, while there is one.
    pub fn canary(&self) -> Option<Track> {
        self.canary.map(|canary| canary.track)
    }

    /// Whether this track has a version of its own now: it is the canary's, and was not rolled back.
    pub fn is_apart(&self, began_on: Track) -> bool {
        self.canary.is_some_and(|canary| canary.track == began_on && !canary.withdrawn)
    }

    /// The version that has to govern what began on this track.
    pub fn governs(&self, began_on: Track) -> Known {
        self.canary.filter(|_| self.is_apart(began_on)).map_or(self.stable, |canary| canary.known)
    }
}
