//! The rules and requests that all engines get, independent of any engine's language.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What can be done.
pub const ACTIONS: [&str; 16] = [
    "join",
    "speak",
    "present",
    "record",
    "transcribe",
    "translate",
    "moderate",
    "analyse",
    "assist",
    "caption",
    "export",
    "share",
    "invite",
    "admit",
    "annotate",
    "archive",
];
/// What participants are.
pub const KINDS: [&str; 4] = ["human", "device", "service", "agent"];
/// Streams.
pub const MODALITIES: [&str; 8] = ["audio", "video", "screen", "chat", "files", "whiteboard", "telemetry", "commands"];
/// Places in law.
pub const REGIONS: [&str; 16] =
    ["at", "be", "br", "ca", "ch", "de", "es", "fr", "gb", "ie", "it", "jp", "nl", "se", "sg", "us"];
/// Levels of posture, the lowest first.
pub const POSTURES: [&str; 3] = ["unmanaged", "managed", "hardened"];
/// What people consent to.
pub const CONSENTS: [&str; 4] = ["recording", "analysis", "transfer", "training"];

/// A rule. A deny wins over every permit, and what no rule permits is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether it permits.
    pub permits: bool,
    /// One of these is done. Numbers stand for the names above.
    pub actions: Vec<usize>,
    /// By this kind of participant, if it matters.
    pub kind: Option<usize>,
    /// On one of these streams.
    pub modalities: Vec<usize>,
    /// By a participant in one of these places.
    pub regions: Vec<usize>,
    /// Whose posture is at least this.
    pub posture: usize,
    /// And all participants consent to this, if it is required.
    pub consent: Option<usize>,
}

/// A participant, and what it requests to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub action: usize,
    /// What the participant is.
    pub kind: usize,
    /// On which stream.
    pub modality: usize,
    /// Where the participant is.
    pub region: usize,
    /// The participant's posture.
    pub posture: usize,
    /// What all participants consent to, a bit each.
    pub consents: u8,
}

/// What the rules decide, and the place of the first rule that decides so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A rule permits it, and none denies it.
    Permit(usize),
    /// A rule denies it.
    Deny(usize),
    /// No rule holds.
    Default,
}

impl Request {
    /// Whether all participants consent to this.
    #[must_use]
    pub fn consents_to(&self, consent: usize) -> bool {
        self.consents & (1 << consent) != 0
    }
}

impl Rule {
    fn holds(&self, request: &Request) -> bool {
        self.actions.contains(&request.action)
            && self.kind.is_none_or(|kind| kind == request.kind)
            && self.modalities.contains(&request.modality)
            && self.regions.contains(&request.region)
            && request.posture >= self.posture
            && self.consent.is_none_or(|consent| request.consents_to(consent))
    }

    /// Whether the other rule can never decide anything beside this one.
    fn covers(&self, other: &Self) -> bool {
        let wider = |wide: &[usize], narrow: &[usize]| narrow.iter().all(|one| wide.contains(one));
        wider(&self.actions, &other.actions)
            && (self.kind.is_none() || self.kind == other.kind)
            && wider(&self.modalities, &other.modalities)
            && wider(&self.regions, &other.regions)
            && self.posture <= other.posture
            && (self.consent.is_none() || self.consent == other.consent)
    }
}

/// What the rules decide about a request, by evaluating them one by one.
#[must_use]
pub fn outcome(rules: &[Rule], request: &Request) -> Outcome {
    let first = |permits| rules.iter().position(|rule| rule.permits == permits && rule.holds(request));
    match (first(false), first(true)) {
        (Some(place), _) => Outcome::Deny(place),
        (None, Some(place)) => Outcome::Permit(place),
        (None, None) => Outcome::Default,
    }
}

/// Numbers from a seed, the same in every run.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// With this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u32()).expect("32 bits") % limit
    }

    /// Up to `most` of the numbers below `limit`, at least one.
    fn some(&mut self, most: usize, limit: usize) -> Vec<usize> {
        let mut some: Vec<_> = (0..=self.below(most)).map(|_| self.below(limit)).collect();
        some.sort_unstable();
        some.dedup();
        some
    }

    fn rule(&mut self, permits: bool) -> Rule {
        Rule {
            permits,
            actions: self.some(2, ACTIONS.len()),
            kind: Some(self.below(KINDS.len())).filter(|_| self.below(2) == 0),
            modalities: self.some(2, MODALITIES.len()),
            regions: self.some(3, REGIONS.len()),
            posture: self.below(POSTURES.len()),
            consent: Some(self.below(CONSENTS.len())).filter(|_| self.below(3) == 0),
        }
    }

    /// Any request.
    pub fn request(&mut self) -> Request {
        Request {
            action: self.below(ACTIONS.len()),
            kind: self.below(KINDS.len()),
            modality: self.below(MODALITIES.len()),
            region: self.below(REGIONS.len()),
            posture: self.below(POSTURES.len()),
            consents: u8::try_from(self.below(1 << CONSENTS.len())).expect("4 bits"),
        }
    }

    /// A request for which a rule holds.
    fn meets(&mut self, rule: &Rule) -> Request {
        let any = self.request();
        Request {
            action: rule.actions[self.below(rule.actions.len())],
            kind: rule.kind.unwrap_or(any.kind),
            modality: rule.modalities[self.below(rule.modalities.len())],
            region: rule.regions[self.below(rule.regions.len())],
            posture: any.posture.max(rule.posture),
            consents: any.consents | rule.consent.map_or(0, |consent| 1 << consent),
        }
    }
}

/// So many rules, each fifth of them a deny. Our compiler refuses rules that can never decide, so none are generated.
#[must_use]
pub fn rules(count: usize) -> Vec<Rule> {
    let mut dice = Dice::new(1);
    let mut rules: Vec<Rule> = Vec::new();
    while rules.len() < count {
        let rule = dice.rule(rules.len() % 5 != 4);
        let idle = |before: &Rule, after: &Rule| (!before.permits || after.permits) && before.covers(after);
        if !rules.iter().any(|other| idle(other, &rule) || (!rule.permits && idle(&rule, other))) {
            rules.push(rule);
        }
    }
    rules
}

/// The requests that are measured: those that the first and the last rules decide that can, of permits and of denies,
/// and as many again that no rule decides.
#[must_use]
pub fn requests(rules: &[Rule]) -> Vec<Request> {
    /// Of each kind.
    const EACH: usize = 2;
    let mut dice = Dice::new(2);
    let mut requests = Vec::new();
    let decided_by = |place: usize, dice: &mut Dice| {
        let request = dice.meets(&rules[place]);
        let by = match outcome(rules, &request) {
            Outcome::Permit(by) | Outcome::Deny(by) => by,
            Outcome::Default => return None,
        };
        (by == place).then_some(request)
    };
    for permits in [true, false] {
        let places = || (0..rules.len()).filter(|place| rules[*place].permits == permits);
        requests.extend(places().filter_map(|place| decided_by(place, &mut dice)).take(EACH));
        requests.extend(places().rev().filter_map(|place| decided_by(place, &mut dice)).take(EACH));
    }
    while requests.len() < 6 * EACH {
        let request = dice.request();
        if outcome(rules, &request) == Outcome::Default {
            requests.push(request);
        }
    }
    requests
}
