//! `inspect frame`, as a user runs it. The frames are written by hand from the figures of the draft.

mod program;

use program::run;

/// Hex digits in groups; `11×32` is the byte 0x11, thirty-two times.
fn hex(text: &str) -> String {
    text.split_whitespace()
        .map(|group| match group.split_once('×') {
            Some((unit, count)) => unit.repeat(count.parse().expect("a count")),
            None => group.to_owned(),
        })
        .collect()
}

const PSS_INIT: &str = "1 08 1 009e 00×8 11×32 22×8 0000000000000007 00000003 33×64 80 20 44×32";
const HEARTBEAT: &str = "1 0b 1 0035 55×8 22×8 8000000000000005 01020304 8000000000000005 99×17";
const OUTER: &str = "0 0f c abcd 11×32 22×32 33×64 1 0e 0 001a 00×10 ff×2 c0000207 1083 08 00 55×6";
const MIGRATION: &str = "1 17 0 0081 11×32 0000000000000008 33×64 0c 12 04 00 c0000207 c6336408 77×8 c3 03 88×3";
const FALLBACK: &str = "1 12 0 006b 613a1b 11×32 22×8 33×64";
const KEEPALIVE: &str = "1 80 0 0040 11×32 22×32";
const NEGOTIATION: &str = "1 0a 1 0096 55×8 22×8 0001 0000 0000000000000009 00000001 00000000 00000e10 00000010 00×8 \
                           66×64 80 20 77×32";

#[test]
fn json_has_every_field_in_wire_order() {
    let expected = hex(
        r#"{"ok":true,"type":"PSS_INIT","code":8,"version":1,"flags":1,"payload_length":158,"responder_cookie":"0000000000000000","fields":[["initiator_eid"," 11×32 "],["session_connection_cookie"," 22×8 "],["initial_sequence",7],["capabilities",3],["signature"," 33×64 "]],"tlvs":[[128," 44×32 "]]}"#,
    );
    let (out, complaints, ok) = run(&["frame", "--json", &hex(PSS_INIT)], b"");
    assert_eq!((out.as_str(), complaints.as_str(), ok), (format!("{expected}\n").as_str(), "", true));
}

#[test]
fn json_of_what_has_no_session_header() {
    // All four flags as received; no Payload Length, so what follows the first word; no cookie; the Transit-ID first.
    let outer = r#"{"ok":true,"type":"OuterTransportHeader","code":15,"version":0,"flags":12,"payload_length":158,"responder_cookie":null,"fields":[["transit_id",43981],["ip_transit_token"," 11×32 "],["ll_entity_instance_identifier"," 22×32 "],["signature"," 33×64 "],["inner_payload","10e0001a 00×10 ff×2 c000020710830800 55×6 "]],"tlvs":[]}"#;
    let outer = hex(outer).replace("OuterTransportHeader", "Outer Transport Header");
    // Unknown TLVs are listed too.
    let migration = hex(
        r#"{"ok":true,"type":"MIGRATION_VECTOR","code":23,"version":1,"flags":0,"payload_length":129,"responder_cookie":null,"fields":[["source_eid"," 11×32 "],["generation_counter",8],["signature"," 33×64 "]],"tlvs":[[12,"0400c0000207c6336408 77×8 "],[195,"888888"]]}"#,
    );
    // A secret is shown, and so is text: as hex.
    let keepalive = hex(
        r#"{"ok":true,"type":"ERP_KEEPALIVE","code":128,"version":1,"flags":0,"payload_length":64,"responder_cookie":null,"fields":[["eid"," 11×32 "],["local_iat"," 22×32 "]],"tlvs":[]}"#,
    );
    let (out, _, ok) = run(&["frame", "--json", &hex(OUTER), &hex(MIGRATION), &hex(KEEPALIVE)], b"");
    assert!(ok);
    assert_eq!(out.lines().collect::<Vec<_>>(), [outer, migration, keepalive]);
    let (out, ..) = run(&["frame", "--json", &hex(FALLBACK)], b"");
    assert!(out.contains(r#"["legacy_target_uri","613a1b"]"#), "{out}");
}

#[test]
fn json_numbers_are_exact_up_to_64_bits() {
    let (out, ..) = run(&["frame", "--json", &hex(HEARTBEAT)], b"");
    assert!(out.contains(r#"["sequence_number",9223372036854775813]"#), "{out}");
}

#[test]
fn lines_of_standard_input_are_frames() {
    let keepalive = hex(KEEPALIVE);
    let spaced: Vec<&str> = keepalive.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("ASCII")).collect();
    let input =
        [&keepalive, "", "  ", &format!("0x{}", keepalive.to_uppercase()), &spaced.join(":"), &spaced.join(" ")];
    // CRLF, and no line break at the end.
    let (out, complaints, ok) = run(&["frame", "--json"], input.join("\r\n").as_bytes());
    assert!(ok && complaints.is_empty(), "{complaints}");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| *line == lines[0]));
    assert_eq!(run(&["frame"], b""), (String::new(), String::new(), true));
}

#[test]
fn what_is_no_frame_is_refused_with_its_place() {
    let cut = &hex(KEEPALIVE)[..134];
    for (text, error, offset) in [
        (cut, "payload_length: says 64, but 63 bytes follow (byte 2)", 2),
        ("1080", "payload_length: the bytes end too early (byte 2)", 2),
        ("20800000", "version: version 2 is not 1 (byte 0)", 0),
        ("1ff00000", "type: type 0xff is unknown (byte 0)", 0),
        ("10 80 0g", "hex: not a hexadecimal digit (byte 2)", 2),
        ("10 80 0", "hex: half a byte at the end (byte 2)", 2),
    ] {
        let (out, complaints, ok) = run(&["frame", "--json", text], b"");
        assert!(!ok && complaints.is_empty(), "{text}: {complaints}");
        assert_eq!(out, format!("{{\"ok\":false,\"error\":\"{error}\",\"offset\":{offset}}}\n"));
        let (out, complaints, ok) = run(&["frame", text], b"");
        assert_eq!((out.as_str(), complaints, ok), ("", format!("inspect: frame 1: {error}\n"), false));
    }
    // Not even an empty argument is a frame.
    assert!(!run(&["frame", ""], b"").2);
}

#[test]
fn one_bad_line_stops_nothing_but_fails_the_run() {
    let keepalive = hex(KEEPALIVE);
    let input = [keepalive.as_bytes(), b"\xff\xfe", "n".repeat(3 << 20).as_bytes(), keepalive.as_bytes()].join(&b'\n');
    let (out, _, ok) = run(&["frame", "--json"], &input);
    assert!(!ok);
    let verdicts: Vec<bool> = out.lines().map(|line| line.starts_with(r#"{"ok":true"#)).collect();
    assert_eq!(verdicts, [true, false, false, true]);
    let (out, complaints, ok) = run(&["frame"], &input);
    assert!(!ok);
    assert_eq!(out.matches("ERP_KEEPALIVE").count(), 2);
    let places: Vec<&str> = complaints.lines().map(|line| line.split(": ").nth(1).expect("a place")).collect();
    assert_eq!(places, ["line 2", "line 3"]);
}

#[test]
fn the_table_shows_offsets_sizes_and_meanings() {
    let expected = hex_lines(&[
        "PSS_INIT 0x08, version 1, flags 0x1 SESSION, payload 158 bytes",
        "R-Cookie 0000000000000000 (not assigned yet)",
        "  offset   size  field                      value",
        "      12     32  initiator_eid              11×32",
        "      44      8  session_connection_cookie  22×8",
        "      52      8  initial_sequence           7",
        "      60      4  capabilities               3  SFC, ChaCha20-Poly1305",
        "      64     64  signature                  33×32",
        "                                            33×32",
        "     128     34  TLV 0x80 KEY_SHARE         44×32",
    ]);
    assert_eq!(run(&["frame", &hex(PSS_INIT)], b"").0, expected);
}

/// Lines whose last word may be a repetition.
fn hex_lines(lines: &[&str]) -> String {
    lines
        .iter()
        .map(|line| match line.rsplit_once(' ') {
            Some((rest, word)) if word.contains('×') => format!("{rest} {}\n", hex(word)),
            _ => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn the_table_explains_what_a_number_alone_does_not() {
    let shown = |frame: &str, expected: &[&str]| {
        let (out, complaints, ok) = run(&["frame", &hex(frame)], b"");
        assert!(ok && complaints.is_empty(), "{complaints}");
        for part in expected {
            assert!(out.contains(part), "{part:?} is missing:\n{out}");
        }
        assert!(out.lines().all(|line| !line.ends_with(' ')), "{out}");
    };
    shown(HEARTBEAT, &["R-Cookie 5555555555555555\n", "9223372036854775813  heartbeat 5\n"]);
    shown(MIGRATION, &["TLV 0x0c MIGRATION_VECTOR", "from 192.0.2.7 to 198.51.100.8", "TLV 0xc3 unknown"]);
    shown(KEEPALIVE, &["2222  a secret\n"]);
    // The conditions block is a figure of its own, at its place in the frame.
    shown(NEGOTIATION, &["          24      8  initial_sequence  9\n", "3600  seconds\n", "16  frames\n"]);
    // No text in a frame reaches the terminal as a control sequence.
    shown(FALLBACK, &[r#""a:\u{1b}""#]);
    // A frame in a frame, and bytes that are not a frame.
    shown(
        OUTER,
        &[
            "Outer Transport Header 0x0f, version 0, flags 0xc reserved 0x4, reserved 0x8, payload 158 bytes",
            "\n       2      2  transit_id                     43981\n",
            "\n    ERP_DEFLECT 0x0e, version 1, flags 0x0, payload 26 bytes\n",
            "  192.0.2.7\n",
            "\n        inner_payload is no frame: version: version 5 is not 1 (byte 0)\n",
        ],
    );
}

#[test]
fn frames_in_frames_are_explained_to_a_limit() {
    let mut frame = hex(KEEPALIVE);
    for _ in 0..50 {
        let length = frame.len() / 2 + 20;
        frame = hex(&format!("1 0e 0 {length:04x} 00×10 ff×2 c0000207 1083 08 00 {frame}"));
    }
    let (out, _, ok) = run(&["frame", &frame], b"");
    assert!(ok);
    assert!(out.contains("is not explained: too deep"), "{out}");
    assert!(!out.contains("ERP_KEEPALIVE"));
}
