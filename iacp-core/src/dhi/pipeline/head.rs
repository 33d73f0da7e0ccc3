//! The parts of a response's head that the pipeline uses.

use super::super::form::Form;
use super::super::link::LINK_BYTES_MAX;
use super::ask::Head;

/// The most bytes of a response header; with more, the connection counts as lost.
const HEADER_BYTES_MAX: usize = 16_384;
/// The most fields of a response header; with more, the connection counts as lost.
const FIELDS_MAX: usize = 100;

/// The fields of a head that the pipeline uses.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    head: Head<'a>,
    pub(super) form: Option<Form>,
    pub(super) location: Option<&'a str>,
    pub(super) is_coded: bool,
    pub(super) length: Option<u64>,
}

impl<'a> Scan<'a> {
    /// `None` if there is too much of it.
    pub(super) fn of(head: Head<'a>) -> Option<Self> {
        let bytes = head.fields.iter().fold(0_usize, |sum, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len()).saturating_add(4)
        });
        if bytes > HEADER_BYTES_MAX || head.fields.len() > FIELDS_MAX || !(100..600).contains(&head.status) {
            return None;
        }
        let mut scan = Self { head, form: None, location: None, is_coded: false, length: None };
        for (name, value) in head.fields {
            let value = value.trim_ascii();
            if name.eq_ignore_ascii_case("content-type") {
                scan.form = Form::of_content_type(value);
            } else if name.eq_ignore_ascii_case("location") {
                scan.location = scan.location.or(core::str::from_utf8(value).ok());
            } else if name.eq_ignore_ascii_case("content-encoding") {
                scan.is_coded |= !value.is_empty() && !value.eq_ignore_ascii_case(b"identity");
            } else if name.eq_ignore_ascii_case("content-length") {
                scan.length = core::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            }
        }
        Some(scan)
    }

    pub(super) const fn status(&self) -> u16 {
        self.head.status
    }

    pub(super) const fn is_informational(&self) -> bool {
        self.head.status < 200
    }

    pub(super) const fn is_redirect(&self) -> bool {
        matches!(self.head.status, 301 | 302 | 303 | 307 | 308)
    }

    /// 2xx with a whole body.
    pub(super) const fn has_document(&self) -> bool {
        matches!(self.head.status, 200..=299) && !matches!(self.head.status, 204..=206)
    }

    /// The status means that the resource does not exist, or is not available now.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self.head.status, 404 | 410 | 429 | 500..=599)
    }

    /// The Link fields, up to [`LINK_BYTES_MAX`] bytes.
    pub(super) fn link_fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut left = LINK_BYTES_MAX;
        let fields = self.head.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
        fields.map_while(move |(_, value)| {
            left = left.checked_sub(value.len())?;
            Some(*value)
        })
    }
}
