//! The pipeline on real connections: what it decides, and what it requests on the way. The servers keep a log.

mod web;

use fetch::driver::Verdict;
use fetch::servers::{ANML, LIMIT};
use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::pipeline::{Failure, Limits, Media, Noted, Requirement};
use iacp_core::scope::Scope;
use web::{PATIENCE, Web, is_unavailable, legacy, notes, payload};

const WELL_KNOWN: &str = "/.well-known/anml";

#[tokio::test]
async fn anml_at_the_well_known_uri_takes_one_request() {
    // shows: IACP-029 (§4.1.2.1), IACP-034 (§4.1.2.1)
    let mut web = Web::start().await;
    let report = web.fetch("present").await;
    assert_eq!(payload(&report), ANML.as_bytes());
    let requests = web.world.log.requests();
    let [request] = requests.as_slice() else { panic!("one request, not {requests:?}") };
    assert_eq!((request.host.as_str(), request.path.as_str()), ("present.test", WELL_KNOWN));
    let head = request.head.to_lowercase();
    assert!(head.contains("\r\naccept: application/anml+xml, application/anml+json;q=0.9\r\n"), "{head}");
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nhost: present.test:{}\r\n", web.world.port)), "{head}");
}

#[tokio::test]
async fn an_srv_target_is_asked_in_the_name_of_the_host() {
    // shows: IACP-030 (§4.1.2.1)
    let mut web = Web::start().await;
    let report = web.fetch("srv").await;
    assert_eq!(payload(&report), ANML.as_bytes());
    assert!(report.trail.iter().any(|mark| mark.what == Noted::Srv(true)));
    assert_eq!(web.asked(), [format!("srv.test {WELL_KNOWN}")]);
}

#[tokio::test]
async fn without_anml_the_page_is_asked_and_the_well_known_uri_not_again() {
    // shows: IACP-036 (§4.1.2.2), IACP-040 (§4.1.2.3)
    let mut web = Web::start().await;
    assert_eq!(legacy(&web.fetch("absent").await), Some(Trigger::AnmlAbsent));
    assert_eq!(legacy(&web.fetch("absent").await), Some(Trigger::AnmlAbsent));
    assert_eq!(web.asked(), [&format!("absent.test {WELL_KNOWN}"), "absent.test /", "absent.test /"]);
}

#[tokio::test]
async fn a_link_header_alone_leads_to_anml() {
    // shows: IACP-029 (§4.1.2.1)
    let mut web = Web::start().await;
    assert_eq!(payload(&web.fetch("linked").await), ANML.as_bytes());
    assert_eq!(web.asked(), [&format!("linked.test {WELL_KNOWN}"), "linked.test /", "linked.test /doc.anml"]);
}

#[tokio::test]
async fn what_the_agent_requires_decides_before_anything_is_fetched() {
    // shows: IACP-037 (§4.1.2.2)
    let mut web = Web::start().await;
    let (uri, limits) = (web.uri("linked"), web.limits);
    let needs = Requirement { required: Media::VIDEO, wanted: Media::NONE };
    let report = web.fetcher.ingest(&uri, needs, limits).await.expect("a verdict");
    assert_eq!(legacy(&report), Some(Trigger::RichMediaRequired));
    assert!(!web.asked().contains(&"linked.test /doc.anml".to_owned()));
}

#[tokio::test]
async fn a_404_everywhere_is_short_circuited_from_then_on() {
    // shows: IACP-031 (§4.1.2.1), IACP-039 (§4.1.2.3), IACP-040 (§4.1.2.3)
    let mut web = Web::start().await;
    assert!(is_unavailable(&web.fetch("gone").await));
    let asked = web.asked();
    assert_eq!(asked, [&format!("gone.test {WELL_KNOWN}"), "gone.test /"]);
    let again = web.fetch("gone").await;
    let Verdict::Unavailable { retry_after } = again.verdict else { panic!("{:?}", again.verdict) };
    assert!((1..=300_000).contains(&retry_after), "{retry_after} ms");
    assert_eq!(web.asked(), asked, "nothing was sent");
}

#[tokio::test]
async fn a_host_on_which_nothing_listens_is_down() {
    // shows: IACP-031 (§4.1.2.1)
    let mut web = Web::start().await;
    let limits = web.limits;
    let report = web.fetcher.ingest("http://nowhere.test:1/", Requirement::default(), limits).await.expect("a verdict");
    assert!(is_unavailable(&report));
    assert!(report.trail.iter().any(|mark| mark.what == Noted::Failed(Failure::NotConnected)));
}

#[tokio::test]
async fn silence_ends_at_t_eval() {
    // shows: IACP-032 (§4.1.2.1)
    let mut web = Web::start().await;
    web.limits = web.limits.with_t_eval(700).expect("below the draft's");
    let report = web.fetch("silent").await;
    assert!(is_unavailable(&report));
    let end = report.trail.iter().find(|mark| mark.what == Noted::TEvalOver).expect("it is over");
    assert!(end.at >= 700, "{} ms", end.at);
    // It has to come to its first bytes before that, on a slow machine, too.
    web.limits = web.limits.with_t_eval(5_000).expect("below the draft's");
    let report = web.fetch("stalled").await;
    assert_eq!(legacy(&report), Some(Trigger::EvaluationTimeout), "what had begun to answer goes legacy");
}

#[tokio::test]
async fn a_body_without_end_is_cut_and_its_connection_closed() {
    // shows: IACP-033 (§4.1.2.1), IACP-034 (§4.1.2.1)
    let mut web = Web::start().await;
    assert_eq!(legacy(&web.fetch("endless").await), Some(Trigger::BufferOverflow));
    // The server sends until it cannot any more: a connection that is only left alone would keep it waiting.
    let cut = async {
        while web.world.log.cut() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, cut).await.expect("the connection is closed");
}

#[tokio::test]
async fn the_buffer_takes_its_limit_and_not_one_byte_more() {
    // shows: IACP-033 (§4.1.2.1)
    let mut web = Web::start().await;
    assert_eq!(payload(&web.fetch("exact").await).len(), LIMIT);
    assert_eq!(legacy(&web.fetch("over").await), Some(Trigger::BufferOverflow));
    // The announcement is enough: this server never sends the body.
    assert_eq!(legacy(&web.fetch("announced").await), Some(Trigger::BufferOverflow));
    web.limits = web.limits.with_float_buf(20).expect("below the draft's");
    assert_eq!(legacy(&web.fetch("present").await), Some(Trigger::BufferOverflow), "a device's own limit");
}

#[tokio::test]
async fn a_redirect_loop_ends_after_three() {
    let mut web = Web::start().await;
    assert!(is_unavailable(&web.fetch("loop").await));
    let (mut well_known, mut target) = (vec!["loop.test /again"; 4], vec!["loop.test /again"; 4]);
    let first = format!("loop.test {WELL_KNOWN}");
    (well_known[0], target[0]) = (&first, "loop.test /");
    assert_eq!(web.asked(), [well_known, target].concat());
}

#[tokio::test]
async fn headers_without_measure_are_a_lost_connection() {
    let mut web = Web::start().await;
    for name in ["header", "fields", "hints"] {
        let report = web.fetch(name).await;
        assert!(is_unavailable(&report), "{name}: {:?}", report.verdict);
        assert!(
            !web.asked().contains(&format!("{name}.test /")),
            "{name}: the authority is down, so no page is asked for"
        );
    }
}

#[tokio::test]
async fn a_body_that_ends_early_or_is_coded_or_is_no_anml_is_not_delivered() {
    // shows: IACP-063 (§4.1.5.1)
    let mut web = Web::start().await;
    assert!(is_unavailable(&web.fetch("short").await), "fewer bytes than announced");
    assert_eq!(legacy(&web.fetch("coded").await), Some(Trigger::StructureInvalid));
    assert_eq!(legacy(&web.fetch("broken").await), Some(Trigger::StructureInvalid));
}

#[tokio::test]
async fn equivalence_is_of_the_text_that_a_browser_would_show() {
    // shows: IACP-049 (§1.2), IACP-053 (§4.1.4.1)
    let mut web = Web::start().await;
    web.limits.equivalence = true;
    assert_eq!(payload(&web.fetch("equal").await), ANML.as_bytes());
    assert_eq!(legacy(&web.fetch("unequal").await), Some(Trigger::EquivalenceFailed));
    assert_eq!(
        legacy(&web.fetch("json").await),
        Some(Trigger::EquivalenceFailed),
        "JSON without its XML form is not shown equal"
    );
    web.limits.equivalence = false;
    assert!(payload(&web.fetch("json").await).starts_with(b"{"));
}

/// The attack *SSRF by Link, redirect, SRV, or a name that changes*.
#[tokio::test]
async fn no_server_and_no_dns_steers_a_request_inwards() {
    let mut web = Web::start().await;
    if !web.has_outside() {
        return;
    }
    for name in ["lure", "bounce"] {
        web.forget();
        let report = web.fetch(name).await;
        assert!(is_unavailable(&report), "{name}");
        assert!(report.trail.iter().any(|mark| mark.what == Noted::TooNarrow(Scope::Host)), "{:?}", notes(&report));
    }
    assert_eq!(payload(&web.fetch("srvin").await), ANML.as_bytes(), "SRV to the inside: the authority itself instead");
    assert!(is_unavailable(&web.fetch("rebind").await), "outside when it was resolved, inside when it was used");
    let asked = web.asked();
    assert!(!asked.iter().any(|line| line.starts_with("inner.test") || line.starts_with("rebind.test")), "{asked:?}");
}

#[tokio::test]
async fn what_is_no_uri_to_follow_is_refused_before_dns() {
    let mut web = Web::start().await;
    for uri in ["gopher://present.test/", "http://user@present.test/", "present.test", "http://127.1/"] {
        let report = web.fetcher.ingest(uri, Requirement::default(), web.limits).await.expect("a verdict");
        assert!(matches!(report.verdict, Verdict::Refused(_)), "{uri}");
    }
    let plain =
        web.fetcher.ingest("http://present.test/", Requirement::default(), Limits::DRAFT).await.expect("a verdict");
    assert!(matches!(plain.verdict, Verdict::Refused(_)), "http is not allowed by default");
    assert!(web.asked().is_empty());
}

#[tokio::test]
async fn every_case_of_the_demo_is_decided_as_it_says() {
    let web = Web::start().await;
    for case in &web.world.cases {
        let settings = fetch::driver::Settings {
            dns: Some(web.world.dns),
            host: web.world.host(case.mapped.is_some()).expect("memory"),
            ..fetch::driver::Settings::default()
        };
        let mut limits = Limits::DRAFT.with_t_eval(case.t_eval).expect("below the draft's");
        (limits.http, limits.equivalence) = (true, case.equivalence);
        let mut fetcher = fetch::driver::Fetcher::new(settings).expect("a fetcher");
        let report = fetcher.ingest(&case.uri, Requirement::default(), limits).await.expect("a verdict");
        assert!(case.is_as_expected(&report), "{}: {:?}, {:?}", case.what, report.verdict, report.mapping);
    }
}
