//! The two forms of ANML, and the check of their structure before delivery (`IACP §4.1.5.1`).

use core::fmt;

/// A form of the Agentic Network Markup Language, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Form {
    /// `application/anml+xml`
    Xml,
    /// `application/anml+json`
    Json,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.media_type())
    }
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Xml, Self::Json];

    /// The media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xml => "application/anml+xml",
            Self::Json => "application/anml+json",
        }
    }

    /// The form of a `Content-Type`, whatever its case and its parameters.
    #[must_use]
    pub fn of_content_type(value: &[u8]) -> Option<Self> {
        let name = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        Self::ALL.into_iter().find(|form| name.eq_ignore_ascii_case(form.media_type().as_bytes()))
    }
}

/// The bytes are not a document of their form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotOfForm;

impl fmt::Display for NotOfForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("the document has not the structure of its media type")
    }
}

impl core::error::Error for NotOfForm {}

/// A hook of the caller that checks the structure of a document while it arrives. It gets only the document's bytes,
/// without headers and framing.
pub trait Structure {
    /// A document begins. A document that began earlier is dropped.
    fn begin(&mut self, form: Form);

    /// Its next bytes.
    ///
    /// # Errors
    /// These bytes are not a document, whatever follows.
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), NotOfForm>;

    /// The document is complete.
    ///
    /// # Errors
    /// It is not complete, or not of its form.
    fn end(&mut self) -> Result<(), NotOfForm>;
}

/// The minimal check: UTF-8, and a first byte that fits the form. Nothing is interpreted.
///
/// ```
/// use iacp_core::dhi::form::{Form, NotOfForm, Plain, Structure};
///
/// let mut plain = Plain::default();
/// plain.begin(Form::Json);
/// assert!(plain.chunk(b"\xef\xbb\xbf {").is_ok() && plain.end().is_ok());
/// plain.begin(Form::Xml);
/// assert_eq!(plain.chunk(b"{}"), Err(NotOfForm));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// The byte with which the form begins.
    expected: u8,
    has_begun: bool,
    seen: u8,
    utf8: Utf8,
}

/// A character that has not ended yet.
#[derive(Clone, Debug, Default)]
struct Utf8 {
    pending: [u8; 4],
    length: usize,
}

impl Utf8 {
    fn chunk(&mut self, mut bytes: &[u8]) -> Result<(), NotOfForm> {
        while self.length > 0 {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            *self.pending.get_mut(self.length).ok_or(NotOfForm)? = *first;
            self.length += 1;
            bytes = rest;
            match core::str::from_utf8(self.pending.get(..self.length).unwrap_or_default()) {
                Ok(_) => self.length = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(NotOfForm),
            }
        }
        let Err(error) = core::str::from_utf8(bytes) else { return Ok(()) };
        if error.error_len().is_some() {
            return Err(NotOfForm);
        }
        let tail = bytes.get(error.valid_up_to()..).unwrap_or_default();
        self.pending.get_mut(..tail.len()).ok_or(NotOfForm)?.copy_from_slice(tail);
        self.length = tail.len();
        Ok(())
    }
}

impl Structure for Plain {
    fn begin(&mut self, form: Form) {
        let expected = match form {
            Form::Xml => b'<',
            Form::Json => b'{',
        };
        *self = Self { expected, ..Self::default() };
    }

    // keeps: IACP-064 (§4.1.5.3)
    fn chunk(&mut self, bytes: &[u8]) -> Result<(), NotOfForm> {
        self.utf8.chunk(bytes)?;
        for byte in bytes {
            if self.has_begun {
                break;
            }
            let mark = [0xef, 0xbb, 0xbf].get(usize::from(self.seen));
            match *byte {
                byte if mark == Some(&byte) => self.seen += 1,
                b' ' | b'\t' | b'\n' | b'\r' => self.seen = 3,
                byte if byte == self.expected => self.has_begun = true,
                _ => return Err(NotOfForm),
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), NotOfForm> {
        (self.has_begun && self.utf8.length == 0).then_some(()).ok_or(NotOfForm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(form: Form, bytes: &[u8], step: usize) -> Result<(), NotOfForm> {
        let mut plain = Plain::default();
        plain.begin(form);
        bytes.chunks(step).try_for_each(|chunk| plain.chunk(chunk))?;
        plain.end()
    }

    #[test]
    fn the_least_structure_is_the_same_however_the_bytes_are_cut() {
        // shows: IACP-063 (§4.1.5.1), IACP-064 (§4.1.5.3)
        let cases: [(Form, &[u8], bool); 12] = [
            (Form::Xml, "<a>\u{20ac}\u{1f600}</a>".as_bytes(), true),
            (Form::Xml, "\u{feff} \r\n<a/>".as_bytes(), true),
            (Form::Json, b"\t{}", true),
            (Form::Json, b"[]", false),
            (Form::Xml, b"{}", false),
            (Form::Xml, b"", false),
            (Form::Xml, b"  ", false),
            (Form::Xml, b"<a>\xff", false),
            (Form::Xml, b"<a>\xe2\x82", false),
            (Form::Xml, b"\xef\xbb<", false),
            (Form::Xml, b" \xef\xbb\xbf<", false),
            (Form::Json, b"\xef\xbb\xbf\xef\xbb\xbf{", false),
        ];
        for (form, bytes, holds) in cases {
            for step in 1..=bytes.len().max(1) {
                assert_eq!(judge(form, bytes, step).is_ok(), holds, "{bytes:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_content_type_names_its_form_in_any_case_and_with_parameters() {
        assert_eq!(Form::of_content_type(b"Application/ANML+XML; charset=utf-8"), Some(Form::Xml));
        assert_eq!(Form::of_content_type(b" application/anml+json"), Some(Form::Json));
        for other in [&b"application/anml"[..], b"text/html", b"application/anml+xml2", b""] {
            assert_eq!(Form::of_content_type(other), None);
        }
    }
}
