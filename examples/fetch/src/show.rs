//! The decision trail, for a terminal and for machines.

use std::collections::BTreeMap;

use iacp_core::dhi::pipeline::Noted;
use iacp_wire::layout::HandOffContext;
use serde_json::{Value, json};

use crate::driver::{Report, Verdict};
use crate::sandbox::Returned;

/// Columns of the picture's time axis.
const WIDTH: usize = 24;

/// The trail as a timeline: when, how far into the ingestion, and what.
#[must_use]
pub fn timeline(report: &Report) -> String {
    let last = report.trail.last().map_or(1, |mark| mark.at.max(1));
    let mut lines = String::new();
    for mark in &report.trail {
        let at = usize::try_from(u64::from(mark.at) * (WIDTH as u64 - 1) / u64::from(last)).unwrap_or(0);
        let axis: String = (0..WIDTH).map(|column| if column == at { '●' } else { '·' }).collect();
        let is_state = matches!(mark.what, Noted::State(_));
        let (lead, text) = (if is_state { "▶ " } else { "    " }, mark.what.to_string());
        lines.push_str(&format!("{:>6} ms  {axis}  {lead}{text}\n", mark.at));
    }
    lines
}

/// The verdict, in one line.
#[must_use]
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Native { uri, payload } => format!("NATIVE       {} bytes of ANML from {uri}", payload.len()),
        Verdict::Legacy { trigger, url } => format!("LEGACY       {trigger}: a browser for {url}"),
        Verdict::Unavailable { retry_after } => format!("UNAVAILABLE  again in {} s", retry_after.div_ceil(1_000)),
        Verdict::Refused(why) => format!("REFUSED      {why}"),
    }
}

/// The same for machines.
#[must_use]
pub fn json(report: &Report) -> Value {
    let trail: Vec<Value> =
        report.trail.iter().map(|mark| json!({ "ms": mark.at, "what": mark.what.to_string() })).collect();
    let verdict = match &report.verdict {
        Verdict::Native { uri, payload } => json!({ "verdict": "native", "uri": uri, "bytes": payload.len() }),
        Verdict::Legacy { trigger, url } => {
            json!({ "verdict": "legacy", "trigger": trigger.name(), "code": trigger.code(), "url": url })
        }
        Verdict::Unavailable { retry_after } => json!({ "verdict": "unavailable", "retry_after_ms": retry_after }),
        Verdict::Refused(why) => json!({ "verdict": "refused", "why": why }),
    };
    let mapping = report.mapping.map(|eid| hex(&eid.0));
    json!({ "verdict": verdict, "trail": trail, "mapping": mapping, "confirmed": report.is_confirmed })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The ESD-EID of a Hand-off Context Object.
fn name(returned: &Returned) -> String {
    HandOffContext::parse(&returned.object).map_or_else(|_| String::new(), |object| hex(&object.esd_eid.0))
}

/// Each URL once, with the number of its requests. A browser requests more than its page.
fn counted(urls: &[String]) -> impl Iterator<Item = (&str, usize)> {
    let mut times = BTreeMap::new();
    urls.iter().for_each(|url| *times.entry(url.as_str()).or_insert(0) += 1);
    times.into_iter()
}

/// What a hand-off was: the object, the way through the gate, and the page.
#[must_use]
pub fn returned(returned: &Returned) -> String {
    let passage = &returned.passage;
    let mut lines = format!("HCO          {} bytes, ESD-EID {}\n", returned.object.len(), name(returned));
    counted(&passage.opened).for_each(|(url, times)| lines.push_str(&format!("  gate  ──▶  {url} ({times} ×)\n")));
    let refused = counted(&passage.refused);
    let why = "leads inwards, or nothing answers";
    refused.for_each(|(url, times)| lines.push_str(&format!("  gate  ──✗  {url} ({times} ×): {why}\n")));
    lines.push_str(&format!("  gate  ◀──  {} bytes back, {} frames dropped\n", returned.page.len(), passage.dropped));
    lines
}

/// The same for machines.
#[must_use]
pub fn returned_json(returned: &Returned) -> Value {
    let passage = &returned.passage;
    json!({
        "esd_eid": name(returned), "source": hex(&returned.source), "bytes": returned.page.len(),
        "opened": passage.opened, "refused": passage.refused, "dropped": passage.dropped,
    })
}
