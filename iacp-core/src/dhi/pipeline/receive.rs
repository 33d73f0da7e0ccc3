//! The answers to a GET: connections, heads, bodies.

use super::super::form::Structure;
use super::super::handoff::Trigger;
use super::super::link::{LINKS_MAX, Link, links};
use super::super::problem_cache::{Fault, ProblemCache};
use super::super::workflow::Event;
use super::ask::{Failure, Head, Obtained};
use super::head::Scan;
use super::limits::Media;
use super::steer::may_follow;
use super::trail::Noted;
use super::{CANDIDATES_MAX, Document, Fetch, Heard, INFORMATIONAL_MAX, Pipeline, REDIRECTS_MAX, Step, Workspace};
use crate::time::Mono;

impl<B: AsRef<[u8]> + AsMut<[u8]>, S: Structure> Pipeline<'_, B, S> {
    pub(super) fn fetched(&mut self, now: Mono, fetch: Fetch, answer: Obtained<'_>, cache: &mut ProblemCache<'_>) {
        match (fetch.heard, answer) {
            (Heard::Nothing, Obtained::Connecting(scope)) => {
                if !self.connecting(now, fetch, scope) {
                    self.too_narrow(now, fetch, cache);
                }
            }
            (Heard::Connecting, Obtained::Head(head)) => self.head(now, fetch, head, cache),
            (Heard::Body, Obtained::Chunk(bytes)) => self.chunk(now, bytes, cache),
            (Heard::Body, Obtained::End) => self.end(now, fetch, cache),
            (_, Obtained::Failed(failure)) => {
                self.note(now, Noted::Failed(failure));
                self.unreachable(now, fetch, cache);
            }
            _ => self.strays = self.strays.saturating_add(1),
        }
    }

    /// The address has a narrower scope than the request may go to. This is not a fault of a candidate, so none is kept.
    fn too_narrow(&mut self, now: Mono, fetch: Fetch, cache: &mut ProblemCache<'_>) {
        match fetch.document {
            Document::Candidate(index) if !fetch.via_srv => self.fetch_candidate(now, index.saturating_add(1), cache),
            _ => self.unreachable(now, fetch, cache),
        }
    }

    /// The server did not answer.
    fn unreachable(&mut self, now: Mono, fetch: Fetch, cache: &mut ProblemCache<'_>) {
        if fetch.via_srv && fetch.heard != Heard::Body {
            self.note(now, Noted::SrvFailed);
            self.ask(Step::Fetching(Fetch { via_srv: false, heard: Heard::Nothing, ..fetch }), None);
            return;
        }
        match fetch.document {
            // The authority itself answered, with a redirect to a server that does not.
            Document::WellKnown if fetch.redirects > 0 => self.absent(now, false, cache),
            // keeps: IACP-031 (§4.1.2.1)
            Document::WellKnown => {
                self.fault(now, &self.target_key(), Fault::Problem, cache);
                self.fault(now, &self.well_known_key(), Fault::Down, cache);
                self.unavailable(now, cache);
            }
            Document::Target | Document::Candidate(_) => self.gone(now, fetch.document, cache),
        }
    }

    /// The document is not available.
    fn gone(&mut self, now: Mono, document: Document, cache: &mut ProblemCache<'_>) {
        match document {
            Document::WellKnown => self.absent(now, false, cache),
            Document::Target => {
                self.fault(now, &self.target_key(), Fault::Problem, cache);
                self.unavailable(now, cache);
            }
            Document::Candidate(index) => {
                self.filled = 0;
                if let Some(key) = self.candidate_key(index) {
                    self.fault(now, &key, Fault::Problem, cache);
                }
                self.fetch_candidate(now, index.saturating_add(1), cache);
            }
        }
    }

    /// The well-known URI does not exist. The target is requested next; with `absent_ends` the ingestion ends here, as
    /// the draft literally says.
    // keeps: IACP-031 (§4.1.2.1)
    fn absent(&mut self, now: Mono, is_said: bool, cache: &mut ProblemCache<'_>) {
        self.fault(now, &self.well_known_key(), Fault::Absent, cache);
        if is_said && self.limits.absent_ends {
            self.fault(now, &self.target_key(), Fault::Problem, cache);
            self.unavailable(now, cache);
        } else {
            self.go(now, Event::EndpointResponsive);
            self.fetch_target();
        }
    }

    fn head(&mut self, now: Mono, fetch: Fetch, head: Head<'_>, cache: &mut ProblemCache<'_>) {
        let Some(scan) = Scan::of(head) else {
            self.note(now, Noted::HeaderTooLarge);
            self.unreachable(now, fetch, cache);
            return;
        };
        if scan.is_informational() {
            if fetch.informational == INFORMATIONAL_MAX {
                self.note(now, Noted::Failed(Failure::Lost));
                self.unreachable(now, fetch, cache);
            } else {
                let informational = fetch.informational.saturating_add(1);
                self.step = Step::Fetching(Fetch { informational, ..fetch });
            }
            return;
        }
        self.note(now, Noted::Status(scan.status()));
        if scan.is_redirect() {
            if self.redirect(now, fetch, &scan, cache) {
                self.note(now, Noted::Redirected);
            } else {
                self.note(now, Noted::RedirectRefused);
                self.gone(now, fetch.document, cache);
            }
            return;
        }
        if scan.is_gone() && fetch.document == Document::WellKnown {
            self.absent(now, matches!(scan.status(), 404 | 410), cache);
            return;
        }
        if scan.is_gone() {
            self.gone(now, fetch.document, cache);
            return;
        }
        match fetch.document {
            Document::WellKnown => {
                cache.clear(now, &self.well_known_key());
                self.go(now, Event::EndpointResponsive);
                self.sniff(now, fetch, &scan, cache);
            }
            Document::Target => {
                cache.clear(now, &self.target_key());
                self.sniff(now, fetch, &scan, cache);
            }
            Document::Candidate(_) if scan.has_document() => self.receive(now, fetch, &scan, cache),
            Document::Candidate(_) => self.gone(now, fetch.document, cache),
        }
    }

    /// Follows a redirect. Returns `false` if it may not be followed.
    fn redirect(&mut self, now: Mono, fetch: Fetch, scan: &Scan<'_>, cache: &mut ProblemCache<'_>) -> bool {
        let Workspace { target, current, scratch, .. } = &mut *self.workspace;
        let leads = scan.location.is_some_and(|location| scratch.resolve(current, location).is_ok());
        if !leads
            || fetch.redirects == REDIRECTS_MAX
            || !may_follow(current, scratch, target.port(), self.srv_port)
            || cache.is_blocked(now, &scratch.problem_key())
        {
            return false;
        }
        let via_srv = fetch.via_srv && scratch.origin() == target.origin();
        current.copy(scratch);
        let redirects = fetch.redirects.saturating_add(1);
        self.ask(Step::Fetching(Fetch { via_srv, heard: Heard::Nothing, redirects, informational: 0, ..fetch }), None);
        true
    }

    /// Gathers the information about ANML in an answer: LINK_HEADER_SNIFF, BASELINE_CORE, SWITCH_POINT, USER_REQ_CHECK.
    // keeps: IACP-029 (§4.1.2.1), IACP-036 (§4.1.2.2), IACP-037 (§4.1.2.2)
    fn sniff(&mut self, now: Mono, fetch: Fetch, scan: &Scan<'_>, cache: &mut ProblemCache<'_>) {
        self.candidates = 0;
        self.from_srv = fetch.via_srv;
        let body = scan.form.is_some() && scan.has_document();
        let is_target = fetch.document == Document::Target;
        if body && is_target {
            self.add_current();
        }
        self.gather(now, fetch.document, scan);
        if body && !is_target {
            self.add_current();
        }
        if self.candidates == 0 && !is_target {
            self.fetch_target();
            return;
        }
        self.note(now, Noted::Candidates(u8::try_from(self.candidates).unwrap_or(u8::MAX)));
        self.go(now, Event::HeadersSniffed);
        self.go(now, Event::ContextPassed);
        if self.candidates == 0 {
            self.fall_back(now, Trigger::AnmlAbsent, cache);
            return;
        }
        self.note(now, Noted::UserReqCheck);
        if self.needs.required != Media::NONE {
            self.fall_back(now, Trigger::RichMediaRequired, cache);
            return;
        }
        self.go(now, Event::PureDataStream);
        let is_here = self.workspace.candidates.first().is_some_and(|first| *first == self.workspace.current);
        if body && is_here {
            self.note(now, Noted::Candidate(0));
            self.receive(now, Fetch { document: Document::Candidate(0), ..fetch }, scan, cache);
        } else {
            self.fetch_candidate(now, 0, cache);
        }
    }

    fn add_current(&mut self) {
        let Workspace { current, candidates, .. } = &mut *self.workspace;
        if let Some(place) = candidates.get_mut(self.candidates) {
            place.copy(current);
            self.candidates += 1;
        }
    }

    /// The links to ANML in well-formed fields that may be followed.
    fn gather(&mut self, now: Mono, document: Document, scan: &Scan<'_>) {
        let mut left = LINKS_MAX;
        for field in scan.link_fields() {
            if let Some(Err(malformed)) = links(field).find(Result::is_err) {
                self.note(now, Noted::LinkIgnored(malformed));
                continue;
            }
            for link in links(field).flatten() {
                let Some(rest) = left.checked_sub(1) else { return };
                left = rest;
                self.confirm(now, document, &link);
                if self.candidates == CANDIDATES_MAX || link.anml().is_none() {
                    continue;
                }
                let Workspace { target, current, scratch, candidates, .. } = &mut *self.workspace;
                if !link.is_about(current, scratch) {
                    continue;
                }
                let leads = scratch.resolve(current, link.target).is_ok();
                if !leads || !may_follow(current, scratch, target.port(), self.srv_port) {
                    self.note(now, Noted::LinkRefused);
                    continue;
                }
                let is_known = candidates.iter().take(self.candidates).any(|known| known == scratch);
                if let Some(place) = candidates.get_mut(self.candidates).filter(|_| !is_known) {
                    place.copy(scratch);
                    self.candidates += 1;
                }
            }
        }
    }

    /// Checks whether the origin's own well-known answer names the EID that a resolver gave for it.
    fn confirm(&mut self, now: Mono, document: Document, link: &Link<'_>) {
        let Workspace { target, current, scratch, .. } = &mut *self.workspace;
        let is_own = document == Document::WellKnown && current.is_https() && current.origin() == target.origin();
        let names_it = self.eid.is_some_and(|eid| link.is_to(&eid));
        if is_own && names_it && !self.is_confirmed && link.is_about(current, scratch) {
            self.is_confirmed = true;
            self.note(now, Noted::Confirmed);
        }
    }

    /// The most bytes that the buffer may hold.
    fn room(&self) -> usize {
        let limit = usize::try_from(self.limits.float_buf()).unwrap_or(usize::MAX);
        self.buffer.as_ref().len().min(limit)
    }

    /// The body of a candidate begins.
    fn receive(&mut self, now: Mono, fetch: Fetch, scan: &Scan<'_>, cache: &mut ProblemCache<'_>) {
        let Some(form) = scan.form.filter(|_| !scan.is_coded) else {
            self.fall_back(now, Trigger::StructureInvalid, cache);
            return;
        };
        if scan.length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > self.room())) {
            self.overflow(now, cache);
            return;
        }
        self.form = form;
        self.filled = 0;
        self.structure.begin(form);
        self.step = Step::Fetching(Fetch { heard: Heard::Body, length: scan.length, ..fetch });
    }

    // keeps: IACP-033 (§4.1.2.1), IACP-034 (§4.1.2.1)
    fn overflow(&mut self, now: Mono, cache: &mut ProblemCache<'_>) {
        self.note(now, Noted::Overflow);
        self.fall_back(now, Trigger::BufferOverflow, cache);
    }

    // keeps: IACP-033 (§4.1.2.1), IACP-062 (§4.1.5.1)
    fn chunk(&mut self, now: Mono, bytes: &[u8], cache: &mut ProblemCache<'_>) {
        let end = self.filled.saturating_add(bytes.len());
        if end > self.room() {
            self.overflow(now, cache);
            return;
        }
        let Some(place) = self.buffer.as_mut().get_mut(self.filled..end) else {
            self.overflow(now, cache);
            return;
        };
        place.copy_from_slice(bytes);
        self.filled = end;
        if self.structure.chunk(bytes).is_err() {
            self.fall_back(now, Trigger::StructureInvalid, cache);
        }
    }

    // keeps: IACP-063 (§4.1.5.1)
    fn end(&mut self, now: Mono, fetch: Fetch, cache: &mut ProblemCache<'_>) {
        if fetch.length.is_some_and(|length| usize::try_from(length) != Ok(self.filled)) {
            self.note(now, Noted::Failed(Failure::Lost));
            self.gone(now, fetch.document, cache);
            return;
        }
        if self.structure.end().is_err() {
            self.fall_back(now, Trigger::StructureInvalid, cache);
            return;
        }
        if let Document::Candidate(index) = fetch.document
            && let Some(key) = self.candidate_key(index)
        {
            cache.clear(now, &key);
        }
        if self.limits.equivalence {
            self.ask(Step::Comparing, None);
        } else {
            self.deliver(now, cache);
        }
    }
}
