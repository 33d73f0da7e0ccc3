//! The dual-cookie handshake and the contract (`IACP §4.2.4.1`, `IACP §6.4.3`, `IACP §6.4.4`).

pub(crate) mod contract;
pub(crate) mod cookie;
pub(crate) mod frames;
pub(crate) mod gate;
pub(crate) mod incoming;
pub(crate) mod initiator;
pub(crate) mod keys;
pub(crate) mod responder;
pub(crate) mod terms;

use crate::pss::stream::keys::Way;

/// Which side of the handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// It sent PSS_INIT.
    Initiator,
    /// It answered.
    Responder,
}

words! {
    Role {
        Self::Initiator => "initiator",
        Self::Responder => "responder",
    }
}

impl Role {
    /// The direction of this side's frames.
    pub(crate) const fn way(self) -> Way {
        match self {
            Self::Initiator => Way::I2r,
            Self::Responder => Way::R2i,
        }
    }
}
