//! The sums at the end of a demonstration.

use iacp_core::pss::{Closure, Discard, Discards};
use serde::Serialize;

use crate::carrier::traffic::Traffic;

/// One side of it.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    pub who: &'static str,
    pub sent: Traffic,
    pub anomalies_flagged: u32,
    pub anomalies_cleared: u32,
    /// Reason and count, where there were any.
    pub discards: Vec<(String, u32)>,
    pub sha256: String,
}

/// All of it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub bytes: u64,
    /// From the first frame of data until its last was acknowledged.
    pub took_ms: u64,
    pub bytes_per_second: u64,
    pub sides: Vec<Side>,
}

/// What a session discarded, by reason.
pub fn counts(discards: &Discards) -> Vec<(String, u32)> {
    let all = Discard::ALL.iter().map(|reason| (format!("{reason:?}"), discards.count(*reason)));
    all.filter(|(_, count)| *count > 0).collect()
}

/// How a session ended, in words.
pub fn ending(closure: Closure) -> String {
    let missing = |truncated| if truncated { ", and something is missing" } else { "" };
    match closure {
        Closure::Graceful => "in good order, confirmed by both sides".into(),
        Closure::Forced { by_peer, reason, truncated } => {
            let whose = if by_peer { "by the peer" } else { "by us" };
            format!("by force, {whose} (reason {reason}){}", missing(truncated))
        }
        Closure::NoSuite => "no cipher in common".into(),
        Closure::Superseded => "the peer's own session takes its place".into(),
        Closure::Unanswered { truncated } => format!("the request for teardown got no answer{}", missing(truncated)),
        Closure::NoAnswer => "no authentic answer to the handshake".into(),
        Closure::Contradiction => "the peer contradicts itself in the handshake or the negotiation".into(),
        Closure::Compromised(violation) => format!("SESSION_COMPROMISED: the peer broke the protocol ({violation})"),
        Closure::Lost { truncated } => format!("the peer went silent and did not come back{}", missing(truncated)),
        Closure::KeySpent => "a key has done as much as it may".into(),
    }
}

/// A number of bytes with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 7, 999, 1_000, 12_345, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }
}
