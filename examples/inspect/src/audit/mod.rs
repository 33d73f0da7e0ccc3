//! `inspect audit`: whether a trail is whole and signed, what happened, and why.

mod check;
mod heads;
mod replay;
mod words;

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use explain::hexadecimal;
use interaction_gov::audit::{Bytes, RECORD, RecordKind};
use interaction_gov::vocabulary::Vocabulary;
use serde_json::json;

use crate::texts;
use check::{Check, Wrong};
use heads::Placed;
use words::Words;

/// Verifies the audit trail of an interaction, and lists what happened.
///
/// A trail alone shows only that its records are in order. With heads, and the key that signed them, it is shown that no
/// record was altered, added or taken away. With --replay each decision is made once more, from the trail and the texts alone.
///
/// The exit code says what was verified:
///
/// 0: every record, to the signed end (or, with --unfinished, as far as it goes)
///
/// 1: something is wrong: altered, moved, cut behind a head, another interaction's, a head that is forged, a decision that the texts
/// do not make, a file that cannot be read
///
/// 2: the command line is wrong
///
/// 3: nothing is wrong, but not everything could be verified: no key, no heads, records that no head covers, no signed end, tightenings for whose
/// records there was no room
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Records of 151 bytes, one after the other.
    trail: PathBuf,
    /// Signed heads, a JSON object a line: interaction, records, hash, time, last, signature; bytes in hex.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// The control plane's Ed25519 public key, 32 bytes.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal::thirty_two)]
    key: Option<[u8; 32]>,
    /// The names of actions, streams and so on; without it, they are numbers.
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
    /// The trail must be this interaction's: its identity, 16 bytes.
    #[arg(long, value_name = "HEX", value_parser = hexadecimal::sixteen)]
    interaction: Option<[u8; 16]>,
    /// The interaction may go on: no signed end is needed.
    #[arg(long)]
    unfinished: bool,
    /// Decides everything once more by these texts: all versions of all authorities that governed, in the order of the
    /// vocabulary.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "vocabulary")]
    replay: Vec<PathBuf>,
    /// Explains this record in full sentences, and lists no other. The first one is 0.
    #[arg(long, value_name = "N")]
    explain: Option<u64>,
    /// Prints a JSON object per record and head, a line each, and one about the whole.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A file that cannot be read, a malformed head, a record that does not exist, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let json = arguments.json;
    let text = match arguments.vocabulary.as_deref().map(texts::read).transpose() {
        Ok(text) => text.unwrap_or_default(),
        Err(complaint) => return texts::tell(&[complaint], json).map(|()| ExitCode::FAILURE),
    };
    let Ok(vocabulary) = Vocabulary::read(&text) else {
        let path = arguments.vocabulary.as_deref().unwrap_or(&arguments.trail);
        return texts::tell(&texts::wrong_with_vocabulary(path, &text), json).map(|()| ExitCode::FAILURE);
    };
    let heads = arguments.heads.as_deref().map(heads::read).transpose()?;
    let mut check = Check::new(heads.as_deref().unwrap_or_default(), arguments.key);
    if let Some(wanted) = arguments.interaction {
        check.must_be(wanted);
    }
    let replay = replay::Replay::of(&arguments.replay, &vocabulary)?;
    let out = BufWriter::new(io::stdout().lock());
    let mut reading =
        Reading { arguments, words: Words::of(&vocabulary), check, replay, out, explained: None, gaps: 0 };
    let records = reading.all()?;
    reading.conclude(records)
}

/// A trail that is read, checked and printed in one pass: it may be longer than memory.
struct Reading<'a, W> {
    arguments: &'a Arguments,
    words: Words<'a>,
    check: Check<'a>,
    replay: replay::Replay,
    out: W,
    explained: Option<Vec<String>>,
    /// Tightenings that were not recorded.
    gaps: u64,
}

impl<W: Write> Reading<'_, W> {
    /// Handles every record of the trail. Returns how many there are.
    fn all(&mut self) -> Result<u64> {
        let path = &self.arguments.trail;
        let name = || texts::shown(path);
        let mut file = BufReader::new(File::open(path).with_context(name)?);
        let mut bytes = Vec::with_capacity(RECORD);
        for number in 0.. {
            for (placed, holds) in self.check.heads() {
                self.head(placed, holds)?;
            }
            bytes.clear();
            file.by_ref().take(RECORD as u64).read_to_end(&mut bytes).with_context(name)?;
            match <&Bytes>::try_from(bytes.as_slice()) {
                Ok(bytes) => self.record(number, bytes)?,
                Err(_) => {
                    if !bytes.is_empty() {
                        let what = format!("the file ends within it, after {} of its {RECORD} bytes", bytes.len());
                        self.check.breaks(number, number, what);
                    } else if number == 0 {
                        self.check.wrong.push(Wrong { from: 0, to: 0, what: "there is none".into() });
                    }
                    self.check.end();
                    return Ok(number);
                }
            }
        }
        Ok(u64::MAX)
    }

    fn record(&mut self, number: u64, bytes: &Bytes) -> Result<()> {
        let was_whole = !self.check.is_broken();
        let (record, in_order) = self.check.record(number, bytes);
        if let Some(record) = &record {
            self.words.hear(number, record);
            self.gaps += if record.kind == RecordKind::Gap { u64::from(record.count) } else { 0 };
            if let Some(what) = self.replay.record(record) {
                self.check.wrong.push(Wrong { from: number, to: number, what });
            }
        }
        if self.arguments.explain.is_some_and(|explain| explain != number) {
            return Ok(());
        }
        let Self { words, out, arguments, .. } = self;
        if arguments.explain.is_some() {
            let unreadable = || vec![format!("Record {number} has no meaning: {}.", hex::encode(bytes))];
            let mut told = record.as_ref().map_or_else(unreadable, |record| words.sentences(number, record));
            if !in_order {
                told.push("It is not where it should be, or something before it is not: nothing proves it.".into());
            }
            self.explained = Some(told);
            return Ok(());
        }
        if arguments.json {
            let object = match &record {
                Some(record) => words.object(number, record),
                None => json!({ "record": number, "unreadable": hex::encode(bytes) }),
            };
            writeln!(out, "{object}")?;
            return Ok(());
        }
        if was_whole && !in_order {
            writeln!(out, "        from here on nothing is proven")?;
        }
        match &record {
            Some(record) => {
                let (time, kind) = (record.time.0, record.kind);
                let line = format!("{number:>6}  {time:>10} ms  {kind:<12} {}", words.line(record));
                writeln!(out, "{}", line.trim_end())?;
            }
            None => writeln!(out, "{number:>6}  unreadable  {}", hex::encode(bytes))?,
        }
        Ok(())
    }

    fn head(&mut self, placed: &Placed, holds: bool) -> Result<()> {
        let Self { arguments, out, .. } = self;
        let head = &placed.signed.head;
        let signed = holds && arguments.key.is_some();
        if arguments.explain.is_some() {
            return Ok(());
        }
        if arguments.json {
            let object = json!({ "head": head.records, "time": head.time.0, "last": head.last, "agrees": holds, "signed": signed });
            writeln!(out, "{object}")?;
            return Ok(());
        }
        let said = match (holds, signed) {
            (_, true) => "signed",
            (true, false) => "agrees; whether it is signed was not checked",
            (false, _) => "DOES NOT HOLD",
        };
        let last = if head.last { "last head" } else { "head" };
        writeln!(out, "        {last} over {} records: {said}", head.records)?;
        Ok(())
    }

    /// Reports what the trail as a whole shows, and what it does not.
    fn conclude(self, records: u64) -> Result<ExitCode> {
        let Self { arguments, check, replay, explained, gaps, mut out, .. } = self;
        let explained = match arguments.explain {
            Some(number) => {
                let there = || format!("--explain: there is no record {number}; the trail has {records}");
                Some((number, explained.with_context(there)?))
            }
            None => None,
        };
        let has_key = arguments.key.is_some();
        let (signed, ended) = if has_key { (check.signed(), check.is_ended()) } else { (0, false) };
        let unsigned = records.saturating_sub(signed);
        let good = check.wrong.is_empty();
        let verified = good && records > 0 && unsigned == 0;
        let mut not_shown = not_shown(arguments, signed..records, ended);
        if gaps > 0 {
            not_shown.push(format!("{gaps} tightenings, for which there was no room"));
        }
        if replay.untold() > 0 {
            let more = replay.untold();
            not_shown.push(format!("{more} changes of the control plane one by one, which it did not know any more"));
        }
        let replayed = (!arguments.replay.is_empty()).then_some((replay.same, replay.differ));
        if arguments.json {
            if let Some((number, told)) = explained {
                writeln!(out, "{}", json!({ "record": number, "signed": number < signed, "explanation": told }))?;
            }
            let told = |wrong: &Wrong| json!({ "from": wrong.from, "to": wrong.to, "what": wrong.what });
            let object = json!({
                "ok": good,
                "interaction": check.interaction(),
                "records": records,
                "heads": check.held,
                "signed": signed,
                "unsigned": unsigned,
                "ended": ended,
                "verified": verified,
                "hash": check.hash(),
                "replayed": replayed.map(|(same, differ)| json!({ "same": same, "differ": differ })),
                "wrong": check.wrong.iter().map(told).collect::<Vec<_>>(),
                "not_shown": not_shown,
            });
            writeln!(out, "{object}")?;
        } else {
            if let Some((number, told)) = explained {
                told.iter().try_for_each(|sentence| writeln!(out, "{sentence}"))?;
                let covered = if number < signed { "A signed head covers it." } else { "No signed head covers it." };
                writeln!(out, "{covered}")?;
            }
            writeln!(out)?;
            writeln!(out, "interaction  {}", check.interaction().unwrap_or("unknown".into()))?;
            writeln!(out, "records      {records}, {signed} of them signed, {unsigned} not")?;
            let verdict = if verified { "yes: these are the records that were signed" } else { "no" };
            writeln!(out, "verified     {verdict}")?;
            if let Some((same, differ)) = replayed {
                writeln!(out, "replayed     {} decisions; {differ} of them differ", same + differ)?;
            }
            not_shown.iter().try_for_each(|what| writeln!(out, "not shown    {what}"))?;
        }
        out.flush()?;
        if !arguments.json {
            let trail = texts::shown(&arguments.trail);
            check.wrong.iter().try_for_each(|wrong| writeln!(io::stderr(), "inspect: {trail}: {wrong}"))?;
        }
        Ok(match (good && records > 0, not_shown.is_empty()) {
            (false, _) => ExitCode::FAILURE,
            (true, true) => ExitCode::SUCCESS,
            (true, false) => ExitCode::from(NOT_SHOWN),
        })
    }
}

/// The exit code where nothing is wrong, but not everything could be verified.
const NOT_SHOWN: u8 = 3;

/// What is not shown.
fn not_shown(arguments: &Arguments, unsigned: Range<u64>, ended: bool) -> Vec<String> {
    let mut what = Vec::new();
    if arguments.heads.is_none() {
        what.push("that the records are those that were made: no heads were given".into());
    }
    if arguments.key.is_none() {
        what.push("who has signed: no key was given".into());
    }
    if what.is_empty() && !unsigned.is_empty() {
        let (first, last) = (unsigned.start, unsigned.end - 1);
        let which =
            if first == last { format!("record {last} was") } else { format!("records {first} to {last} were") };
        what.push(format!("that {which} made so: no head that holds covers this"));
    }
    if !ended && !arguments.unfinished {
        what.push("that nothing follows: no signed head says that it is the last".into());
    }
    what
}
