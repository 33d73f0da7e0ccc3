//! The checks before a request beside governor and recloser: a bucket for each network, the breaker of a zone, and the table of
//! tickets. governor is told the time, as ours are; recloser reads the clock of the system, but only while it is open.
//!
//! Not the same thing: governor's table has an entry for each key that ever came, until it is told to forget some; ours has as many
//! buckets as its type says. recloser counts what fails; ours counts what comes. A ticket is named by its digest, and governor's key
//! is given.

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use benches::{Effort, Goal, Pairs};
use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter};
use iacp_core::crypto::{AwsLc, Provider, Secret32};
use iacp_core::guard::ticket::{Issued, REQUESTS, Spending};
use iacp_core::guard::{Holder, Ingress, NoTicket, Rate, Tickets, TokenBucket, Zone};
use iacp_core::identity::Identity;
use iacp_core::slots::IndexKey;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::message::{AccessTicketReq, AccessTicketRes, DirGet, TicketedRequest};
use iacp_wire::{DhtKey, Frame, Message, Signature, TransactionId};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use recloser::Recloser;

/// As fast or faster.
const GOAL: Goal = Goal::AtMost(1.0);
/// So many networks take turns.
const NETWORKS: u32 = 1_024;
/// Nothing is refused: the longest way through each of them.
const RATE: Rate = Rate { capacity: u32::MAX / 2_000, per_second: u32::MAX / 2_000 };

fn main() {
    let mut pairs = Pairs::from_args("peer");
    one_bucket(&mut pairs);
    buckets(&mut pairs);
    breaker(&mut pairs);
    both(&mut pairs);
    ticket(&mut pairs);
    pairs.finish();
    memory();
}

/// Bytes for each peer, and what a peer of many names takes.
fn memory() {
    let networks = 100_000_u32;
    let each = RateLimiter::hashmap_with_clock(quota(), FakeRelativeClock::default());
    for network in 0..networks {
        let _ = each.check_key(&network);
    }
    // A table of std has a byte of control for each entry, and at most seven of eight places are taken.
    let entry = size_of::<u32>() + size_of::<u64>() + 1;
    println!("\n{networks} networks come: ours keeps {} bytes, as for one", size_of::<Ingress<256>>());
    println!("  governor keeps {} entries of at least {entry} bytes until it is told to forget some", each.len());
    println!(
        "a bucket {}, a breaker {} bytes; recloser's of 100 outcomes is on the heap",
        size_of::<TokenBucket>(),
        size_of::<Zone>()
    );
    println!(
        "a ticket that is being spent {}, a holder of tickets {} bytes",
        size_of::<Spending>(),
        size_of::<Issued>()
    );
}

fn quota() -> Quota {
    let most = NonZeroU32::new(RATE.per_second).expect("some");
    Quota::per_second(most).allow_burst(most)
}

/// Addresses of many networks, one after the other.
fn addresses() -> impl FnMut() -> IpAddr {
    let mut next = 0_u32;
    move || {
        next = (next + 1) % NETWORKS;
        IpAddr::from((0x0A00_0000 | next << 8).to_be_bytes())
    }
}

/// Milliseconds that go by.
fn clock() -> impl FnMut() -> Mono {
    let mut now = 0;
    move || {
        now += 1;
        Mono(now)
    }
}

fn one_bucket(pairs: &mut Pairs) {
    let (mut bucket, mut now) = (TokenBucket::new(RATE, Mono(0)), clock());
    let ours = || bucket.take(now(), black_box(9)).is_ok();
    let told = FakeRelativeClock::default();
    let theirs = RateLimiter::direct_with_clock(quota(), told.clone());
    let cost = NonZeroU32::new(9).expect("some");
    let peer = || {
        told.advance(Duration::from_millis(1));
        theirs.check_n(black_box(cost)).is_ok()
    };
    pairs.compare(("bucket", "one, against governor"), GOAL, Effort::Careful, ours, peer);
}

fn buckets(pairs: &mut Pairs) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut ingress = Ingress::<256>::new(RATE, RATE, Mono(0), &mut rng);
    let (mut now, mut from) = (clock(), addresses());
    let ours = || ingress.admit(now(), SocketAddr::new(from(), 4_227), black_box(9)).is_ok();
    let told = FakeRelativeClock::default();
    let all = RateLimiter::direct_with_clock(quota(), told.clone());
    let each = RateLimiter::hashmap_with_clock(quota(), told.clone());
    let (mut from, cost) = (addresses(), NonZeroU32::new(9).expect("some"));
    let peer = || {
        told.advance(Duration::from_millis(1));
        let IpAddr::V4(address) = from() else { return false };
        let [a, b, c, _] = address.octets();
        each.check_key_n(&[a, b, c], black_box(cost)).is_ok() && all.check_n(black_box(cost)).is_ok()
    };
    pairs.compare(("bucket", "of a network and of all, against governor"), GOAL, Effort::Careful, ours, peer);
}

fn breaker(pairs: &mut Pairs) {
    let (mut zone, mut now) = (Zone::new(Mono(0)), clock());
    // A thousand a second would trip it: one in 32 ms does not.
    let ours = || zone.count(Mono(black_box(now()).0 * 32));
    let theirs = Recloser::custom().error_rate(0.5).closed_len(100).half_open_len(10).build();
    let peer = || theirs.call(|| Ok::<u32, ()>(black_box(1))).is_ok();
    pairs.compare(("breaker", "closed, against recloser"), GOAL, Effort::Careful, ours, peer);

    let mut zone = Zone::new(Mono(0));
    for _ in 0..1_000 {
        zone.count(Mono(0));
    }
    let ours = || zone.count(black_box(Mono(1_000)));
    let theirs = Recloser::custom().error_rate(0.5).closed_len(2).open_wait(Duration::from_secs(3_600)).build();
    for _ in 0..10 {
        let _ = theirs.call(|| Err::<u32, ()>(()));
    }
    let peer = || theirs.call(|| Ok::<u32, ()>(black_box(1))).is_ok();
    pairs.compare(("breaker", "open, against recloser"), GOAL, Effort::Careful, ours, peer);
}

/// What a request without work passes: both.
fn both(pairs: &mut Pairs) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut ingress = Ingress::<256>::new(RATE, RATE, Mono(0), &mut rng);
    let mut zones = [Zone::new(Mono(0)); 256];
    let (mut now, mut from) = (clock(), addresses());
    let ours = || {
        let now = Mono(now().0 * 32);
        let zone = usize::try_from(now.0 / 32 % 256).unwrap_or(0);
        ingress.admit(now, SocketAddr::new(from(), 4_227), black_box(9)).is_ok()
            && zones[zone].count(now) == iacp_core::guard::breaker::State::Closed
    };
    let told = FakeRelativeClock::default();
    let all = RateLimiter::direct_with_clock(quota(), told.clone());
    let each = RateLimiter::hashmap_with_clock(quota(), told.clone());
    let build = |_| Recloser::custom().error_rate(0.5).closed_len(100).half_open_len(10).build();
    let breakers: Vec<_> = (0..256).map(build).collect();
    let (mut from, cost, mut next) = (addresses(), NonZeroU32::new(9).expect("some"), 0);
    let peer = || {
        told.advance(Duration::from_millis(32));
        next = (next + 1) % 256;
        let IpAddr::V4(address) = from() else { return false };
        let [a, b, c, _] = address.octets();
        breakers[next]
            .call(|| {
                let passes =
                    each.check_key_n(&[a, b, c], black_box(cost)).is_ok() && all.check_n(black_box(cost)).is_ok();
                passes.then_some(()).ok_or(())
            })
            .is_ok()
    };
    pairs.compare(("guard", "buckets and breaker, against both"), GOAL, Effort::Careful, ours, peer);
}

const NOW: UnixTime = UnixTime(1_790_000_010_000);

fn frame(message: Message<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1_200];
    let length = Frame::new(message).write(&mut bytes).expect("it fits");
    bytes.truncate(length);
    bytes
}

/// A frame's signature: label, the frame before and behind it.
fn signature(seed: &Secret32, name: &str, before: &[u8], after: &[u8]) -> Signature {
    let digest = AwsLc::sha256(&[b"IACP/1 ", name.as_bytes(), &[0], before, after]);
    Signature(AwsLc::sign(&AwsLc::signing_key(seed), &digest))
}

fn asks(holder: &Secret32, space: DhtKey) -> (AccessTicketReq, Vec<u8>) {
    let requestor_eid = Identity::<AwsLc>::from_seed(holder).eid();
    let mut ask = AccessTicketReq {
        requestor_eid,
        target_space_coordinate: space,
        timestamp: NOW.0.into(),
        signature: Signature::ZERO,
    };
    let unsigned = frame(Message::AccessTicketReq(&ask));
    ask.signature = signature(holder, "ACCESS_TICKET_REQ", &unsigned[..76], &[]);
    let signed = frame(Message::AccessTicketReq(&ask));
    (ask, signed)
}

/// A look-up with a ticket; each number is another request.
fn ticketed(holder: &Secret32, ticket: &AccessTicketRes, number: u64) -> Vec<u8> {
    let get = DirGet {
        storage_key: DhtKey([9; 32]),
        transaction_id: TransactionId(number.to_be_bytes()),
        kind: 1,
        first: 0,
        class: 0,
        reserved: 0,
    };
    let inner = frame(Message::DirGet { head: &get, padding: &[0; 24] });
    let mut head = TicketedRequest {
        target_space_coordinate: ticket.target_space_coordinate,
        receiver_eid: ticket.receiver_eid,
        expiration_timestamp: ticket.expiration_timestamp,
        curator_signature: ticket.signature,
        signature: Signature::ZERO,
    };
    let unsigned = frame(Message::TicketedRequest { head: &head, inner: &inner });
    head.signature = signature(holder, "TICKETED_REQUEST", &unsigned[..140], &unsigned[204..]);
    frame(Message::TicketedRequest { head: &head, inner: &inner })
}

/// A ticket whose requests are spent, and a holder whose quota is: both are refused from the table, before any signature.
fn ticket(pairs: &mut Pairs) {
    let [curator, seed] = [1, 2].map(|byte| Secret32::new([byte; 32]));
    let (curator, space) = (Identity::<AwsLc>::from_seed(&curator), DhtKey([5; 32]));
    let (mut spent, mut issued) = ([Spending::FREE; 64], [Issued::FREE; 64]);
    let mut tickets = Tickets::new(&mut spent, &mut issued, IndexKey::new([7; 16]));
    let holder = Holder { is_refused: false, liability: Some(0) };
    let (ask, bytes) = asks(&seed, space);
    let parsed = Frame::parse(&bytes).expect("a frame");
    let ticket = tickets.issue(NOW, &curator, &ask, (&parsed, &bytes), holder).expect("a ticket");
    let curators = [curator.eid()];
    let mut spend = |bytes: &[u8]| {
        let parsed = Frame::parse(bytes).expect("a frame");
        let Message::TicketedRequest { head, .. } = parsed.message else { return Err(NoTicket::Other) };
        tickets.spend::<AwsLc>(NOW, &curators, head, (&parsed, bytes), (None, space), holder)
    };
    for number in 0..REQUESTS as u64 {
        assert!(spend(&ticketed(&seed, &ticket, number)).is_ok(), "request {number}");
    }
    let more = ticketed(&seed, &ticket, u64::MAX);
    assert_eq!(spend(&more), Err(NoTicket::Spent));

    let bare = || {
        let bytes = black_box(&more);
        let parsed = Frame::parse(bytes).is_ok();
        (parsed, AwsLc::sha256(&[&bytes[4..140]]), AwsLc::sha256(&[&bytes[204..]]))
    };
    let name = ("ticket", "spent, to parsing it and its two digests");
    pairs.compare(name, Goal::AtMost(1.20), Effort::Careful, || spend(black_box(&more)), bare);

    let told = FakeRelativeClock::default();
    let most = NonZeroU32::new(32).expect("some");
    let each = RateLimiter::hashmap_with_clock(Quota::per_hour(most).allow_burst(most), told);
    let key = ticket.receiver_eid.0;
    while each.check_key(&key).is_ok() {}
    let peer = || each.check_key(black_box(&key)).is_ok();
    pairs.compare(("ticket", "spent, against governor"), GOAL, Effort::Careful, || spend(black_box(&more)), peer);
}
