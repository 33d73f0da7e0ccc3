//! Policy: the rules of authorities, read from text and compiled into a form that decides quickly (`IoE R2`, `R5`,
//! `R7`).
//!
//! Each authority has its rules. **Within an authority** a deny wins over every permit, then the first permit decides,
//! and what no rule permits is denied. **Between authorities** every one that is asked must permit: composition is
//! intersection. The scope of an authority says what it is asked about. Where no authority is asked, nothing is
//! permitted.
//!
//! The rules of all authorities are compiled into one index: for each fact a row of bits, a bit for each rule that the
//! fact does not exclude. A decision is the intersection of the rows of its facts. Denies stand in front of permits, so the first bit
//! that is left decides.
//!
//! # The text form
//!
//! People write and review it; PROFILE 10.13 has the grammar, docs/policies.md an introduction.
//!
//! ```text
//! authority corporate
//! version   7
//! over      record, transcribe in eu                    # its scope; without this line: everything
//! permit    join, speak for human, agent with posture managed
//! permit    record by recording with consent recording oblige notify, watermark named recording
//! deny      any on video below posture hardened
//! deny      transcribe without stream-consent recording
//! permit    unlock as operator with second-consent unlock from 0600 to 2200
//! keep      audio, video within eu without stream-consent export
//! set       lease 10000                                 # what is configured, see Settings
//! ```
//!
//! There is one statement in a line; names come from the vocabulary; `#` begins a comment. The clauses of a rule or a
//! scope:
//!
//! | clause | holds if |
//! |---|---|
//! | `for` human, device, service, agent | the actor is one of these |
//! | `as` roles | the actor is there as one of these |
//! | `on` modalities | the action is about one of these streams; for a deny, a keep and a scope also if the stream is not said |
//! | `by` functions | one of these functions does it |
//! | `in` regions | for a permit: all participants whose data it carries are in these regions; for a deny, a keep and a scope: one of them is, or may be; for a scope also: data go there |
//! | `with consent` names | every person who is there consents to all of these; `with stream-consent`: every person whose data it carries; `with own-consent`: the actor; `with second-consent`: a person other than the actor |
//! | `without consent` name | the contrary; likewise for the other three words |
//! | `with present`, `without present` role | a valid participant is there in this role, or none is |
//! | `from` hhmm `to` hhmm | the time of the day, by the caller's clock |
//! | `with posture`, `below posture` level | the actor's posture is at least, or less than this |
//! | `with provenance`, `below provenance` level | the same for the computation: none, stated, verified |
//! | `oblige` names | (permits only) what goes with the permit and has to be done |
//! | `named` word | (rules only) what the rule is called in records, however its line moves |
//! | `own` | (scopes only) the actor is a participant of this authority, or it is not known whose |

mod add;
mod check;
mod compiled;
mod facts;
mod index;
mod read;
mod rule;
mod ruling;
mod scope;
mod settings;

use core::ops::Range;

pub use add::PolicyError;
pub use compiled::CompiledError;
pub use facts::{Consents, Facts, Kind, On, Provenance};
pub use rule::{Conditions, Effect, Rule, Sense, Test, Whose};
pub use ruling::{Answer, Ruling, Speaker, Voices};
pub use scope::Scope;
pub use settings::Settings;

use crate::list::{Blank, List};
use crate::time::Time;
use crate::vocabulary::{Action, Authority, Name as _, Obligation, Region, Set};
use index::{Index, Rows};
pub(crate) use index::{PLACES, TESTS};
use settings::{Said, Shortest, Together};

/// How many authorities a policy can have.
pub const AUTHORITIES: usize = 8;

/// A policy: the rules of all its authorities, for up to 64 × `W` rules. Each authority's rules begin a word of their own.
///
/// A device whose policy is a constant can leave out places that it does not use: it has room for `A` authorities, and for `T`
/// different tests of consent, presence and hours in all rules, which distinguish `K` kinds of regions: 1 if none names a region.
///
/// ```
/// use interaction_gov::policy::{Policy, PolicyError};
/// use interaction_gov::vocabulary::Vocabulary;
/// use interaction_gov::{TextError, Trouble};
///
/// let names = Vocabulary::read("actions join, record\nauthorities clinic")?;
/// let mut policy = Policy::<2>::new();
/// let typo = policy.add("authority clinic\nversion 1\npermit recrod\n", &names);
/// let place = TextError { line: 3, column: 8, trouble: Trouble::UnknownName("actions") };
/// assert_eq!(typo, Err(PolicyError::Text(place)));
/// policy.add("authority clinic\nversion 1\npermit record\n", &names)?;
/// assert_eq!(policy.members().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Policy<const W: usize, const A: usize = AUTHORITIES, const T: usize = TESTS, const K: usize = PLACES> {
    members: List<Member, A>,
    /// How many words are taken.
    words: usize,
    index: Index<W, T, K>,
    /// The digest of the vocabulary in which it is written; zeros if it has no texts.
    vocabulary: [u8; 32],
    /// The actions that carry the data of the actor alone; those that are always permitted.
    own: Set<Action>,
    always: Set<Action>,
    /// The regions of the vocabulary: data can go nowhere else.
    regions: Set<Region>,
    /// The digest of its texts; without texts it is [`EMPTY`].
    digest: [u8; 32],
}

/// An authority's part of a policy.
///
/// ```
/// use interaction_gov::policy::{Policy, Scope};
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions join\nregions de\nauthorities host, state")?;
/// let mut policy = Policy::<2>::new();
/// policy.add("authority host\nversion 3\npermit join\n", &names)?;
/// policy.add("authority state\nversion 7\nover any in de\npermit join\n", &names)?;
/// let (host, state) = (&policy.members()[0], &policy.members()[1]);
/// assert_eq!((host.version, &host.scope), (3, &Scope::ALL));
/// assert_eq!((state.version, policy.rules_of(state).count()), (7, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The authority.
    pub authority: Authority,
    /// The version of its text.
    pub version: u32,
    /// SHA-256 of its text.
    pub digest: [u8; 32],
    /// SHA-256 of the vocabulary in which it is written.
    pub vocabulary: [u8; 32],
    /// What it is asked about.
    pub scope: Scope,
    said: Said,
    /// The words in which its rules are: the first, and the end.
    words: (u16, u16),
    /// How many rules there are in these words.
    rules: u16,
    /// Whether it is asked about everything; whether any of its permits obliges to something.
    everything: bool,
    obliges: bool,
}

impl Blank for Member {
    const BLANK: Self = Self {
        authority: Authority(0),
        version: 0,
        digest: [0; 32],
        vocabulary: [0; 32],
        scope: Scope { conditions: Conditions::NEVER, own: false },
        said: Said([0; 4]),
        words: (0, 0),
        rules: 0,
        everything: false,
        obliges: false,
    };
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Clone for Policy<W, A, T, K> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_room();
        copy.clone_from(self);
        copy
    }

    /// Copies field by field, in place: a policy is too large to be built on the stack first.
    fn clone_from(&mut self, other: &Self) {
        let Self { members, words, index, vocabulary, own, always, regions, digest } = other;
        self.members.truncate(0);
        for member in members {
            let _ = self.members.push(member.clone());
        }
        self.index.copy_from(index);
        (self.words, self.vocabulary, self.own, self.always) = (*words, *vocabulary, *own, *always);
        (self.regions, self.digest) = (*regions, *digest);
    }
}

impl<const W: usize> Default for Policy<W> {
    fn default() -> Self {
        Self::new()
    }
}

/// SHA-256("IoE/1 policy" | 0): the digest of a policy without texts.
const EMPTY: [u8; 32] = [
    0x9d, 0x9a, 0x78, 0xa9, 0x2c, 0x0f, 0xe7, 0x51, 0x77, 0x91, 0x7d, 0xc1, 0xef, 0x86, 0x57, 0x9f, 0x69, 0x36, 0xa0,
    0x02, 0xac, 0x55, 0xe7, 0xd8, 0x35, 0x42, 0x8b, 0x26, 0x12, 0xe0, 0x6f, 0xdd,
];

impl<const W: usize> Policy<W> {
    /// A policy without authorities: it permits nothing. All its bytes are zero, so that a static one takes no flash.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_room()
    }
}

impl<const W: usize, const A: usize, const T: usize, const K: usize> Policy<W, A, T, K> {
    /// The same with room for `A` authorities, `T` tests and `K` kinds of regions.
    #[must_use]
    pub const fn with_room() -> Self {
        Self {
            members: List::new(),
            words: 0,
            index: Index::new(),
            vocabulary: [0; 32],
            own: Set::EMPTY,
            always: Set::EMPTY,
            regions: Set::EMPTY,
            digest: [0; 32],
        }
    }

    /// Removes all authorities, in place.
    pub fn clear(&mut self) {
        self.members.truncate(0);
        self.words = 0;
        self.index.forget(0, 0, ([0; 128], 0));
        self.vocabulary = [0; 32];
        (self.own, self.always, self.regions, self.digest) = (Set::EMPTY, Set::EMPTY, Set::EMPTY, [0; 32]);
    }

    /// The digest of the vocabulary that all its texts are written in. `None`, if there are none.
    #[must_use]
    pub fn vocabulary(&self) -> Option<&[u8; 32]> {
        if self.members.is_empty() { None } else { Some(&self.vocabulary) }
    }

    /// The actions that carry the data of the actor alone.
    #[must_use]
    pub const fn own(&self) -> Set<Action> {
        self.own
    }

    /// The actions that are always permitted.
    #[must_use]
    pub const fn always(&self) -> Set<Action> {
        self.always
    }

    /// The settings for these facts, from the authorities that are asked about them.
    #[must_use]
    pub fn settings(&self, facts: &Facts) -> Settings {
        let mut together = Together::default();
        for member in self.members.iter().filter(|member| member.asks(facts)) {
            together.and(member.said, member.everything);
        }
        together.settings()
    }

    /// The settings of the authorities that are asked about everything: how often heads are signed.
    #[must_use]
    pub fn common_settings(&self) -> Settings {
        let mut together = Together::default();
        for member in self.members.iter().filter(|member| member.everything) {
            together.and(member.said, true);
        }
        together.settings()
    }

    /// What identifies this policy: a hash over the vocabulary, and the authorities' versions and texts, in their order.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        if self.members.is_empty() { &EMPTY } else { &self.digest }
    }

    /// Its authorities.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// An authority's rules in the order in which they decide.
    pub fn rules_of(&self, member: &Member) -> impl Iterator<Item = Rule> + '_ {
        let first = usize::from(member.words.0) * 64;
        (first..first + usize::from(member.rules)).filter_map(|at| self.index.rule(at))
    }

    /// Decides about these facts. Every authority in whose scope they lie is asked, or the one that speaks for it. An
    /// authority's own keeps hold in any case, even if another one speaks for it.
    // keeps: IOE-093 (§4.7 R7), IOE-094 (§4.7 R7), IOE-097 (§4.7 R7)
    #[must_use]
    pub fn decide(&self, facts: &Facts, speaker: impl Fn(Authority) -> Speaker) -> Ruling {
        let rows = self.index.rows(facts);
        let mut ruling = Ruling::NOTHING;
        let mut lease = Shortest::default();
        for member in &self.members {
            let scope_until =
                if member.everything { Time::NEVER } else { member.scope.holds_until(facts, member.authority) };
            ruling.until = ruling.until.min(scope_until);
            if !member.asks(facts) {
                continue;
            }
            let speaker = speaker(member.authority);
            let speaks = |one: &&Member| Some(one.authority) == speaker.authority;
            let speaking = Some(member).filter(speaks).or_else(|| self.members.iter().find(speaks));
            let (answer, at) = match speaking {
                None => (Answer::Unreachable, None),
                Some(speaking) => self.ask(&rows, member, speaking),
            };
            let says = at.and_then(|at| self.index.says(at));
            let by = speaking.map(|speaking| speaking.authority);
            ruling.voices.hear(member.authority, by, says.map_or(0, |says| says.line));
            let permits = answer == Answer::Permit;
            if !permits || ruling.answer == Answer::NobodyAsked {
                (ruling.answer, ruling.authority) = (answer, Some(member.authority));
                (ruling.line, ruling.rule) = (says.map(|says| says.line), says.map(|says| says.id));
                ruling.speaker = by;
            }
            let mut until = speaker.until;
            if self.index.has_hours() {
                let words = [Some(member), speaking].into_iter().flatten().map(Member::words);
                until = words.map(|words| self.index.changes(facts.time, words)).fold(until, Time::min);
            }
            if !permits {
                // One denial is enough, whatever the others say.
                (ruling.obligations, ruling.until) = (Set::EMPTY, until.min(scope_until));
                return ruling;
            }
            ruling.until = ruling.until.min(until);
            if let Some(speaking) = speaking.filter(|speaking| speaking.obliges) {
                ruling.obligations = ruling.obligations.or(self.obligations(&rows, speaking));
            }
            lease.and(member.said.lease(), member.everything);
        }
        if ruling.answer == Answer::Permit && !self.regions.with(Region::UNKNOWN).covers(facts.goes) {
            // Data do not go to regions that the vocabulary does not have.
            ruling.answer = Answer::Residency;
            (ruling.line, ruling.rule, ruling.obligations) = (None, None, Set::EMPTY);
        }
        ruling.lease_ms = lease.or(Settings::default().lease_ms);
        ruling
    }

    /// The answer for one authority, by its own rules or by those of its speaker, and the rule that gives it.
    fn ask(&self, rows: &Rows<'_, W, T, K>, member: &Member, speaking: &Member) -> (Answer, Option<usize>) {
        if member.authority != speaking.authority
            && let Some(at) = member.words().find_map(|word| index::bit(word, rows.keeps(word)))
        {
            return (Answer::Residency, Some(at));
        }
        match rows.first(speaking.words()) {
            None => (Answer::NoRule, None),
            Some(at) => match self.index.effect(at) {
                Effect::Permit => (Answer::Permit, Some(at)),
                Effect::Deny => (Answer::Deny, Some(at)),
                Effect::Keep => (Answer::Residency, Some(at)),
            },
        }
    }

    /// The obligations of all permits that hold.
    fn obligations(&self, rows: &Rows<'_, W, T, K>, speaking: &Member) -> Set<Obligation> {
        let mut obligations = Set::EMPTY;
        for word in speaking.words() {
            let mut left = rows.obliging(word);
            while left != 0 {
                let bit = usize::try_from(left.trailing_zeros()).unwrap_or(64);
                let says = self.index.says(word * 64 + bit);
                obligations = says.map_or(obligations, |says| obligations.or(says.obligations()));
                left &= left - 1;
            }
        }
        obligations
    }

    /// The number of words that its rules take.
    pub(crate) const fn words(&self) -> usize {
        self.words
    }

    /// Which authorities are asked about these facts.
    #[must_use]
    pub fn asked(&self, facts: &Facts) -> Set<Authority> {
        self.members.iter().filter(|member| member.asks(facts)).map(|member| member.authority).collect()
    }

    /// Whether data may go where these facts say, by every authority that is asked.
    ///
    /// # Errors
    /// The authority that does not let them, and the line of its rule.
    pub fn residency(&self, facts: &Facts) -> Result<(), (Authority, u16)> {
        let rows = self.index.rows(facts);
        for member in self.members.iter().filter(|member| member.asks(facts)) {
            if let Some(at) = member.words().find_map(|word| index::bit(word, rows.keeps(word))) {
                return Err((member.authority, self.index.says(at).map_or(0, |says| says.line)));
            }
        }
        Ok(())
    }
}

impl Member {
    fn words(&self) -> Range<usize> {
        usize::from(self.words.0)..usize::from(self.words.1)
    }

    fn asks(&self, facts: &Facts) -> bool {
        // A posture that no vocabulary has is in no scope.
        (self.everything && facts.posture.has_room()) || self.scope.holds(facts, self.authority)
    }
}
