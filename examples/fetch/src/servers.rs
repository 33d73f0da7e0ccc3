//! Well-behaved and broken web servers and a DNS on loopback; and a log of the requests that they got.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// The document of most of the servers.
pub const ANML: &str = "<anml><title>News</title><p>Hello, agent</p></anml>";
const PAGE: &str = "<!doctype html><html><head><title>News</title></head><body><p>Hello, agent</p></body></html>";
/// A page that is empty until its script has run.
const SCRIPTED: &str = "<!doctype html><html><head><title>Sum</title></head><body><script>\
    document.body.append('six times seven is ' + 6 * 7)</script></body></html>";
const LINK: &str = "rel=\"alternate\"; type=\"application/anml+xml\"";
const ANML_TYPE: &str = "application/anml+xml";
const HTML_TYPE: &str = "text/html; charset=utf-8";
/// MAX_FLOAT_BUF.
pub const LIMIT: usize = 4_194_304;
/// How long a silent server waits.
const SILENCE: Duration = Duration::from_secs(60);

/// One request, as a server has read it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its `Host` field, without the port.
    pub host: String,
    /// Its path.
    pub path: String,
    /// All of its head.
    pub head: String,
}

/// The requests to all servers, and how many answers without end they could not go on with.
#[derive(Clone, Default)]
pub struct Log {
    requests: Arc<Mutex<Vec<Request>>>,
    cut: Arc<AtomicU64>,
}

impl Log {
    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as `host path`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.requests().iter().map(|request| format!("{} {}", request.host, request.path)).collect()
    }

    /// How many answers without end have ended, because their client has closed the connection.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    fn add(&self, request: Request) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }
}

/// Serves HTTP, or HTTPS with an acceptor, until the runtime ends.
pub async fn web(listener: TcpListener, tls: Option<TlsAcceptor>, log: Log) {
    let Ok(at) = listener.local_addr() else { return };
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, log) = (tls.clone(), log.clone());
        // A connection that the client closed early is no error of the servers.
        tokio::spawn(async move {
            let _ = match tls {
                None => respond(stream, at.port(), "http", log).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => respond(stream, at.port(), "https", log).await,
                    Err(_) => Ok(()),
                },
            };
        });
    }
}

fn head(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{fields}\r\n")
}

fn whole(media_type: &str, body: &str) -> String {
    let length = body.len();
    head("200 OK", &format!("Content-Type: {media_type}\r\nContent-Length: {length}\r\n")) + body
}

/// A page of HTML, with these Link fields before it.
fn page(links: &[&str]) -> String {
    let links: String = links.iter().map(|link| format!("Link: {link}\r\n")).collect();
    head("200 OK", &format!("{links}Content-Type: {HTML_TYPE}\r\nContent-Length: {}\r\n", PAGE.len())) + PAGE
}

/// What a server does.
enum Reply {
    Whole(String),
    /// These bytes, then nothing, with the connection open.
    Stall(String),
    /// These bytes, then blanks without end.
    Endless(String),
}

fn reply(name: &str, is_known: bool, path: &str, port: u16, scheme: &str) -> Reply {
    let open = head("200 OK", &format!("Content-Type: {ANML_TYPE}\r\n"));
    let inner = format!("{scheme}://inner.test:{port}/doc");
    let of_inner = format!("<{inner}>; {LINK}");
    Reply::Whole(match (name, is_known) {
        ("present" | "slashed" | "revoked" | "accused" | "srv" | "srvin" | "equal" | "unequal" | "target", true) => {
            whole(ANML_TYPE, ANML)
        }
        ("json", true) => whole("application/anml+json", "{\"anml\":{\"title\":\"News\",\"p\":\"Hello, agent\"}}"),
        ("absent" | "equal" | "json", false) => page(&[]),
        ("scripted", false) => whole(HTML_TYPE, SCRIPTED),
        ("unequal", false) => whole(HTML_TYPE, &PAGE.replace("agent", "human")),
        ("linked", false) if path == "/doc.anml" => whole(ANML_TYPE, ANML),
        ("linked", false) => page(&[&format!("</a.css>; rel=preload, </doc.anml>; {LINK}")]),
        ("silent", _) => return Reply::Stall(String::new()),
        ("stalled", true) => return Reply::Stall(format!("{open}<a")),
        ("endless", true) => return Reply::Endless(format!("{open}<")),
        ("exact", true) => format!("{open}<{}", " ".repeat(LIMIT - 1)),
        ("over", true) => format!("{open}<{}", " ".repeat(LIMIT)),
        // A length that is one too large, and nothing behind it.
        ("announced", true) => {
            let length = LIMIT + 1;
            let fields = format!("Content-Type: {ANML_TYPE}\r\nContent-Length: {length}\r\n");
            return Reply::Stall(head("200 OK", &fields));
        }
        ("broken", true) => whole(ANML_TYPE, "this is no markup"),
        // Fewer bytes than announced.
        ("short", true) => whole(ANML_TYPE, ANML).replace("</anml>", ""),
        ("coded", true) => {
            head("200 OK", &format!("Content-Type: {ANML_TYPE}\r\nContent-Encoding: gzip\r\n")) + "\u{1f}"
        }
        ("loop", _) => head("302 Found", "Location: /again\r\nContent-Length: 0\r\n"),
        ("header", _) => head("200 OK", &format!("X: {}\r\nContent-Type: {ANML_TYPE}\r\n", "x".repeat(65_536))),
        ("fields", true) => head("200 OK", &format!("Content-Type: {ANML_TYPE}\r\n{}", "X: y\r\n".repeat(120))) + ANML,
        ("hints", true) => "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9) + &whole(ANML_TYPE, ANML),
        ("lure", false) => head("200 OK", &format!("Link: {of_inner}\r\nContent-Length: 0\r\n")),
        ("bounce", false) => head("302 Found", &format!("Location: {inner}\r\nContent-Length: 0\r\n")),
        ("plain", false) => page(&[&format!("<http://plain.test:{port}/doc>; {LINK}")]),
        ("rebind", false) => page(&[]),
        ("inner", _) => whole(ANML_TYPE, "<secret>this must not be fetched</secret>"),
        _ => head("404 Not Found", "Content-Length: 0\r\n"),
    })
}

async fn respond<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, port: u16, scheme: &str, log: Log) -> Result<()> {
    let (mut request, mut chunk) = (Vec::new(), [0; 2_048]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < 16_384 {
        let read = stream.read(&mut chunk).await?;
        anyhow::ensure!(read > 0, "no request");
        request.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&request).into_owned();
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let host = head.lines().skip(1).filter_map(field).find(|(name, _)| name == "host");
    let host = host.map_or_else(String::new, |(_, value)| value);
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host).to_owned();
    let name = host.split('.').next().unwrap_or("").to_owned();
    log.add(Request { host, path: path.clone(), head });
    let (first, is_endless) = match reply(&name, path == "/.well-known/anml", &path, port, scheme) {
        Reply::Whole(text) => {
            send(&mut stream, text.as_bytes()).await?;
            return Ok(stream.shutdown().await?);
        }
        Reply::Stall(text) => (text, false),
        Reply::Endless(text) => (text, true),
    };
    send(&mut stream, first.as_bytes()).await?;
    if is_endless {
        while send(&mut stream, &[b' '; 65_536]).await.is_ok() {}
        log.cut.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    tokio::time::sleep(SILENCE).await;
    Ok(())
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<()> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

/// A DNS of a few names: `inner.test` on loopback; `rebind.test` outside once and on loopback from then on; all others of `.test` and
/// `.lost` outside; SRV records for `srv.test` and, to the inner name, for `srvin.test`.
pub async fn names(socket: UdpSocket, outside: Ipv4Addr, port: u16) {
    let (mut packet, mut asked) = ([0; 512], 0_u32);
    while let Ok((length, from)) = socket.recv_from(&mut packet).await {
        let query = packet.get(..length).unwrap_or_default();
        if let Some(answer) = resolve(query, outside, port, &mut asked) {
            let _ = socket.send_to(&answer, from).await;
        }
    }
}

/// An SRV record's data: priority and weight 0, this port, a name of `.test`.
fn srv(port: u16, label: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(label.len()).ok()?;
    Some([&[0; 4], port.to_be_bytes().as_slice(), &[length], label.as_bytes(), b"\x04test\0"].concat())
}

fn resolve(query: &[u8], outside: Ipv4Addr, port: u16, asked: &mut u32) -> Option<Vec<u8>> {
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
    let is_ours = (name.ends_with(".test") || name.ends_with(".lost")) && labels.len() == 2;
    let data = match (kind, name.as_str()) {
        (33, "_anml._tcp.srv.test") => srv(port, "target"),
        (33, "_anml._tcp.srvin.test") => srv(port, "inner"),
        (1, "inner.test") => Some(Ipv4Addr::LOCALHOST.octets().to_vec()),
        (1, "rebind.test") => {
            *asked += 1;
            Some(if *asked == 1 { outside } else { Ipv4Addr::LOCALHOST }.octets().to_vec())
        }
        (1, _) if is_ours => Some(outside.octets().to_vec()),
        _ => None,
    };
    let counts = if data.is_some() { [0, 1, 0, 1, 0, 0, 0, 0] } else { [0, 1, 0, 0, 0, 0, 0, 0] };
    let status = if data.is_some() || is_ours { 0x80 } else { 0x83 };
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
