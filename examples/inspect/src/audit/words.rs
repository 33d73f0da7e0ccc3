//! A record in words: short for the timeline, with every field as an object, in full sentences when it is explained.

use std::collections::HashMap;

use interaction_gov::audit::{Change, Record, RecordKind, Verdict};
use interaction_gov::lifecycle::Event;
use interaction_gov::policy;
use interaction_gov::vocabulary::{
    Action, Authority, Consent, Function, Listed, Modality, Name, Obligation, Posture, Region, Set, Vocabulary,
};
use serde_json::{Value, json};

use crate::names::{name, names};

/// The names of numbers, and the participants that have joined so far.
pub struct Words<'v> {
    vocabulary: &'v Vocabulary<'v>,
    /// By seat: the participant's name, and the record in which it joined.
    seats: HashMap<u16, ([u8; 16], u64)>,
}

/// A field that does not apply is all ones.
const NOTHING: [u8; 16] = [0xFF; 16];

/// Whether the record is of a decision on a request; every other record is of an event.
const fn is_decision(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Joined
            | RecordKind::Invoked
            | RecordKind::Decided
            | RecordKind::Placed
            | RecordKind::Routed
            | RecordKind::HandedOver
            | RecordKind::Flow
    )
}

/// Whether the record names the participant that joins or leaves by it.
const fn names_a_participant(kind: RecordKind) -> bool {
    matches!(kind, RecordKind::Joined | RecordKind::Left | RecordKind::Banned)
}

impl<'v> Words<'v> {
    pub fn of(vocabulary: &'v Vocabulary<'v>) -> Self {
        Self { vocabulary, seats: HashMap::new() }
    }

    /// Remembers the participant of each seat.
    pub fn hear(&mut self, number: u64, record: &Record) {
        match (record.kind, record.seat) {
            // A participant that is denied has no seat.
            (RecordKind::Joined, Some(seat)) => {
                self.seats.insert(seat, (record.subject, number));
            }
            (RecordKind::Left | RecordKind::Banned, Some(seat)) if record.verdict == Verdict::Fact => {
                self.seats.remove(&seat);
            }
            _ => {}
        }
    }

    /// The rest of a line of the timeline.
    pub fn line(&self, record: &Record) -> String {
        if let Some(change) = self.change(record) {
            return format!("{change}; change {} of the control plane", record.plane);
        }
        let decision = is_decision(record.kind);
        let mut words = Vec::new();
        words.extend(record.seat.map(|seat| format!("seat {seat}")));
        words.extend(record.participant.map(participant));
        words.extend(self.done(record));
        match record.verdict {
            Verdict::Fact => {}
            Verdict::Permit => words.push("PERMITTED".into()),
            verdict if verdict.permits() => words.push(format!("PERMITTED: {verdict}")),
            verdict if decision => words.push(format!("DENIED: {verdict}")),
            verdict => words.push(format!("REFUSED: {verdict}")),
        }
        words.extend(self.speaker(record).map(|speaker| match record.line {
            Some(line) => format!("by {speaker}, line {line}"),
            None => format!("by {speaker}"),
        }));
        words.extend(record.policy.map(|version| format!("version {version}")));
        words.extend(self.named::<Posture>(record.posture).map(|posture| format!("posture {posture}")));
        words.extend(record.provenance.map(|level| format!("provenance {}", provenance(level))));
        let (consents, obligations) = (self.consents(record), self.obligations(record));
        if !consents.is_empty() {
            words.push(format!("consents to {}", consents.join(", ")));
        }
        if !obligations.is_empty() {
            words.push(format!("obliges to {}", obligations.join(", ")));
        }
        words.extend(self.flows(record));
        words.extend(self.counted(record));
        words.extend(record.binding.map(|binding| format!("binding {binding}")));
        words.extend(record.until.map(|until| format!("{} {} ms", until_word(record.kind), until.0)));
        words.extend(subject(record).map(hex::encode));
        words.join("; ")
    }

    /// Every field.
    pub fn object(&self, number: u64, record: &Record) -> Value {
        json!({
            "record": number,
            "time": record.time.0,
            "kind": record.kind.name(),
            "verdict": record.verdict.name(),
            "seat": record.seat,
            "participant": record.participant.map(participant),
            "action": self.action(record),
            "on": self.named::<Modality>(record.on.stream().map(|modality| modality.0)),
            "by": self.named::<Function>(record.function),
            "goes": self.goes(record),
            "law": record.law.map(|regions| regions_in_words(self.vocabulary, regions)),
            "site": self.named::<Region>(record.site),
            "rule": record.rule.map(|rule| format!("{rule:08x}")),
            "sends": names::<Modality>(self.vocabulary, Set::from_bits(record.sends.into())),
            "receives": names::<Modality>(self.vocabulary, Set::from_bits(record.receives.into())),
            "parent": record.parent,
            "voices": record.law.map(|_| self.voices(record)),
            "count": record.count,
            "plane": record.plane,
            "region": self.named::<Region>(record.region),
            "home": self.named::<Authority>(record.home),
            "posture": self.named::<Posture>(record.posture),
            "provenance": record.provenance.map(provenance),
            "authority": self.named::<Authority>(record.authority),
            "speaker": self.named::<Authority>(record.speaker),
            "line": record.line,
            "obligations": self.obligations(record),
            "silent": self.silent(record),
            "consents": self.consents(record),
            "binding": record.binding,
            "version": record.policy,
            "digest": hex::encode(record.digest),
            "until": record.until.map(|until| until.0),
            "subject": subject(record).map(hex::encode),
        })
    }

    /// Full sentences, one for each fact about the record.
    pub fn sentences(&self, number: u64, record: &Record) -> Vec<String> {
        let Record { kind, verdict, .. } = *record;
        let mut told = vec![format!(
            "This is record {number} of interaction {}, made at {} ms: {kind}.",
            record.interaction, record.time.0
        )];
        if let Some(change) = self.change(record) {
            let (number, before) = (record.plane, "It came before whatever was decided next");
            told.push(format!("This is change {number} of the control plane: {change}."));
            told.push(format!("{before}, and may have come any time after the record before."));
            return told;
        }
        told.extend(self.who(record));
        let done = self.done(record);
        if !is_decision(kind) {
            told.extend(done.map(|done| format!("It is about this: {done}.")));
            told.push(match verdict {
                Verdict::Fact => "It is a fact: nothing was decided.".into(),
                verdict => format!("It was refused: {verdict}."),
            });
            told.extend(self.counted(record).map(|counted| format!("It says: {counted}.")));
            told.extend(record.until.map(|until| match kind {
                RecordKind::Failed => format!("It has until {} ms to recover.", until.0),
                RecordKind::Clock => format!("Before, it was {} ms.", until.0),
                _ => format!("It holds until {} ms.", until.0),
            }));
            return told;
        }
        let done = done.unwrap_or_else(|| "something that is not recorded".into());
        told.push(match kind {
            RecordKind::Joined => format!("It was asked whether a participant may take part: {done}."),
            RecordKind::Invoked => format!("It was asked whether a function may begin this: {done}."),
            RecordKind::Placed => format!("It was asked in which place this may be computed: {done}."),
            RecordKind::Routed => format!("It was asked on which way data may go for this: {done}."),
            RecordKind::HandedOver => format!("It was asked whether this may run for another participant: {done}."),
            RecordKind::Flow => {
                format!("It was asked once more whether data may flow, as the participant is there by this: {done}.")
            }
            _ => format!("It was asked whether this may be done: {done}."),
        });
        let verdict_told = if verdict.permits() { verdict.to_string() } else { format!("denied: {verdict}") };
        told.push(format!("It was {verdict_told}."));
        told.push(match record.policy {
            Some(version) => format!(
                "It was decided against version {version} of the policy, whose digest begins with {}.",
                hex::encode(record.digest)
            ),
            None => "It was decided without any version of a policy.".into(),
        });
        told.push(match (self.speaker(record), record.line) {
            (Some(speaker), Some(line)) if verdict.permits() => {
                format!("All who were asked permitted it; the first was {speaker}, in line {line} of its text.")
            }
            (Some(speaker), Some(line)) => format!("{speaker} decided so, in line {line} of its text."),
            (Some(speaker), None) => format!("{speaker} decided so, by no single line."),
            (None, _) => "No authority decided so.".into(),
        });
        let mut known = Vec::new();
        known.extend(self.named::<Posture>(record.posture).map(|posture| format!("the posture was {posture}")));
        known.extend(record.provenance.map(|level| format!("the provenance was {}", provenance(level))));
        let consents = self.consents(record);
        known.push(match consents.is_empty() {
            true => "there was nothing to which everybody consented".into(),
            false => format!("everybody consented to {}", consents.join(", ")),
        });
        told.push(format!("What was known: {}.", known.join("; ")));
        told.extend(self.flows(record).map(|flows| format!("From then on: {flows}.")));
        if verdict.permits() {
            let obligations = self.obligations(record);
            let obligations = if obligations.is_empty() { "nothing".into() } else { obligations.join(", ") };
            told.push(format!("It obliges to {obligations}."));
            let what = if kind == RecordKind::Joined { "validation" } else { "permit" };
            told.extend(record.until.map(|until| {
                format!("The {what} holds until {} ms, or until something changes that it rests on.", until.0)
            }));
        }
        told
    }

    /// A change of the control plane: `delegated, privacy to corporate`, `rolled back, corporate, version 0`.
    fn change(&self, record: &Record) -> Option<String> {
        let change = record.action.filter(|_| record.kind == RecordKind::Changed)?;
        let mut words = vec![Change::from_code(change).map_or(format!("change {change}"), |change| change.to_string())];
        let (whose, to) = (self.named::<Authority>(record.authority), self.named::<Authority>(record.speaker));
        words.extend(whose.map(|whose| to.map_or_else(|| whose.clone(), |to| format!("{whose} to {to}"))));
        words.extend(record.policy.map(|version| format!("version {version}")));
        words.extend((record.count > 0).then(|| format!("track {}", record.count)));
        Some(words.join(", "))
    }

    fn who(&self, record: &Record) -> Option<String> {
        let what = record.participant.map_or("participant".into(), participant);
        // The participant that joins or leaves by this record is named by it.
        let named = names_a_participant(record.kind);
        let name = match record.seat.and_then(|seat| self.seats.get(&seat)) {
            _ if named => format!("with the name {}", hex::encode(record.subject)),
            Some((name, joined)) => format!("with the name {}, since record {joined}", hex::encode(name)),
            None => "of whom this trail does not say who it is".into(),
        };
        match record.seat {
            Some(seat) => Some(format!("Who: the {what} in seat {seat}, {name}.")),
            None if named => Some(format!("Who: the {what} without a seat, {name}.")),
            None => None,
        }
    }

    /// What is done: `record by recording on audio, to de`.
    fn done(&self, record: &Record) -> Option<String> {
        let mut words = Vec::new();
        words.extend(self.action(record));
        words.extend(self.named::<Function>(record.function).map(|function| format!("by {function}")));
        words.extend(
            self.named::<Modality>(record.on.stream().map(|modality| modality.0))
                .map(|modality| format!("on {modality}")),
        );
        words.extend(self.goes(record).map(|regions| format!("to {regions}")));
        let there = if is_decision(record.kind) { "from" } else { "in" };
        words.extend(self.named::<Region>(record.region).map(|region| format!("{there} {region}")));
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// The authority that decided for each authority that was asked, and by which line.
    fn voices(&self, record: &Record) -> Vec<Value> {
        let voices = record.voices();
        let all = (0..8).map(Authority).filter_map(|authority| Some((authority, voices.speaker(authority)?)));
        let lines = !matches!(record.kind, RecordKind::Joined | RecordKind::Invoked);
        let told = |(authority, by): (Authority, Option<Authority>)| {
            let line = voices.lines.get(usize::from(authority.0)).copied().filter(|line| lines && *line > 0);
            let name = |one: Authority| name(self.vocabulary, one);
            json!({ "authority": name(authority), "speaker": by.map(name), "line": line })
        };
        all.map(told).collect()
    }

    fn action(&self, record: &Record) -> Option<String> {
        let code = record.action?;
        let known = match record.kind {
            RecordKind::Moved => Event::ALL.get(usize::from(code)).map(|event| event.name()),
            RecordKind::Transition => ["transport", "protocol", "infrastructure"].get(usize::from(code)).copied(),
            RecordKind::Changed => Change::from_code(code).map(Change::name),
            RecordKind::Created => ["enforce", "observe"].get(usize::from(code)).copied(),
            RecordKind::Policy => {
                ["decisions bind", "?", "pinned", "back on its track"].get(usize::from(code)).copied()
            }
            kind if is_decision(kind) => return self.named::<Action>(record.action),
            _ => None,
        };
        Some(known.map_or_else(|| format!("code {code}"), str::to_owned))
    }

    /// The authority that decided: `privacy`, or `corporate in the place of privacy`.
    fn speaker(&self, record: &Record) -> Option<String> {
        let authority = self.named::<Authority>(record.authority)?;
        match self.named::<Authority>(record.speaker) {
            Some(speaker) if speaker != authority => Some(format!("{speaker} in the place of {authority}")),
            _ => Some(authority),
        }
    }

    /// All regions where it goes: a decision has all of them in its subject.
    fn goes(&self, record: &Record) -> Option<String> {
        let all = record.goes.map(|regions| regions_in_words(self.vocabulary, regions)).unwrap_or_default();
        if all.is_empty() { self.named::<Region>(record.site) } else { Some(all.join(" and ")) }
    }

    fn consents(&self, record: &Record) -> Vec<String> {
        names::<Consent>(
            self.vocabulary,
            if record.kind == RecordKind::Consented { record.consents.own } else { record.consents.all },
        )
    }

    fn obligations(&self, record: &Record) -> Vec<String> {
        let none = matches!(record.kind, RecordKind::Created | RecordKind::Governs);
        let obligations = if none { Set::EMPTY } else { Set::from_bits(record.obligations.into()) };
        names::<Obligation>(self.vocabulary, obligations)
    }

    /// The authorities that cannot be asked, in a record of what governs: they are in the field of the obligations.
    fn silent(&self, record: &Record) -> Vec<String> {
        let told = matches!(record.kind, RecordKind::Created | RecordKind::Governs);
        let silent = if told { Set::from_bits(record.obligations.into()) } else { Set::EMPTY };
        names::<Authority>(self.vocabulary, silent)
    }

    /// What a participant sends and receives from a decision on: `sends audio, receives nothing`.
    fn flows(&self, record: &Record) -> Option<String> {
        (record.kind == RecordKind::Flow).then(|| {
            let streams = |bits: u16| {
                let names = names::<Modality>(self.vocabulary, Set::from_bits(bits.into()));
                if names.is_empty() { "nothing".into() } else { names.join(", ") }
            };
            format!("sends {}, receives {}", streams(record.sends), streams(record.receives))
        })
    }

    /// What a record states as a number, or about authorities that cannot be asked.
    fn counted(&self, record: &Record) -> Option<String> {
        let silent = self.silent(record);
        let silent = (!silent.is_empty()).then(|| format!("{} cannot be asked", silent.join(", ")));
        let count = record.count;
        let counted = match record.kind {
            RecordKind::Gap => Some(format!("{count} took effect before it, and are not recorded one by one")),
            RecordKind::Spared => Some(format!("{count} refusals before it are not recorded one by one")),
            RecordKind::Governs if count > 0 => {
                Some(format!("{count} changes of the control plane before it are not told one by one"))
            }
            _ => None,
        };
        match (counted, silent) {
            (Some(counted), Some(silent)) => Some(format!("{counted}; {silent}")),
            (counted, silent) => counted.or(silent),
        }
    }

    fn named<T: Listed + Name>(&self, number: Option<u8>) -> Option<String> {
        number.map(|number| name(self.vocabulary, T::numbered(number)))
    }
}

/// Names of regions, and `somewhere unknown`.
fn regions_in_words(vocabulary: &Vocabulary<'_>, regions: Set<Region>) -> Vec<String> {
    let unknown = Set::one(Region::UNKNOWN);
    let mut words = names::<Region>(vocabulary, regions.without(unknown));
    words.extend(regions.contains(Region::UNKNOWN).then(|| "somewhere unknown".to_owned()));
    words
}

/// The name of the time that a record has beside its own.
const fn until_word(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Failed => "to recover until",
        RecordKind::Clock => "before, it was",
        _ => "until",
    }
}

/// The subject of a record, if it is not described in words.
fn subject(record: &Record) -> Option<[u8; 16]> {
    let lines = record.law.is_some() && !matches!(record.kind, RecordKind::Joined | RecordKind::Invoked);
    let told = record.subject == NOTHING || record.kind == RecordKind::Created || lines;
    (!told).then_some(record.subject)
}

fn participant(code: u8) -> String {
    let kind = policy::Kind::ALL.get(usize::from(code));
    kind.map_or_else(|| format!("participant of kind {code}"), |kind| kind.name().into())
}

fn provenance(code: u8) -> String {
    let level = policy::Provenance::ALL.get(usize::from(code));
    level.map_or_else(|| format!("of level {code}"), |level| level.name().into())
}
