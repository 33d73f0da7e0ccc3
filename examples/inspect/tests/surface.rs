//! `inspect surface`, as a user runs it.

mod program;

/// `inspect surface`: what was printed, what was complained of, and whether all went well.
fn run(args: &[&str], input: &[u8]) -> (String, String, bool) {
    program::run(&[&["surface"], args].concat(), input)
}

const GOOD: &str = "20260516t120000z.build.signed-json.high.retry-2";

// shows: CEP-104 (§9)
#[test]
fn json_has_every_segment() {
    let (out, complaints, ok) = run(&["--json", GOOD, "2026-05-16T12-00-00Z.a.b.c"], b"");
    let expected = concat!(
        r#"{"ok":true,"time":"20260516t120000z","context":"build","profile":"signed-json","priority":"high","#,
        r#""extension":"retry-2","warnings":[]}"#,
        "\n",
        r#"{"ok":true,"time":"2026-05-16T12-00-00Z","context":"a","profile":"b","priority":"c","extension":null,"#,
        r#""warnings":["upper-case"]}"#,
        "\n",
    );
    assert_eq!((out.as_str(), complaints.as_str(), ok), (expected, "", true));
}

#[test]
fn json_of_a_refusal_has_the_byte() {
    let (out, complaints, ok) = run(&["2026-05-16.a.B.c", GOOD, "--json"], b"");
    let (refusal, good) = out.split_once('\n').expect("two lines");
    let expected = r#"{"ok":false,"error":"profile: a character other than a-z, 0-9 and - (byte 13)","offset":13}"#;
    assert_eq!((refusal, complaints.as_str(), ok), (expected, "", false));
    assert!(good.starts_with(r#"{"ok":true,"#), "the next one is still read");
}

#[test]
fn people_read_lines() {
    let (out, complaints, ok) = run(&[GOOD, "2026-99-99.a.b.c", "20161231T235960z.a.b.c"], b"");
    let expected = "\
20260516t120000z.build.signed-json.high.retry-2
  time       20260516t120000z
  calendar   a real time, 2026-05-16T12:00:00Z, Unix 1778932800
  context    build
  profile    signed-json
  priority   high (a hint that decides nothing)
  extension  retry-2 (never trusted)

2026-99-99.a.b.c
  time       2026-99-99
  calendar   not a real time: no year has a month 99
  context    a
  profile    b
  priority   c (a hint that decides nothing)

20161231T235960z.a.b.c
  time       20161231T235960z
  calendar   a real time, the leap second before Unix 1483228800
  context    a
  profile    b
  priority   c (a hint that decides nothing)
  warning    upper-case: T or Z, where lower case is preferred
";
    assert_eq!((out.as_str(), complaints.as_str(), ok), (expected, "", true));
    let (out, ..) = run(&["2026-05-16.a.b.c"], b"");
    assert!(out.contains("  calendar   a real time, 2026-05-16, Unix 1778889600\n"), "{out}");
    let (out, ..) = run(&["19691231t235959z.a.b.c"], b"");
    assert!(out.contains("  calendar   a real time, Unix -1\n"), "{out}");
}

#[test]
fn complaints_cannot_steer_a_terminal() {
    let (out, complaints, ok) = run(&["2026-05-16.a\u{1b}[2J.b.c", "", "--", "-x"], b"");
    let expected = "\
inspect: name 1: context: a character other than a-z, 0-9 and - (byte 12): \\x1b
inspect: name 2: time-fragment: the name ends too early (byte 0)
inspect: name 3: time-fragment: a digit has to stand here (byte 0): -
";
    assert_eq!((out.as_str(), complaints.as_str(), ok), ("", expected, false));
}

#[test]
fn lines_of_standard_input_are_names() {
    let input = format!("{GOOD}\r\n\n \n2026-05-16.a.b.c ");
    let (out, complaints, ok) = run(&[], input.as_bytes());
    assert!(out.starts_with(&format!("{GOOD}\n  time ")), "{out}");
    let expected = "\
inspect: line 3: time-fragment: a digit has to stand here (byte 0):  
inspect: line 4: priority: a character other than a-z, 0-9 and - (byte 16):  
";
    assert_eq!((complaints.as_str(), ok), (expected, false));
    assert_eq!(run(&[], b""), (String::new(), String::new(), true));
}

#[test]
fn a_line_may_be_anything() {
    let mut input = b"2026-05-16.\xff\0.b.c\n".to_vec();
    input.extend(b"2026-05-16.".iter().chain(&[b'a'; 1 << 20]));
    input.extend(b"\n2026-05-16.a.b.c\n");
    let (out, complaints, ok) = run(&["--json"], &input);
    let lines: Vec<_> = out.lines().collect();
    let [bytes, endless, good] = lines[..] else { panic!("three lines: {out}") };
    assert!(bytes.ends_with(r#""offset":11}"#), "{bytes}");
    assert_eq!(endless, r#"{"ok":false,"error":"context: is too long (byte 59)","offset":59}"#);
    assert!(good.starts_with(r#"{"ok":true,"time":"2026-05-16","#), "{good}");
    assert_eq!((complaints.as_str(), ok), ("", false));
}
