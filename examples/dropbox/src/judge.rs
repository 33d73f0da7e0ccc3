//! From copies to a line in the journal.

use cep_envelope::decision::{Decision, Delivery, Findings, Outcome, Receiver};
use cep_envelope::ladder::Container;
use cep_envelope::lineage::{self, Lineage};
use cep_envelope::manifest::{Instant, KeyDirectory};
use cep_envelope::notification::Notification;
use cep_envelope::{Surface, VerificationState, normalise};

use crate::journal::{Line, OutcomeName};
use crate::work::{Snapshot, final_folder};

/// Judges what was copied, and nothing else: no path that a peer has written is looked at.
// keeps: CEP-120
pub(crate) fn judge<C: Container, K: KeyDirectory + ?Sized, L: Lineage + ?Sized>(
    receiver: &Receiver<'_, C, K, L>,
    snapshot: &Snapshot,
    id: &str,
) -> (Line, Option<lineage::Record>) {
    if let Some(why) = &snapshot.arrival.unread {
        return (unread(snapshot, id, why), None);
    }
    let notice = snapshot.notice.as_deref().map(Notification::read);
    let unreadable = notice.as_ref().and_then(|notice| notice.as_ref().err()).map(ToString::to_string);
    let notice = notice.and_then(Result::ok);
    // The sender that the envelope names.
    let profile = || Surface::parse_bytes(&snapshot.name).map_or("", |surface| surface.profile());
    let delivery = Delivery {
        name: &snapshot.name,
        sender: notice.map_or_else(profile, |notice| notice.from_agent),
        object: snapshot.object.as_deref(),
        sealed: snapshot.manifest.as_deref(),
        notice,
        expected: None,
        arrival: instant(snapshot.arrival.at),
    };
    let decision = receiver.judge(&delivery).decision;
    let record = decision.record().copied();
    (line(snapshot, id, &decision, unreadable, record.as_ref()), record)
}

fn line(
    snapshot: &Snapshot,
    id: &str,
    decision: &Decision,
    notice: Option<String>,
    record: Option<&lineage::Record>,
) -> Line {
    let names = |findings: Findings| findings.iter().map(|finding| finding.name().to_owned()).collect();
    Line {
        outcome: OutcomeName(decision.outcome()),
        words: decision.to_string(),
        deciding: names(decision.deciding()),
        findings: names(decision.findings()),
        proven: decision.proven().name().into(),
        notice,
        record: record.map(Into::into),
        ..unread(snapshot, id, "")
    }
}

/// What could not be read safely proves nothing, and is isolated.
fn unread(snapshot: &Snapshot, id: &str, why: &str) -> Line {
    Line {
        id: id.to_owned(),
        at: snapshot.arrival.at,
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

fn instant(at: jiff::Timestamp) -> Instant {
    let nanos = at.as_nanosecond();
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    Instant { seconds, nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0) }
}
