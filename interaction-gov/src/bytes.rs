//! Fields to bytes and back: numbers are big-endian, and bytes without a meaning are refused.
//!
//! The reading functions are `const`, so that they can also run when a constant is made.

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// There are too few bytes, or too many.
    Length,
    /// This field has no meaning.
    Field(&'static str),
}

/// `?` for constants.
macro_rules! attempt {
    ($what:expr) => {
        match $what {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}
pub(crate) use attempt;

/// Writes fields into the caller's bytes.
pub(crate) struct Writer<'b> {
    bytes: &'b mut [u8],
    used: usize,
}

impl<'b> Writer<'b> {
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    pub fn put(&mut self, field: &[u8]) {
        let end = self.used + field.len();
        if let Some(place) = self.bytes.get_mut(self.used..end) {
            // Not `copy_from_slice`, which keeps a panic for another length at opt-level "z".
            place.iter_mut().zip(field).for_each(|(to, from)| *to = *from);
        }
        // Bytes that do not fit are counted as well.
        self.used = end;
    }

    pub fn u8(&mut self, number: u8) {
        self.put(&[number]);
    }

    pub fn u16(&mut self, number: u16) {
        self.put(&number.to_be_bytes());
    }

    pub fn u32(&mut self, number: u32) {
        self.put(&number.to_be_bytes());
    }

    pub fn u64(&mut self, number: u64) {
        self.put(&number.to_be_bytes());
    }

    pub fn u128(&mut self, number: u128) {
        self.put(&number.to_be_bytes());
    }

    pub fn some(&mut self, number: Option<u32>) {
        self.u8(u8::from(number.is_some()));
        self.u32(number.unwrap_or(0));
    }

    /// How many bytes it took, or would have taken.
    ///
    /// # Errors
    /// How many are needed.
    pub const fn done(self) -> Result<usize, usize> {
        if self.used <= self.bytes.len() { Ok(self.used) } else { Err(self.used) }
    }
}

/// Reads fields.
pub(crate) struct Reader<'b>(pub &'b [u8]);

impl Reader<'_> {
    pub const fn take<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        match self.0.split_first_chunk() {
            Some((head, tail)) => {
                self.0 = tail;
                Ok(*head)
            }
            None => Err(FieldError::Length),
        }
    }

    pub const fn u8(&mut self) -> Result<u8, FieldError> {
        let [byte] = attempt!(self.take());
        Ok(byte)
    }

    pub const fn u16(&mut self) -> Result<u16, FieldError> {
        Ok(u16::from_be_bytes(attempt!(self.take())))
    }

    pub const fn u32(&mut self) -> Result<u32, FieldError> {
        Ok(u32::from_be_bytes(attempt!(self.take())))
    }

    pub const fn u64(&mut self) -> Result<u64, FieldError> {
        Ok(u64::from_be_bytes(attempt!(self.take())))
    }

    pub const fn u128(&mut self) -> Result<u128, FieldError> {
        Ok(u128::from_be_bytes(attempt!(self.take())))
    }

    pub const fn bool(&mut self, field: &'static str) -> Result<bool, FieldError> {
        match attempt!(self.u8()) {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FieldError::Field(field)),
        }
    }

    pub const fn some(&mut self, field: &'static str) -> Result<Option<u32>, FieldError> {
        let there = attempt!(self.bool(field));
        match (there, attempt!(self.u32())) {
            (true, number) => Ok(Some(number)),
            (false, 0) => Ok(None),
            (false, _) => Err(FieldError::Field(field)),
        }
    }

    pub const fn done(&self) -> Result<(), FieldError> {
        if self.0.is_empty() { Ok(()) } else { Err(FieldError::Length) }
    }
}

/// One of a list, by its number.
pub(crate) fn one_of<T: Copy>(all: &[T], number: u8, field: &'static str) -> Result<T, FieldError> {
    all.get(usize::from(number)).copied().ok_or(FieldError::Field(field))
}
