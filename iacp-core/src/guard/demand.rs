//! What a request costs: tokens by its length, bits of work by what it asks and how its sender stands (`IACP §3.6.2`,
//! `§5.3.1`, `§5.4.1`).

use super::difficulty::Difficulty;

/// How heavy a request is, before its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Weight {
    /// One record, binding and flags, a ticket, a refresh.
    Look = 1,
    /// Lists, nodes, filters; tickets of access; joining a hub; the fallback query; `PSS_INIT`.
    Search = 4,
    /// Registration, migration, tickets, records.
    Mutation = 8,
    /// Proofs of malfeasance and rebuttals; and, charged afterwards, work or signatures of it that turn out false.
    Trial = 16,
}

words! {
    Weight {
        Self::Look => "a look-up",
        Self::Search => "a search",
        Self::Mutation => "a mutation",
        Self::Trial => "a trial",
    }
}

/// Tokens of a request: its weight, and one for each 256 bytes begun.
///
/// ```
/// use iacp_core::guard::{Rate, TokenBucket, Weight, tokens};
/// use iacp_core::time::Mono;
///
/// let mut bucket = TokenBucket::new(Rate { capacity: 16, per_second: 2 }, Mono(0));
/// let registration = tokens(Weight::Mutation, 300); // 8 for the request, 2 for its length
/// assert_eq!(registration, 10);
/// assert!(bucket.take(Mono(0), registration).is_ok());
/// assert!(bucket.take(Mono(0), registration).is_err());
/// assert!(bucket.take(Mono(0), tokens(Weight::Look, 80)).is_ok(), "a look-up costs 2");
/// ```
// keeps: IACP-123 (§5.4.1)
#[must_use]
pub fn tokens(weight: Weight, length: usize) -> u32 {
    u32::try_from(length.div_ceil(256)).unwrap_or(u32::MAX).saturating_add(weight as u32)
}

/// What a request asks for, as far as its work is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Asked {
    /// A look-up of one record, a refresh from the bound address, what a node hands on: no work.
    Free,
    /// Another look-up, or the move of an EID that is stored here: D − 4.
    Known,
    /// Another mutation, a ticket of access, joining a hub, a rebuttal: D.
    Change,
    /// An accusation, or a newcomer's mutation while the breaker is open: D + 4.
    Heavy,
    /// A `PSS_INIT` of a peer of which more work is demanded: D + 2^level.
    Distrusted {
        /// By the score alone: see [`level`].
        level: u32,
    },
}

impl core::fmt::Display for Asked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Free => f.pad("no work"),
            Self::Known => f.pad("less work: what is asked about is known"),
            Self::Change => f.pad("the work of a change"),
            Self::Heavy => f.pad("more work: an accusation, or a newcomer"),
            Self::Distrusted { level } => write!(f, "more work: the peer is distrusted at level {level}"),
        }
    }
}

/// The level of a peer whose score R is below the threshold θ: one more for each 500. Nothing is counted that others could
/// drive up by repeating frames.
#[must_use]
pub const fn level(threshold: u16, score: u16) -> u32 {
    threshold.saturating_sub(score) as u32 / 500
}

/// The bits that a request needs at difficulty `d`, for the host's liability in parts per 10,000. It grows exponentially
/// with the level, up to [`Difficulty::CAP`]: no peer is asked for more.
///
/// ```
/// use iacp_core::guard::{Asked, bits, level};
///
/// assert_eq!(bits(16, Asked::Known, 0), 12);
/// assert_eq!(bits(16, Asked::Distrusted { level: level(5_000, 4_000) }, 0), 20); // 16 + 2^2
/// assert_eq!(bits(20, Asked::Heavy, 9_000), 24); // the cap
/// ```
// keeps: IACP-022 (§3.6.2)
#[must_use]
pub fn bits(d: u32, asked: Asked, liability: u16) -> u32 {
    let bits = match asked {
        Asked::Free => return 0,
        Asked::Known => d.saturating_sub(4),
        Asked::Change => d,
        Asked::Heavy => d.saturating_add(4),
        Asked::Distrusted { level } => d.saturating_add(1_u32.checked_shl(level).unwrap_or(u32::MAX)),
    };
    bits.saturating_add(u32::from(liability) / 2_500).min(Difficulty::CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    // shows: IACP-022 (§3.6.2)
    #[test]
    fn the_work_of_a_distrusted_peer_doubles_with_each_level_up_to_the_cap() {
        let more = [1, 2, 4, 8, 8, 8];
        for (level, more) in (0..).zip(more) {
            assert_eq!(bits(16, Asked::Distrusted { level }, 0), 16 + more, "level {level}");
        }
        for level in [31, 32, 64, u32::MAX] {
            assert_eq!(bits(0, Asked::Distrusted { level }, 0), 24);
        }
        let levels = [(5_000, 0), (4_999, 0), (4_501, 0), (4_500, 1), (4_000, 2), (0, 10), (9_999, 0)];
        for (score, expected) in levels {
            assert_eq!(level(5_000, score), expected, "score {score}");
        }
        // A peer whose score falls is never asked for less.
        let asked = |score| bits(16, Asked::Distrusted { level: level(5_000, score) }, 0);
        assert!((1..5_000).all(|score| asked(score - 1) >= asked(score)));
    }

    #[test]
    fn bits_by_request_and_liability() {
        for (asked, expected) in [(Asked::Free, 0), (Asked::Known, 12), (Asked::Change, 16), (Asked::Heavy, 20)] {
            assert_eq!(bits(16, asked, 0), expected);
            assert_eq!(bits(16, asked, 2_499), expected);
            if asked != Asked::Free {
                assert_eq!(bits(16, asked, 2_500), expected + 1);
                assert_eq!(bits(16, asked, 9_000), expected + 3);
                assert_eq!(bits(u32::MAX, asked, u16::MAX), 24);
            }
        }
        assert_eq!(bits(2, Asked::Known, 0), 0);
    }

    // shows: IACP-123 (§5.4.1)
    #[test]
    fn larger_and_heavier_requests_cost_more() {
        assert_eq!(tokens(Weight::Look, 0), 1);
        assert_eq!(tokens(Weight::Look, 1), 2);
        assert_eq!(tokens(Weight::Look, 256), 2);
        assert_eq!(tokens(Weight::Search, 257), 6);
        assert_eq!(tokens(Weight::Mutation, 1_200), 13);
        assert_eq!(tokens(Weight::Trial, 1_200), 21);
        assert!(tokens(Weight::Trial, usize::MAX) > tokens(Weight::Trial, 1_200));
    }
}
