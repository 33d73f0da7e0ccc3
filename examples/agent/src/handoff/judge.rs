//! The receiver's side: what is proven about a handoff, and whether it continues.
//!
//! The name, the sender and everything else that a notice says are claims. Keys are bound as nearly as they can be: an
//! agent's name is its EID, the EID is its key, and this receiver trusts the EIDs that it was told to trust.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cep_envelope::VerificationState as State;
use cep_envelope::decision::{Delivery, Finding, Findings, Judgement, Outcome, Policy, Receiver};
use cep_envelope::drift::DriftLimits;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{self, Line, Lineage, MemoryLineage, Parent, Slot, Standing};
use cep_envelope::manifest::{BoundKey, CausalParent, Instant, Strict};
use cep_envelope::notification::Notification;
use iacp_core::time::UnixTime;
use iacp_wire::Eid;
use rand_core::Rng;

use crate::clock;
use crate::content::parts::Parts;
use crate::content::receive;
use crate::handoff::memory::Memory;
use crate::keys;
use crate::telling::event::Event;
use crate::telling::report::Report;
use crate::telling::summary::grouped;
use crate::telling::timeline::Timeline;

/// Objects that are remembered, a quarter of the slots staying empty. One takes some 200 bytes.
const SLOTS: usize = 16_384;
/// How much later than it came an object may have been sealed, in seconds. Hosts keep their clocks; and after a restart
/// nothing is approved for as long.
const AHEAD: u64 = 30;

/// Who judges handoffs, and what it remembers of them.
pub struct Judge<'t> {
    who: &'static str,
    timeline: &'t Timeline,
    name: String,
    trusted: Vec<(String, BoundKey)>,
    lineage: MemoryLineage<Box<[Slot]>>,
    policy: Policy<'static>,
    out: Option<PathBuf>,
    /// The lineage on disk, if it outlives the process.
    memory: Option<Memory>,
}

fn instant(time: UnixTime) -> Instant {
    let nanos = u32::try_from(time.0 % 1_000 * 1_000_000).unwrap_or(0);
    Instant { seconds: i64::try_from(time.0 / 1_000).unwrap_or(i64::MAX), nanos }
}

impl<'t> Judge<'t> {
    /// A judge that remembers nothing yet. An identity that is `new` has never decided anything. Any other may have, and
    /// has lost its memory: what was sealed before now, or soon after, may be a replay.
    pub fn new(
        who: &'static str,
        timeline: &'t Timeline,
        own: &Eid,
        trusted: Vec<Eid>,
        out: Option<PathBuf>,
        new: bool,
    ) -> anyhow::Result<Self> {
        let slots = vec![Slot::EMPTY; SLOTS].into_boxed_slice();
        let mut secret = [0; 16];
        keys::rng().fill_bytes(&mut secret);
        let lineage = if new {
            MemoryLineage::first(slots, secret)
        } else {
            let what =
                format!("remembers no earlier handoffs: what was sealed until {AHEAD} s from now is not approved");
            timeline.note(who, Event::Trouble { what });
            MemoryLineage::after_restart(slots, secret, instant(clock::unix()), AHEAD)
        };
        let policy = Policy::default().with_drift(DriftLimits { ahead_seconds: AHEAD, ..DriftLimits::default() });
        // Else a carrier could choose the recipient of an object, and so bring it to one that has never seen it.
        let policy = policy.with(Finding::RecipientNotSealed, Outcome::Triage)?;
        let bind = |eid: Eid| {
            let name = hex::encode(eid.0);
            let key = BoundKey::new(eid.0).with_context(|| format!("{name} is no key that all verifiers agree on"))?;
            Ok((name, key))
        };
        let trusted = trusted.into_iter().map(bind).collect::<anyhow::Result<_>>()?;
        Ok(Self { who, timeline, name: hex::encode(own.0), trusted, lineage, policy, out, memory: None })
    }

    /// The same with a lineage on disk: what was decided before a restart stays decided, and its children continue it.
    ///
    /// # Errors
    /// The file cannot be used, or its lines contradict each other.
    pub fn remembering(
        who: &'static str,
        timeline: &'t Timeline,
        own: &Eid,
        trusted: Vec<Eid>,
        out: Option<PathBuf>,
        (path, new): (&Path, bool),
    ) -> anyhow::Result<Self> {
        let (mut memory, known) = Memory::open(path)?;
        let mut judge = Self::new(who, timeline, own, trusted, out, new || known.is_some())?;
        match &known {
            Some((since, _)) => judge.lineage.forget_before(*since),
            None => memory.begin(judge.lineage.complete_since())?,
        }
        for record in known.iter().flat_map(|(_, records)| records) {
            if judge.lineage.len() >= judge.lineage.capacity() {
                judge.forget();
            }
            // What is too old to be remembered is not approved either.
            judge
                .lineage
                .restore(record)
                .with_context(|| format!("--lineage {}: {}", path.display(), record.manifest))?;
        }
        judge.memory = Some(memory);
        Ok(judge)
    }

    /// Makes room: what is too old to be approved need not be remembered.
    fn forget(&mut self) {
        self.lineage.forget_before(instant(clock::unix()).before(self.policy.drift().stale_seconds));
    }

    /// Climbs the ladder, decides, remembers, tells, and keeps the content if it continues.
    ///
    /// # Errors
    /// An object that would continue cannot be kept or remembered, so it does not. After that nothing is decided until the next
    /// start: the lineage in memory may know approvals that are not on the disk.
    pub fn judge(&mut self, carried_by: &str, parts: &Parts) -> io::Result<Report> {
        if self.memory.as_ref().is_some_and(Memory::is_broken) {
            return Err(io::Error::other("the lineage could not be written: nothing is decided until the next start"));
        }
        let notice = Notification::read(&parts.notice);
        if let Err(error) = &notice {
            self.timeline.note(self.who, Event::Trouble { what: format!("the notice is none: {error}") });
        }
        let notice = notice.ok();
        if self.lineage.len() >= self.lineage.capacity() {
            self.forget();
        }
        let trusted = &self.trusted;
        // In this binding an agent, its key's id and its key are the same thing.
        let bound = |signer: &str, sender: &str| {
            let (_, key) = trusted.iter().find(|(name, _)| name == signer)?;
            (signer == sender).then_some(*key)
        };
        let now = instant(clock::unix());
        let delivery = Delivery {
            name: notice.map_or(&[], |notice| notice.envelope_name.as_bytes()),
            // Not who brought it: a relay may have.
            sender: notice.map_or(carried_by, |notice| notice.from_agent),
            object: Some(&parts.content),
            sealed: Some(&parts.outer),
            notice,
            expected: None,
            arrival: now,
        };
        let receiver = Receiver {
            name: &self.name,
            container: &BareFile,
            keys: &bound,
            signatures: &Strict,
            lineage: &self.lineage,
            policy: &self.policy,
        };
        let judgement = receiver.judge(&delivery);
        let mut report = report(carried_by, &delivery, &judgement);
        report.before = before(&self.lineage, &judgement);
        let decision = judgement.decision;
        let approves = decision.outcome().approves();
        // In this order: what cannot be kept is not remembered as approved, and what is not remembered is not kept.
        let staged = match (&self.out, approves) {
            (Some(out), true) => Some((receive::stage(out, &parts.content)?, out)),
            _ => None,
        };
        let mut new = false;
        if let Some((partial, out)) = staged {
            let path = out.join(report.content.trim_start_matches("sha256:"));
            // The same content may have come in another object.
            new = !path.exists();
            partial.keep(&path)?;
            report.kept = Some(path);
        }
        if let Some(record) = decision.record()
            && let Err(error) = remember(&mut self.lineage, self.memory.as_mut(), record)
            && approves
        {
            if let Some(kept) = report.kept.as_ref().filter(|_| new) {
                std::fs::remove_file(kept)?;
            }
            return Err(io::Error::other(format!("cannot be remembered: {error}")));
        }
        self.tell(&delivery, &judgement);
        self.timeline.note(self.who, Event::Decided(Box::new(report.clone())));
        Ok(report)
    }

    /// The ladder, rung by rung.
    fn tell(&self, delivery: &Delivery<'_>, judgement: &Judgement<'_>) {
        let proven = judgement.decision.proven();
        for state in State::LADDER.into_iter().take_while(|state| *state <= proven) {
            let evidence = evidence(state, delivery, judgement);
            self.timeline.note(self.who, Event::Rung { state: state.name(), reached: true, evidence });
        }
        if let Some(missing) = proven.next() {
            let evidence = "is not reached".into();
            self.timeline.note(self.who, Event::Rung { state: missing.name(), reached: false, evidence });
        }
    }
}

/// What was decided the first time about an object that comes once more, if it was approved then. The same manifest, sealed by
/// another key, is another object.
fn before(lineage: &impl Lineage, judgement: &Judgement<'_>) -> Option<Outcome> {
    let sealed = judgement.manifest.as_ref()?;
    if lineage.object(&sealed.digest(), sealed.key().as_bytes()) != lineage::Memory::Decided {
        return None;
    }
    match lineage.parent(&sealed.digest()) {
        Parent::Approved(approved) => Some(match approved.line {
            Line::Main(_) => Outcome::Continue,
            Line::Branch(_) => Outcome::Fork,
        }),
        _ => None,
    }
}

/// In the lineage and, if it is on disk, there too: an object that is not on the disk does not go on.
fn remember(
    lineage: &mut MemoryLineage<Box<[Slot]>>,
    memory: Option<&mut Memory>,
    record: &lineage::Record,
) -> anyhow::Result<()> {
    let known = lineage.object(&record.manifest, &record.key);
    lineage.record(record)?;
    match memory {
        // A sender that repeats what is held back makes no file grow.
        Some(memory) if known == lineage::Memory::New || record.standing != Standing::HeldBack => {
            Ok(memory.keep(record)?)
        }
        _ => Ok(()),
    }
}

/// What a rung that was reached stands on.
fn evidence(state: State, delivery: &Delivery<'_>, judgement: &Judgement<'_>) -> String {
    let sealed = judgement.manifest.as_ref();
    match state {
        State::Referenced => match &delivery.notice {
            Some(notice) => format!("a notice says that there is {}", notice.envelope_name.escape_debug()),
            None => "something came, and no notice".into(),
        },
        State::Present => {
            let bytes = delivery.object.map_or(0, <[u8]>::len) as u64;
            let observed = judgement.ladder.observed();
            format!("{} bytes, {}", grouped(bytes), observed.map_or_else(String::new, ToString::to_string))
        }
        State::DigestMatched => "as its manifest claims; who wrote that is open".into(),
        State::ContainerVerified => "a bare file, whose integrity is its digest".into(),
        State::ManifestVerified => sealed.map_or_else(String::new, |sealed| {
            let (signer, at) = (short(sealed.sender()), sealed.manifest().sealed_created_at);
            format!("{signer} sealed this content for us under this name, {}", at.as_str())
        }),
        State::ContinuationApproved => match sealed.map(|sealed| sealed.manifest().causal_parent) {
            Some(CausalParent::Of(parent)) => format!("its parent is {parent}"),
            _ => "it is a root, and new".into(),
        },
    }
}

/// The first digits of a name that is known to be an EID.
fn short(name: &str) -> String {
    name.chars().take(8).chain(['…']).collect()
}

fn report(carried_by: &str, delivery: &Delivery<'_>, judgement: &Judgement<'_>) -> Report {
    let decision = &judgement.decision;
    let names = |findings: Findings| findings.iter().map(Finding::name).collect();
    Report {
        outcome: decision.outcome().name(),
        continues: decision.outcome().approves(),
        proven: decision.proven().name(),
        why: decision.to_string(),
        deciding: names(decision.deciding()),
        findings: names(decision.findings()),
        sender: judgement.manifest.as_ref().map(|sealed| sealed.sender().to_owned()),
        claimed_sender: delivery.notice.map(|notice| notice.from_agent.to_owned()),
        carried_by: carried_by.to_owned(),
        name: delivery.notice.map(|notice| notice.envelope_name.to_owned()),
        manifest: judgement.manifest.as_ref().map(|sealed| sealed.digest().to_string()),
        content: judgement.ladder.observed().map_or_else(String::new, ToString::to_string),
        bytes: delivery.object.map_or(0, <[u8]>::len) as u64,
        kept: None,
        before: None,
    }
}

#[cfg(test)]
mod tests {
    use cep_envelope::manifest::{MAX_MANIFEST, MAX_OUTER, Manifest, SealedManifest, seal};

    use super::*;
    use crate::clock::Clock;
    use crate::content::parts::{Came, Reader, Room};
    use crate::handoff::sealing;
    use crate::keys::Sealer;
    use crate::telling::timeline::Style;

    #[test]
    fn a_manifest_that_another_key_has_sealed_again_was_not_approved_before() {
        let [(alices, alice), (carols, carol)] = [(); 2].map(|()| keys::sealer(None).expect("a key"));
        let bob = keys::identity(None).expect("a key").eid();
        let envelope = sealing::envelope(&alice, &bob, b"content", None).expect("sealed");
        // A manifest that names no signer.
        let outer = SealedManifest::parse(&envelope.outer).expect("well-formed");
        let manifest = Manifest { signer: None, ..Manifest::read(outer.signed_bytes()).expect("well-formed") };
        let mut buffer = [0; MAX_MANIFEST];
        let manifest = manifest.write(&mut buffer).expect("short");
        let by = |sealer: &Sealer| {
            let mut buffer = [0; MAX_OUTER];
            let recipient = hex::encode(bob.0);
            let outer =
                seal(manifest, &sealer.name, &recipient, |hash| sealer.sign(hash), &mut buffer).expect("sealed");
            let notice = String::from_utf8(envelope.notice.clone()).expect("text").replace(&alice.name, &sealer.name);
            let stream = crate::content::parts::write(notice.as_bytes(), outer, b"content").expect("short");
            let mut reader = Reader::new(7, Room::new(1 << 20));
            reader.push(&stream).expect("a handoff");
            let Ok(Came::Handoff(parts)) = reader.finish() else { panic!("no handoff") };
            parts
        };
        let timeline = Timeline::new(Clock::start(), Style::Log);
        let trusted = vec![alices.eid(), carols.eid()];
        let mut judge = Judge::new("bob", &timeline, &bob, trusted, None, true).expect("keys");
        let mut judged = |sealer| judge.judge("", &by(sealer)).expect("in memory");
        assert!(judged(&alice).continues);
        let again = judged(&carol);
        assert_eq!((again.outcome, again.deciding, again.before), ("triage", vec!["resealed"], None));
        assert_eq!(judged(&alice).before, Some(Outcome::Continue), "her own is");
    }
}
