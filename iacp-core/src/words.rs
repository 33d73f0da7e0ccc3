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

/// The same for a set of flags: the words of each one that is set, and the bits that have none.
macro_rules! flags {
    ($type:ident or $none:literal { $($flag:expr => $words:expr,)+ }) => {
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let (mut rest, mut between) = (self.0, "");
                if rest == 0 {
                    return f.pad($none);
                }
                $(if rest & $flag.0 != 0 {
                    write!(f, "{between}{}", $words)?;
                    (rest, between) = (rest & !$flag.0, ", ");
                })+
                if rest == 0 { Ok(()) } else { write!(f, "{between}{rest:#x}") }
            }
        }
    };
}
