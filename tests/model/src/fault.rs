//! What must never happen, and what must happen somewhere for a model to mean anything.

use stateright::{Model, Property};

/// A state that has been judged.
pub trait Judged {
    /// What must never happen, and has.
    fn faults(&self) -> Set;
    /// What has happened.
    fn sights(&self) -> Set;
}

/// Declares the faults or the sights: the enum, and a property of each.
macro_rules! claims {
    ($(#[doc = $what:literal])+ $set:ident: $expectation:ident, $holds:expr; $($(#[doc = $doc:literal])+ $name:ident,)+) => {
        $(#[doc = $what])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $set {
            $($(#[doc = $doc])+ $name,)+
        }

        impl $set {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The property that stateright checks in every state.
            #[must_use]
            pub fn property<M: Model<State: Judged>>(self) -> Property<M> {
                match self {
                    $(Self::$name => Property::$expectation(stringify!($name), |_, state| ($holds)(state, Self::$name)),)+
                }
            }
        }
    };
}

claims! {
    /// What must never happen.
    Fault: always, |state: &M::State, fault| !state.faults().has(fault);
    /// A frame that an honest peer sealed finds no key: its nonce or its seal is refused.
    Refused,
    /// A frame opened twice.
    Twice,
    /// Content that was not sent under this sequence number.
    Content,
    /// One nonce on two frames.
    Nonce,
    /// The sender's generation is not the newest one that the receiver has opened, nor the one after it.
    Generations,
    /// A session ended although both peers are honest.
    Ended,
    /// The network is fair again, and not everything is delivered and acknowledged.
    Stuck,
    /// The network is fair again, and a key is not renewed although it may be.
    NotRenewed,
    /// The network is fair again, and a side has not followed the generation that it has opened.
    NotFollowed,
    /// Something other than a heartbeat that asks went to a place where the peer never was.
    Astray,
    /// More than three times what opened from a place went there.
    Amplified,
    /// Home (the address that data is sent to) went back to a place that the peer had left.
    Backward,
    /// The network is fair again, and home is not the peer's newest place.
    NotHome,
    /// The peer was dead before the session became DISCONNECTED, and the session returned.
    ReturnedToDead,
    /// The session of a dead peer lived longer than the limit.
    OutlivedDead,
    /// The network is fair again, both live, and one of them has not returned.
    NotReturned,
}

claims! {
    /// What must happen somewhere.
    Sight: sometimes, |state: &M::State, sight| state.sights().saw(sight);
    /// A key was renewed once.
    Renewed,
    /// A key was renewed twice.
    RenewedTwice,
    /// A data frame of the older generation opened after one of the newer had.
    OlderOpened,
    /// A frame of an older generation than the present one came again.
    OlderReplayed,
    /// A side followed its peer's renewal without being asked to.
    Followed,
    /// Home has moved.
    Moved,
    /// Home has moved twice.
    MovedTwice,
    /// A probe went to the attacker's place.
    Probed,
    /// A session fell.
    Fell,
    /// A session returned.
    Returned,
    /// A session that had become DISCONNECTED after the death of its peer took a heartbeat of that peer.
    HeldBack,
}

/// A set of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Set(u32);

impl Set {
    /// Adds a fault.
    pub const fn fault(&mut self, fault: Fault) {
        self.0 |= 1 << fault as u8;
    }

    /// Adds a sight.
    pub const fn sight(&mut self, sight: Sight) {
        self.0 |= 1 << sight as u8;
    }

    /// Whether this fault is in it.
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        self.0 >> fault as u8 & 1 == 1
    }

    /// Whether this sight is in it.
    #[must_use]
    pub const fn saw(self, sight: Sight) -> bool {
        self.0 >> sight as u8 & 1 == 1
    }

    /// Nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
