//! The life of an interaction as a table (`IoE §2.2`, `R4`, `R9`).

use core::fmt;

macro_rules! named {
    ($(#[$attribute:meta])* $kind:ident { $($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum $kind { $($(#[doc = $doc])+ $variant,)+ }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it means, in a line.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// The state of an interaction.
    State {
        /// The interaction has its identity; nothing is governed yet.
        Created = "created",
        /// Everything that was declared works.
        Active = "active",
        /// An auxiliary function has failed; the core works.
        Degraded = "degraded",
        /// Nothing is permitted for now: the interaction was suspended by an act, or a core function has failed.
        Suspended = "suspended",
        /// The interaction is over. Its identity is never used again.
        Terminated = "terminated",
    }
}

named! {
    /// What moves the state.
    ///
    /// ```
    /// use interaction_gov::lifecycle::{Event, State};
    ///
    /// assert_eq!(State::Created.next(Event::Start), Some(State::Active));
    /// assert_eq!(State::Suspended.next(Event::Start), None, "the table has no such move");
    /// assert!(!State::Suspended.governs(), "nothing is permitted for now");
    /// ```
    Event {
        /// The first participant is there.
        Start = "START",
        /// An auxiliary function has failed, or a second one.
        AuxiliaryFailed = "AUXILIARY_FAILED",
        /// A core function has failed.
        CoreFailed = "CORE_FAILED",
        /// A core function is gone for good: too late, denied, or ended with the participant for which it ran.
        CoreLost = "CORE_LOST",
        /// The last failed function works again.
        Recovered = "RECOVERED",
        /// The last failed core function works again, while an auxiliary one still fails.
        CoreRecovered = "CORE_RECOVERED",
        /// An authority or the application suspends it.
        Suspend = "SUSPEND",
        /// It is resumed, and everything works.
        Resume = "RESUME",
        /// It is resumed, while an auxiliary function still fails.
        ResumeDegraded = "RESUME_DEGRADED",
        /// It ends.
        Terminate = "TERMINATE",
    }
}

/// All moves; all others are refused.
// keeps: IOE-008 (§2.2), IOE-103 (§4.9 R9)
pub const ROWS: &[(State, Event, State)] = &[
    (State::Created, Event::Start, State::Active),
    (State::Created, Event::Terminate, State::Terminated),
    (State::Active, Event::AuxiliaryFailed, State::Degraded),
    (State::Active, Event::CoreFailed, State::Suspended),
    (State::Active, Event::CoreLost, State::Suspended),
    (State::Active, Event::Suspend, State::Suspended),
    (State::Active, Event::Terminate, State::Terminated),
    (State::Degraded, Event::AuxiliaryFailed, State::Degraded),
    (State::Degraded, Event::CoreFailed, State::Suspended),
    (State::Degraded, Event::CoreLost, State::Suspended),
    (State::Degraded, Event::Recovered, State::Active),
    (State::Degraded, Event::Suspend, State::Suspended),
    (State::Degraded, Event::Terminate, State::Terminated),
    (State::Suspended, Event::AuxiliaryFailed, State::Suspended),
    (State::Suspended, Event::CoreFailed, State::Suspended),
    (State::Suspended, Event::CoreLost, State::Suspended),
    (State::Suspended, Event::Suspend, State::Suspended),
    (State::Suspended, Event::Recovered, State::Active),
    (State::Suspended, Event::CoreRecovered, State::Degraded),
    (State::Suspended, Event::Resume, State::Active),
    (State::Suspended, Event::ResumeDegraded, State::Degraded),
    (State::Suspended, Event::Terminate, State::Terminated),
];

impl State {
    /// The state after an event, if the table has that move.
    #[must_use]
    pub fn next(self, event: Event) -> Option<Self> {
        ROWS.iter().find(|(from, on, _)| (*from, *on) == (self, event)).map(|(_, _, to)| *to)
    }

    /// Whether anything can be permitted.
    #[must_use]
    pub const fn governs(self) -> bool {
        matches!(self, Self::Active | Self::Degraded)
    }
}
