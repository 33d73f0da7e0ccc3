//! The text of a web page and of an ANML document, node by node, into the canonical form (PROFILE 18.7).

use iacp_core::dhi::equivalence::{Canonical, Parity};
use iacp_core::dhi::form::Form;
use quick_xml::events::Event;
use scraper::{Html, Node};

/// Elements of HTML within a line: they end no node.
const INLINE: [&str; 25] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "i", "kbd", "mark", "q", "s", "samp", "small",
    "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
];
/// Elements whose text is not part of the page's text.
const SILENT: [&str; 4] = ["script", "style", "template", "noscript"];

/// A page with more elements is not compared: for nested ones the parser takes the square of their number.
const ELEMENTS: usize = 20_000;

/// The text of a web page, as html5ever reads it; none of a page with more elements than are compared.
#[must_use]
pub fn of_html(page: &[u8]) -> Option<Parity> {
    let begin = page.windows(2).filter(|pair| pair[0] == b'<' && pair[1].is_ascii_alphabetic());
    if begin.count() > ELEMENTS {
        return None;
    }
    let html = Html::parse_document(&String::from_utf8_lossy(page));
    let mut canonical = Canonical::new();
    let mut silent = 0_usize;
    for edge in html.tree.root().traverse() {
        use ego_tree::iter::Edge;
        let (node, is_open) = match edge {
            Edge::Open(node) => (node, true),
            Edge::Close(node) => (node, false),
        };
        match node.value() {
            Node::Text(text) if is_open && silent == 0 => canonical.text(text),
            Node::Element(element) => {
                let name = element.name();
                let parent = node.parent().and_then(|parent| parent.value().as_element().map(|parent| parent.name()));
                let is_hidden = SILENT.contains(&name) || parent == Some("head") && name != "title";
                if !INLINE.contains(&name) {
                    canonical.node_end();
                }
                match (is_hidden, is_open) {
                    (true, true) => silent += 1,
                    (true, false) => silent = silent.saturating_sub(1),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Some(canonical.finish())
}

/// The text of an ANML document; none for JSON, whose text the profile takes from an XML form that this program does not make.
#[must_use]
pub fn of_anml(form: Form, document: &[u8]) -> Option<Parity> {
    let text = std::str::from_utf8(document).ok().filter(|_| form == Form::Xml)?;
    let mut reader = quick_xml::Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut canonical = Canonical::new();
    loop {
        match reader.read_event().ok()? {
            Event::Text(text) => canonical.text(&text),
            Event::CData(text) => canonical.text(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => canonical.text(character.encode_utf8(&mut [0; 4])),
                None => canonical.text(quick_xml::escape::resolve_predefined_entity(&reference)?),
            },
            Event::Start(_) | Event::End(_) | Event::Empty(_) => canonical.node_end(),
            Event::Eof => return Some(canonical.finish()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_and_its_anml_have_one_text() {
        let page = b"<!doctype html><html><head><title>News</title><style>p{}</style></head><body><script>x()</script>\
            <h1>Hello,&nbsp;<em>world</em></h1><p>One &amp; two</p></body></html>";
        let anml = "<anml><title>News</title><h>Hello, world</h><p>One &amp; <![CDATA[two]]></p><!-- no --></anml>";
        let tree = of_anml(Form::Xml, anml.as_bytes()).expect("XML");
        let web = of_html(page).expect("it is short");
        assert!(web.is_equivalent(&tree));
        let other = of_anml(Form::Xml, anml.replace("two", "owt").as_bytes()).expect("XML");
        assert!(!web.is_equivalent(&other), "the same letters in another order");
        assert!(of_anml(Form::Json, b"{}").is_none());
    }

    #[test]
    fn a_page_that_is_nested_without_end_is_not_compared() {
        assert!(of_html("<div>".repeat(ELEMENTS + 1).as_bytes()).is_none());
        assert!(of_html("< p".repeat(ELEMENTS + 1).as_bytes()).is_some(), "these are no elements");
    }
}
