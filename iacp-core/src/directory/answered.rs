//! What a node answered to a write: the side of the client (`IACP §4.2.3.3`, `IACP §5.3.1`).

use iacp_wire::layout::Record;
use iacp_wire::message::ErpRegister;
use iacp_wire::{Eid, Flags, Frame, Message, RefusedDigest, Signature};

use super::body::record_digest;
use super::kind::Kind;
use crate::crypto::Provider;
use crate::guard::Difficulty;
use crate::identity::verify_frame;

/// What a binding's signature covers: EID, IP, generation. A confirmation is tied to these bytes.
const BOUND: usize = ErpRegister::LEN - Signature::LEN;

/// The code of an ERROR that names bits of work.
const WORK_TOO_LOW: u16 = 2;

/// The word of a node on a record that was sent to it.
///
/// ```
/// use iacp_core::directory::{Answered, answered};
/// # use iacp_core::crypto::{ChaChaOnly, Provider};
/// # use iacp_wire::layout::Record;
/// # use iacp_wire::message::ErrorMessage;
/// # use iacp_wire::{DhtKey, Eid, Frame, Message, RefusedDigest};
/// # let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: 2_000, body: &[9; 120] };
/// # let sent = b"the datagram with the record";
/// # let digest = ChaChaOnly::sha256(&[sent]);
/// # let refused_digest = RefusedDigest(*digest.first_chunk().ok_or("32 bytes")?);
/// # let error = ErrorMessage { code: 2.into(), refused_type: 0, reserved: 0, retry_after: 20.into(), refused_digest };
/// # let mut datagram = [0; 64];
/// # let length = Frame::new(Message::Error(&error)).write(&mut datagram)?;
/// # let datagram = &datagram[..length];
///
/// // A node wants 20 bits of work with it.
/// let answer = answered::<ChaChaOnly>(datagram, &Eid([1; 32]), sent, &record);
/// assert_eq!(answer, Some(Answered::Refused { code: 2, retry_after: 20 }));
/// assert_eq!(answered::<ChaChaOnly>(datagram, &Eid([1; 32]), b"another datagram", &record), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answered {
    /// Signed by the node: 0 if it keeps the record.
    Status(u32),
    /// An ERROR, which no node signs: a code, and with `WORK_TOO_LOW` the bits that it wants, else milliseconds to wait.
    Refused {
        /// See the codes of an ERROR.
        code: u16,
        /// Bits, or milliseconds.
        retry_after: u32,
    },
}

impl core::fmt::Display for Answered {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Status(0) => f.pad("the node keeps the record"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Refused { code: WORK_TOO_LOW, retry_after } => write!(f, "the node wants {retry_after} bits of work"),
            Self::Refused { code, retry_after } => write!(f, "error {code}, again in {retry_after} ms"),
        }
    }
}

/// Reads the answer of `node` to a write of `record` that went out as the datagram `sent`. None if it answers something else, or
/// its signature does not hold: then it is not counted.
///
/// ```
/// use iacp_core::crypto::ChaChaOnly;
/// use iacp_core::directory::answered;
/// use iacp_wire::layout::Record;
/// use iacp_wire::{DhtKey, Eid};
///
/// let record = Record { kind: 1, storage_key: DhtKey([7; 32]), expiry: 2_000, body: &[9; 120] };
/// assert_eq!(answered::<ChaChaOnly>(b"noise", &Eid([1; 32]), b"sent", &record), None);
/// ```
#[must_use]
pub fn answered<P: Provider>(datagram: &[u8], node: &Eid, sent: &[u8], record: &Record<'_>) -> Option<Answered> {
    let frame = Frame::parse(datagram).ok().filter(|frame| frame.flags == Flags::NONE)?;
    match frame.message {
        Message::ErpConfirm(confirm) if record.kind == Kind::Binding as u8 && confirm.directory_node_eid == *node => {
            let bound = record.body.get(..BOUND)?;
            verify_frame::<P>(node, &frame, [bound, &[]], datagram).ok()?;
            Some(Answered::Status(confirm.status.get()))
        }
        Message::DirReceipt(receipt) if receipt.directory_node_eid == *node => {
            let digest = record_digest::<P>(record.kind, &record.storage_key, record.body);
            if receipt.record_digest != digest {
                return None;
            }
            verify_frame::<P>(node, &frame, [&[], &[]], datagram).ok()?;
            Some(Answered::Status(receipt.status.get()))
        }
        Message::Error(error) => {
            let refused = RefusedDigest(P::sha256(&[sent]).first_chunk().copied()?);
            let retry_after = error.retry_after.get();
            // No request is asked for more than 24 bits: an ERROR that says so is not a node's, and no host mines for it.
            // keeps: IACP-117 (§5.3.1)
            let is_endless = error.code.get() == WORK_TOO_LOW && retry_after > Difficulty::CAP;
            let is_answer = error.refused_digest == refused && !is_endless;
            is_answer.then_some(Answered::Refused { code: error.code.get(), retry_after })
        }
        _ => None,
    }
}
