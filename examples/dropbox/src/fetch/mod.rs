//! An object that is fetched by reference (`CEP §10`): over HTTPS, within bounds, and into the inbox, where it climbs the same
//! ladder as everything else.
//!
//! ```text
//! REFERENCE                        the object
//! REFERENCE's path+manifest.json   its outer object, fetched first
//! ```
//!
//! A reference is the peer's text. Only `https:` is asked here, over certificates that are checked; no credentials are sent and no
//! proxy is used. An `iacp:` reference is asked for by the agent program, over a session ([`BySession`]). All of it has one deadline and one longest object, and what a server says of a length is checked before a byte
//! of it is kept. A redirect stays with HTTPS and never leads to an address of a narrower [`Scope`].

mod limits;
mod scope;
mod session;

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{MAX_OUTER, SealedManifest};
use cep_envelope::notification::{Reference, Resolver};
use ureq::http::Uri;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

pub use limits::Limits;
pub use scope::Scope;
pub use session::{BySession, is_session};

use crate::folders::read_bounded;
use crate::inbox::Half;

/// Redirects that are followed.
const REDIRECTS: u32 = 3;
/// The longest reference, in bytes: as long as a notification's may be.
const LONGEST_REFERENCE: usize = cep_envelope::notification::MAX_REF;
/// The longest file of certificates, in bytes.
const LONGEST_CERTIFICATES: u64 = 1 << 20;
/// Bytes that are read in one go.
const CHUNK: usize = 64 << 10;

/// Within which bounds objects are fetched.
#[derive(Clone)]
pub struct Bounds {
    /// The longest object, in bytes.
    pub longest: u64,
    /// For how long all of it may take.
    pub time: Duration,
    /// The narrowest scope that may be asked.
    pub scope: Scope,
    /// The hosts that may be asked; if there are none, all.
    pub hosts: Vec<String>,
    /// Certificates to trust instead of the system's.
    pub authorities: Option<Vec<Certificate<'static>>>,
}

/// What was fetched, not judged yet.
pub struct Fetched {
    /// Its name: a surface.
    pub name: String,
    /// Its bytes.
    pub object: Vec<u8>,
    /// Its outer object.
    pub outer: Vec<u8>,
    /// The digest of the bytes, as the outer object has it.
    pub digest: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
}

/// Certificates from a PEM file.
///
/// # Errors
/// It cannot be read, or holds none.
pub fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let unfit = || format!("--ca {}", path.display());
    let text = read_bounded(path, LONGEST_CERTIFICATES).with_context(unfit)?;
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| anyhow!("{error}")).with_context(unfit)? {
            certificates.push(certificate);
        }
    }
    ensure!(!certificates.is_empty(), "{}: it has no certificate (PEM)", unfit());
    Ok(certificates)
}

/// An `https:` reference that names a host and a path.
fn parse(reference: &str) -> Result<Uri> {
    let shown = || format!("'{}'", reference.escape_debug());
    ensure!(reference.len() <= LONGEST_REFERENCE, "the reference is longer than {LONGEST_REFERENCE} bytes");
    match reference.split_once(':').map_or("", |(scheme, _)| scheme) {
        scheme if scheme.eq_ignore_ascii_case("https") => {}
        scheme if scheme.eq_ignore_ascii_case("http") => {
            bail!("{}: only https: is fetched: over http:, a carrier chooses what arrives", shown())
        }
        scheme if scheme.eq_ignore_ascii_case("iacp") => {
            bail!(
                "{}: what an agent has is asked for over a session with it, and comes without redirects or a manifest elsewhere",
                shown()
            )
        }
        "" => bail!("{}: a path on another machine is no place to fetch from; only https: is", shown()),
        scheme => bail!("{}: '{}:' is not fetched; only https: is", shown(), scheme.escape_debug()),
    }
    ensure!(
        !reference.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\'),
        "{}: no reference",
        shown()
    );
    let uri: Uri = reference.parse().map_err(|error| anyhow!("{}: {error}", shown()))?;
    let authority = uri.authority().with_context(|| format!("{}: it names no host", shown()))?;
    ensure!(!authority.as_str().contains('@'), "{}: a reference has no user and no password", shown());
    ensure!(!authority.host().is_empty(), "{}: it names no host", shown());
    let bare = authority.as_str().len() == authority.host().len();
    ensure!(bare || authority.port_u16().is_some_and(|port| port != 0), "{}: its port is none", shown());
    Ok(uri)
}

/// Where the outer object of a reference is, unless something else is said: a query belongs to both.
fn manifest_of(uri: &Uri) -> Result<Uri> {
    let (path, query) = (uri.path(), uri.query());
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{}{query}", Half::Manifest.suffix()).parse()?);
    Ok(Uri::from_parts(parts)?)
}

/// The surface that a reference names last, if it does.
fn name_in(uri: &Uri) -> Option<&str> {
    uri.path().rsplit('/').next().filter(|name| Surface::parse(name).is_ok())
}

/// Fetches objects within bounds.
// keeps: CEP-022 (§3.2), CEP-113 (§10)
pub struct Fetcher<'f> {
    bounds: Bounds,
    /// Where the outer object is, if not beside the object.
    pub manifest: Option<String>,
    /// Is told how much of the object has come, and how long it is if that is known.
    pub progress: &'f mut dyn FnMut(u64, Option<u64>),
}

impl fmt::Debug for Fetcher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetcher")
    }
}

impl<'f> Fetcher<'f> {
    /// A fetcher with these bounds.
    #[must_use]
    pub fn new(bounds: Bounds, progress: &'f mut dyn FnMut(u64, Option<u64>)) -> Self {
        Self { bounds, manifest: None, progress }
    }

    fn agent(&self) -> Agent {
        let roots = match &self.bounds.authorities {
            Some(own) => RootCerts::new_with_certs(own),
            None => RootCerts::PlatformVerifier,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            .max_redirects_will_error(true)
            // Each step looks its host up, and so is checked.
            .max_idle_connections(0)
            .proxy(None)
            .tls_config(tls)
            .build();
        let resolver = scope::Within::new(self.bounds.scope, self.bounds.hosts.clone());
        Agent::with_parts(config, DefaultConnector::default(), resolver)
    }

    fn get(&mut self, uri: &Uri, longest: u64, until: Instant, tells: bool) -> Result<Vec<u8>> {
        let seconds = self.bounds.time.as_secs();
        let left = until.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "it takes longer than {seconds} s (--timeout)");
        let request = self.agent().get(uri.clone()).config().timeout_global(Some(left)).build();
        let mut response = request.call().map_err(|error| in_words(&error, seconds))?;
        let status = response.status();
        ensure!(status == 200, "the server answers {status}");
        let encoded = response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity");
        ensure!(!encoded, "the server packs what it sends, and an object is fetched as it is");
        let length = response.headers().get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        ensure!(length.is_none_or(|length| length <= longest), "it is longer than {longest} bytes");
        self.read(response.body_mut(), longest, length, seconds, tells)
    }

    fn read(
        &mut self,
        body: &mut Body,
        longest: u64,
        length: Option<u64>,
        seconds: u64,
        tells: bool,
    ) -> Result<Vec<u8>> {
        let mut reader = body.with_config().limit(u64::MAX).reader();
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK]);
        loop {
            let count = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(in_words(&ureq::Error::from(error), seconds)),
            };
            bytes.extend(chunk.iter().take(count));
            ensure!(bytes.len() as u64 <= longest, "it is longer than {longest} bytes");
            if tells {
                (self.progress)(bytes.len() as u64, length);
            }
        }
        ensure!(length.is_none_or(|length| length == bytes.len() as u64), "it ends too early");
        Ok(bytes)
    }
}

fn in_words(error: &ureq::Error, seconds: u64) -> anyhow::Error {
    match error {
        ureq::Error::Timeout(_) => anyhow!("it takes longer than {seconds} s (--timeout)"),
        ureq::Error::RequireHttpsOnly(_) => anyhow!("it redirects to something that is not https:"),
        ureq::Error::TooManyRedirects => anyhow!("it redirects more than {REDIRECTS} times"),
        ureq::Error::HostNotFound => anyhow!("there is no such host"),
        ureq::Error::Rustls(error) => anyhow!("the server's certificate or TLS: {error}"),
        ureq::Error::Other(why) if why.is::<scope::OutOfScope>() => anyhow!("{why}"),
        other => anyhow!("{other}"),
    }
}

impl Resolver for Fetcher<'_> {
    type Object = Fetched;
    type Error = anyhow::Error;

    fn fetch(&mut self, reference: Reference<'_>, name: &str) -> Result<Fetched> {
        let uri = parse(reference.untrusted())?;
        let name = if name.is_empty() { name_in(&uri) } else { Some(name) };
        let name = name.context("the reference ends with no surface: say which one it is (--name)")?.to_owned();
        Surface::parse(&name).map_err(|error| anyhow!("'{}' is no surface: {error}", name.escape_debug()))?;
        let beside = self.manifest.as_deref().map_or_else(|| manifest_of(&uri), parse)?;
        let until = Instant::now().checked_add(self.bounds.time).context("--timeout is too long")?;
        let outer = self.get(&beside, MAX_OUTER as u64, until, false);
        let outer = outer.with_context(|| format!("its manifest, {beside}"))?;
        let sealed = SealedManifest::parse(&outer)
            .map_err(|error| anyhow!("its manifest, {beside}: what came is no outer object: {error}"))?;
        let object = self.get(&uri, self.bounds.longest, until, true).with_context(|| uri.to_string())?;
        let (digest, claimed) = (Digest::of(&object), sealed.unverified().content_digest);
        ensure!(
            digest == claimed,
            "{uri}: what came is not what its manifest names: {} bytes with {digest}, not {claimed}",
            object.len()
        );
        let manifest = Digest::of(sealed.signed_bytes());
        Ok(Fetched { name, object, outer, digest, manifest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_https_or_refused_with_its_reason() {
        for (reference, expected) in [
            ("", "a path on another machine"),
            ("/var/lib/inbox/20260514t064148z.message.jasper.normal.tza", "a path on another machine"),
            ("http://host/x", "only https: is fetched"),
            ("HTTP://host/x", "only https: is fetched"),
            ("file:///etc/passwd", "'file:' is not fetched"),
            ("urn:uuid:0", "'urn:' is not fetched"),
            ("iacp:00/x", "over a session"),
            ("https:", ""),
            ("https:///x", ""),
            ("https://user@host/x", "no user and no password"),
            ("https://good.example@evil.example/x", "no user and no password"),
            ("https://ho st/x", "no reference"),
            ("https://host/x\r\nX: y", "no reference"),
            ("https://host\\@evil/x", "no reference"),
            ("https://host:/x", "its port is none"),
            ("https://host:0/x", "its port is none"),
            ("https://host:99999/x", "its port is none"),
        ] {
            let error = parse(reference).expect_err(reference).to_string();
            assert!(error.contains(expected), "{reference:?}: {error}");
        }
        let long = format!("https://host/{}", "x".repeat(LONGEST_REFERENCE));
        assert!(parse(&long).is_err_and(|error| error.to_string().contains("longer than 1024 bytes")));
    }

    #[test]
    fn the_manifest_lies_beside_the_object_whatever_the_query_is() {
        for (reference, expected) in [
            ("https://h/a/x", "https://h/a/x+manifest.json"),
            ("HTTPS://h:8443/x?token=1/2", "https://h:8443/x+manifest.json?token=1/2"),
            ("https://[::1]/x", "https://[::1]/x+manifest.json"),
        ] {
            let uri = parse(reference).expect(reference);
            assert_eq!(manifest_of(&uri).expect(reference).to_string(), expected);
        }
        let surface = "20260514t064148z.message.jasper.normal.tza";
        let with = |tail: &str| parse(&format!("https://h/a/{surface}{tail}")).expect("a reference");
        assert_eq!(name_in(&with("?x=/1")), Some(surface));
        assert_eq!(name_in(&with("/")), None);
    }
}
