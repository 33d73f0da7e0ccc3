//! What people read of a value: `Display` in words, each beside its variant.

/// Writes `Display` for types whose texts are known when they are compiled. A width or an alignment in a format string holds.
macro_rules! words {
    ($($type:ty { $($variant:pat => $words:expr,)+ })+) => {$(
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(match self { $($variant => $words,)+ })
            }
        }
    )+};
}
