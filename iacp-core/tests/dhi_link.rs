//! Link headers: RFC 8288's own examples, headers as real sites send them, and what is malformed.

use iacp_core::dhi::form::Form;
use iacp_core::dhi::link::{Link, MalformedLink, Reason, links};
use iacp_core::dhi::uri::Uri;
use proptest::prelude::*;

fn all(field: &[u8]) -> Result<Vec<Link<'_>>, MalformedLink> {
    links(field).collect()
}

fn text(value: Option<iacp_core::dhi::link::Value<'_>>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(&value.bytes().collect::<Vec<u8>>()).into_owned())
}

/// Target, rel, type of each link.
fn told(field: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let found = all(field.as_bytes()).unwrap_or_else(|error| panic!("{field}: {error}"));
    found.iter().map(|link| (link.target.to_owned(), text(link.rel), text(link.media_type))).collect()
}

fn rels(field: &str) -> Vec<(String, String)> {
    told(field).into_iter().map(|(target, rel, _)| (target, rel.unwrap_or_default())).collect()
}

#[test]
fn the_examples_of_rfc_8288_are_read() {
    // shows: IACP-029 (§4.1.2.1)
    let pair = |target: &str, rel: &str| (target.to_owned(), rel.to_owned());
    let previous = r#"<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter""#;
    assert_eq!(rels(previous), [pair("http://example.com/TheBook/chapter2", "previous")]);
    assert_eq!(rels(r#"</>; rel="http://example.net/foo""#), [pair("/", "http://example.net/foo")]);
    let terms = all(br##"</terms>; rel="copyright"; anchor="#foo""##).expect("well-formed");
    assert_eq!(text(terms[0].anchor).as_deref(), Some("#foo"));
    let titles = "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, \
                  </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel";
    assert_eq!(rels(titles), [pair("/TheBook/chapter2", "previous"), pair("/TheBook/chapter4", "next")]);
    let two = r#"<http://example.org/>; rel="start http://example.net/relation/other""#;
    let link = all(two.as_bytes()).expect("well-formed")[0];
    assert!(
        ["start", "START", "http://example.net/relation/other"]
            .iter()
            .all(|word| { link.rel.is_some_and(|rel| rel.has_word(word)) })
    );
    let three = r#"<https://example.org/>; rel="start", <https://example.org/index>; rel="index""#;
    assert_eq!(rels(three).len(), 2);
    assert_eq!(rels(r#"<http://a/>; rel="a"; rel="b""#), [pair("http://a/", "a")], "the first rel counts");
}

#[test]
fn headers_of_real_servers_are_read() {
    let github = r#"<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", <https://api.github.com/repositories/1300192/issues?page=4>; rel="next""#;
    assert_eq!(rels(github).len(), 2);
    let wordpress = r#"<https://example.com/wp-json/>; rel="https://api.w.org/", <https://example.com/wp-json/wp/v2/pages/2>; rel="alternate"; title="JSON"; type="application/json", <https://example.com/>; rel=shortlink"#;
    assert_eq!(rels(wordpress)[2].1, "shortlink");
    let preload = "</f.woff2>;rel=preload;as=font;type=font/woff2;crossorigin;nopush,</s.css>; rel=preload; as=style;";
    assert_eq!(told(preload)[0].2.as_deref(), Some("font/woff2"), "unquoted, with a slash");
    assert_eq!(rels(preload).len(), 2);
    let memento = r#"<http://a.example/>;rel="original", <http://arxiv.example/timemap/link/http://a.example/>; rel="timemap"; type="application/link-format"; from="Sat, 03 Jun 2000 00:00:00 GMT""#;
    assert_eq!(rels(memento).len(), 2, "a comma in a quoted string parts nothing");
}

#[test]
fn only_an_alternate_of_an_anml_type_counts() {
    let form = |field: &str| all(field.as_bytes()).expect(field)[0].anml();
    assert_eq!(form(r#"<a>; rel="ALTERNATE"; type="Application/anml+xml; charset=utf-8""#), Some(Form::Xml));
    assert_eq!(form("<a>; rel=alternate; type=application/anml+json"), Some(Form::Json));
    assert_eq!(form(r#"<a>; rel="x alternate"; type="application/anml\+xml""#), Some(Form::Xml), "a quoted pair");
    assert_eq!(form("<a>; rel=\"\talternate\"; type=\"\t application/anml+xml\t; q\""), Some(Form::Xml), "white space");
    for none in [
        "<a>; rel=alternate",
        "<a>; type=application/anml+xml",
        "<a>; rel=alternatex; type=application/anml+xml",
        "<a>; rel=alternate; type=text/html; type=application/anml+xml",
        "<a>; rel; rel=alternate; type=application/anml+xml",
        "<a>; rel=alternate; type=application/anml+xml2",
    ] {
        assert_eq!(form(none), None, "{none}");
    }
}

#[test]
fn an_anchor_elsewhere_voids_the_link() {
    let (mut document, mut scratch) = (Uri::EMPTY, Uri::EMPTY);
    document.read("https://example.org/page").expect("a URI");
    let mut about = |field: &str| all(field.as_bytes()).expect(field)[0].is_about(&document, &mut scratch);
    assert!(about("<a>") && about(r#"<a>; anchor="""#) && about(r#"<a>; anchor="https://EXAMPLE.org/page""#));
    assert!(!about(r##"<a>; anchor="#part""##) && !about(r#"<a>; anchor="/other""#) && !about(r#"<a>; anchor="::""#));
    let long = format!(r#"<a>; anchor="{}""#, "x".repeat(513));
    assert!(!about(&long));
}

/// The name is the scheme and 64 hexadecimal digits, in an alternate.
#[test]
fn a_link_names_an_eid_by_all_of_its_digits() {
    let digits = "0a".repeat(32);
    let names = |target: &str, rel: &str| {
        let field = format!("<{target}>; rel={rel}");
        all(field.as_bytes()).expect(&field)[0].is_to(&iacp_wire::Eid([0x0A; 32]))
    };
    for target in [format!("iacp:{digits}"), format!("IACP:{}", digits.to_uppercase())] {
        assert!(names(&target, "alternate"), "{target}");
        assert!(!names(&target, "next"), "{target}");
    }
    for target in [
        format!("http:{digits}"),
        digits.clone(),
        format!("iacp:{}", &digits[2..]),
        format!("iacp:{}", &digits[1..]),
        format!("iacp:{digits}0"),
        format!("iacp:{digits}0a"),
        format!("iacp:{}", "0b".repeat(32)),
        format!("iacp:{}", "+a".repeat(32)),
    ] {
        assert!(!names(&target, "alternate"), "{target}");
    }
}

#[test]
fn a_word_stands_between_blanks_and_a_type_before_its_parameters() {
    let first = |field: &str| all(field.as_bytes()).expect(field)[0].rel.expect("a rel").bytes().collect::<Vec<u8>>();
    let has = |rel: &str, word: &str| {
        let field = format!("<a>; rel=\"{rel}\"");
        all(field.as_bytes()).expect(&field)[0].rel.is_some_and(|rel| rel.has_word(word))
    };
    for (rel, found) in [
        ("ab", true),
        ("x ab", true),
        ("ab x", true),
        ("x\tab\tx", true),
        ("AB", true),
        ("abc", false),
        ("xab", false),
        ("a b", false),
        ("a", false),
        ("abab", false),
        ("", false),
    ] {
        assert_eq!(has(rel, "ab"), found, "{rel:?}");
    }
    assert!(!has("", "") && !has("x", ""));
    // Any byte but a control stands in quotes; a tab is none, and DEL is one.
    for (byte, holds) in [(0x1F, false), (b'\t', true), (b' ', true), (0x7E, true), (0x7F, false), (0x80, true)] {
        for escape in [&b""[..], b"\\"] {
            let field = [b"<a>; rel=\"", escape, &[byte], b"\""].concat();
            assert_eq!(all(&field).is_ok(), holds, "{byte:#x}, {escape:?}");
        }
    }
    assert_eq!(first(r#"<a>; rel="x\\\"y""#), *b"x\\\"y");
    assert!(all(b"<a>; rel=a\\b").is_err(), "outside of quotes nothing is escaped");
    let is_type = |value: &str| {
        let field = format!("<a>; type=\"{value}\"");
        all(field.as_bytes()).expect(&field)[0].media_type.is_some_and(|media| media.is_media_type("a/b"))
    };
    for (value, is_one) in [
        ("a/b", true),
        ("A/B;q", true),
        (" a/b ; q", true),
        ("\ta/b\t", true),
        ("a/b q", false),
        ("a/bc", false),
        ("a/", false),
    ] {
        assert_eq!(is_type(value), is_one, "{value:?}");
    }
}

#[test]
fn empty_members_and_bare_parameters_are_fine() {
    assert_eq!(rels(" , ,<a>;rel=x,, <b> ;; rel = \"y\" ; , ").len(), 2);
    assert_eq!(rels("").len(), 0);
    assert_eq!(rels(",").len(), 0);
}

#[test]
fn what_is_malformed_is_refused_with_its_place() {
    let parameters = |count: usize| format!("<a>{}", ";p=1".repeat(count));
    assert_eq!(rels(&parameters(16)).len(), 1);
    let cases: [(&[u8], usize, Reason); 11] = [
        (b"a", 0, Reason::NoTarget),
        (b"<a>, b", 5, Reason::NoTarget),
        (b"<a", 2, Reason::Unclosed),
        (b"<a b>", 2, Reason::Byte),
        (b"<a<b>", 2, Reason::Byte),
        (b"<\xc3\xa4>", 1, Reason::Byte),
        (b"<a> x", 4, Reason::Byte),
        (b"<a>; x=\"b", 9, Reason::Unclosed),
        (b"<a>; x=\"b\\", 9, Reason::Unclosed),
        (b"<a>; x=\"\n\"", 8, Reason::Byte),
        (b"<a>; x=y\"z\"", 8, Reason::Byte),
    ];
    for (field, at, reason) in cases {
        assert_eq!(all(field), Err(MalformedLink { at, reason }), "{}", String::from_utf8_lossy(field));
    }
    let seventeen = parameters(17);
    let reason = all(seventeen.as_bytes()).map_err(|error| error.reason);
    assert_eq!(reason, Err(Reason::TooManyParameters));
}

fn quoted(text: &str) -> String {
    let escaped: String =
        text.chars().flat_map(|c| if c == '"' || c == '\\' { vec!['\\', c] } else { vec![c] }).collect();
    format!("\"{escaped}\"")
}

proptest! {
    #[test]
    fn any_bytes_are_links_or_refused_and_the_iterator_ends(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let count = links(&bytes).count();
        prop_assert!(count <= bytes.len());
        let errors = links(&bytes).filter(Result::is_err).count();
        prop_assert!(errors <= 1);
        if let Err(error) = all(&bytes) {
            prop_assert!(error.at <= bytes.len());
        }
    }

    #[test]
    fn what_is_written_is_read(
        entries in prop::collection::vec(("[a-z0-9/:.?=&,;-]{0,20}", "[ -~]{0,12}", prop::option::of("[ -~]{0,12}")), 1..20),
        gap in "[ \t]{0,2}",
    ) {
        let fields: Vec<String> = entries.iter().map(|(target, rel, title)| {
            let title = title.as_ref().map(|title| format!("{gap};{gap}title{gap}={gap}{}", quoted(title)));
            format!("<{target}>{}{gap};{gap}REL={}{gap}", title.unwrap_or_default(), quoted(rel))
        }).collect();
        let field = fields.join(&format!("{gap},{gap}"));
        let expected: Vec<_> = entries.iter().map(|(target, rel, _)| (target.clone(), rel.clone())).collect();
        prop_assert_eq!(rels(&field), expected, "{}", field);
    }
}
