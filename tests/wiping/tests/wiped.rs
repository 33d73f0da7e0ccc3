//! Every secret of a session is gone from its memory when the session has ended, failed or been dropped, and what a key
//! update leaves behind is gone while it lives (fault 13). `.ci/run` runs this at opt-level 1 and at 3.

use iacp_core::crypto::{ChaChaOnly, Compact};
use iacp_core::erp::agent::{AgentSlot, PURGE};
use iacp_core::erp::entity::{HEAD, HostRequest, HostSettings, LlEntity, Memory};
use iacp_core::pss::{Capabilities, Closure, ContentKind, Role, TeardownReason};
use iacp_core::slots::Slot;
use iacp_wire::{Digest, Eid};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use sessions::forger::{conditions, next_chain};
use sessions::hosts::{memory, place};
use sessions::{Forger, Heard, Host, HostOf, Mono, Pair, Plan, Portable, Provider, Secret32, Side, TOP, WorldOf, addr};
use wiping::{bytes_of, drop_and_read};

/// Secrets by name.
type Secrets = Vec<(String, [u8; 32])>;

/// The secrets of which any half is in this memory.
fn found<'s>(memory: &[u8], secrets: &'s [(String, [u8; 32])]) -> Vec<&'s str> {
    let has = |part: &[u8]| memory.windows(part.len()).any(|window| window == part);
    secrets
        .iter()
        .filter(|(_, secret)| has(&secret[..16]) || has(&secret[16..]))
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The places at which 32 random-looking bytes are the same after as before, public bytes excepted. No secret is
/// shorter than 32 bytes.
fn kept(before: &[u8], after: &[u8], public: &[u8]) -> Vec<usize> {
    let looks_random = |bytes: &[u8]| {
        let mut seen = [false; 256];
        bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        // Counters, lengths and addresses contain zeros, random bytes hardly any.
        seen.iter().filter(|seen| **seen).count() >= 20 && bytes.iter().filter(|byte| **byte == 0).count() <= 1
    };
    // Part of it is enough: what lies beside a tag is a state of one byte, or nothing.
    let is_public = |bytes: &[u8]| public.windows(8).any(|window| bytes.windows(8).any(|part| part == window));
    (0..before.len() - 32)
        .step_by(4)
        .filter(|at| before[*at..at + 32] == after[*at..at + 32])
        .filter(|at| looks_random(&before[*at..at + 32]) && !is_public(&before[*at..at + 32]))
        .collect()
}

/// A session with everything in it: frames in the log, some of them shown; frames held back and frames beyond a gap.
struct Full {
    pair: Pair,
    secrets: Vec<(String, [u8; 32])>,
    /// All frames, which every node on the path has: their tags may stay.
    public: Vec<u8>,
}

fn full(capabilities: u32, holds: bool) -> Full {
    let mut pair = if holds { Pair::holding(16) } else { Pair::with(capabilities, 16) }.confirmed();
    let mut secrets = pair.forger.secrets(2);
    let mut public = [pair.bob.identity.eid().0, pair.forger.eid].concat();
    let now = pair.now;
    let (_, mut chain) = pair.origin();
    for n in 0..6_u8 {
        pair.session().send(now, ContentKind::Anml, &[n; 40]).expect("room");
    }
    for frame in pair.sent() {
        public.extend_from_slice(&frame);
        if frame[20] < 0x80 {
            secrets.push(("a chain of the log".into(), chain));
            chain = next_chain(&chain, &frame[frame.len() - 16..]);
        }
    }
    secrets.push(("the send chain".into(), chain));
    let mut beat = pair.beat();
    beat.expected |= TOP;
    pair.give_beat(&beat);
    for n in 0..6_u8 {
        secrets.push(("a chain of the reorder memory".into(), pair.chain));
        let frame = pair.data(&[n]);
        public.extend_from_slice(&frame);
        if n != 2 {
            assert!(matches!(pair.give(&frame), Heard::Data { .. }));
        }
    }
    Full { pair, secrets, public }
}

fn names(found: &[&str], wanted: &[&str]) -> bool {
    wanted.iter().all(|wanted| found.iter().any(|found| found == wanted))
}

#[test]
fn the_search_finds_what_is_there() {
    // Otherwise this file would prove nothing.
    let mut live = full(0, false);
    let memory = bytes_of(live.pair.session());
    let found = found(&memory, &live.secrets);
    let wanted =
        ["PRK", "chain i2r", "a chain of the log", "the send chain", "a chain of the reorder memory", "ticket key"];
    // The first chain is no longer in memory; the chains of frames that wait are.
    assert!(names(&found, &[wanted[0], wanted[2], wanted[3], wanted[4], wanted[5]]), "{found:?}");
    assert!(kept(&memory, &memory, &[]).len() > 100);
    let memory = bytes_of(full(2, false).pair.session());
    let chacha = full(2, false).secrets;
    assert!(names(&self::found(&memory, &chacha), &["key 0 r2i", "key 0 i2r"]), "ChaCha20's key stands as it is");
}

#[test]
fn nothing_is_left_when_a_session_is_dropped_without_an_end() {
    for (capabilities, holds) in [(0, false), (2, false), (0, true)] {
        let mut full = full(capabilities, holds);
        let before = bytes_of(full.pair.session());
        let session = full.pair.bob.session.take().expect("a session");
        let after = drop_and_read(session);
        assert_eq!(found(&after, &full.secrets), [] as [&str; 0]);
        let left = kept(&before, &after, &full.public);
        assert_eq!(left, [] as [usize; 0], "{} places", left.len());
    }
}

#[test]
fn nothing_is_left_after_any_end() {
    type End = fn(&mut Pair);
    let ends: [(&str, End); 5] = [
        ("abort", |pair| {
            let (now, identity) = (pair.now, &pair.bob.identity);
            let session = pair.bob.session.as_mut().expect("a session");
            session.abort(now, identity, TeardownReason::ShuttingDown).expect("its own");
        }),
        ("FORCED by the peer", |pair| {
            let forced = pair.forger.teardown(3, 5);
            pair.give(&forced);
        }),
        ("compromise by a heartbeat", |pair| {
            let mut beat = pair.beat();
            beat.receive_chain = [1; 32];
            pair.give_beat(&beat);
        }),
        ("compromise when a gap closes", |pair| {
            let (frame, _) = pair.forger.data(1_002, &[0xEE; 32], 0, b"forked", 0);
            pair.give(&frame);
        }),
        ("lost", |pair| {
            let now = pair.now.after(4_000_000);
            pair.at(now);
        }),
    ];
    for capabilities in [0, 2] {
        for (what, end) in ends {
            let mut full = full(capabilities, false);
            let before = bytes_of(full.pair.session());
            end(&mut full.pair);
            assert!(full.pair.session().closure().is_some(), "{what}");
            let after = bytes_of(full.pair.session());
            assert_eq!(found(&after, &full.secrets), [] as [&str; 0], "{what}");
            assert_eq!(kept(&before, &after, &full.public), [] as [usize; 0], "{what}");
            let after = drop_and_read(full.pair.bob.session.take().expect("kept"));
            assert_eq!(found(&after, &full.secrets), [] as [&str; 0], "{what}, dropped");
        }
    }
}

#[test]
fn an_update_leaves_nothing_of_the_generation_before() {
    for capabilities in [0, 2] {
        let mut pair = Pair::with(capabilities, 16).confirmed();
        pair.session().renew_key().expect("open");
        let now = pair.now.after(15_000);
        pair.at(now);
        pair.opened();
        let before = bytes_of(pair.session());
        let beat = pair.beat();
        pair.give_beat(&beat);
        pair.opened();
        pair.forger.generation = 1;
        let beat = pair.beat();
        pair.give_beat(&beat);
        assert_eq!(pair.session().key_generations(), (1, 1));
        let memory = bytes_of(pair.session());
        let gone = pair.forger.secrets(0);
        let gone: Vec<_> = gone.into_iter().filter(|(name, _)| name == "PRK" || name.starts_with("key 0")).collect();
        assert_eq!(gone.len(), 3);
        assert_eq!(found(&memory, &gone), [] as [&str; 0], "the session lives, and its past is safe");
        let _ = before;
    }
}

#[test]
fn ticket_keys_that_were_handed_over_are_not_kept() {
    let mut pair = Pair::new().confirmed();
    let tickets: Vec<_> = pair.forger.secrets(0).into_iter().filter(|(name, _)| name == "ticket key").collect();
    assert_eq!(found(&bytes_of(pair.session()), &tickets).len(), 2);
    let keys = pair.session().take_ticket_keys().expect("once");
    assert_eq!(found(&bytes_of(pair.session()), &tickets), [] as [&str; 0]);
    let boxed = Box::new(keys);
    assert_eq!(found(&bytes_of(&*boxed), &tickets).len(), 2);
    assert_eq!(found(&drop_and_read(boxed), &tickets), [] as [&str; 0]);
}

/// The initiator, whose ephemeral key is known because its randomness is.
fn initiator(offer: Capabilities) -> (Host, Secrets, Vec<u8>) {
    let now = Mono(1_000);
    let mut alice = Host::new(Side::Alice, 3);
    let ephemeral = Secret32::random(&mut alice.rng.clone());
    let forger = Forger { r_cookie: [8; 8], ..Forger::new(4) };
    alice.initiate(now, Eid(forger.eid), addr(Side::Bob), offer);
    let init = alice.transmit(now).remove(0);
    assert_eq!(Portable::x25519_public(&ephemeral), init[init.len() - 32..]);
    let block = conditions(5, offer.bits() & 1, 0, 16);
    let neg = forger.neg(&init, 1, &block, true);
    let shared = Portable::x25519(&ephemeral, neg[neg.len() - 32..].try_into().expect("32")).expect("no weak key");
    let secrets = vec![
        ("the ephemeral key".to_owned(), *ephemeral.expose()),
        ("the shared secret of both ephemeral keys".to_owned(), *shared.expose()),
    ];
    (alice, secrets, neg)
}

#[test]
fn nothing_is_left_of_an_attempt() {
    type End = fn(&mut Host, &[u8]);
    let now = Mono(1_000);
    let ends: [(&str, bool, End); 7] = [
        ("dropped before an answer", false, |_, _| ()),
        ("no answer: its secrets are not those of the next attempt", false, |alice, _| {
            alice.handle_deadline(Mono(6_000));
        }),
        ("given up", false, |alice, _| {
            for ms in 1..40 {
                alice.handle_deadline(Mono(ms * 1_000));
            }
            assert_eq!(alice.closure, Some(Closure::NoAnswer));
        }),
        ("rests", false, |alice, _| alice.session.as_mut().expect("a session").rest(Mono(1_000)).expect("an attempt")),
        ("superseded", true, |alice, neg| {
            let session = alice.session.as_mut().expect("a session");
            session.handle(Mono(1_000), &alice.identity, addr(Side::Bob), &mut neg.to_vec());
            session.supersede().expect("an attempt");
        }),
        ("aborted when terms were proposed", true, |alice, neg| {
            let session = alice.session.as_mut().expect("a session");
            session.handle(Mono(1_000), &alice.identity, addr(Side::Bob), &mut neg.to_vec());
            session.abort(Mono(1_000), &alice.identity, TeardownReason::None).expect("its own");
        }),
        ("acknowledged: there are keys now", true, |alice, neg| {
            let session = alice.session.as_mut().expect("a session");
            session.handle(Mono(1_000), &alice.identity, addr(Side::Bob), &mut neg.to_vec());
            let _ = session.accept_terms(Mono(1_000), &alice.identity);
        }),
    ];
    for offer in [Capabilities::NONE, Capabilities::SFC] {
        for (what, _, end) in ends {
            let (mut alice, secrets, neg) = initiator(offer);
            let session = alice.session.as_ref().expect("a session");
            assert!(found(&bytes_of(&**session), &secrets).contains(&"the ephemeral key"));
            if what.starts_with("dropped") {
                let after = drop_and_read(alice.session.take().expect("a session"));
                assert_eq!(found(&after, &secrets), [] as [&str; 0], "{what}");
                continue;
            }
            end(&mut alice, &neg);
            let session = alice.session.take().expect("a session");
            assert_eq!(found(&bytes_of(&*session), &secrets), [] as [&str; 0], "{what}");
            assert_eq!(found(&drop_and_read(session), &secrets), [] as [&str; 0], "{what}, dropped");
        }
    }
    let (mut alice, secrets, neg) = initiator(Capabilities::SFC);
    let session = alice.session.as_mut().expect("a session");
    session.handle(now, &alice.identity, addr(Side::Bob), &mut neg.clone());
    assert_eq!(found(&bytes_of(&**session), &secrets).len(), 2, "while terms are proposed both are kept");
    assert_eq!(found(&drop_and_read(alice.session.take().expect("a session")), &secrets), [] as [&str; 0]);
}

/// Both hosts with one provider, from the handshake to the end.
fn nothing_is_left_of_either_side<P: Provider>(offers: &[(u32, Option<Side>)]) {
    for (offer, closer) in offers {
        let plan = Plan {
            offer: Capabilities::from_bits(*offer),
            from_alice: vec![vec![1; 40]; 5],
            from_bob: vec![vec![2; 40]; 5],
            closers: closer.iter().copied().collect(),
            ..Plan::default()
        };
        let mut world = WorldOf::<P>::new(&plan);
        let mut seeded = HostOf::<P>::new(Side::Alice, plan.seed).rng;
        let ephemeral = Secret32::random(&mut seeded);
        assert!(world.connect());
        let secrets = recomputed(&world, ephemeral);
        let live = bytes_of(&**world.alice.session.as_ref().expect("a session"));
        let keys = world.alice.session.as_ref().expect("a session").role();
        assert_eq!(keys, Role::Initiator);
        assert!(found(&live, &secrets).contains(&"PRK"), "the right secrets are looked for");
        let until = world.now.after(2_000);
        world.run_until(until);
        if closer.is_none() {
            let after = drop_and_read(world.alice.session.take().expect("a session"));
            assert_eq!(found(&after, &secrets), [] as [&str; 0]);
        } else {
            for host in [&world.alice, &world.bob] {
                assert_eq!(host.closure, Some(Closure::Graceful));
                let memory = bytes_of(&**host.session.as_ref().expect("kept"));
                assert_eq!(found(&memory, &secrets), [] as [&str; 0]);
            }
        }
    }
}

#[test]
fn nothing_is_left_of_the_initiators_session_either_whatever_the_provider_is() {
    let all = [(0, None), (2, None), (0, Some(Side::Alice)), (3, Some(Side::Bob))];
    nothing_is_left_of_either_side::<Portable>(&all);
    nothing_is_left_of_either_side::<Compact>(&all);
    nothing_is_left_of_either_side::<ChaChaOnly>(&all);
}

/// The secrets of a session between two hosts, from what they sent and from Alice's secrets.
fn recomputed<P: Provider>(world: &WorldOf<P>, ephemeral: Secret32) -> Vec<(String, [u8; 32])> {
    let of_type = |code: u8| {
        let is = |bytes: &[u8]| bytes[0] << 4 | bytes[1] >> 4 == code;
        let found = world.trace.iter().find(|(_, packet)| is(&packet.bytes));
        found.map(|(_, packet)| packet.bytes.clone()).expect("it was sent")
    };
    let (init, neg, ack) = (of_type(0x08), of_type(0x0A), of_type(0x09));
    let mut rng = <sessions::ChaCha8Rng as sessions::SeedableRng>::seed_from_u64(1 ^ 0xA11C_E000);
    let signing = Portable::signing_key(&Secret32::random(&mut rng));
    let eid = Portable::public_key(&signing);
    let mut forger = Forger { signing, eid, ephemeral, ..Forger::new(0) };
    forger.i_cookie.copy_from_slice(&init[44..52]);
    forger.initial_sequence = u64::from_be_bytes(init[52..60].try_into().expect("8"));
    let extra = u32::from_be_bytes(ack[60..64].try_into().expect("4")) & 4;
    let again = forger.ack(&world.bob.identity.eid().0, &neg, extra);
    assert_eq!(again, ack, "the same PSS_ACK, byte for byte");
    forger.secrets(1)
}

/// The memory of agents after a context with this seed and token was there, and was purged or not.
fn agents_after(purged: bool) -> (Vec<u8>, Secrets) {
    let mut agents = Box::new([const { Slot::new(AgentSlot::<Portable>::EMPTY) }; 2]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut secrets = Secrets::new();
    {
        let memory = Memory { agents: &mut agents[..], ..memory(2, 2, 2) };
        let settings = HostSettings::at(place(1)).without_directory();
        let mut entity =
            LlEntity::<Portable, 8192, 16, 64>::new(memory, settings, Mono(1), &mut rng).expect("it suffices");
        let agent = entity.init(Mono(1), None, Digest::ZERO, &mut rng).expect("a slot");
        while let Some(request) = entity.poll_request() {
            if let HostRequest::Persist { eid, what } = request {
                entity.persisted(Mono(1), &eid, what);
            }
        }
        let seed = *entity.seed(&agent.eid()).expect("a context").expose();
        secrets.push(("seed".into(), seed));
        secrets.push(("token".into(), *agent.iat().expose()));
        // It is filed for its purge.
        while entity.poll_transmit(Mono(1), &mut [0; HEAD]).is_some() {}
        if purged {
            entity.handle_deadline(Mono(PURGE + 2), &mut rng);
            assert!(entity.seed(&agent.eid()).is_none(), "it is gone");
        }
    }
    (bytes_of(&*agents), secrets)
}

// shows: IACP-073 (§4.2.2.3)
#[test]
fn nothing_of_an_agents_context_is_left_after_its_purge() {
    let (memory, secrets) = agents_after(false);
    assert_eq!(found(&memory, &secrets), ["seed", "token"], "otherwise the search would prove nothing");
    let (memory, secrets) = agents_after(true);
    assert_eq!(found(&memory, &secrets), [] as [&str; 0]);
}
