//! What a person can do about an object that is held back.

use cep_envelope::decision::{Decision, Finding, Outcome};

const RELEASE: &str = "look at it; 'dropbox review ROOT release ID' lets it go on";
const RESEAL: &str = "ask the sender to seal it again (dropbox reseal)";

/// Of the first finding that decided. None, if the object goes on.
pub(crate) fn advice(decision: &Decision) -> Option<String> {
    if decision.outcome().approves() {
        return None;
    }
    decision.deciding().iter().next().map(|finding| of(finding).into())
}

/// What helps against a finding.
const fn of(finding: Finding) -> &'static str {
    match finding {
        Finding::NotASurface | Finding::SurfaceDiffers => "ask the sender to send it under the name that was sealed",
        Finding::NoBytes => "ask the sender for the object itself",
        Finding::NoManifest | Finding::Malformed => "ask the sender for a whole manifest",
        Finding::OtherRecipient => "it is not for this receiver: hand it on, or remove it",
        Finding::OtherSigner | Finding::BadSignature | Finding::OtherContent | Finding::DigestDiffers => {
            "it was changed on the way, or forged: ask the sender, by another way, whether it sent this"
        }
        Finding::KeyNotBound => {
            "if the key is the sender's, bind it ('dropbox keys add'), and put the object back into the inbox"
        }
        Finding::NoDigest | Finding::ContainerBroken => "ask the sender for a sound container",
        Finding::ProfileOfAnother => "ask both senders; 'dropbox review ROOT release ID' if the name is meant so",
        Finding::RecipientNotSealed => "ask the sender to seal the recipient too: a carrier may have chosen this one",
        Finding::SealedAhead => "compare the clocks; ask the sender to seal it again (dropbox reseal)",
        Finding::ParentUnknown => {
            "wait for its parent, and put it back into the inbox; or 'dropbox review ROOT release ID'"
        }
        Finding::ParentUndecided => "decide about its parent first, and then put this one back into the inbox",
        Finding::ParentInvalid | Finding::ParentForbidden => "ask the sender to continue another object",
        Finding::Replayed => "nothing: it was decided before, and this is one more copy",
        Finding::MaybeReplayed => RESEAL,
        Finding::NoRoom => "forget old objects: 'dropbox review ROOT forget --before TIME'",
        Finding::NoticeDiffers
        | Finding::SchemaDiffers
        | Finding::SchemaUnderstood
        | Finding::Overclaimed
        | Finding::NoCalendarTime
        | Finding::EnvelopeDrift
        | Finding::Stale
        | Finding::SealedBeforeParent
        | Finding::SealedFarBeforeParent
        | Finding::ParentMissing
        | Finding::ParentContinued
        | Finding::OnBranch
        | Finding::Resealed => RELEASE,
    }
}

/// Whether a person can let an object pass that was held back for this.
pub(crate) fn can_be_released(finding: Finding) -> Result<(), String> {
    let lenient = finding.most_lenient();
    // It may be lowered no further, but it can have gone: the parent may be approved by now.
    if lenient.approves() || finding == Finding::ParentUndecided {
        return Ok(());
    }
    Err(format!("{}: {} at best ({}); {}", finding, Outcome::Triage, finding.words(), of(finding)))
}
