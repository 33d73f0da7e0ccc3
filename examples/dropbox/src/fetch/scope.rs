//! How far an address reaches: a reference that a peer wrote must not make this host ask its own neighbours.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Mutex;

use clap::ValueEnum;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// From where an address can be reached, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scope {
    /// This host alone.
    Host,
    /// The hosts on the same link.
    Link,
    /// A network that is not public.
    Private,
    /// The Internet.
    Public,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "this host alone",
            Self::Link => "its own link alone",
            Self::Private => "a private network",
            Self::Public => "the Internet",
        })
    }
}

impl Scope {
    /// The scope of an address; `None` if it is no single host's.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        match address.octets() {
            [0 | 127, ..] => Some(Self::Host),
            [169, 254, ..] => Some(Self::Link),
            [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Some(Self::Private),
            // Protocol assignments, benchmarks, documentation: no place of the Internet.
            [192, 0, 0 | 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Some(Self::Private),
            [224..=255, ..] => None,
            _ => Some(Self::Public),
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        if let Some(inner) = address.to_ipv4_mapped() {
            return Self::of_v4(inner);
        }
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Some(Self::Host),
            // A translator or a tunnel leads to the address inside.
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
            [0x2001, 0x0..=0x1ff | 0xdb8, ..] => Some(Self::Private),
            [0xfe80..=0xfebf, ..] => Some(Self::Link),
            [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(Self::Private),
            [0x2000..=0x3fff, ..] => Some(Self::Public),
            _ => None,
        }
    }
}

/// Looks names up, and gives out no address that is narrower than what is allowed. What was checked is what is connected to: a
/// name that means something else a moment later changes nothing.
#[derive(Debug)]
pub(super) struct Within {
    /// The narrowest scope that may be asked.
    at_least: Mutex<Scope>,
    /// The hosts that may be asked; if there are none, all.
    hosts: Vec<String>,
}

/// Why an address is not asked.
#[derive(Debug)]
pub(super) struct OutOfScope(String);

impl fmt::Display for OutOfScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OutOfScope {}

impl Within {
    pub fn new(at_least: Scope, hosts: Vec<String>) -> Self {
        Self { at_least: Mutex::new(at_least), hosts }
    }

    /// Checks where a reference, or a redirect, leads. What follows may lead nowhere narrower.
    fn admit(&self, host: &str, addresses: &[SocketAddr]) -> Result<(), OutOfScope> {
        let shown = host.escape_debug();
        if !self.hosts.is_empty() && !self.hosts.iter().any(|one| one.eq_ignore_ascii_case(host)) {
            return Err(OutOfScope(format!("it leads to {shown}, which no --from names")));
        }
        let Ok(mut at_least) = self.at_least.lock() else { return Err(OutOfScope("an earlier look-up failed".into())) };
        let mut narrowest = Scope::Public;
        for address in addresses {
            let ip = address.ip();
            let Some(scope) = Scope::of(ip) else {
                return Err(OutOfScope(format!("it leads to {shown} ({ip}), which is no single host's address")));
            };
            if scope < *at_least {
                return Err(OutOfScope(format!(
                    "it leads to {shown} ({ip}), which reaches {scope}; --scope, or the place that redirects there, asks for \
                     {at_least} at least"
                )));
            }
            narrowest = narrowest.min(scope);
        }
        *at_least = narrowest;
        Ok(())
    }
}

impl Resolver for Within {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = DefaultResolver::default().resolve(uri, config, timeout)?;
        let admitted = self.admit(uri.host().unwrap_or_default(), &addresses);
        admitted.map_err(|why| ureq::Error::Other(Box::new(why))).map(|()| addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(address: &str) -> Option<Scope> {
        Scope::of(address.parse().expect("an address"))
    }

    #[test]
    fn every_way_to_write_a_neighbour_s_address_is_known() {
        for (address, expected) in [
            ("127.0.0.1", Some(Scope::Host)),
            ("127.255.0.1", Some(Scope::Host)),
            ("0.0.0.0", Some(Scope::Host)),
            ("::1", Some(Scope::Host)),
            ("::", Some(Scope::Host)),
            ("::ffff:127.0.0.1", Some(Scope::Host)),
            ("64:ff9b::7f00:1", Some(Scope::Host)),
            ("2002:7f00:1::1", Some(Scope::Host)),
            ("169.254.169.254", Some(Scope::Link)),
            ("fe80::1", Some(Scope::Link)),
            ("10.1.2.3", Some(Scope::Private)),
            ("172.31.255.255", Some(Scope::Private)),
            ("192.168.0.1", Some(Scope::Private)),
            ("100.64.0.1", Some(Scope::Private)),
            ("fd00::1", Some(Scope::Private)),
            ("2001:db8::1", Some(Scope::Private)),
            ("2001::1", Some(Scope::Private)),
            ("172.32.0.1", Some(Scope::Public)),
            ("100.128.0.1", Some(Scope::Public)),
            ("1.1.1.1", Some(Scope::Public)),
            ("2606:4700::1111", Some(Scope::Public)),
            ("224.0.0.1", None),
            ("255.255.255.255", None),
            ("ff02::1", None),
            ("::2", None),
        ] {
            assert_eq!(scope(address), expected, "{address}");
        }
    }

    #[test]
    fn nothing_leads_to_a_narrower_scope_than_what_came_before() {
        let at = |address: &str| vec![SocketAddr::new(address.parse().expect("an address"), 443)];
        let within = Within::new(Scope::Private, Vec::new());
        assert!(within.admit("loop", &at("127.0.0.1")).is_err(), "the reference itself");
        assert!(within.admit("inside", &at("10.0.0.1")).is_ok());
        assert!(within.admit("outside", &at("1.1.1.1")).is_ok(), "wider is no harm");
        let why = within.admit("inside", &at("10.0.0.1")).expect_err("back again").to_string();
        assert!(why.contains("10.0.0.1") && why.contains("a private network"), "{why}");
        let both = [at("1.1.1.1"), at("127.0.0.1")].concat();
        assert!(
            Within::new(Scope::Public, Vec::new()).admit("mixed", &both).is_err(),
            "one of two addresses is enough"
        );
        assert!(Within::new(Scope::Host, Vec::new()).admit("all", &at("224.0.0.1")).is_err());
    }

    #[test]
    fn only_named_hosts_are_asked_if_any_is_named() {
        let at = [SocketAddr::from(([1, 1, 1, 1], 443))];
        let within = Within::new(Scope::Public, vec!["good.example".into()]);
        assert!(within.admit("GOOD.example", &at).is_ok());
        assert!(within.admit("bad.example", &at).is_err_and(|why| why.to_string().contains("bad.example")));
    }
}
