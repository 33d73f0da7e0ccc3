//! A question: may this be done, and which authority decides it?

use std::io::Write;

use anyhow::Result;
use interaction_gov::authority::Speaker;
use interaction_gov::policy::{Answer, Consents, Facts, Kind, On, Provenance};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Consent, Listed, Obligation, Posture, Region, Set, Vocabulary};
use serde_json::{Value, json};

use super::{Part, Policies, table, what_if, why_not};
use crate::names::{find, find_all, find_regions, name, names};

/// What is asked, and what is the case.
#[derive(clap::Args, Debug)]
pub struct Given {
    /// Asks whether this may be done, and says who decides it by which line.
    #[arg(long, value_name = "ACTION", group = "question")]
    may: Option<String>,
    /// Asks it of every kind of participant, by every function and on every stream.
    #[arg(long, value_name = "ACTION", group = "question")]
    table: Option<String>,
    /// What the actor is: human, device, service or agent; without it, human.
    #[arg(long, value_parser = kind, requires = "question")]
    pub kind: Option<Kind>,
    /// On which stream, or `none`; without it that is not said, and counts as whatever would forbid it.
    #[arg(long, value_name = "MODALITY", requires = "question")]
    pub on: Option<String>,
    /// By which auxiliary function; without it, by none.
    #[arg(long, value_name = "FUNCTION", requires = "question")]
    pub by: Option<String>,
    /// Where those are whose data it carries, the actor among them; without it, unknown.
    #[arg(long = "in", value_name = "REGION,...", value_delimiter = ',', requires = "question")]
    region: Vec<String>,
    /// What the actor is there as.
    #[arg(long = "as", value_name = "ROLE,...", value_delimiter = ',', requires = "question")]
    roles: Vec<String>,
    /// As what valid participants are there.
    #[arg(long, value_name = "ROLE,...", value_delimiter = ',', requires = "question")]
    present: Vec<String>,
    /// The time of the day: hhmm; without it, midnight.
    #[arg(long, value_name = "HHMM", value_parser = hour, requires = "question")]
    at: Option<Time>,
    /// What every person whose data it carries consents to; without it, what --consent says.
    #[arg(long, value_name = "CONSENT,...", value_delimiter = ',', requires = "question")]
    stream_consent: Option<Vec<String>>,
    /// What the actor consents to; without it, what --consent says.
    #[arg(long, value_name = "CONSENT,...", value_delimiter = ',', requires = "question")]
    own_consent: Option<Vec<String>>,
    /// What another person consents to; without it, what --consent says.
    #[arg(long, value_name = "CONSENT,...", value_delimiter = ',', requires = "question")]
    second_consent: Option<Vec<String>>,
    /// What every person who is there consents to; without it, to nothing.
    #[arg(long, value_name = "CONSENT,...", value_delimiter = ',', requires = "question")]
    consent: Vec<String>,
    /// How secure the actor is; without it, the lowest level.
    #[arg(long, value_name = "LEVEL", requires = "question")]
    posture: Option<String>,
    /// What is known about where the computation comes from: none, stated or verified; without it, none.
    #[arg(long, value_parser = provenance, requires = "question")]
    provenance: Option<Provenance>,
    /// The authority whose participant the actor is; without it, of none.
    #[arg(long, value_name = "AUTHORITY", requires = "question")]
    home: Option<String>,
    /// Where data go by it; without it, nowhere that they were not.
    #[arg(long, value_name = "REGION,...", value_delimiter = ',', requires = "question")]
    goes: Vec<String>,
    /// Says of each authority that does not permit it what is missing.
    #[arg(long, requires = "may")]
    why_not: bool,
    /// Asks it for every region and with every consent.
    #[arg(long, requires = "may", conflicts_with = "why_not")]
    what_if: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| format!("there are {}", Kind::ALL.map(Kind::name).join(", ")))
}

fn hour(text: &str) -> Result<Time, String> {
    let number = text.parse::<u64>().ok().filter(|_| text.len() == 4);
    let time = number.map(|number| (number / 100, number % 100)).filter(|(hour, minute)| *hour < 24 && *minute < 60);
    time.map(|(hour, minute)| Time((hour * 60 + minute) * 60_000))
        .ok_or_else(|| "four digits: hours and minutes".into())
}

fn provenance(text: &str) -> Result<Provenance, String> {
    let found = Provenance::ALL.into_iter().find(|level| level.name() == text);
    found.ok_or_else(|| format!("there are {}", Provenance::ALL.map(Provenance::name).join(", ")))
}

/// A question that is asked, in the form in which it is asked.
pub enum Asked<'a> {
    May(&'a Given, &'a str),
    Table(&'a Given, &'a str),
}

impl Given {
    /// The question, if there is one.
    pub fn asked(&self) -> Option<Asked<'_>> {
        match (&self.may, &self.table) {
            (Some(action), _) => Some(Asked::May(self, action)),
            (None, Some(action)) => Some(Asked::Table(self, action)),
            (None, None) => None,
        }
    }

    /// The facts, as far as they are given.
    pub fn question(&self, option: &str, action: &str, policies: &Policies<'_>) -> Result<Question> {
        let vocabulary = policies.vocabulary;
        let facts = Facts {
            action: find(vocabulary, option, action)?,
            kind: self.kind.unwrap_or(Kind::Human),
            home: self.home.as_ref().map(|name| find(vocabulary, "--home", name)).transpose()?,
            roles: find_all(vocabulary, "--as", &self.roles)?,
            on: match self.on.as_deref() {
                None => On::Unsaid,
                Some("none") => On::Nothing,
                Some(name) => On::Stream(find(vocabulary, "--on", name)?),
            },
            function: self.by.as_ref().map(|name| find(vocabulary, "--by", name)).transpose()?,
            law: match self.region.as_slice() {
                [] => Set::one(Region::UNKNOWN),
                names => find_regions(vocabulary, "--in", names)?,
            },
            goes: find_regions(vocabulary, "--goes", &self.goes)?,
            consents: {
                let all = find_all(vocabulary, "--consent", &self.consent)?;
                let one = |option: &str, names: &Option<Vec<String>>| match names {
                    Some(names) if names == &["none"] => Ok(Set::EMPTY),
                    Some(names) => find_all(vocabulary, option, names),
                    None => Ok(all),
                };
                Consents {
                    all,
                    stream: one("--stream-consent", &self.stream_consent)?,
                    own: one("--own-consent", &self.own_consent)?,
                    second: one("--second-consent", &self.second_consent)?,
                }
            },
            present: find_all(vocabulary, "--present", &self.present)?,
            time: self.at.unwrap_or_default(),
            posture: match &self.posture {
                Some(name) => find(vocabulary, "--posture", name)?,
                None => Posture(0),
            },
            provenance: self.provenance.unwrap_or_default(),
        };
        Ok(Question { facts })
    }
}

impl Asked<'_> {
    /// Answers.
    ///
    /// # Errors
    ///
    /// A name that the vocabulary does not have, or an output that cannot be written.
    pub fn answer(&self, policies: &Policies<'_>, json: bool, out: &mut impl Write) -> Result<()> {
        match self {
            Self::May(given, action) => {
                let question = given.question("--may", action, policies)?;
                if given.what_if {
                    return what_if::answer(&question, policies, json, out);
                }
                let judgement = question.judge(policies);
                let missing = if given.why_not { why_not::missing(&judgement, &question, policies) } else { vec![] };
                if json {
                    let mut object = judgement.object(&question, policies);
                    if given.why_not {
                        object["why_not"] = why_not::object(&missing);
                    }
                    writeln!(out, "{object}")?;
                    return Ok(());
                }
                judgement.explain(&question, policies, out)?;
                why_not::explain(&missing, out)
            }
            Self::Table(given, action) => {
                let question = given.question("--table", action, policies)?;
                let table = table::Table::of(given, &question, policies);
                if json { table.objects(out) } else { table.print(out) }
            }
        }
    }
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question {
    pub facts: Facts,
}

/// The answer of an authority, or of all of them together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Permit,
    Deny,
    NoRule,
    NotAsked,
    Residency,
}

impl Said {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::NoRule => "no-rule",
            Self::NotAsked => "not-asked",
            Self::Residency => "residency",
        }
    }

    const fn of(answer: Answer, may_go: bool) -> Self {
        match answer {
            Answer::Permit if may_go => Self::Permit,
            Answer::Permit => Self::Residency,
            Answer::Residency => Self::Residency,
            Answer::Deny => Self::Deny,
            Answer::NoRule => Self::NoRule,
            // Here every authority can be asked.
            Answer::NobodyAsked | Answer::Unreachable => Self::NotAsked,
        }
    }
}

/// The answer of one authority.
pub struct Voice<'p> {
    pub part: &'p Part<'p>,
    pub said: Said,
    /// The line that decides, or because of which it is not asked.
    pub line: Option<u16>,
    obligations: Set<Obligation>,
    regions: Set<Region>,
}

/// What they all say.
pub struct Judgement<'p> {
    pub voices: Vec<Voice<'p>>,
    pub together: Said,
    /// The authority that denies.
    pub against: Option<Authority>,
    obligations: Set<Obligation>,
    regions: Set<Region>,
}

impl Question {
    /// Asks every authority by itself, and all of them.
    pub fn judge<'p>(&self, policies: &'p Policies<'p>) -> Judgement<'p> {
        let Self { facts } = self;
        let there = |goes: Set<Region>| Facts { goes, ..*facts };
        let itself = |authority| Speaker { authority: Some(authority), until: Time::NEVER };
        let voices = policies.parts.iter().map(|part| {
            let ruling = part.alone.decide(facts, itself);
            let said = Said::of(ruling.answer, part.alone.residency(facts).is_ok());
            let line = match said {
                Said::NotAsked => part.scope(),
                Said::Residency => ruling.line.or_else(|| part.alone.residency(facts).err().map(|(_, line)| line)),
                _ => ruling.line,
            };
            let regions = self.regions(policies, |region| part.alone.residency(&there(region)).is_ok());
            Voice { part, said, line, obligations: ruling.obligations, regions }
        });
        let ruling = policies.together.decide(facts, itself);
        let kept = policies.together.residency(facts);
        let together = Said::of(ruling.answer, kept.is_ok());
        let against = match together {
            Said::Residency => ruling.authority.or(kept.err().map(|(authority, _)| authority)),
            Said::Permit => None,
            _ => ruling.authority,
        };
        let regions = self.regions(policies, |region| policies.together.residency(&there(region)).is_ok());
        Judgement { voices: voices.collect(), together, against, obligations: ruling.obligations, regions }
    }

    fn regions(&self, policies: &Policies<'_>, allowed: impl Fn(Set<Region>) -> bool) -> Set<Region> {
        policies.vocabulary.all().map(|(region, _)| region).filter(|region| allowed(Set::one(*region))).collect()
    }

    /// The given facts, in words, except those that vary in a table.
    pub fn circumstances(&self, policies: &Policies<'_>) -> String {
        let Self { facts } = self;
        let vocabulary = policies.vocabulary;
        let consents = names(vocabulary, facts.consents.all);
        let mut words = vec![
            facts
                .home
                .map_or("nobody's participant".into(), |home| format!("{}'s participant", name(vocabulary, home))),
            match facts.law.contains(Region::UNKNOWN) {
                true => "region unknown".into(),
                false => format!("in {}", names(vocabulary, facts.law).join(", ")),
            },
            if consents.is_empty() { "no consents".into() } else { format!("consents to {}", consents.join(", ")) },
            format!("posture {}", name(vocabulary, facts.posture)),
            format!("provenance {}", facts.provenance.name()),
        ];
        if !facts.goes.is_empty() {
            words.push(format!("data go to {}", names(vocabulary, facts.goes).join(", ")));
        }
        words.join("; ")
    }

    /// The same as an object, with what varies in a table.
    pub fn object(&self, policies: &Policies<'_>) -> Value {
        let Self { facts } = self;
        let vocabulary = policies.vocabulary;
        json!({
            "action": vocabulary.name(facts.action),
            "kind": facts.kind.name(),
            "home": facts.home.map(|home| vocabulary.name(home)),
            "on": facts.on.stream().map(|modality| vocabulary.name(modality)),
            "by": facts.function.map(|function| vocabulary.name(function)),
            "in": if facts.law.contains(Region::UNKNOWN) { Vec::new() } else { names(vocabulary, facts.law) },
            "as": names(vocabulary, facts.roles),
            "consents": names(vocabulary, facts.consents.all),
            "posture": name(vocabulary, facts.posture),
            "provenance": facts.provenance.name(),
            "goes": names(vocabulary, facts.goes),
        })
    }
}

impl Question {
    /// The question in the words of `inspect policy test`, as short as possible.
    pub fn words(&self, vocabulary: &Vocabulary<'_>) -> String {
        let Facts { action, kind, roles, home, on, function, law, goes, consents, present, posture, provenance, time } =
            self.facts;
        fn list<T: Listed>(word: &str, set: Set<T>, vocabulary: &Vocabulary<'_>) -> Option<String> {
            (!set.is_empty()).then(|| format!("{word} {}", names(vocabulary, set).join(",")))
        }
        let other = |word: &str, set: Set<Consent>| match set {
            set if set == consents.all => None,
            set if set.is_empty() => Some(format!("{word} none")),
            set => list(word, set, vocabulary),
        };
        let minutes = time.0 / 60_000 % 1_440;
        let words = [
            Some(name(vocabulary, action)),
            match on {
                On::Unsaid => None,
                On::Nothing => Some("on none".into()),
                On::Stream(modality) => Some(format!("on {}", name(vocabulary, modality))),
            },
            function.map(|function| format!("by {}", name(vocabulary, function))),
            (kind != Kind::Human).then(|| format!("kind {}", kind.name())),
            home.map(|home| format!("home {}", name(vocabulary, home))),
            list("as", roles, vocabulary),
            list("present", present, vocabulary),
            (law != Set::one(Region::UNKNOWN)).then(|| list("in", law, vocabulary)).flatten(),
            list("goes", goes, vocabulary),
            list("consent", consents.all, vocabulary),
            other("stream-consent", consents.stream),
            other("own-consent", consents.own),
            other("second-consent", consents.second),
            (posture.0 > 0).then(|| format!("posture {}", name(vocabulary, posture))),
            (provenance != Provenance::None).then(|| format!("provenance {}", provenance.name())),
            (minutes > 0).then(|| format!("at {:02}{:02}", minutes / 60, minutes % 60)),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Voice<'_> {
    /// `permits`, and so on.
    fn verb(&self, policies: &Policies<'_>) -> String {
        match self.said {
            Said::Permit => "permits".into(),
            Said::Deny => "denies".into(),
            Said::NoRule => "has no rule that permits it".into(),
            Said::NotAsked => "is not asked about it".into(),
            Said::Residency => format!("keeps it within {}", list(&names(policies.vocabulary, self.regions))),
        }
    }
}

impl Judgement<'_> {
    pub const fn obligations(&self) -> Set<Obligation> {
        self.obligations
    }

    /// For a permit, the lines by which all authorities permit it; for a denial, the line that denies it.
    pub fn reasons(&self, policies: &Policies<'_>) -> Vec<String> {
        if self.together == Said::NotAsked {
            return vec!["no authority is asked about it".into()];
        }
        let against = self.against.map(|authority| policies.vocabulary.name(authority));
        let counts = |voice: &&Voice<'_>| {
            voice.said != Said::NotAsked && against.is_none_or(|against| against == voice.part.name)
        };
        let reason = |voice: &Voice<'_>| match voice.line {
            Some(line) => format!("{}: {}", voice.part.place(line), voice.part.quote(line)),
            None => format!("{} has no rule that permits it", voice.part.name),
        };
        self.voices.iter().filter(counts).map(reason).collect()
    }

    fn explain(&self, question: &Question, policies: &Policies<'_>, out: &mut impl Write) -> Result<()> {
        let Facts { action, kind, on, function, .. } = question.facts;
        let (vocabulary, modality) = (policies.vocabulary, on.stream());
        let on = modality.map(|modality| format!(" on {}", vocabulary.name(modality))).unwrap_or_default();
        let by = function.map(|function| format!(" by {}", vocabulary.name(function))).unwrap_or_default();
        let action = vocabulary.name(action);
        writeln!(out, "may {kind} {action}{on}{by}?", kind = table::article(kind.name()))?;
        writeln!(out, "  {}\n", question.circumstances(policies))?;
        let verbs: Vec<_> = self.voices.iter().map(|voice| voice.verb(policies)).collect();
        let width = |words: &mut dyn Iterator<Item = usize>| words.max().unwrap_or_default();
        let (names_width, verbs_width) = (
            width(&mut self.voices.iter().map(|voice| voice.part.name.len())),
            width(&mut verbs.iter().map(String::len)),
        );
        for (voice, verb) in self.voices.iter().zip(verbs) {
            let name = voice.part.name;
            let why = voice.line.map(|line| format!("{}: {}", voice.part.place(line), voice.part.quote(line)));
            let line = format!("  {name:<names_width$}  {verb:<verbs_width$}  {}", why.unwrap_or_default());
            writeln!(out, "{}", line.trim_end())?;
        }
        let by = self.against.map(|authority| format!(" by {}", vocabulary.name(authority))).unwrap_or_default();
        match self.together {
            Said::Permit => {
                writeln!(out, "\nPERMITTED")?;
                writeln!(out, "  obliges to     {}", list(&names_of(policies, self.obligations)))?;
                writeln!(out, "  data may be in {}", list(&names_of(policies, self.regions)))?;
            }
            Said::Residency => writeln!(out, "\nDENIED{by}: data may not go there")?,
            Said::Deny => writeln!(out, "\nDENIED{by}")?,
            Said::NoRule => writeln!(out, "\nDENIED{by}: what no rule permits is denied")?,
            Said::NotAsked => writeln!(out, "\nDENIED: no authority is asked about it")?,
        }
        Ok(())
    }

    fn object(&self, question: &Question, policies: &Policies<'_>) -> Value {
        let vocabulary = policies.vocabulary;
        let permitted = |said: Said, value: Value| if said == Said::Permit { value } else { Value::Null };
        let voices: Vec<_> = self
            .voices
            .iter()
            .map(|voice| {
                json!({
                    "authority": voice.part.name,
                    "said": voice.said.word(),
                    "file": crate::texts::shown(voice.part.path),
                    "line": voice.line,
                    "text": voice.line.map(|line| voice.part.quote(line)),
                    "obliges_to": permitted(voice.said, json!(names(vocabulary, voice.obligations))),
                    "regions": names(vocabulary, voice.regions),
                })
            })
            .collect();
        json!({
            "ok": true,
            "question": question.object(policies),
            "authorities": voices,
            "permitted": self.together == Said::Permit,
            "said": self.together.word(),
            "by": self.against.map(|authority| vocabulary.name(authority)),
            "obliges_to": permitted(self.together, json!(names(vocabulary, self.obligations))),
            "regions": permitted(self.together, json!(names(vocabulary, self.regions))),
        })
    }
}

fn names_of<T: Listed>(policies: &Policies<'_>, set: Set<T>) -> Vec<String> {
    names(policies.vocabulary, set)
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}
