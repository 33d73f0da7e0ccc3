//! From a delivery to a decision.

use super::{Decision, Finding, Findings, Outcome, Policy};
use crate::digest::Digest;
use crate::drift::Times;
use crate::ladder::{Container, Ladder, NotProven, Source};
use crate::lineage::{Approved, Line, Lineage, Memory, Parent, Record, Standing};
use crate::manifest::{
    CausalParent, Disagreement, Disagreements, Expected, Instant, KeyDirectory, OuterError, SealedManifest, Signatures,
    SurfaceParts, VerifiedManifest, VerifyError,
};
use crate::notification::Notification;
use crate::state::VerificationState;
use crate::surface::{Surface, SurfaceError};

/// A delivery: what came, and how. Nothing in it is trusted.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'b> {
    /// The name under which it came.
    pub name: &'b [u8],
    /// The sender that the envelope names: the notice, the authenticated transport, or a local rule.
    pub sender: &'b str,
    /// The object's bytes, if they are here.
    pub object: Option<&'b [u8]>,
    /// Its outer object, if it is here.
    pub sealed: Option<&'b [u8]>,
    /// The notice that announced it, if one did.
    pub notice: Option<Notification<'b>>,
    /// The digest that the object's bytes must have, and where that is from. Without one, it is computed by the
    /// container format from the content digest in the manifest, and counts as coming from the control plane; for a
    /// bare file both digests are the same.
    pub expected: Option<(Digest, Source)>,
    /// When it came, by the receiver's clock.
    pub arrival: Instant,
}

/// The receiver that judges deliveries, and everything that it judges by.
pub struct Receiver<'r, C: ?Sized, K: ?Sized, S: ?Sized, L: ?Sized> {
    /// The receiver's own name.
    pub name: &'r str,
    /// The check of the container format.
    pub container: &'r C,
    /// The senders to whom keys belong.
    pub keys: &'r K,
    /// What verifies signatures.
    pub signatures: &'r S,
    /// Its memory of earlier objects.
    pub lineage: &'r L,
    /// Its policy.
    pub policy: &'r Policy<'r>,
}

/// What is proven about a delivery, and the decision.
///
/// An object without a manifest goes to a person, and the judgement says how much is known about it.
///
/// ```
/// use cep_envelope::VerificationState;
/// use cep_envelope::decision::{Decision, Delivery, Finding, Judgement, Outcome, Policy, Receiver};
/// use cep_envelope::digest::Digest;
/// use cep_envelope::ladder::{BareFile, Source};
/// use cep_envelope::lineage::{MemoryLineage, Slot};
/// use cep_envelope::manifest::{BoundKey, Instant};
///
/// let (lineage, policy) = (MemoryLineage::first([Slot::EMPTY; 8], [7; 16]), Policy::default());
/// let no_keys = |_: &str, _: &str| None::<BoundKey>;
/// let no_engine = |_: &[u8; 32], _: &[u8; 32], _: &[u8; 64]| false;
/// let receiver = Receiver {
///     name: "codex",
///     container: &BareFile,
///     keys: &no_keys,
///     signatures: &no_engine,
///     lineage: &lineage,
///     policy: &policy,
/// };
/// let Judgement { ladder, manifest, decision } = receiver.judge(&Delivery {
///     name: b"2026-05-16.backup.home.normal",
///     sender: "jasper",
///     object: Some(b"an object"),
///     sealed: None,
///     notice: None,
///     expected: Some((Digest::of(b"an object"), Source::Local)),
///     arrival: Instant::unix(1_778_740_910),
/// });
/// assert_eq!((ladder.proven(), manifest), (VerificationState::ContainerVerified, None));
/// let why: Decision = decision;
/// assert_eq!((why.outcome(), why.record()), (Outcome::Triage, None));
/// assert!(why.deciding().contains(Finding::NoManifest));
/// assert_eq!(why.to_string(), "triage: no sealed manifest came with it");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Judgement<'b> {
    /// How far the evidence reaches.
    pub ladder: Ladder<'b>,
    /// The sealed manifest, if it is verified.
    pub manifest: Option<VerifiedManifest<'b>>,
    /// What follows.
    pub decision: Decision,
}

/// What is collected on the way.
#[derive(Default)]
struct Found {
    findings: Findings,
    surface: Disagreements,
    notice: Disagreements,
    name: Option<SurfaceError>,
    malformed: Option<OuterError>,
    record: Option<Record>,
}

impl<C, K, S, L> Receiver<'_, C, K, S, L>
where
    C: Container + ?Sized,
    K: KeyDirectory + ?Sized,
    S: Signatures + ?Sized,
    L: Lineage + ?Sized,
{
    /// Judges a delivery. This changes nothing: record the decision before you act on it.
    ///
    /// The object is hashed once, and its signature verified once.
    // keeps: CEP-023 (§3.3), CEP-025 (§4), CEP-028 (§4)
    #[must_use]
    pub fn judge<'b>(&self, delivery: &Delivery<'b>) -> Judgement<'b> {
        let mut found = Found::default();
        let mut ladder = Ladder::new();
        let name = Surface::parse_bytes(delivery.name)
            .map_err(|error| {
                found.findings.add(Finding::NotASurface);
                found.name = Some(error);
            })
            .ok();
        match delivery.object {
            Some(object) => {
                ladder.present(object);
            }
            None => found.findings.add(Finding::NoBytes),
        }
        let (sealed, manifest) = self.open(delivery, &mut found);
        self.climb(&mut ladder, delivery, sealed.as_ref(), &mut found);
        if let Some(manifest) = &manifest {
            self.prove(&mut ladder, manifest, name, &mut found);
            self.compare(delivery, manifest, name, &mut found);
            self.ask_lineage(delivery, manifest, name, &mut found);
        } else if let Some(notice) = &delivery.notice {
            found.notice = notice.compare_with_itself();
            found.findings.add_if(!found.notice.is_empty(), Finding::NoticeDiffers);
        }
        found.findings.add_if(delivery.notice.is_some_and(|notice| notice.overclaims()), Finding::Overclaimed);
        let decision = self.decide(&ladder, found);
        // This is refused unless the decision approves; the ladder then stays as it is.
        let _ = ladder.approve(&decision);
        let decision = Decision { proven: ladder.proven(), ..decision };
        Judgement { ladder, manifest, decision }
    }

    /// Opens the outer object, and verifies its sender.
    fn open<'b>(
        &self,
        delivery: &Delivery<'b>,
        found: &mut Found,
    ) -> (Option<SealedManifest<'b>>, Option<VerifiedManifest<'b>>) {
        let Some(bytes) = delivery.sealed else {
            found.findings.add(Finding::NoManifest);
            return (None, None);
        };
        let sealed = match SealedManifest::parse(bytes) {
            Ok(sealed) => sealed,
            Err(error) => {
                found.findings.add(Finding::Malformed);
                found.malformed = Some(error);
                return (None, None);
            }
        };
        let expected = Expected { sender: delivery.sender, recipient: self.name };
        let verified = sealed.verify(expected, self.keys, self.signatures);
        let manifest = verified.map_err(|error| {
            found.findings.add(match error {
                VerifyError::Recipient | VerifyError::SealedRecipient => Finding::OtherRecipient,
                VerifyError::SealedSigner => Finding::OtherSigner,
                VerifyError::KeyNotBound => Finding::KeyNotBound,
                VerifyError::BadSignature => Finding::BadSignature,
            });
        });
        (Some(sealed), manifest.ok())
    }

    /// Up to `container-verified`, which needs no signature.
    fn climb<'b>(
        &self,
        ladder: &mut Ladder<'b>,
        delivery: &Delivery<'b>,
        sealed: Option<&SealedManifest<'b>>,
        found: &mut Found,
    ) {
        if delivery.object.is_none() {
            return;
        }
        let claimed = || {
            let digest = self.container.expects(&sealed?.unverified().content_digest)?;
            Some((digest, Source::ControlPlane))
        };
        let Some((digest, source)) = delivery.expected.or_else(claimed) else {
            return found.findings.add_if(sealed.is_some(), Finding::NoDigest);
        };
        if ladder.expect(&digest, source).is_err() {
            found.findings.add(Finding::DigestDiffers);
        } else if ladder.contain(self.container).is_err() {
            found.findings.add(Finding::ContainerBroken);
        }
    }

    /// `manifest-verified`.
    fn prove(
        &self,
        ladder: &mut Ladder<'_>,
        manifest: &VerifiedManifest<'_>,
        name: Option<Surface<'_>>,
        found: &mut Found,
    ) {
        let name = name.map(Into::into);
        let sealed = manifest.manifest().surface.profile;
        let seen = name.map_or(sealed, |name: SurfaceParts<'_>| name.profile);
        let another = [sealed, seen].into_iter().any(|profile| self.keys.is_another(profile, manifest.sender()));
        found.findings.add_if(another, Finding::ProfileOfAnother);
        if let Some(name) = &name {
            found.surface = manifest.manifest().compare_surface(name);
            found.findings.add_if(!found.surface.is_empty(), Finding::SurfaceDiffers);
        }
        let another = ladder.manifest(manifest, name.as_ref()) == Err(NotProven::AnotherObject);
        found.findings.add_if(another, Finding::OtherContent);
    }

    /// Compares notice and name with the manifest. Where they differ, the sealed manifest holds: the steps below do not
    /// use the notice or the name.
    // keeps: CEP-026 (§4), CEP-027 (§4)
    fn compare(
        &self,
        delivery: &Delivery<'_>,
        manifest: &VerifiedManifest<'_>,
        name: Option<Surface<'_>>,
        found: &mut Found,
    ) {
        found.findings.add_if(!manifest.recipient_is_sealed(), Finding::RecipientNotSealed);
        let Some(notice) = &delivery.notice else { return };
        let named = Surface::parse(notice.envelope_name).ok().map(Into::into);
        let came_as = name.map_or("", |name| name.as_str());
        found.notice = notice.compare(manifest, named.as_ref(), came_as);
        found.findings.add_if(!found.notice.of_notice_alone().is_empty(), Finding::NoticeDiffers);
        if found.notice.contains(Disagreement::Schema) {
            let understood = self.policy.understands(notice.schema, manifest.manifest().schema);
            found.findings.add(if understood { Finding::SchemaUnderstood } else { Finding::SchemaDiffers });
        }
    }

    /// Checks replay, parentage and time, all from the sealed manifest.
    // keeps: CEP-073 (§6)
    fn ask_lineage(
        &self,
        delivery: &Delivery<'_>,
        manifest: &VerifiedManifest<'_>,
        name: Option<Surface<'_>>,
        found: &mut Found,
    ) {
        let (digest, key) = (manifest.digest(), *manifest.key().as_bytes());
        let sealed = manifest.manifest().sealed_created_at.instant();
        match self.lineage.object(&digest, &key) {
            Memory::Decided => found.findings.add(Finding::Replayed),
            Memory::New if sealed < self.lineage.complete_since() => found.findings.add(Finding::MaybeReplayed),
            Memory::New => found.findings.add_if(!self.lineage.has_room(), Finding::NoRoom),
            Memory::HeldBack => {}
        }
        let standing = match self.lineage.parent(&digest) {
            Parent::Approved(standing) => Some(standing),
            _ => None,
        };
        let decided = found.findings.contains(Finding::Replayed);
        found.findings.add_if(standing.is_some() && !decided, Finding::Resealed);
        let parent = match manifest.manifest().causal_parent {
            // An approved manifest keeps its line even if its parent has been forgotten since.
            CausalParent::Of(parent) if standing.is_some() && self.lineage.parent(&parent) == Parent::Unknown => None,
            CausalParent::Root => None,
            CausalParent::Missing => {
                found.findings.add(Finding::ParentMissing);
                None
            }
            CausalParent::Of(parent) => self.ask_parent(&digest, &parent, found),
        };
        let times = Times {
            envelope: name.map(|name| name.time()),
            sealed,
            arrival: delivery.arrival,
            parent: parent.map(|parent| parent.sealed),
        };
        found.findings.add_all(times.compare(self.policy.drift()));
        let line = match (standing, parent) {
            (Some(standing), _) => standing.line,
            (_, Some(parent)) if !found.findings.contains(Finding::ParentContinued) => parent.line,
            (_, None) if manifest.manifest().causal_parent == CausalParent::Root => Line::Main(digest),
            _ => Line::Branch(digest),
        };
        let begins = standing.is_none() && matches!(line, Line::Branch(first) if first == digest);
        found.findings.add_if(matches!(line, Line::Branch(_)) && !begins, Finding::OnBranch);
        let parent = manifest.manifest().causal_parent;
        found.record = Some(Record { manifest: digest, key, parent, sealed, line, standing: Standing::HeldBack });
    }

    fn ask_parent(&self, digest: &Digest, parent: &Digest, found: &mut Found) -> Option<Approved> {
        let finding = match self.lineage.parent(parent) {
            Parent::Unknown => Finding::ParentUnknown,
            Parent::Undecided => Finding::ParentUndecided,
            Parent::Invalid => Finding::ParentInvalid,
            Parent::Forbidden => Finding::ParentForbidden,
            Parent::Approved(approved) => {
                let by_another = approved.continued_by.is_some_and(|other| other != *digest);
                found.findings.add_if(by_another, Finding::ParentContinued);
                return Some(approved);
            }
        };
        found.findings.add(finding);
        None
    }

    fn decide(&self, ladder: &Ladder<'_>, found: Found) -> Decision {
        let Found { findings, surface, notice, name, malformed, record } = found;
        let proven = ladder.proven() >= VerificationState::ManifestVerified;
        // Whatever the findings are, an object that is not proven is not approved.
        let at_best = if proven { Outcome::Continue } else { Outcome::Triage };
        let outcome = self.policy.outcome(findings).max(at_best);
        let mut deciding = Findings::default();
        for finding in findings.iter() {
            deciding.add_if(outcome != Outcome::Continue && self.policy.outcome_of(finding) == outcome, finding);
        }
        // A relay that delivers a good object under a bad name, or with other bytes, must not cause it to be remembered
        // as bad.
        let sealed_cause = deciding.contains(Finding::ParentInvalid) || deciding.contains(Finding::ParentForbidden);
        let standing = standing(outcome, sealed_cause);
        // These get no record: the object is remembered already, or cannot be, or its sender would determine how long
        // it is.
        let unfit = [Finding::Replayed, Finding::MaybeReplayed, Finding::NoRoom, Finding::SealedAhead];
        let left_out = unfit.into_iter().any(|finding| findings.contains(finding));
        let record = record.filter(|_| proven && !left_out).map(|record| Record { standing, ..record });
        let proven = ladder.proven();
        Decision { outcome, deciding, findings, surface, notice, name, malformed, proven, record }
    }
}

/// How an object is remembered.
const fn standing(outcome: Outcome, sealed_cause: bool) -> Standing {
    match outcome {
        Outcome::Continue | Outcome::Fork => Standing::Approved,
        Outcome::Quarantine if sealed_cause => Standing::Invalid,
        Outcome::Triage | Outcome::Resync | Outcome::Quarantine => Standing::HeldBack,
    }
}
