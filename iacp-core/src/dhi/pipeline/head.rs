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

#[cfg(test)]
mod tests {
    use super::*;

    fn scan<'a>(status: u16, fields: &'a [(&'a str, &'a [u8])]) -> Option<Scan<'a>> {
        Scan::of(Head { status, fields })
    }

    /// The attack *Bombs, endless bodies, headers, redirects, candidates*.
    #[test]
    fn a_head_has_at_most_100_fields_and_16384_bytes_and_an_http_status() {
        for (status, is_one) in [(99, false), (100, true), (599, true), (600, false)] {
            assert_eq!(scan(status, &[]).is_some(), is_one, "status {status}");
        }
        let field: (&str, &[u8]) = ("X", b"");
        assert!(scan(200, &[field; 100]).is_some() && scan(200, &[field; 101]).is_none());
        // Each field counts with its colon, its blank and its end of line.
        let value = [b'x'; 8_188];
        assert!(scan(200, &[("Ab", &value[..8_186]), ("Ab", &value[..8_186])]).is_some(), "16,384 bytes");
        assert!(scan(200, &[("Ab", &value[..8_186]), ("Ab", &value[..8_187])]).is_none());
    }

    #[test]
    fn what_a_status_says() {
        type Says = fn(&Scan<'_>) -> bool;
        let table: [(Says, &[u16], &[u16]); 4] = [
            (|scan| scan.is_informational(), &[100, 199], &[200, 301]),
            (|scan| scan.is_redirect(), &[301, 302, 303, 307, 308], &[300, 304, 305, 306, 309]),
            (|scan| scan.has_document(), &[200, 203, 207, 299], &[199, 204, 205, 206, 300, 404]),
            (|scan| scan.is_gone(), &[404, 410, 429, 500, 599], &[200, 400, 403, 411, 499]),
        ];
        for (at, (says, yes, no)) in table.into_iter().enumerate() {
            for (statuses, expected) in [(yes, true), (no, false)] {
                for status in statuses {
                    let scan = scan(*status, &[]).expect("a head");
                    assert_eq!((says(&scan), scan.status()), (expected, *status), "row {at}, {status}");
                }
            }
        }
    }

    #[test]
    fn fields_are_found_by_their_names_in_any_case() {
        let fields: [(&str, &[u8]); 4] = [
            ("CONTENT-TYPE", b" application/anml+json "),
            ("Location", b" /a "),
            ("location", b"/b"),
            ("Content-Length", b"12"),
        ];
        let found = scan(200, &fields).expect("a head");
        assert_eq!((found.form, found.location, found.length), (Some(Form::Json), Some("/a"), Some(12)));
        assert!(!found.is_coded);
        let coded = |values: &[&[u8]]| {
            let fields: heapless::Vec<(&str, &[u8]), 2> =
                values.iter().map(|value| ("Content-Encoding", *value)).collect();
            scan(200, &fields).expect("a head").is_coded
        };
        assert!(!coded(&[b""]) && !coded(&[b"Identity"]) && coded(&[b"gzip"]));
        assert!(coded(&[b"gzip", b"identity"]) && coded(&[b"identity", b"br"]) && coded(&[b"gzip", b"br"]));
        assert_eq!(scan(200, &[("Content-Length", b"-1")]).expect("a head").length, None);
    }

    #[test]
    fn link_fields_are_read_up_to_8192_bytes() {
        let value = [b'x'; 8_192];
        let read = |first: usize, second: usize| {
            let fields = [("Link", &value[..first]), ("X", &value[..9]), ("LINK", &value[..second])];
            scan(200, &fields).expect("a head").link_fields().count()
        };
        assert_eq!([read(8_000, 192), read(8_000, 193), read(8_192, 0)], [2, 1, 2]);
    }
}
