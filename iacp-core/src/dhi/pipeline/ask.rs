//! What the pipeline asks its caller for, and what it is answered.

use core::fmt;

use iacp_wire::Eid;

use super::super::equivalence::Parity;
use super::super::form::Form;
use super::super::scope::Scope;

/// Names one question. An answer to another one than the open one is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AskId(pub(super) u32);

/// What the caller is to do, and to answer with the [`AskId`] that came with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Of the LL-Entity: what it knows of this host (`IACP §4.1.1`). Answered by [`Answer::Resolved`] within 2 s.
    // keeps: IACP-026 (§4.1.1)
    Resolve {
        /// The URI that the agent wants.
        uri: &'a str,
        /// Its host.
        host: &'a str,
    },
    /// A DNS SRV query for `_anml._tcp.` and this host. Answered by [`Answer::Targets`] within 3 s.
    Srv {
        /// The host; the caller puts the two labels before it.
        host: &'a str,
    },
    /// An HTTP GET. Answered by [`Answer::Connecting`], then [`Answer::Head`], then chunks and [`Answer::End`].
    Get(Get<'a>),
    /// The text of the web page at `uri` and that of the document, as [`Parity`] each: answered by [`Answer::Compared`].
    Compare {
        /// Where the web page is.
        uri: &'a str,
        /// The document's form.
        form: Form,
        /// The document.
        document: &'a [u8],
        /// The scope that the agent's authority has shown: a request for the page goes to no narrower one.
        scope_at_least: Scope,
    },
}

/// One HTTP GET. The request has `Accept-Encoding: identity`; the certificate is that of `host`, wherever it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get<'a> {
    /// The whole URI.
    pub uri: &'a str,
    /// Whether TLS is spoken.
    pub https: bool,
    /// The URI's host: of the `Host` field, of the certificate.
    pub host: &'a str,
    /// Where to connect: the host, or the target of SRV.
    pub connect_to: &'a str,
    /// The port to connect to.
    pub port: u16,
    /// Path and query.
    pub path: &'a str,
    /// Before it sends, the caller reports the scope of the very address it will use; a narrower one ends the question.
    pub scope_at_least: Scope,
}

impl Get<'_> {
    /// What the `Accept` field says.
    pub const ACCEPT: &'static str = "application/anml+xml, application/anml+json;q=0.9";
}

/// One target of an SRV answer (RFC 2782).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrvTarget<'a> {
    /// Lower is first.
    pub priority: u16,
    /// Greater is first, among equal priorities.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// Its name, without a dot at the end.
    pub name: &'a str,
}

/// A response's first line and fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The status.
    pub status: u16,
    /// Names and values in order, as they came.
    pub fields: &'a [(&'a str, &'a [u8])],
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// No address, or no connection.
    NotConnected,
    /// No TLS session with a certificate of the host.
    Tls,
    /// The connection broke, or what came was no HTTP.
    Lost,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotConnected => "no connection",
            Self::Tls => "no TLS session",
            Self::Lost => "connection lost",
        })
    }
}

/// What the caller found.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// Of [`Ask::Resolve`]: the EID that stands for the host, if there is one, and the scope of its address, if it was looked up.
    Resolved {
        /// The mapping.
        eid: Option<Eid>,
        /// The reach of the locator.
        scope: Option<Scope>,
    },
    /// Of [`Ask::Srv`]; none where DNS has none.
    Targets(&'a [SrvTarget<'a>]),
    /// Of [`Ask::Get`]: the address to which it is about to connect. The caller goes on only while
    /// [`wants`](super::Pipeline::wants) holds.
    Connecting(Scope),
    /// A head, 1xx too.
    Head(Head<'a>),
    /// The next bytes of the body, without framing.
    Chunk(&'a [u8]),
    /// The body is whole.
    End,
    /// Of [`Ask::Compare`].
    Compared {
        /// The web page's text.
        web: &'a Parity,
        /// The document's text.
        tree: &'a Parity,
    },
    /// Of any: it did not work.
    Failed(Failure),
}
