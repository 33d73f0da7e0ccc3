//! Link fields against `nom-rfc8288`, a maintained parser of RFC 8288: on the RFC's examples, on fields of real
//! sites, on fields made by its grammar and on changed ones. Where the two differ, the difference has a name here, and
//! anything else fails.

use std::collections::BTreeMap;

use iacp_core::dhi::form::Form;
use iacp_core::dhi::link::{Link, MalformedLink, PARAMETERS_MAX, Reason, Value, links};
use nom_language::error::VerboseError;
use nom_rfc8288::complete::{LinkData, LinkParseError, link_lenient};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Fields made by the grammar, and changes of each field that is written down here.
const MADE: u64 = 4_000;
const CHANGES: u64 = 1_500;

/// What both parsers report of a link: its target, the first of each parameter that counts, and the form of ANML.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    target: String,
    rel: Option<String>,
    media_type: Option<String>,
    anchor: Option<String>,
    anml: Option<Form>,
}

fn text(value: Option<Value<'_>>) -> Option<String> {
    value.map(|value| String::from_utf8(value.bytes().collect()).expect("a part of a text, cut at ASCII"))
}

fn ours(field: &str) -> Result<Vec<Told>, MalformedLink> {
    let told = |link: Link<'_>| Told {
        target: link.target.to_owned(),
        rel: text(link.rel),
        media_type: text(link.media_type),
        anchor: text(link.anchor),
        anml: link.anml(),
    };
    links(field.as_bytes()).map(|link| link.map(told)).collect()
}

/// The rule of PROFILE 18.3 once more, over the other parser's result.
fn form(rel: Option<&str>, media_type: Option<&str>) -> Option<Form> {
    let is_alternate = rel?.split([' ', '\t']).any(|word| word.eq_ignore_ascii_case("alternate"));
    let essence = media_type?.split(';').next()?.trim_matches([' ', '\t']).to_ascii_lowercase();
    match essence.as_str() {
        "application/anml+xml" if is_alternate => Some(Form::Xml),
        "application/anml+json" if is_alternate => Some(Form::Json),
        _ => None,
    }
}

fn theirs(field: &str) -> Result<Vec<Told>, LinkParseError> {
    let told = |link: LinkData<'_>| {
        let first = |name: &str| {
            let found = link.params.iter().find(|parameter| parameter.key.eq_ignore_ascii_case(name));
            found.map(|parameter| parameter.val.clone().unwrap_or_default())
        };
        let (rel, media_type) = (first("rel"), first("type"));
        let anml = form(rel.as_deref(), media_type.as_deref());
        Told { target: link.url.to_owned(), rel, media_type, anchor: first("anchor"), anml }
    };
    let parsed = link_lenient::<VerboseError<&str>>(field)?;
    Ok(parsed.into_iter().flatten().map(told).collect())
}

/// The differences, each where exactly one parser reads the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// We read `type=text/css` and `rel=https://…`: values beyond a token without quotes, as RFC 5988 had them.
    UnquotedValue,
    /// We read blanks before `=`, as RFC 8288 B.3 does and its ABNF does with BWS.
    BlankBeforeEquals,
    /// We read `rel=` as a parameter whose value is empty.
    NoValue,
    /// We read bytes above ASCII in a quoted string; they read characters up to U+00FF.
    BeyondLatin,
    /// We read white space at the ends of a field, and before a separator behind an empty member.
    EmptyMember,
    /// They read any character but `>` in a target; we read what a URI has.
    TargetByte,
    /// They read any number of parameters.
    TooManyParameters,
}

/// Names the difference by the place at which one of the two stopped.
fn difference(field: &str) -> Result<Option<Difference>, String> {
    let (ours, theirs) = (ours(field), theirs(field));
    match (&ours, &theirs) {
        (Err(_), Err(_)) => Ok(None),
        (Ok(one), Ok(other)) if one == other => Ok(None),
        (Err(MalformedLink { reason: Reason::TooManyParameters, .. }), Ok(links)) => {
            let raw = link_lenient::<VerboseError<&str>>(field).unwrap_or_default();
            let most = raw.iter().flatten().map(|link| link.params.len()).max().unwrap_or(0);
            let is_true = most > PARAMETERS_MAX && !links.is_empty();
            is_true.then_some(Some(Difference::TooManyParameters)).ok_or_else(|| format!("{most} parameters"))
        }
        (Err(MalformedLink { at, reason: Reason::Byte }), Ok(links)) => {
            let byte = field.as_bytes().get(*at).copied().unwrap_or(0);
            let is_in_target = links.iter().any(|link| link.target.bytes().any(|other| other == byte));
            let is_none_of_a_uri = !matches!(byte, 0x21..=0x7e) || byte == b'<';
            let is_true = is_in_target && is_none_of_a_uri;
            is_true.then_some(Some(Difference::TargetByte)).ok_or_else(|| format!("byte {at}: {byte:#x}"))
        }
        (Ok(_), Err(LinkParseError::IncompleteParse(rest))) => Ok(Some(stopped(field, rest)?)),
        _ => Err(format!("ours {ours:?}, theirs {theirs:?}")),
    }
}

/// What stands where they stopped.
fn stopped(field: &str, rest: &str) -> Result<Difference, String> {
    let before = field.strip_suffix(rest).ok_or("the rest of the field")?;
    let next = rest.trim_start_matches([' ', '\t']);
    let unread = || format!("they stopped at {rest:?}");
    let parameter = before.rsplit([';', ',']).next().unwrap_or_default();
    let is_in_a_value = parameter.contains('=') && !parameter.contains('"');
    match rest.chars().next().ok_or("something is left")? {
        ' ' | '\t' if next.starts_with('=') => Ok(Difference::BlankBeforeEquals),
        // Blanks at either end, which HTTP has cut off already.
        ' ' | '\t' if next.is_empty() || before.trim_matches([' ', '\t', ',']).is_empty() => {
            Ok(Difference::EmptyMember)
        }
        ' ' | '\t' if next.starts_with([',', ';']) => Ok(Difference::EmptyMember),
        ',' => Ok(Difference::EmptyMember),
        '=' if is_in_a_value => Ok(Difference::UnquotedValue),
        '=' => {
            let value = rest[1..].trim_start_matches([' ', '\t']);
            match value.chars().next() {
                None | Some(',' | ';') => Ok(Difference::NoValue),
                Some('"') => {
                    let is_beyond = value.chars().any(|character| character > '\u{ff}');
                    is_beyond.then_some(Difference::BeyondLatin).ok_or_else(unread)
                }
                Some(first) => {
                    let is_beyond_a_token = first.is_ascii_graphic() && !first.is_ascii_alphanumeric();
                    is_beyond_a_token.then_some(Difference::UnquotedValue).ok_or_else(unread)
                }
            }
        }
        // Within an unquoted value, of which they have read a token.
        first if first.is_ascii_graphic() && is_in_a_value => Ok(Difference::UnquotedValue),
        _ => Err(unread()),
    }
}

/// Every example of RFC 8288, and what stands in it.
const OF_THE_RFC: [&str; 7] = [
    r#"<http://example.com/TheBook/chapter2>; rel="previous"; title="previous chapter""#,
    r#"</>; rel="http://example.net/foo""#,
    r##"</terms>; rel="copyright"; anchor="#foo""##,
    "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, \
     </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
    r#"<http://example.org/>; rel="start http://example.net/relation/other""#,
    r#"<https://example.org/>; rel="start", <https://example.org/index>; rel="index""#,
    r#"<https://example.org/>; rel="start""#,
];

/// Fields in the forms in which servers send them: GitHub, WordPress, Drupal, Discourse, Wikipedia, Cloudflare, Memento, W3C, ActivityPub,
/// WebSub, Link sets, JSON-LD, preloads of shops and newspapers, Gitlab, Shopify, FHIR.
const REAL: [&str; 20] = [
    r#"<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", <https://api.github.com/repositories/1300192/issues?page=4>; rel="next", <https://api.github.com/repositories/1300192/issues?page=515>; rel="last", <https://api.github.com/repositories/1300192/issues?page=1>; rel="first""#,
    r#"<https://example.com/wp-json/>; rel="https://api.w.org/", <https://example.com/wp-json/wp/v2/pages/2>; rel="alternate"; title="JSON"; type="application/json", <https://example.com/>; rel=shortlink"#,
    r#"</node/1>; rel="canonical", </node/1>; rel="shortlink", </sites/default/files/logo.png>; rel="icon"; type="image/png""#,
    "</f.woff2>;rel=preload;as=font;type=font/woff2;crossorigin;nopush,</s.css>; rel=preload; as=style;",
    r#"<https://cdn.example.net>; rel=preconnect; crossorigin, <https://fonts.example.com>; rel=dns-prefetch"#,
    r#"</static/app.css>; as=style; rel=preload, </static/app.js>; as=script; rel=preload; integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC""#,
    r#"<http://a.example/>;rel="original", <http://arxiv.example/timemap/link/http://a.example/>; rel="timemap"; type="application/link-format"; from="Sat, 03 Jun 2000 00:00:00 GMT", <http://arxiv.example/20000621011731/http://a.example/>; rel="first memento"; datetime="Wed, 21 Jun 2000 01:17:31 GMT""#,
    r#"<http://www.w3.org/ns/ldp#BasicContainer>; rel="type", <http://www.w3.org/ns/ldp#Resource>; rel="type", <.acl>; rel="acl", <.meta>; rel="describedby""#,
    r#"<https://social.example/users/a>; rel="alternate"; type="application/activity+json""#,
    r#"<https://hub.example.com/>; rel="hub", <https://example.com/feed>; rel="self""#,
    r#"<https://example.org/linkset>; rel="linkset"; type="application/linkset+json""#,
    r#"<https://json-ld.org/contexts/person.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json""#,
    r#"<https://gitlab.example/api/v4/projects?page=2&per_page=20>; rel="next", <https://gitlab.example/api/v4/projects?page=1&per_page=20>; rel="first""#,
    r#"<https://shop.example/admin/api/products.json?limit=50&page_info=eyJsYXN0X2lkIjo2>; rel="next""#,
    r#"<https://en.example.org/wiki/A>; rel="canonical", <https://de.example.org/wiki/A>; rel="alternate"; hreflang="de""#,
    r#"<https://example.com/page.anml>; rel="alternate"; type="application/anml+xml"; title="For agents""#,
    r#"</amp>; rel="amphtml", </page.json>; rel="alternate"; type="application/anml+json; charset=utf-8""#,
    r#"<https://polyfill.example/v3/polyfill.min.js?features=fetch%2CIntersectionObserver>; rel=preload; as=script"#,
    r#"<//cdn.example.com/hero.avif>; rel=preload; as=image; imagesrcset="hero-1x.avif 1x, hero-2x.avif 2x"; imagesizes="100vw"; fetchpriority=high"#,
    r#"<https://license.example/by/4.0/>; rel="license"; title*=UTF-8''Attribution%204.0; title="Attribution \"4.0\"""#,
];

#[test]
fn both_read_every_example_of_rfc_8288_alike() {
    // shows: IACP-029 (§4.1.2.1)
    for field in OF_THE_RFC {
        assert_eq!(ours(field).ok(), theirs(field).ok(), "{field}");
        assert!(ours(field).is_ok(), "{field}");
    }
}

#[test]
fn both_read_the_fields_of_real_sites_alike_but_for_what_rfc_5988_had() {
    // shows: IACP-029 (§4.1.2.1)
    for field in REAL {
        assert!(ours(field).is_ok_and(|links| !links.is_empty()), "{field}");
        let expected = field.contains("type=font/woff2").then_some(Difference::UnquotedValue);
        assert_eq!(difference(field), Ok(expected), "{field}");
    }
    let found = REAL.iter().flat_map(|field| ours(field).expect("well-formed")).filter_map(|link| link.anml);
    assert_eq!(found.collect::<Vec<_>>(), [Form::Xml, Form::Json]);
}

#[test]
fn each_named_difference_is_one() {
    let seventeen = format!("<a>{}", ";p=1".repeat(17));
    let cases: [(&str, Difference); 16] = [
        ("<a>; type=text/css", Difference::UnquotedValue),
        ("<a>; rel=https://example.org/x; p", Difference::UnquotedValue),
        ("<a>; rel=/x", Difference::UnquotedValue),
        ("<a>; rel =x", Difference::BlankBeforeEquals),
        ("<a>; rel \t= \"x\"", Difference::BlankBeforeEquals),
        ("<a>; rel=", Difference::NoValue),
        ("<a>; rel=; type=x", Difference::NoValue),
        ("<a>; rel=, <b>", Difference::NoValue),
        ("<a>; title=\"\u{20ac}\"", Difference::BeyondLatin),
        (" <a>", Difference::EmptyMember),
        ("<a> ", Difference::EmptyMember),
        ("<a b>", Difference::TargetByte),
        ("<a<b>", Difference::TargetByte),
        ("<\u{e4}>", Difference::TargetByte),
        ("<a\u{7f}>; rel=x", Difference::TargetByte),
        (&seventeen, Difference::TooManyParameters),
    ];
    for (field, expected) in cases {
        assert_eq!(difference(field), Ok(Some(expected)), "{field}");
    }
    for field in
        ["<a>; x=\"\u{e4}\"", ",<a>", "<a>,,<b>", "<a>;;rel=x;", "<a>; rel; rel=x", "<a>;rel=\"\\\"\\\\\"", "<>"]
    {
        assert_eq!(difference(field), Ok(None), "{field}");
        assert!(ours(field).is_ok(), "{field}");
    }
    for field in
        ["a", "<a", "<a>b", "<a> <b>", "<a>; \"x\"", "<a>; x=\"", "<a>; x=\"y\"z", "<a>; =x", "<a>; x=\"\u{1}\""]
    {
        assert_eq!(difference(field), Ok(None), "{field}");
        assert!(ours(field).is_err(), "{field}");
    }
}

struct Maker(ChaCha8Rng);

impl Maker {
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.next_u32()).expect("32 bits") % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn blanks(&mut self) -> &'static str {
        self.one(&["", "", "", " ", "\t", " \t "])
    }

    fn quoted(&mut self) -> String {
        let words = [
            "alternate",
            "Alternate",
            " ",
            "\t",
            "next",
            "application/anml+xml",
            "application/anml+json",
            ";",
            ",",
            "<",
            ">",
            "=",
            "\\\"",
            "\\\\",
            "\\a",
            "\u{e4}",
        ];
        let inner: String = (0..self.below(4)).map(|_| self.one(&words)).collect();
        format!("\"{inner}\"")
    }

    /// A field by the grammar of RFC 8288, without any of the differences.
    fn field(&mut self) -> String {
        let mut field = self.one(&["", "", ",", ", "]).to_owned();
        for number in 0..=self.below(3) {
            if number > 0 {
                let separator = self.one(&[",", ", ", " ,", ",,", ", , "]);
                field.push_str(separator);
            }
            let target = self.one(&["", "a", "/b?c=d,e;f", "https://example.org/g#h", "//i", "iacp:00", "\"", "urn:x"]);
            field.push_str(&format!("<{target}>"));
            for _ in 0..self.below(6) {
                let name = self.one(&["rel", "REL", "type", "Type", "anchor", "title", "title*", "x", "crossorigin"]);
                let (before, behind, gap) = (self.blanks(), self.blanks(), self.one(&["", "", " "]));
                let value = match self.below(6) {
                    0 => String::new(),
                    1 => format!("={gap}{}", self.one(&["alternate", "next", "x-y.z", "1", "ALTERNATE"])),
                    2 => format!("={gap}\"application/anml+xml\""),
                    3 => format!("={gap}\"alternate\""),
                    _ => format!("={gap}{}", self.quoted()),
                };
                field.push_str(&format!("{before};{behind}{name}{value}"));
            }
        }
        field
    }

    /// What a hostile or a careless server would make of it.
    fn change(&mut self, field: &str, other: &str) -> String {
        let mut characters: Vec<char> = field.chars().collect();
        let odd =
            ['<', '>', ';', ',', '=', '"', '\\', ' ', '\t', '/', 'a', '*', '\u{1}', '\u{7f}', '\u{e4}', '\u{20ac}'];
        for _ in 0..=self.below(3) {
            let at = self.below(characters.len() + 1);
            match self.below(4) {
                0 if at < characters.len() => drop(characters.remove(at)),
                1 if at < characters.len() => characters[at] = odd[self.below(odd.len())],
                2 => {
                    let from: Vec<char> = other.chars().collect();
                    characters.truncate(at);
                    characters.extend(from.iter().skip(self.below(from.len() + 1)));
                }
                _ => characters.insert(at, odd[self.below(odd.len())]),
            }
        }
        characters.into_iter().collect()
    }
}

#[test]
fn both_read_fields_made_by_the_grammar_alike() {
    // shows: IACP-029 (§4.1.2.1)
    let mut anml = 0;
    for number in 0..MADE {
        let field = Maker(ChaCha8Rng::seed_from_u64(number)).field();
        let (ours, theirs) = (ours(&field), theirs(&field));
        assert_eq!(ours.as_ref().ok(), theirs.as_ref().ok(), "seed {number}: {field}");
        let links = ours.unwrap_or_else(|error| panic!("seed {number}: {field}: {error}"));
        anml += links.iter().filter(|link| link.anml.is_some()).count();
    }
    assert!(anml > 50, "{anml} links to ANML were among them");
}

#[test]
fn changed_fields_differ_only_in_the_named_ways() {
    let fields: Vec<&str> = OF_THE_RFC.into_iter().chain(REAL).collect();
    let mut seen = BTreeMap::new();
    for (index, field) in fields.iter().enumerate() {
        for number in 0..CHANGES {
            let mut maker = Maker(ChaCha8Rng::seed_from_u64(u64::try_from(index).expect("few") * CHANGES + number));
            let other = maker.below(fields.len());
            let changed = maker.change(field, fields[other]);
            match difference(&changed) {
                Ok(name) => *seen.entry(name).or_insert(0) += 1,
                Err(why) => panic!("field {index}, change {number}: {changed:?}: {why}"),
            }
        }
    }
    println!("{seen:?}");
    assert!(seen.len() > 5, "changes lead to most of the differences: {seen:?}");
}
