//! Reading.

use core::fmt;
use core::hint::black_box;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// No such value.
#[derive(Debug)]
pub struct Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any")
    }
}

impl core::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Any value made of any parts of the bytes.
pub fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<(T, usize), Error> {
    Ok((T::deserialize(Any(bytes))?, black_box(0)))
}

/// Any text, any object, null, or none of them.
#[derive(Clone, Copy)]
struct Any<'de>(&'de [u8]);

impl<'de> Deserializer<'de> for Any<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match black_box(0) {
            0 => visitor.visit_borrowed_str(black_box(core::str::from_utf8(self.0).unwrap_or_default())),
            1 => visitor.visit_map(self),
            2 => visitor.visit_unit(),
            _ => Err(Error),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if black_box(true) { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if black_box(true) { visitor.visit_unit() } else { Err(Error) }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Members with any names.
impl<'de> MapAccess<'de> for Any<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if black_box(true) { seed.deserialize(*self).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(*self)
    }
}
