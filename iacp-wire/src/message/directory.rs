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
