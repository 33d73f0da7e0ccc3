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
    ///
    /// An example is at [`AaiRequest`].
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
    ///
    /// An agent sends its request inside a LOCAL frame, with its token; the RESULT repeats the number.
    ///
    /// ```
    /// use iacp_wire::message::{AaiNotice, AaiRequest, Local};
    /// use iacp_wire::{Eid, Frame, IatField, Message};
    /// use zerocopy::network_endian::{U16, U32, U64};
    ///
    /// let ask = AaiRequest {
    ///     op: U16::new(25), // RESOLVE
    ///     op_reserved: U16::ZERO,
    ///     request: U32::new(7),
    ///     session: U64::ZERO,
    /// };
    /// let mut inner = [0; 64];
    /// let length = Frame::new(Message::AaiRequest { head: &ask, arguments: b"a.example" }).write(&mut inner)?;
    /// let head = Local { eid: Eid([1; 32]), local_iat: IatField([2; 32]) };
    /// let mut datagram = [0; 256];
    /// let sent = Frame::new(Message::Local { head: &head, inner: &inner[..length] }).write(&mut datagram)?;
    /// assert_eq!(sent, 4 + Local::LEN + 4 + AaiRequest::LEN + 9);
    ///
    /// let told = AaiNotice {
    ///     notice: U16::new(1), // RESULT
    ///     result_status: U16::ZERO,
    ///     request: U32::new(7),
    ///     session: U64::ZERO,
    /// };
    /// let is_answer = told.request == ask.request;
    /// assert!(is_answer && told.result_status.get() == 0, "it is done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
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
    ///
    /// An example is at [`AaiRequest`].
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
