//! Link headers (RFC 8288): links, their parameters, and which of them point to ANML (`IACP §4.1.2.1`).
//!
//! One pass over the field's bytes, no copy: texts are slices of the field, and a quoted string is unquoted as it is read.

use core::fmt;

use iacp_wire::Eid;

use super::form::Form;
use super::uri::Uri;

/// The most links that are followed from one answer.
pub const LINKS_MAX: usize = 32;
/// The most parameters of one link.
pub const PARAMETERS_MAX: usize = 16;
/// The most bytes in all Link fields of one answer.
pub const LINK_BYTES_MAX: usize = 8_192;

/// Why a field is ignored as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Reason {
    /// A link does not begin with `<`.
    NoTarget,
    /// A target or a quoted string is not closed.
    Unclosed,
    /// A byte that is not allowed at its place.
    Byte,
    /// More than [`PARAMETERS_MAX`] parameters.
    TooManyParameters,
}

words! {
    Reason {
        Self::NoTarget => "a link without <target>",
        Self::Unclosed => "a target or a quoted string that does not end",
        Self::Byte => "a byte that cannot stand there",
        Self::TooManyParameters => "more than 16 parameters",
    }
}

/// A field that is not a list of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MalformedLink {
    /// Where in the field, in bytes.
    pub at: usize,
    /// What is wrong there.
    pub reason: Reason,
}

impl fmt::Display for MalformedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link field, byte {}: {}", self.at, self.reason)
    }
}

impl core::error::Error for MalformedLink {}

/// The value of a parameter, as written in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    raw: &'a [u8],
    quoted: bool,
}

impl<'a> Value<'a> {
    /// The bytes of its meaning: without quotes, quoted pairs resolved.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        let (quoted, mut rest) = (self.quoted, self.raw.iter().copied());
        core::iter::from_fn(move || match rest.next() {
            Some(b'\\') if quoted => rest.next(),
            byte => byte,
        })
    }

    /// Whether it equals this text, ignoring the case of ASCII letters.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.bytes().map(|byte| byte.to_ascii_lowercase()).eq(text.bytes().map(|byte| byte.to_ascii_lowercase()))
    }

    /// Whether this is one of its words, which are separated by blanks.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let mut wanted = word.bytes();
        let mut matches = true;
        for byte in self.bytes() {
            if byte == b' ' || byte == b'\t' {
                if matches && wanted.len() == 0 {
                    return true;
                }
                (wanted, matches) = (word.bytes(), true);
            } else {
                matches &= wanted.next().is_some_and(|expected| expected.eq_ignore_ascii_case(&byte));
            }
        }
        matches && wanted.len() == 0 && !word.is_empty()
    }

    /// Whether a media type with any parameters is this one.
    #[must_use]
    pub fn is_media_type(&self, name: &str) -> bool {
        let mut bytes = self.bytes().skip_while(|byte| matches!(byte, b' ' | b'\t'));
        let same = name.bytes().all(|expected| bytes.next().is_some_and(|byte| byte.eq_ignore_ascii_case(&expected)));
        same && bytes.find(|byte| *byte != b' ' && *byte != b'\t').is_none_or(|next| next == b';')
    }
}

/// One link of a field.
///
/// ```
/// use iacp_core::dhi::link::{Links, MalformedLink, Reason, Value, links};
///
/// let field = br#"</page.anml>; rel="alternate"; type="application/anml+xml", </next>; rel=next"#;
/// let all: Links<'_> = links(field);
/// let found = all.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(found.len(), 2);
/// assert_eq!(found[0].target, "/page.anml");
/// assert!(found[0].anml().is_some() && found[1].anml().is_none());
/// assert!(found[1].rel.is_some_and(|rel: Value<'_>| rel.has_word("next")));
///
/// let error = links(b"</page.anml>; rel=\"alternate").find_map(Result::err);
/// assert_eq!(error.map(|MalformedLink { reason, .. }| reason), Some(Reason::Unclosed));
/// # Ok::<(), MalformedLink>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link<'a> {
    /// The text between `<` and `>`.
    pub target: &'a str,
    /// The first `rel`.
    pub rel: Option<Value<'a>>,
    /// The first `type`.
    pub media_type: Option<Value<'a>>,
    /// The first `anchor`.
    pub anchor: Option<Value<'a>>,
}

impl Link<'_> {
    /// The form of ANML to which this link leads as an alternate of the document.
    #[must_use]
    pub fn anml(&self) -> Option<Form> {
        let media_type = self.media_type.filter(|_| self.is_alternate())?;
        Form::ALL.into_iter().find(|form| media_type.is_media_type(form.media_type()))
    }

    /// Whether one of its relations is `alternate`.
    #[must_use]
    pub fn is_alternate(&self) -> bool {
        self.rel.is_some_and(|rel| rel.has_word("alternate"))
    }

    /// Whether the link leads to this EID as an alternate of the document: `iacp:` and its 64 hexadecimal digits, in
    /// upper or lower case.
    #[must_use]
    pub fn is_to(&self, eid: &Eid) -> bool {
        let scheme_and_digits = self.target.split_once(':').filter(|_| self.is_alternate());
        let Some((scheme, digits)) = scheme_and_digits else { return false };
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let named = |pair: &[u8; 2]| core::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        scheme.eq_ignore_ascii_case("iacp")
            && rest.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            && pairs.iter().map(named).eq(eid.0.iter().map(|byte| Some(*byte)))
    }

    /// Whether the link is about the document itself: it has no anchor, or one that resolves to the document.
    #[must_use]
    pub fn is_about(&self, document: &Uri, scratch: &mut Uri) -> bool {
        let Some(anchor) = self.anchor else { return true };
        let mut text = heapless::Vec::<u8, 512>::new();
        for byte in anchor.bytes() {
            if byte == b'#' || text.push(byte).is_err() {
                return false;
            }
        }
        core::str::from_utf8(&text).is_ok_and(|text| scratch.resolve(document, text).is_ok() && scratch == document)
    }
}

/// The links of one field, in order; an error ends them.
#[derive(Clone, Debug)]
pub struct Links<'a> {
    field: &'a [u8],
    at: usize,
}

/// The links of one `Link` field. A malformed field must be ignored as a whole, including the links before the error.
// keeps: IACP-029 (§4.1.2.1)
#[must_use]
pub const fn links(field: &[u8]) -> Links<'_> {
    Links { field, at: 0 }
}

/// Whether a byte can be in a name or an unquoted value. RFC 8288 has tokens; servers also write `type=text/css` and
/// `rel=https://…`, which RFC 5988 allowed.
const fn is_unquoted(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'<' | b'>')
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

impl<'a> Links<'a> {
    fn peek(&self) -> Option<u8> {
        self.field.get(self.at).copied()
    }

    fn is_next(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn while_(&mut self, holds: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.field.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !holds(*byte)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    const fn wrong(&self, reason: Reason) -> MalformedLink {
        MalformedLink { at: self.at, reason }
    }

    fn link(&mut self) -> Result<Link<'a>, MalformedLink> {
        if !self.is_next(b'<') {
            return Err(self.wrong(Reason::NoTarget));
        }
        let target = self.while_(|byte| matches!(byte, 0x21..=0x7e) && byte != b'>' && byte != b'<');
        match self.peek() {
            Some(b'>') => self.at += 1,
            Some(_) => return Err(self.wrong(Reason::Byte)),
            None => return Err(self.wrong(Reason::Unclosed)),
        }
        // Visible ASCII alone.
        let target = core::str::from_utf8(target).unwrap_or_default();
        let mut link = Link { target, rel: None, media_type: None, anchor: None };
        let mut parameters = 0;
        loop {
            self.skip_blanks();
            if !self.is_next(b';') {
                break;
            }
            self.skip_blanks();
            let name = self.while_(is_token);
            if name.is_empty() {
                continue; // `;;`, and a `;` at the end: RFC 8288 B.3 has no parameter there.
            }
            parameters += 1;
            if parameters > PARAMETERS_MAX {
                return Err(self.wrong(Reason::TooManyParameters));
            }
            self.skip_blanks();
            let value = if self.is_next(b'=') { Some(self.value()?) } else { None };
            let place = match name.len() {
                3 if name.eq_ignore_ascii_case(b"rel") => &mut link.rel,
                4 if name.eq_ignore_ascii_case(b"type") => &mut link.media_type,
                6 if name.eq_ignore_ascii_case(b"anchor") => &mut link.anchor,
                _ => continue,
            };
            // The first one counts, with a value or without.
            place.get_or_insert(value.unwrap_or(Value { raw: &[], quoted: false }));
        }
        match self.peek() {
            None => Ok(link),
            Some(b',') => Ok(link),
            Some(_) => Err(self.wrong(Reason::Byte)),
        }
    }

    fn value(&mut self) -> Result<Value<'a>, MalformedLink> {
        self.skip_blanks();
        if !self.is_next(b'"') {
            let raw = self.while_(is_unquoted);
            return Ok(Value { raw, quoted: false });
        }
        let start = self.at;
        loop {
            self.while_(|byte| byte != b'"' && byte != b'\\' && !is_control(byte));
            match self.peek() {
                Some(b'"') => {
                    let raw = self.field.get(start..self.at).unwrap_or_default();
                    self.at += 1;
                    return Ok(Value { raw, quoted: true });
                }
                Some(b'\\') => match self.field.get(self.at + 1) {
                    Some(byte) if !is_control(*byte) => self.at += 2,
                    Some(_) => return Err(self.wrong(Reason::Byte)),
                    None => return Err(self.wrong(Reason::Unclosed)),
                },
                Some(_) => return Err(self.wrong(Reason::Byte)),
                None => return Err(self.wrong(Reason::Unclosed)),
            }
        }
    }
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

impl<'a> Iterator for Links<'a> {
    type Item = Result<Link<'a>, MalformedLink>;

    fn next(&mut self) -> Option<Self::Item> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b',')) {
            self.at += 1;
        }
        self.peek()?;
        let link = self.link();
        if link.is_err() {
            self.at = self.field.len();
        }
        Some(link)
    }
}
