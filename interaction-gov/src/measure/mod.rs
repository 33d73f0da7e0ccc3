//! The cost of coordination, whether an architecture can govern deterministically, and whether a running system does
//! (`IoE §3.2`, `§7`, `Appendix A`).
//!
//! - [`coordination`] counts coordination surfaces by the draft's formulas and says how a count grows.
//! - [`evaluate`] evaluates a description of an architecture in the eight steps of Appendix A.
//! - [`Measurements`] collects what was measured and compares it with the draft's targets.

mod architecture;
pub mod coordination;
mod evaluation;
mod histogram;
mod measurements;
mod requirement;
mod step;

pub use architecture::{
    Architecture, Boundary, Change, Component, ComputePath, Context, Continuity, Enforcement, Misdescribed, Reach,
    Sovereignty, State, Surface,
};
pub use evaluation::{Basis, Changes, Conclusion, Evaluation, Finding, Judgement, evaluate};
pub use histogram::Histogram;
pub use measurements::{Attainment, Measurements, Metric, NotAShare};
pub use requirement::{Claim, Claims, Level, Requirement, Standing};
pub use step::{Shortcoming, Shortcomings, Step};

/// A set of values of an enum whose list is called `ALL`: a bit for each.
macro_rules! set_of {
    ($(#[$doc:meta])* $set:ident of $item:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $set(u64);

        impl $set {
            pub(crate) const fn insert(&mut self, item: $item) {
                self.0 |= 1 << item as u64;
            }

            /// Whether there are none.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether it is among them.
            #[must_use]
            pub const fn contains(self, item: $item) -> bool {
                self.0 & (1 << item as u64) != 0
            }

            /// The values, in the order of their list.
            pub fn iter(self) -> impl Iterator<Item = $item> {
                $item::ALL.iter().copied().filter(move |item| self.contains(*item))
            }
        }

        impl core::fmt::Display for $set {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let mut items = self.iter();
                let Some(first) = items.next() else { return f.pad("none") };
                core::fmt::Display::fmt(&first, f)?;
                items.try_for_each(|item| write!(f, "; {item}"))
            }
        }

        // The set has one bit for each, in 64 bits.
        const _: () = assert!($item::ALL.len() <= 64);
    };
}
use set_of;
