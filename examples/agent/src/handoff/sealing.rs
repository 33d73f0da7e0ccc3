//! The sender's side: a name, a sealed manifest and a notice around some content.

use anyhow::{Context, Result, anyhow};
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{CausalParent, MAX_MANIFEST, MAX_OUTER, Manifest, SealedTime, SurfaceParts, seal};
use cep_envelope::notification::{ClaimedState, MAX_NOTIFICATION, Notification, PollType, Reference};
use cep_envelope::{Clock, Date, Parts as NameParts, Surface, TimeFragment};
use iacp_wire::Eid;
use jiff::{Timestamp, tz::Offset};

use crate::content::parts;
use crate::keys::Sealer;

/// What kind of object a handoff of this program is: a bare file.
pub const SCHEMA: &str = "agent-handoff-v1";
const CONTEXT: &str = "handoff";
const PROFILE: &str = "file";
const PRIORITY: &str = "normal";

/// An object, sealed for one recipient, as it travels.
pub struct Envelope {
    pub name: String,
    /// How a child names it as its parent.
    pub manifest: Digest,
    pub content: Digest,
    pub bytes: u64,
    pub outer: Vec<u8>,
    pub stream: Vec<u8>,
}

/// The notice of an envelope: a pointer, and no proof of anything.
fn notice(from: &str, to: &str, name: &str) -> Result<Vec<u8>> {
    let reference = format!("iacp:{from}/{name}");
    let notice = Notification {
        from_agent: from,
        to_agent: to,
        poll_type: PollType::Push,
        envelope_name: name,
        envelope_ref: Reference::new(&reference),
        schema: SCHEMA,
        claimed_state: ClaimedState::Known(Notification::STATE),
    };
    let mut buffer = [0; MAX_NOTIFICATION];
    let written = notice.write(&mut buffer);
    written.map(<[u8]>::to_vec).map_err(|error| anyhow!("cannot write the notice: {error:?}"))
}

/// Seals content for a recipient, as a root or as what continues a parent. Signer and recipient stand inside the manifest
/// too, so that no carrier can choose another one.
pub fn envelope(from: &Sealer, to: &Eid, content: &[u8], parent: Option<Digest>) -> Result<Envelope> {
    let now = Timestamp::now();
    let time = fragment(now).context("this host's clock names no time that a surface can have")?;
    let mut name = [0; Surface::LONGEST];
    let parts = NameParts { time, context: CONTEXT, profile: PROFILE, priority: PRIORITY, extension: None };
    let name = Surface::compose(&parts, &mut name)?;
    let (recipient, created) = (hex::encode(to.0), now.to_string());
    let manifest = Manifest {
        schema: SCHEMA,
        surface: SurfaceParts::from(name),
        sealed_created_at: SealedTime::parse(&created)?,
        content_digest: Digest::of(content),
        causal_parent: parent.map_or(CausalParent::Root, CausalParent::Of),
        signer: Some(&from.name),
        recipient: Some(&recipient),
    };
    let mut buffer = [0; MAX_MANIFEST];
    let sealed = manifest.write(&mut buffer).map_err(|error| anyhow!("cannot write the manifest: {error:?}"))?;
    let mut outer = [0; MAX_OUTER];
    let outer = seal(sealed, &from.name, &recipient, |hash| from.sign(hash), &mut outer)?.to_vec();
    let notice = notice(&from.name, &recipient, name.as_str())?;
    let stream = parts::write(&notice, &outer, content).context("the file is too long for a handoff")?;
    Ok(Envelope {
        name: name.as_str().to_owned(),
        manifest: Digest::of(sealed),
        content: manifest.content_digest,
        bytes: content.len() as u64,
        outer,
        stream,
    })
}

fn fragment(at: Timestamp) -> Option<TimeFragment> {
    let at = Offset::UTC.to_datetime(at);
    let two = |number: i8| u8::try_from(number).ok();
    let date = Date::new(u16::try_from(at.year()).ok()?, two(at.month())?, two(at.day())?)?;
    let clock = Clock::new(two(at.hour())?, two(at.minute())?, two(at.second())?)?;
    Some(TimeFragment::Compact { date, clock })
}

#[cfg(test)]
mod tests {
    use cep_envelope::manifest::{BoundKey, Disagreement, Expected, SealedManifest, Strict};

    use super::*;
    use crate::keys;

    #[test]
    fn what_is_sealed_names_its_signer_and_its_recipient_inside() {
        let (alice, sealer) = keys::sealer(None).expect("a key");
        let (bob, _) = keys::sealer(None).expect("a key");
        let envelope = super::envelope(&sealer, &bob.eid(), b"content", None).expect("sealed");
        let sealed = SealedManifest::parse(&envelope.outer).expect("well-formed");
        let recipient = hex::encode(bob.eid().0);
        let bound =
            |signer: &str, sender: &str| (signer == sender).then(|| BoundKey::new(alice.eid().0).expect("a key"));
        let expected = Expected { sender: &sealer.name, recipient: &recipient };
        let verified = sealed.verify(expected, &bound, &Strict).expect("alice's EID is her key");
        let manifest = verified.manifest();
        assert_eq!((manifest.signer, manifest.recipient), (Some(&*sealer.name), Some(&*recipient)));
        assert_eq!((verified.digest(), manifest.causal_parent), (envelope.manifest, CausalParent::Root));
        assert!(verified.is_of(&Digest::of(b"content")));
        let notice = super::notice(&sealer.name, &recipient, &envelope.name).expect("short");
        let notice = Notification::read(&notice).expect("well-formed");
        assert!(notice.compare(&verified, None, &envelope.name).iter().all(|one| one <= Disagreement::Priority));
        assert!(!notice.overclaims());
    }
}
