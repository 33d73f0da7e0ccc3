//! The legacy path: what leaves the container, what the gate lets pass, and a page that comes back from a real browser.

mod web;

use std::net::SocketAddr;

use anyhow::Result;
use fetch::host::rng;
use fetch::sandbox::{Entity, Passage, RETURN, find, hand_off};
use iacp_core::crypto::Portable;
use iacp_core::dhi::handoff::Trigger;
use iacp_core::erp::sandbox::{DerivedSlot, Gate};
use iacp_core::identity::Identity;
use iacp_core::scope::Scope;
use iacp_core::time::Mono;
use iacp_wire::layout::HandOffContext;
use iacp_wire::message::SandboxStream;
use iacp_wire::{Digest, Frame, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use web::{PATIENCE, Web};

const ABSENT: Trigger = Trigger::AnmlAbsent;

/// The least browser: one request through the proxy, and the answer as it comes.
async fn request(proxy: SocketAddr, url: &str) -> Result<Vec<u8>> {
    let mut connection = TcpStream::connect(proxy).await?;
    let host = url.split('/').nth(2).unwrap_or_default();
    let head = format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nProxy-Connection: keep-alive\r\n\r\n");
    connection.write_all(head.as_bytes()).await?;
    let mut answer = vec![];
    connection.read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The document of an answer.
fn body(answer: &[u8]) -> Vec<u8> {
    let at = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    answer[at..].to_vec()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_page_comes_back_through_the_gate_by_the_esd_eid_alone() {
    // shows: IACP-058 (§4.1.4.3), IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let url = web.uri("absent");
    let browse = async |proxy: SocketAddr, url: &str| Ok(body(&request(proxy, url).await?));
    let handed = hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::Host, browse);
    let returned = tokio::time::timeout(PATIENCE, handed).await.expect("in time").expect("a page");
    assert!(contains(&returned.page, b"Hello, agent"));
    assert_eq!((returned.passage.opened.as_slice(), returned.passage.dropped), ([url.clone()].as_slice(), 0));
    let object = HandOffContext::parse(&returned.object).expect("an HCO");
    assert_eq!((object.trigger_type, object.target_url), (ABSENT.code(), url.as_str()));
    let eid = agent.eid().0;
    assert!(!contains(&returned.object, &eid), "the EID is not in what the container is given");
    let requests = web.world.log.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for name in [hex(&eid), hex(&object.esd_eid.0)] {
        assert!(!request.head.to_lowercase().contains(&name), "no origin learns of a name");
    }
    assert!(!request.head.contains("Proxy-Connection"), "{}", request.head);
}

#[tokio::test]
async fn a_tunnel_carries_the_browsers_own_bytes_through_the_gate() {
    // shows: IACP-060 (§4.1.4.3)
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let (url, at) = (web.uri("absent"), format!("absent.test:{}", web.world.port));
    let browse = async |proxy: SocketAddr, _: &str| {
        let mut tunnel = TcpStream::connect(proxy).await?;
        tunnel.write_all(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).await?;
        let mut opened = [0; 39];
        tunnel.read_exact(&mut opened).await?;
        assert_eq!(&opened, b"HTTP/1.1 200 Connection Established\r\n\r\n");
        // A browser would speak TLS here; the gate does not look into it.
        tunnel.write_all(format!("GET / HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes()).await?;
        let mut answer = vec![];
        tunnel.read_to_end(&mut answer).await?;
        Ok(body(&answer))
    };
    let handed = hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::Host, browse);
    let returned = tokio::time::timeout(PATIENCE, handed).await.expect("in time").expect("a page");
    assert!(contains(&returned.page, b"Hello, agent"));
    assert_eq!(returned.passage.opened, [format!("https://{at}/")]);
}

#[tokio::test]
async fn the_sandbox_reaches_nothing_further_inwards_than_the_agents_uri() {
    // shows: IACP-060 (§4.1.4.3)
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let (url, inner) = (web.uri("absent"), web.uri("inner"));
    let browse = async |proxy: SocketAddr, _: &str| {
        assert_eq!(request(proxy, &inner).await?, b"", "the connection is closed");
        Ok(b"<html></html>".to_vec())
    };
    let returned = hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::Link, browse).await.expect("a page");
    assert_eq!((returned.passage.opened.len(), returned.passage.refused.as_slice()), (0, [inner.clone()].as_slice()));
    assert!(web.asked().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_inwards_once_its_page_was_asked_reaches_nothing() {
    // shows: IACP-060 (§4.1.4.3)
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let url = web.uri("inner");
    // When the agent asked for the page its authority was in the world; now the name leads to this host.
    let browse = async |proxy: SocketAddr, url: &str| {
        assert_eq!(request(proxy, url).await?, b"", "the connection is closed");
        Ok(b"<html></html>".to_vec())
    };
    let returned = hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::World, browse).await.expect("a page");
    assert_eq!((returned.passage.opened.len(), returned.passage.refused.as_slice()), (0, [url].as_slice()));
    assert!(web.world.log.requests().is_empty());
}

#[tokio::test]
async fn a_report_has_the_scope_that_the_authority_has_shown() {
    let mut web = Web::start().await;
    let report = web.fetch("inner").await;
    assert_eq!(report.scope, Scope::Host, "its server is on this machine");
    web.limits.scope_at_least = Scope::World;
    let report = web.fetch("inner").await;
    assert_eq!(report.scope, Scope::World, "nothing was shown");
}

fn frame(name: &Digest, stream: u32, flags: u16, bytes: &[u8]) -> Vec<u8> {
    let head = SandboxStream { esd_eid: *name, stream: stream.into(), stream_flags: flags.into(), reserved: [0; 2] };
    let mut out = vec![0; bytes.len() + 64];
    let length = Frame::new(Message::SandboxStream { head: &head, bytes }).write(&mut out).expect("there is room");
    out.truncate(length);
    out
}

/// What passes of these frames, for a derivative of `seconds` seconds; `frames` gets its name.
async fn passage(web: &Web, seconds: u32, frames: impl Fn(Digest) -> Vec<Vec<u8>>) -> Passage {
    let agent = Identity::<Portable>::generate(&mut rng());
    let mut slots = [const { DerivedSlot::EMPTY }; 4];
    let mut gate = Gate::new(&mut slots);
    let name = gate.derive::<Portable>(Mono(0), &agent.eid(), (1, 0), seconds, &mut rng()).expect("room");
    let (to_gate, from_container) = mpsc::channel(64);
    let (answers, _kept) = mpsc::channel(64);
    for frame in frames(name.digest()) {
        to_gate.send(frame).await.expect("room");
    }
    drop(to_gate);
    let entity = Entity { gate, name, least: Scope::Host, fetcher: &web.fetcher, answers };
    tokio::time::timeout(PATIENCE, entity.run(from_container, 5)).await.expect("it ends")
}

#[tokio::test]
async fn without_a_living_derivative_nothing_leaves_and_nothing_comes_back() {
    // shows: IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
    let web = Web::start().await;
    let url = web.uri("absent");
    let frames = |name: Digest| {
        let returned = [
            frame(&name, 2, SandboxStream::OPENS, RETURN.as_bytes()),
            frame(&name, 2, SandboxStream::ENDS, b"<html></html>"),
        ];
        [vec![frame(&name, 1, SandboxStream::OPENS, url.as_bytes())], returned.to_vec()].concat()
    };
    let own = passage(&web, 60, frames).await;
    assert_eq!((own.opened.len(), own.returned.as_deref(), own.dropped), (1, Some(&b"<html></html>"[..]), 0));
    let stranger = passage(&web, 60, |name| {
        let mut other = name;
        other.0[31] ^= 1;
        frames(other)
    });
    let stranger = stranger.await;
    assert_eq!((stranger.opened.len(), stranger.returned, stranger.dropped), (0, None, 3), "another name");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let over = passage(&web, 1, frames).await;
    assert_eq!((over.opened.len(), over.returned, over.dropped), (0, None, 3), "a derivative whose second is over");
    let noise = passage(&web, 60, |_| vec![vec![], vec![0; 44], b"GET / HTTP/1.1\r\n\r\n".to_vec()]).await;
    assert_eq!((noise.opened.len(), noise.dropped), (0, 3));
}

#[tokio::test]
async fn what_comes_back_is_a_document_of_at_most_4_mib() {
    // shows: IACP-063 (§4.1.5.1)
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let url = web.uri("absent");
    for (page, is_taken) in [
        (b"<html></html>".to_vec(), true),
        (b"no markup".to_vec(), false),
        (b"<\xff".to_vec(), false),
        (vec![], false),
        ([b"<".to_vec(), vec![b' '; 4_194_303]].concat(), true),
        ([b"<".to_vec(), vec![b' '; 4_194_304]].concat(), false),
    ] {
        let length = page.len();
        let browse = async |_: SocketAddr, _: &str| Ok(page);
        let handed =
            tokio::time::timeout(PATIENCE, hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::Host, browse)).await;
        assert_eq!(handed.expect("in time").is_ok(), is_taken, "{length} bytes");
    }
}

#[tokio::test]
async fn a_real_browser_runs_the_script_of_a_page_behind_the_gate() {
    // shows: IACP-054 (§4.1.1), IACP-058 (§4.1.4.3), IACP-059 (§4.1.4.3), IACP-060 (§4.1.4.3)
    let Some(chromium) = find() else {
        return web::not_tested("the legacy path with a real browser: no Chromium is installed");
    };
    let web = Web::start().await;
    let agent = Identity::<Portable>::generate(&mut rng());
    let url = web.uri("scripted");
    let browse = async |proxy: SocketAddr, url: &str| chromium.browse(proxy, url).await;
    let returned = hand_off(&web.fetcher, &agent, (ABSENT, &url), Scope::Host, browse).await.expect("a page");
    assert!(contains(&returned.page, b"six times seven is 42"), "{}", String::from_utf8_lossy(&returned.page));
    assert!(returned.passage.opened.contains(&url), "{:?}", returned.passage);
    assert_eq!(returned.passage.dropped, 0);
    assert!(web.asked().contains(&"scripted.test /".to_owned()));
}
