//! The ANML Fallback Query: asked, answered, limited, and what of it cannot be forged.

use iacp_core::crypto::Portable;
use iacp_core::dhi::fallback::{
    Asked, Ignored, MAPPING_LIFE_MAX, Mapping, NOT_FOUND_LIFE, Query, Resolver, Unanswered,
};
use iacp_core::dhi::mapping::{Kept, Known, Mappings};
use iacp_core::identity::Identity;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::Eid;
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
}

impl World {
    fn new(places: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let (entity, resolver) = (Identity::generate(&mut rng), Identity::generate(&mut rng));
        Self { rng, entity, resolver, memory: vec![Asked::FREE; places], now: Mono(5_000) }
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
        let length = resolver.answer(self.now, UNIX, &self.resolver, query, known, &mut buffer)?;
        assert_eq!(length, 152);
        Ok(buffer[..length].to_vec())
    }
}

#[test]
fn a_query_is_answered_by_what_the_resolver_knows() {
    // shows: IACP-027, IACP-028
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

#[test]
fn no_byte_of_a_query_or_an_answer_can_be_changed() {
    // shows: IACP-028
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
    // shows: IACP-028
    let mut world = World::new(2);
    let (_, first) = world.query(URI);
    assert!(world.answer(&first, MAPPED).is_ok());
    assert_eq!(world.answer(&first, MAPPED), Err(Unanswered::TooSoon), "a repeat too");
    world.now = Mono(5_999);
    let (_, second) = world.query(URI);
    assert_eq!(world.answer(&second, MAPPED), Err(Unanswered::TooSoon));
    world.entity = Identity::generate(&mut world.rng);
    let (_, other) = world.query(URI);
    assert!(world.answer(&other, MAPPED).is_ok(), "another requestor");
    world.entity = Identity::generate(&mut world.rng);
    let (_, third) = world.query(URI);
    assert_eq!(world.answer(&third, MAPPED), Err(Unanswered::Full), "no memory, no answer");
    world.now = Mono(6_000);
    assert!(world.answer(&third, MAPPED).is_ok(), "the first one's second is over");
}

#[test]
fn an_answer_is_kept_until_it_ends() {
    // shows: IACP-028
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
