//! The local channel between an agent and its LL-Entity (`IACP §4.2.2.2`, `IACP §4.2.3.1`).

use zerocopy::network_endian::{U16, U32, U64};

use crate::field::{Eid, IatField};
use crate::figure::figure;

figure! {
    plain
    /// The encapsulation header of the local channel, `LOCAL`, 0x86 (`IACP §4.2.2.2`); the inner frame follows.
    ///
    /// ```text
    /// +---------------------------------------------------------------+
    /// |                           EID [32]                            |
    /// +---------------------------------------------------------------+
    /// |                           IAT [32]                            |
    /// +---------------------------------------------------------------+
    /// |                         Inner frame …                         |
    /// +---------------------------------------------------------------+
    /// ```
    Local = 64 {
        /// The agent.
        eid: Eid,
        /// Its token; zero toward the agent.
        local_iat: IatField,
    }
}

figure! {
    /// A request of an agent to its LL-Entity, `AAI_REQUEST`, 0x87; the arguments of the op follow.
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// |            Op [2]             |         Reserved [2]          |
    /// +-------------------------------+-------------------------------+
    /// |                          Request [4]                          |
    /// +---------------------------------------------------------------+
    /// |                          Session [8]                          |
    /// +---------------------------------------------------------------+
    /// |                          Arguments …                          |
    /// +---------------------------------------------------------------+
    /// ```
    AaiRequest = 16 {
        /// What is asked.
        op: U16,
        /// Zero when sent, ignored when received.
        op_reserved: U16,
        /// The agent's own number, which the answer repeats; with 0 only a refusal is answered.
        request: U32,
        /// A handle, or zero.
        session: U64,
    }
}

figure! {
    /// A notice of an LL-Entity to an agent, `AAI_NOTICE`, 0x88; the content of the notice follows.
    ///
    /// ```text
    /// +-------------------------------+-------------------------------+
    /// |          Notice [2]           |          Status [2]           |
    /// +-------------------------------+-------------------------------+
    /// |                          Request [4]                          |
    /// +---------------------------------------------------------------+
    /// |                          Session [8]                          |
    /// +---------------------------------------------------------------+
    /// |                           Content …                           |
    /// +---------------------------------------------------------------+
    /// ```
    AaiNotice = 16 {
        /// The kind of notice.
        notice: U16,
        /// How the request ended; zero except in RESULT.
        result_status: U16,
        /// The number of the request; zero except in RESULT.
        request: U32,
        /// A handle, or zero.
        session: U64,
    }
}
