//! `cep-envelope`: whatever takes bytes, and the decision with all that it is made of.

use core::hint::black_box;

use cep_envelope::decision::{Delivery, Finding, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::drift::{Drift, DriftLimits};
use cep_envelope::json;
use cep_envelope::ladder::{Container, Ladder, NotAContainer, Source};
use cep_envelope::lineage::{Lineage, MemoryLineage, Parent, Slot};
use cep_envelope::manifest::{BoundKey, Expected, Instant, Manifest, SealedManifest, SealedTime, Strict, seal};
use cep_envelope::notification::Notification;
use cep_envelope::{Parts, Surface, TimeFragment, normalise};

use crate::{look, opaque, opaque_buffer, print, text};

/// The memory of a receiver for which these functions decide.
type Memory = MemoryLineage<&'static mut [Slot]>;

pub fn all() {
    surface(opaque());
    normalised();
    composed();
    time();
    objects(opaque());
    digest();
    sealed_time();
    drift();
    manifest(opaque());
    sealed(opaque());
    notification(opaque());
    policy();
    decision();
}

fn instant() -> Instant {
    Instant { seconds: black_box(0), nanos: black_box(0) }
}

fn any_digest() -> Digest {
    Digest::new(black_box([0; 32]))
}

fn surface(bytes: &[u8]) {
    look(Surface::parse(text()));
    match Surface::parse_bytes(bytes) {
        Ok(surface) => {
            print(&surface);
            black_box((surface.time_text(), surface.group(), surface.time_order(), surface.parts()));
            surface.warnings().iter().for_each(|warning| print(&warning.name()));
        }
        Err(error) => print(&error),
    }
}

fn normalised() {
    match normalise(text(), &mut black_box([0; Surface::LONGEST])) {
        Ok(name) => {
            black_box((name.surface(), name.original(), name.is_changed()));
            name.changes().iter().for_each(|change| print(&change.name()));
        }
        Err(error) => print(&error),
    }
}

fn composed() {
    let Some(time) = TimeFragment::parse(text()) else { return };
    let extension = black_box(Some(text()));
    let parts = Parts { time, context: text(), profile: text(), priority: text(), extension };
    look(Surface::compose(&parts, opaque_buffer()));
}

fn time() {
    let Some(time) = TimeFragment::parse(text()).map(black_box) else { return };
    print(&time);
    look(time.calendar().map(|moment| moment.unix_seconds()));
}

fn objects(bytes: &[u8]) {
    look(json::object(bytes, black_box(0)));
    look(json::leading_object(bytes, black_box(0)));
}

fn digest() {
    match Digest::parse(text()) {
        Ok(digest) => {
            print(&digest);
            black_box(digest == any_digest());
        }
        Err(error) => print(&error),
    }
}

fn sealed_time() {
    look(SealedTime::parse(text()).map(|time| (time.as_str(), time.instant())));
}

fn limits() -> DriftLimits {
    black_box(DriftLimits::default())
}

/// The drift of a caller's own; a delivery's is the decision's.
fn drift() {
    let Some(Ok(moment)) = TimeFragment::parse(text()).map(|time| black_box(time).calendar()) else { return };
    let drift = Drift::between(black_box(moment), instant());
    black_box((drift, drift.is_within(&limits())));
}

fn manifest(bytes: &[u8]) {
    match Manifest::read(bytes) {
        Ok(manifest) => {
            black_box(&manifest);
            if let Err(Some(error)) = black_box(manifest).write(opaque_buffer()) {
                print(&error);
            }
        }
        Err(error) => print(&error),
    }
}

fn verifies(key: &[u8; 32], hash: &[u8; 32], signature: &[u8; 64]) -> bool {
    black_box((key, hash, signature));
    black_box(true)
}

fn key(signer: &str, sender: &str) -> Option<BoundKey> {
    black_box((signer, sender));
    BoundKey::new(black_box([0; 32]))
}

fn sealed(bytes: &[u8]) {
    look(seal(bytes, text(), text(), |hash| black_box((*hash, [0; 64])).1, opaque_buffer()));
    match SealedManifest::parse(bytes) {
        Ok(sealed) => {
            look(sealed.verify(Expected { sender: text(), recipient: text() }, &key, &verifies));
        }
        Err(error) => print(&error),
    }
}

fn notification(bytes: &[u8]) {
    match Notification::read(bytes) {
        Ok(notification) => {
            black_box((notification.overclaims(), notification.compare_with_itself().is_empty()));
            if let Err(Some(error)) = black_box(notification).write(opaque_buffer()) {
                print(&error);
            }
        }
        Err(error) => print(&error),
    }
}

fn policy() {
    let (finding, outcome) = (black_box(Finding::Replayed), black_box(Outcome::Fork));
    print(&finding);
    print(&outcome);
    look(Policy::default().with(finding, outcome).map(|policy| policy.outcome_of(black_box(finding))));
}

/// A container format of the caller's.
struct Format;

impl Container for Format {
    fn check(&self, object: &[u8], digest: &Digest) -> Result<Digest, NotAContainer> {
        black_box((object, digest));
        if black_box(true) { Ok(any_digest()) } else { Err(NotAContainer) }
    }
}

fn decision() {
    let mut lineage = Memory::after_restart(black_box(&mut []), black_box([0; 16]), instant(), black_box(0));
    let schemas = [(text(), text())];
    let policy = black_box(Policy::default().with_drift(limits()).with_schemas(&schemas));
    // Each delivery starts from the memory that the one before it left behind.
    while black_box(true) {
        judge(&mut lineage, &policy);
        memory(&mut lineage);
    }
}

fn judge(lineage: &mut Memory, policy: &Policy<'_>) {
    let delivery = Delivery {
        name: opaque(),
        sender: text(),
        object: black_box(Some(opaque())),
        sealed: black_box(Some(opaque())),
        notice: Notification::read(opaque()).ok(),
        expected: black_box(Some((any_digest(), Source::Local))),
        arrival: instant(),
    };
    let receiver =
        Receiver { name: text(), container: &Format, keys: &key, signatures: &Strict, lineage: &*lineage, policy };
    let judgement = receiver.judge(&delivery);
    let decision = judgement.decision;
    print(&decision);
    decision.findings().iter().for_each(|finding| print(&finding));
    print(&decision.surface());
    print(&decision.notice());
    black_box((decision.trust(), decision.line(), judgement.manifest));
    if let Some(record) = decision.record() {
        look(lineage.record(record));
    }
    // By hand, as a caller that asks for each rung on its own.
    let mut ladder: Ladder<'_> = black_box(judgement.ladder);
    black_box(ladder.present(opaque()));
    look(ladder.expect(&any_digest(), black_box(Source::Local)));
    look(ladder.contain(&Format));
    if let (Some(manifest), Ok(name)) = (judgement.manifest, Surface::parse_bytes(opaque())) {
        look(ladder.manifest(&manifest, black_box(Some(&name.into()))));
    }
    look(ladder.approve(&decision));
    black_box((ladder.proven(), ladder.missing(), ladder.is_provisional(), ladder.observed()));
}

fn memory(lineage: &mut Memory) {
    black_box((lineage.object(&any_digest(), &black_box([0; 32])), lineage.parent(&any_digest())));
    if let Parent::Approved(parent) = lineage.parent(&any_digest()) {
        lineage.forbid(&parent.line);
    }
    lineage.invalidate(&any_digest());
    lineage.forget_before(instant());
    black_box((lineage.len(), lineage.is_empty(), lineage.capacity(), lineage.complete_since(), lineage.has_room()));
}
