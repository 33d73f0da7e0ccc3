//! The words and colours of the timeline.

use crate::telling::event::Event;
use crate::telling::report::Report;
use crate::telling::step::Step;
use crate::telling::summary::{Side, Summary, grouped};

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "34";
const MAGENTA: &str = "35";
const CYAN: &str = "36";

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// One line, or a few for what needs them.
pub fn line(ms: u64, who: &str, event: &Event, colour: bool) -> String {
    let (code, text) = words(event);
    let text = if code.is_empty() { text } else { paint(colour, code, &text) };
    if matches!(event, Event::Summary(_) | Event::Verdict { .. } | Event::Plan { .. } | Event::Handoffs { .. }) {
        return text;
    }
    let name = match who {
        "alice" => paint(colour, MAGENTA, "alice "),
        "bob" => paint(colour, BLUE, "bob   "),
        "carol" => paint(colour, YELLOW, "carol "),
        other => format!("{other:<6}"),
    };
    let time = paint(colour, DIM, &format!("{:>9} ms", grouped(ms)));
    format!("{time}  {name}  {text}")
}

fn words(event: &Event) -> (&'static str, String) {
    match event {
        Event::Plan { file, bytes, loss_permille, late_permille, fault_seed } => (
            BOLD,
            format!(
                "alice sends {file} ({} bytes) to bob. The network loses {} of the frames and delays {}, in each \
                 direction; fault seed {fault_seed}.\n",
                grouped(*bytes),
                percent(*loss_permille),
                percent(*late_permille),
            ),
        ),
        Event::Handoffs { file, bytes, relayed, tampering } => {
            let then = if *relayed { ", and then what continues it, by way of carol" } else { "" };
            let but = tampering.map_or_else(String::new, |what| format!(": she {what}"));
            (BOLD, format!("alice hands {file} ({} bytes) to bob{then}{but}.\n", grouped(*bytes)))
        }
        Event::Identity { eid, canonical } => ("", format!("is {eid}\n{:22}canonical EID {canonical}", "")),
        Event::Listening { transport, at } => ("", format!("listening on {transport} {at}")),
        Event::Connected { transport, to, frame_limit } => {
            ("", format!("connected to {transport} {to}, frames of up to {} bytes", grouped(*frame_limit as u64)))
        }
        Event::Mining { topic, bits } => ("", format!("looks for '{topic}': mines a proof of work of {bits} bits …")),
        Event::Mined { bits, tries, took_ms } => {
            ("", format!("found {bits} zero bits after {} hashes, {} ms", grouped(*tries), grouped(*took_ms)))
        }
        Event::Found { eid } => (BOLD, format!("found an agent: {eid}")),
        Event::Unanswered { after_ms } => (YELLOW, format!("no answer within {} ms: mines again", grouped(*after_ms))),
        Event::Sent { frame, bytes, repeat } => {
            ("", format!("→ {frame}  {bytes} bytes{}", if *repeat { "  (again)" } else { "" }))
        }
        Event::Lost { frame, bytes } => (RED, format!("✗ lost on its way: {frame}, {} bytes", grouped(*bytes as u64))),
        Event::Late { frame, delay_ms } => (YELLOW, format!("~ held back {delay_ms} ms: {frame}")),
        Event::State { machine, from, to } => {
            let code = if *to == "ANOMALY_FLAGGED" { YELLOW } else { CYAN };
            let text = from.map_or_else(|| format!("begins in {to}"), |from| format!("{from} → {to}"));
            (code, format!("{machine}: {text}"))
        }
        Event::Established { peer, at, took_ms } => {
            let after = took_ms.map_or_else(String::new, |took| format!(", after {} ms", grouped(took)));
            (BOLD, format!("session with {peer} at {at}{after}"))
        }
        Event::Moved { to } => (BOLD, format!("the peer has moved to {to}, and has proven it: everything goes there")),
        Event::Contract { receive_window, lifetime_s } => {
            let lifetime = if *lifetime_s == 0 { "no end".into() } else { format!("{lifetime_s} s") };
            ("", format!("contract effective: window {receive_window} frames, lifetime {lifetime}"))
        }
        Event::Sending { file, bytes, frame_content } => {
            ("", format!("sends {file}: {} bytes, up to {frame_content} in a frame", grouped(*bytes)))
        }
        Event::Received { sha256, bytes, from } => {
            (BOLD, format!("received {} bytes from {from}, SHA-256 {sha256}", grouped(*bytes)))
        }
        Event::Closed { how } => ("", format!("session over: {how}")),
        Event::Sealed { name, bytes, recipient, manifest } => {
            (BOLD, format!("seals {} bytes for {recipient} as {name}\n{:22}manifest {manifest}", grouped(*bytes), ""))
        }
        Event::Relays { to, bytes } => ("", format!("hands on {} bytes to {to}, as they are", grouped(*bytes))),
        Event::Tampered { what } => (RED, format!("✗ {what}")),
        Event::Rung { state, reached: true, evidence } => (GREEN, format!("▲ {state:<22}{evidence}")),
        Event::Rung { state, reached: false, evidence } => (YELLOW, format!("✗ {state:<22}{evidence}")),
        Event::Decided(report) => (BOLD, decision(report)),
        Event::Trouble { what } => (YELLOW, what.clone()),
        Event::Summary(summary) => ("", table(summary)),
        Event::Step(step) => (step_colour(step), step.to_string()),
        Event::Verdict { ok, what } => (if *ok { GREEN } else { RED }, format!("\n{what}")),
    }
}

const fn step_colour(step: &Step) -> &'static str {
    match step {
        Step::Killed { .. } => RED,
        Step::Moves { .. } | Step::Restarts { .. } => YELLOW,
        Step::Context { .. } => CYAN,
        Step::Hears { .. } | Step::Speaks { .. } => GREEN,
        Step::Stored { .. } | Step::GoesOn { .. } => BOLD,
        _ => "",
    }
}

fn decision(report: &Report) -> String {
    let kept = report.kept.as_ref().map_or_else(String::new, |path| format!("\n{:22}kept as {}", "", path.display()));
    format!("{}{kept}", report.why)
}

fn percent(per_mille: u32) -> String {
    match per_mille % 10 {
        0 => format!("{} %", per_mille / 10),
        tenths => format!("{}.{tenths} %", per_mille / 10),
    }
}

/// A row of the table: its name, and its value for a side.
type Row = (&'static str, fn(&Side) -> String);

fn table(summary: &Summary) -> String {
    let rows: [Row; 7] = [
        ("", |side| side.who.to_owned()),
        ("frames sent", |side| grouped(side.sent.frames)),
        ("bytes sent", |side| grouped(side.sent.bytes)),
        ("data, heartbeats", |side| format!("{}, {}", grouped(side.sent.data), grouped(side.sent.heartbeats))),
        ("repeats", |side| grouped(side.sent.repeats)),
        ("lost, late", |side| format!("{}, {}", grouped(side.sent.lost), grouped(side.sent.late))),
        ("anomalies, cleared", |side| format!("{}, {}", side.anomalies_flagged, side.anomalies_cleared)),
    ];
    let mut text = String::from("\n");
    for (name, value) in rows {
        text.push_str(&format!("  {name:<20}"));
        for side in &summary.sides {
            text.push_str(&format!("{:>14}", value(side)));
        }
        text.push('\n');
    }
    for side in &summary.sides {
        for (reason, count) in &side.discards {
            text.push_str(&format!("  {} discarded {} × {reason}\n", side.who, grouped(u64::from(*count))));
        }
    }
    let bytes = grouped(summary.bytes);
    text.push_str(&match (summary.took_ms, summary.bytes_per_second / 1_000) {
        // Too short for a rate.
        (0, _) => format!("\n  {bytes} bytes in less than 1 ms\n"),
        (ms, rate) => format!("\n  {bytes} bytes in {} ms: {} kB/s\n", grouped(ms), grouped(rate)),
    });
    for side in &summary.sides {
        text.push_str(&format!("  SHA-256, {:<6} {}\n", side.who, side.sha256));
    }
    text.truncate(text.trim_end().len());
    text
}
