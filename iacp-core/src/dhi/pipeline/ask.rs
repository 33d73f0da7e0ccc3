//! The pipeline's questions to its caller, and the answers.

use iacp_wire::Eid;

use super::super::equivalence::Parity;
use super::super::form::Form;
use crate::scope::Scope;

/// Identifies a question. An answer to any other than the open question is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AskId(pub(super) u32);

/// What the caller has to do, and then to answer with the [`AskId`] of the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// A question to the LL-Entity about this host (`IACP §4.1.1`). Answered by [`Obtained::Resolved`] within 2 s.
    // keeps: IACP-026 (§4.1.1)
    Resolve {
        /// The URI that the agent requested.
        uri: &'a str,
        /// Its host.
        host: &'a str,
    },
    /// A DNS SRV query for `_anml._tcp.` and this host. Answered by [`Obtained::Targets`] within 3 s.
    Srv {
        /// The host; the caller puts the two labels before it.
        host: &'a str,
    },
    /// An HTTP GET. Answered by [`Obtained::Connecting`], then [`Obtained::Head`], then chunks and [`Obtained::End`].
    Get(Get<'a>),
    /// A comparison of the text of the web page at `uri` with that of the document, each as a [`Parity`]. Answered by
    /// [`Obtained::Compared`].
    Compare {
        /// Where the web page is.
        uri: &'a str,
        /// The document's form.
        form: Form,
        /// The document.
        document: &'a [u8],
        /// The scope that connections to the agent's authority have shown: a request for the page must not go to a
        /// narrower one.
        scope_at_least: Scope,
    },
}

/// One HTTP GET. The request has `Accept-Encoding: identity`; the certificate must be that of `host`, whichever server
/// it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get<'a> {
    /// The whole URI.
    pub uri: &'a str,
    /// Whether TLS is spoken.
    pub https: bool,
    /// The URI's host, for the `Host` field and the certificate.
    pub host: &'a str,
    /// Where to connect: the host, or the target of SRV.
    pub connect_to: &'a str,
    /// The port to connect to.
    pub port: u16,
    /// Path and query.
    pub path: &'a str,
    /// Before it sends, the caller reports the scope of the exact address that it will use; a narrower one than this
    /// ends the question.
    pub scope_at_least: Scope,
}

impl Get<'_> {
    /// The value of the `Accept` field.
    pub const ACCEPT: &'static str = "application/anml+xml, application/anml+json;q=0.9";
}

/// One target of an SRV answer (RFC 2782).
///
/// A site names a server of its own for agents. It does not answer, and the pipeline asks the site itself:
///
/// ```
/// use iacp_core::dhi::pipeline::{AskId, Failure, Mark, Noted, SrvTarget};
/// use iacp_core::dhi::pipeline::{Ask, Limits, Obtained, Pipeline, Requirement, Workspace};
/// # use iacp_core::dhi::form::Plain;
/// # use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
/// # use iacp_core::time::Mono;
/// # let now = Mono(0);
/// # let mut entries = [Entry::FREE; 64];
/// # let mut cache = ProblemCache::new(&mut entries);
/// # let mut workspace = Workspace::EMPTY;
/// # let (uri, needs, buffer) = ("https://example.org/", Requirement::default(), vec![0; 4_096]);
///
/// let plain = Plain::default();
/// let begun = Pipeline::begin(now, uri, needs, Limits::DRAFT, &mut workspace, buffer, plain, &mut cache);
/// let mut pipeline = begun.ok().ok_or("a URI of the web, and nothing against it")?;
/// let mut asked = Vec::new();
/// while let Some((id, ask)) = pipeline.poll_ask() {
///     let id: AskId = id;
///     let target = SrvTarget { priority: 0, weight: 0, port: 8443, name: "agents.example.org" };
///     let answer = match ask {
///         Ask::Srv { .. } => Obtained::Targets(&[target]),
///         Ask::Get(get) => {
///             asked.push(get.connect_to.to_owned());
///             Obtained::Failed(Failure::NotConnected)
///         }
///         _ => Obtained::Resolved { eid: None, scope: None },
///     };
///     pipeline.answer(now, id, answer, &mut cache);
/// }
/// assert_eq!(asked, ["agents.example.org", "example.org"]);
/// assert!(pipeline.trail().iter().any(|Mark { what, .. }| *what == Noted::SrvFailed));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrvTarget<'a> {
    /// Lower is first.
    pub priority: u16,
    /// The greater weight comes first among equal priorities.
    pub weight: u16,
    /// The port on which it listens.
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
    /// The connection broke, or the response was not HTTP.
    Lost,
}

words! {
    Failure {
        Self::NotConnected => "no connection",
        Self::Tls => "no TLS session",
        Self::Lost => "connection lost",
    }
}

/// What the caller found.
#[derive(Clone, Copy, Debug)]
pub enum Obtained<'a> {
    /// To [`Ask::Resolve`]: the EID to which the host is mapped, if there is one, and the scope of its address, if it
    /// was looked up.
    Resolved {
        /// The mapping.
        eid: Option<Eid>,
        /// The reach of the locator.
        scope: Option<Scope>,
    },
    /// To [`Ask::Srv`]: the targets; empty if DNS has none.
    Targets(&'a [SrvTarget<'a>]),
    /// To [`Ask::Get`]: the scope of the address to which the caller is about to connect. It goes on only while
    /// [`wants`](super::Pipeline::wants) holds.
    Connecting(Scope),
    /// A head, 1xx too.
    Head(Head<'a>),
    /// The next bytes of the body, without framing.
    Chunk(&'a [u8]),
    /// The body is whole.
    End,
    /// The answer to [`Ask::Compare`].
    Compared {
        /// The web page's text.
        web: &'a Parity,
        /// The document's text.
        tree: &'a Parity,
    },
    /// To any question: the step failed.
    Failed(Failure),
}
