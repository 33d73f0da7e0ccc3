//! URIs of the web as the interpreter reads them: RFC 3986, `http` and `https` alone, in one spelling.
//!
//! A [`Uri`] holds scheme and host in small letters, no default port, no dot segments and no fragment; so two that are equal
//! as text are equal.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;

use heapless::String;
use sha2::{Digest as _, Sha256};

/// The longest URI, in bytes.
pub const URI_MAX: usize = 2_048;

/// Why a text is not a URI that the interpreter follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UriError {
    /// Longer than [`URI_MAX`].
    TooLong,
    /// A byte that RFC 3986 does not allow, or `%` without two hexadecimal digits.
    Byte,
    /// Neither `http` nor `https`, or no scheme at all.
    Scheme,
    /// User information before the host.
    UserInfo,
    /// No host, a label that DNS does not allow, or a number that is not an address.
    Host,
    /// A port that is not a number from 1 to 65,535.
    Port,
}

words! {
    UriError {
        Self::TooLong => "the URI is longer than 2,048 bytes",
        Self::Byte => "the URI has a byte that RFC 3986 does not allow",
        Self::Scheme => "the URI's scheme is neither http nor https",
        Self::UserInfo => "the URI has user information",
        Self::Host => "the URI's host is neither a DNS name nor an address",
        Self::Port => "the URI's port is no number from 1 to 65,535",
    }
}

impl core::error::Error for UriError {}

/// What a URI's host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    Name,
    Literal,
}

/// An absolute URI, in its one spelling. It has 2 KiB, so it is not moved, and is read in place.
///
/// ```
/// use iacp_core::dhi::uri::Uri;
///
/// let mut page = Uri::EMPTY;
/// page.read("HTTPS://Example.com:443/a/./b/../c?q#part")?;
/// assert_eq!(page.as_str(), "https://example.com/a/c?q");
///
/// let mut link = Uri::EMPTY;
/// link.resolve(&page, "../page.anml")?;
/// assert_eq!((link.host(), link.port(), link.path()), ("example.com", 443, "/page.anml"));
/// # Ok::<(), iacp_core::dhi::uri::UriError>(())
/// ```
pub struct Uri {
    text: String<URI_MAX>,
    https: bool,
    literal: bool,
    host: Range<usize>,
    port: u16,
    path: usize,
}

/// A reference in its five parts (RFC 3986 §5.2.2).
struct Reference<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

impl<'a> Reference<'a> {
    fn read(text: &'a str) -> Result<Self, UriError> {
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let escaped = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
            if !is_allowed(byte) || (byte == b'%' && !(escaped(bytes.next()) && escaped(bytes.next()))) {
                return Err(UriError::Byte);
            }
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let (text, query) = text.split_once('?').map_or((text, None), |(before, query)| (before, Some(query)));
        let (scheme, text) = match text.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, text),
        };
        let (authority, path) = match text.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, text),
        };
        Ok(Self { scheme, authority, path, query })
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The labels of a name are those of DNS. A host that ends in a number must be an IPv4 address in its one spelling, or
/// is refused: some resolvers read `127.1` and `0x7f000001` as addresses.
fn host_kind(host: &str) -> Result<Host, UriError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().map(|_| Host::Literal).map_err(|_| UriError::Host);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_number {
        return host.parse::<Ipv4Addr>().map(|_| Host::Literal).map_err(|_| UriError::Host);
    }
    is_dns_name(host).then_some(Host::Name).ok_or(UriError::Host)
}

/// Whether a host is a name, and not an address in any spelling.
pub(super) fn is_host_name(host: &str) -> bool {
    matches!(host_kind(host), Ok(Host::Name))
}

/// At most 253 bytes of labels of at most 63, which are letters, digits, hyphens and underscores.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

impl Uri {
    /// No URI yet.
    pub const EMPTY: Self = Self { text: String::new(), https: false, literal: false, host: 0..0, port: 0, path: 0 };

    /// Reads an absolute URI.
    ///
    /// # Errors
    /// What [`UriError`] names; this is then empty.
    pub fn read(&mut self, text: &str) -> Result<(), UriError> {
        self.rebuild(None, text)
    }

    /// Reads a reference against the URI of the document in which it stands (RFC 3986 §5.2).
    ///
    /// # Errors
    /// What [`UriError`] names; this is then empty.
    pub fn resolve(&mut self, base: &Self, reference: &str) -> Result<(), UriError> {
        self.rebuild(Some(base), reference)
    }

    fn rebuild(&mut self, base: Option<&Self>, text: &str) -> Result<(), UriError> {
        let result = self.build(base, text);
        if result.is_err() {
            self.clear();
        }
        result
    }

    fn clear(&mut self) {
        self.text.clear();
        (self.host, self.port, self.path, self.literal) = (0..0, 0, 0, false);
    }

    fn build(&mut self, base: Option<&Self>, text: &str) -> Result<(), UriError> {
        self.clear();
        // Removing dot segments shortens a text, so one that is a little too long may fit; one that is far too long is
        // not searched.
        if text.len() > 2 * URI_MAX {
            return Err(UriError::TooLong);
        }
        let reference = Reference::read(text)?;
        let https = match (reference.scheme, base) {
            (Some(scheme), _) if scheme.eq_ignore_ascii_case("https") => true,
            (Some(scheme), _) if scheme.eq_ignore_ascii_case("http") => false,
            (None, Some(base)) if !base.text.is_empty() => base.https,
            _ => return Err(UriError::Scheme),
        };
        self.https = https;
        self.push(if https { "https://" } else { "http://" })?;
        let base = base.filter(|_| reference.scheme.is_none());
        match (reference.authority, base) {
            (Some(authority), _) => self.push_authority(authority)?,
            (None, Some(base)) => {
                self.push(base.text.get(self.text.len()..base.path).unwrap_or_default())?;
                (self.host, self.port, self.literal) = (base.host.clone(), base.port, base.literal);
            }
            (None, None) => return Err(UriError::Host),
        }
        self.path = self.text.len();
        let base = base.filter(|_| reference.authority.is_none());
        let query = match base {
            Some(base) if reference.path.is_empty() => {
                self.push(base.path_alone())?;
                reference.query.or_else(|| base.query())
            }
            Some(base) if !reference.path.starts_with('/') => {
                let path = base.path_alone();
                self.push_path(path.get(..path.rfind('/').unwrap_or(0)).unwrap_or_default())?;
                self.push_segments(reference.path)?;
                reference.query
            }
            _ => {
                self.push_path(reference.path)?;
                reference.query
            }
        };
        if self.text.len() == self.path {
            self.push("/")?;
        }
        if let Some(query) = query {
            self.push("?")?;
            self.push(query)?;
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), UriError> {
        self.text.push_str(text).map_err(|_| UriError::TooLong)
    }

    fn push_authority(&mut self, authority: &str) -> Result<(), UriError> {
        if authority.contains('@') {
            return Err(UriError::UserInfo);
        }
        let end_of_literal = authority.rfind(']').unwrap_or(0);
        let colon = authority.rfind(':').filter(|at| *at >= end_of_literal);
        let (host, port) = match colon {
            Some(at) => (authority.get(..at).unwrap_or_default(), authority.get(at + 1..).unwrap_or_default()),
            None => (authority, ""),
        };
        self.literal = host_kind(host)? == Host::Literal;
        let start = self.text.len();
        for byte in host.bytes() {
            self.text.push(char::from(byte.to_ascii_lowercase())).map_err(|_| UriError::TooLong)?;
        }
        self.host = start..self.text.len();
        let default = if self.https { 443 } else { 80 };
        self.port = match port {
            "" => default,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(UriError::Port)?
            }
            _ => return Err(UriError::Port),
        };
        if self.port != default {
            fmt::Write::write_fmt(&mut self.text, format_args!(":{}", self.port)).map_err(|_| UriError::TooLong)?;
        }
        Ok(())
    }

    /// A path that begins with `/` or is empty.
    fn push_path(&mut self, path: &str) -> Result<(), UriError> {
        match path.strip_prefix('/') {
            Some(segments) => self.push_segments(segments),
            None => Ok(()),
        }
    }

    /// Appends segments, without dot segments (RFC 3986 §5.2.4).
    fn push_segments(&mut self, segments: &str) -> Result<(), UriError> {
        let mut segments = segments.split('/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                "." | ".." => {
                    if segment == ".."
                        && let Some(at) = self.text.get(self.path..).and_then(|path| path.rfind('/'))
                    {
                        self.text.truncate(self.path.saturating_add(at));
                    }
                    if segments.peek().is_none() {
                        self.push("/")?;
                    }
                }
                segment => {
                    self.push("/")?;
                    self.push(segment)?;
                }
            }
        }
        Ok(())
    }

    /// The same URI here.
    pub(super) fn copy(&mut self, other: &Self) {
        self.clear();
        // Both have the same capacity.
        let _ = self.text.push_str(&other.text);
        (self.https, self.literal, self.host, self.port, self.path) =
            (other.https, other.literal, other.host.clone(), other.port, other.path);
    }

    /// The whole URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether its scheme is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// The host: a DNS name, an IPv4 address or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text.get(self.host.clone()).unwrap_or_default()
    }

    /// Whether the host is an address, not a name.
    #[must_use]
    pub const fn is_literal(&self) -> bool {
        self.literal
    }

    /// The port; that of the scheme if none is written.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as in a request.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    fn path_alone(&self) -> &str {
        self.path().split('?').next().unwrap_or_default()
    }

    fn query(&self) -> Option<&str> {
        self.path().split_once('?').map(|(_, query)| query)
    }

    /// Scheme, host and port: what a browser calls the origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }

    /// SHA-256("IACP/1 origin" | 0 | scheme "://" host ":" port): a name for the origin with the size of an EID. It is
    /// not a key.
    #[must_use]
    pub fn origin_digest(&self) -> [u8; 32] {
        self.digest("IACP/1 origin", "")
    }

    /// The key of this URI in the problem cache.
    pub(super) fn problem_key(&self) -> [u8; 32] {
        self.digest("IACP/1 problem", self.path())
    }

    /// The key of this URI as one that documents of an authority name.
    pub(super) fn problem_key_named_by(&self, authority: &[u8; 8]) -> [u8; 32] {
        let key = self.problem_key();
        Sha256::new_with_prefix(b"IACP/1 named problem\0").chain_update(authority).chain_update(key).finalize().into()
    }

    /// The key of another path of the same origin.
    pub(super) fn problem_key_at(&self, path: &str) -> [u8; 32] {
        self.digest("IACP/1 problem", path)
    }

    fn digest(&self, label: &str, path: &str) -> [u8; 32] {
        let mut port = String::<8>::new();
        // Six bytes fit.
        let _ = fmt::Write::write_fmt(&mut port, format_args!(":{}", self.port));
        let scheme: &str = if self.https { "https://" } else { "http://" };
        let parts = [label, "\0", scheme, self.host(), &port, path];
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({})", self.text)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests;
