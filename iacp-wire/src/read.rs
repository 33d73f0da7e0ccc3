//! The one cursor through which all parsing goes. It cannot read past the end.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::error::{ParseError, Reason};
use crate::figure::Figure;

#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// How many bytes of the datagram lie before `bytes`.
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) const fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// The next `count` bytes, as the field `field`.
    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], ParseError> {
        let Some((taken, rest)) = self.bytes.split_at_checked(count) else {
            return Err(ParseError::new(Reason::Truncated, field, self.offset.saturating_add(self.bytes.len())));
        };
        self.bytes = rest;
        self.offset = self.offset.saturating_add(count);
        Ok(taken)
    }

    /// The next `N` bytes, as the field `field`.
    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], ParseError> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(ParseError::new(Reason::Truncated, field, self.offset.saturating_add(self.bytes.len())));
        };
        self.bytes = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(*taken)
    }

    /// The next figure; if the bytes end inside it, the error names the field that is cut.
    pub(crate) fn figure<T: Figure>(&mut self) -> Result<&'a T, ParseError> {
        let Ok((figure, rest)) = T::ref_from_prefix(self.bytes) else {
            let fields = if cfg!(feature = "names") { T::FIELDS } else { &[] };
            return Err(cut(fields, self.bytes.len(), self.offset));
        };
        self.bytes = rest;
        self.offset = self.offset.saturating_add(size_of::<T>());
        Ok(figure)
    }

    /// The next field, read in place.
    pub(crate) fn value<T: FromBytes + KnownLayout + Immutable + Unaligned>(
        &mut self,
        field: &'static str,
    ) -> Result<&'a T, ParseError> {
        let start = self.offset;
        let bytes = self.take(size_of::<T>(), field)?;
        T::ref_from_bytes(bytes).map_err(|_| ParseError::new(Reason::Truncated, field, start))
    }

    /// All remaining bytes.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes;
        self.bytes = &[];
        self.offset = self.offset.saturating_add(rest.len());
        rest
    }

    /// The next `count` bytes as UTF-8.
    pub(crate) fn text(&mut self, count: usize, field: &'static str) -> Result<&'a str, ParseError> {
        let start = self.offset;
        let bytes = self.take(count, field)?;
        core::str::from_utf8(bytes)
            .map_err(|error| ParseError::new(Reason::Utf8, field, start.saturating_add(error.valid_up_to())))
    }

    /// Refuses remaining bytes.
    pub(crate) fn end(&self, field: &'static str) -> Result<(), ParseError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(ParseError::new(Reason::Trailing, field, self.offset)) }
    }
}

/// The bytes end after `left` of them, inside one of the fields. One copy for all figures.
#[cold]
#[inline(never)]
fn cut(fields: &[(&'static str, usize)], left: usize, offset: usize) -> ParseError {
    let end = offset.saturating_add(left);
    let mut rest = left;
    for (name, size) in fields {
        match rest.checked_sub(*size) {
            Some(behind) => rest = behind,
            None => return ParseError::new(Reason::Truncated, name, end),
        }
    }
    ParseError::new(Reason::Truncated, "body", end)
}
