//! Servers on loopback that do what servers do, and worse; and what the pipeline must say to each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result};
use iacp_core::dhi::handoff::Trigger;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::driver::Verdict;

const ANML: &str = "<anml><title>News</title><p>Hello, agent</p></anml>";
const PAGE: &str = "<!doctype html><html><head><title>News</title></head><body><p>Hello, agent</p></body></html>";
const LINK: &str = "rel=\"alternate\"; type=\"application/anml+xml\"";
/// MAX_FLOAT_BUF.
const LIMIT: usize = 4_194_304;

/// What is expected of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Content.
    Native,
    /// A browser, for this reason.
    Legacy(Trigger),
    /// The problem cache.
    Unavailable,
}

impl Expected {
    /// Whether the verdict is it.
    #[must_use]
    pub fn is(self, verdict: &Verdict) -> bool {
        match (self, verdict) {
            (Self::Native, Verdict::Native { .. }) | (Self::Unavailable, Verdict::Unavailable { .. }) => true,
            (Self::Legacy(expected), Verdict::Legacy { trigger, .. }) => expected == *trigger,
            _ => false,
        }
    }
}

/// One server to try.
pub struct Case {
    /// What it does, in a few words.
    pub what: &'static str,
    /// Its URI.
    pub uri: String,
    /// What the pipeline must say.
    pub expected: Expected,
    /// T_eval for it, in milliseconds.
    pub t_eval: u32,
    /// Whether page and document are compared.
    pub equivalence: bool,
}

/// The servers, their DNS, and the cases.
pub struct World {
    /// Where the DNS of the demo answers.
    pub dns: SocketAddr,
    /// What to try.
    pub cases: Vec<Case>,
    /// Whether there is an address outside loopback, without which nothing is inwards of anything.
    pub has_outside: bool,
}

/// The address of this host that is not loopback, if it has one. Nothing is sent.
fn outside() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_loopback() => Some(address),
        _ => None,
    }
}

/// Starts everything; it runs as long as the runtime does.
pub async fn start() -> Result<World> {
    let outside = outside();
    let any = if outside.is_some() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let web = TcpListener::bind((any, 0)).await.context("a port for the web servers")?;
    let port = web.local_addr()?.port();
    tokio::spawn(serve(web, port));
    let dns = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for DNS")?;
    let at = dns.local_addr()?;
    tokio::spawn(names(dns, outside.unwrap_or(Ipv4Addr::LOCALHOST), port));

    let case = |what, host: &str, expected| Case {
        what,
        uri: format!("http://{host}.test:{port}/"),
        expected,
        t_eval: 15_000,
        equivalence: false,
    };
    let quick = |case: Case| Case { t_eval: 1_000, ..case };
    let compared = |case: Case| Case { equivalence: true, ..case };
    let mut cases = vec![
        case("ANML at the well-known URI", "present", Expected::Native),
        case("the same, by an SRV target", "srv", Expected::Native),
        case("no ANML anywhere", "absent", Expected::Legacy(Trigger::AnmlAbsent)),
        case("ANML only by a Link header", "linked", Expected::Native),
        compared(case("page and document say the same", "equal", Expected::Native)),
        compared(case("they do not", "unequal", Expected::Legacy(Trigger::EquivalenceFailed))),
        case("404 everywhere", "gone", Expected::Unavailable),
        quick(case("silent", "silent", Expected::Unavailable)),
        quick(case("silent after two bytes", "stalled", Expected::Legacy(Trigger::EvaluationTimeout))),
        case("a body without end", "endless", Expected::Legacy(Trigger::BufferOverflow)),
        case("a body of exactly 4,194,304 bytes", "exact", Expected::Native),
        case("a body one byte over", "over", Expected::Legacy(Trigger::BufferOverflow)),
        case("a redirect loop", "loop", Expected::Unavailable),
        case("a header of 64 KiB", "header", Expected::Unavailable),
        Case { uri: "http://nowhere.test:1/".to_owned(), ..case("nothing listens", "nowhere", Expected::Unavailable) },
        case("ANML that is none", "broken", Expected::Legacy(Trigger::StructureInvalid)),
    ];
    if outside.is_some() {
        cases.push(case("a link to a name that resolves inwards", "lure", Expected::Unavailable));
        cases.push(case("a redirect to it", "bounce", Expected::Unavailable));
    }
    Ok(World { dns: at, cases, has_outside: outside.is_some() })
}

async fn serve(listener: TcpListener, port: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        // A connection that the client closed early is no error of the demo.
        tokio::spawn(async move { drop(respond(stream, port).await) });
    }
}

fn head(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n")
}

fn whole(media_type: &str, body: &str) -> String {
    let length = body.len();
    head("200 OK", &format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n")) + body
}

async fn respond(mut stream: TcpStream, port: u16) -> Result<()> {
    let (mut request, mut chunk) = (Vec::new(), [0; 2_048]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16_384 {
        let read = stream.read(&mut chunk).await?;
        anyhow::ensure!(read > 0, "no request");
        request.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ").or(line.strip_prefix("Host: ")));
    let name = host.unwrap_or("").split('.').next().unwrap_or("").to_owned();
    let is_known = path == "/.well-known/anml";
    let (anml, html) = ("application/anml+xml", "text/html; charset=utf-8");
    let none = head("404 Not Found", "Content-Length: 0\r\n");
    let open = head("200 OK", &format!("Content-Type: {anml}\r\n"));
    let reply = match (name.as_str(), is_known) {
        ("present" | "srv", true) => whole(anml, ANML),
        ("equal" | "unequal", true) => whole(anml, ANML),
        ("equal", false) => whole(html, PAGE),
        ("unequal", false) => whole(html, &PAGE.replace("agent", "human")),
        ("linked", false) if path == "/doc.anml" => whole(anml, ANML),
        ("linked", false) => {
            let fields = format!("Link: </a.css>; rel=preload, </doc.anml>; {LINK}\r\nContent-Type: {html}\r\n");
            head("200 OK", &fields) + PAGE
        }
        ("absent", false) => whole(html, PAGE),
        ("silent", _) => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        ("stalled", true) => {
            stream.write_all(format!("{open}<a").as_bytes()).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            return Ok(());
        }
        ("endless", true) => {
            stream.write_all(format!("{open}<").as_bytes()).await?;
            loop {
                stream.write_all(&[b' '; 65_536]).await?;
            }
        }
        ("exact", true) => format!("{open}<{}", " ".repeat(LIMIT - 1)),
        ("over", true) => format!("{open}<{}", " ".repeat(LIMIT)),
        ("loop", _) => head("302 Found", "Location: /again\r\nContent-Length: 0\r\n"),
        ("header", _) => head("200 OK", &format!("X: {}\r\nContent-Type: {anml}\r\n", "x".repeat(65_536))),
        ("broken", true) => whole(anml, "this is no markup"),
        ("lure", false) => {
            head("200 OK", &format!("Link: <http://inner.test:{port}/doc>; {LINK}\r\nContent-Length: 0\r\n"))
        }
        ("bounce", false) => {
            head("302 Found", &format!("Location: http://inner.test:{port}/doc\r\nContent-Length: 0\r\n"))
        }
        ("inner", _) => whole(anml, "<secret>this must not be fetched</secret>"),
        _ => none,
    };
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// A DNS of a few names: `inner.test` on loopback, all others of `.test` outside, an SRV for `srv.test`.
async fn names(socket: tokio::net::UdpSocket, outside: Ipv4Addr, port: u16) {
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        if let Some(answer) = resolve(packet.get(..length).unwrap_or_default(), outside, port) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

fn resolve(query: &[u8], outside: Ipv4Addr, port: u16) -> Option<Vec<u8>> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    let question = query.get(12..at + 4)?;
    let name = labels.join(".");
    let data = match (kind, name.as_str()) {
        (33, "_anml._tcp.srv.test") => {
            let target = [b"\x06target".as_slice(), b"\x04test\0"].concat();
            Some([&[0, 0, 0, 0], port.to_be_bytes().as_slice(), &target].concat())
        }
        (1, "inner.test") => Some(Ipv4Addr::LOCALHOST.octets().to_vec()),
        (1, name) if name.ends_with(".test") && labels.len() == 2 => Some(outside.octets().to_vec()),
        _ => None,
    };
    let counts = if data.is_some() { [0, 1, 0, 1, 0, 0, 0, 0] } else { [0, 1, 0, 0, 0, 0, 0, 0] };
    let status = if data.is_some() || name.ends_with(".test") && labels.len() == 2 { 0x80 } else { 0x83 };
    let mut answer = [query.get(..2)?, &[0x81, status], &counts, question].concat();
    if let Some(data) = data {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0]);
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}
