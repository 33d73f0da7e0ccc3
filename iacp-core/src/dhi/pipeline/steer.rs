//! The next step of the pipeline: states, questions, and the rule on permitted destinations of requests.

use super::super::form::Structure;
use super::super::handoff::Trigger;
use super::super::problem_cache::{Fault, ProblemCache, Standing, authority};
use super::super::uri::{Uri, is_host_name};
use super::super::workflow::{Event, State};
use super::ask::{AskId, SrvTarget};
use super::trail::{Mark, Noted};
use super::{Document, End, Fetch, Heard, Pipeline, Step, WELL_KNOWN, Workspace};
use crate::scope::Scope;
use crate::time::Mono;

/// Whether a URI from a server may be followed: it must not lead away from TLS, to an address, or to another port.
pub(super) fn may_follow(from: &Uri, to: &Uri, own_port: u16, srv_port: Option<u16>) -> bool {
    (to.is_https() || !from.is_https())
        && (!to.is_literal() || to.host() == from.host())
        && (to.port() == 443 || to.port() == own_port || Some(to.port()) == srv_port)
}

impl<B: AsRef<[u8]> + AsMut<[u8]>, S: Structure> Pipeline<'_, B, S> {
    pub(super) fn note(&mut self, now: Mono, what: Noted) {
        let at = u32::try_from(now.since(self.begun)).unwrap_or(u32::MAX);
        // A full trail keeps its beginning.
        let _ = self.workspace.trail.push(Mark { at, what });
    }

    /// Makes a move of the table.
    pub(super) fn go(&mut self, now: Mono, event: Event) {
        if let Ok(state) = self.state.step(event) {
            self.note(now, Noted::State(state));
        }
    }

    pub(super) fn ask(&mut self, step: Step, deadline: Option<Mono>) {
        self.step = step;
        self.step_deadline = deadline;
        self.id = AskId(self.id.0.wrapping_add(1));
        self.is_asked = false;
    }

    fn is_own(&self, uri: &Uri) -> bool {
        uri.origin() == self.workspace.target.origin()
    }

    /// The narrowest scope to which this request may go. Only a direct connection to the agent's own authority shows
    /// the scope of that authority: a look-up alone does not permit other requests to narrower scopes. Until then, all
    /// other requests may go to the world only.
    pub(super) fn least_scope(&self, fetch: &Fetch) -> Scope {
        let is_direct = !fetch.via_srv && self.is_own(&self.workspace.current);
        let unknown = if is_direct { Scope::Host } else { Scope::World };
        let known = self.own_scope.filter(|_| is_direct || self.is_scope_shown).unwrap_or(unknown);
        known.max(self.limits.scope_at_least)
    }

    /// Checks the scope of the address to which the caller is about to connect.
    pub(super) fn connecting(&mut self, now: Mono, fetch: Fetch, scope: Scope) -> bool {
        if scope < self.least_scope(&fetch) {
            self.note(now, Noted::TooNarrow(scope));
            return false;
        }
        if !fetch.via_srv && self.is_own(&self.workspace.current) {
            (self.own_scope, self.is_scope_shown) = (self.own_scope.max(Some(scope)), true);
        }
        self.note(now, Noted::Connecting(scope));
        self.step = Step::Fetching(Fetch { heard: Heard::Connecting, ..fetch });
        true
    }

    /// SRV is only an improvement: whatever the answer was, the ingestion goes on.
    // keeps: IACP-030 (§4.1.2.1)
    pub(super) fn srv_answered(&mut self, now: Mono, targets: &[SrvTarget<'_>]) {
        let usable = targets.iter().filter(|target| target.port != 0 && is_host_name(target.name));
        let rank = |target: &&SrvTarget<'_>| (target.priority, u16::MAX - target.weight);
        let best = usable.min_by(|one, other| (rank(one), one.name).cmp(&(rank(other), other.name)));
        if let Some(best) = best {
            self.workspace.srv.clear();
            if self.workspace.srv.push_str(best.name).is_ok() {
                self.srv_port = Some(best.port);
            }
        }
        self.note(now, Noted::Srv(self.srv_port.is_some()));
        self.go(now, Event::DnsSuccess);
        if self.skips_well_known {
            self.note(now, Noted::WellKnownSkipped);
            self.go(now, Event::EndpointResponsive);
            self.fetch_target();
            return;
        }
        let Workspace { target, current, .. } = &mut *self.workspace;
        if current.resolve(target, WELL_KNOWN).is_ok() {
            self.fetch(Document::WellKnown, self.srv_port.is_some());
        } else {
            self.fetch_target();
        }
    }

    /// Requests the current URI.
    pub(super) fn fetch(&mut self, document: Document, via_srv: bool) {
        let fetch = Fetch { document, via_srv, heard: Heard::Nothing, redirects: 0, informational: 0, length: None };
        self.ask(Step::Fetching(fetch), None);
    }

    pub(super) fn fetch_target(&mut self) {
        let Workspace { target, current, .. } = &mut *self.workspace;
        current.copy(target);
        self.fetch(Document::Target, false);
    }

    /// Requests the first candidate from `index` on that has not failed before; if there is none, the ingestion has
    /// nothing left to try.
    pub(super) fn fetch_candidate(&mut self, now: Mono, index: usize, cache: &mut ProblemCache<'_>) {
        for index in index..self.candidates {
            let Some(key) = self.candidate_key(index) else { break };
            let Workspace { target, current, candidates, .. } = &mut *self.workspace;
            let Some(candidate) = candidates.get(index) else { break };
            let shown = u8::try_from(index).unwrap_or(u8::MAX);
            let standing = cache.ask(now, &key);
            self.probes |= u8::from(standing == Standing::Probe).checked_shl(shown.into()).unwrap_or(0);
            let is_blocked =
                matches!(standing, Standing::Blocked(..)) || cache.is_blocked(now, &candidate.problem_key());
            if is_blocked && candidate != target {
                self.note(now, Noted::CandidateBlocked(shown));
                continue;
            }
            current.copy(candidate);
            let via_srv = self.from_srv && current.origin() == target.origin();
            self.note(now, Noted::Candidate(shown));
            self.fetch(Document::Candidate(index), via_srv);
            return;
        }
        self.unavailable(now, cache);
    }

    /// Records a fault of the agent's own URI, or of one that its authority named.
    pub(super) fn fault(&mut self, now: Mono, key: &[u8; 32], fault: Fault, cache: &mut ProblemCache<'_>) {
        let fault = if fault == Fault::Problem && *key == self.well_known_key() { Fault::Absent } else { fault };
        cache.fail(now, authority(&self.workspace.target), key, fault);
    }

    pub(super) fn well_known_key(&self) -> [u8; 32] {
        self.workspace.target.problem_key_at(WELL_KNOWN)
    }

    /// The key for the faults of a candidate. If the candidate is the agent's own URI or its well-known URI, an
    /// ingestion of it would find the same fault. All other candidates were only named by a server: their faults must
    /// not block an ingestion that an agent begins at them, so they have a key that no ingestion uses for its own URI.
    pub(super) fn candidate_key(&self, index: usize) -> Option<[u8; 32]> {
        let Workspace { target, candidates, .. } = &*self.workspace;
        let candidate = candidates.get(index)?;
        let key = candidate.problem_key();
        let is_own = key == target.problem_key() || key == target.problem_key_at(WELL_KNOWN);
        Some(if is_own { key } else { candidate.problem_key_named_by(&authority(target)) })
    }

    pub(super) fn target_key(&self) -> [u8; 32] {
        self.workspace.target.problem_key()
    }

    /// PROBLEM_CACHE: ends the ingestion.
    pub(super) fn unavailable(&mut self, now: Mono, cache: &mut ProblemCache<'_>) {
        self.go(now, Event::EndpointUnreachable);
        self.over(End::Unavailable, cache);
    }

    /// LEGACY_PATH_EXECUTION. The received content is dropped: native parsing has ended.
    // keeps: IACP-034 (§4.1.2.1), IACP-036 (§4.1.2.2)
    pub(super) fn fall_back(&mut self, now: Mono, trigger: Trigger, cache: &mut ProblemCache<'_>) {
        self.filled = 0;
        let event = if self.state == State::SwitchPoint { Event::HeavyMedia } else { Event::FastPathTerminated };
        self.go(now, event);
        self.note(now, Noted::Legacy(trigger));
        self.over(End::Legacy(trigger), cache);
    }

    /// DOWNSTREAM: the document goes to the application.
    // keeps: IACP-034 (§4.1.2.1), IACP-038 (§4.1.2.2)
    pub(super) fn deliver(&mut self, now: Mono, cache: &mut ProblemCache<'_>) {
        let bytes = u32::try_from(self.filled).unwrap_or(u32::MAX);
        self.note(now, Noted::Delivered(bytes));
        cache.clear(now, &self.target_key());
        self.over(End::Native, cache);
    }

    fn over(&mut self, end: End, cache: &mut ProblemCache<'_>) {
        cache.release(&self.target_key());
        // A probe of another ingestion is that one's to give back: this one began while the fault still blocked.
        if !self.skips_well_known {
            cache.release(&self.well_known_key());
        }
        let probes = self.probes;
        let is_own = |index: &usize| {
            let bits = u32::try_from(*index).ok().and_then(|index| probes.checked_shr(index));
            bits.is_some_and(|bits| bits & 1 == 1)
        };
        for index in (0..self.candidates).filter(is_own) {
            if let Some(key) = self.candidate_key(index) {
                cache.release(&key);
            }
        }
        self.step = Step::Over(end);
        self.step_deadline = None;
    }

    /// T_eval is over. The legacy path is taken if content had been promised, otherwise the problem cache.
    // keeps: IACP-032 (§4.1.2.1), IACP-035 (§4.1.2.1)
    pub(super) fn expire(&mut self, now: Mono, cache: &mut ProblemCache<'_>) {
        self.note(now, Noted::TEvalOver);
        let document = match self.step {
            Step::Fetching(Fetch { document, .. }) => document,
            Step::Comparing => Document::Candidate(0),
            Step::Resolving | Step::Srv => Document::Target,
            Step::Over(_) => return,
        };
        if let Document::Candidate(_) = document {
            self.fall_back(now, Trigger::EvaluationTimeout, cache);
            return;
        }
        self.fault(now, &self.target_key(), Fault::Problem, cache);
        if document == Document::WellKnown {
            self.fault(now, &self.well_known_key(), Fault::Down, cache);
        }
        self.unavailable(now, cache);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attack *A page that steers requests inwards*: where a redirect or a link may lead.
    #[test]
    fn a_server_leads_from_https_only_to_https_to_a_known_port_and_to_no_other_literal() {
        let uri = |text: &str| {
            let mut uri = Uri::EMPTY;
            uri.read(text).expect(text);
            uri
        };
        for (from, to, own, srv, may) in [
            ("https://a.example/", "https://b.example/", 443, None, true),
            ("https://a.example/", "http://a.example:443/", 443, None, false),
            ("http://a.example/", "http://b.example/", 80, None, true),
            ("http://a.example/", "https://b.example/", 80, None, true),
            ("https://a.example:8443/", "https://b.example:8443/", 8_443, None, true),
            ("https://a.example/", "https://b.example:8443/", 443, None, false),
            ("https://a.example/", "https://b.example:8443/", 443, Some(8_443), true),
            ("https://a.example/", "https://b.example:8443/", 443, Some(8_444), false),
            ("https://a.example:8443/", "https://b.example/", 8_443, None, true),
            ("https://a.example/", "https://192.0.2.1/", 443, None, false),
            ("https://192.0.2.1/", "https://192.0.2.1/x", 443, None, true),
            ("https://192.0.2.1/", "https://192.0.2.2/", 443, None, false),
            ("https://192.0.2.1/", "https://b.example/", 443, None, true),
        ] {
            assert_eq!(may_follow(&uri(from), &uri(to), own, srv), may, "from {from} to {to}, {own}, {srv:?}");
        }
    }
}
