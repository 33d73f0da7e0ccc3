//! The README's "Embed it" compiles, and does what is said of it: its two pieces of Rust stand here between two marks each,
//! and a test compares them with the page.

use std::cell::Cell;
use std::error::Error;
use std::net::SocketAddr;

use cep_envelope::Surface;
use cep_envelope::decision::{Decision, Delivery, Outcome, Policy, Receiver};
use cep_envelope::digest::Digest;
use cep_envelope::ladder::BareFile;
use cep_envelope::lineage::{Line, MemoryLineage, Slot};
use cep_envelope::manifest::{
    BoundKey, CausalParent, Instant, MAX_MANIFEST, MAX_OUTER, Manifest, SealedTime, Strict, seal,
};
use ed25519_compact::{KeyPair, Seed};
use iacp_core::crypto::Portable;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Closure, Reason, Received, Session, SessionEvent, TRANSMIT_BUFFER, TeardownReason};
use iacp_core::time::Mono;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const NEVER: (Mono, Reason) = (Mono(u64::MAX), Reason::Transmit);

/// A radio by which no datagram ever comes, and a clock that goes on to each deadline.
struct Radio<'c> {
    clock: &'c Cell<Mono>,
    sent: Vec<(SocketAddr, usize)>,
}

impl Radio<'_> {
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.sent.push((to, datagram.len()));
    }

    fn receive_until(&mut self, deadline: Mono) -> Option<(SocketAddr, &mut [u8])> {
        self.clock.set(deadline);
        None
    }
}

/// Counts what it is told.
#[derive(Default)]
struct Application {
    told: usize,
}

impl Application {
    fn go_on(&mut self) {
        self.told += 1;
    }

    fn take(&mut self, content: &[u8]) {
        self.told += content.len();
    }
}

#[rustfmt::skip]
fn embedded(
    radio: &mut Radio<'_>,
    application: &mut Application,
    (identity, peer, at): (Identity<Portable>, iacp_wire::Eid, SocketAddr),
) -> Result<Closure, Box<dyn Error>> {
    let clock = radio.clock;
    let now = || clock.get();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut buffer = [0; TRANSMIT_BUFFER];
    // README:
    // 4 KiB of encrypted frames that may be repeated, 8 frames under way in each direction.
    type Link = Session<Portable, 4096, 8>;
    let mut link = Link::IDLE;
    link.initiate(now(), &identity, peer, at, Capabilities::NONE, &mut rng)?;

    loop {
        while let Some(event) = link.poll_event() {
            match event {
                SessionEvent::Established | SessionEvent::Reconciled => application.go_on(),
                SessionEvent::CloseRequested { .. } => link.close(now(), TeardownReason::TaskComplete)?,
                SessionEvent::Closed(why) => return Ok(why),
                _ => {}
            }
        }
        while let Some(transmit) = link.poll_transmit(now(), &mut buffer)? {
            radio.send(transmit.to, transmit.bytes);
        }
        let (deadline, _why) = link.next_deadline().unwrap_or(NEVER);
        match radio.receive_until(deadline) {
            Some((from, datagram)) => {
                if let Received::Data { content, .. } = link.handle(now(), &identity, from, datagram) {
                    application.take(content); // decrypted where it arrived
                }
            }
            None => link.handle_deadline(now(), &identity, &mut rng)?,
        }
    }
    // End.
}

/// Where objects go.
#[derive(Default)]
struct Pipeline {
    taken: Vec<Vec<u8>>,
}

impl Pipeline {
    fn take(&mut self, object: &[u8]) {
        self.taken.push(object.to_vec());
    }
}

/// Where objects of another branch go.
#[derive(Default)]
struct Branches {
    taken: Vec<(Option<Line>, Vec<u8>)>,
}

impl Branches {
    fn take(&mut self, line: Option<Line>, object: &[u8]) {
        self.taken.push((line, object.to_vec()));
    }
}

#[rustfmt::skip]
fn decided(
    delivery: Delivery<'_>,
    directory: impl Fn(&str, &str) -> Option<BoundKey>,
    mut lineage: MemoryLineage<[Slot; 8]>,
    (pipeline, branches): (&mut Pipeline, &mut Branches),
    mut log: impl FnMut(Decision),
) -> Result<MemoryLineage<[Slot; 8]>, Box<dyn Error>> {
    let policy = Policy::default();
    let object = delivery.object.ok_or("an object")?;
    // README:
    let (container, signatures) = (&BareFile, &Strict);   // or a format and an engine of your own
    let receiver = Receiver { name: "codex", container, keys: &directory, signatures, lineage: &lineage, policy: &policy };
    let decision = receiver.judge(&delivery).decision;
    if let Some(record) = decision.record() {
        lineage.record(record)?;              // before it is used: a replay is then known
    }
    match decision.outcome() {
        Outcome::Continue => pipeline.take(object),
        Outcome::Fork => branches.take(decision.line(), object),
        _held => log(decision),               // "triage: its name says something else than was sealed (context)"
    }
    // End.
    Ok(lineage)
}

/// The pieces between the marks of this file, as they stand in the left margin of a page.
fn pieces() -> Vec<String> {
    let parts = include_str!("readme.rs").split("    // README:\n").skip(1);
    let piece = |part: &str| {
        let text = part.split("    // End.\n").next().unwrap_or_default();
        text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect()
    };
    parts.map(piece).collect()
}

#[test]
fn the_readme_shows_what_compiles_here() {
    let root = conformance::source_root().expect("the test runs inside its workspace");
    let page = std::fs::read_to_string(root.join("README.md")).expect("it is read");
    let pieces = pieces();
    assert_eq!(pieces.len(), page.matches("```rust\n").count(), "each piece of Rust in the README is here");
    for piece in pieces {
        assert!(page.contains(&format!("```rust\n{piece}```\n")), "the README does not show\n{piece}");
    }
}

#[test]
fn the_loop_comes_to_its_end_when_no_peer_answers() -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (identity, peer) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
    let (clock, at) = (Cell::new(Mono(7)), SocketAddr::from(([192, 0, 2, 2], 4227)));
    let (mut radio, mut application) = (Radio { clock: &clock, sent: Vec::new() }, Application::default());
    assert_eq!(embedded(&mut radio, &mut application, (identity, peer.eid(), at))?, Closure::NoAnswer);
    assert!(
        radio.sent.len() > 1 && radio.sent.iter().all(|(to, length)| *to == at && *length == 162),
        "PSS_INIT, repeated"
    );
    assert_eq!(application.told, 0);
    Ok(())
}

#[test]
fn an_object_continues_once_and_what_is_held_says_why() -> Result<(), Box<dyn Error>> {
    let (name, object) = ("20260514t064148z.message.jasper.normal", b"the object");
    let manifest = Manifest {
        schema: "note-v1",
        surface: Surface::parse(name)?.into(),
        sealed_created_at: SealedTime::parse("2026-05-14T06:41:48Z")?,
        content_digest: Digest::of(object),
        causal_parent: CausalParent::Root,
        signer: Some("jasper#1"),
        recipient: Some("codex"),
    };
    let jasper = KeyPair::from_seed(Seed::new([7; 32]));
    let (mut text, mut outer) = ([0; MAX_MANIFEST], [0; MAX_OUTER]);
    let text = manifest.write(&mut text).map_err(|_| "it fits")?;
    let sealed = seal(text, "jasper#1", "codex", |hash| *jasper.sk.sign(hash, None), &mut outer)?;
    let key = BoundKey::new(*jasper.pk).ok_or("a point of prime order")?;
    let keys = |signer: &str, sender: &str| ((signer, sender) == ("jasper#1", "jasper")).then_some(key);
    let mut lineage = MemoryLineage::first([Slot::EMPTY; 8], [9; 16]);
    let (mut pipeline, mut branches, mut said) = (Pipeline::default(), Branches::default(), Vec::new());
    for name in [name, name, "20260514t064148z.image.jasper.normal"] {
        let delivery = Delivery {
            name: name.as_bytes(),
            sender: "jasper",
            object: Some(object),
            sealed: Some(sealed),
            notice: None,
            expected: None,
            arrival: Instant::unix(1_778_740_910),
        };
        let log = |decision: Decision| said.push(decision.to_string());
        lineage = decided(delivery, keys, lineage, (&mut pipeline, &mut branches), log)?;
    }
    assert_eq!(pipeline.taken, [object]);
    assert_eq!(branches.taken, []);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("its name says something else than was sealed (context)"), "{said:?}");
    Ok(())
}
