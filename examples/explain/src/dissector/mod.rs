//! A dissector for Wireshark, in Lua: it reads frames by the figures.
//!
//! The tables are written here, from the figures, the registry and the notes on fields; the code of `dissector.lua`
//! reads them.

use std::fmt::Write as _;

use iacp_wire::{Flags, MessageType, Value};

use crate::frame::notes::{self, ADDRESSES, BITS, CODES, FRAMES, TIMES};
use crate::frame::shape::{self, Field, Kind};

const WALKER: &str = include_str!("dissector.lua");

/// The dissector: its tables, then the code that reads them.
#[must_use]
pub fn lua() -> String {
    let mut out = String::from("-- Written by `inspect dissector` from the figures of iacp-wire. Do not edit it.\n\n");
    messages(&mut out);
    let tlvs = (0..=u8::MAX).map(|code| (u64::from(code), notes::tlv_name(code).to_owned()));
    names(&mut out, "TLVS", tlvs.filter(|(_, name)| name != "unknown"));
    let flag = |outer: bool| (0..4).map(move |bit| (1 << bit, notes::flags(Flags::from_bits(1 << bit), outer)));
    names(&mut out, "FLAGS", flag(false));
    names(&mut out, "OUTER_FLAGS", flag(true));
    put(&mut out, format_args!("local CODES = {{\n"));
    for field in CODES {
        let codes = (0..=u64::from(u8::MAX)).map(|code| (code, note(field, code)));
        entry(&mut out, field, codes.filter(|(_, name)| !["", "unknown"].contains(&name.as_str())));
    }
    put(&mut out, format_args!("}}\nlocal BITS = {{\n"));
    for field in BITS {
        let bits = (0..32).map(|bit| (1 << bit, note(field, 1 << bit)));
        entry(&mut out, field, bits.filter(|(_, name)| !name.starts_with("unknown")));
    }
    put(&mut out, format_args!("}}\n"));
    set(&mut out, "TIMES", &TIMES);
    set(&mut out, "ADDRESSES", &ADDRESSES);
    set(&mut out, "FRAMES", &FRAMES);
    out.push('\n');
    out.push_str(WALKER);
    out
}

fn note(field: &str, number: u64) -> String {
    notes::on_field(field, Value::Integer(number))
}

fn messages(out: &mut String) {
    put(out, format_args!("local MESSAGES = {{\n"));
    for message_type in MessageType::ALL {
        let shape = shape::of(*message_type);
        let name = message_type.name();
        let key = name.to_lowercase().replace(' ', "_");
        put(
            out,
            format_args!("  [{}] = {{ name = \"{name}\", key = \"{key}\", tlvs = {},", message_type.code(), shape.tlvs),
        );
        put(out, format_args!(" least = {},", shape.least));
        if let Some(field) = shape.measured_by {
            put(out, format_args!(" measured_by = \"{field}\","));
        }
        put(out, format_args!("\n    fields = "));
        fields(out, &shape.fields);
        if shape.evidence {
            let [head, tail] = shape::claims();
            for (name, part) in [("bindings", &shape::bindings()), ("claims_head", &head), ("claims_tail", &tail)] {
                put(out, format_args!(",\n    {name} = "));
                fields(out, part);
            }
        }
        put(out, format_args!(" }},\n"));
    }
    put(out, format_args!("}}\n"));
}

fn fields(out: &mut String, fields: &[Field]) {
    out.push('{');
    for Field { name, kind, size } in fields {
        let kind = match kind {
            Kind::Number => "number",
            Kind::Bytes => "bytes",
            Kind::Text => "text",
        };
        put(out, format_args!(" {{ name = \"{name}\", kind = \"{kind}\""));
        if let Some(size) = size {
            put(out, format_args!(", size = {size}"));
        }
        out.push_str(" },");
    }
    out.push_str(" }");
}

fn names(out: &mut String, table: &str, names: impl Iterator<Item = (u64, String)>) {
    put(out, format_args!("local {table} = {{"));
    pairs(out, names);
    out.push_str(" }\n");
}

fn entry(out: &mut String, field: &str, names: impl Iterator<Item = (u64, String)>) {
    put(out, format_args!("  {field} = {{"));
    pairs(out, names);
    out.push_str(" },\n");
}

fn pairs(out: &mut String, names: impl Iterator<Item = (u64, String)>) {
    names.for_each(|(code, name)| put(out, format_args!(" [{code}] = \"{name}\",")));
}

fn set(out: &mut String, table: &str, names: &[&str]) {
    put(out, format_args!("local {table} = {{"));
    names.iter().for_each(|name| put(out, format_args!(" {name} = true,")));
    out.push_str(" }\n");
}

/// Writing to a string cannot fail.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}
