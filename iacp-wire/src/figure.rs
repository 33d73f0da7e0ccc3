//! The trait of all fixed bodies: a struct equals its figure.

use core::fmt;

use zerocopy::network_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A fixed-size body: a struct in the field order of its figure.
///
/// A program that draws a figure needs only its fields.
///
/// ```
/// use iacp_wire::{Figure, message::PssNeg};
///
/// assert_eq!(PssNeg::FIELDS[1], ("negotiation_turn_counter", 2));
/// let bytes: usize = PssNeg::FIELDS.iter().map(|(_, size)| size).sum();
/// assert_eq!(bytes, PssNeg::LEN);
/// ```
pub trait Figure: FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned {
    /// The fields in wire order, with their sizes in bytes.
    const FIELDS: &'static [(&'static str, usize)];

    /// Calls the visitor for every field in wire order.
    fn visit(&self, visitor: &mut dyn FnMut(&'static str, Value<'_>));
}

/// The value of a field, for programs that print frames.
///
/// Such a program gets each field with its name; a secret is never shown.
///
/// ```
/// use iacp_wire::{Eid, IatField, Message, Value, message::ErpKeepalive};
///
/// let alive = ErpKeepalive { eid: Eid([1; 32]), local_iat: IatField([2; 32]) };
/// let mut lines = Vec::new();
/// Message::ErpKeepalive(&alive).visit(&mut |field, value: Value<'_>| lines.push(format!("{field}: {value}")));
/// assert_eq!(lines, [format!("eid: {}", "01".repeat(32)), "local_iat: secret".to_owned()]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A byte string.
    Bytes(&'a [u8]),
    /// A byte string that gives access to anyone who reads it.
    Secret(&'a [u8]),
    /// An unsigned number.
    Integer(u64),
    /// UTF-8 text.
    Text(&'a str),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => f.debug_tuple("Bytes").field(bytes).finish(),
            Self::Secret(_) => f.write_str("Secret(..)"),
            Self::Integer(number) => f.debug_tuple("Integer").field(number).finish(),
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
        }
    }
}

/// Bytes are lower-case hexadecimal. A secret is not shown.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
            Self::Secret(_) => f.pad("secret"),
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// A field type that can be shown.
pub(crate) trait Show {
    fn show(&self) -> Value<'_>;
}

impl<const N: usize> Show for [u8; N] {
    fn show(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

macro_rules! show_integers {
    ($($ty:ty),*) => {$(
        impl Show for $ty {
            fn show(&self) -> Value<'_> {
                Value::Integer(u64::from(*self))
            }
        }
    )*};
}
show_integers!(u8, U16, U32, U64);

/// Where the field `signature` starts in a figure, if it has one.
pub(crate) const fn signature_offset(fields: &[(&str, usize)]) -> Option<usize> {
    let mut rest = fields;
    let mut offset = 0;
    while let [(name, size), tail @ ..] = rest {
        if is_signature(name.as_bytes()) {
            return Some(offset);
        }
        offset += *size;
        rest = tail;
    }
    None
}

const fn is_signature(name: &[u8]) -> bool {
    matches!(name, b"signature")
}

/// Declares a figure: the struct, its compile-time size check, and its field list.
///
/// `figure!(… plain …)` leaves out the derives that a field with a secret must not have.
macro_rules! figure {
    ($(#[$meta:meta])* $name:ident = $size:literal { $($body:tt)* }) => {
        $crate::figure::figure!(@define
            [#[derive(Clone, Copy, Debug, PartialEq, Eq)]] $(#[$meta])* $name = $size { $($body)* });
    };
    (plain $(#[$meta:meta])* $name:ident = $size:literal { $($body:tt)* }) => {
        $crate::figure::figure!(@define [] $(#[$meta])* $name = $size { $($body)* });
    };
    (@define [$($derive:tt)*] $(#[$meta:meta])* $name:ident = $size:literal {
        $($(#[$field_meta:meta])* $field:ident: $ty:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $($derive)*
        #[derive(
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout, zerocopy::Unaligned,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $ty),*
        }

        const _: () = assert!(size_of::<$name>() == $size);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $size;
        }

        impl $crate::figure::Figure for $name {
            const FIELDS: &'static [(&'static str, usize)] = &[$((stringify!($field), size_of::<$ty>())),*];

            fn visit(&self, visitor: &mut dyn FnMut(&'static str, $crate::figure::Value<'_>)) {
                $(visitor(stringify!($field), $crate::figure::Show::show(&self.$field));)*
            }
        }
    };
}
pub(crate) use figure;
