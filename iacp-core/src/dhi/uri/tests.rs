extern crate std;

use super::*;

fn resolved(base: &str, reference: &str) -> Result<std::string::String, UriError> {
    let (mut document, mut uri) = (Uri::EMPTY, Uri::EMPTY);
    document.read(base).expect(base);
    uri.resolve(&document, reference).map(|()| uri.as_str().into())
}

#[test]
fn references_resolve_as_the_examples_of_rfc_3986() {
    // §5.4.1 and §5.4.2; fragments go, and a path is never empty.
    let examples = [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d;p?y"),
        ("g?y", "/b/c/g?y"),
        ("#s", "/b/c/d;p?q"),
        ("g#s", "/b/c/g"),
        ("g?y#s", "/b/c/g?y"),
        (";x", "/b/c/;x"),
        ("g;x", "/b/c/g;x"),
        ("g;x?y#s", "/b/c/g;x?y"),
        ("", "/b/c/d;p?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("../../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        (".g", "/b/c/.g"),
        ("g..", "/b/c/g.."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("./g/.", "/b/c/g/"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/./y", "/b/c/g;x=1/y"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/./x", "/b/c/g?y/./x"),
        ("g?y/../x", "/b/c/g?y/../x"),
        ("g#s/../x", "/b/c/g"),
    ];
    for (reference, path) in examples {
        assert_eq!(resolved("http://a/b/c/d;p?q", reference), Ok(std::format!("http://a{path}")), "{reference}");
    }
    assert_eq!(resolved("http://a/b/c/d;p?q", "//g"), Ok("http://g/".into()));
    assert_eq!(resolved("http://a/b/c/d;p?q", "g:h"), Err(UriError::Scheme));
    assert_eq!(
        resolved("http://a/b/c/d;p?q", "http:g"),
        Err(UriError::Host),
        "strict: no relative path after a scheme"
    );
}

#[test]
fn one_uri_has_one_spelling() {
    for text in
        ["HTTPS://EXAMPLE.org:443", "https://example.org/", "https://example.org/#x", "https://example.org/a/.."]
    {
        assert_eq!(resolved(text, ""), Ok("https://example.org/".into()), "{text}");
    }
    assert_eq!(resolved("http://[2001:DB8::1]:8080/x", ""), Ok("http://[2001:db8::1]:8080/x".into()));
}

#[test]
fn what_is_no_uri_of_the_web_is_refused_by_name() {
    let cases = [
        ("", UriError::Scheme),
        ("a/b", UriError::Scheme),
        ("ftp://a/", UriError::Scheme),
        ("javascript:alert(1)", UriError::Scheme),
        ("https:///a", UriError::Host),
        ("https://a..b/", UriError::Host),
        ("https://a./", UriError::Host),
        ("https://127.1/", UriError::Host),
        ("https://0x7f000001/", UriError::Host),
        ("https://2130706433/", UriError::Host),
        ("https://127.0.0.01/", UriError::Host),
        ("https://%31/", UriError::Host),
        ("https://[::1%251]/", UriError::Host),
        ("https://u@a/", UriError::UserInfo),
        ("https://u:p@a/", UriError::UserInfo),
        ("https://a:0/", UriError::Port),
        ("https://a:65536/", UriError::Port),
        ("https://a:+1/", UriError::Port),
        ("https://a/ b", UriError::Byte),
        ("https://a/%2", UriError::Byte),
        ("https://a/\u{e4}", UriError::Byte),
        ("https://a/\\b", UriError::Byte),
        ("https://a/\n", UriError::Byte),
    ];
    for (text, error) in cases {
        let mut uri = Uri::EMPTY;
        assert_eq!(uri.read(text), Err(error), "{text}");
        assert_eq!(uri.as_str(), "");
    }
    let longest = std::format!("https://a/{}", "x".repeat(URI_MAX - 10));
    let mut uri = Uri::EMPTY;
    assert_eq!(uri.read(&longest), Ok(()));
    assert_eq!(uri.read(&std::format!("{longest}x")), Err(UriError::TooLong));
}
