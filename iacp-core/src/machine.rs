//! State tables as data: one table gives the enum pair, the step function, the list of rows and the drawing.
//!
//! The draft gives its machines as tables and pictures (`IACP App. B`, `§5.5.2`, `§6.4.2`). Each is written once
//! in this crate, in the draft's own state and event names, and everything else comes out of that one list: what it
//! does ([`Row`] by row), what the tests compare, what the documentation lists and what a drawing shows. There is no
//! second place where a move could hide.
//!
//! What carries data wraps its table: the table says which move is legal, the data says what it does.

use core::fmt;

/// Where a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Origin {
    /// The draft draws it, in the table or picture of the section that the machine names.
    Drawn,
    /// The draft says it elsewhere: in its text or in another picture.
    Said,
    /// The draft lacks it; we added it, and the row's note says why.
    Ours,
}

words! {
    Origin {
        Self::Drawn => "drawn",
        Self::Said => "text",
        Self::Ours => "ours",
    }
}

/// One move of a machine, in the draft's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Row {
    /// The state before.
    pub state: &'static str,
    /// The event.
    pub event: &'static str,
    /// The state after.
    pub next: &'static str,
    /// Where the row comes from: the draft's table, its text, or this implementation.
    pub origin: Origin,
    /// What is worth knowing about it; empty where nothing is.
    pub note: &'static str,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} + {} => {}", self.state, self.event, self.next)
    }
}

/// The name of a state or an event, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Symbol {
    /// The draft's name.
    pub name: &'static str,
    /// Its meaning, in a line.
    pub meaning: &'static str,
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// A whole machine as data.
///
/// A machine as a drawing for Graphviz, with what this implementation added in grey:
///
/// ```
/// use iacp_core::guard::breaker;
/// use iacp_core::machine::{Machine, Origin, Row, Symbol};
///
/// fn draw(machine: &Machine) -> String {
///     let state = |Symbol { name, meaning }: &Symbol| format!("{name} [tooltip=\"{meaning}\"]\n");
///     let arrow = |Row { state, event, next, origin, .. }: &Row| {
///         let color = if *origin == Origin::Ours { "grey" } else { "black" };
///         format!("{state} -> {next} [label=\"{event}\", color={color}]\n")
///     };
///     machine.states.iter().map(state).chain(machine.rows.iter().map(arrow)).collect()
/// }
///
/// assert!(draw(&breaker::MACHINE).contains("CLOSED -> OPEN [label=\"TRAFFIC_SPIKE\", color=black]"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Machine {
    /// A short name in kebab case, unique in the crate.
    pub name: &'static str,
    /// Where the draft draws it.
    pub section: &'static str,
    /// The states in which it begins; the first one is `State::INITIAL`.
    pub initial: &'static [&'static str],
    /// The states in which its own story ends; not every one of them is without a way out.
    pub finals: &'static [&'static str],
    /// Every state.
    pub states: &'static [Symbol],
    /// Every event.
    pub events: &'static [Symbol],
    /// Every move. What is not here is refused.
    pub rows: &'static [Row],
    /// Where we depart from what is drawn, where the draft contradicts itself, and what the table leaves to its owner.
    pub notes: &'static [&'static str],
}

/// A move that the table does not have. The state is still what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused<S, E> {
    /// The state, unchanged.
    pub state: S,
    /// The event that has no row there.
    pub event: E,
}

impl<S: fmt::Display, E: fmt::Display> fmt::Display for Refused<S, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no move from {} on {}", self.state, self.event)
    }
}

impl<S, E> core::error::Error for Refused<S, E>
where
    S: fmt::Debug + fmt::Display,
    E: fmt::Debug + fmt::Display,
{
}

/// Writes a machine from its table.
///
/// In the module where it stands it gives the enums `State` and `Event` (with `name`, and on `State` also `INITIAL`,
/// `next` and `step`), the lists `STATES`, `EVENTS` and `ROWS`, and the descriptor `MACHINE`. Two rows for the same
/// state and event do not compile.
macro_rules! machine {
    (
        machine $machine:literal, $section:literal;
        starts in $initial:ident $(or $start:ident)*;
        ends in $($final:ident),* $(,)?;
        states { $($(#[doc = $state_doc:literal])+ $state:ident = $state_name:literal,)+ }
        events { $($(#[doc = $event_doc:literal])+ $event:ident = $event_name:literal,)+ }
        rows { $($origin:ident: $from:ident + $on:ident => $to:ident $(, $row_note:literal)?;)+ }
        notes { $($note:literal,)* }
    ) => {
        #[doc = concat!("The states of `IACP ", $section, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum State {
            $($(#[doc = $state_doc])+ $state,)+
        }

        #[doc = concat!("The events of `IACP ", $section, "`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum Event {
            $($(#[doc = $event_doc])+ $event,)+
        }

        impl State {
            /// The state in which the machine begins.
            pub const INITIAL: Self = Self::$initial;

            /// The draft's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$state => $state_name,)+
                }
            }

            /// The state after `event`, or `None` where the table has no row.
            #[must_use]
            #[deny(unreachable_patterns)]
            pub const fn next(self, event: Event) -> Option<Self> {
                match (self, event) {
                    $((Self::$from, Event::$on) => Some(Self::$to),)+
                    _ => None,
                }
            }

            /// Makes the move and returns the state after it.
            ///
            /// # Errors
            ///
            /// [`Refused`](crate::machine::Refused) where the table has no row; the state stays as it was.
            // keeps: IACP-169 (§8.7)
            pub const fn step(&mut self, event: Event) -> Result<Self, $crate::machine::Refused<Self, Event>> {
                match self.next(event) {
                    Some(next) => {
                        *self = next;
                        Ok(next)
                    }
                    None => Err($crate::machine::Refused { state: *self, event }),
                }
            }
        }

        impl Event {
            /// The draft's name; where the draft gives none, ours.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $event_name,)+
                }
            }
        }

        impl core::fmt::Display for State {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl core::fmt::Display for Event {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        /// Every state.
        pub const STATES: &[State] = &[$(State::$state,)+];

        /// Every event.
        pub const EVENTS: &[Event] = &[$(Event::$event,)+];

        /// Every row: exactly the moves that [`State::next`] makes.
        pub const ROWS: &[$crate::machine::Row] = &[$($crate::machine::Row {
            state: State::$from.name(),
            event: Event::$on.name(),
            next: State::$to.name(),
            origin: $crate::machine::Origin::$origin,
            note: concat!($($row_note)?),
        },)+];

        /// The machine as data.
        pub static MACHINE: $crate::machine::Machine = $crate::machine::Machine {
            name: $machine,
            section: $section,
            initial: &[State::$initial.name() $(, State::$start.name())*],
            finals: &[$(State::$final.name(),)*],
            states: &[$($crate::machine::Symbol {
                name: $state_name,
                meaning: concat!($($state_doc),+).trim_ascii(),
            },)+],
            events: &[$($crate::machine::Symbol {
                name: $event_name,
                meaning: concat!($($event_doc),+).trim_ascii(),
            },)+],
            rows: ROWS,
            notes: &[$($note,)*],
        };
    };
}
pub(crate) use machine;
