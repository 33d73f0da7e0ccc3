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
//! **Nothing is lost on the way.** Messages have QoS 1 and are acknowledged when their object is in the inbox; a broker that
//! dies is asked again after a pause; what comes twice is known by its SHA-256, over restarts too ([`Seen`]).

mod announce;
mod broker;
mod connect;
mod listen;
mod seen;

pub use announce::{Announcing, announce};
pub use broker::{MAX_PAYLOAD, serve};
pub use connect::{Broker, topic_of};
pub use listen::{Heard, Listening, listen};
pub use seen::Seen;
