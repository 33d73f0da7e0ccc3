//! The scope of an address: the rule against requests that a server steers to the internal network (PROFILE 18.4).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

/// The reach of an address, narrowest first.
///
/// ```
/// use iacp_core::scope::Scope;
///
/// assert_eq!(Scope::of([127, 0, 0, 1].into()), Scope::Host);
/// assert_eq!(Scope::of([192, 168, 1, 1].into()), Scope::Site);
/// assert!(Scope::of([192, 0, 2, 1].into()) > Scope::Site);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope {
    /// Loopback and unspecified addresses.
    Host,
    /// Link-local and multicast addresses.
    Link,
    /// Private, unique local and shared (100.64/10) addresses, those of protocols and of benchmarks (192.0.0/24, 198.18/15), and Teredo.
    Site,
    /// All others.
    World,
}

impl Scope {
    /// The reach of an address. IPv4 inside IPv6 (mapped, compatible, translated, 6to4) counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h] = address.segments();
                let tail = || Self::of_v4(Ipv4Addr::from((u32::from(g) << 16) | u32::from(h)));
                match (a, b, c, d, e, f) {
                    // The prefix of a local translator leads to any address that the translator reaches, and the place
                    // of the IPv4 address in it is not known.
                    (0x64, 0xff9b, 1, ..) => tail().min(Self::Site),
                    // `::` and `::1` are 0.0.0.0 and 0.0.0.1 by this, which are the host.
                    (0, 0, 0, 0, 0, 0 | 0xffff) | (0, 0, 0, 0, 0xffff, 0) | (0x64, 0xff9b, ..) => tail(),
                    (0x2002, ..) => Self::of_v4(Ipv4Addr::from((u32::from(b) << 16) | u32::from(c))),
                    _ if a & 0xff00 == 0xff00 || a & 0xffc0 == 0xfe80 => Self::Link,
                    _ if a & 0xfe00 == 0xfc00 || a & 0xffc0 == 0xfec0 => Self::Site,
                    // Teredo tunnels to an address that is hidden in it, and other protocols have no hosts there.
                    (0x2001, 0..=0x1ff, ..) => Self::Site,
                    _ => Self::World,
                }
            }
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [a, b, c, _] = address.octets();
        match a {
            0 | 127 => Self::Host,
            169 if b == 254 => Self::Link,
            224..=255 => Self::Link,
            _ if address.is_private() || (a == 100 && b & 0xc0 == 64) => Self::Site,
            192 if b == 0 && c == 0 => Self::Site,
            198 if b & 0xfe == 18 => Self::Site,
            _ => Self::World,
        }
    }

    /// The name of the scope.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Link => "link",
            Self::Site => "site",
            Self::World => "world",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reaches_as_far_as_the_innermost_one_in_it() {
        let table = [
            (
                "127.0.0.1 127.255.255.255 0.0.0.0 0.1.2.3 ::1 :: ::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::7f00:1 2002:7f00:1:: ::0.1.2.3",
                Scope::Host,
            ),
            (
                "169.254.169.254 224.0.0.1 255.255.255.255 fe80::1 ff02::1 ::ffff:169.254.169.254 ::ffff:0:169.254.1.1 febf::1 2002:a9fe:101::",
                Scope::Link,
            ),
            (
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.0.1 fc00::1 fdff::1 fec0::1 ::ffff:10.0.0.1 64:ff9b:1::808:808 192.0.0.8 198.18.0.1 198.19.255.255 2001::1 2001:1ff::1 feff::1 2002:c000:1::",
                Scope::Site,
            ),
            (
                "1.1.1.1 192.0.2.1 198.20.0.1 2001:200::1 172.32.0.1 100.128.0.1 169.255.0.1 2001:db8::1 ::ffff:8.8.8.8 64:ff9b::808:808 8.64.0.1 100.63.0.1 192.0.1.1 192.1.0.1 168.254.1.1 ::8.8.0.1 2600::1 fe00::1 2002:808:808::1 2002:c000:101::",
                Scope::World,
            ),
        ];
        for (addresses, scope) in table {
            for address in addresses.split(' ') {
                assert_eq!(Scope::of(address.parse().expect(address)), scope, "{address}");
            }
        }
    }
}
