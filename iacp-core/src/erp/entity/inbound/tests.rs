extern crate std;

use std::vec;
use std::vec::Vec;

use iacp_wire::message::OuterTransport;
use iacp_wire::{Signature, TransitToken};

use super::*;
use crate::erp::{deflect, multipath, stream};

const OWN: IpAddr = IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 7));

fn written(write: impl FnOnce(&mut [u8]) -> Result<usize, iacp_wire::WriteError>) -> Vec<u8> {
    let mut out = vec![0; 600];
    let length = write(&mut out).expect("there is room");
    out.truncate(length);
    out
}

fn stream() -> Vec<u8> {
    written(|out| stream::write(&Eid([1; 32]), &Eid([2; 32]), 9, b"\x10\xb0\0\0", out))
}

// shows: IACP-080 (§4.2.3.4)
#[test]
fn a_frame_comes_directly_by_a_relay_or_by_a_router_whose_target_is_this_host() {
    let deflected = |target: [u8; 4], ttl| written(|out| deflect::write((target, 4_227).into(), ttl, &stream(), out));
    let by_relay = written(|out| multipath::write(3, &stream(), out));
    let outer = written(|out| {
        let (ip_transit_token, signature) = (TransitToken::ZERO, Signature::ZERO);
        let head = OuterTransport { ip_transit_token, ll_entity_instance_identifier: Eid([3; 32]), signature };
        Frame::new(Message::OuterTransport { transit_id: 0, head: &head, inner: &by_relay }).write(out)
    });
    let here = [192, 0, 2, 7];
    for (what, datagram, way) in [
        ("directly", stream(), Some((Way::Direct, 76))),
        ("by a relay", by_relay, Some((Way::Relayed { path: 3 }, 84))),
        ("by a router", deflected(here, MOST), Some((Way::Deflected(DEFLECTED), 100))),
        ("too high a TTL", deflected(here, MOST + 1), None),
        ("another target", deflected([192, 0, 2, 8], 0), None),
        ("to be carried", outer, None),
    ] {
        let header = routed(&datagram, OWN);
        assert_eq!(header.as_ref().map(|header| (header.way, header.inner)), way, "{what}");
        if let Some(header) = header {
            assert_eq!((header.source, header.destination, header.generation), (Eid([1; 32]), Eid([2; 32]), 9));
        }
    }
    assert!(routed(&deflected(here, 0), OWN).is_some(), "with its TTL used up");
    let IpAddr::V4(own) = OWN else { unreachable!("it is") };
    assert!(routed(&deflected(here, 0), own.to_ipv6_mapped().into()).is_some(), "the same address");
}
