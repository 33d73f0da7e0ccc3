//! An agent's side of a hub: it asks to hear what is searched in a space (`IACP §6.2`).

use iacp_wire::message::SpaceJoin;
use iacp_wire::{DhtKey, Frame, JoinCookie, Message, Signature, WriteError};

use crate::crypto::Provider;
use crate::identity::{Identity, sign_frame};
use crate::time::UnixTime;

/// Writes a SPACE_JOIN, and returns its length. The member's key is made for this space and this hub alone: so neither hubs nor
/// anyone on the path can tell which agent has joined.
///
/// The first one has a zero cookie, and the hub's SPACE_STATUS brings one. The second has that cookie, and stands in a
/// WORKED_REQUEST of the space. A time that is past leaves the space.
///
/// # Errors
/// `out` is too small: 156 bytes do.
///
/// ```
/// use iacp_core::crypto::{ChaChaOnly, Secret32};
/// use iacp_core::discovery::{join, space_of_topic};
/// use iacp_core::identity::Identity;
/// use iacp_core::time::UnixTime;
/// use iacp_wire::JoinCookie;
///
/// let member = Identity::<ChaChaOnly>::from_seed(&Secret32::new([7; 32])); // random, in real life
/// let (space, until) = (space_of_topic::<ChaChaOnly>("chess"), UnixTime(1_790_000_000_000));
/// let mut frame = [0; 156];
/// assert_eq!(join(&member, space, until, JoinCookie::ZERO, &mut frame), Ok(156));
/// ```
// keeps: IACP-136 (§6.2)
pub fn join<P: Provider>(
    member: &Identity<P>,
    space: DhtKey,
    until: UnixTime,
    cookie: JoinCookie,
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let message = SpaceJoin {
        target_space_coordinate: space,
        member_key: member.eid(),
        expiration_timestamp: until.0.into(),
        join_cookie: cookie,
        signature: Signature::ZERO,
    };
    sign_frame(member, &Frame::new(Message::SpaceJoin(&message)), [&[], &[]], out)
}
