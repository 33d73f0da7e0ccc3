//! The ingestion pipeline against a web of a few lines: every stage, every end, and what attackers would try.

mod web;

use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::pipeline::{AboveLimit, Limits, Media, Requirement};
use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
use iacp_core::dhi::uri::Uri;
use iacp_core::scope::Scope;
use iacp_wire::Eid;
use web::{Page, Seen, Web, XML};

const SITE: &str = "https://site.example/page";
const WELL_KNOWN: &str = "https://site.example/.well-known/anml";

fn link(target: &str) -> String {
    format!("<{target}>; rel=alternate; type=\"application/anml+xml\"")
}

/// A site without ANML at its well-known URI, whose page has these Link fields.
fn linked(fields: &[&str]) -> Web {
    let page = fields.iter().fold(Page::status(200), |page, field| page.field("Link", field));
    Web::default().page(SITE, page.field("Content-Type", "text/html"))
}

#[test]
fn anml_at_the_well_known_uri_is_delivered() {
    // shows: IACP-029 (§4.1.2.1), IACP-034 (§4.1.2.1), IACP-038 (§4.1.2.2), IACP-061 (§4.1.5)
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
    let Seen::Native { source, uri, payload } = web.fetch(SITE) else { panic!("{:?}", web.trail) };
    assert_eq!((uri.as_str(), payload.as_slice()), (WELL_KNOWN, &b"<anml/>"[..]));
    let mut origin = Uri::EMPTY;
    origin.read("https://site.example").expect("a URI");
    assert_eq!(source, origin.origin_digest(), "a web origin is not an EID");
    assert_eq!(web.asked, [WELL_KNOWN]);
    let states =
        ["INPUT_RECEIVED", "RESOLVING_INFRA", "WELL_KNOWN_EVAL", "LINK_HEADER_SNIFF", "BASELINE_CORE", "SWITCH_POINT"];
    assert_eq!(web.states()[..6], states);
    assert_eq!(web.states()[6..], ["NATIVE_ANML_INGESTION"]);
}

#[test]
fn a_link_of_the_well_known_answer_comes_before_its_body() {
    let page = Page::anml("<b/>").field("Link", &link("/a.anml"));
    let mut web = Web::default().page(WELL_KNOWN, page).page("https://site.example/a.anml", Page::anml("<a/>"));
    assert_eq!(web.fetch(SITE).payload(), b"<a/>");
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<b/>").field("Link", &link("/a.anml")));
    assert_eq!(web.fetch(SITE).payload(), b"<b/>", "the link leads to nothing: the body is next");
    assert_eq!(web.asked, [WELL_KNOWN, "https://site.example/a.anml", WELL_KNOWN]);
}

#[test]
fn the_target_decides_where_the_well_known_uri_says_nothing() {
    // shows: IACP-029 (§4.1.2.1)
    for status in [404, 410, 429, 500, 503, 403] {
        let mut web = linked(&[&link("other.anml")]).page(WELL_KNOWN, Page::status(status));
        web = web.page("https://site.example/other.anml", Page::anml("<a/>"));
        assert_eq!(web.fetch(SITE).payload(), b"<a/>", "{status}");
        assert_eq!(web.asked, [WELL_KNOWN, SITE, "https://site.example/other.anml"]);
    }
    let mut web = Web::default().page(SITE, Page::anml("<self/>").field("Link", &link("/a.anml")));
    assert_eq!(web.fetch(SITE).payload(), b"<self/>", "the URI itself is the first candidate");
}

#[test]
fn without_anml_it_is_the_legacy_path() {
    // shows: IACP-036 (§4.1.2.2), IACP-054 (§4.1.1)
    let mut web = linked(&["</style.css>; rel=preload; as=style"]);
    assert_eq!(web.fetch(&format!("{SITE}#part")), Seen::Legacy(Trigger::AnmlAbsent, SITE.into()));
    assert_eq!(web.states().last(), Some(&"LEGACY_PATH_EXECUTION"));
}

#[test]
fn by_the_letter_a_404_of_the_well_known_uri_ends_it() {
    // shows: IACP-031 (§4.1.2.1)
    for (status, letter) in [(404, true), (410, true), (500, false)] {
        let mut web = linked(&[]).page(WELL_KNOWN, Page::status(status));
        web.limits.absent_ends = true;
        let seen = web.fetch(SITE);
        assert_eq!(seen == Seen::Unavailable(300_000), letter, "{status}: {seen:?}");
    }
}

#[test]
fn what_is_required_goes_legacy_and_what_is_wanted_does_not() {
    // shows: IACP-037 (§4.1.2.2)
    for (kind, name) in Media::KINDS {
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
        web.needs = Requirement { required: kind, wanted: Media::NONE };
        assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::RichMediaRequired, SITE.into()), "{name}");
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
        web.needs = Requirement { required: Media::NONE, wanted: kind };
        assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "{name}");
    }
}

#[test]
fn no_connection_is_the_problem_cache_and_lasts_300_seconds() {
    // shows: IACP-031 (§4.1.2.1), IACP-039 (§4.1.2.3), IACP-040 (§4.1.2.3)
    let mut web = Web::default().unreachable("site.example");
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(web.states().last(), Some(&"PROBLEM_CACHING"));
    let asked = web.asked.len();
    web.now += 200_000;
    let Seen::Unavailable(wait) = web.fetch(SITE) else { panic!("it is short-circuited") };
    assert!(wait <= 100_000);
    assert!(matches!(web.fetch("https://site.example/other"), Seen::Unavailable(_)), "the whole authority is down");
    assert_eq!(web.asked.len(), asked, "and nothing was sent");
    web.now += 100_000;
    web = web.reachable().page(WELL_KNOWN, Page::anml("<anml/>"));
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "one probe after it");
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "and its success opens the way");
}

#[test]
fn an_absent_well_known_uri_is_not_asked_for_300_seconds() {
    let mut web = linked(&[]);
    for (later, times) in [(0, 1), (299_000, 1), (1_000, 2)] {
        web.now += later;
        assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::AnmlAbsent, SITE.into()));
        assert_eq!(web.asked.iter().filter(|uri| *uri == WELL_KNOWN).count(), times);
    }
}

#[test]
fn a_target_that_fails_is_blocked_and_others_of_its_site_are_not() {
    for status in [404, 410, 429, 500] {
        let mut web = Web::default().page(SITE, Page::status(status)).page("https://site.example/b", Page::status(200));
        assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "{status}");
        assert!(matches!(web.fetch(SITE), Seen::Unavailable(1..=300_000)));
        assert!(matches!(web.fetch("https://site.example/b"), Seen::Legacy(Trigger::AnmlAbsent, _)));
    }
}

#[test]
fn t_eval_is_one_total_however_slow_each_step_is() {
    // shows: IACP-032 (§4.1.2.1), IACP-035 (§4.1.2.1)
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>").slow(16_000));
    let begun = web.now;
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "silence before an answer");
    assert_eq!(web.now - begun, 15_000);
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>").stalled(2));
    let begun = web.now;
    assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::EvaluationTimeout, SITE.into()), "silence within it");
    assert_eq!(web.now - begun, 15_000);
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>").slow(1_001));
    web.limits = Limits::DRAFT.with_t_eval(1_000).expect("lower");
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(Limits::DRAFT.with_t_eval(15_001), Err(AboveLimit::TEval));
    assert_eq!(Limits::DRAFT.with_t_eval(15_000).map(|limits| limits.t_eval()), Ok(15_000));
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>").slow(9_500));
    (web.resolve_time, web.srv_time) = (5_000, 5_000);
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "2 s and 3 s of silence leave 10 s");
}

#[test]
fn the_buffer_takes_4_194_304_bytes_and_not_one_more() {
    // shows: IACP-033 (§4.1.2.1), IACP-034 (§4.1.2.1), IACP-062 (§4.1.5.1)
    let exact = format!("<{}", " ".repeat(4_194_303));
    let mut web = Web::default().page(WELL_KNOWN, Page::anml(&exact));
    assert_eq!(web.fetch(SITE).payload(), exact.as_bytes());
    for page in [Page::anml(&format!("{exact} ")), Page::anml("<").field("Content-Length", "4194305"), Page::endless()]
    {
        let mut web = Web::default().page(WELL_KNOWN, page);
        assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::BufferOverflow, SITE.into()));
    }
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<12345678>"));
    web.limits = Limits::DRAFT.with_float_buf(9).expect("lower");
    assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::BufferOverflow, SITE.into()));
    assert_eq!(Limits::DRAFT.with_float_buf(4_194_305), Err(AboveLimit::FloatBuf));
    assert_eq!(Limits::DRAFT.with_float_buf(4_194_304).map(|limits| limits.float_buf()), Ok(4_194_304));
}

#[test]
fn a_document_that_breaks_off_is_not_delivered() {
    let page = Page::anml("<anml/>").field("Content-Length", "8");
    let mut web = Web::default().page(WELL_KNOWN, page);
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>").broken());
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
}

#[test]
fn what_is_not_the_structure_of_its_type_goes_legacy() {
    // shows: IACP-063 (§4.1.5.1)
    let pages = [
        Page::anml("{}"),
        Page::anml(""),
        Page::bytes(XML, b"<\xff>"),
        Page::anml("<anml/>").field("Content-Encoding", "gzip"),
        Page::anml("<anml/>").field("content-encoding", "br"),
    ];
    for page in pages {
        let mut web = Web::default().page(WELL_KNOWN, page);
        assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::StructureInvalid, SITE.into()));
    }
    let mut web = linked(&[&link("a")]).page("https://site.example/a", Page::bytes("text/html", b"<html>"));
    assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::StructureInvalid, SITE.into()), "a link's type is a promise");
}

#[test]
fn equivalence_that_is_asked_for_decides() {
    // shows: IACP-049 (§1.2), IACP-053 (§4.1.4.1)
    for (page, seen) in [("Hello", true), ("Hello!", false)] {
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml>Hello</anml>"));
        web.limits.equivalence = true;
        web.texts = Some((page.into(), "Hello".into()));
        let outcome = web.fetch(SITE);
        assert_eq!(matches!(outcome, Seen::Native { .. }), seen);
        assert!(seen || outcome == Seen::Legacy(Trigger::EquivalenceFailed, SITE.into()));
    }
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml>Hello</anml>"));
    web.limits.equivalence = true;
    assert_eq!(
        web.fetch(SITE),
        Seen::Legacy(Trigger::EquivalenceFailed, SITE.into()),
        "what cannot be compared is unequal"
    );
}

#[test]
fn three_candidates_are_tried_and_failed_ones_are_remembered() {
    let fields: Vec<String> = (0..5).map(|number| link(&format!("/{number}.anml"))).collect();
    let mut web = linked(&[&fields.join(", ")]).page("https://site.example/3.anml", Page::anml("<late/>"));
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(web.asked.len(), 5, "well-known, target, three candidates: {:?}", web.asked);
    web.asked.clear();
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(web.asked, [SITE], "each candidate is short-circuited");
}

#[test]
fn srv_improves_and_prevents_nothing() {
    // shows: IACP-030 (§4.1.2.1)
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
    web.targets =
        vec![(1, 0, 8443, "z.example"), (0, 5, 444, "b.example"), (0, 9, 443, "c.example"), (0, 9, 443, "b2.example")];
    web.scope = Some(Scope::World);
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>");
    assert_eq!(web.connected, ["b2.example:443"], "lowest priority, greatest weight, smaller name");
    for target in [".", "10.0.0.1", "::1", "[::1]", "a b", "127.1", "2130706433", "0x7f000001", "a.0x7f", ""]
        .map(|name| (0, 0, 443, name))
    {
        web.targets = vec![target];
        web.connected.clear();
        assert_eq!(web.fetch(SITE).payload(), b"<anml/>");
        assert_eq!(web.connected, ["site.example:443"], "{target:?}");
    }
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>")).unreachable("dead.example");
    web.targets = vec![(0, 0, 443, "dead.example")];
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "the authority itself, if its target is dead");
}

#[test]
fn redirects_are_followed_three_times_and_never_in_a_loop() {
    let hop = |number: u32| format!("https://site.example/{number}");
    let chain = |length: u32| {
        let web = Web::default().page(SITE, Page::redirect(&hop(0)));
        let web = (0..length).fold(web, |web, number| web.page(&hop(number), Page::redirect(&hop(number + 1))));
        web.page(&hop(length), Page::anml("<end/>"))
    };
    assert_eq!(chain(2).fetch(SITE).payload(), b"<end/>");
    assert_eq!(chain(3).fetch(SITE), Seen::Unavailable(300_000));
    let mut web = Web::default().page(SITE, Page::redirect(SITE));
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(web.asked.iter().filter(|uri| *uri == SITE).count(), 4);
    let mut web =
        Web::default().page(WELL_KNOWN, Page::redirect("/anml")).page("https://site.example/anml", Page::anml("<a/>"));
    assert_eq!(web.fetch(SITE).payload(), b"<a/>", "relative to the URI that answered");
}

/// The attack *SSRF by Link, redirect, SRV*.
#[test]
fn no_server_steers_a_request_inwards() {
    for (target, why) in [
        ("http://site.example/a", "down from TLS"),
        ("https://127.0.0.1/a", "an address"),
        ("https://[::1]/a", "an address"),
        ("https://2130706433/a", "an address in disguise"),
        ("https://site.example:22/a", "another port"),
        ("https://user@site.example/a", "user information"),
        ("ftp://site.example/a", "another scheme"),
    ] {
        let mut web = linked(&[&link(target)]);
        assert_eq!(web.fetch(SITE), Seen::Legacy(Trigger::AnmlAbsent, SITE.into()), "{why}");
        let mut web = Web::default().page(SITE, Page::redirect(target));
        assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "{why}");
        assert_eq!(web.asked, [WELL_KNOWN, SITE], "{why}");
    }
    for scope in [Scope::Host, Scope::Link, Scope::Site] {
        let inner = "https://inner.example/a";
        let mut web = linked(&[&link(inner)]).page(inner, Page::anml("<secret/>")).at("inner.example", scope);
        assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "a name that resolves inwards: {scope}");
        let mut web = Web::default().page(WELL_KNOWN, Page::redirect(inner)).page(inner, Page::anml("<secret/>"));
        web = web.page(SITE, Page::status(200)).at("inner.example", scope);
        assert!(matches!(web.fetch(SITE), Seen::Legacy(..)), "a redirect to it");
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>")).at("inner.example", scope);
        web.targets = vec![(0, 0, 443, "inner.example")];
        assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "SRV to it: the authority itself instead");
        assert_eq!(web.sent_to, ["site.example:443"]);
    }
}

/// The attack *SSRF by SRV*: a look-up of an inner address lets no SRV target inwards before a direct connection has shown it.
#[test]
fn srv_goes_to_the_world_alone_until_the_authority_itself_was_reached() {
    for scope in [Scope::Host, Scope::Link, Scope::Site] {
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
        web = web.at("inner.example", scope).at("site.example", Scope::World);
        web.targets = vec![(0, 0, 443, "inner.example")];
        web.scope = Some(scope);
        assert_eq!(web.fetch(SITE).payload(), b"<anml/>");
        assert_eq!(web.sent_to, ["site.example:443"], "{scope}");
    }
}

/// The attack *A page that blocks others*: what becomes of a link says nothing about an ingestion that begins there.
#[test]
fn a_page_blocks_no_uri_that_it_names() {
    let victims = ["https://victim.example/page", "https://site.example/other"];
    for victim in victims {
        for status in [401, 403, 404, 500] {
            let mut web = linked(&[&link(victim)]).page(victim, Page::status(status));
            assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
            web.asked.clear();
            assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
            assert!(!web.asked.iter().any(|uri| uri == victim), "the page's own link is left alone");
            web = web.page(victim, Page::anml("<anml/>"));
            assert_eq!(web.fetch(victim).payload(), b"<anml/>", "{victim} after {status}");
        }
        // A link that leads too far inwards is no fault of what it names.
        let mut web = linked(&[&link(victims[0])]).page(victims[0], Page::anml("<anml/>"));
        web = web.flipping("victim.example", &[Scope::Site, Scope::World]);
        assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
        assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "and it is tried again");
    }
    // The other way round: what an ingestion found out about a URI holds for those that name it.
    let victim = victims[0];
    let mut web = linked(&[&link(victim)]).page(victim, Page::status(404));
    assert_eq!(web.fetch(victim), Seen::Unavailable(300_000));
    web.asked.clear();
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert!(!web.asked.iter().any(|uri| uri == victim));
}

/// The attack *SSRF by a name that changes*.
#[test]
fn a_name_that_changes_while_it_is_used_leads_nowhere() {
    let mut web = linked(&[]).flipping("site.example", &[Scope::World, Scope::Host]);
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    assert_eq!(web.sent_to.len(), 1, "the second connection would have gone inwards");
    let mut web = linked(&[]).at("site.example", Scope::Host);
    web.scope = Some(Scope::World);
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "the LL-Entity looked up another address");
    let mut web = linked(&[]).at("site.example", Scope::Host);
    web.limits.scope_at_least = Scope::Site;
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000), "narrower than the caller allows at all");
    let mut web = linked(&[]).at("site.example", Scope::Host);
    assert!(matches!(web.fetch(SITE), Seen::Legacy(..)), "the agent's own URI may be anywhere");
}

#[test]
fn an_inner_site_may_name_inner_ones() {
    let inner = "https://wiki.example/a";
    let mut web = linked(&[&link(inner)]).page(inner, Page::anml("<a/>"));
    web = web.at("site.example", Scope::Site).at("wiki.example", Scope::Site);
    assert_eq!(web.fetch(SITE).payload(), b"<a/>");
}

/// The attack *Bombs, endless bodies, headers, redirects, candidates*, as the next ones and the ones on redirects and candidates.
#[test]
fn headers_without_measure_are_a_lost_connection() {
    let long = Page::anml("<a/>").field("X", &"x".repeat(65_536));
    let mut web = Web::default().page(WELL_KNOWN, long);
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    let many = (0..101).fold(Page::anml("<a/>"), |page, _| page.field("X", ""));
    let mut web = Web::default().page(WELL_KNOWN, many);
    assert_eq!(web.fetch(SITE), Seen::Unavailable(300_000));
    for (count, holds) in [(8, true), (9, false)] {
        let mut web = Web::default().page(WELL_KNOWN, Page::anml("<a/>").informational(count));
        assert_eq!(matches!(web.fetch(SITE), Seen::Native { .. }), holds, "{count} heads of 1xx");
    }
    let filler = format!("</x>; rel=\"{}\"", "x".repeat(8_150));
    let mut web = linked(&[&filler, &format!("{}, {}", link("/a"), link("/b"))]);
    assert!(matches!(web.fetch(SITE), Seen::Legacy(..)), "Link fields beyond 8,192 bytes are not read");
    let mut web = linked(&[&format!("{}{}", "<x>,".repeat(32), link("/a"))]);
    assert!(matches!(web.fetch(SITE), Seen::Legacy(..)), "nor is a 33rd link");
}

#[test]
fn a_malformed_field_is_ignored_whole_and_its_siblings_stand() {
    let bad = format!("{}, <broken", link("/bad"));
    let mut web = linked(&[&bad, &link("/good")]).page("https://site.example/good", Page::anml("<good/>"));
    assert_eq!(web.fetch(SITE).payload(), b"<good/>");
    assert!(web.trail.iter().any(|line| line.contains("field ignored")));
}

#[test]
fn what_is_no_uri_to_follow_is_refused_before_anything_is_sent() {
    let mut web = Web::default();
    for uri in ["", "page", "ftp://a/", "https://u:p@site.example/", "http://site.example/", "https://a b/"] {
        assert!(matches!(web.fetch(uri), Seen::Refused(_)), "{uri}");
    }
    assert_eq!(web.asked.len() + web.resolved, 0);
    web.limits.http = true;
    web = web.page("http://site.example/.well-known/anml", Page::anml("<a/>"));
    assert_eq!(web.fetch("http://site.example/").payload(), b"<a/>");
}

#[test]
fn the_ll_entity_is_asked_and_its_mapping_is_no_authority() {
    // shows: IACP-026 (§4.1.1), IACP-027 (§4.1.2)
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<a/>"));
    web.eid = Some(Eid([9; 32]));
    let Seen::Native { source, .. } = web.fetch(SITE) else { panic!("native") };
    assert_eq!((web.resolved, web.mapping), (1, Some(Eid([9; 32]))));
    assert_ne!(source, [9; 32], "where it may be reached is not whose content this is");
}

/// A Link field that names the mapped EID, 64 nines in hexadecimal digits.
fn confirmation(rel: &str, anchor: &str) -> String {
    format!("<IACP:{}>; rel={rel}{anchor}", "09".repeat(32))
}

fn mapped(mut web: Web) -> Web {
    web.eid = Some(Eid([9; 32]));
    web
}

/// The attack *A page that vouches for itself; a registered path as a web host*.
#[test]
fn only_the_origins_own_well_known_answer_confirms_a_mapping() {
    // shows: IACP-028 (§4.1.2)
    let confirmed = |mut web: Web, uri: &str| {
        web.fetch(uri);
        web.is_confirmed
    };
    let at_well_known = |field: &str| mapped(Web::default().page(WELL_KNOWN, Page::anml("<a/>").field("Link", field)));
    let own = confirmation("alternate", "");
    assert!(confirmed(at_well_known(&own), SITE));
    assert!(confirmed(at_well_known(&format!("{}, {own}", link("/a.anml"))), SITE), "beside a link to ANML");
    let mut web = at_well_known(&own);
    web.eid = None;
    assert!(!confirmed(web, SITE), "there is nothing to confirm");
    let mut web = at_well_known(&own);
    web.eid = Some(Eid([8; 32]));
    assert!(!confirmed(web, SITE), "another EID");
    for other in [
        confirmation("next", ""),
        confirmation("alternate", "; anchor=\"/other\""),
        own.replace("IACP:", "urn:"),
        own.replace("IACP:", ""),
        own.replace("IACP:09", "IACP:"),
        own.replace("IACP:09", "IACP:0909"),
        own.replace("IACP:09", "IACP:+9"),
        format!("{own}, <broken"),
    ] {
        assert!(!confirmed(at_well_known(&other), SITE), "{other}");
    }
    assert!(!confirmed(mapped(linked(&[&own])), SITE), "a page of the site is not its well-known answer");
    let elsewhere = "https://other.example/.well-known/anml";
    let answer = Page::anml("<a/>").field("Link", &own);
    let web = mapped(Web::default().page(WELL_KNOWN, Page::redirect(elsewhere)).page(elsewhere, answer.clone()));
    assert!(!confirmed(web, SITE), "another origin answered");
    let mut web = mapped(Web::default().page("http://site.example/.well-known/anml", answer));
    web.limits.http = true;
    assert!(!confirmed(web, "http://site.example/page"), "without TLS an attacker on the path could say so");
}

#[test]
fn a_full_cache_begins_nothing() {
    // shows: IACP-040 (§4.1.2.3)
    let mut entries = [Entry::FREE; 1];
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<a/>"));
    let seen = web.fetch_with(SITE, &mut ProblemCache::new(&mut entries));
    assert!(matches!(seen, Seen::Unavailable(_)), "a failure could not be kept: {seen:?}");
    assert_eq!(web.resolved, 0);
}

#[test]
fn an_application_that_fails_disturbs_nothing() {
    // shows: IACP-065 (§4.1.5.3)
    let mut web = Web::default().page(WELL_KNOWN, Page::anml("<anml/>"));
    web.application = |payload| panic!("no such schema: {} bytes", payload.len());
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| web.fetch(SITE)));
    assert!(failed.is_err(), "the application fell over the content, and with it went the memory");
    web.application = |_| ();
    assert_eq!(web.fetch(SITE).payload(), b"<anml/>", "the cache and the next ingestion do not notice");
}
