//! HTTPS for real: rustls on both sides, certificates made here, the right ones and the wrong ones.

mod web;

use std::net::Ipv4Addr;
use std::sync::Arc;

use fetch::driver::{Fetcher, Report, Settings};
use fetch::servers::{ANML, Log, web as serve};
use iacp_core::dhi::pipeline::{Failure, Limits, Noted, Requirement};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use web::{is_unavailable, notes, payload};

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A root of its own.
fn issuer() -> Issuer {
    let mut params = CertificateParams::new(vec![]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a root")
}

/// A server's certificate for these names, over already if `is_old`.
fn acceptor(issuer: &Issuer, names: &[&str], is_old: bool) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("DNS names");
    if is_old {
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    }
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).expect("they belong together");
    TlsAcceptor::from(Arc::new(config))
}

struct Site {
    log: Log,
    fetcher: Fetcher,
    port: u16,
}

impl Site {
    /// One HTTPS server on loopback, to which all names lead; and a fetcher that trusts this root.
    async fn start(tls: TlsAcceptor, trusted: &CertificateDer<'static>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let (port, log) = (listener.local_addr().expect("its address").port(), Log::default());
        tokio::spawn(serve(listener, Some(tls), log.clone()));
        let dns = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let at = dns.local_addr().expect("its address");
        tokio::spawn(fetch::servers::names(dns, Ipv4Addr::LOCALHOST, port));
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).expect("a root");
        let fetcher = Fetcher::new(Settings { dns: Some(at), roots, host: None }).expect("a fetcher");
        Self { log, fetcher, port }
    }

    async fn fetch(&mut self, name: &str) -> Report {
        let uri = format!("https://{name}.test:{}/", self.port);
        let ingest = self.fetcher.ingest(&uri, Requirement::default(), Limits::DRAFT);
        tokio::time::timeout(web::PATIENCE, ingest).await.expect("T_eval ends it").expect("a verdict")
    }
}

fn has_failed_tls(report: &Report) -> bool {
    report.trail.iter().any(|mark| mark.what == Noted::Failed(Failure::Tls))
}

#[tokio::test]
async fn a_certificate_of_the_host_under_a_trusted_root_is_accepted() {
    let root = issuer();
    let mut site = Site::start(acceptor(&root, &["present.test"], false), root.der()).await;
    let report = site.fetch("present").await;
    assert_eq!(payload(&report), ANML.as_bytes(), "{:?}", notes(&report));
    assert_eq!(site.log.asked(), ["present.test /.well-known/anml"]);
}

#[tokio::test]
async fn any_other_certificate_is_no_answer_and_nothing_is_sent() {
    let (root, stranger) = (issuer(), issuer());
    for (why, tls) in [
        ("another name", acceptor(&root, &["other.test"], false)),
        ("another root", acceptor(&stranger, &["present.test"], false)),
        ("it is over", acceptor(&root, &["present.test"], true)),
        ("a wildcard of another depth", acceptor(&root, &["*.present.test"], false)),
    ] {
        let mut site = Site::start(tls, root.der()).await;
        let report = site.fetch("present").await;
        assert!(is_unavailable(&report) && has_failed_tls(&report), "{why}: {:?}", notes(&report));
        assert!(site.log.requests().is_empty(), "{why}: a request was sent");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_no_answer() {
    let root = issuer();
    let mut site = Site::start(acceptor(&root, &["present.test"], false), root.der()).await;
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    site.port = plain.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = plain.accept().await {
            // The client closes as soon as it sees that this is not TLS.
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        }
    });
    let report = site.fetch("present").await;
    assert!(is_unavailable(&report) && has_failed_tls(&report), "{:?}", notes(&report));
}

#[tokio::test]
async fn an_srv_target_shows_the_certificate_of_the_uris_host() {
    // shows: IACP-030 (§4.1.2.1)
    let root = issuer();
    let mut site = Site::start(acceptor(&root, &["srv.test"], false), root.der()).await;
    let report = site.fetch("srv").await;
    assert_eq!(payload(&report), ANML.as_bytes(), "{:?}", notes(&report));
    assert!(report.trail.iter().any(|mark| mark.what == Noted::Srv(true)));
    let mut site = Site::start(acceptor(&root, &["target.test"], false), root.der()).await;
    let report = site.fetch("srv").await;
    assert!(is_unavailable(&report), "a certificate of the target's own name is not enough: {:?}", notes(&report));
    assert!(site.log.requests().is_empty());
}

#[tokio::test]
async fn no_link_leads_down_from_tls() {
    let root = issuer();
    let mut site = Site::start(acceptor(&root, &["plain.test"], false), root.der()).await;
    let report = site.fetch("plain").await;
    assert!(report.trail.iter().any(|mark| mark.what == Noted::LinkRefused), "{:?}", notes(&report));
    assert_eq!(site.log.asked(), ["plain.test /.well-known/anml", "plain.test /"]);
}
