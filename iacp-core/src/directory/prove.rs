//! What of a record costs signatures: the last check of the judge (`IACP §5.1`).

use iacp_wire::layout::{Hosting, Record, Revocation, Verdict};
use iacp_wire::message::DhtTicketStore;
use iacp_wire::{DhtKey, Eid, Signature};
use zerocopy::IntoBytes;

use super::accusation::verify_accusation;
use super::body::{Body, Custodian};
use super::facts::{DAY, Facts, NotStored};
use super::kind::{Class, Kind};
use super::metric::place;
use super::name::Payment;
use crate::crypto::{BadSignature, Provider};
use crate::governance::ballot::{self, NotBinding};
use crate::governance::window::{Ballot, Counted, Outcome};
use crate::identity::verify_record;
use crate::time::UnixTime;

/// Everything that costs a signature, and what a root is paid with.
pub(super) fn prove<P: Provider>(
    now: UnixTime,
    class: Class,
    record: &Record<'_>,
    body: &Body<'_>,
    facts: &impl Facts,
) -> Result<(), NotStored> {
    let bad = |BadSignature| NotStored::Signature;
    let simple = |signer: &Eid, kind: Kind, fields: &[u8], signature: &Signature| {
        verify_record::<P>(signer, kind.label(), fields, &[], signature).map_err(bad)
    };
    match body {
        Body::Binding(body) => {
            let bound = body.as_bytes().first_chunk::<56>().ok_or(NotStored::Malformed)?;
            P::verify(&body.source_eid.0, bound, &body.signature.0).map_err(bad)
        }
        Body::Ticket(body) => verify_ticket::<P>(body).map_err(bad),
        Body::AirkBinding(body) => {
            let fields = before(body.as_bytes(), 64);
            simple(&body.eid, Kind::AirkBinding, fields, &body.eid_signature)?;
            simple(&body.airk, Kind::AirkBinding, fields, &body.airk_signature)
        }
        Body::Revocation(body) => prove_revocation::<P>(body, facts),
        Body::Hosting(body) => {
            let fields = before(body.as_bytes(), 80);
            simple(&body.eid, Kind::Hosting, fields, &body.eid_signature)?;
            let Hosting { ll_entity_instance_identifier: lii, lii_signature, .. } = body;
            simple(lii, Kind::Hosting, fields, lii_signature)
        }
        Body::Root(body) => {
            let payment = body.payment::<P>().ok_or(NotStored::Payment)?;
            body.verify::<P>().map_err(bad)?;
            let holds = matches!(payment, Payment::Work(_)) || facts.paid(body);
            if holds { Ok(()) } else { Err(NotStored::Payment) }
        }
        Body::Curation(body) => {
            let (key, state) = facts.root_before(&body.path, body.version).ok_or(NotStored::NoParent)?;
            if state != body.state_before {
                return Err(NotStored::Predecessor);
            }
            in_good_standing(&key, facts)?;
            body.verify::<P>(&key).map_err(bad)
        }
        Body::Delegation(body) => {
            let key = facts.path_key(&body.parent).ok_or(NotStored::NoParent)?;
            in_good_standing(&key, facts)?;
            body.verify::<P>(&key).map_err(bad)
        }
        // keeps: IACP-135 (§6.2)
        Body::Publication(body) => simple(&body.eid, Kind::Publication, before(body.as_bytes(), 80), &body.signature),
        Body::Accusation(data, _) => verify_accusation::<P>(data).map(|_| ()).map_err(|_| NotStored::Signature),
        Body::Custody(body) => prove_custody::<P>(now, record, body, facts),
        Body::Assertion(body) => {
            let key = facts.path_key(&body.path).ok_or(NotStored::NoParent)?;
            in_good_standing(&key, facts)?;
            simple(&key, Kind::Assertion, body.signed, &body.assertion.terms.signature)
        }
        Body::Rebuttal(body) => {
            let signer = facts.airk(&body.head.offender_eid);
            let unsigned = before(body.as_bytes(), 180);
            let mut signed = [0; 184];
            signed.iter_mut().zip(REBUTTAL_HEADER.iter().chain(unsigned)).for_each(|(to, from)| *to = *from);
            let by = |signer: &Eid| simple(signer, Kind::Rebuttal, &signed, &body.signature);
            by(&body.head.offender_eid).or_else(|bad| signer.map_or(Err(bad), |airk| by(&airk)))?;
            prove_revocation::<P>(&body.revocation, facts)
        }
        Body::Verdict(body) => prove_verdict::<P>(class, record, body, facts),
        Body::Filter(body) => {
            simple(&body.directory_node_eid, Kind::Filter, before(body.as_bytes(), 552), &body.signature)
        }
        Body::Score(body) => {
            // The median is taken over the responsible nodes: no other one fills the list.
            if !facts.voters(class, &record.storage_key).contains(&body.directory_node_eid) {
                return Err(NotStored::Votes);
            }
            simple(&body.directory_node_eid, Kind::Score, before(body.as_bytes(), 88), &body.signature)
        }
        Body::Node(body) => {
            place::<P>(&body.eid, body.nonce.get(), facts.place_bits()).ok_or(NotStored::Place)?;
            simple(&body.eid, Kind::Node, before(body.as_bytes(), 68), &body.signature)
        }
    }
}

/// A curator that is decapitated signs nothing any more, and one in quarantine nothing new.
// keeps: IACP-127 (§5.5.3)
fn in_good_standing(curator: &Eid, facts: &impl Facts) -> Result<(), NotStored> {
    match (facts.is_slashed(curator), facts.is_challenged(curator)) {
        (true, _) => Err(NotStored::Blocked),
        (false, true) => Err(NotStored::Challenged),
        (false, false) => Ok(()),
    }
}

// keeps: IACP-104 (§4.2.7.2)
fn prove_revocation<P: Provider>(body: &Revocation, facts: &impl Facts) -> Result<(), NotStored> {
    let signer = facts.airk(&body.eid).unwrap_or(body.eid);
    let fields = before(body.as_bytes(), 48);
    verify_record::<P>(&signer, Kind::Revocation.label(), fields, &[], &body.signature)
        .map_err(|BadSignature| NotStored::Signature)
}

/// The curator's backup keeps its child alive for a day at a time, and for thirty once the curator is decapitated.
// keeps: IACP-164 (B.6)
fn prove_custody<P: Provider>(
    now: UnixTime,
    record: &Record<'_>,
    body: &Custodian<'_>,
    facts: &impl Facts,
) -> Result<(), NotStored> {
    let decapitated = facts.path_key(&body.path).is_some_and(|key| facts.is_slashed(&key));
    let most = if decapitated { 30 * DAY } else { DAY };
    if body.custody.terms.not_after.get() > now.0.saturating_add(most) {
        return Err(NotStored::Time);
    }
    if facts.is_witnessed(record) {
        return Ok(());
    }
    let court = DhtKey(P::sha256(&[body.path.as_bytes()]));
    let voters = facts.voters(Class::Namespaces, &court);
    let mut ballot = Ballot::new(&voters).ok_or(NotStored::Votes)?;
    let mut reached = false;
    for vote in body.custody.votes {
        match ballot.vote(&vote.directory_node_eid, Outcome::Guilty) {
            Counted::Counted => {}
            Counted::Verdict(_) => reached = true,
            Counted::Known | Counted::DoubleVote | Counted::Stranger => return Err(NotStored::Votes),
        }
    }
    if !reached {
        return Err(NotStored::Votes);
    }
    body.custody.votes.iter().try_for_each(|vote| {
        verify_record::<P>(&vote.directory_node_eid, Kind::Custody.label(), body.signed, &[], &vote.signature)
            .map_err(|BadSignature| NotStored::Signature)
    })
}

/// k votes where it was tried, or the same from f + 1 of those nodes: a verdict outlives its voters.
fn prove_verdict<P: Provider>(
    class: Class,
    record: &Record<'_>,
    body: &Verdict<'_>,
    facts: &impl Facts,
) -> Result<(), NotStored> {
    let court = facts.court(&body.head.accusation_id);
    if Outcome::from_code(body.head.outcome).is_none() {
        return Err(NotStored::Malformed);
    }
    // What the nodes say covers the storage key: so a node that comes later learns of a curator's verdict too.
    if facts.is_witnessed(record) {
        return Ok(());
    }
    if class == Class::Namespaces && court != Some((class, record.storage_key)) {
        return Err(NotStored::Key);
    }
    let (class, key) = court.unwrap_or((class, record.storage_key));
    // While it is tried here, those vote that were responsible when it opened.
    let ballot = facts.ballot(&body.head.accusation_id);
    let voters = if ballot.is_empty() { facts.voters(class, &key) } else { ballot };
    match ballot::binds::<P>(body, &voters) {
        Ok(_) => Ok(()),
        Err(NotBinding::Signature) => Err(NotStored::Signature),
        Err(NotBinding::Outcome | NotBinding::Voter | NotBinding::TooFew) => Err(NotStored::Votes),
    }
}

/// The header of a PSS_REVOCATION_REBUTTAL of 244 bytes without flags.
const REBUTTAL_HEADER: [u8; 4] = [0x11, 0x30, 0x00, 0xF4];

fn before(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or_default()
}

/// The header of a DHT_TICKET_STORE without flags.
const TICKET_HEADER: [u8; 4] = [0x10, 0x50, 0x00, 0xB4];

/// The signature of a Forwarding Ticket: over its frame without the TTL, so that an answer can carry it too.
fn verify_ticket<P: Provider>(ticket: &DhtTicketStore) -> Result<(), BadSignature> {
    let mut before = [0; 68];
    let named = ticket.target_storage_key.0.iter().chain(&ticket.target_agent_eid.0);
    before.iter_mut().zip(TICKET_HEADER.iter().chain(named)).for_each(|(to, from)| *to = *from);
    let sealed = ticket.as_bytes().get(68..116).ok_or(BadSignature)?;
    verify_record::<P>(&ticket.target_agent_eid, Kind::Ticket.label(), &before, sealed, &ticket.signature)
}
