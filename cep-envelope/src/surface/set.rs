//! Small sets of named remarks.

/// Declares an enum and the set of its variants.
macro_rules! remarks {
    (
        $(#[$set_attribute:meta])* $set:ident of
        $(#[$attribute:meta])* $remark:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum $remark { $($(#[$doc])* $variant,)+ }

        impl $remark {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name, for people and programs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            const fn bit(self) -> u8 {
                1 << self as u8
            }
        }

        impl core::fmt::Display for $remark {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        $(#[$set_attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub struct $set(u8);

        impl $set {
            /// Whether the set is empty.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Whether this is among them.
            #[must_use]
            pub const fn contains(self, remark: $remark) -> bool {
                self.0 & remark.bit() != 0
            }

            /// Each of them, in the order of their declaration.
            pub fn iter(self) -> impl Iterator<Item = $remark> {
                $remark::ALL.iter().copied().filter(move |remark| self.contains(*remark))
            }

            pub(crate) const fn with(self, remark: $remark, holds: bool) -> Self {
                if holds { Self(self.0 | remark.bit()) } else { self }
            }
        }

        impl core::fmt::Display for $set {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                $crate::words::list(f, self.iter())
            }
        }
    };
}

pub(crate) use remarks;
