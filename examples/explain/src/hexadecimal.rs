//! Hex as people paste it: in any case, with blanks, colons and `0x` wherever they stand between the bytes.

use std::fmt;

/// Why text is not hex: at the byte with this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexError {
    what: &'static str,
    /// How many whole bytes stand before it.
    pub offset: usize,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hex: {} (byte {})", self.what, self.offset)
    }
}

impl std::error::Error for HexError {}

/// Reads hex. The text need not be UTF-8: it may come from anywhere.
///
/// # Errors
///
/// Something that is not a hexadecimal digit, or half a byte at the end.
pub fn read(text: &[u8]) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for group in text.split(|c| c.is_ascii_whitespace() || *c == b':') {
        let digits = group.strip_prefix(b"0x").or_else(|| group.strip_prefix(b"0X")).unwrap_or(group);
        for digit in digits {
            let value = char::from(*digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
                .ok_or(HexError { what: "not a hexadecimal digit", offset: bytes.len() })?;
            match high.take() {
                None => high = Some(value << 4),
                Some(high) => bytes.push(high | value),
            }
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => Err(HexError { what: "half a byte at the end", offset: bytes.len() }),
    }
}

/// Exactly `N` bytes.
///
/// # Errors
///
/// Not hex, or another number of bytes.
pub fn exactly<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = read(text.as_bytes()).map_err(|error| error.to_string())?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| format!("{N} bytes are needed, not {length}"))
}

/// 16 bytes in hexadecimal.
///
/// # Errors
///
/// Not hex, or not 16 bytes.
pub fn sixteen(text: &str) -> Result<[u8; 16], String> {
    exactly(text)
}

/// Exactly 32 bytes, for command lines.
///
/// # Errors
///
/// Not hex, or not 32 bytes.
pub fn thirty_two(text: &str) -> Result<[u8; 32], String> {
    exactly(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_read() {
        for text in ["01abFF", "0x01abff", "0X01ABFF", " 01 ab\tff\r\n", "01:AB:ff", "0x01 0xab 0xff", "0 1 a b f f"] {
            assert_eq!(read(text.as_bytes()), Ok(vec![0x01, 0xab, 0xff]), "{text:?}");
        }
        assert_eq!(read(b""), Ok(vec![]));
        assert_eq!(read(b" : "), Ok(vec![]));
    }

    #[test]
    fn an_error_says_at_which_byte() {
        let offset = |text: &[u8]| read(text).expect_err("no hex").offset;
        assert_eq!(offset(b"zz"), 0);
        assert_eq!(offset(b"01 02 0g"), 2);
        assert_eq!(offset(b"01 02 0"), 2);
        assert_eq!(offset(b"01020x03"), 2, "0x only begins a group");
        assert_eq!(offset("01é".as_bytes()), 1);
        assert_eq!(offset(b"\xff\xfe"), 0);
    }

    #[test]
    fn thirty_two_bytes_are_thirty_two() {
        assert_eq!(thirty_two(&"07".repeat(32)), Ok([7; 32]));
        assert_eq!(thirty_two("07"), Err("32 bytes are needed, not 1".into()));
    }
}
