//! From copies to a line in the journal.

use cep_envelope::decision::{Decision, Delivery, Finding, Findings, Judgement, Outcome, Policy, Receiver};
use cep_envelope::lineage;
use cep_envelope::manifest::{Instant, SealedManifest, Signatures};
use cep_envelope::notification::Notification;
use cep_envelope::{Surface, VerificationState, normalise};
use jiff::Timestamp;

use crate::advice::advice;
use crate::container::Format;
use crate::keys::Keys;
use crate::line::{Line, OutcomeName};
use crate::memory::{Remembered, policy};
use crate::tibet;
use crate::work::{Snapshot, final_folder, printable};

/// By what this receiver judges.
pub(crate) struct Judge<'j, S> {
    pub name: &'j str,
    pub keys: &'j Keys,
    pub signatures: &'j S,
    pub container: Format,
    pub memory: &'j Remembered,
    /// By the receiver's clock.
    pub now: Timestamp,
}

impl<S: Signatures> Judge<'_, S> {
    /// Judges what was copied, and nothing else: no path that a peer has written is looked at.
    ///
    /// Who sends is what the directory says of the key that the outer object names. A notice is not sealed, and cannot turn a good
    /// object into a bad one: where it differs, that is a finding.
    // keeps: CEP-120 (§11.1)
    pub fn judge(&self, snapshot: &Snapshot, id: &str) -> anyhow::Result<(Line, Option<lineage::Record>)> {
        if let Some(why) = &snapshot.arrival.unread {
            return Ok((unread(snapshot, id, why), None));
        }
        let notice = snapshot.notice.as_deref().map(Notification::read);
        let malformed = notice.as_ref().and_then(|notice| notice.as_ref().err()).map(ToString::to_string);
        let notice = notice.and_then(Result::ok);
        let profile = Surface::parse_bytes(&snapshot.name).ok().map(|surface| surface.profile());
        let from = notice.map(|notice| notice.from_agent);
        let sealed = snapshot.manifest.as_deref().and_then(|outer| SealedManifest::parse(outer).ok());
        let signer = sealed.map(|sealed| sealed.claimed_signer());
        let keys = self.keys.at(self.now);
        let bound = signer.and_then(|signer| keys.sender_of(signer, [profile, from]));
        let delivery = Delivery {
            name: &snapshot.name,
            sender: bound.or(from).or(profile).unwrap_or_default(),
            object: snapshot.object.as_deref(),
            sealed: snapshot.manifest.as_deref(),
            notice,
            expected: None,
            arrival: instant(snapshot.arrival.at),
        };
        let judge = |policy: &Policy<'static>| {
            let (name, signatures, lineage) = (self.name, self.signatures, self.memory.lineage());
            Receiver { name, container: &self.container, keys: &keys, signatures, lineage, policy }.judge(&delivery)
        };
        let (strict, lenient);
        strict = policy(None)?;
        let mut judgement = judge(&strict);
        let sealed_by = judgement.manifest.map(|manifest| (manifest.digest(), *manifest.key().as_bytes()));
        let grant = sealed_by.and_then(|(manifest, key)| self.memory.grant(&manifest, &key));
        if grant.is_some() {
            lenient = policy(grant)?;
            judgement = judge(&lenient);
        }
        let decision = judgement.decision;
        let record = decision.record().copied();
        let mut words = decision.to_string();
        let alone = snapshot.object.as_deref().filter(|_| snapshot.manifest.is_none());
        let foreign = alone.filter(|object| tibet::is_theirs(object)).map(|object| tibet::advice(object).to_owned());
        for finding in decision.deciding().iter() {
            words += &self.details(finding, &delivery, signer, &judgement);
        }
        if let Some(grant) = grant {
            words += &format!("; released by order {}", grant.order);
        }
        Ok((
            Line {
                words,
                notice: malformed.or_else(|| snapshot.arrival.notice.clone()),
                // As it is: answers are sealed for it.
                sender: judgement.manifest.map(|manifest| manifest.sender().to_owned()),
                signer: signer.map(|signer| printable(signer.as_bytes())),
                claimed_sender: from.or(profile).map(|name| printable(name.as_bytes())),
                manifest: sealed_by.map(|(manifest, _)| manifest.to_string()),
                key: sealed_by.map(|(_, key)| hex::encode(key)),
                order: grant.map(|grant| grant.order.clone()),
                advice: foreign.or_else(|| advice(&decision)),
                ..line(snapshot, id, &decision, record.as_ref())
            },
            record,
        ))
    }

    /// Names, where a finding alone would let the reader guess.
    fn details(
        &self,
        finding: Finding,
        delivery: &Delivery<'_>,
        signer: Option<&str>,
        judgement: &Judgement<'_>,
    ) -> String {
        let signer = signer.unwrap_or_default();
        match finding {
            Finding::KeyNotBound => printable_words(&self.keys.at(self.now).why_not(signer, delivery.sender)),
            Finding::BadSignature | Finding::ProfileOfAnother => {
                let profile = judgement.manifest.map(|manifest| manifest.manifest().surface.profile);
                let under = profile.map(|profile| format!(", under the profile '{profile}'")).unwrap_or_default();
                let (signer, sender) = (printable(signer.as_bytes()), printable(delivery.sender.as_bytes()));
                format!(" (it names key '{signer}' of sender '{sender}'{under})")
            }
            Finding::NoManifest => {
                let said = delivery.object.and_then(|object| tibet::in_words(delivery.name, object));
                said.map_or_else(String::new, |said| printable_words(&said))
            }
            Finding::ContainerBroken => match self.container.sound(delivery.object.unwrap_or_default()) {
                Err(why) => printable_words(&why),
                Ok(()) => String::new(),
            },
            Finding::OtherRecipient => {
                let sealed = delivery.sealed.and_then(|outer| SealedManifest::parse(outer).ok());
                let recipient =
                    sealed.map_or_else(String::new, |sealed| printable(sealed.claimed_recipient().as_bytes()));
                format!(" ('{recipient}', and this is '{}')", printable(self.name.as_bytes()))
            }
            _ => String::new(),
        }
    }
}

fn printable_words(words: &str) -> String {
    let plain = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    format!(" ({})", words.chars().map(plain).collect::<String>())
}

fn line(snapshot: &Snapshot, id: &str, decision: &Decision, record: Option<&lineage::Record>) -> Line {
    let names = |findings: Findings| findings.iter().map(|finding| finding.name().to_owned()).collect();
    Line {
        outcome: OutcomeName(decision.outcome()),
        deciding: names(decision.deciding()),
        findings: names(decision.findings()),
        proven: decision.proven().name().into(),
        record: record.map(Into::into),
        advice: advice(decision),
        ..unread(snapshot, id, "")
    }
}

/// What could not be read safely proves nothing, and is isolated.
fn unread(snapshot: &Snapshot, id: &str, why: &str) -> Line {
    Line {
        id: id.to_owned(),
        at: snapshot.arrival.at,
        decided: None,
        name: snapshot.arrival.name.clone(),
        normalised: normalised(&snapshot.name),
        outcome: OutcomeName(Outcome::Quarantine),
        folder: final_folder(snapshot, id),
        words: format!("{}: {why}", Outcome::Quarantine),
        deciding: vec!["unread".into()],
        findings: vec!["unread".into()],
        proven: VerificationState::Referenced.name().into(),
        notice: None,
        record: None,
        sender: None,
        signer: None,
        claimed_sender: Surface::parse_bytes(&snapshot.name).ok().map(|surface| surface.profile().to_owned()),
        manifest: None,
        key: None,
        advice: Some("ask the sender for plain files within the limits; the parts are in the folder 'unread'".into()),
        order: None,
        after: None,
    }
}

/// What a name that is no surface would be if it were normalised. It is said, and not used.
fn normalised(name: &[u8]) -> Option<String> {
    if Surface::parse_bytes(name).is_ok() {
        return None;
    }
    let mut buffer = [0; Surface::LONGEST];
    let normalised = normalise(std::str::from_utf8(name).ok()?, &mut buffer).ok()?;
    Some(normalised.surface().as_str().to_owned())
}

pub(crate) fn instant(at: Timestamp) -> Instant {
    let nanos = at.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    Instant { seconds, nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0) }
}
