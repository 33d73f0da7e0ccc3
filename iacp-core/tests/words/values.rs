//! What a person reads of kinds, states and decisions: each text once.

use iacp_core::{crypto, dhi, directory, erp, governance, guard, machine, pss};

use super::words;

/// Each variant of a type, and how it reads.
macro_rules! said {
    ($type:path: $($variant:ident = $text:literal),+ $(,)?) => {{
        use $type as T;
        assert_eq!(words(&[$(T::$variant),+]), [$($text),+], stringify!($type));
    }};
}

#[test]
fn what_keys_and_tables_say() {
    said!(crypto::strict::Equation: Cofactored = "with the cofactor", Cofactorless = "without the cofactor");
    said!(crypto::Suite: Aes256Gcm = "AES-256-GCM", ChaCha20Poly1305 = "ChaCha20-Poly1305");
    said!(machine::Origin: Drawn = "drawn", Said = "text", Ours = "ours");
}

#[test]
fn what_the_guard_says() {
    said!(guard::Weight: Look = "a look-up", Search = "a search", Mutation = "a mutation", Trial = "a trial");
    said!(guard::Charge: Guilty = "found guilty", Fallen = "fallen reputation", False = "false work or content");
    said!(guard::ticket::Spent: New = "a new request", Again = "the same request again");
}

#[test]
fn what_courts_and_reputation_say() {
    said!(
        governance::claims::ClaimKind:
        Curation = "curation", Delegation = "delegation", Vote = "vote", Turn = "turn",
    );
    said!(
        governance::equivocation::Sighting:
        BindingPair = "two places under one generation", ContractPair = "two contracts for one turn",
        TicketPair = "two tickets under one nonce", Contradiction = "a contradiction in the session",
        NoRight = "an operation without a right",
    );
    said!(
        governance::equivocation::Ends:
        Nothing = "nothing ends", Session = "the session ends", EverySession = "every session with the peer ends",
    );
    said!(
        governance::equivocation::Published:
        Nothing = "nothing is published", ProofOfMal = "a proof of malfeasance", Revocation = "a revocation",
    );
    said!(
        governance::journal::EntryKind:
        Good = "good", Bad = "bad", Due = "due", Met = "met", Accusation = "accusation", Verdict = "verdict",
        Change = "change of treatment",
    );
    said!(governance::reputation::Proven: Nothing = "nothing is proven", Against = "proven against it");
    said!(governance::window::Outcome: Guilty = "guilty", Cleared = "cleared");
    said!(governance::window::From: Accused = "from the accused", Node = "from another node");
}

#[test]
fn what_the_directory_says() {
    said!(directory::quorum::Progress: Waiting = "waiting", Done = "done", Failed = "failed");
    said!(directory::Origin: Owner = "from its owner", Node = "from a node");
    said!(
        directory::Class:
        Identities = "identities", Namespaces = "namespaces", Spaces = "Discovery Spaces", Overlay = "nodes",
    );
    said!(
        directory::Kind:
        Binding = "binding", Ticket = "Forwarding Ticket", AirkBinding = "identity root key",
        Revocation = "revocation", Hosting = "hosting", Root = "root", Curation = "curation",
        Delegation = "delegation", Custody = "custody", Assertion = "assertion", Publication = "publication",
        Accusation = "accusation", Rebuttal = "rebuttal", Verdict = "verdict", Score = "score", Node = "node",
        Filter = "filter",
    );
    said!(directory::metric::Diversity: Limited = "limited", Off = "off");
    said!(
        directory::node::NotRelayed:
        Form = "no frame for a hub", Throttled = "too many from this network",
        Work = "the work is missing, old, or for another frame", Spent = "the proof has been used",
        Full = "no room to wait for answers, or to remember the proof",
        NoMember = "no agent of the space would get it", Token = "no such token, or another member's",
        Signature = "the signature is not the member key's",
    );
    said!(
        directory::node::Presented:
        New = "new", Again = "shown again", Spent = "spent", Full = "no place to remember it",
    );
}

#[test]
fn what_a_host_says() {
    said!(
        erp::agent::RotationReason:
        Administrative = "administrative", Compromise = "the key may be out", TaskEnded = "the task has ended",
    );
    said!(erp::dock::DockReason: Planned = "planned", Compromise = "the exporting host is compromised");
    said!(
        erp::dock::RecordType:
        Context = "context", Session = "session", Endpoint = "endpoint", Right = "right",
        Member = "member of a group", TicketKeys = "ticket keys", Application = "the agent's own bytes",
    );
    said!(
        erp::generation::Effect:
        Enter = "entered", Replace = "replaces the entry", Leave = "the EID is gone",
        Process = "the cache has nothing to do with it", Offer = "the cache stays until the frame authenticates",
        Equivocation = "two places under one generation", Drop = "dropped",
    );
    said!(
        erp::resume::LineOutcome:
        New = "a new line", Resumed = "the line goes on",
        Unknown = "a new line, for the peer does not know the old one",
    );
    said!(erp::resume::Item: Fresh = "delivered now", Repeated = "delivered before", Beyond = "beyond memory");
    said!(erp::local::Continuity: GoesOn = "it goes on", Disconnected = "disconnected", Reconciling = "reconciling");
    said!(
        erp::local::ClosureCode:
        Graceful = "closed in good order", ForcedByUs = "ended by this side", ForcedByPeer = "ended by the peer",
        Unanswered = "the request for teardown was not answered", NoAnswer = "the handshake got no answer",
        Contradiction = "the peer contradicted itself", Compromised = "compromised",
        Lost = "the transport did not come back", KeySpent = "a key was used as much as it may be",
        Superseded = "superseded by another session",
    );
}

#[test]
fn what_the_interpreter_says() {
    said!(
        dhi::link::Reason:
        NoTarget = "a link without <target>", Unclosed = "a target or a quoted string that does not end",
        Byte = "a byte that cannot stand there", TooManyParameters = "more than 16 parameters",
    );
}

#[test]
fn what_a_session_says() {
    said!(pss::Role: Initiator = "initiator", Responder = "responder");
    said!(
        pss::Admission:
        Admit = "admitted", DemandWork = "more work is demanded", Throttle = "throttled", Drop = "dropped",
        NotKnownYet = "not known yet",
    );
    said!(
        pss::ContentKind:
        Anml = "ANML", EseUpdate = "endpoint update", Dgk = "group key", Sfc = "contract operation",
        Resume = "resume record", PathReport = "path report",
    );
    said!(
        pss::shared::frame::Status:
        Ok = "done", Capacity = "too many operations a second", TooLong = "the value is too long",
        NoAccess = "no such endpoint, or no right to it", Version = "the version is another one",
    );
    said!(pss::shared::right::Reach: Host = "host", Link = "link", Public = "public");
}

#[test]
fn a_width_in_a_format_string_holds() {
    assert_eq!(format!("{:>10}|{:<6}|", pss::Role::Initiator, crypto::Suites::NONE), " initiator|none  |");
}
