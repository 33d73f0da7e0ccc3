//! A strict, bounded check of JSON texts, before they are used.
//!
//! It answers three questions that a deserialiser leaves open: is this text JSON to the letter (RFC 8259), does any
//! object in it name a member twice, and at which bytes does an object end. Nothing is allocated or converted: a number
//! of any length is skipped, never computed. Nesting is bounded, so that no text exhausts the stack of a later reader.

use core::fmt;

/// How deep objects and arrays may nest: the number of levels.
pub const MAX_DEPTH: usize = 8;
/// How many members the objects that are open at one point of the text may have in total.
pub const MAX_OPEN_KEYS: usize = 64;

/// Why a text is refused, and at which byte.
///
/// ```
/// use cep_envelope::json::{JsonErrorKind, object};
///
/// let error = object(br#"{"to":"alice","to":"mallory"}"#, 100).expect_err("named twice");
/// assert_eq!(error.kind, JsonErrorKind::DuplicateKey);
/// assert_eq!(error.to_string(), "a member named twice at byte 14");
/// assert_eq!(object(b" {} ", 100), Ok("{}"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JsonError {
    /// What is wrong.
    pub kind: JsonErrorKind,
    /// The offset of the byte at which it was detected.
    pub at: usize,
}

/// What is wrong with a text.
///
/// An example is at [`JsonError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text is longer than its kind of message may be.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON, or cut short.
    Syntax,
    /// There is no object where one is expected.
    NotAnObject,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// More open members than [`MAX_OPEN_KEYS`].
    TooManyKeys,
    /// One object names a member twice.
    DuplicateKey,
    /// A member's name has an escape, which could hide a second spelling of another name.
    EscapedKey,
    /// Something follows the object.
    Trailing,
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooLong => "too long",
            Self::NotUtf8 => "not UTF-8",
            Self::Syntax => "not JSON",
            Self::NotAnObject => "not an object",
            Self::TooDeep => "nested too deep",
            Self::TooManyKeys => "too many members",
            Self::DuplicateKey => "a member named twice",
            Self::EscapedKey => "an escape in a member's name",
            Self::Trailing => "bytes after the object",
        })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.at)
    }
}

impl core::error::Error for JsonError {}

/// The one object of a text, without the white space around it.
///
/// # Errors
/// Whatever [`JsonErrorKind`] lists.
pub fn object(bytes: &[u8], limit: usize) -> Result<&str, JsonError> {
    let text = utf8(bytes, limit)?;
    let start = text.len() - text.trim_start_matches(SPACE).len();
    let (object, end) = scan(text, start)?;
    if text.get(end..).is_some_and(|rest| rest.chars().all(|c| SPACE.contains(&c))) {
        Ok(object)
    } else {
        Err(JsonError { kind: JsonErrorKind::Trailing, at: end })
    }
}

/// The object at the very start of a text, and what follows it.
///
/// # Errors
/// Whatever [`JsonErrorKind`] lists, [`JsonErrorKind::Trailing`] excepted.
pub fn leading_object(bytes: &[u8], limit: usize) -> Result<(&str, &str), JsonError> {
    let text = utf8(bytes, limit)?;
    let (object, end) = scan(text, 0)?;
    Ok((object, text.get(end..).unwrap_or_default()))
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

fn utf8(bytes: &[u8], limit: usize) -> Result<&str, JsonError> {
    if bytes.len() > limit {
        return Err(JsonError { kind: JsonErrorKind::TooLong, at: limit });
    }
    core::str::from_utf8(bytes).map_err(|e| JsonError { kind: JsonErrorKind::NotUtf8, at: e.valid_up_to() })
}

fn scan(text: &str, start: usize) -> Result<(&str, usize), JsonError> {
    let mut scan = Scan { text, at: start, keys: [""; MAX_OPEN_KEYS], open: 0 };
    if scan.peek() != Some(b'{') {
        return scan.fail(JsonErrorKind::NotAnObject);
    }
    scan.value(MAX_DEPTH)?;
    match text.get(start..scan.at) {
        Some(object) => Ok((object, scan.at)),
        None => scan.fail(JsonErrorKind::Syntax),
    }
}

/// One pass over a text. The member names of all open objects are in one table, the innermost object's last.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    keys: [&'a str; MAX_OPEN_KEYS],
    open: usize,
}

impl<'a> Scan<'a> {
    fn fail<T>(&self, kind: JsonErrorKind) -> Result<T, JsonError> {
        Err(JsonError { kind, at: self.at })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn require(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.eat(byte) { Ok(()) } else { self.fail(JsonErrorKind::Syntax) }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'{') => self.members(depth),
            Some(b'[') => self.elements(depth),
            Some(b'"') => self.string().map(|_| ()),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail(JsonErrorKind::Syntax),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        depth.checked_sub(1).ok_or(JsonError { kind: JsonErrorKind::TooDeep, at: self.at })
    }

    fn members(&mut self, depth: usize) -> Result<(), JsonError> {
        let depth = self.deeper(depth)?;
        let base = self.open;
        self.require(b'{')?;
        self.space();
        if !self.eat(b'}') {
            loop {
                self.space();
                self.key(base)?;
                self.space();
                self.require(b':')?;
                self.space();
                self.value(depth)?;
                self.space();
                if self.eat(b'}') {
                    break;
                }
                self.require(b',')?;
            }
        }
        self.open = base;
        Ok(())
    }

    fn key(&mut self, base: usize) -> Result<(), JsonError> {
        let at = self.at;
        let key = self.string()?;
        if key.contains('\\') {
            return Err(JsonError { kind: JsonErrorKind::EscapedKey, at });
        }
        if self.keys.get(base..self.open).is_some_and(|keys| keys.contains(&key)) {
            return Err(JsonError { kind: JsonErrorKind::DuplicateKey, at });
        }
        let slot = self.keys.get_mut(self.open).ok_or(JsonError { kind: JsonErrorKind::TooManyKeys, at })?;
        *slot = key;
        self.open += 1;
        Ok(())
    }

    fn elements(&mut self, depth: usize) -> Result<(), JsonError> {
        let depth = self.deeper(depth)?;
        self.require(b'[')?;
        self.space();
        if !self.eat(b']') {
            loop {
                self.space();
                self.value(depth)?;
                self.space();
                if self.eat(b']') {
                    break;
                }
                self.require(b',')?;
            }
        }
        Ok(())
    }

    /// The contents of a string as written in the text, escapes included.
    fn string(&mut self) -> Result<&'a str, JsonError> {
        self.require(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(0x20..) => self.at += 1,
                _ => return self.fail(JsonErrorKind::Syntax),
            }
        }
        let contents = self.text.get(start..self.at);
        self.at += 1;
        contents.ok_or(JsonError { kind: JsonErrorKind::Syntax, at: start })
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return self.fail(JsonErrorKind::Syntax);
                    }
                    self.at += 1;
                }
            }
            _ => return self.fail(JsonErrorKind::Syntax),
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), JsonError> {
        word.iter().try_for_each(|byte| self.require(*byte))
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.fail(JsonErrorKind::Syntax) } else { Ok(()) }
    }
}

/// The value of a member of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Member<'a> {
    /// No such member.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// A string, as written in the text.
    Text(&'a str),
}

impl<'a> Member<'a> {
    /// A string that is to be written, if it could be read again as it is.
    pub(crate) fn writable(text: &'a str, limit: usize) -> Result<&'a str, Unfit> {
        if text.contains('"') { Err(Unfit::Escaped) } else { Self::Text(text).plain(limit) }
    }

    /// The string, if it is short enough, not empty, and free of escapes and control characters.
    ///
    /// Escapes are refused rather than resolved: none of these strings needs one, a resolved string would have to be
    /// copied, and with two spellings of one name an attacker could make two readers disagree.
    pub(crate) fn plain(self, limit: usize) -> Result<&'a str, Unfit> {
        match self {
            Self::Absent => Err(Unfit::Missing),
            Self::Null => Err(Unfit::Null),
            Self::Text("") => Err(Unfit::Empty),
            Self::Text(text) if text.len() > limit => Err(Unfit::TooLong),
            Self::Text(text) if text.contains('\\') => Err(Unfit::Escaped),
            Self::Text(text) if text.contains(char::is_control) => Err(Unfit::Control),
            Self::Text(text) => Ok(text),
        }
    }
}

/// Why a member cannot be used.
///
/// An example is at `manifest::ManifestError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Unfit {
    /// It is required, and not there.
    Missing,
    /// It is required, and null.
    Null,
    /// It is empty.
    Empty,
    /// It is longer than its bound.
    TooLong,
    /// It has a JSON escape, or needs one.
    Escaped,
    /// It has a control character.
    Control,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "missing",
            Self::Null => "null",
            Self::Empty => "empty",
            Self::TooLong => "too long",
            Self::Escaped => "escaped",
            Self::Control => "with a control character",
        })
    }
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Member<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <Option<&'a str> as serde::Deserialize>::deserialize(from)?;
        Ok(text.map_or(Self::Null, Self::Text))
    }
}
