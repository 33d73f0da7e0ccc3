//! Messages between nodes of the directory and their clients (`IACP §5.1`, `IACP §5.3.1`).

use zerocopy::network_endian::{U16, U32, U64};

use crate::field::{DhtKey, Digest, Eid, Signature, TransactionId};
use crate::figure::figure;

figure! {
    /// `DIR_GET`, 0x90: asks a node for records. Padding follows, because an answer has at most three times the bytes
    /// of its request.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                       Storage Key [32]                        |
    /// +---------------------------------------------------------------+
    /// |                      Transaction ID [8]                       |
    /// +---------------+---------------+---------------+---------------+
    /// |   Kind [1]    |   First [1]   |   Class [1]   | Reserved [1]  |
    /// +---------------+---------------+---------------+---------------+
    /// |                          Padding …                            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// A client makes its request long enough for the answer that it expects.
    ///
    /// ```
    /// use iacp_wire::layout::Record;
    /// use iacp_wire::message::{DirAnswer, DirGet};
    /// use iacp_wire::{DhtKey, Frame, Message, TransactionId};
    /// use zerocopy::network_endian::U16;
    ///
    /// let asked = DirGet {
    ///     storage_key: DhtKey([7; 32]),
    ///     transaction_id: TransactionId([5; 8]),
    ///     kind: 1,
    ///     first: 0,
    ///     class: 0,
    ///     reserved: 0,
    /// };
    /// let mut buffer = [0; 512];
    /// let request = Frame::new(Message::DirGet { head: &asked, padding: &[0; 80] }).write(&mut buffer)?;
    ///
    /// let mut records = [0; 256];
    /// let record = Record { kind: 1, storage_key: asked.storage_key, expiry: 1_790_000_000_000, body: &[9; 120] };
    /// let length = record.write(&mut records)?;
    /// let head = DirAnswer {
    ///     transaction_id: asked.transaction_id,
    ///     answer_status: U16::ZERO,
    ///     answer_flags: U16::ZERO,
    ///     total: 1,
    ///     first: 0,
    ///     reserved: [0; 2],
    /// };
    /// let answer = Frame::new(Message::DirAnswer { head: &head, records: &records[..length] }).write(&mut buffer)?;
    /// assert!(answer <= 3 * request);
    /// let Message::DirAnswer { records, .. } = Frame::parse(&buffer[..answer])?.message else {
    ///     return Err("an answer".into());
    /// };
    /// let (first, rest) = Record::parse_prefix(records)?;
    /// assert_eq!((first, rest.len()), (record, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    DirGet = 44 {
        /// Under which key.
        storage_key: DhtKey,
        /// A random number that pairs the answer with the request.
        transaction_id: TransactionId,
        /// The kind of record; 0 for the nearest nodes, 254 for a receipt that shows where the node is, 255 for the binding and the
        /// flags.
        kind: u8,
        /// How many records of a list to skip.
        first: u8,
        /// The class of the coordinate: identities, namespaces, spaces, overlay.
        class: u8,
        /// Zero when sent, ignored when received.
        reserved: u8,
    }
}

figure! {
    /// `DIR_ANSWER`, 0x91: records, one after the other. It is unsigned: each record contains its own proof.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Transaction ID [8]                       |
    /// +-------------------------------+-------------------------------+
    /// |          Status [2]           |           Flags [2]           |
    /// +---------------+---------------+-------------------------------+
    /// |   Total [1]   |   First [1]   |         Reserved [2]          |
    /// +---------------+---------------+-------------------------------+
    /// |                          Records …                            |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`DirGet`].
    DirAnswer = 16 {
        /// The transaction of the request.
        transaction_id: TransactionId,
        /// 0 if the requested records follow.
        answer_status: U16,
        /// Hints: see the flags of the directory.
        answer_flags: U16,
        /// How many records there are, including those that did not fit.
        total: u8,
        /// How many of them were skipped.
        first: u8,
        /// Zero when sent, ignored when received.
        reserved: [u8; 2],
    }
}

figure! {
    /// `DIR_PUT`, 0x92: one record for a node to keep. If it comes from the record's owner, then node, time and
    /// signature are zero.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                   Directory node EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                        Timestamp [8]                          |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// |                          Record …                             |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The node's receipt repeats the digest of the record.
    ///
    /// ```
    /// use iacp_wire::message::{DirPut, DirReceipt};
    /// use iacp_wire::{Digest, Eid, Frame, Message, Signature};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// // From the owner: node, time and signature are zero.
    /// let head = DirPut { directory_node_eid: Eid::ZERO, timestamp: U64::ZERO, signature: Signature::ZERO };
    /// let frame = Frame::new(Message::DirPut { head: &head, record: &[1; 164] });
    /// assert_eq!(frame.length(), 4 + DirPut::LEN + 164);
    ///
    /// let digest = Digest([8; 32]); // of the record's kind, key and body
    /// let receipt = DirReceipt {
    ///     record_digest: digest,
    ///     directory_node_eid: Eid([3; 32]),
    ///     status: U32::ZERO,
    ///     signature: Signature::ZERO,
    /// };
    /// let is_kept = receipt.record_digest == digest && receipt.status.get() == 0;
    /// assert!(is_kept);
    /// ```
    DirPut = 104 {
        /// The node that passes the record on.
        directory_node_eid: Eid,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// By that node.
        signature: Signature,
    }
}

figure! {
    /// `DIR_RECEIPT`, 0x93: a node's answer to a record for which there is no `ERP_CONFIRM`.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                      Record Digest [32]                       |
    /// +---------------------------------------------------------------+
    /// |                   Directory node EID [32]                     |
    /// +---------------------------------------------------------------+
    /// |                          Status [4]                           |
    /// +---------------------------------------------------------------+
    /// |                Digital Signature (Ed25519) [64]               |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// An example is at [`DirPut`].
    DirReceipt = 132 {
        /// SHA-256 of the record's kind, key and body.
        record_digest: Digest,
        /// The node that answers.
        directory_node_eid: Eid,
        /// 0 if the record is kept.
        status: U32,
        /// By that node.
        signature: Signature,
    }
}

figure! {
    /// `WORKED_REQUEST`, 0x94: a request with its proof of work (`IACP §5.3.1`); the request is a frame that runs to the
    /// end.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                       Storage Key [32]                        |
    /// +---------------------------------------------------------------+
    /// |                       Frame Digest [32]                       |
    /// +---------------------------------------------------------------+
    /// |                        Timestamp [8]                          |
    /// +---------------------------------------------------------------+
    /// |                        PoW Nonce [8]                          |
    /// +---------------+-------------------------------+---------------+
    /// |  Class + 0x80 |           Zero [2]            |   Bits [1]    |
    /// +---------------+-------------------------------+---------------+
    /// |                         Inner frame …                         |
    /// +---------------------------------------------------------------+
    /// ```
    ///
    /// The last word contains the class of the coordinate and the number of bits that are claimed.
    ///
    /// ```
    /// use iacp_wire::message::WorkedRequest;
    /// use iacp_wire::{DhtKey, Digest, Frame, Message};
    /// use zerocopy::network_endian::{U32, U64};
    ///
    /// let (class, bits) = (1, 20);
    /// let head = WorkedRequest {
    ///     storage_key: DhtKey([7; 32]),
    ///     frame_digest: Digest([8; 32]),
    ///     timestamp: U64::new(1_790_000_000_000),
    ///     pow_nonce: U64::new(77_001),
    ///     pow_target_threshold: U32::from_bytes([0x80 | class, 0, 0, bits]),
    /// };
    /// let mut buffer = [0; 128];
    /// let length = Frame::new(Message::WorkedRequest { head: &head, inner: b"a request" }).write(&mut buffer)?;
    /// let Message::WorkedRequest { head, inner } = Frame::parse(&buffer[..length])?.message else {
    ///     return Err("work".into());
    /// };
    /// let [class, _, _, bits] = head.pow_target_threshold.to_bytes();
    /// assert_eq!((class & 0x7F, bits, inner), (1, 20, &b"a request"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    WorkedRequest = 84 {
        /// The key that the request is about.
        storage_key: DhtKey,
        /// SHA-256 of a label and the inner frame.
        frame_digest: Digest,
        /// Unix time in milliseconds.
        timestamp: U64,
        /// The nonce with which the digest of these 84 bytes ends in zero bits.
        pow_nonce: U64,
        /// The claim: 0x80 and the class, two bytes of zero, the number of bits.
        pow_target_threshold: U32,
    }
}
