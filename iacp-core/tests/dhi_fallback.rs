//! The ANML Fallback Query: asked, answered, limited, and what of it cannot be forged.

use iacp_core::crypto::{Portable, Provider, Secret32};
use iacp_core::dhi::fallback::{
    Asked, Ignored, MAPPING_LIFE_MAX, Mapping, NOT_FOUND_LIFE, Query, Resolver, Unanswered,
};
use iacp_core::dhi::mapping::{Kept, Known, Mappings, path};
use iacp_core::dhi::opinions::{ASKED, Opinion, Opinions};
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::message::AnmlFallbackAnswer;
use iacp_wire::{Eid, Frame, Message, Signature};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const UNIX: UnixTime = UnixTime(1_790_000_000_000);
const URI: &str = "https://Example.org/page";
const MAPPED: Mapping = Mapping::Mapped { eid: Eid([5; 32]), expiry: UnixTime(UNIX.0 + 60_000) };

struct World {
    rng: ChaCha8Rng,
    entity: Identity<Portable>,
    resolver: Identity<Portable>,
    memory: Vec<Asked>,
    now: Mono,
    /// Where queries come from.
    network: u8,
}

impl World {
    fn new(places: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (entity, resolver) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        Self { rng, entity, resolver, memory: vec![Asked::FREE; places], now: Mono(5_000), network: 7 }
    }

    fn query(&mut self, uri: &str) -> (Query, Vec<u8>) {
        let mut buffer = [0; 4_096];
        let written = Query::write(&self.entity, self.resolver.eid(), uri, &mut self.rng, &mut buffer);
        let (query, length) = written.expect("it fits");
        assert_eq!(length, 108 + uri.len());
        (query, buffer[..length].to_vec())
    }

    fn answer(&mut self, query: &[u8], mapping: Mapping) -> Result<Vec<u8>, Unanswered> {
        let mut buffer = [0; 200];
        let known = |host: &str| {
            assert_eq!(host, "example.org");
            mapping
        };
        let mut resolver = Resolver::new(&mut self.memory);
        let from = [198, 51, self.network, 1].into();
        let length = resolver.answer((self.now, UNIX), &self.resolver, (from, query), known, &mut buffer)?;
        assert_eq!(length, 152);
        Ok(buffer[..length].to_vec())
    }
}

#[test]
fn a_query_is_answered_by_what_the_resolver_knows() {
    // shows: IACP-027 (§4.1.2), IACP-028 (§4.1.2)
    for mapping in [MAPPED, Mapping::NotFound, Mapping::Refused] {
        let mut world = World::new(4);
        let (query, bytes) = world.query(URI);
        let answer = world.answer(&bytes, mapping).expect("the first within a second");
        assert_eq!(query.accept::<Portable>(UNIX, &answer), Ok(mapping));
    }
    let mut world = World::new(4);
    let (query, bytes) = world.query("gopher://example.org/");
    let answer = world.answer(&bytes, MAPPED).expect("an answer");
    assert_eq!(query.accept::<Portable>(UNIX, &answer), Ok(Mapping::Refused), "no URI of the web");
}

#[test]
fn a_mapping_lives_a_day_at_most() {
    let mut world = World::new(4);
    let (query, bytes) = world.query(URI);
    let forever = Mapping::Mapped { eid: Eid([5; 32]), expiry: UnixTime(u64::MAX) };
    let answer = world.answer(&bytes, forever).expect("an answer");
    let end = UnixTime(UNIX.0 + MAPPING_LIFE_MAX);
    assert_eq!(query.accept::<Portable>(UNIX, &answer), Ok(Mapping::Mapped { eid: Eid([5; 32]), expiry: end }));
    assert_eq!(query.accept::<Portable>(UnixTime(UNIX.0 - 1), &answer), Err(Ignored::Expiry));
    assert_eq!(query.accept::<Portable>(end, &answer), Err(Ignored::Expiry));
}

/// An answer by hand, of which one field contradicts another.
// shows: IACP-028 (§4.1.2)
#[test]
fn a_mapping_has_an_eid_and_an_end_and_a_refusal_has_neither() {
    let mut world = World::new(4);
    let seed = Secret32::new([7; 32]);
    world.resolver = Identity::from_seed(&seed);
    let (query, sent) = world.query(URI);
    let read = |status: u32, eid: u8, expiry: u64| {
        let answer = |signature| AnmlFallbackAnswer {
            transaction_nonce: iacp_wire::TransactionId(sent[sent.len() - 72..sent.len() - 64].try_into().expect("8")),
            status: status.into(),
            mapped_eid: Eid([eid; 32]),
            expiry: expiry.into(),
            resolver_eid: world.resolver.eid(),
            signature,
        };
        let written = |signature| {
            let mut bytes = [0; 152];
            assert_eq!(Frame::new(Message::AnmlFallbackAnswer(&answer(signature))).write(&mut bytes), Ok(152));
            bytes
        };
        let context = Portable::sha256(&[&sent]);
        let unsigned = written(Signature::ZERO);
        let digest = Portable::sha256(&[b"IACP/1 ANML_FALLBACK_ANSWER\0", &context, &unsigned[..88]]);
        let signature = Signature(Portable::sign(&Portable::signing_key(&seed), &digest));
        query.accept::<Portable>(UNIX, &written(signature))
    };
    let mapped = |expiry: u64| Ok(Mapping::Mapped { eid: Eid([5; 32]), expiry: UnixTime(expiry) });
    let day = UNIX.0 + MAPPING_LIFE_MAX;
    assert_eq!(read(0, 5, UNIX.0 + 1), mapped(UNIX.0 + 1));
    assert_eq!(read(0, 5, day), mapped(day));
    assert_eq!([read(0, 5, UNIX.0), read(0, 5, day + 1)], [Err(Ignored::Expiry); 2]);
    assert_eq!(read(0, 0, day), Err(Ignored::Status), "no EID");
    assert_eq!((read(20, 0, 0), read(21, 0, 0)), (Ok(Mapping::NotFound), Ok(Mapping::Refused)));
    for (status, eid, expiry) in [(20, 5, 0), (20, 0, 1), (21, 5, 0), (21, 0, 1), (1, 0, 0), (22, 0, 0)] {
        assert_eq!(read(status, eid, expiry), Err(Ignored::Status), "{status}, {eid}, {expiry}");
    }
}

#[test]
fn no_byte_of_a_query_or_an_answer_can_be_changed() {
    // shows: IACP-028 (§4.1.2)
    let mut world = World::new(4);
    let (query, bytes) = world.query(URI);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(world.answer(&changed, MAPPED).is_err(), "byte {at} of the query");
    }
    let answer = world.answer(&bytes, MAPPED).expect("forgeries count against no requestor");
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        assert!(query.accept::<Portable>(UNIX, &changed).is_err(), "byte {at} of the answer");
    }
    let (later, _) = world.query(URI);
    assert_eq!(later.accept::<Portable>(UNIX, &answer), Err(Ignored::Nonce));
    let stranger = Identity::<Portable>::generate(&mut world.rng);
    let other = std::mem::replace(&mut world.resolver, stranger);
    world.now = Mono(9_000);
    let forged = world.answer(&bytes, MAPPED).expect("an answer");
    assert_eq!(query.accept::<Portable>(UNIX, &forged), Err(Ignored::Resolver));
    world.resolver = other;
    assert_eq!(query.accept::<Portable>(UNIX, &bytes), Err(Ignored::Malformed), "its own query");
    assert_eq!(query.accept::<Portable>(UNIX, &answer), Ok(MAPPED), "what was ignored closed nothing");
}

#[test]
fn one_query_a_second_for_each_requestor() {
    // shows: IACP-028 (§4.1.2)
    let mut world = World::new(2);
    let (_, first) = world.query(URI);
    assert!(world.answer(&first, MAPPED).is_ok());
    assert_eq!(world.answer(&first, MAPPED), Err(Unanswered::TooSoon), "a repeat too");
    world.now = Mono(5_999);
    let (_, second) = world.query(URI);
    assert_eq!(world.answer(&second, MAPPED), Err(Unanswered::TooSoon));
    (world.entity, world.network) = (Identity::generate(&mut world.rng), 8);
    let (_, other) = world.query(URI);
    assert!(world.answer(&other, MAPPED).is_ok(), "another requestor");
    (world.entity, world.network) = (Identity::generate(&mut world.rng), 9);
    let (_, third) = world.query(URI);
    assert_eq!(world.answer(&third, MAPPED), Err(Unanswered::Full), "no memory, no answer");
    world.now = Mono(6_000);
    assert!(world.answer(&third, MAPPED).is_ok(), "the first one's second is over");
}

/// The attack "repeating what an agent asked": a query names neither time nor resolver, so each node that got it can send it to the others.
#[test]
fn what_another_host_repeats_shuts_no_requestor_out() {
    // shows: IACP-028 (§4.1.2)
    let mut world = World::new(16);
    let (query, bytes) = world.query(URI);
    world.network = 66;
    assert!(world.answer(&bytes, MAPPED).is_ok(), "the liar's copy is answered");
    assert_eq!(world.answer(&bytes, MAPPED), Err(Unanswered::TooSoon), "once a second");
    world.network = 7;
    let answer = world.answer(&bytes, MAPPED).expect("the requestor's own comes from elsewhere");
    assert_eq!(query.accept::<Portable>(UNIX, &answer), Ok(MAPPED));
    // One network has two of the sixteen places, however many keys it draws.
    world.network = 66;
    let mut answered = 0;
    for _ in 0..40 {
        world.entity = Identity::generate(&mut world.rng);
        let (_, drawn) = world.query(URI);
        answered += usize::from(world.answer(&drawn, MAPPED).is_ok());
    }
    assert_eq!(answered, 1);
}

#[test]
fn an_answer_is_kept_until_it_ends() {
    // shows: IACP-028 (§4.1.2)
    let mut memory = [Known::FREE; 4];
    let mut mappings = Mappings::new(&mut memory);
    assert_eq!(mappings.get(Mono(0), "example.org"), None);
    mappings.keep(Mono(5), UNIX, "Example.ORG", MAPPED);
    mappings.keep(Mono(5), UNIX, "example.net", Mapping::NotFound);
    mappings.keep(Mono(5), UNIX, "example.com", Mapping::Refused);
    assert_eq!(mappings.get(Mono(60_004), "example.org"), Some(Kept::Mapped(Eid([5; 32]))));
    assert_eq!(mappings.get(Mono(60_005), "example.org"), None, "its expiry");
    assert_eq!(mappings.get(Mono(4 + NOT_FOUND_LIFE), "EXAMPLE.net"), Some(Kept::NotFound));
    assert_eq!(mappings.get(Mono(5 + NOT_FOUND_LIFE), "example.net"), None);
    assert_eq!(mappings.get(Mono(5), "example.com"), None, "a refusal says nothing of the host");
    let forever = Mapping::Mapped { eid: Eid([6; 32]), expiry: UnixTime(u64::MAX) };
    mappings.keep(Mono(0), UNIX, "example.org", forever);
    assert_eq!(mappings.get(Mono(MAPPING_LIFE_MAX - 1), "example.org"), Some(Kept::Mapped(Eid([6; 32]))));
    assert_eq!(mappings.get(Mono(MAPPING_LIFE_MAX), "example.org"), None, "a day at most");
    mappings.keep(Mono(9), UNIX, "example.org", Mapping::NotFound);
    assert_eq!(mappings.get(Mono(9), "example.org"), Some(Kept::NotFound), "the newest answer counts");
}

#[test]
fn a_full_table_forgets_what_ends_soonest_and_an_empty_one_keeps_nothing() {
    let mut memory = [Known::FREE; 2];
    let mut mappings = Mappings::new(&mut memory);
    let until = |end: u64| Mapping::Mapped { eid: Eid([1; 32]), expiry: UnixTime(UNIX.0 + end) };
    for (host, end) in [("a.example", 20), ("b.example", 10), ("c.example", 30)] {
        mappings.keep(Mono(0), UNIX, host, until(end));
    }
    let is_kept = ["a.example", "b.example", "c.example"].map(|host| mappings.get(Mono(0), host).is_some());
    assert_eq!(is_kept, [true, false, true]);
    let mut none = Mappings::new(&mut []);
    none.keep(Mono(0), UNIX, "a.example", until(10));
    assert_eq!(none.get(Mono(0), "a.example"), None);
}

const fn says(eid: u8, expiry: u64) -> Mapping {
    Mapping::Mapped { eid: Eid([eid; 32]), expiry: UnixTime(expiry) }
}

fn opinions_of(words: &[Mapping]) -> Opinions {
    let mut opinions = Opinions::NONE;
    words.iter().enumerate().for_each(|(node, word)| assert!(opinions.heard(node, *word)));
    opinions
}

#[test]
fn whatever_f_liars_say_they_neither_make_nor_change_a_mapping() {
    // For each n: every mixture of honest words and lies, in every order of arrival that differs in who came first.
    for (asked, needed, faulty) in [(1, 1, 0), (4, 3, 1), (5, 4, 1), (6, 5, 1), (7, 5, 2)] {
        let honest = Opinion::Mapped { eid: Eid([1; 32]), expiry: UnixTime(50) };
        let lies = [says(2, 90), says(1, 1), says(1, 99), Mapping::NotFound, Mapping::Refused];
        let mixtures = lies.len().pow(faulty.try_into().unwrap_or(0));
        for mixture in 0..mixtures {
            for first in 0..asked {
                let mut opinions = Opinions::NONE;
                let mut code = mixture;
                for step in 0..asked {
                    let node = (first + step) % asked;
                    let word = if node < faulty {
                        let lie = lies.get(code % lies.len()).copied().unwrap_or(Mapping::Refused);
                        code /= lies.len();
                        lie
                    } else {
                        says(1, 50)
                    };
                    assert!(opinions.heard(node, word));
                    let decided = opinions.decide(asked, needed, faulty);
                    assert!(decided.is_none() || decided == Some(honest), "{decided:?} of {asked}, lies {mixture}");
                }
                assert_eq!(opinions.decide(asked, needed, faulty), Some(honest), "{asked} nodes, lies {mixture}");
            }
        }
    }
}

#[test]
fn a_mapping_that_k_minus_f_nodes_know_to_be_over_gets_no_quorum() {
    // A revocation has reached a write quorum: 5 of 7. Two of those lie; two nodes have not got it.
    let words = [says(1, 50), says(1, 50), says(1, 50), says(1, 50), Mapping::NotFound, Mapping::NotFound];
    assert_eq!(opinions_of(&words).decide(7, 5, 2), None, "the seventh may still say so");
    let mut all = opinions_of(&words);
    assert!(all.heard(6, Mapping::NotFound));
    assert_eq!(all.decide(7, 5, 2), Some(Opinion::Split));
}

#[test]
fn not_found_needs_k_nodes_and_a_refusal_speaks_for_nothing() {
    let nothing = [Mapping::NotFound; 5];
    assert_eq!(opinions_of(&nothing).decide(7, 5, 2), Some(Opinion::NotFound));
    assert_eq!(opinions_of(&nothing[..4]).decide(7, 5, 2), None);
    assert_eq!(opinions_of(&[Mapping::Refused; 2]).decide(7, 5, 2), None);
    assert_eq!(opinions_of(&[Mapping::Refused; 3]).decide(7, 5, 2), Some(Opinion::Split));
}

#[test]
fn the_first_word_of_a_node_stands_and_a_node_that_was_not_asked_has_none() {
    let mut opinions = opinions_of(&[says(1, 50)]);
    assert!(!opinions.heard(0, Mapping::NotFound), "it has said something else before");
    assert!(!opinions.heard(ASKED, says(1, 50)));
    assert!(opinions.has(0) && !opinions.has(1) && !opinions.has(ASKED));
    assert_eq!(opinions.decide(1, 1, 0), Some(Opinion::Mapped { eid: Eid([1; 32]), expiry: UnixTime(50) }));
    assert_eq!(Opinions::NONE.decide(0, 5, 2), Some(Opinion::Split), "no node was asked");
}

#[test]
fn a_hosts_path_has_its_most_general_label_first() {
    assert_eq!(path("www.Example.org").as_deref(), Some("org.example.www"));
    assert_eq!(path("a.b.c.d.e.f.g.h").as_deref(), Some("h.g.f.e.d.c.b.a"), "eight labels");
    let long = ["x".repeat(63), "y".repeat(63)].join(".");
    assert!(path(&long).is_some() && path(&format!("{long}.z")).is_none(), "128 bytes at most");
    for host in ["", ".", "a..b", "example.org.", "a.b.c.d.e.f.g.h.i", "under_score.org", "-a.org", "a\u{e9}.org"] {
        assert_eq!(path(host), None, "{host}");
    }
}
