//! What a person reads of events and results that have numbers, keys or reasons in them.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use iacp_core::crypto::{ChaChaOnly, Suite, Suites};
use iacp_core::dhi::extraction::Placement;
use iacp_core::dhi::fallback::Mapping;
use iacp_core::dhi::handoff::{HandOff, Trigger};
use iacp_core::dhi::mapping::Kept;
use iacp_core::dhi::opinions::Opinion;
use iacp_core::dhi::pipeline::{Ingested, Mark, Media, NotFollowed, Noted};
use iacp_core::dhi::{form::Form, link};
use iacp_core::directory::accusation::Court;
use iacp_core::directory::client::Written;
use iacp_core::directory::name::{Path, Payment};
use iacp_core::directory::node::{Full, Handled, NodeEvent, NotRelayed, Relayed, Silence, Source};
use iacp_core::directory::{Answered, Judgement, NotStored};
use iacp_core::erp::context::State;
use iacp_core::erp::deflect::Onward;
use iacp_core::erp::entity::{Dropped, HostEvent, To};
use iacp_core::erp::local::{AgentEvent, ClosureCode, Continuity, LocalStatus, Mapped, Opened, Standing};
use iacp_core::erp::multipath::PathReport;
use iacp_core::erp::resume::LineOutcome;
use iacp_core::erp::stream::Way;
use iacp_core::erp::transit::Carriage;
use iacp_core::governance::equivocation::Published;
use iacp_core::governance::malfeasance::Offence;
use iacp_core::governance::reputation::{Rating, Treatment};
use iacp_core::governance::window::{self, Counted, Outcome};
use iacp_core::guard::{Asked, breaker};
use iacp_core::identity::Derivation;
use iacp_core::pss::shared::Coordinate;
use iacp_core::pss::shared::frame::Status;
use iacp_core::pss::shared::right::{Due, Served};
use iacp_core::pss::{
    Capabilities, Closure, ContentKind, Discard, Received, RejectionReasons, Replied, Role, SessionEvent, Terms,
};
use iacp_core::slots::Handle;
use iacp_core::time::UnixTime;
use iacp_wire::message::{ErpDeflect, TransitGrant};
use iacp_wire::{Cookie, Digest, Eid};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use zerocopy::FromZeros;

use super::words;

const EID: Eid = Eid([0xab; 32]);
/// `EID` in 64 digits.
const NAME: &str = "abababababababababababababababababababababababababababababababab";
const TERMS: Terms = Terms { dgk_rotation: 60, lifetime: 3_600, receive_window: 8 };

fn said<T: Display>(each: Vec<(T, &str)>) {
    let (values, texts): (Vec<T>, Vec<&str>) = each.into_iter().unzip();
    // A key in a text stands as KEY here.
    let read: Vec<String> = words(&values).iter().map(|line| line.replace(NAME, "KEY")).collect();
    assert_eq!(read, texts);
}

fn there() -> SocketAddr {
    ([192, 0, 2, 7], 4_227).into()
}

#[test]
fn flags_are_listed_and_unknown_bits_are_shown() {
    let both = RejectionReasons(0x41);
    said(vec![
        (RejectionReasons::NONE, "nothing"),
        (RejectionReasons::LIFETIME_TOO_LONG, "lifetime too long"),
        (RejectionReasons::LIFETIME_TOO_SHORT, "lifetime too short"),
        (RejectionReasons::WINDOW_TOO_LARGE, "window too large"),
        (RejectionReasons::WINDOW_TOO_SMALL, "window too small"),
        (RejectionReasons::ROTATION_TOO_SLOW, "rotation too slow"),
        (RejectionReasons::ROTATION_TOO_FAST, "rotation too fast"),
        (RejectionReasons::OTHER, "another reason"),
        (both, "lifetime too long, 0x40"),
    ]);
    let some = Capabilities::SFC.with(Capabilities::RESUME);
    said(vec![
        (Capabilities::NONE, "none"),
        (some, "contract, resume"),
        (Capabilities::CHACHA20_POLY1305, "ChaCha20-Poly1305"),
        (Capabilities::TERMS_ACCEPTED, "terms accepted"),
        (Capabilities::ENDPOINTS, "endpoints"),
        (Capabilities::EXCLUSIVE, "exclusive endpoint"),
        (Capabilities::from_bits(0x100), "0x100"),
    ]);
    said(vec![
        (Suites::NONE, "none"),
        (Suites::ALL, "AES-256-GCM, ChaCha20-Poly1305"),
        (Suites::of(Suite::Aes256Gcm), "AES-256-GCM"),
    ]);
    said(vec![(Media::NONE, "none"), (Media::VIDEO, "video"), (Media::RASTER.and(Media::FORMS), "raster, forms")]);
}

#[test]
fn a_session_tells_what_has_changed() {
    let reasons = RejectionReasons::WINDOW_TOO_SMALL;
    said(vec![
        (SessionEvent::Established, "established"),
        (
            SessionEvent::Proposed { turn: 2, reasons, terms: TERMS },
            "turn 2 proposes rotation 60 s, lifetime 3600 s, window 8; refused before: window too small",
        ),
        (SessionEvent::Contract(TERMS), "contract: rotation 60 s, lifetime 3600 s, window 8"),
        (SessionEvent::Disconnected, "disconnected"),
        (SessionEvent::Reconciling, "reconciling"),
        (SessionEvent::Reconciled, "reconciled"),
        (SessionEvent::Moved { to: there() }, "the peer has moved to 192.0.2.7:4227"),
        (SessionEvent::Finished { sequence: 9 }, "the peer has finished with sequence 9"),
        (SessionEvent::CloseRequested { reason: 1 }, "the peer asks for the end, reason 1"),
        (SessionEvent::Delivered, "everything sent is acknowledged"),
        (SessionEvent::Writable, "there is room again"),
        (SessionEvent::Closed(Closure::Graceful), "closed in good order"),
        (SessionEvent::Released, "the memory is free"),
    ]);
    let content = &mut [0; 5];
    said(vec![
        (Received::Taken, "taken"),
        (Received::Discarded(Discard::Repeat), "discarded: repeated"),
        (Received::Data { sequence: 3, kind: ContentKind::Anml, content }, "ANML, sequence 3, 5 bytes"),
    ]);
    let replied =
        |throttled| Replied::Negotiate { length: 9, initiator: EID, cookie: Cookie::ZERO, throttled, proof: None };
    said(vec![
        (replied(false), "PSS_NEG to KEY"),
        (replied(true), "PSS_NEG to KEY, throttled"),
        (Replied::DemandWork { initiator: EID }, "more work is demanded of KEY"),
    ]);
}

#[test]
fn rows_marks_and_names_are_shown() {
    let row = breaker::ROWS.first().expect("a row");
    assert_eq!(row.to_string(), "CLOSED + RX_REQUEST_WITH_TICKET => CLOSED");
    assert_eq!(breaker::MACHINE.states[1].to_string(), "OPEN");
    assert_eq!(Mark { at: 20, what: Noted::UserReqCheck }.to_string(), "20 ms: USER_REQ_CHECK");
    assert_eq!(Coordinate(EID.0).to_string(), NAME);
    let name = Derivation::new::<ChaChaOnly>(&EID, &mut ChaCha8Rng::seed_from_u64(1)).esd_eid();
    let digits: String = name.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((name.to_string(), format!("{name:?}")), (digits.clone(), format!("EsdEid({digits})")));
}

#[test]
fn an_endpoint_tells_what_an_operation_led_to() {
    said(vec![
        (Served::Nothing, "nothing is to be sent"),
        (Served::Result { request: 4, status: Status::Version, version: 2 }, "request 4: the version is another one"),
        (Served::Value { request: 4, version: 2 }, "request 4 gets version 2"),
        (Served::Changed { request: 4, version: 2 }, "request 4 has made version 2"),
        (Served::NotOurs, "it is about an endpoint of the peer"),
    ]);
    let door = Coordinate([1; 32]);
    said(vec![
        (Due::Key(door), "the key of the epoch"),
        (Due::Out(door), "that the peer is no longer a member"),
        (Due::Value(door), "the newest value"),
        (Due::Gone(door), "that the endpoint has ended"),
    ]);
}

#[test]
fn an_agent_is_told_what_happened() {
    let opened = Opened {
        peer: EID,
        role: Role::Initiator,
        outcome: LineOutcome::Resumed,
        throttled: false,
        capabilities: Capabilities::RESUME,
        line: [0; 16],
        first_to_send: 0,
        first_to_come: 0,
    };
    let closed = |truncated| AgentEvent::Closed { closure: ClosureCode::Lost, truncated, reason: 0, delivered: 0 };
    let (coordinate, zeros) = (Digest([0xab; 32]), "0".repeat(64));
    said(vec![
        (AgentEvent::Result { request: 5, status: Ok(()) }, "request 5 is done"),
        (AgentEvent::Result { request: 5, status: Err(LocalStatus::NotFound) }, "request 5: not found"),
        (
            AgentEvent::Standing { request: 5, standing: Standing { flags: 0, reputation: 6_000, generation: 0 } },
            "standing: 6000 of 10,000",
        ),
        (AgentEvent::Resolved { request: 5, mapped: Mapped { eid: EID, seconds: 60 } }, "mapped to KEY for 60 s"),
        (AgentEvent::State { state: State::Bound, degraded: false, accused: false, generation: 1 }, "context BOUND"),
        (AgentEvent::Opened(opened), "session with KEY: the line goes on"),
        (
            AgentEvent::Proposed { turn: 1, reasons: RejectionReasons::NONE, terms: TERMS },
            "turn 1 proposes rotation 60 s, lifetime 3600 s, window 8; refused before: nothing",
        ),
        (AgentEvent::Contract(TERMS), "contract: rotation 60 s, lifetime 3600 s, window 8"),
        (AgentEvent::Data { sequence: 3, item: None, content: b"hello" }, "5 bytes, sequence 3"),
        (AgentEvent::Delivered { item: 4 }, "everything below item 4 is with the peer"),
        (AgentEvent::Room, "there is room again"),
        (AgentEvent::Finished { sequence: 9 }, "the peer has finished with sequence 9"),
        (AgentEvent::CloseRequested { reason: 1 }, "the peer asks for the end, reason 1"),
        (closed(false), "the transport did not come back"),
        (closed(true), "the transport did not come back, truncated"),
        (AgentEvent::Value { coordinate, version: 2, value: b"open" }, "version 2 of endpoint KEY"),
        (AgentEvent::Gone { coordinate }, "endpoint KEY has ended"),
        (AgentEvent::Granted { coordinate, rights: 3, seconds: 0, tag: b"door" }, "rights 3 to endpoint KEY"),
        (
            AgentEvent::Paths(PathReport { missing: [0, 0, 4], ..PathReport::default() }),
            "missing on the three paths: [0, 0, 4]",
        ),
        (AgentEvent::Continuity(Continuity::GoesOn), "it goes on"),
    ]);
    assert_eq!(AgentEvent::Gone { coordinate: Digest::ZERO }.to_string(), format!("endpoint {zeros} has ended"));
}

#[test]
fn a_host_is_told_what_happened() {
    let session = Handle::from_bits(1 << 32).expect("slot 0");
    let (eid, peer, cookie) = (EID, EID, Cookie::ZERO);
    said(vec![
        (HostEvent::Taken, "taken"),
        (HostEvent::Dropped(Dropped::NotNow), "dropped: not now"),
        (
            HostEvent::Agent { eid, channel: None, session: None, event: AgentEvent::Room },
            "agent KEY: there is room again",
        ),
        (HostEvent::Cloned(eid), "KEY is given up: its key is in other hands"),
        (HostEvent::WrongSource(eid), "the nodes see KEY at another address"),
        (HostEvent::Accused { eid, offence: Offence::DoubleVote }, "KEY is accused: two votes on one accusation"),
        (HostEvent::Proof { offender: eid, published: Published::Revocation }, "proof against KEY: a revocation"),
        (HostEvent::Greeted { eid, peer, cookie, proof: [0; 16] }, "KEY has found KEY by a search"),
        (HostEvent::Met { eid, peer, cookie, contract: false }, "KEY has opened a session with KEY"),
        (HostEvent::Moved { eid, session, to: there() }, "a peer has moved to 192.0.2.7:4227"),
        (HostEvent::Compromised { eid, peer }, "KEY has contradicted itself"),
        (HostEvent::Deflect { to: there(), stream: &[] }, "a frame goes on to 192.0.2.7:4227"),
        (HostEvent::ChannelShut(3), "channel 3 is shut for a minute"),
    ]);
    said(vec![(To::Network(there()), "192.0.2.7:4227"), (To::Inside, "another agent of this host")]);
    said(vec![
        (Onward::Arrived, "it is for this host"),
        (Onward::Next { to: there(), ttl: 3 }, "on to 192.0.2.7:4227, TTL 3"),
    ]);
    let deflect = ErpDeflect::new_zeroed();
    said(vec![
        (Way::Direct, "directly"),
        (Way::Deflected(&deflect), "by a router"),
        (Way::Relayed { path: 2 }, "by a relay, path 2"),
    ]);
    said(vec![
        (Carriage::Carry, "it may carry"),
        (Carriage::Grant(TransitGrant::new_zeroed()), "a token is granted"),
        (Carriage::Silence, "silence: the signature does not hold"),
    ]);
}

#[test]
fn a_node_and_its_clients_are_told_what_became_of_a_record() {
    said(vec![
        (Judgement::Store { expiry: 1 }, "it stands"),
        (Judgement::Refresh { expiry: 1 }, "it stands for longer"),
        (Judgement::Stale, "what is held is newer, or came first"),
        (Judgement::Equivocation, "it contradicts what is held"),
        (Judgement::Refused(NotStored::Blocked), "refused: the owner is slashed"),
    ]);
    said(vec![
        (Answered::Status(0), "the node keeps the record"),
        (Answered::Status(17), "status 17"),
        (Answered::Refused { code: 2, retry_after: 20 }, "the node wants 20 bits of work"),
        (Answered::Refused { code: 1, retry_after: 500 }, "error 1, again in 500 ms"),
    ]);
    said(vec![
        (Written::Waiting, "too few nodes have answered"),
        (Written::Work(20), "the nodes want 20 bits of work"),
        (Written::Done, "a quorum has it"),
        (Written::Refused(17), "refused, status 17"),
        (Written::Failed, "no quorum in time"),
    ]);
    said(vec![
        (Handled::Answer(88), "answered with 88 bytes"),
        (Handled::Silence(Silence::Spent), "silence: its proof of work was used before"),
    ]);
    said(vec![
        (Relayed::Answer(88), "answered with 88 bytes"),
        (Relayed::Forward(there(), 96), "a member's answer goes to 192.0.2.7:4227"),
        (Relayed::Passed(4), "passed on to 4 members"),
        (Relayed::Silence(NotRelayed::Spent), "silence: the proof has been used"),
    ]);
    let (id, offender, outcome) = (Digest::ZERO, EID, Outcome::Guilty);
    said(vec![
        (NodeEvent::Persist { id, offender, outcome }, "the vote on KEY is to be stored: guilty"),
        (NodeEvent::Lapsed { id, offender }, "the accusation of KEY has lapsed"),
        (NodeEvent::Verdict { id, offender, outcome }, "the verdict on KEY is guilty"),
        (NodeEvent::Equivocation { offender }, "KEY has signed two records that contradict each other"),
    ]);
    said(vec![
        (Source::Owner(IpAddr::from([192, 0, 2, 7])), "its owner at 192.0.2.7"),
        (Source::Node(IpAddr::from([192, 0, 2, 7])), "a node at 192.0.2.7"),
    ]);
    said(vec![(Full, "there is no room for the record")]);
    let path = Path::new("org.agentnet").expect("a path");
    said(vec![(Court::Eid(EID), "the nodes for KEY"), (Court::Path(path), "the nodes for org.agentnet")]);
    said(vec![
        (Payment::Work(28), "28 bits of burnt work"),
        (Payment::Pinned, "pinned"),
        (Payment::Ledger, "on a ledger"),
    ]);
}

#[test]
fn courts_and_keepers_tell_how_they_decide() {
    said(vec![
        (Treatment::Admit, "admitted"),
        (Treatment::DemandWork { threshold: 5_000, score: 4_000 }, "works more: 4000 is below 5000"),
        (Treatment::Throttle, "throttled"),
        (Treatment::Drop, "dropped"),
    ]);
    said(vec![(Rating { score: 6_000, observations: 2 }, "6000 of 10,000 after 2 observations")]);
    said(vec![
        (window::Due::Persist(Outcome::Cleared), "the vote is to be stored: cleared"),
        (window::Due::Lapsed, "the accusation has lapsed"),
    ]);
    said(vec![
        (Counted::Counted, "counted"),
        (Counted::Verdict(Outcome::Guilty), "counted, and the verdict is guilty"),
        (Counted::Known, "counted before"),
        (Counted::DoubleVote, "a second vote of its node, which says something else"),
        (Counted::Stranger, "the node does not vote here"),
    ]);
    said(vec![
        (Asked::Free, "no work"),
        (Asked::Known, "less work: what is asked about is known"),
        (Asked::Change, "the work of a change"),
        (Asked::Heavy, "more work: an accusation, or a newcomer"),
        (Asked::Distrusted { level: 2 }, "more work: the peer is distrusted at level 2"),
    ]);
}

#[test]
fn the_interpreter_tells_what_it_found() {
    let expiry = UnixTime(1);
    said(vec![
        (Mapping::Mapped { eid: EID, expiry }, "mapped to KEY"),
        (Mapping::NotFound, "no mapping"),
        (Mapping::Refused, "the resolver does not say"),
    ]);
    said(vec![(Kept::Mapped(EID), "mapped to KEY"), (Kept::NotFound, "no mapping")]);
    said(vec![
        (Opinion::Mapped { eid: EID, expiry }, "mapped to KEY"),
        (Opinion::NotFound, "no mapping"),
        (Opinion::Split, "the nodes do not agree"),
    ]);
    said(vec![
        (Placement::Pruned, "pruned"),
        (Placement::Stream, "a stream of its own"),
        (Placement::Queued, "queued"),
        (Placement::Displaced(3), "queued in place of node 3"),
    ]);
    said(vec![(Form::Xml, "application/anml+xml"), (Form::Json, "application/anml+json")]);
    let malformed = link::MalformedLink { at: 3, reason: link::Reason::Byte };
    said(vec![(malformed, "Link field, byte 3: a byte that cannot stand there")]);
    let hand_off = HandOff { trigger: Trigger::AnmlAbsent, url: "https://example.org/" };
    said(vec![
        (Ingested::Legacy(hand_off, ()), "legacy: ANML_ABSENT"),
        (Ingested::Unavailable { retry_after: 300_000, buffer: () }, "not available, again in 300000 ms"),
        (Ingested::Refused(NotFollowed::PlainHttp, ()), "refused: the URI's scheme is http, and only https is allowed"),
    ]);
}
