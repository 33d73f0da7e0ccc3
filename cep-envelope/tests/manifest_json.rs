//! The strict reading of JSON that manifests and notifications share.

use cep_envelope::json::{JsonErrorKind as K, MAX_DEPTH, MAX_OPEN_KEYS, leading_object, object};
use proptest::prelude::*;

fn kind(text: impl AsRef<[u8]>) -> Option<K> {
    object(text.as_ref(), 1 << 20).err().map(|e| e.kind)
}

#[test]
fn json_is_taken_and_nothing_else() {
    for good in [
        "{}",
        " {\r\n\t} ",
        r#"{"a":[],"b":[1,-0,0.5,1e9,-1.25E-7,true,false,null,{"a":""}]}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u00e9é😀"}"#,
        r#"{"":0}"#,
    ] {
        assert_eq!(kind(good), None, "{good}");
    }
    for bad in [
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":[1,]}",
        "{\"a\":[1 2]}",
        "{\"a\":01}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":+1}",
        "{\"a\":-}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":nulll}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\0\"}",
        "{\"a\":\"",
        "{\"a\":\"\\\"}",
        "{/**/}",
        "{\u{b}}",
        "{\"a\":1]",
        "{\"a\":[1}",
    ] {
        assert_eq!(kind(bad), Some(K::Syntax), "{bad}");
    }
    for other in ["", " ", "[]", "1", "null", "\"{}\"", "\u{feff}{}"] {
        assert_eq!(kind(other), Some(K::NotAnObject), "{other}");
    }
    for trailing in ["{}{}", "{} x", "{},", "{}\0", "{}\u{a0}"] {
        assert_eq!(kind(trailing), Some(K::Trailing), "{trailing}");
    }
}

#[test]
fn no_object_names_a_member_twice_at_any_level() {
    for twice in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"x":[0,{"y":{"a":{},"b":[],"a":2}}]}"#,
        r#"{"a":{"b":1},"c":2,"a":{"b":1}}"#,
        r#"{"":1,"":1}"#,
    ] {
        assert_eq!(kind(twice), Some(K::DuplicateKey), "{twice}");
    }
    for once in [r#"{"a":{"a":{"a":1}},"b":{"a":1}}"#, r#"{"x":[{"a":1},{"a":1}],"a":1}"#, r#"{"a":1,"A":1}"#] {
        assert_eq!(kind(once), None, "{once}");
    }
    // A second spelling of a name does not evade the check.
    assert_eq!(kind(r#"{"a":1,"\u0061":1}"#), Some(K::EscapedKey));
    assert_eq!(kind(r#"{"x":[{"\u0061":1}]}"#), Some(K::EscapedKey));
}

#[test]
fn depth_members_and_length_are_bounded() {
    let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
    assert_eq!(kind(nested(MAX_DEPTH - 1)), None);
    assert_eq!(kind(nested(MAX_DEPTH)), Some(K::TooDeep));
    assert_eq!(kind("{\"a\":".repeat(100_000)), Some(K::TooDeep));
    let wide = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"{i}\":0")).collect::<Vec<_>>().join(","));
    assert_eq!(kind(wide(MAX_OPEN_KEYS)), None);
    assert_eq!(kind(wide(MAX_OPEN_KEYS + 1)), Some(K::TooManyKeys));
    assert_eq!(kind(format!("{{\"a\":{}}}", "9".repeat(100_000))), None);
    assert_eq!(object(b"{ }", 2).unwrap_err().kind, K::TooLong);
}

#[test]
fn text_is_utf_8() {
    for bad in [&b"{\"a\":\"\xff\"}"[..], b"{\"a\":\"\xc0\xaf\"}", b"{\"a\":\"\xed\xa0\x80\"}", b"\xff"] {
        assert_eq!(kind(bad), Some(K::NotUtf8));
    }
}

#[test]
fn an_object_ends_where_it_ends() {
    let (object, rest) = leading_object(br#"{"a":"}\"}","b":{}},"c""#, 100).unwrap();
    assert_eq!((object, rest), (r#"{"a":"}\"}","b":{}}"#, r#","c""#));
    assert_eq!(leading_object(b" {}", 100).unwrap_err().kind, K::NotAnObject);
}

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof!["-?(0|[1-9][0-9]{0,30})(\\.[0-9]+)?(e[+-]?[0-9]+)?", "true|false|null", "\"[a-zé ]*\""];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|v| format!("[{}]", v.join(", "))),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 0..5).prop_map(|m| format!(
                "{{{}}}",
                m.iter().map(|(k, v)| format!("\"{k}\" :{v}")).collect::<Vec<_>>().join(",")
            )),
        ]
    })
}

proptest! {
    #[test]
    fn json_made_from_the_grammar_is_taken(value in any_json()) {
        let text = format!("{{\"value\": {value}}}");
        prop_assert_eq!(object(text.as_bytes(), 1 << 20), Ok(&*text));
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            prop_assert!(object(&text.as_bytes()[..end], 1 << 20).is_err());
        }
    }
}
