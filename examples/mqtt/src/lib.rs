//! The control plane over MQTT (`CEP §3.1`, `CEP §10`): notifications are published, and a listener brings the objects that they
//! refer to into the inbox of a file drop, where they climb the same ladder as everything else.
//!
//! ```text
//!  sender                        broker                     receiver
//!  mqtt announce NOTICE    →     cep/notices/<receiver>   → mqtt listen
//!                                                           │ a notification, for us, not seen before
//!  an https: server, or an agent that gives out objects  ←──┘ its reference, within bounds
//!                                                      ──→  INBOX/NAME, NAME+notice.json, NAME+manifest.json → dropbox run
//! ```
//!
//! **Nothing that a broker says is believed.** A notification is a pointer: anyone who may publish can send one, once or often,
//! retained or not. One that is malformed, too long, for another receiver, or refers to what is not to be fetched is refused with its
//! reason, and acknowledged, so that it hinders no other. What is fetched is judged by the drop.
//!
//! **Nothing is lost on the way**, as far as the broker keeps it. Messages have QoS 1 (others are refused) and are acknowledged when
//! their object is in the inbox, in the connection in which they came; those that find no room are asked for once more in the next
//! connection; a broker that dies is asked again after a pause; what comes twice is known by its SHA-256, over restarts too ([`Seen`]).
//! Two limits: a packet that cannot be read makes the next session begin anew, and what the broker has kept until then is lost; and an
//! object whose name another one has in the inbox for a minute is refused, until it is announced again. A packet that is only long is
//! read, up to 256 MiB: a broker on which others publish should take no long ones. A connection that breaks off, within a packet too, ends
//! no session.
//!
//! References are fetched one after the other. One whose server is slow is tried for an eighth of its time, and for all of it when nothing
//! else waits; each of them holds up others for that long, unless `--from` names the servers.

mod announce;
mod broker;
mod connect;
mod link;
mod listen;
mod seen;

pub use announce::{Announcing, announce};
pub use broker::{MAX_PAYLOAD, serve};
pub use connect::{Broker, topic_of};
pub use listen::{Heard, Listening, listen};
pub use seen::Seen;
