//! The sandbox's side: a proxy for the browser, which turns each connection into a stream of frames that bear the ESD-EID.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use iacp_core::erp::sandbox::STREAMS;
use iacp_wire::layout::HandOffContext;
use iacp_wire::message::SandboxStream;
use iacp_wire::{Digest, Frame, Message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::RETURN;

/// Bytes of one frame.
const CHUNK: usize = 16_384;
/// The longest head of a request.
const HEAD_MAX: usize = 65_536;
/// Frames that wait for one connection of the browser.
const WAITING: usize = 16;

type Inbox = mpsc::Sender<(Vec<u8>, bool)>;

/// What all connections share: the one name, and the one way out.
struct Shared {
    name: Digest,
    out: mpsc::Sender<Vec<u8>>,
    next: AtomicU32,
    open: Mutex<HashMap<u32, Inbox>>,
    /// One stream fewer than the gate has: that one is for the page that comes back.
    room: Semaphore,
}

/// A sandbox: it has a Hand-off Context Object, and two channels to the gate.
pub struct Container {
    shared: Arc<Shared>,
    url: String,
    answers: mpsc::Receiver<Vec<u8>>,
}

impl Container {
    /// A container for this object.
    ///
    /// # Errors
    /// The bytes are no Hand-off Context Object.
    pub fn new(object: &[u8], out: mpsc::Sender<Vec<u8>>, answers: mpsc::Receiver<Vec<u8>>) -> Result<Self> {
        let object = HandOffContext::parse(object)?;
        let room = Semaphore::new(STREAMS - 1);
        let (next, open) = (AtomicU32::new(1), Mutex::default());
        let shared = Arc::new(Shared { name: object.esd_eid, out, next, open, room });
        Ok(Self { shared, url: object.target_url.to_owned(), answers })
    }

    /// Runs the browser behind the proxy, and sends the page back.
    ///
    /// # Errors
    /// The browser fails, or the gate is gone.
    pub async fn run(self, browse: impl AsyncFnOnce(SocketAddr, &str) -> Result<Vec<u8>>) -> Result<()> {
        let Self { shared, url, mut answers } = self;
        let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the proxy")?;
        let at = proxy.local_addr()?;
        // They end with this set, whatever the browser does.
        let mut tasks = JoinSet::new();
        let inward = Arc::clone(&shared);
        tasks.spawn(async move {
            while let Some(frame) = answers.recv().await {
                inward.deliver(&frame).await;
            }
        });
        let outward = Arc::clone(&shared);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = proxy.accept().await {
                let shared = Arc::clone(&outward);
                // A connection that the browser closed early is no error of the container.
                connections.spawn(async move { drop(shared.connection(connection).await) });
            }
        });
        let page = browse(at, &url).await?;
        shared.give_back(&page).await
    }
}

impl Shared {
    /// A frame of the sandbox: the ESD-EID, a stream, bytes. There is no field for anything else.
    async fn send(&self, stream: u32, flags: u16, bytes: &[u8]) -> Result<()> {
        let head =
            SandboxStream { esd_eid: self.name, stream: stream.into(), stream_flags: flags.into(), reserved: [0; 2] };
        let mut frame = vec![0; bytes.len() + 64];
        let length = Frame::new(Message::SandboxStream { head: &head, bytes }).write(&mut frame)?;
        frame.truncate(length);
        self.out.send(frame).await.context("the gate is gone")
    }

    async fn give_back(&self, page: &[u8]) -> Result<()> {
        let stream = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(stream, SandboxStream::OPENS, RETURN.as_bytes()).await?;
        for chunk in page.chunks(CHUNK) {
            self.send(stream, 0, chunk).await?;
        }
        self.send(stream, SandboxStream::ENDS, &[]).await
    }

    /// Hands an answer of the gate to the connection of its stream.
    async fn deliver(&self, frame: &[u8]) {
        let Ok(Frame { message: Message::SandboxStream { head, bytes }, .. }) = Frame::parse(frame) else { return };
        let (stream, ends) = (head.stream.get(), head.stream_flags.get() & SandboxStream::ENDS != 0);
        let inbox = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&stream).cloned();
        if let Some(inbox) = inbox.filter(|_| head.esd_eid == self.name) {
            // A connection that the browser has closed gets nothing.
            let _ = inbox.send((bytes.to_vec(), ends)).await;
        }
    }

    /// One connection of the browser: a request to a proxy, then bytes both ways.
    async fn connection(&self, mut connection: TcpStream) -> Result<()> {
        let _permit = self.room.acquire().await?;
        let (mut request, mut chunk) = (Vec::new(), vec![0; CHUNK]);
        let end = loop {
            if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            let read = connection.read(&mut chunk).await?;
            ensure!(read > 0 && request.len() < HEAD_MAX, "no request");
            request.extend_from_slice(chunk.get(..read).unwrap_or_default());
        };
        let body = request.split_off(end);
        let (url, first) = outward(std::str::from_utf8(&request)?)?;
        let stream = self.next.fetch_add(1, Ordering::Relaxed);
        let (inbox, mut answers) = mpsc::channel::<(Vec<u8>, bool)>(WAITING);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(stream, inbox);
        self.send(stream, SandboxStream::OPENS, url.as_bytes()).await?;
        match &first {
            Some(head) => self.send(stream, 0, head.as_bytes()).await?,
            None => connection.write_all(b"HTTP/1.1 200 Connection Established\r\n\r\n").await?,
        }
        for chunk in body.chunks(CHUNK) {
            self.send(stream, 0, chunk).await?;
        }
        let (mut reader, mut writer) = connection.into_split();
        let back = async {
            while let Some((bytes, ends)) = answers.recv().await {
                if writer.write_all(&bytes).await.is_err() || ends {
                    break;
                }
            }
            // The browser may have closed already.
            let _ = writer.shutdown().await;
        };
        let forth = async {
            loop {
                let read = reader.read(&mut chunk).await.unwrap_or(0);
                let flags = if read == 0 { SandboxStream::ENDS } else { 0 };
                let sent = self.send(stream, flags, chunk.get(..read).unwrap_or_default()).await;
                if read == 0 || sent.is_err() {
                    return;
                }
            }
        };
        tokio::join!(back, forth);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&stream);
        Ok(())
    }
}

/// The destination of a request to a proxy, and what is sent there first: nothing for a tunnel, which carries the
/// browser's own TLS; otherwise the head in the form for an origin server, for one exchange.
fn outward(head: &str) -> Result<(String, Option<String>)> {
    let (line, fields) = head.split_once("\r\n").context("a request line")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().context("a target")?);
    if method == "CONNECT" {
        return Ok((format!("https://{target}/"), None));
    }
    let rest = target.strip_prefix("http://").context("a URI of http")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if path.starts_with('/') { "" } else { "/" };
    let kept = fields.split("\r\n").filter(|field| {
        let name = field.split(':').next().unwrap_or_default().to_ascii_lowercase();
        !field.is_empty() && name != "connection" && !name.starts_with("proxy-")
    });
    let fields: String = kept.map(|field| format!("{field}\r\n")).collect();
    let head = format!("{method} {slash}{path} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
    Ok((format!("http://{authority}/"), Some(head)))
}

#[cfg(test)]
mod tests {
    use super::outward;

    #[test]
    fn a_request_to_a_proxy_becomes_one_to_its_origin() {
        let (url, head) =
            outward("GET http://a.test:8080/b?c HTTP/1.1\r\nHost: a.test:8080\r\nProxy-Connection: x\r\n\r\n")
                .expect("a request");
        assert_eq!(url, "http://a.test:8080/");
        assert_eq!(head.as_deref(), Some("GET /b?c HTTP/1.1\r\nHost: a.test:8080\r\nConnection: close\r\n\r\n"));
        let (_, head) = outward("GET http://a.test?c HTTP/1.1\r\n\r\n").expect("a request");
        assert_eq!(head.as_deref(), Some("GET /?c HTTP/1.1\r\nConnection: close\r\n\r\n"));
        let tunnel = outward("CONNECT a.test:443 HTTP/1.1\r\n\r\n").expect("a request");
        assert_eq!(tunnel, ("https://a.test:443/".to_owned(), None));
        for bad in ["", "GET", "GET /path HTTP/1.1\r\n\r\n", "GET file:///etc/passwd HTTP/1.1\r\n\r\n"] {
            assert!(outward(bad).is_err(), "{bad}");
        }
    }
}
