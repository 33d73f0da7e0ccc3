//! Heads: what the control plane has signed about a trail, kept apart from it.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use explain::hexadecimal;
use interaction_gov::audit::{Head, SignedHead};
use interaction_gov::identity::InteractionId;
use interaction_gov::time::Time;
use serde::Deserialize;

use crate::lines;
use crate::texts::{printable, shown};

/// No head fills a longer line.
const LONGEST_LINE: u64 = 4_096;

/// A head, and its line in the file.
pub struct Placed {
    pub line: u64,
    pub signed: SignedHead,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    interaction: String,
    records: u32,
    hash: String,
    time: u64,
    last: bool,
    signature: String,
}

/// Reads heads, an object a line, in the order of the records that they are over. Empty lines are skipped.
///
/// # Errors
///
/// A file that cannot be read, or a line that is not a head.
pub fn read(path: &Path) -> Result<Vec<Placed>> {
    let name = shown(path);
    let mut heads = Vec::new();
    let file = File::open(path).with_context(|| name.clone())?;
    lines::each_of(&mut BufReader::new(file), &name, LONGEST_LINE, |line| {
        let place = || format!("{name}:{}", line.number);
        ensure!(!line.cut, "{}: longer than any head", place());
        if line.text.trim_ascii().is_empty() {
            return Ok(());
        }
        // An error may quote the line.
        let written: Written = serde_json::from_slice(line.text)
            .map_err(|error| anyhow!(printable(&error.to_string())))
            .with_context(place)?;
        let signed = signed(&written).with_context(place)?;
        heads.push(Placed { line: line.number, signed });
        Ok(())
    })?;
    heads.sort_by_key(|head: &Placed| head.signed.head.records);
    Ok(heads)
}

fn signed(written: &Written) -> Result<SignedHead> {
    let head = Head {
        interaction: InteractionId::recorded(bytes("interaction", &written.interaction)?),
        records: written.records,
        hash: bytes("hash", &written.hash)?,
        time: Time(written.time),
        last: written.last,
    };
    Ok(SignedHead { head, signature: bytes("signature", &written.signature)? })
}

fn bytes<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N]> {
    hexadecimal::exactly(text).map_err(anyhow::Error::msg).context(field)
}
