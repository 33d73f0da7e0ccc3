//! The interpreter: Link fields, canonical text, and the pipeline against answers of any kind in any order.

use iacp_core::dhi::equivalence::Canonical;
use iacp_core::dhi::form::Plain;
use iacp_core::dhi::link::links;
use iacp_core::dhi::pipeline::{
    Ask, AskId, Failure, Head, Ingested, Limits, Media, Obtained, Pipeline, Requirement, SrvTarget, Workspace,
};
use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
use iacp_core::dhi::uri::Uri;
use iacp_core::scope::Scope;
use iacp_core::time::Mono;
use iacp_wire::Eid;

/// A field is links or refused; a link's target resolves to a URI that reads as itself, or is refused.
pub fn link(bytes: &[u8]) {
    let (mut document, mut target, mut again) = (Uri::EMPTY, Uri::EMPTY, Uri::EMPTY);
    document.read("https://example.org/a/b?c").expect("a URI");
    let mut is_over = false;
    for link in links(bytes) {
        assert!(!is_over, "nothing follows an error");
        let Ok(link) = link else {
            is_over = true;
            continue;
        };
        assert!(link.anml().is_none() || link.is_alternate());
        let _ = link.is_about(&document, &mut target);
        if target.resolve(&document, link.target).is_ok() {
            again.read(target.as_str()).expect("what was resolved is a URI");
            assert_eq!(again.as_str(), target.as_str(), "and has one spelling");
        }
    }
}

/// The same text cut elsewhere is the same; one more node end changes nothing.
pub fn canonical(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (mut whole, mut cut) = (Canonical::new(), Canonical::new());
    // A vertical tab stands for the end of a node.
    for node in text.split('\u{b}') {
        whole.text(node);
        whole.node_end();
        let mut buffer = [0; 4];
        node.chars().for_each(|character| cut.text(character.encode_utf8(&mut buffer)));
        cut.node_end();
        cut.text(" ");
        cut.node_end();
    }
    let (whole, cut) = (whole.finish(), cut.finish());
    assert!(whole.is_equivalent(&cut));
    assert!((0.0..=8.0).contains(&whole.entropy()), "{} bits per byte", whole.entropy());
}

const BUFFER: usize = 4_096;
/// A further EID under which, by a resolver's answer, the origin may be reached.
const MAPPED: Eid = Eid([0x5a; 32]);
const FIELDS: [(&str, &[u8]); 14] = [
    ("Content-Type", b"application/anml+xml"),
    ("content-type", b"application/anml+json; q"),
    ("Content-Type", b"text/html"),
    ("Link", b"</a>; rel=alternate; type=application/anml+xml"),
    ("Link", b"<https://inner.example/>; rel=alternate; type=application/anml+json, <x"),
    ("LINK", b"<//other.example/b>; rel=\"x alternate\"; type=\"application/anml+xml\""),
    ("Location", b"/next"),
    ("Location", b"https://other.example/"),
    ("Location", b"http://127.0.0.1/"),
    ("Content-Encoding", b"gzip"),
    ("Content-Length", b"3"),
    ("Content-Length", b"99999999999999999999"),
    // The origin confirms the mapping, and another one.
    ("Link", b"<iacp:5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a>; rel=alternate"),
    ("Link", b"<IACP:5b5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a>; rel=alternate"),
];
const STATUSES: [u16; 16] = [200, 200, 200, 404, 301, 302, 307, 100, 103, 204, 403, 410, 429, 500, 0, 999];
const SCOPES: [Scope; 4] = [Scope::Host, Scope::Link, Scope::Site, Scope::World];

/// Three bytes of an input are one step: what, how, and how long after the one before.
fn answer<'a>(what: u8, how: u8, fields: &'a [(&'a str, &'a [u8])], body: &'a [u8]) -> Obtained<'a> {
    let pick = usize::from(how);
    match what % 9 {
        0 => Obtained::Resolved { eid: (pick & 0x80 != 0).then_some(MAPPED), scope: SCOPES.get(pick % 5).copied() },
        1 => Obtained::Targets(&[]),
        2 => Obtained::Targets(&[SrvTarget { priority: 0, weight: 1, port: 8443, name: "srv.example" }]),
        3 | 4 => Obtained::Connecting(SCOPES[pick % 4]),
        5 => Obtained::Head(Head { status: STATUSES[pick % 16], fields }),
        6 => Obtained::Chunk(body),
        7 => Obtained::End,
        _ => Obtained::Failed([Failure::NotConnected, Failure::Tls, Failure::Lost][pick % 3]),
    }
}

/// The attack *Answers out of order, twice, or to no question*. Whatever answers come in whatever order: no request
/// goes to a forbidden destination, memory is bounded, T_eval ends the ingestion, and its memory is released.
pub fn pipeline(bytes: &[u8]) {
    confirms(bytes);
}

/// The same: whether an origin has confirmed a mapping in one of the runs.
pub fn confirms(bytes: &[u8]) -> bool {
    let mut confirmed = false;
    let mut entries = [Entry::FREE; 16];
    let mut cache = ProblemCache::new(&mut entries);
    let mut now = 0;
    let mut steps = bytes.chunks_exact(3).map(|step| [step[0], step[1], step[2]]);
    while let Some([needs, path, wait]) = steps.next() {
        now += u64::from(wait) * 1_000;
        let required = if needs & 0x80 != 0 { Media::SCRIPT } else { Media::NONE };
        let needs_of = Requirement { required, wanted: Media(needs) };
        let mut limits = Limits::DRAFT.with_float_buf(u32::from(path) * 16).expect("below the draft's");
        limits.absent_ends = needs & 1 != 0;
        let uri = format!("https://{}.example/{path}", ["a", "b", "other"][usize::from(path % 3)]);
        let mut workspace = Workspace::EMPTY;
        let (memory, structure) = (vec![0; BUFFER], Plain::default());
        let begun = Pipeline::begin(Mono(now), &uri, needs_of, limits, &mut workspace, memory, structure, &mut cache);
        match begun {
            Ok(machine) => confirmed |= run(machine, limits, &mut now, &mut steps, &mut cache),
            Err(outcome) => judge(outcome, limits),
        }
    }
    confirmed
}

fn run(
    mut machine: Pipeline<'_, Vec<u8>, Plain>,
    limits: Limits,
    now: &mut u64,
    steps: &mut impl Iterator<Item = [u8; 3]>,
    cache: &mut ProblemCache<'_>,
) -> bool {
    let (begun, mut open): (u64, Option<AskId>) = (*now, None);
    while !machine.is_over() {
        if let Some((id, ask)) = machine.poll_ask() {
            open = Some(id);
            if let Ask::Get(get) = ask {
                assert!(get.uri.starts_with("https://"), "{}", get.uri);
                assert!(get.port == 443 || get.port == 8443, "{}", get.port);
                assert!(!get.host.starts_with("127."), "{}", get.host);
            }
        }
        assert_eq!(machine.poll_ask(), None, "one question is asked once");
        let id = open.expect("a machine that is not over has asked");
        let Some([what, how, wait]) = steps.next() else {
            // The input is over: time passes, and T_eval ends it.
            *now = machine.next_deadline().expect("a deadline").0.max(*now);
            machine.handle_deadline(Mono(*now), cache);
            continue;
        };
        *now += u64::from(wait % 32) * 100;
        let number = usize::from(what) * 7 + usize::from(how);
        let fields = [FIELDS[number % 14], FIELDS[number / 14 % 14], FIELDS[number / 196 % 14]];
        let body = vec![[b'<', b'{', b' ', 0xff][usize::from(what / 9 % 4)]; usize::from(how) * 4];
        let before = (machine.mapping(), machine.is_confirmed());
        machine.answer(Mono(*now), id, answer(what, how, &fields, &body), cache);
        // A mapping comes from the resolver, once; only the origin's own answer that names it confirms it, permanently.
        let (mapped, confirmed) = (machine.mapping(), machine.is_confirmed());
        assert!(mapped == before.0 || (before.0.is_none() && what % 9 == 0), "mapped by {what}");
        assert!(confirmed == before.1 || (confirmed && what % 9 == 5), "confirmed by {what}");
        let named = fields.iter().any(|field| field.1.starts_with(b"<iacp:5a5a"));
        assert!(!confirmed || (mapped == Some(MAPPED) && (before.1 || named)));
        assert!(machine.is_over() || *now < begun + 15_000, "T_eval has ended it");
    }
    assert!(machine.trail().len() <= 64);
    let confirmed = machine.is_confirmed();
    judge(machine.finish().ok().expect("it is over"), limits);
    confirmed
}

fn judge(outcome: Ingested<'_, Vec<u8>>, limits: Limits) {
    let buffer = match outcome {
        Ingested::Native(usiv) => {
            assert!(usiv.payload_byte_length() <= limits.float_buf() && !usiv.payload().is_empty());
            assert!(usiv.payload().iter().all(|byte| *byte != 0xff), "structure was looked at");
            usiv.into_buffer()
        }
        Ingested::Legacy(hand_off, buffer) => {
            assert!(hand_off.url.starts_with("https://"));
            buffer
        }
        Ingested::Unavailable { retry_after, buffer } => {
            assert!((1..=3_600_000).contains(&retry_after), "{retry_after} ms");
            buffer
        }
        Ingested::Refused(refusal, _) => panic!("a URI of the web is not refused: {refusal}"),
    };
    assert_eq!(buffer.len(), BUFFER, "the memory comes back whole");
}

/// An ingestion that ends natively, one that goes legacy, one that is redirected inwards.
pub fn pipeline_seeds() -> Vec<(String, Vec<u8>)> {
    let begin = [0, 200, 0];
    // Resolved, no SRV, connected, a head of ANML, a chunk, its end.
    let native = [begin, [0, 3, 1], [1, 0, 1], [3, 3, 1], [5, 0, 1], [6, 2, 1], [7, 0, 1]];
    let legacy = [begin, [0, 4, 1], [1, 0, 1], [3, 3, 1], [5, 3, 1], [3, 3, 1], [5, 128, 1]];
    let inwards = [begin, [0, 4, 1], [2, 0, 1], [3, 0, 1], [3, 3, 1], [5, 4, 1], [3, 0, 1]];
    // Mapped, and confirmed by the head: 5 · 7 + 33 is 68, in base fourteen the fields 12, 4 and 0.
    let mapped = [begin, [0, 0x83, 1], [1, 0, 1], [3, 3, 1], [5, 33, 1], [6, 2, 1], [7, 0, 1]];
    let all = [("native", native), ("legacy", legacy), ("inwards", inwards), ("mapped", mapped)];
    all.map(|(name, steps)| (name.to_owned(), steps.concat())).into()
}

/// Fields as servers send them.
pub fn link_seeds() -> Vec<(String, Vec<u8>)> {
    let links = FIELDS.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
    let own = links.enumerate().map(|(at, (_, value))| (format!("link-{at}"), value.to_vec()));
    let real = "</a>; rel=\"prev\"; title*=UTF-8'de'n%c3%a4chstes, <b?c#d>;rel=preload;as=font;type=font/woff2;nopush,";
    own.chain([("real".to_owned(), real.as_bytes().to_vec())]).collect()
}

/// What a Link field is made of.
pub fn link_words() -> Vec<(String, Vec<u8>)> {
    let words =
        ["<", ">", "; rel=", "; type=", "; anchor=", "alternate", "application/anml+xml", "\"", "\\", ",", "../", "//"];
    words.iter().enumerate().map(|(at, word)| (format!("word{at}"), word.as_bytes().to_vec())).collect()
}

/// Text of several nodes.
pub fn canonical_seeds() -> Vec<(String, Vec<u8>)> {
    let texts = ["Title\u{b} Text\u{a0}of \n two\u{b}\u{b}", "\u{e4}\u{c2}\u{a0}\u{20ac}", " \t "];
    texts.iter().enumerate().map(|(at, text)| (format!("text-{at}"), text.as_bytes().to_vec())).collect()
}
