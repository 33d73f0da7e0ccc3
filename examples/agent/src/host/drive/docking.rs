//! The orders with which an agent moves to another host. Those that wait for stable storage are answered when it has answered.

use std::fs;
use std::io::Read;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use iacp_core::erp::dock::{DockError, DockReason, OFFER};
use iacp_core::erp::entity::Persist;
use iacp_core::erp::local::Request;
use iacp_wire::{Eid, Frame, Message};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Host;
use crate::clock;
use crate::host::docking::{Answer, DockOrder, Moved, Waits, reserve, tell};
use crate::host::storage::{Claim, Record};
use crate::keys;
use crate::telling::step::Step;

/// The longest blob that is read, in bytes: more than the sessions of one agent can have.
const LONGEST: u64 = 64 << 20;
/// Where a blob names the exporting host, and the EID.
const EXPORTER_AT: Range<usize> = 16..48;
const EID_AT: Range<usize> = 80..112;

impl Host<'_> {
    /// Does what it is told. The answer comes at once, or when stable storage has answered.
    pub(super) fn dock(&mut self, order: DockOrder, answer: Answer) {
        let said = match order {
            DockOrder::Allow { lii } => self.allow(&lii),
            DockOrder::Offer { eid, from } => self.offer(&eid, &from),
            DockOrder::Done { eid, at } => self.done(&eid, at),
            DockOrder::Export { offer, to, compromised } => {
                let reason = if compromised { DockReason::Compromise } else { DockReason::Planned };
                return self.later(answer, |host| host.lock(&offer, to, reason));
            }
            DockOrder::Import { blob } => return self.later(answer, |host| host.import(blob)),
            DockOrder::Keep { eid } => return self.later(answer, |host| host.take_back(&eid)),
        };
        tell(Some(answer), said);
    }

    /// An order that is answered later, unless it is refused.
    fn later(&mut self, answer: Answer, order: impl FnOnce(&mut Self) -> Result<(Eid, Waits)>) {
        match order(self) {
            Ok((eid, waits)) => self.standing.docking.wait(eid, waits, Some(answer)),
            Err(error) => tell(Some(answer), Err(error)),
        }
    }

    fn allow(&self, lii: &str) -> Result<Value> {
        let lii = keys::eid_of("dock allow", lii)?;
        self.standing.folder.allow(&lii)?;
        Ok(json!({ "allowed": hex::encode(lii.0) }))
    }

    fn offer(&mut self, eid: &str, from: &str) -> Result<Value> {
        let (eid, from) = (keys::eid_of("dock offer", eid)?, keys::eid_of("--from", from)?);
        if from == self.standing.docking.lii.eid() {
            bail!("--from: this LII is the host's own");
        }
        self.must_be_away(&eid)?;
        let (clocks, port, mut frame) = ((self.clock.now(), clock::unix()), self.outside.at().port(), [0; OFFER]);
        let lii = &self.standing.docking.lii;
        let length = self.entity.offer(clocks, lii, from, eid, port, &mut keys::rng(), &mut frame)?;
        self.note(Step::Offers { eid: hex::encode(eid.0), from: hex::encode(from.0) });
        Ok(json!({ "offer": hex::encode(&frame[..length]), "lii": self.standing.docking.name() }))
    }

    /// An offer has come: the host is asked to store that the context is exported.
    fn lock(&mut self, offer: &str, to: PathBuf, reason: DockReason) -> Result<(Eid, Waits)> {
        let frame = hex::decode(offer.trim()).context("the offer is not in hexadecimal digits")?;
        let Ok(Message::DockOffer(offer)) = Frame::parse(&frame).map(|frame| frame.message) else {
            bail!("it is no offer to take an agent over");
        };
        let (eid, importer) = (offer.eid, offer.importer_instance_identifier);
        let at = format!("{}:{}", std::net::IpAddr::from(offer.importer_ip), offer.importer_port);
        if to.exists() {
            bail!("{} is there already", to.display());
        }
        // A context that waits for another word of storage cannot be locked, and its note is not touched.
        if self.standing.docking.waits_for(&eid) {
            return Err(DockError::NotNow.into());
        }
        if !self.standing.known.contains_key(&eid) {
            bail!("{}: no agent of this host has this EID", keys::short(&eid));
        }
        let listed = self.standing.folder.docks()?;
        // Before the mark: an agent that finds its context gone looks here.
        self.standing.folder.set_moved(&eid, &Moved::Away)?;
        let lii = &self.standing.docking.lii;
        let locked = self.entity.lock(clock::unix(), lii, |lii| listed.contains(lii), &frame, size_of::<Claim>());
        if let Err(refused) = locked {
            self.standing.folder.set_here(&eid);
            if refused == DockError::NotListed {
                bail!("{refused}: {} (agent control … dock allow)", hex::encode(importer.0));
            }
            return Err(refused.into());
        }
        Ok((eid, Waits::Export { to, reason, at }))
    }

    /// Something that an order has waited for is on stable storage.
    pub(super) fn dock_stored(&mut self, eid: &Eid, what: Persist) {
        let Some((waits, answer)) = self.standing.docking.take(eid) else { return };
        match (waits, what) {
            // No answer is waited for any more, so the blob would go nowhere.
            (Waits::Export { .. }, Persist::Exported(_)) if answer.as_ref().is_none_or(oneshot::Sender::is_closed) => {
                self.give_up(eid, "the order was given up".into(), None);
            }
            (Waits::Export { to, reason, at }, Persist::Exported(_)) => match self.export(eid, &to, reason, &at) {
                Ok(length) => tell(answer, Ok(json!({ "eid": hex::encode(eid.0), "bytes": length }))),
                Err((error, true)) => self.give_up(eid, format!("{error:#}"), answer),
                Err((error, false)) => tell(answer, Err(error)),
            },
            (Waits::GivenUp(why), Persist::Kept(_)) => {
                self.standing.folder.set_here(eid);
                tell(answer, Err(anyhow!("{why}; the agent stays on this host")));
            }
            (Waits::Import { blob, from, sessions, left }, Persist::Generation(_)) => {
                self.standing.folder.set_here(eid);
                // Its key has ended with the offer, so nothing can be read from it any more.
                let _ = fs::remove_file(&blob);
                let eid = hex::encode(eid.0);
                self.note(Step::Imported { eid: eid.clone(), from, sessions });
                tell(answer, Ok(json!({ "eid": eid, "sessions": sessions, "left": left })));
            }
            (Waits::TakenBack, Persist::Generation(_)) => {
                self.standing.folder.set_here(eid);
                tell(answer, Ok(json!({ "kept": hex::encode(eid.0) })));
            }
            (waits, _) => self.standing.docking.wait(*eid, waits, answer),
        }
    }

    /// Seals a context into a file. An error says whether the context is still here.
    fn export(&mut self, eid: &Eid, to: &Path, reason: DockReason, at: &str) -> Result<usize, (anyhow::Error, bool)> {
        let mut claim = self.standing.known.get(eid).map_or([0; 32], |known| known.claim);
        let length = self.entity.export_len(eid, claim.len()).map_err(|why| (why.into(), true))?;
        let file = reserve(to, length).map_err(|error| (error, true))?;
        let mut blob = Zeroizing::new(vec![0; length]);
        let (clocks, lii) = ((self.clock.now(), clock::unix()), &self.standing.docking.lii);
        let sealed = self.entity.export(clocks, lii, eid, reason, &mut claim, &mut keys::rng(), &mut blob);
        let length = sealed.map_err(|why| {
            let _ = fs::remove_file(to);
            (why.into(), true)
        })?;
        self.standing.docking.leaves(eid);
        self.note(Step::Exported { eid: hex::encode(eid.0), to: at.to_owned(), bytes: length });
        let written = file.write_all_at(&blob[..length], 0).and_then(|()| file.sync_all());
        let lost = || format!("cannot write {} (agent control … dock keep takes the agent back)", to.display());
        written.with_context(lost).map_err(|error| (error, false))?;
        Ok(length)
    }

    /// The export is given up before anything was sealed.
    fn give_up(&mut self, eid: &Eid, why: String, answer: Option<Answer>) {
        match self.entity.unlock(self.clock.now(), eid) {
            Ok(()) => self.standing.docking.wait(*eid, Waits::GivenUp(why), answer),
            Err(error) => tell(answer, Err(anyhow!("{why}: {error}"))),
        }
    }

    /// Takes a context over, and asks for its bound to be stored.
    fn import(&mut self, path: PathBuf) -> Result<(Eid, Waits)> {
        let unreadable = || format!("cannot read {}", path.display());
        let mut blob = Zeroizing::new(Vec::new());
        fs::File::open(&path).and_then(|file| file.take(LONGEST).read_to_end(&mut blob)).with_context(unreadable)?;
        let eid = blob.get(EID_AT).and_then(|eid| eid.try_into().ok()).map(Eid).ok_or(DockError::Malformed)?;
        self.must_be_away(&eid)?;
        let Some(number) = self.channels.reserve(eid) else { bail!("no local channel is free") };
        let now = self.clock.now();
        let (clocks, lii) = ((now, clock::unix()), &self.standing.docking.lii);
        let from = hex::encode(blob.get(EXPORTER_AT).unwrap_or_default());
        let mut given = Vec::new();
        let take = |bytes: &[u8]| given.extend_from_slice(bytes);
        let docked = self.entity.import(clocks, lii, &mut blob, Some(number), take, &mut keys::rng());
        let docked = docked.inspect_err(|_| self.channels.gone(&eid))?;
        // Frames for the agent are not accepted before it is here: its peers send them again.
        if let Some(mut desk) = self.entity.desk(now, &docked.agent) {
            let _ = desk.ask(None, &Request::Ready(false), &mut keys::rng());
        }
        let (sessions, left) = (docked.sessions, docked.left);
        let claim = given.as_slice().try_into().unwrap_or_default();
        self.has_come(eid, claim, docked.airk, (docked.digest, docked.evolution), docked.agent);
        Ok((eid, Waits::Import { blob: path, from, sessions, left }))
    }

    /// The agent is on its new host.
    fn done(&mut self, eid: &str, at: Option<PathBuf>) -> Result<Value> {
        let eid = keys::eid_of("dock done", eid)?;
        self.marked(&eid)?;
        if let Some(at) = at {
            self.standing.folder.set_moved(&eid, &Moved::To(at))?;
        }
        self.storage.forget(eid);
        Ok(json!({ "done": hex::encode(eid.0) }))
    }

    /// The agent goes on here, from the seed that was kept under the mark.
    fn take_back(&mut self, eid: &str) -> Result<(Eid, Waits)> {
        let eid = keys::eid_of("dock keep", eid)?;
        let record = self.marked(&eid)?;
        self.take_up(&record)?;
        Ok((eid, Waits::TakenBack))
    }

    fn must_be_away(&self, eid: &Eid) -> Result<()> {
        if self.standing.known.contains_key(eid) {
            bail!("{}: the agent is on this host", keys::short(eid));
        }
        Ok(())
    }

    /// What is kept of a context that was handed over.
    fn marked(&self, eid: &Eid) -> Result<Record> {
        self.must_be_away(eid)?;
        let record = self.standing.folder.record(eid).ok().flatten().filter(|record| record.exported);
        record.with_context(|| format!("{}: no agent of this host was handed over under this EID", keys::short(eid)))
    }
}
