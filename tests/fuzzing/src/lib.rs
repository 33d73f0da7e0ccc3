//! The bodies of the fuzz targets of IACP, for any harness: each is a function of bytes that panics if something does not
//! hold. `fuzz/` hands them to libFuzzer; `tests/replay.rs` runs them over their seeds and over changed seeds in every test
//! run; `cargo run -p fuzzing -- FOLDER` writes seeds and dictionaries for a fuzzer, also those of the targets that have their
//! bodies in `fuzz/`.

mod directory;
mod discovery;
mod frame;
pub mod interpreter;
pub mod provider;
pub mod session;
pub mod vectors;

/// One target: a name, a body, and what makes it quick.
pub struct Target {
    /// The name of the fuzz target.
    pub name: &'static str,
    /// What holds for any bytes.
    pub run: fn(&[u8]),
    /// Inputs from which to begin: name and bytes.
    pub seeds: fn() -> Vec<(String, Vec<u8>)>,
    /// Words that inputs are made of: name and bytes.
    pub words: fn() -> Vec<(String, Vec<u8>)>,
}

/// Every target of this crate.
pub const TARGETS: [Target; 12] = [
    Target { name: "frame", run: frame, seeds: frame::seeds, words: frame::words },
    Target { name: "discovery", run: discovery, seeds: discovery::seeds, words: no_words },
    Target { name: "session", run: session, seeds: session::seeds, words: no_words },
    Target { name: "hostile", run: hostile, seeds: session::seeds, words: no_words },
    Target { name: "entity", run: entity, seeds: sessions::drive::seeds, words: no_words },
    Target { name: "link", run: link, seeds: interpreter::link_seeds, words: interpreter::link_words },
    Target { name: "pipeline", run: pipeline, seeds: interpreter::pipeline_seeds, words: no_words },
    Target { name: "canonical", run: canonical, seeds: interpreter::canonical_seeds, words: no_words },
    Target { name: "record", run: record, seeds: directory::record_seeds, words: no_words },
    Target { name: "judge", run: judge, seeds: directory::record_seeds, words: no_words },
    Target { name: "chain", run: chain, seeds: directory::record_seeds, words: no_words },
    Target { name: "node", run: node, seeds: directory::node_seeds, words: no_words },
];

/// Any bytes are a frame or refused, and the judge of iacp-wire's property tests finds no fault.
pub fn frame(bytes: &[u8]) {
    frame::judge(bytes);
}

/// A responder of anonymous discovery against a model of it, by any order of requests, repeats, clocks and PSS_INITs.
pub fn discovery(bytes: &[u8]) {
    discovery::run(bytes);
}

/// Two honest ends on a network that repeats, loses, reorders, changes and cuts: what arrives is what was sent, once; what
/// was changed is discarded; no end is accused.
pub fn session(bytes: &[u8]) {
    session::run::<provider::Keyed>(bytes);
}

/// The same with seals and signatures that verify whatever is changed: a peer that is authentic and sends anything.
pub fn hostile(bytes: &[u8]) {
    session::run::<provider::Trusting>(bytes);
}

/// Three hosts with their agents, a directory and a network: what agents ask by their local channels, moves of agents from host to
/// host, accusations and relays, and strangers. No host panics, stands still, delivers an item twice, or keeps anything of agents
/// that are gone.
pub fn entity(bytes: &[u8]) {
    let _ = sessions::drive::run(bytes);
}

/// Any bytes are a Link field or refused, and what its targets resolve to is a URI in its one spelling.
pub fn link(bytes: &[u8]) {
    interpreter::link(bytes);
}

/// The interpreter's pipeline, answered with anything in any order: it ends, keeps its limits, and sends nothing to
/// internal addresses.
pub fn pipeline(bytes: &[u8]) {
    interpreter::pipeline(bytes);
}

/// Canonical text is the same however the input is cut, and its entropy is between 0 and 8 bits per byte.
pub fn canonical(bytes: &[u8]) {
    interpreter::canonical(bytes);
}

/// Any bytes are records or refused, and one that may stand is bound to its key and its time.
pub fn record(bytes: &[u8]) {
    directory::record(bytes);
}

/// Of two records of one slot at most one displaces the other.
pub fn judge(bytes: &[u8]) {
    directory::judged(bytes);
}

/// A chain of delegations resolves to its last key, or breaks.
pub fn chain(bytes: &[u8]) {
    directory::chain(bytes);
}

/// A directory node under any frames: bounded answers, bounded memory, and no binding that gives way to an older one.
pub fn node(bytes: &[u8]) {
    directory::node(bytes);
}

/// No words: these inputs are operations of fixed length, or are built from their seeds.
fn no_words() -> Vec<(String, Vec<u8>)> {
    Vec::new()
}
