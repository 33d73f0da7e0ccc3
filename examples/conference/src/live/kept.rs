//! What is on the disk between two steps: written as a whole or not at all, signed, and read as carefully as any
//! untrusted input.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use interaction_gov::audit::{Bytes, Chain, Log, RECORD, SignedHead};
use interaction_gov::function::Binding;
use interaction_gov::participant::Seat;
use interaction_gov::policy::Policy;
use interaction_gov::snapshot::{PlaneStamp, Stamp};
use interaction_gov::time::Time;
use serde::{Deserialize, Serialize};

use super::script::TEXTS;
use super::{plane, rng};
use crate::evidence::{Line, line};
use crate::plane::{Plane, Text, pair, verifies};
use crate::stage::{Call, Stage};
use crate::telling::{Style, Teller};

/// Everything that a step rests on.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Under which seed.
    seed: u64,
    /// The step that is next.
    pub step: usize,
    /// The day was handed over to another process.
    pub moved: bool,
    now: u64,
    /// How many records there are.
    records: usize,
    heads: Vec<Line>,
    /// The control plane and the interaction, as the library writes them, in hexadecimal; and the signature of the second.
    plane: String,
    call: String,
    signature: String,
    /// Files: of each authority's latest text, and of each version's texts.
    signed: Vec<Option<String>>,
    texts: Vec<Vec<String>>,
    /// Seats: number, name, and the step in which the key was drawn; and what runs.
    seats: Vec<(u16, String, usize)>,
    labels: Vec<(u16, String)>,
}

/// A line of the state file.
#[derive(Serialize, Deserialize)]
struct Sealed {
    body: String,
    signature: String,
    /// Of what is handed over: the records, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trail: Option<String>,
}

fn bytes<const N: usize>(text: &str, what: &str) -> Result<[u8; N]> {
    let bytes: Option<[u8; N]> = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.with_context(|| format!("{what} has another length"))
}

/// The stamp of a step's line.
fn stamp(kept: &Kept, body: &str) -> PlaneStamp {
    PlaneStamp::of(u64::try_from(kept.records).unwrap_or(u64::MAX), Time(kept.now), body.as_bytes())
}

impl Kept {
    /// What there is after a step.
    pub fn of(stage: &Stage, seed: u64, (step, next): (usize, usize), moved: bool) -> Result<Self> {
        let mut plane = vec![0; stage.plane.rollout.snapshot(&mut []).err().unwrap_or(0)];
        stage.plane.rollout.snapshot(&mut plane).ok().context("a snapshot of the control plane")?;
        let mut call = vec![0; stage.call.snapshot(&mut []).err().unwrap_or(0)];
        let (_, stamp) = stage.call.snapshot(&mut call).ok().context("a snapshot of the interaction")?;
        let file = |text: &Text| text.file.to_owned();
        Ok(Self {
            seed,
            step: next,
            moved,
            now: stage.now.0,
            records: stage.records.len(),
            heads: stage.heads.iter().map(line).collect(),
            plane: hex::encode(plane),
            call: hex::encode(call),
            signature: hex::encode(*stage.plane.key.sk.sign(stamp.signed(), None)),
            signed: stage.plane.signed.iter().map(|text| text.as_ref().map(file)).collect(),
            texts: stage.plane.texts.iter().map(|texts| texts.iter().map(file).collect()).collect(),
            seats: stage
                .seats
                .iter()
                .map(|(seat, (name, _))| (seat.0, name.clone(), stage.joined_in.get(seat).copied().unwrap_or(step)))
                .collect(),
            labels: stage.labels.iter().map(|(binding, label)| (binding.0, label.clone())).collect(),
        })
    }

    fn sealed(&self, plane: &Plane) -> Result<Sealed> {
        let body = serde_json::to_string(self)?;
        let signature = hex::encode(*plane.key.sk.sign(stamp(self, &body).signed(), None));
        Ok(Sealed { body, signature, trail: None })
    }

    /// The state, if the control plane has signed it.
    fn opened(sealed: &Sealed) -> Result<Self> {
        let kept: Self = serde_json::from_str(&sealed.body).context("the state is none")?;
        let newest = kept.heads.last().map_or(0, |head| u64::from(head.records));
        let key = *plane(kept.seed)?.key.pk;
        let signature = bytes(&sealed.signature, "the signature")?;
        let stamp = stamp(&kept, &sealed.body);
        stamp.verify(sealed.body.as_bytes(), newest, &key, &signature, &verifies).context("the state")?;
        Ok(kept)
    }

    /// The stage, to be continued: the trail gets a record that another process restored it.
    pub fn stage(self, seed: u64, directory: &Directory) -> Result<Stage> {
        let call = hex::decode(&self.call).context("the interaction")?;
        let mut stage = self.stage_as_it_is(seed, directory)?;
        if stage.call.state() != interaction_gov::lifecycle::State::Terminated {
            stage.call.resumed(&call, &mut stage.log).context("going on")?;
            stage.keep();
            let records = stage.records.len();
            stage.tell("restored", "control plane", format!("goes on, with record {records}"), None);
        }
        Ok(stage)
    }

    /// The stage as it was.
    pub fn stage_as_it_is(self, seed: u64, directory: &Directory) -> Result<Stage> {
        ensure!(self.seed == seed, "it was begun with --seed {}", self.seed);
        let mut plane = plane(seed)?;
        let text = |file: &String| {
            TEXTS.iter().find(|text| text.file == file).copied().with_context(|| format!("no text {file}"))
        };
        plane.signed = self.signed.iter().map(|file| file.as_ref().map(text).transpose()).collect::<Result<_>>()?;
        let versions = self.texts.iter().map(|files| files.iter().map(text).collect::<Result<Vec<_>>>());
        plane.texts = versions.collect::<Result<_>>()?;
        let (texts, names) = (plane.texts.clone(), plane.names.clone());
        let compile = |digest: &[u8; 32], policy: &mut Policy<4>| {
            texts.iter().any(|texts| {
                policy.clear();
                texts.iter().all(|text| policy.add(text.text, &names).is_ok()) && policy.digest() == digest
            })
        };
        let snapshot = hex::decode(&self.plane).context("the control plane")?;
        plane.rollout.restore(&snapshot, compile).context("the control plane")?;
        let snapshot = hex::decode(&self.call).context("the interaction")?;
        let call = Call::restore(&snapshot).context("the interaction")?;
        let reached = (call.chain().next(), call.unrecorded());
        let stamp = Stamp::of(*call.id(), reached, call.time(), &snapshot);
        let newest = (self.heads.last().map_or(0, |head| head.records), 0);
        let signature = bytes(&self.signature, "the interaction's signature")?;
        stamp.verify(&snapshot, newest, &plane.key.pk, &signature, &verifies).context("the interaction")?;
        let records = directory.trail(self.records)?;
        let chain = records.iter().fold(Chain::of(call.id()), |chain, record| chain.and(record));
        ensure!(&chain == call.chain(), "the trail is not the interaction's");
        let heads: Option<Vec<SignedHead>> = self.heads.iter().map(Line::head).collect();
        let key = |step: usize| pair(&mut rng(seed, step));
        Ok(Stage {
            plane,
            call,
            now: Time(self.now),
            renewals: 0,
            networks: BTreeSet::new(),
            log: Log::new(vec![[0; RECORD]; 4096]),
            teller: Teller::new(Style::Silent),
            records,
            heads: heads.context("a head")?,
            joined_in: self.seats.iter().map(|(seat, _, step)| (Seat(*seat), *step)).collect(),
            seats: self.seats.into_iter().map(|(seat, name, step)| (Seat(seat), (name, key(step)))).collect(),
            labels: self.labels.into_iter().map(|(number, label)| (Binding(number), label)).collect(),
        })
    }
}

/// Where it is kept.
pub struct Directory(PathBuf);

impl Directory {
    /// Makes it, if it is not there.
    pub fn open(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).with_context(|| format!("cannot make {path:?}"))?;
        Ok(Self(path.to_owned()))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is kept there, if something is.
    pub fn kept(&self) -> Result<Option<Kept>> {
        match fs::read_to_string(self.at("state")) {
            Ok(text) => Kept::opened(&serde_json::from_str(&text).context("the state is none")?).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("cannot read the state"),
        }
    }

    /// Begins with these records, and no state yet.
    pub fn begin(&self, trail: &[u8]) -> Result<()> {
        self.replace("trail", trail)
    }

    /// The first `records` records, checked to be there.
    fn trail(&self, records: usize) -> Result<Vec<Bytes>> {
        let bytes = fs::read(self.at("trail")).context("cannot read the trail")?;
        let (all, _) = bytes.as_chunks::<RECORD>();
        Ok(all.get(..records).context("the trail is shorter than the state says")?.to_vec())
    }

    /// Makes a step durable: the records first, then the state that refers to them.
    pub fn keep(&self, stage: &Stage, kept: &Kept) -> Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.at("trail")).context("the trail")?;
        let before = self.kept()?.map_or(0, |kept| kept.records);
        // Records behind this place were never reported.
        file.set_len(u64::try_from(before * RECORD)?)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&stage.records.get(before..).unwrap_or_default().concat())?;
        file.sync_all().context("the trail")?;
        self.replace("state", serde_json::to_string(&kept.sealed(&stage.plane)?)?.as_bytes())?;
        let heads: Vec<String> = kept.heads.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        self.replace("heads", heads.iter().flat_map(|line| [line, "\n"]).collect::<String>().as_bytes())
    }

    /// Puts a file in the place of another, whole.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        replace(&self.at(name), bytes)
    }

    /// Writes everything into one file, for another process.
    pub fn give(&self, file: &Path) -> Result<()> {
        let mut sealed: Sealed = serde_json::from_str(&fs::read_to_string(self.at("state"))?)?;
        let kept = Kept::opened(&sealed)?;
        sealed.trail = Some(hex::encode(self.trail(kept.records)?.concat()));
        replace(file, serde_json::to_string(&sealed)?.as_bytes())
    }
}

/// What another process has handed over, and its records.
pub fn handed_over(text: &str, seed: u64) -> Result<(Kept, Vec<u8>)> {
    let sealed: Sealed = serde_json::from_str(text).context("nothing is handed over")?;
    let kept = Kept::opened(&sealed)?;
    ensure!(kept.seed == seed, "it was begun with --seed {}", kept.seed);
    ensure!(kept.moved, "the other process has not let go of it");
    let trail = hex::decode(sealed.trail.context("no trail is handed over")?).context("the trail")?;
    Ok((kept, trail))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The name, too.
        path.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    write().with_context(|| format!("cannot write {path:?}"))
}
