//! What runs in an interaction, where it runs, over what it goes on.

use anyhow::{Context, Result};
use interaction_gov::function::{Binding, Health, Invocation, Role, Running};
use interaction_gov::interaction::{Attribution, Choice, Request, Transition};
use interaction_gov::lifecycle::State;
use interaction_gov::participant::Seat;
use interaction_gov::policy::On;
use interaction_gov::proof::Component;
use interaction_gov::protocol::{Protocol, Rebinding};
use interaction_gov::time::Time;
use interaction_gov::vocabulary::{Region, Set};
use sha2::{Digest as _, Sha256};

use crate::plane;
use crate::stage::Stage;
use crate::telling::{Ruling, clock};

/// Something that is to run.
pub struct Work<'a> {
    /// What the timeline calls it.
    pub label: &'a str,
    /// What it does, and by which function.
    pub does: (&'a str, &'a str),
    /// On which stream.
    pub on: &'a str,
    /// The participant that it is for.
    pub seat: Seat,
    /// Which running one has delegated it.
    pub parent: Option<Binding>,
    /// Where, the best place first.
    pub sites: &'a [&'a str],
    /// Whether the publisher vouches for it with a signature, or its provenance is only stated.
    pub vouched: bool,
    /// What its failure means.
    pub role: Role,
}

impl Stage {
    /// Something begins, if it may.
    pub fn begin(&mut self, work: &Work<'_>) -> Result<Option<Binding>> {
        let digest: [u8; 32] = Sha256::digest(work.label).into();
        let statement = self.plane.statement(&digest, work.vouched);
        let sites = work.sites.iter().map(|site| self.plane.the(site)).collect::<Result<Vec<_>>>()?;
        let invocation = Invocation {
            action: self.plane.the(work.does.0)?,
            function: self.plane.the(work.does.1)?,
            on: On::Stream(self.plane.the(work.on)?),
            seat: work.seat,
            parent: work.parent,
            sites: &sites,
            component: Component { digest, statement: &statement },
            role: work.role,
        };
        let check = plane::provenance(*self.plane.publisher.pk);
        let (decision, binding) = self.call.invoke(self.now, &invocation, &check, &self.plane.rollout, &mut self.log);
        let new = self.keep();
        if let Some(binding) = binding {
            self.set_label(binding, work.label);
        }
        // Where it runs, or would have run.
        let site = new.last().and_then(|record| record.site).map(|site| self.plane.names.name(Region(site)));
        let site = match work.sites {
            [only] => (*only).to_owned(),
            several => format!("{} (of {})", site.unwrap_or("none"), several.join(" and ")),
        };
        let whose = work.parent.map(|parent| format!(", delegated by {}", self.label(parent))).unwrap_or_default();
        let evidence = if work.vouched { "its publisher vouches for it" } else { "it vouches for itself" };
        let what = format!("begins on {}, in {site}, for {}{whose}; {evidence}", work.on, self.name(work.seat));
        let ruling = self.ruling(&decision);
        self.tell("invoked", work.label, what, Some(ruling));
        Ok(binding)
    }

    /// The destination that something may use: the first of the candidates that all authorities allow. Each candidate
    /// is the regions that it leads through.
    pub fn choose(
        &mut self,
        choice: Choice,
        seat: Seat,
        (action, modality): (&str, &str),
        candidates: &[&[&'static str]],
        what: &str,
    ) -> Result<Option<&'static str>> {
        let on = On::Stream(self.plane.the(modality)?);
        let request = Request { action: self.plane.the(action)?, seat, on, binding: None, goes: Set::EMPTY };
        let sets = candidates.iter().map(|regions| self.plane.all(regions)).collect::<Result<Vec<_>>>()?;
        let (decision, chosen) =
            self.call.choose(self.now, choice, &request, &sets, &self.plane.rollout, &mut self.log);
        self.keep();
        let chosen = chosen.and_then(|chosen| candidates.get(chosen));
        let ways: Vec<String> = candidates.iter().map(|way| way.join("-")).collect();
        let went = chosen.map_or_else(|| "none".into(), |way| way.join("-"));
        let ruling = self.ruling(&decision);
        let event = if choice == Choice::Place { "placed" } else { "routed" };
        self.tell(event, &self.name(seat), format!("{what}: of {}, {went}", ways.join(" and ")), Some(ruling));
        Ok(chosen.and_then(|way| way.last()).copied())
    }

    /// Whether something may go to one place; if not, the authority that denies it.
    pub fn ask_to(&mut self, seat: Seat, (action, modality): (&str, &str), to: &str, what: &str) -> Result<()> {
        let on = On::Stream(self.plane.the(modality)?);
        let goes = Set::one(self.plane.the(to)?);
        let request = Request { action: self.plane.the(action)?, seat, on, binding: None, goes };
        let decision = self.call.decide(self.now, &request, &self.plane.rollout, &mut self.log);
        self.keep();
        let ruling = self.ruling(&decision);
        self.tell("decided", &self.name(seat), what, Some(ruling));
        Ok(())
    }

    /// What runs has failed.
    pub fn fail(&mut self, binding: Option<Binding>) -> Result<()> {
        let Some(binding) = binding else { return Ok(()) };
        let state = self.call.fail(self.now, binding, &self.plane.rollout, &mut self.log).context("failing")?;
        self.keep();
        let then = match state {
            State::Suspended => "it is core, so nothing is permitted until it works again",
            _ => "all that does not need it goes on",
        };
        let by = match self.call.running(binding).map(Running::health) {
            Some(Health::Failed { recover_by }) => clock(recover_by),
            _ => "now".into(),
        };
        self.tell("failed", &self.label(binding), format!("has failed, and has until {by}; {then}"), None);
        self.review()
    }

    /// What has failed works again.
    pub fn recover(&mut self, binding: Option<Binding>) -> Result<()> {
        let Some(binding) = binding else { return Ok(()) };
        let done = self.call.recover(self.now, binding, &mut self.log);
        self.keep();
        let ruling = Ruling::plain(&done, "in time");
        self.tell("recovered", &self.label(binding), "works again", Some(ruling));
        self.review()
    }

    /// What a running function has put out is attributed to the interaction.
    pub fn output(&mut self, binding: Option<Binding>, what: &str) -> Result<()> {
        let Some(binding) = binding else { return Ok(()) };
        let digest = plane::short_hash(what.as_bytes());
        let done =
            self.call.attribute(self.now, Attribution::Output(binding), digest, &self.plane.rollout, &mut self.log);
        self.keep();
        let ruling = Ruling::plain(&done, "its digest is in the trail");
        self.tell("output", &self.label(binding), what, Some(ruling));
        Ok(())
    }

    /// A protocol's identifier leads to the interaction from now on, for the holder of the participant's key.
    pub fn bind(&mut self, seat: Seat, protocol: Protocol, identifier: &str) -> Result<()> {
        let holder = *self.key(seat)?.pk;
        let done = self.plane.registry.bind(protocol, identifier.as_bytes(), *self.call.id(), holder);
        if done.is_ok() {
            let place = self.plane.registry.place(protocol, identifier.as_bytes());
            self.call
                .attribute(self.now, Attribution::Identifier, place, &self.plane.rollout, &mut self.log)
                .context("binding")?;
            self.keep();
        }
        let ruling = Ruling::plain(&done, "it leads to the interaction");
        self.tell("bound", &self.name(seat), format!("binds {} {identifier}", words(protocol)), Some(ruling));
        Ok(())
    }

    /// Where a protocol's identifier leads.
    pub fn find(&mut self, protocol: Protocol, identifier: &str) {
        let found = self.plane.registry.find(protocol, identifier.as_bytes());
        let what = found.map_or_else(|| "nowhere".into(), |interaction| format!("to {interaction}"));
        self.tell("found", "anybody", format!("follows {} {identifier}: it leads {what}", words(protocol)), None);
    }

    /// The connection broke; a participant goes on under another identifier, and proves with its key that it may.
    pub fn rebind(&mut self, seat: Seat, by: Seat, old: (Protocol, &str), new: (Protocol, &str)) -> Result<bool> {
        let rebinding = Rebinding {
            old: (old.0, old.1.as_bytes()),
            new: (new.0, new.1.as_bytes()),
            // Where the old identifier leads nowhere there is nothing to sign, and the rebinding is refused.
            challenge: self.plane.registry.challenge(old.0, old.1.as_bytes()).unwrap_or_default(),
        };
        let signature = *self.key(by)?.sk.sign(rebinding.signed(), None);
        let done = self.plane.registry.rebind(&rebinding, &signature, &plane::verifies);
        if done.is_ok() {
            let place = self.plane.registry.place(new.0, new.1.as_bytes());
            self.call
                .attribute(self.now, Attribution::Identifier, place, &self.plane.rollout, &mut self.log)
                .context("binding again")?;
            self.keep();
        }
        let same = done.is_ok_and(|interaction| interaction == *self.call.id());
        let ruling = Ruling::plain(&done, if same { "the same interaction" } else { "another interaction" });
        let (old, new) = (format!("{} {}", words(old.0), old.1), format!("{} {}", words(new.0), new.1));
        let whose = if seat == by { String::new() } else { format!(", which is {}'s", self.name(seat)) };
        self.tell("rebound", &self.name(by), format!("{old}{whose}, broke; goes on as {new}"), Some(ruling));
        Ok(done.is_ok())
    }

    /// It goes on over something else.
    pub fn transition(
        &mut self,
        seat: Seat,
        transition: Transition,
        region: &str,
        over: (Protocol, &str),
        what: &str,
    ) -> Result<()> {
        let subject = self.plane.registry.place(over.0, over.1.as_bytes());
        let law = Some(self.plane.the(region)?);
        self.call.transition(self.now, seat, transition, law, subject, &mut self.log).context("a transition")?;
        self.keep();
        let leads_here = self.plane.registry.find(over.0, over.1.as_bytes()) == Some(*self.call.id());
        let same = if leads_here { "the identity stays" } else { "no identifier of it leads here" };
        let kind = match transition {
            Transition::Transport => "transport",
            Transition::Protocol => "protocol",
            Transition::Infrastructure => "infrastructure",
        };
        self.tell("transition", &self.name(seat), format!("{what} ({kind} transition, in {region}); {same}"), None);
        self.review()
    }

    /// An authority cannot be asked, or can be again.
    pub fn reach(&mut self, name: &str, reachable: bool) -> Result<()> {
        let authority = self.plane.the(name)?;
        self.plane.rollout.authorities.set_reach(authority, reachable);
        self.tell("reach", name, if reachable { "can be asked again" } else { "cannot be asked" }, None);
        Ok(())
    }

    /// How many flows lead to a region.
    pub fn flows(&mut self, region: &str) -> Result<()> {
        let there: Region = self.plane.the(region)?;
        let flows = self.call.flows(self.now).filter(|flow| flow.region == there).count();
        self.tell("flows", "control plane", format!("{flows} flows lead to {region}"), None);
        Ok(())
    }

    /// At this time of the day.
    pub fn at(&mut self, hours: u64, minutes: u64, seconds: u64) -> Result<()> {
        self.go_to(Time(((hours * 60 + minutes) * 60 + seconds) * 1000))
    }
}

fn words(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::SipCallId => "SIP Call-ID",
        Protocol::WebRtcSession => "WebRTC session",
        Protocol::MqttClient => "MQTT client",
        Protocol::QuicConnection => "QUIC connection",
        Protocol::IacpEid => "EID",
        Protocol::Other(_) => "identifier",
    }
}
