//! A web of a few lines, and a driver that answers a pipeline from it in virtual time.

use std::collections::{BTreeMap, VecDeque};

use iacp_core::dhi::equivalence::{Canonical, Parity};
use iacp_core::dhi::form::Plain;
use iacp_core::dhi::handoff::Trigger;
use iacp_core::dhi::pipeline::{
    Ask, AskId, Failure, Head, Ingested, Limits, NotFollowed, Obtained, Pipeline, Requirement, SrvTarget, Workspace,
};
use iacp_core::dhi::problem_cache::{Entry, ProblemCache};
use iacp_core::scope::Scope;
use iacp_core::time::Mono;
use iacp_wire::Eid;

pub const XML: &str = "application/anml+xml";

/// How a body goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Whole,
    /// So many bytes, then silence.
    Stalled(usize),
    Broken,
    Endless,
}

#[derive(Clone)]
pub struct Page {
    status: u16,
    fields: Vec<(String, String)>,
    bytes: Vec<u8>,
    body: Body,
    delay: u64,
    informational: usize,
}

impl Page {
    pub fn status(status: u16) -> Self {
        Self { status, fields: vec![], bytes: vec![], body: Body::Whole, delay: 10, informational: 0 }
    }

    pub fn bytes(media_type: &str, bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), ..Self::status(200).field("Content-Type", media_type) }
    }

    pub fn anml(text: &str) -> Self {
        Self::bytes(XML, text.as_bytes())
    }

    pub fn redirect(location: &str) -> Self {
        Self::status(302).field("Location", location)
    }

    pub fn endless() -> Self {
        Self { body: Body::Endless, ..Self::anml("<") }
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn slow(self, delay: u64) -> Self {
        Self { delay, ..self }
    }

    pub fn stalled(self, after: usize) -> Self {
        Self { body: Body::Stalled(after), ..self }
    }

    pub fn broken(self) -> Self {
        Self { body: Body::Broken, ..self }
    }

    pub fn informational(self, informational: usize) -> Self {
        Self { informational, ..self }
    }
}

/// What an agent sees.
#[derive(Debug, PartialEq)]
pub enum Seen {
    Native { source: [u8; 32], uri: String, payload: Vec<u8> },
    Legacy(Trigger, String),
    Unavailable(u64),
    Refused(NotFollowed),
}

impl Seen {
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Native { payload, .. } => payload,
            other => panic!("not native but {other:?}"),
        }
    }
}

pub struct Web {
    pages: BTreeMap<String, Page>,
    scopes: BTreeMap<String, VecDeque<Scope>>,
    unreachable: Vec<String>,
    entries: Vec<Entry>,
    pub limits: Limits,
    pub needs: Requirement,
    pub targets: Vec<(u16, u16, u16, &'static str)>,
    pub eid: Option<Eid>,
    pub scope: Option<Scope>,
    pub texts: Option<(String, String)>,
    pub resolve_time: u64,
    pub srv_time: u64,
    pub now: u64,
    /// URIs for which a request was sent or tried.
    pub asked: Vec<String>,
    /// Where connections were begun, allowed or not.
    pub connected: Vec<String>,
    /// Where requests were sent.
    pub sent_to: Vec<String>,
    pub resolved: usize,
    pub mapping: Option<Eid>,
    pub is_confirmed: bool,
    /// What the application does with content.
    pub application: fn(&[u8]),
    pub trail: Vec<String>,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            pages: BTreeMap::new(),
            scopes: BTreeMap::new(),
            unreachable: vec![],
            entries: vec![Entry::FREE; 64],
            limits: Limits::DRAFT,
            needs: Requirement::default(),
            targets: vec![],
            eid: None,
            scope: None,
            texts: None,
            resolve_time: 1,
            srv_time: 1,
            now: 1_000_000,
            asked: vec![],
            connected: vec![],
            sent_to: vec![],
            resolved: 0,
            mapping: None,
            is_confirmed: false,
            application: |_| (),
            trail: vec![],
        }
    }
}

type Machine<'m> = Pipeline<'m, Vec<u8>, Plain>;

impl Web {
    pub fn page(mut self, uri: &str, page: Page) -> Self {
        self.pages.insert(uri.to_owned(), page);
        self
    }

    pub fn unreachable(mut self, host: &str) -> Self {
        self.unreachable.push(host.to_owned());
        self
    }

    pub fn reachable(mut self) -> Self {
        self.unreachable.clear();
        self
    }

    pub fn at(self, host: &str, scope: Scope) -> Self {
        self.flipping(host, &[scope])
    }

    /// The scope of each connection in turn; the last one stays.
    pub fn flipping(mut self, host: &str, scopes: &[Scope]) -> Self {
        self.scopes.insert(host.to_owned(), scopes.iter().copied().collect());
        self
    }

    fn scope_of(&mut self, host: &str) -> Scope {
        match self.scopes.get_mut(host) {
            Some(scopes) if scopes.len() > 1 => scopes.pop_front().expect("more than one"),
            Some(scopes) => scopes[0],
            None => Scope::World,
        }
    }

    pub fn states(&self) -> Vec<&str> {
        let is_state =
            |line: &&str| line.chars().all(|c| c.is_ascii_uppercase() || c == '_') && *line != "USER_REQ_CHECK";
        self.trail.iter().map(String::as_str).filter(is_state).collect()
    }

    pub fn fetch(&mut self, uri: &str) -> Seen {
        let mut entries = std::mem::take(&mut self.entries);
        let seen = self.fetch_with(uri, &mut ProblemCache::new(&mut entries));
        self.entries = entries;
        if let Seen::Native { payload, .. } = &seen {
            (self.application)(payload);
        }
        seen
    }

    pub fn fetch_with(&mut self, uri: &str, cache: &mut ProblemCache<'_>) -> Seen {
        let mut workspace = Workspace::EMPTY;
        let buffer = vec![0; 4_194_400];
        let begun = Pipeline::begin(
            Mono(self.now),
            uri,
            self.needs,
            self.limits,
            &mut workspace,
            buffer,
            Plain::default(),
            cache,
        );
        let mut pipeline = match begun {
            Ok(pipeline) => pipeline,
            Err(outcome) => return seen(outcome),
        };
        let mut steps = 0;
        while !pipeline.is_over() {
            steps += 1;
            assert!(steps < 100, "it does not end: {:?}", pipeline.trail());
            self.step(&mut pipeline, cache);
        }
        (self.mapping, self.is_confirmed) = (pipeline.mapping(), pipeline.is_confirmed());
        self.trail = pipeline.trail().iter().map(|mark| mark.what.to_string()).collect();
        assert_eq!(pipeline.next_deadline(), None);
        seen(pipeline.finish().ok().expect("it is over"))
    }

    /// Answers after `delay`, or lets the deadline pass that comes before.
    fn later(&mut self, pipeline: &mut Machine<'_>, id: AskId, delay: u64, cache: &mut ProblemCache<'_>) -> bool {
        let arrives = self.now + delay;
        while let Some(deadline) = pipeline.next_deadline().filter(|deadline| deadline.0 <= arrives) {
            self.now = self.now.max(deadline.0);
            pipeline.handle_deadline(Mono(self.now), cache);
            if !pipeline.wants(id) {
                return false;
            }
        }
        self.now = arrives;
        pipeline.wants(id)
    }

    fn step(&mut self, pipeline: &mut Machine<'_>, cache: &mut ProblemCache<'_>) {
        let (id, ask) = pipeline.poll_ask().expect("a machine that is not over has a question");
        match ask {
            Ask::Resolve { host, .. } => {
                assert!(!host.is_empty());
                self.resolved += 1;
                let answer = Obtained::Resolved { eid: self.eid, scope: self.scope };
                if self.later(pipeline, id, self.resolve_time, cache) {
                    pipeline.answer(Mono(self.now), id, answer, cache);
                }
            }
            Ask::Srv { .. } => {
                let targets: Vec<SrvTarget<'_>> = self
                    .targets
                    .iter()
                    .map(|&(priority, weight, port, name)| SrvTarget { priority, weight, port, name })
                    .collect();
                if self.later(pipeline, id, self.srv_time, cache) {
                    pipeline.answer(Mono(self.now), id, Obtained::Targets(&targets), cache);
                }
            }
            Ask::Get(get) => {
                self.asked.push(get.uri.to_owned());
                let (host, at) = (get.connect_to.to_owned(), format!("{}:{}", get.connect_to, get.port));
                let page = self.pages.get(get.uri).cloned();
                let least = get.scope_at_least;
                self.connected.push(at.clone());
                if self.unreachable.contains(&host) {
                    pipeline.answer(Mono(self.now), id, Obtained::Failed(Failure::NotConnected), cache);
                    return;
                }
                let scope = self.scope_of(&host);
                pipeline.answer(Mono(self.now), id, Obtained::Connecting(scope), cache);
                assert_eq!(pipeline.wants(id), scope >= least, "what is asked for is what is judged by");
                if pipeline.wants(id) {
                    self.sent_to.push(at);
                    self.serve(pipeline, id, &page.unwrap_or_else(|| Page::status(404)), cache);
                }
            }
            Ask::Compare { document, .. } => {
                assert!(!document.is_empty());
                let parity = |text: &str| -> Parity {
                    let mut canonical = Canonical::new();
                    canonical.text(text);
                    canonical.finish()
                };
                match &self.texts {
                    Some((web, tree)) => {
                        let (web, tree) = (parity(web), parity(tree));
                        pipeline.answer(Mono(self.now), id, Obtained::Compared { web: &web, tree: &tree }, cache);
                    }
                    None => pipeline.answer(Mono(self.now), id, Obtained::Failed(Failure::Lost), cache),
                }
            }
        }
    }

    fn serve(&mut self, pipeline: &mut Machine<'_>, id: AskId, page: &Page, cache: &mut ProblemCache<'_>) {
        if !self.later(pipeline, id, page.delay, cache) {
            return;
        }
        let now = Mono(self.now);
        for _ in 0..page.informational {
            pipeline.answer(now, id, Obtained::Head(Head { status: 103, fields: &[] }), cache);
        }
        let fields: Vec<(&str, &[u8])> =
            page.fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        pipeline.answer(now, id, Obtained::Head(Head { status: page.status, fields: &fields }), cache);
        let limit = match page.body {
            Body::Stalled(after) => after,
            _ => usize::MAX,
        };
        let bytes = &page.bytes[..page.bytes.len().min(limit)];
        for chunk in bytes.chunks(65_536) {
            if !pipeline.wants(id) {
                return;
            }
            pipeline.answer(now, id, Obtained::Chunk(chunk), cache);
        }
        let blanks = [b' '; 65_536];
        match page.body {
            _ if !pipeline.wants(id) => {}
            Body::Whole => pipeline.answer(now, id, Obtained::End, cache),
            Body::Broken => pipeline.answer(now, id, Obtained::Failed(Failure::Lost), cache),
            Body::Stalled(_) => assert!(!self.later(pipeline, id, 100_000, cache), "T_eval ends it"),
            Body::Endless => {
                let wanted = (0..100).take_while(|_| {
                    pipeline.answer(now, id, Obtained::Chunk(&blanks), cache);
                    pipeline.wants(id)
                });
                assert_eq!(wanted.count(), 63, "the chunk that does not fit is the last one");
            }
        }
    }
}

fn seen(outcome: Ingested<'_, Vec<u8>>) -> Seen {
    let whole = |buffer: Vec<u8>| assert_eq!(buffer.len(), 4_194_400, "the memory comes back whole");
    match outcome {
        Ingested::Native(usiv) => {
            let payload = usiv.payload().to_vec();
            assert_eq!(usize::try_from(usiv.payload_byte_length()), Ok(payload.len()));
            let seen = Seen::Native { source: *usiv.source_eid(), uri: usiv.target_uri().to_owned(), payload };
            whole(usiv.into_buffer());
            seen
        }
        Ingested::Legacy(hand_off, buffer) => {
            whole(buffer);
            Seen::Legacy(hand_off.trigger, hand_off.url.to_owned())
        }
        Ingested::Unavailable { retry_after, buffer } => {
            whole(buffer);
            Seen::Unavailable(retry_after)
        }
        Ingested::Refused(refusal, buffer) => {
            whole(buffer);
            Seen::Refused(refusal)
        }
    }
}
