//! Answers a pipeline's questions from the real network: DNS by hickory, TLS by rustls, HTTP by hyper.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use iacp_core::dhi::form::{Form, Plain};
use iacp_core::dhi::pipeline::{
    Ask, AskId, Failure, Get, Head, Ingested, Limits, MAX_FLOAT_BUF, Mark, Obtained, Pipeline, Requirement, SrvTarget,
    Workspace,
};
use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
use iacp_core::dhi::uri::Uri;
use iacp_core::scope::Scope;
use iacp_core::time::Mono;
use iacp_wire::Eid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::host::Host;
use crate::text;

/// A little more than the pipeline reads of a header, so that the refusal is the pipeline's.
const HEADER_ROOM: usize = 20_480;
/// The number of 1xx heads that are reported; the pipeline gives up before.
const HINTS_TOLD: usize = 16;
/// Places of the problem cache.
const PLACES: usize = 256;

/// The result for a URI, and how it was reached.
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// How it was decided.
    pub trail: Vec<Mark>,
    /// The EID under which the origin may also be reached, if a resolver has a mapping.
    pub mapping: Option<Eid>,
    /// Whether the origin itself has confirmed that.
    pub is_confirmed: bool,
    /// The narrowest scope that a browser may reach for this URI's sake.
    pub scope: Scope,
}

/// The outcome, in owned words.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Content.
    Native {
        /// The URI that answered.
        uri: String,
        /// The content.
        payload: Vec<u8>,
    },
    /// A browser is needed.
    Legacy {
        /// Why.
        trigger: iacp_core::dhi::handoff::Trigger,
        /// Where to.
        url: String,
    },
    /// Not now.
    Unavailable {
        /// Milliseconds.
        retry_after: u64,
    },
    /// No URI to follow.
    Refused(String),
}

/// What a fetcher is made of.
pub struct Settings {
    /// A DNS server instead of the system's.
    pub dns: Option<SocketAddr>,
    /// Whose certificates count.
    pub roots: RootCertStore,
    /// The LL-Entity that resolves names; without one there are no mappings.
    pub host: Option<Host>,
}

impl Default for Settings {
    fn default() -> Self {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Self { dns: None, roots, host: None }
    }
}

/// One agent's way into the web, with its problem cache.
pub struct Fetcher {
    resolver: TokioResolver,
    tls: TlsConnector,
    host: Option<Mutex<Host>>,
    entries: Vec<Entry>,
    begun: Instant,
}

type Machine<'m> = Pipeline<'m, Vec<u8>, Plain>;

/// A question, without the borrow.
enum Owned {
    Resolve(String, String),
    Srv(String),
    Get { https: bool, host: String, authority: String, connect_to: String, port: u16, path: String },
    Compare { uri: String, form: Form, document: Vec<u8>, least: Scope },
}

impl Owned {
    fn of(ask: Ask<'_>) -> Self {
        match ask {
            Ask::Resolve { uri, host } => Self::Resolve(uri.to_owned(), host.to_owned()),
            Ask::Srv { host } => Self::Srv(host.to_owned()),
            Ask::Get(get) => {
                // As it stands in the URI, which the pipeline has read: another parser might read another one.
                let rest = get.uri.split_once("://").map_or("", |(_, rest)| rest);
                Self::Get {
                    https: get.https,
                    host: get.host.to_owned(),
                    authority: rest.split(['/', '?']).next().unwrap_or_default().to_owned(),
                    connect_to: get.connect_to.to_owned(),
                    port: get.port,
                    path: get.path.to_owned(),
                }
            }
            Ask::Compare { uri, form, document, scope_at_least: least } => {
                Self::Compare { uri: uri.to_owned(), form, document: document.to_vec(), least }
            }
        }
    }
}

impl Fetcher {
    /// A fetcher with an empty problem cache.
    ///
    /// # Errors
    /// The system's DNS configuration cannot be read.
    pub fn new(settings: Settings) -> Result<Self> {
        let Settings { dns, roots, host } = settings;
        let resolver = match dns {
            None => TokioResolver::builder_tokio().context("the system's DNS configuration")?.build()?,
            Some(at) => {
                let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
                connection.port = at.port();
                let server = NameServerConfig::new(at.ip(), true, vec![connection]);
                let config = ResolverConfig::from_parts(None, vec![], vec![server]);
                let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
                builder.options_mut().cache_size = 0;
                builder.build()?
            }
        };
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        let host = host.map(Mutex::new);
        Ok(Self { resolver, tls, host, entries: vec![Entry::FREE; PLACES], begun: Instant::now() })
    }

    /// Queries that the LL-Entity has sent, and datagrams that were no answer to them.
    pub async fn queries(&self) -> (u32, u32) {
        match &self.host {
            Some(host) => host.lock().await.counts(),
            None => (0, 0),
        }
    }

    /// The fetcher's clock.
    pub(crate) fn now(&self) -> Mono {
        Mono(u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn instant(&self, at: Mono) -> tokio::time::Instant {
        (self.begun + Duration::from_millis(at.0)).into()
    }

    /// Ingests a URI.
    pub async fn ingest(&mut self, uri: &str, needs: Requirement, limits: Limits) -> Result<Report> {
        let mut entries = std::mem::take(&mut self.entries);
        let report = self.run(uri, needs, limits, &mut ProblemCache::new(&mut entries)).await;
        self.entries = entries;
        report
    }

    async fn run(&self, uri: &str, needs: Requirement, limits: Limits, cache: &mut ProblemCache<'_>) -> Result<Report> {
        let mut workspace = Box::new(Workspace::EMPTY);
        let buffer = vec![0; usize::try_from(MAX_FLOAT_BUF)?];
        let begun = Pipeline::begin(self.now(), uri, needs, limits, &mut workspace, buffer, Plain::default(), cache);
        let mut pipeline = match begun {
            Ok(pipeline) => pipeline,
            Err(outcome) => {
                let verdict = verdict(outcome);
                return Ok(Report { verdict, trail: vec![], mapping: None, is_confirmed: false, scope: Scope::World });
            }
        };
        while !pipeline.is_over() {
            let Some((id, ask)) = pipeline.poll_ask() else {
                // The question was abandoned by us: only time can end it now.
                if let Some(deadline) = pipeline.next_deadline() {
                    tokio::time::sleep_until(self.instant(deadline)).await;
                }
                pipeline.handle_deadline(self.now(), cache);
                continue;
            };
            let owned = Owned::of(ask);
            self.answer(&mut pipeline, id, owned, cache).await;
        }
        let trail = pipeline.trail().to_vec();
        let (mapping, is_confirmed, scope) = (pipeline.mapping(), pipeline.is_confirmed(), pipeline.scope());
        let outcome = pipeline.finish().ok().context("the pipeline is over")?;
        Ok(Report { verdict: verdict(outcome), trail, mapping, is_confirmed, scope })
    }

    /// Waits for a result until the pipeline's deadline.
    async fn within<T>(
        &self,
        pipeline: &mut Machine<'_>,
        cache: &mut ProblemCache<'_>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let deadline = self.instant(pipeline.next_deadline()?);
        let done = tokio::time::timeout_at(deadline, work).await.ok();
        if done.is_none() {
            // The clock counts whole milliseconds: the deadline's own has passed after the next one has begun.
            tokio::time::sleep(Duration::from_millis(1)).await;
            pipeline.handle_deadline(self.now(), cache);
        }
        done
    }

    async fn answer(&self, pipeline: &mut Machine<'_>, id: AskId, ask: Owned, cache: &mut ProblemCache<'_>) {
        match ask {
            Owned::Resolve(uri, host) => {
                // The mapping is the LL-Entity's, the locator what DNS has.
                let both = async { tokio::join!(self.mapping(&uri), self.addresses(&host)) };
                let Some((eid, addresses)) = self.within(pipeline, cache, both).await else { return };
                let scope = addresses.iter().map(|address| Scope::of(*address)).max();
                pipeline.answer(self.now(), id, Obtained::Resolved { eid, scope }, cache);
            }
            Owned::Srv(host) => {
                let Some(found) = self.within(pipeline, cache, self.srv(&host)).await else { return };
                let targets: Vec<SrvTarget<'_>> = found
                    .iter()
                    .map(|(priority, weight, port, name)| SrvTarget {
                        priority: *priority,
                        weight: *weight,
                        port: *port,
                        name,
                    })
                    .collect();
                pipeline.answer(self.now(), id, Obtained::Targets(&targets), cache);
            }
            Owned::Get { https, host, authority, connect_to, port, path } => {
                let Some(addresses) = self.within(pipeline, cache, self.addresses(&connect_to)).await else { return };
                let Some(address) = addresses.first() else {
                    return pipeline.answer(self.now(), id, Obtained::Failed(Failure::NotConnected), cache);
                };
                // The same address that is connected to: a second look-up could give another one.
                pipeline.answer(self.now(), id, Obtained::Connecting(Scope::of(*address)), cache);
                if !pipeline.wants(id) {
                    return;
                }
                let connect = TcpStream::connect((*address, port));
                let Some(connected) = self.within(pipeline, cache, connect).await else { return };
                let Ok(stream) = connected else {
                    return pipeline.answer(self.now(), id, Obtained::Failed(Failure::NotConnected), cache);
                };
                if !https {
                    return self.exchange(pipeline, id, stream, &authority, &path, cache).await;
                }
                let bare = host.trim_matches(['[', ']']).to_owned();
                let name = tokio_rustls::rustls::pki_types::ServerName::try_from(bare);
                let Ok(name) = name else {
                    return pipeline.answer(self.now(), id, Obtained::Failed(Failure::Tls), cache);
                };
                let Some(secured) = self.within(pipeline, cache, self.tls.connect(name, stream)).await else { return };
                match secured {
                    Ok(stream) => self.exchange(pipeline, id, stream, &authority, &path, cache).await,
                    Err(_) => pipeline.answer(self.now(), id, Obtained::Failed(Failure::Tls), cache),
                }
            }
            Owned::Compare { uri, form, document, least } => {
                // An HTML parser takes long for what is nested deeply: it has a thread of its own, and T_eval to be ready.
                let read = async {
                    let page = self.page(&uri, least).await?;
                    Ok::<_, anyhow::Error>(tokio::task::spawn_blocking(move || text::of_html(&page)).await?)
                };
                let Some(web) = self.within(pipeline, cache, read).await else { return };
                let parities = web.ok().flatten().zip(text::of_anml(form, &document));
                let answer = match &parities {
                    Some((web, tree)) => Obtained::Compared { web, tree },
                    None => Obtained::Failed(Failure::Lost),
                };
                pipeline.answer(self.now(), id, answer, cache);
            }
        }
    }

    /// One request on a connection, and its answer as it comes.
    async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        pipeline: &mut Machine<'_>,
        id: AskId,
        stream: S,
        authority: &str,
        path: &str,
        cache: &mut ProblemCache<'_>,
    ) {
        let hints = Arc::default();
        let request = send(stream, authority, path, Get::ACCEPT, &hints);
        let Some(response) = self.within(pipeline, cache, request).await else { return };
        let Ok(response) = response else {
            return pipeline.answer(self.now(), id, Obtained::Failed(Failure::Lost), cache);
        };
        // hyper keeps heads of 1xx to itself; the pipeline counts them.
        for _ in 0..hints.load(Ordering::Relaxed).min(HINTS_TOLD) {
            pipeline.answer(self.now(), id, Obtained::Head(Head { status: 103, fields: &[] }), cache);
        }
        let (parts, mut body) = response.into_parts();
        let fields: Vec<(&str, &[u8])> =
            parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        pipeline.answer(self.now(), id, Obtained::Head(Head { status: parts.status.as_u16(), fields: &fields }), cache);
        while pipeline.wants(id) {
            let Some(frame) = self.within(pipeline, cache, body.frame()).await else { return };
            let answer = match &frame {
                None => Obtained::End,
                Some(Err(_)) => Obtained::Failed(Failure::Lost),
                Some(Ok(frame)) => match frame.data_ref() {
                    Some(bytes) => Obtained::Chunk(bytes),
                    None => continue,
                },
            };
            pipeline.answer(self.now(), id, answer, cache);
        }
    }

    async fn mapping(&self, uri: &str) -> Option<Eid> {
        self.host.as_ref()?.lock().await.mapping(uri).await
    }

    /// The addresses of a host, or the one that it is.
    pub(crate) async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(literal) = host.trim_matches(['[', ']']).parse() {
            return vec![literal];
        }
        match self.resolver.lookup_ip(format!("{host}.")).await {
            Ok(found) => found.iter().collect(),
            Err(_) => vec![],
        }
    }

    async fn srv(&self, host: &str) -> Vec<(u16, u16, u16, String)> {
        let Ok(found) = self.resolver.lookup(format!("_anml._tcp.{host}."), RecordType::SRV).await else {
            return vec![];
        };
        let data = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, srv.weight, srv.port, srv.target.to_string())),
            _ => None,
        });
        data.map(|(priority, weight, port, name)| (priority, weight, port, name.trim_end_matches('.').to_owned()))
            .collect()
    }

    /// The web page at the agent's own URI, for the comparison: 4 MiB at most, no redirects.
    async fn page(&self, uri: &str, least: Scope) -> Result<Vec<u8>> {
        let mut target = Uri::EMPTY;
        target.read(uri)?;
        let address = self.addresses(target.host()).await.first().copied().context("no address")?;
        anyhow::ensure!(Scope::of(address) >= least, "the name leads to another place now");
        let stream = TcpStream::connect((address, target.port())).await?;
        let authority = format!("{}:{}", target.host(), target.port());
        let hints = Arc::default();
        let response = if target.is_https() {
            let name = tokio_rustls::rustls::pki_types::ServerName::try_from(target.host().to_owned())?;
            send(self.tls.connect(name, stream).await?, &authority, target.path(), "text/html", &hints).await?
        } else {
            send(stream, &authority, target.path(), "text/html", &hints).await?
        };
        anyhow::ensure!(response.status().is_success(), "status {}", response.status());
        let (mut body, mut page) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            page.extend_from_slice(frame?.data_ref().map_or(&[], |bytes| bytes));
            anyhow::ensure!(page.len() <= usize::try_from(MAX_FLOAT_BUF)?, "the page is longer than 4 MiB");
        }
        Ok(page)
    }
}

/// Sends a GET; the head of the answer.
async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    authority: &str,
    path: &str,
    accept: &str,
    hints: &Arc<AtomicUsize>,
) -> Result<hyper::Response<hyper::body::Incoming>> {
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEADER_ROOM)
        .max_headers(128)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection);
    let mut request = hyper::Request::get(path)
        .header("Host", authority)
        .header("Accept", accept)
        .header("Accept-Encoding", "identity")
        .header("User-Agent", "iacp-fetch")
        .body(Empty::<Bytes>::new())?;
    let hints = Arc::clone(hints);
    hyper::ext::on_informational(&mut request, move |_| {
        hints.fetch_add(1, Ordering::Relaxed);
    });
    Ok(sender.send_request(request).await?)
}

fn verdict(outcome: Ingested<'_, Vec<u8>>) -> Verdict {
    match outcome {
        Ingested::Native(usiv) => {
            Verdict::Native { uri: usiv.target_uri().to_owned(), payload: usiv.payload().to_vec() }
        }
        Ingested::Legacy(hand_off, _) => Verdict::Legacy { trigger: hand_off.trigger, url: hand_off.url.to_owned() },
        Ingested::Unavailable { retry_after, .. } => Verdict::Unavailable { retry_after },
        Ingested::Refused(refusal, _) => Verdict::Refused(refusal.to_string()),
    }
}
