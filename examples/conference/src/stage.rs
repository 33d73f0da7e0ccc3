//! An interaction on a virtual clock, with everything that takes part in it. Each step is reported, and its records are
//! kept.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use ed25519_compact::KeyPair;
use interaction_gov::audit::{Bytes, Log, RECORD, Record, RecordKind, SignedHead, View};
use interaction_gov::function::{Binding, Bindings};
use interaction_gov::identity::{AuthorityKey, InteractionId, Subject};
use interaction_gov::interaction::{Decision, Interaction, Mode, Request};
use interaction_gov::measure::coordination::Dimensions;
use interaction_gov::participant::{Admission, Seat, Streams, Validation};
use interaction_gov::policy::{Kind, On};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Authority, Obligation, Set};
use serde::Serialize;

use crate::evidence::Evidence;
use crate::plane::{self, Plane};
use crate::telling::{Event, Ruling, Teller, clock};

/// Up to 16 participants and 16 functions and computations.
pub type Call = Interaction<16, 16>;

/// A party that can take part.
pub struct Person<'a> {
    /// What the timeline calls him.
    pub name: &'a str,
    /// What he is.
    pub kind: Kind,
    /// Whose participant.
    pub home: &'a str,
    /// How secure.
    pub posture: &'a str,
    /// Where, in law.
    pub region: &'a str,
    /// To what he consents.
    pub consents: &'a [&'a str],
    /// When his credential expires.
    pub credential_until: Time,
}

/// The stage.
pub struct Stage {
    /// What governs.
    pub plane: Plane,
    /// What is governed.
    pub call: Call,
    /// What it is now.
    pub now: Time,
    /// How often a permit was renewed.
    pub renewals: u32,
    /// The networks that it went over.
    pub networks: BTreeSet<&'static str>,
    pub(crate) log: Log<Vec<Bytes>>,
    pub(crate) teller: Teller,
    pub(crate) records: Vec<Bytes>,
    pub(crate) heads: Vec<SignedHead>,
    pub(crate) seats: BTreeMap<Seat, (String, KeyPair)>,
    pub(crate) labels: BTreeMap<Binding, String>,
    /// Where a day is kept: in which step each participant's key was drawn.
    pub(crate) joined_in: BTreeMap<Seat, usize>,
}

/// What is left of a stage.
pub struct Played {
    /// The proof.
    pub evidence: Evidence,
    /// What was told.
    pub told: Vec<Event>,
    /// How large the interaction was.
    pub dimensions: Dimensions,
    /// How often a permit was renewed.
    pub renewals: u32,
    /// How the authorities see it.
    pub seen: Vec<SeenBy>,
}

/// How one authority sees the interaction: under names of its own.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SeenBy {
    /// Which.
    pub authority: &'static str,
    /// What it calls the interaction.
    pub interaction: String,
    /// What it calls the participants.
    pub participants: BTreeSet<String>,
}

impl Stage {
    /// An interaction begins.
    pub fn new(mut plane: Plane, now: Time, mut teller: Teller) -> Result<Self> {
        let mut log = Log::new(vec![[0; RECORD]; 4096]);
        let id = InteractionId::draw(&mut plane.rng);
        let call =
            Call::create(id, now, Mode::Enforce, &plane.rollout, &mut log).context("creating the interaction")?;
        teller.tell(Event {
            ms: now.0,
            event: "created",
            who: "control plane".into(),
            what: format!("creates the interaction {id}"),
            ruling: None,
            counts: BTreeMap::new(),
            state: call.state().name(),
        });
        let mut stage = Self {
            plane,
            call,
            now,
            renewals: 0,
            networks: BTreeSet::new(),
            log,
            teller,
            records: Vec::new(),
            heads: Vec::new(),
            seats: BTreeMap::new(),
            labels: BTreeMap::new(),
            joined_in: BTreeMap::new(),
        };
        stage.keep();
        Ok(stage)
    }

    /// A version governs from now on.
    pub fn governs(&mut self, index: u32) -> Result<()> {
        let version = self.plane.rollout.version(index).context("no such version")?;
        let (number, digest) = (version.number, hex::encode(version.digest().first_chunk::<8>().unwrap_or(&[0; 8])));
        let files = self.plane.files(number).join(", ");
        let what = format!("version {number} ({digest}…) governs: {files}, each signed by its authority");
        self.tell("policy", "control plane", what, None);
        Ok(())
    }

    /// A part of the script begins.
    pub fn chapter(&mut self, title: &str) {
        self.tell("chapter", "", title, None);
    }

    /// Adds an event to the timeline.
    pub fn tell(&mut self, event: &'static str, who: &str, what: impl Into<String>, ruling: Option<Ruling>) {
        let (counts, state) = (BTreeMap::new(), self.call.state().name());
        self.teller.tell(Event { ms: self.now.0, event, who: who.into(), what: what.into(), ruling, counts, state });
    }

    /// Adds an event with counts to the timeline.
    pub fn tell_counts(&mut self, event: &'static str, who: &str, what: String, counts: &[(&'static str, usize)]) {
        let (counts, state) = (counts.iter().copied().collect(), self.call.state().name());
        self.teller.tell(Event { ms: self.now.0, event, who: who.into(), what, ruling: None, counts, state });
    }

    /// What the timeline calls a participant.
    pub fn name(&self, seat: Seat) -> String {
        self.seats.get(&seat).map_or_else(|| "nobody".into(), |(name, _)| name.clone())
    }

    /// What the timeline calls something that runs.
    pub fn label(&self, binding: Binding) -> String {
        self.labels.get(&binding).cloned().unwrap_or_else(|| "a function".into())
    }

    pub(crate) fn set_label(&mut self, binding: Binding, label: &str) {
        self.labels.insert(binding, label.into());
    }

    /// A participant's key.
    pub fn key(&self, seat: Seat) -> Result<&KeyPair> {
        self.seats.get(&seat).map(|(_, key)| key).context("nobody sits there")
    }

    /// A decision in words.
    pub fn ruling(&self, decision: &Decision) -> Ruling {
        let record = (decision.version, decision.authority.map(|authority| authority.0), decision.line);
        self.words(decision.verdict, record, decision.obligations)
    }

    fn words(
        &self,
        verdict: interaction_gov::audit::Verdict,
        (version, authority, line): (Option<u32>, Option<u8>, Option<u16>),
        obligations: Set<Obligation>,
    ) -> Ruling {
        let authority = authority.map(Authority);
        let rule =
            version.zip(authority).zip(line).and_then(|((version, who), line)| self.plane.rule(version, who, line));
        let (file, rule) = rule.unzip();
        Ruling {
            permits: verdict.permits(),
            verdict: verdict.name().into(),
            authority: authority.map(|authority| self.plane.names.name(authority)),
            file,
            line,
            rule,
            version,
            obligations: obligations.iter().map(|obligation| self.plane.names.name(obligation)).collect(),
        }
    }

    /// Moves records out of the log, and signs a head if one is due. The records are the new ones.
    pub(crate) fn keep(&mut self) -> Vec<Record> {
        let new = self.log.waiting().iter().filter_map(Record::read).collect();
        self.records.extend_from_slice(self.log.waiting());
        self.log.taken();
        if self.call.head_is_due(&self.plane.rollout) {
            let head = self.call.head();
            let signature = *self.plane.key.sk.sign(head.signed(), None);
            self.heads.push(SignedHead { head, signature });
        }
        new
    }

    /// Time passes; what falls due meanwhile is handled at its time.
    pub fn go_to(&mut self, time: Time) -> Result<()> {
        while let Some(due) = self.call.next_deadline().filter(|due| *due > self.now && *due < time) {
            self.now = due;
            self.review()?;
        }
        self.now = time;
        self.review()
    }

    /// So many milliseconds later.
    pub fn wait(&mut self, ms: u64) -> Result<()> {
        self.go_to(self.now.after(ms))
    }

    /// What runs is decided again where its permit does not hold any more.
    pub fn review(&mut self) -> Result<()> {
        let cancelled = self.call.review(self.now, &self.plane.rollout, &mut self.log).context("reviewing")?;
        let new = self.keep();
        let decided: Vec<&Record> = new.iter().filter(|record| record.kind == RecordKind::Decided).collect();
        self.renewals += decided.iter().map(|record| u32::from(record.verdict.permits())).sum::<u32>();
        for binding in cancelled.iter() {
            let is_meant = |record: &Record| record.binding == Some(binding.0);
            let why = decided.iter().find(|record| !record.verdict.permits() && is_meant(record));
            let ruling = why
                .map(|record| self.words(record.verdict, (record.policy, record.authority, record.line), Set::EMPTY));
            let what = if ruling.is_some() { "is stopped: its permit is not renewed" } else { "is stopped with it" };
            let what =
                if why.is_none() && cancelled.len() == 1 { "is stopped: it has not recovered in time" } else { what };
            self.tell("cancelled", &self.label(binding), what, ruling);
        }
        Ok(())
    }

    /// A party joins; the script fails if it may not.
    pub fn join(&mut self, person: &Person<'_>) -> Result<Seat> {
        self.knock(person)?.context("nobody lets them in")
    }

    /// The same in these roles, with these streams.
    pub fn join_as(&mut self, person: &Person<'_>, roles: &[&str], streams: Streams) -> Result<Seat> {
        self.knock_as(person, roles, streams)?.context("nobody lets them in")
    }

    /// A party asks to join, and policy decides on it.
    pub fn knock(&mut self, person: &Person<'_>) -> Result<Option<Seat>> {
        self.knock_as(person, &[], Streams::UNSAID)
    }

    /// The same in these roles, with these streams.
    pub fn knock_as(&mut self, person: &Person<'_>, roles: &[&str], streams: Streams) -> Result<Option<Seat>> {
        let key = plane::pair(&mut self.plane.rng);
        let admission = Admission {
            name: plane::short_hash(&key.pk[..]),
            kind: person.kind,
            home: Some(self.plane.the(person.home)?),
            credential_until: person.credential_until,
            validation: self.validation(person.posture, person.region, Time::NEVER)?,
            roles: self.plane.all(roles)?,
            streams,
            consents: self.plane.all(person.consents)?,
            action: self.plane.the("join")?,
        };
        let seat = self.call.join(self.now, &admission, &self.plane.rollout, &mut self.log).ok();
        let new = self.keep();
        let record = new.iter().find(|record| record.kind == RecordKind::Joined).context("joining leaves a record")?;
        let ruling = self.words(record.verdict, (record.policy, record.authority, record.line), Set::EMPTY);
        if let Some(seat) = seat {
            self.seats.insert(seat, (person.name.into(), key));
        }
        let consents = if person.consents.is_empty() { "nothing".into() } else { person.consents.join(", ") };
        let Person { kind, home, posture, region, .. } = person;
        let about = match kind {
            Kind::Human => format!("joins: of {home}, {posture}, in {region}; consents to {consents}"),
            kind => format!("joins: {}, of {home}, {posture}, in {region}", kind.name()),
        };
        self.tell("joined", person.name, about, Some(ruling));
        self.review()?;
        Ok(seat)
    }

    fn validation(&self, posture: &str, region: &str, until: Time) -> Result<Validation> {
        Ok(Validation { posture: self.plane.the(posture)?, region: Some(self.plane.the(region)?), until })
    }

    fn decide(&mut self, seat: Seat, action: &str, modality: Option<&str>, on: Option<Binding>) -> Result<Decision> {
        let modality = modality.map(|modality| self.plane.the(modality)).transpose()?;
        let request =
            Request { action: self.plane.the(action)?, seat, on: On::from(modality), binding: on, goes: Set::EMPTY };
        let decision = self.call.decide(self.now, &request, &self.plane.rollout, &mut self.log);
        self.keep();
        Ok(decision)
    }

    /// A participant asks to do something; `what` describes it for the timeline.
    pub fn ask(&mut self, seat: Seat, action: &str, modality: &str, what: &str) -> Result<bool> {
        let decision = self.decide(seat, action, Some(modality), None)?;
        let ruling = self.ruling(&decision);
        self.tell("decided", &self.name(seat), what, Some(ruling));
        Ok(decision.may())
    }

    /// A participant is authenticated again, with what is found.
    pub fn revalidate(&mut self, seat: Seat, posture: &str, region: &str, for_ms: u64) -> Result<()> {
        let until = self.validate(seat, posture, region, for_ms)?;
        let what = if until > self.now {
            format!("is validated again: {posture}, in {region}, until {}", clock(until))
        } else {
            "cannot be validated again: the credential has expired".into()
        };
        self.tell("revalidated", &self.name(seat), what, None);
        self.review()
    }

    /// The same with many, told as one. Those that have left are left out.
    pub fn revalidate_all(&mut self, found: &[(Seat, &str, &str)], for_ms: u64) -> Result<()> {
        let there: Vec<_> = found.iter().filter(|(seat, ..)| self.call.participant(*seat).is_some()).collect();
        for (seat, posture, region) in &there {
            self.validate(*seat, posture, region, for_ms)?;
        }
        let until = clock(self.now.after(for_ms));
        self.tell("revalidated", "everybody", format!("{} are validated again, until {until}", there.len()), None);
        self.review()
    }

    fn validate(&mut self, seat: Seat, posture: &str, region: &str, for_ms: u64) -> Result<Time> {
        let found = self.validation(posture, region, self.now.after(for_ms))?;
        let until = self.call.revalidate(self.now, seat, &found, &self.plane.rollout, &mut self.log);
        self.keep();
        until.context("validating again")
    }

    /// A participant consents to this and nothing else.
    pub fn consent(&mut self, seat: Seat, consents: &[&str]) -> Result<()> {
        let set = self.plane.all(consents)?;
        self.call.consent(self.now, seat, set, &mut self.log).context("consenting")?;
        self.keep();
        self.tell("consented", &self.name(seat), format!("consents to {}", consents.join(", ")), None);
        self.review()
    }

    /// A participant leaves, or is gone.
    pub fn leave(&mut self, seat: Seat, how: &str) -> Result<()> {
        let cancelled = self.call.leave(self.now, seat, &mut self.log).context("leaving")?;
        self.keep();
        self.tell("left", &self.name(seat), how, None);
        self.stopped(cancelled, "is stopped with it");
        self.review()
    }

    fn stopped(&mut self, bindings: Bindings, what: &str) {
        for binding in bindings.iter() {
            self.tell("cancelled", &self.label(binding), what, None);
        }
    }

    /// It ends: everything that runs is stopped, no identifier leads to it, the last head is signed.
    pub fn terminate(&mut self) -> Result<()> {
        let cancelled = self.call.terminate(self.now, &mut self.log).context("terminating")?;
        self.keep();
        self.plane.registry.release(self.call.id());
        let what = format!("ends the interaction; {} running functions are stopped", cancelled.len());
        self.tell("terminated", "control plane", what, None);
        Ok(())
    }

    /// What remains when it is over.
    pub fn close(mut self) -> Played {
        let records: Vec<Record> = self.records.iter().filter_map(Record::read).collect();
        let authorities: Vec<_> = self.plane.names.all::<Authority>().collect();
        let seen = authorities.into_iter().map(|(authority, name)| self.seen_by(authority, name, &records)).collect();
        let count = |of: &dyn Fn(&Record) -> Option<u64>| {
            let different: BTreeSet<u64> = records.iter().filter_map(of).collect();
            u32::try_from(different.len()).unwrap_or(u32::MAX)
        };
        let policy = self.call.version(&self.plane.rollout).map_or(0, |version| version.policy.members().len());
        let joined = |record: &Record| (record.kind == RecordKind::Joined).then_some(record.subject);
        let dimensions = Dimensions {
            participants: u32::try_from(records.iter().filter_map(joined).collect::<BTreeSet<_>>().len()).unwrap_or(0),
            modalities: count(&|record| {
                record.on.stream().filter(|_| record.verdict.permits()).map(|modality| u64::from(modality.0))
            }),
            functions: count(&|record| record.function.filter(|_| record.verdict.permits()).map(u64::from)),
            authorities: u32::try_from(policy).unwrap_or(u32::MAX),
            transitions: u32::try_from(self.networks.len()).unwrap_or(u32::MAX),
        };
        let (interaction, key) = (*self.call.id(), *self.plane.key.pk);
        let evidence = Evidence { interaction, records: self.records, heads: self.heads, key };
        Played { evidence, told: self.teller.told, dimensions, renewals: self.renewals, seen }
    }

    fn seen_by(&mut self, authority: Authority, name: &'static str, records: &[Record]) -> SeenBy {
        let key = AuthorityKey::new(plane::draw(&mut self.plane.rng));
        let mut view = View::<16>::of(authority, &key);
        let participants = records.iter().filter_map(|record| view.see(record).participant);
        let participants = participants.map(|participant| participant.to_string()).collect();
        let interaction = key.pseudonym(Subject::Interaction, self.call.id().as_bytes()).to_string();
        SeenBy { authority: name, interaction, participants }
    }
}
