//! A frame as a table for people.

use std::fmt::Write;

use iacp_wire::layout::{Record, RecordHead};
use iacp_wire::message::{self, Conditions, Evidence, HeaderFragment, MalfeasanceData};
use iacp_wire::{Cookie, Figure, Frame, HEADER_LEN, MessageType, Value};
use zerocopy::FromBytes;

use super::{notes, shape};

/// Bytes of a value on one line.
const LINE: usize = 32;
/// A longer value is cut after its first lines.
const LINES: usize = 2;
/// Frames in frames are explained this deep.
const DEPTH: usize = 6;
/// A longer text is cut.
const TEXT: usize = 256;

/// Explains a frame; the text ends with a line break.
#[must_use]
pub fn table(frame: &Frame<'_>, bytes: &[u8]) -> String {
    let mut out = String::new();
    write(&mut out, frame, bytes, 0);
    out
}

/// A line of the table, or several for a long value.
struct Row {
    offset: usize,
    size: usize,
    name: String,
    value: Vec<String>,
    note: String,
    part: Option<Part>,
}

/// What the bytes of a row are themselves.
enum Part {
    Frame(Vec<u8>),
    Figure(Vec<Row>),
}

fn write(out: &mut String, frame: &Frame<'_>, bytes: &[u8], depth: usize) {
    let message_type = frame.message.message_type();
    let outer = message_type == MessageType::OuterTransport;
    let flags = notes::flags(frame.flags, outer);
    let indent = "    ".repeat(depth);
    let payload = bytes.len().saturating_sub(HEADER_LEN);
    put(
        out,
        format_args!(
            "{indent}{} {:#04x}, version {}, flags {:#x}{}{flags}, payload {payload} bytes",
            message_type.name(),
            message_type.code(),
            frame.version(),
            frame.flags.bits(),
            if flags.is_empty() { "" } else { " " },
        ),
    );
    if let Some(cookie) = frame.responder_cookie {
        let zero = if cookie.is_zero() { " (not assigned yet)" } else { "" };
        put(out, format_args!("{indent}R-Cookie {cookie}{zero}"));
    }
    lines(out, &rows(frame), depth);
}

fn lines(out: &mut String, rows: &[Row], depth: usize) {
    let indent = "    ".repeat(depth);
    let name_width = rows.iter().map(|row| row.name.len()).chain([5]).max().unwrap_or_default();
    put(out, format_args!("{indent}  offset   size  {:<name_width$}  value", "field"));
    for Row { offset, size, name, value, note, part } in rows {
        let note = if note.is_empty() { String::new() } else { format!("  {note}") };
        let mut values = value.iter().map(String::as_str);
        let first = values.next().unwrap_or("-");
        let last = if value.len() > 1 { "" } else { note.as_str() };
        put(out, format_args!("{indent}  {offset:>6}  {size:>5}  {name:<name_width$}  {first}{last}"));
        let count = value.len();
        for (number, line) in (2..).zip(values) {
            let last = if number == count { note.as_str() } else { "" };
            put(out, format_args!("{indent}                 {:<name_width$}  {line}{last}", ""));
        }
        match part {
            Some(Part::Figure(rows)) => lines(out, rows, depth + 1),
            Some(Part::Frame(bytes)) if depth < DEPTH => match Frame::parse(bytes) {
                Ok(frame) => write(out, &frame, bytes, depth + 1),
                Err(error) => put(out, format_args!("{indent}    {name} is no frame: {error}")),
            },
            Some(Part::Frame(_)) => put(out, format_args!("{indent}    {name} is not explained: too deep")),
            None => {}
        }
    }
}

/// Writing to a string cannot fail. No line ends in blanks.
fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    let start = out.len();
    let _ = out.write_fmt(line);
    out.truncate(out.trim_end_matches(' ').len().max(start));
    out.push('\n');
}

fn rows(frame: &Frame<'_>) -> Vec<Row> {
    let mut offset = HEADER_LEN + frame.responder_cookie.map_or(0, |_| Cookie::LEN);
    let sizes = shape::of(frame.message.message_type()).figures;
    let mut rows = Vec::new();
    frame.message.visit(&mut |name, value| {
        if name == "transit_id" {
            // The second half of the first word.
            rows.push(row(2, 2, name, value));
            return;
        }
        let row = row(offset, size(&sizes, name, value), name, value);
        offset += row.size;
        rows.push(row);
    });
    for tlv in frame.tlvs.iter() {
        let name = format!("TLV {:#04x} {}", tlv.code, notes::tlv_name(tlv.code));
        let vector = frame.tlvs.migration_vector().filter(|vector| vector.code == tlv.code);
        let note = vector.as_ref().map_or_else(String::new, notes::on_migration);
        let size = tlv.value.len() + 2;
        rows.push(Row { offset, size, name, value: hex_lines(tlv.value), note, part: None });
        offset += size;
    }
    rows
}

fn row(offset: usize, size: usize, name: &'static str, value: Value<'_>) -> Row {
    let (lines, part) = match value {
        Value::Integer(number) => (vec![number.to_string()], None),
        Value::Text(text) => (vec![quote(text)], None),
        Value::Bytes(bytes) | Value::Secret(bytes) => (hex_lines(bytes), part(offset, name, bytes)),
    };
    let note = notes::on_field(name, value);
    Row { offset, size, name: name.to_owned(), value: lines, note, part }
}

/// What a field's bytes contain, if they have a structure of their own.
fn part(offset: usize, name: &str, bytes: &[u8]) -> Option<Part> {
    match name {
        "inner_frame" | "inner_payload" => (!bytes.is_empty()).then(|| Part::Frame(bytes.to_vec())),
        "conditions" => figure(offset, Conditions::ref_from_bytes(bytes).ok()?),
        "fragment_a" | "fragment_b" => figure(offset, HeaderFragment::ref_from_bytes(bytes).ok()?),
        "malfeasance_data" => {
            let MalfeasanceData { ticket, evidence } = MalfeasanceData::parse(bytes).ok()?;
            let mut rows = figure_rows(offset, ticket);
            match evidence {
                Evidence::Bindings(pair) => rows.extend(figure_rows(offset + message::ProofOfMal::LEN, pair)),
                Evidence::Claims(claims) => {
                    let bytes = claims.as_bytes();
                    rows.push(row(offset + message::ProofOfMal::LEN, bytes.len(), "evidence", Value::Bytes(bytes)));
                }
            }
            Some(Part::Figure(rows))
        }
        "record" | "records" => {
            let (mut rows, mut offset, mut rest) = (Vec::new(), offset, bytes);
            while let Ok((record, behind)) = Record::parse_prefix(rest) {
                let (head, _) = RecordHead::ref_from_prefix(rest).ok()?;
                rows.extend(figure_rows(offset, head));
                rows.push(row(offset + RecordHead::LEN, record.body.len(), "body", Value::Bytes(record.body)));
                offset += rest.len() - behind.len();
                rest = behind;
            }
            (!rows.is_empty()).then_some(Part::Figure(rows))
        }
        _ => None,
    }
}

fn figure<T: Figure>(offset: usize, figure: &T) -> Option<Part> {
    Some(Part::Figure(figure_rows(offset, figure)))
}

fn figure_rows<T: Figure>(mut offset: usize, figure: &T) -> Vec<Row> {
    let mut rows = Vec::new();
    figure.visit(&mut |name, value| {
        let row = row(offset, size(&[T::FIELDS], name, value), name, value);
        offset += row.size;
        rows.push(row);
    });
    rows
}

/// A byte string shows its size; the size of a number is its figure's.
fn size(figures: &[&[(&str, usize)]], name: &str, value: Value<'_>) -> usize {
    match value {
        Value::Bytes(bytes) | Value::Secret(bytes) => bytes.len(),
        Value::Text(text) => text.len(),
        Value::Integer(_) => {
            let mut fields = figures.iter().flat_map(|fields| fields.iter());
            fields.find(|(field, _)| *field == name).map_or(0, |(_, size)| *size)
        }
    }
}

/// Hex, a line for every 32 bytes, cut where it gets long.
fn hex_lines(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = bytes.chunks(LINE).take(LINES).map(hex::encode).collect();
    if bytes.len() > LINE * LINES
        && let Some(last) = lines.last_mut()
    {
        last.push('…');
    }
    lines
}

/// Quotes text from outside, so that a terminal gets no control characters from it.
fn quote(text: &str) -> String {
    let cut = text.char_indices().nth(TEXT).map_or(text.len(), |(at, _)| at);
    let (shown, hidden) = text.split_at(cut);
    format!("\"{}\"{}", shown.escape_debug(), if hidden.is_empty() { "" } else { "…" })
}
