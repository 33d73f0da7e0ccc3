//! What look-ups and writes have brought.

use iacp_core::directory::Kind;
use iacp_core::directory::client::Written;
use iacp_core::erp::binding::Binding;
use iacp_core::erp::entity::PeerAnswer;
use iacp_wire::Eid;
use iacp_wire::message::DhtTicketResp;

/// What the nodes have said, for the LL-Entity and for the user.
pub enum Learnt {
    Own(Binding),
    Peer(Eid, PeerAnswer),
    /// The body of a PROOF_OF_MAL.
    Accusation(Vec<u8>),
    Ticket {
        owner: Eid,
        requestor: Eid,
        answer: DhtTicketResp,
    },
    /// A record of an agent's has ended its way.
    Deposited(Eid, Kind, Written),
    /// A quorum has the publication that it did not take at first.
    Published(Eid),
    /// A quorum has the binding of this generation.
    Bound(Eid, u64),
    Trouble(String),
}
