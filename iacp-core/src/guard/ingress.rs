//! The buckets before everything that costs a signature: one for all senders, and one for each network.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use rand_core::CryptoRng;

use super::bucket::{Rate, Throttled, TokenBucket};
use super::difficulty::Load;
use crate::slots::IndexKey;
use crate::time::Mono;

/// The token buckets at a host's door: one for all senders together, and one for each IPv4 /24 or IPv6 /64.
///
/// There are `PREFIXES` of the latter, and a keyed hash says which prefix uses which. So memory never grows, no prefix is
/// forgotten, and a sender that does not know the key cannot find out which other prefixes share its bucket: any two
/// do under about one key in `PREFIXES`.
///
/// ```
/// use iacp_core::guard::{Ingress, Rate};
/// use iacp_core::time::Mono;
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
///
/// let all = Rate { capacity: 4_000, per_second: 2_000 };
/// let per_prefix = Rate { capacity: 2, per_second: 1 };
/// let mut ingress = Ingress::<256>::new(all, per_prefix, Mono(0), &mut rng);
/// let from = ([192, 0, 2, 7], 4227).into();
/// assert!(ingress.admit(Mono(0), from, 1).is_ok()); // and now: Responder::answer
/// assert!(ingress.admit(Mono(0), from, 1).is_ok());
/// assert_eq!(ingress.admit(Mono(0), from, 1).unwrap_err().retry_after, Some(1_000));
/// ```
pub struct Ingress<const PREFIXES: usize> {
    all: TokenBucket,
    prefixes: [TokenBucket; PREFIXES],
    /// It is a secret: with it, a sender could choose whose bucket it empties.
    key: IndexKey,
}

impl<const PREFIXES: usize> Ingress<PREFIXES> {
    /// Full buckets.
    #[must_use]
    pub fn new(all: Rate, per_prefix: Rate, now: Mono, rng: &mut impl CryptoRng) -> Self {
        const { assert!(PREFIXES > 0, "PREFIXES must be at least 1") };
        const { assert!(PREFIXES as u64 <= 1 << 32, "PREFIXES must be at most 2^32: 32 bits of the hash choose") };
        Self {
            all: TokenBucket::new(all, now),
            prefixes: [TokenBucket::new(per_prefix, now); PREFIXES],
            key: IndexKey::random(rng),
        }
    }

    /// Takes `cost` tokens out of the bucket of `from`'s prefix and out of the common one: larger and dearer requests
    /// cost more.
    ///
    /// # Errors
    /// One of them holds fewer; then neither is touched.
    pub fn admit(&mut self, now: Mono, from: SocketAddr, cost: u32) -> Result<(), Throttled> {
        let place = self.place(from.ip());
        let prefix = self.prefixes.get_mut(place).ok_or(Throttled { retry_after: None })?;
        prefix.covers(now, cost)?;
        self.all.take(now, cost)?;
        prefix.take(now, cost)
    }

    /// Whether both buckets cover a cost.
    ///
    /// # Errors
    /// One of them holds fewer tokens.
    pub(crate) fn covers(&self, now: Mono, from: SocketAddr, cost: u32) -> Result<(), Throttled> {
        let prefix = self.prefixes.get(self.place(from.ip())).ok_or(Throttled { retry_after: None })?;
        prefix.covers(now, cost)?;
        self.all.covers(now, cost)
    }

    /// How much all senders together have taken.
    pub(crate) fn load(&self, now: Mono) -> Load {
        self.all.load(now)
    }

    /// Which bucket an address has. All bits of the prefix and of the key reach all bits of the hash, and its upper 32
    /// choose by a multiplication: no remainder, and any number of buckets is as even as it can be.
    pub(crate) fn place(&self, address: IpAddr) -> usize {
        let hash = self.key.hash(&[&prefix(address)]);
        usize::try_from(((hash >> 32) * PREFIXES as u64) >> 32).unwrap_or(0)
    }
}

/// The network that an address belongs to: its family, then the /24 or the /64.
///
/// What the buckets of [`Ingress`] count by, for hosts that share something else among networks, such as sessions or memory.
///
/// An IPv4 address is the same network in each of its spellings: bare, IPv4-mapped (RFC 4291), or behind the well-known
/// prefix of a translator (RFC 6052), where the whole of IPv4 would otherwise be a single /64.
#[must_use]
pub fn prefix(address: IpAddr) -> [u8; 9] {
    let v4 = |v4: Ipv4Addr| {
        let [a, b, c, _] = v4.octets();
        [4, a, b, c, 0, 0, 0, 0, 0]
    };
    match address.to_canonical() {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => match address.octets() {
            [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => v4(Ipv4Addr::new(a, b, c, d)),
            [a, b, c, d, e, f, g, h, ..] => [6, a, b, c, d, e, f, g, h],
        },
    }
}

/// The site that an address belongs to, by which places of memory are shared: the /24, or the /48. One holder has 65,536 networks of
/// the size /64, so a share by those would be none.
#[must_use]
pub fn site(address: IpAddr) -> [u8; 9] {
    match prefix(address) {
        [6, a, b, c, d, e, f, ..] => [6, a, b, c, d, e, f, 0, 0],
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::net::Ipv6Addr;
    use std::vec::Vec;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    const RATE: Rate = Rate { capacity: 10, per_second: 4 };
    const AMPLE: Rate = Rate { capacity: 1 << 30, per_second: 0 };

    fn ingress<const PREFIXES: usize>(seed: u64) -> Ingress<PREFIXES> {
        Ingress::new(AMPLE, RATE, Mono(0), &mut ChaCha8Rng::seed_from_u64(seed))
    }

    fn net(bits: u64) -> IpAddr {
        Ipv6Addr::from_bits(u128::from(bits) << 64 | 1).into()
    }

    fn v4(bits: u32) -> IpAddr {
        Ipv4Addr::from_bits(bits).into()
    }

    /// How many of `keys` keys let each of the pairs share a bucket.
    fn shared<const PREFIXES: usize>(pairs: &[(IpAddr, IpAddr)], keys: u64) -> Vec<u64> {
        let mut shared: Vec<u64> = pairs.iter().map(|_| 0).collect();
        for seed in 0..keys {
            let ingress = ingress::<PREFIXES>(seed);
            for (count, (one, other)) in shared.iter_mut().zip(pairs) {
                *count += u64::from(ingress.place(*one) == ingress.place(*other));
            }
        }
        shared
    }

    /// Pairs of prefixes that differ as addresses do that are given out by a plan, or chosen by an attacker.
    fn structured() -> Vec<(IpAddr, IpAddr)> {
        let base = 0x2001_0db8_0077_1234;
        let mut pairs = Vec::new();
        for bit in 0..64 {
            pairs.push((net(base), net(base ^ 1 << bit)));
            pairs.push((net(base), net(base.wrapping_add(1 << bit))));
            pairs.push((net(base), net(base ^ u64::MAX << bit)));
        }
        // Alike in all low bits that a table has, which a hash of low bits would take for the same.
        for low in [8, 10, 16, 32, 42, 48] {
            pairs.push((
                net(base),
                net(0x2a0f_0db8_0077_1234 & !(u64::MAX >> (64 - low)) | base & u64::MAX >> (64 - low)),
            ));
        }
        for bit in 8..32 {
            pairs.push((v4(0x0A00_0100), v4(0x0A00_0100 ^ 1 << bit)));
            pairs.push((v4(0xC000_0200), v4(0xC000_0200_u32.wrapping_add(1 << bit))));
        }
        // An IPv4 /24 and the /64 whose number is its own.
        pairs.push((v4(0x0A00_0100), net(0x0A_0001)));
        pairs.push((v4(0x0A00_0100), net(0x0A00_0100 << 32)));
        pairs
    }

    #[test]
    fn any_two_prefixes_share_a_bucket_under_about_one_key_in_as_many_as_there_are_buckets() {
        // 4,096 keys and 64 buckets: 64 shared ones expected, a standard deviation of 8. A pair that goes beyond six
        // of these is not by chance (one in a billion for each of 260 pairs).
        let pairs = structured();
        for (pair, shared) in pairs.iter().zip(shared::<64>(&pairs, 4_096)) {
            assert!((16..=112).contains(&shared), "{pair:?}: under {shared} of 4,096 keys");
        }
        // The same where the number of buckets is not a power of two.
        for (pair, shared) in pairs.iter().zip(shared::<61>(&pairs, 4_096)) {
            assert!((17..=118).contains(&shared), "{pair:?}: under {shared} of 4,096 keys");
        }
    }

    #[test]
    fn neighbours_spread_over_all_buckets() {
        // The /64s of one /48, and a /8 of IPv4, over 256 buckets: 256 each, a standard deviation of 16.
        for seed in 0..4 {
            let ingress = ingress::<256>(seed);
            let (mut six, mut four) = ([0_u32; 256], [0_u32; 256]);
            for n in 0..1 << 16 {
                six[ingress.place(net(0x2001_0db8_0077_0000 | n))] += 1;
                four[ingress.place(v4(0x0A00_0000 | u32::try_from(n << 8).expect("24 bits")))] += 1;
            }
            for count in six.into_iter().chain(four) {
                assert!((160..=352).contains(&count), "{count} prefixes in one bucket, seed {seed}");
            }
        }
    }

    #[test]
    fn a_drained_prefix_leaves_its_look_alike_its_tokens() {
        let drained = SocketAddr::from((Ipv6Addr::new(0x2a0f, 0xdb8, 0x77, 0x1234, 0, 0, 0, 1), 1));
        let asks = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0x1234, 0, 0, 0, 1), 1));
        let mut throttled = 0;
        for seed in 0..1_000 {
            let mut ingress = ingress::<1_024>(seed);
            assert_eq!(ingress.admit(Mono(0), drained, 10), Ok(()));
            throttled += u32::from(ingress.admit(Mono(0), asks, 1).is_err());
        }
        assert!(throttled < 10, "one in 1,024 is expected: {throttled} of 1,000");
    }

    #[test]
    fn one_network_has_one_bucket_however_it_is_spelt() {
        let host = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0x1234, last, last, last, last).into();
        assert_eq!(prefix(host(0)), prefix(host(0xFFFF)), "a /64");
        assert_ne!(prefix(host(0)), prefix(net(0x2001_0db8_0077_1235)));
        let bare = prefix(v4(0xC000_0207));
        assert_eq!(bare, prefix(v4(0xC000_02FF)), "a /24");
        assert_ne!(bare, prefix(v4(0xC000_0307)));
        assert_eq!(bare, prefix(Ipv6Addr::new(0, 0, 0, 0, 0, 0xFFFF, 0xC000, 0x0207).into()), "IPv4-mapped");
        assert_eq!(bare, prefix(Ipv6Addr::new(0x64, 0xFF9B, 0, 0, 0, 0, 0xC000, 0x0207).into()), "translated");
        assert_ne!(bare, prefix(Ipv6Addr::new(0x64, 0xFF9B, 1, 0, 0, 0, 0xC000, 0x0207).into()), "a local prefix");
        assert_eq!(site(host(0)), site(net(0x2001_0db8_0077_1235)), "a /48");
        assert_ne!(site(host(0)), site(net(0x2001_0db8_0078_1234)));
        assert_eq!(site(v4(0xC000_0207)), bare);
    }

    #[test]
    fn one_prefix_cannot_take_what_belongs_to_another_and_all_share_one_limit() {
        let all = Rate { capacity: 15, per_second: 0 };
        let mut ingress = Ingress::<1_024>::new(all, RATE, Mono(0), &mut ChaCha8Rng::seed_from_u64(1));
        let from = |network: u8, host: u8| SocketAddr::from(([10, 0, network, host], 1));
        for host in 0..10 {
            assert_eq!(ingress.admit(Mono(0), from(1, host), 1), Ok(()));
        }
        assert_eq!(
            ingress.admit(Mono(0), from(1, 99), 1),
            Err(Throttled { retry_after: Some(250) }),
            "another host of the same /24"
        );
        for host in 0..5 {
            assert_eq!(ingress.admit(Mono(0), from(2, host), 1), Ok(()), "another /24");
        }
        let refused = Err(Throttled { retry_after: None });
        assert_eq!(ingress.admit(Mono(0), from(3, 0), 1), refused, "the common bucket is empty");
        assert_eq!(ingress.admit(Mono(250), from(1, 0), 1), refused, "and takes nothing from the prefix's");
        assert!(ingress.prefixes[ingress.place(from(1, 0).ip())].covers(Mono(250), 1).is_ok());
    }

    #[test]
    fn to_ask_whether_the_buckets_cover_something_takes_nothing_and_the_load_is_that_of_the_common_one() {
        let all = Rate { capacity: 15, per_second: 0 };
        let mut ingress = Ingress::<1_024>::new(all, RATE, Mono(0), &mut ChaCha8Rng::seed_from_u64(1));
        let from = |network: u8| SocketAddr::from(([10, 0, network, 1], 1));
        for _ in 0..2 {
            assert_eq!(ingress.covers(Mono(0), from(1), 10), Ok(()));
        }
        assert_eq!(ingress.covers(Mono(0), from(1), 11), Err(Throttled { retry_after: None }), "the prefix's");
        assert_eq!(ingress.load(Mono(0)), Load { used: 0, room: 15 });
        ingress.admit(Mono(0), from(1), 10).expect("full");
        assert_eq!(ingress.load(Mono(0)), Load { used: 10, room: 15 });
        assert_eq!(ingress.covers(Mono(0), from(2), 5), Ok(()));
        assert_eq!(ingress.covers(Mono(0), from(2), 6), Err(Throttled { retry_after: None }), "the common one");
    }
}
