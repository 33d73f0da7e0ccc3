//! What a person reads of an error outside of a session: each in words, and no two of a type alike.

use iacp_core::directory::name::ChainBreak;
use iacp_core::erp::dock::DockError;
use iacp_core::erp::entity::NotAccused;
use iacp_core::erp::generation::NoGeneration;
use iacp_core::erp::local::LocalStatus;
use iacp_core::governance::malfeasance::Unproven;
use iacp_core::{crypto, dhi, directory, discovery, erp, governance, guard, pss, scope, slots};

use super::words;

/// Each of these variants of a type, in words.
macro_rules! each {
    ($type:path: $($variant:ident $(($with:expr))?),+ $(,)?) => {{
        use $type as T;
        words(&[$(T::$variant $(($with))?),+]);
    }};
}

#[test]
fn what_is_refused_in_a_search_or_by_the_guard_is_said_in_words() {
    each!(discovery::NotAccepted: Malformed, Timestamp, Threshold, Proof, Replayed, FilterFull, NoSlot, Seal, Enough);
    each!(directory::work::NotWorked: Claim, TooLow, Time, Proof, Frame);
    each!(erp::entity::Dropped:
        Malformed, NoAgent, NotNow, Generation, RateLimited, NotAsked, Signature, Answer(dhi::fallback::Ignored::Nonce),
        Equivocation, Token, ChannelShut, Session(pss::Discard::NotNow)
    );
    each!(directory::node::Silence:
        Form, Claim, Proof, Spent, Frame, Node, Ticket, Throttled, Vote, Compared
    );
    each!(directory::node::Unnamed: Broken(ChainBreak::PathMalformed), Quarantined(iacp_wire::Eid([1; 32])));
    each!(governance::window::Rejected: Late, NoRevocation, Over);
    each!(governance::malfeasance::Offence: Equivocation, CuratorDoubleSigning, DoubleVote, ContractEquivocation);
    each!(guard::ticket::NoTicket: Time, Refused, Liability, Other, Spent, Curator, Signature, Full);
    each!(
        directory::NotStored: Malformed, Key, Time, Generation, Blocked, Revoked, Challenged, NoParent, Predecessor,
        Place, Signature, Payment, Votes
    );
    each!(
        ChainBreak: PathMalformed, RootUnknown, RootUnproven, CurationBroken, RootRevoked, LinkMissing, ChainTooLong,
        ParentMismatch, NotAnExtension, WindowInvalid, NotYetValid, Expired, BadSignature, KeyRevoked, TerminalRefused
    );
    each!(directory::node::NotRestored: Malformed, NoRoom);
}

#[test]
fn why_nothing_is_proven_is_said_in_words() {
    each!(
        Unproven: Version, Offence, OwnAccuser, Generations, SamePlace, Spelling, Digests, Form, Serial,
        NoContradiction, Fragment, Accuser
    );
    each!(governance::equivocation::NotProven: NotATurn, OtherPoint, Same, Signature);
    each!(governance::ballot::NotBinding: Outcome, Voter, TooFew, Signature);
    each!(governance::journal::Broken: Signature, Sequence(3), Sequence(4), Count, Hash);
    each!(NotAccused: NotHere, Unproven(Unproven::Version), Unproven(Unproven::Form));
}

#[test]
fn what_an_interpreter_met_is_said_in_words() {
    each!(dhi::fallback::Ignored: Malformed, Nonce, Resolver, Signature, Status, Expiry);
    each!(dhi::fallback::Unanswered: Malformed, TooSoon, Full, Signature, Buffer);
    each!(
        dhi::handoff::Trigger: AnmlAbsent, RichMediaRequired, EvaluationTimeout, BufferOverflow, EquivalenceFailed,
        StructureInvalid
    );
    each!(dhi::path::NoRoute: Cycle(1), Unreachable, TooFar, NoSuchNode(1), Unsorted(1), Scratch);
    each!(scope::Scope: Host, Link, Site, World);
    each!(dhi::uri::UriError: TooLong, Byte, Scheme, UserInfo, Host, Port);
    each!(dhi::relevance::NotComparable: Length, NotFinite);
    words(&[dhi::form::NotOfForm]);
}

#[test]
fn what_an_ll_entity_refuses_is_said_in_words() {
    each!(erp::deflect::Stopped: Expired, TtlTooHigh, Scope, Back, Loop, NotDeflected);
    each!(
        DockError: Malformed, NotForUs, NotListed, Expired, Signature, WeakKey, Seal, Records, TooSmall, Complete,
        NoAgent, NotNow, NotPersisted, Capacity
    );
    each!(erp::multipath::NotRelayed: NotAsked, NotBound, Back);
    each!(erp::resume::NotResumed: Malformed, OtherLine, Contradiction);
    each!(erp::sandbox::Shut: Time, Capacity, Malformed, Unknown, Stream, Url, Full);
    each!(erp::stream::NotCarried: Malformed, Nesting, Inner, CarriedHandshake, SelfAddressed, Path);
    each!(erp::ticket::NotOpened: None, OtherKey, Old, Signature, Seal, Place);
    words(&[NoGeneration::NotPersisted { bound: 7 }, NoGeneration::Exhausted]);
    words(&[erp::ticket::NotIssued::NotPersisted { bound: 7 }, erp::ticket::NotIssued::Exhausted]);
    words(LocalStatus::ALL);
}

#[test]
fn what_a_table_or_a_key_lacks_is_said_in_words() {
    each!(slots::TooFew: IndexCells(8), NoPowerOfTwo, HeapCells(8), Zones(256), NoPlace, TooMany, NoDirectory);
    each!(pss::shared::endpoint::EndpointError: Capacity, Tag, Exists, NotFound, TooLong, Version);
    each!(pss::shared::group_key::GroupError: Capacity, Length, Spent, UnknownEpoch, Seal);
    words(&[pss::shared::frame::MalformedFrame]);
    words(&[directory::MalformedRecord]);
    words(&[erp::local::MalformedRequest]);
    words(&[crypto::BadSignature]);
    words(&[crypto::BadTag]);
    words(&[crypto::WeakKey]);
    words(&[crypto::TooLong]);
}
