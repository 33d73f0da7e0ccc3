//! The ingestion pipeline (`IACP §4.1.2`): it gives its caller questions and consumes the answers.
//!
//! The machine opens no socket. [`Pipeline::poll_ask`] returns what to do, [`Pipeline::answer`] takes the result,
//! [`Pipeline::wants`] tells whether a question is still open; T_eval and the buffer's limit end an ingestion that
//! takes too long or too much memory. The agent sees one of four [`Ingested`]s and no cause from the network; the
//! [`trail`](Pipeline::trail) is for the operator.

mod ask;
mod head;
mod limits;
mod receive;
mod steer;
mod trail;

use heapless::String;
use iacp_wire::Eid;

pub use ask::{Ask, AskId, Failure, Get, Head, Obtained, SrvTarget};
pub use limits::{AboveLimit, Limits, MAX_FLOAT_BUF, Media, Requirement, T_EVAL};
pub use trail::{Mark, Noted};

use super::form::{Form, Structure};
use super::handoff::{HandOff, Trigger};
use super::problem_cache::{Begin, LIFE_MIN, ProblemCache, authority};
use super::uri::{Uri, UriError};
use super::vector::Usiv;
use super::workflow::{Event, State};
use crate::scope::Scope;
use crate::time::Mono;

/// The path at which a site lists what it has for agents.
const WELL_KNOWN: &str = "/.well-known/anml";
/// Milliseconds for the LL-Entity's answer.
const RESOLVE_TIME: u64 = 2_000;
/// Milliseconds for the answer of DNS.
const SRV_TIME: u64 = 3_000;
/// Redirects of one document.
const REDIRECTS_MAX: u8 = 3;
/// The most 1xx heads before the final one.
const INFORMATIONAL_MAX: u8 = 8;
/// The most candidates that are tried.
const CANDIDATES_MAX: usize = 3;
/// The most marks that a trail keeps.
const TRAIL_MAX: usize = 64;

/// The URIs and the trail of one ingestion: 15 KiB of the caller's memory, for one pipeline at a time.
pub struct Workspace {
    target: Uri,
    /// The URI that is being requested, or that answered last.
    current: Uri,
    scratch: Uri,
    candidates: [Uri; CANDIDATES_MAX],
    srv: String<253>,
    trail: heapless::Vec<Mark, TRAIL_MAX>,
}

impl Workspace {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        target: Uri::EMPTY,
        current: Uri::EMPTY,
        scratch: Uri::EMPTY,
        candidates: [const { Uri::EMPTY }; CANDIDATES_MAX],
        srv: String::new(),
        trail: heapless::Vec::new(),
    };
}

/// Why nothing was begun.
///
/// ```
/// use iacp_core::dhi::pipeline::{Ingested, Limits, NotFollowed, Pipeline, Requirement, Workspace};
/// use iacp_core::dhi::uri::UriError;
/// # use iacp_core::dhi::form::Plain;
/// # use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
/// # use iacp_core::time::Mono;
/// # let mut entries = [Entry::FREE; 64];
/// # let mut cache = ProblemCache::new(&mut entries);
/// # let mut workspace = Workspace::EMPTY;
/// # let needs = Requirement::default();
///
/// let mut refused = |uri| {
///     let (buffer, plain) = ([0; 64], Plain::default());
///     match Pipeline::begin(Mono(0), uri, needs, Limits::DRAFT, &mut workspace, buffer, plain, &mut cache) {
///         Err(Ingested::Refused(why, _buffer)) => Some(why),
///         _ => None,
///     }
/// };
/// assert_eq!(refused("http://example.org/"), Some(NotFollowed::PlainHttp));
/// assert_eq!(refused("https://me@example.org/"), Some(NotFollowed::Uri(UriError::UserInfo)));
/// assert_eq!(refused("https://example.org/"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotFollowed {
    /// The text is not a URI that the interpreter follows.
    Uri(UriError),
    /// `http`, which the limits do not allow.
    PlainHttp,
}

impl core::fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Uri(error) => write!(f, "{error}"),
            Self::PlainHttp => f.pad("the URI's scheme is http, and only https is allowed"),
        }
    }
}

impl core::error::Error for NotFollowed {}

/// The result of an ingestion for the agent. Each of them returns the buffer.
// keeps: IACP-039 (§4.1.2.3)
pub enum Ingested<'m, B> {
    /// The content, and the memory in which it is.
    Native(Usiv<'m, B>),
    /// A browser is needed.
    Legacy(HandOff<'m>, B),
    /// The content is not available now; the caller may still choose the legacy path.
    Unavailable {
        /// Milliseconds after which to ask again.
        retry_after: u64,
        /// The caller's memory.
        buffer: B,
    },
    /// The URI must not be followed.
    Refused(NotFollowed, B),
}

impl<B> core::fmt::Display for Ingested<'_, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Native(_) => f.pad("native"),
            Self::Legacy(hand_off, _) => write!(f, "legacy: {}", hand_off.trigger),
            Self::Unavailable { retry_after, .. } => write!(f, "not available, again in {retry_after} ms"),
            Self::Refused(why, _) => write!(f, "refused: {why}"),
        }
    }
}

/// Which document is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    WellKnown,
    Target,
    Candidate(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Connecting,
    Body,
}

/// A GET under way.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    document: Document,
    via_srv: bool,
    heard: Heard,
    redirects: u8,
    informational: u8,
    /// Content-Length, if there was one.
    length: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Native,
    Legacy(Trigger),
    Unavailable,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Resolving,
    Srv,
    Fetching(Fetch),
    Comparing,
    Over(End),
}

/// One ingestion. `B` is the buffer, owned until [`finish`](Self::finish); `S` is the caller's check of the structure.
///
/// ```
/// use iacp_core::dhi::form::Plain;
/// use iacp_core::dhi::pipeline::{Obtained, Ask, Head, Limits, Ingested, Pipeline, Requirement, Workspace};
/// use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
/// use iacp_core::scope::Scope;
/// use iacp_core::time::Mono;
///
/// let mut entries = [Entry::FREE; 64];
/// let mut cache = ProblemCache::new(&mut entries);
/// let mut workspace = Workspace::EMPTY;
/// let buffer = vec![0; 4_096];
/// let (uri, needs) = ("https://example.org/", Requirement::default());
/// let begun = Pipeline::begin(Mono(0), uri, needs, Limits::DRAFT, &mut workspace, buffer, Plain::default(), &mut cache);
/// let mut pipeline = begun.ok().ok_or("a URI of the web, and nothing against it")?;
///
/// let fields = [("Content-Type", b"application/anml+xml".as_slice())];
/// while let Some((id, ask)) = pipeline.poll_ask() {
///     let answers = match ask {
///         Ask::Resolve { .. } => vec![Obtained::Resolved { eid: None, scope: None }],
///         Ask::Srv { .. } => vec![Obtained::Targets(&[])],
///         Ask::Get(get) => {
///             assert_eq!(get.uri, "https://example.org/.well-known/anml");
///             let head = Head { status: 200, fields: &fields };
///             vec![Obtained::Connecting(Scope::World), Obtained::Head(head), Obtained::Chunk(b"<anml/>"), Obtained::End]
///         }
///         Ask::Compare { .. } => return Err("it was not asked for".into()),
///     };
///     for answer in answers {
///         pipeline.answer(Mono(10), id, answer, &mut cache);
///     }
/// }
/// let Ok(Ingested::Native(usiv)) = pipeline.finish() else { return Err("ANML is there".into()) };
/// assert_eq!(usiv.payload(), b"<anml/>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Pipeline<'m, B, S> {
    workspace: &'m mut Workspace,
    buffer: B,
    structure: S,
    needs: Requirement,
    limits: Limits,
    begun: Mono,
    deadline: Mono,
    step_deadline: Option<Mono>,
    state: State,
    step: Step,
    id: AskId,
    is_asked: bool,
    /// The scope of the agent's own URI: the widest one so far.
    own_scope: Option<Scope>,
    /// Whether a direct connection to it has shown a scope.
    is_scope_shown: bool,
    srv_port: Option<u16>,
    eid: Option<Eid>,
    /// Whether the origin's own well-known answer names the mapped EID.
    is_confirmed: bool,
    skips_well_known: bool,
    candidates: usize,
    /// A bit for each candidate whose probe this ingestion owns.
    probes: u8,
    /// Whether the candidates are from an answer of the SRV target, which may then serve them too.
    from_srv: bool,
    form: Form,
    filled: usize,
    strays: u32,
}

impl<'m, B: AsRef<[u8]> + AsMut<[u8]>, S: Structure> Pipeline<'m, B, S> {
    /// Begins an ingestion of `uri` at `now`: T_eval runs from here.
    ///
    /// # Errors
    /// The outcome, if it is known immediately: the URI is refused, or the problem cache short-circuits it or has no
    /// room.
    #[expect(
        clippy::too_many_arguments,
        reason = "each of them is the caller's, and a struct of them would be moved too"
    )]
    pub fn begin(
        now: Mono,
        uri: &str,
        needs: Requirement,
        limits: Limits,
        workspace: &'m mut Workspace,
        buffer: B,
        structure: S,
        cache: &mut ProblemCache<'_>,
    ) -> Result<Self, Ingested<'m, B>> {
        if let Err(error) = workspace.target.read(uri) {
            return Err(Ingested::Refused(NotFollowed::Uri(error), buffer));
        }
        if !workspace.target.is_https() && !limits.http {
            return Err(Ingested::Refused(NotFollowed::PlainHttp, buffer));
        }
        let target = &workspace.target;
        let well_known = target.problem_key_at(WELL_KNOWN);
        let begin = cache.begin(now, authority(target), &target.problem_key(), &well_known);
        let skips_well_known = match begin {
            Begin::Go { skip } => skip,
            Begin::Not(retry_after) => return Err(Ingested::Unavailable { retry_after, buffer }),
        };
        workspace.srv.clear();
        workspace.trail.clear();
        let mut pipeline = Self {
            workspace,
            buffer,
            structure,
            needs,
            limits,
            begun: now,
            deadline: now.after(u64::from(limits.t_eval())),
            step_deadline: None,
            state: State::INITIAL,
            step: Step::Resolving,
            id: AskId(0),
            is_asked: false,
            own_scope: None,
            is_scope_shown: false,
            srv_port: None,
            eid: None,
            is_confirmed: false,
            skips_well_known,
            candidates: 0,
            probes: 0,
            from_srv: false,
            form: Form::Xml,
            filled: 0,
            strays: 0,
        };
        pipeline.note(now, Noted::State(State::INITIAL));
        pipeline.go(now, Event::InitiateResolve);
        pipeline.ask(Step::Resolving, Some(now.after(RESOLVE_TIME)));
        Ok(pipeline)
    }

    /// The next question, returned once. One question is open at a time: a new one closes the one before.
    pub fn poll_ask(&mut self) -> Option<(AskId, Ask<'_>)> {
        if self.is_asked {
            return None;
        }
        let least = match self.step {
            Step::Fetching(fetch) => self.least_scope(&fetch),
            _ => Scope::World,
        };
        let Workspace { target, current, srv, .. } = &*self.workspace;
        let ask = match self.step {
            Step::Resolving => Ask::Resolve { uri: target.as_str(), host: target.host() },
            Step::Srv => Ask::Srv { host: target.host() },
            Step::Fetching(fetch) => {
                let endpoint = self.srv_port.filter(|_| fetch.via_srv);
                Ask::Get(Get {
                    uri: current.as_str(),
                    https: current.is_https(),
                    host: current.host(),
                    connect_to: if endpoint.is_some() { srv } else { current.host() },
                    port: endpoint.unwrap_or(current.port()),
                    path: current.path(),
                    scope_at_least: least,
                })
            }
            Step::Comparing => Ask::Compare {
                uri: target.as_str(),
                form: self.form,
                document: self.buffer.as_ref().get(..self.filled).unwrap_or_default(),
                scope_at_least: self.own_scope.unwrap_or(Scope::Host).max(self.limits.scope_at_least),
            },
            Step::Over(_) => return None,
        };
        self.is_asked = true;
        Some((self.id, ask))
    }

    /// Whether this question is still open. A caller that checks this before each step of its own sends nothing
    /// needlessly.
    #[must_use]
    pub fn wants(&self, id: AskId) -> bool {
        self.is_asked && self.id == id && !self.is_over()
    }

    /// Whether [`finish`](Self::finish) has an outcome.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.step, Step::Over(_))
    }

    /// When to call [`handle_deadline`](Self::handle_deadline); `None` when the ingestion is over.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let soonest = self.step_deadline.map_or(self.deadline, |step| step.min(self.deadline));
        (!self.is_over()).then_some(soonest)
    }

    /// Handles a deadline that has passed; an earlier call does nothing.
    // keeps: IACP-032 (§4.1.2.1)
    pub fn handle_deadline(&mut self, now: Mono, cache: &mut ProblemCache<'_>) {
        if self.is_over() {
            return;
        }
        if now >= self.deadline {
            self.expire(now, cache);
        } else if self.step_deadline.is_some_and(|deadline| now >= deadline) {
            self.note(now, Noted::Late);
            match self.step {
                Step::Resolving => self.ask(Step::Srv, Some(now.after(SRV_TIME))),
                Step::Srv => self.srv_answered(now, &[]),
                _ => self.step_deadline = None,
            }
        }
    }

    /// Takes an answer. An answer to another question, or one that is out of order, is counted and ignored.
    pub fn answer(&mut self, now: Mono, to: AskId, answer: Obtained<'_>, cache: &mut ProblemCache<'_>) {
        self.handle_deadline(now, cache);
        if !self.wants(to) {
            self.strays = self.strays.saturating_add(1);
            return;
        }
        match (self.step, answer) {
            (Step::Resolving, Obtained::Resolved { eid, scope }) => {
                self.note(now, Noted::Mapped(eid.is_some()));
                (self.eid, self.own_scope) = (eid, scope);
                self.ask(Step::Srv, Some(now.after(SRV_TIME)));
            }
            // keeps: IACP-027 (§4.1.2)
            (Step::Resolving, Obtained::Failed(_)) => {
                self.note(now, Noted::Mapped(false));
                self.ask(Step::Srv, Some(now.after(SRV_TIME)));
            }
            (Step::Srv, Obtained::Targets(targets)) => self.srv_answered(now, targets),
            (Step::Srv, Obtained::Failed(_)) => self.srv_answered(now, &[]),
            (Step::Fetching(fetch), answer) => self.fetched(now, fetch, answer, cache),
            (Step::Comparing, Obtained::Compared { web, tree }) => {
                if web.is_equivalent(tree) {
                    self.deliver(now, cache);
                } else {
                    // keeps: IACP-049 (§1.2), IACP-053 (§4.1.4.1)
                    self.fall_back(now, Trigger::EquivalenceFailed, cache);
                }
            }
            // If equivalence was not shown, the document does not count as equivalent.
            (Step::Comparing, Obtained::Failed(_)) => self.fall_back(now, Trigger::EquivalenceFailed, cache),
            _ => self.strays = self.strays.saturating_add(1),
        }
    }

    /// Answers that belonged to no open question.
    #[must_use]
    pub const fn strays(&self) -> u32 {
        self.strays
    }

    /// The EID under which the origin may also be reached, as the LL-Entity answered. It does not prove that the EID's
    /// content is the origin's.
    #[must_use]
    pub const fn mapping(&self) -> Option<Eid> {
        self.eid
    }

    /// The narrowest scope to which others may go for this URI's sake, a browser that it is handed to among them: the widest one that a
    /// direct connection to its own authority has shown (PROFILE 18.4), else the world.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let shown = self.own_scope.filter(|_| self.is_scope_shown);
        shown.unwrap_or(Scope::World).max(self.limits.scope_at_least)
    }

    /// Whether the origin itself has confirmed the mapping: its own well-known answer, over TLS and without a redirect
    /// to elsewhere, has a Link `alternate` to `iacp:` and this EID. Only then does the EID's content count as the
    /// origin's, unless the root under which the EID is named is pinned for that.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// The steps so far, for the operator.
    #[must_use]
    pub fn trail(&self) -> &[Mark] {
        &self.workspace.trail
    }

    /// The outcome, together with all memory that the pipeline held.
    ///
    /// # Errors
    /// The ingestion is not over: the pipeline is returned unchanged.
    // keeps: IACP-038 (§4.1.2.2), IACP-065 (§4.1.5.3)
    #[expect(clippy::result_large_err, reason = "it is the pipeline itself, and only for a caller that asks too early")]
    pub fn finish(self) -> Result<Ingested<'m, B>, Self> {
        let Step::Over(end) = self.step else { return Err(self) };
        let Self { workspace, buffer, filled, .. } = self;
        let Workspace { target, current, .. } = workspace;
        Ok(match end {
            // keeps: IACP-061 (§4.1.5)
            End::Native => match Usiv::of_origin(current, buffer, filled) {
                Ok(usiv) => Ingested::Native(usiv),
                // This happens only with a buffer that shrinks while the pipeline owns it.
                Err(buffer) => Ingested::Unavailable { retry_after: LIFE_MIN, buffer },
            },
            End::Legacy(trigger) => Ingested::Legacy(HandOff { trigger, url: target.as_str() }, buffer),
            End::Unavailable => Ingested::Unavailable { retry_after: LIFE_MIN, buffer },
        })
    }
}
