//! Where a host is, if it listens everywhere.

use std::net::{IpAddr, UdpSocket};

/// The address that a host has which listens at `bind`: that one, or the one that the way to the outside begins with. No
/// datagram is sent to find out.
pub fn where_we_are(bind: IpAddr) -> IpAddr {
    if !bind.is_unspecified() {
        return bind;
    }
    // Addresses for documentation: they lead by the default route, if there is one.
    let (outside, loopback): (IpAddr, IpAddr) = if bind.is_ipv4() {
        ([192, 0, 2, 1].into(), [127, 0, 0, 1].into())
    } else {
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), [0, 0, 0, 0, 0, 0, 0, 1].into())
    };
    let found = UdpSocket::bind((bind, 0)).and_then(|socket| {
        socket.connect((outside, 9))?;
        socket.local_addr()
    });
    found.map_or(loopback, |at| at.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_listens_somewhere_is_there_and_one_that_listens_everywhere_is_at_one_place() {
        let named: IpAddr = [127, 0, 0, 9].into();
        assert_eq!(where_we_are(named), named);
        for bind in [IpAddr::from([0, 0, 0, 0]), IpAddr::from([0_u16; 8])] {
            assert!(!where_we_are(bind).is_unspecified());
        }
    }
}
