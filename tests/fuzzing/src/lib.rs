//! The bodies of the fuzz targets, for any harness: each is a function of bytes that panics if something does not hold. `fuzz/`
//! hands them to libFuzzer; `tests/replay.rs` runs them over their seeds, over changed seeds and over noise in every test run;
//! `cargo run -p fuzzing -- FOLDER` writes seeds and dictionaries for a fuzzer.

pub mod container;
pub mod delivery;
pub mod directory;
mod discovery;
pub mod drop;
mod envelope;
mod frame;
pub mod governance;
pub mod interaction;
pub mod interpreter;
pub mod provider;
pub mod rollout;
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

/// Every target.
pub const TARGETS: [Target; 23] = [
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
    Target { name: "chain", run: chain, seeds: directory::chain_seeds, words: no_words },
    Target { name: "node", run: node, seeds: directory::node_seeds, words: no_words },
    Target { name: "hub", run: hub, seeds: directory::hub_seeds, words: no_words },
    Target { name: "surface", run: surface, seeds: envelope::surface_seeds, words: envelope::surface_words },
    Target { name: "manifest", run: manifest, seeds: envelope::manifest_seeds, words: envelope::manifest_words },
    Target {
        name: "notification",
        run: notification,
        seeds: envelope::notification_seeds,
        words: envelope::notification_words,
    },
    Target { name: "delivery", run: delivery, seeds: delivery::seeds, words: no_words },
    Target { name: "container", run: container, seeds: container::seeds, words: no_words },
    Target { name: "drop", run: drop, seeds: drop::seeds, words: no_words },
    Target { name: "policy", run: policy, seeds: governance::policy_seeds, words: governance::policy_words },
    Target { name: "rollout", run: rollout, seeds: rollout::seeds, words: no_words },
    Target { name: "interaction", run: interaction, seeds: interaction::seeds, words: no_words },
    Target { name: "trail", run: trail, seeds: governance::trail_seeds, words: no_words },
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
    let _ = directory::chain(bytes);
}

/// A directory node under any frames: bounded answers, bounded memory, no binding that gives way to an older one, no record that changes
/// by what is refused, and one vote on an accusation.
pub fn node(bytes: &[u8]) {
    let _ = directory::node::run(bytes);
}

/// The hub of a Discovery Space against a model of its members and of what it passes on: an address joins by its own cookie, its work and
/// its signature; a request goes to members alone, once, to as many as it wants; an answer goes to its seeker, once.
pub fn hub(bytes: &[u8]) {
    let _ = directory::hub::run(bytes);
}

/// Any bytes are a surface exactly if the grammar derives them, refused at the byte that the grammar's automaton refuses, and
/// normalised to a surface or not at all.
pub fn surface(bytes: &[u8]) {
    envelope::surface(bytes);
}

/// Any bytes are a manifest or refused, bare and sealed.
pub fn manifest(bytes: &[u8]) {
    envelope::manifest(bytes);
}

/// Any bytes are a notification or refused.
pub fn notification(bytes: &[u8]) {
    envelope::notification(bytes);
}

/// Good envelopes of two senders, edited at will, delivered and decided in any order by a policy that lets everything pass that it may:
/// what is approved is what was sealed, under a name that says so, and once; and no line continues twice.
pub fn delivery(bytes: &[u8]) {
    let _ = delivery::run(bytes);
}

/// Any bytes, and archives of any entries, edited after they were packed, are a sound container or not: what is one unpacks to nothing but
/// files and folders below its own.
pub fn container(bytes: &[u8]) {
    let _ = container::run(bytes);
}

/// A whole file drop: objects, halves and odd entries in any order, processes that end at any step, a journal or a head that is damaged.
/// What is approved is what was sealed, once; nothing that came is lost.
pub fn drop(bytes: &[u8]) {
    let _ = drop::run(bytes);
}

/// Any text is a policy or refused; what is taken decides as its rules say, one by one.
pub fn policy(bytes: &[u8]) {
    governance::policy(bytes);
}

/// Any bytes are records or not; a trail takes only what continues it, and what it refuses changes nothing.
pub fn trail(bytes: &[u8]) {
    governance::trail(bytes);
}

/// The control plane against a model of it, by any order of texts that are signed and taken back, versions, tracks, canaries and
/// emergencies: what governs is the model's, and what is refused changes nothing.
pub fn rollout(bytes: &[u8]) {
    let _ = rollout::run(bytes);
}

/// A governed interaction under any order of steps. Decisions are coherent, a permit that holds would be given again, a step that is
/// refused changes nothing, no number is given twice, the trail is whole, and a restart changes nothing.
pub fn interaction(bytes: &[u8]) {
    let _ = interaction::run(bytes);
}

/// No words: these inputs are operations of fixed length, or are built from their seeds.
fn no_words() -> Vec<(String, Vec<u8>)> {
    Vec::new()
}
