//! The decision trail, for a terminal and for machines.

use iacp_core::dhi::pipeline::Noted;
use serde_json::{Value, json};

use crate::driver::{Report, Verdict};

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
    json!({ "verdict": verdict, "trail": trail })
}
