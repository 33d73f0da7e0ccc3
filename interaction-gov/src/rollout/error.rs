//! Why a rollout is refused.

use core::fmt;

use crate::vocabulary::Authority;

/// Why a rollout is refused. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RolloutError {
    /// An authority has not signed this text as its latest.
    NotSigned(Authority),
    /// The control plane has taken this text of an authority back.
    TakenBack(Authority),
    /// An authority that has signed a text is not in the policy.
    LeftOut(Authority),
    /// There is no room for another version.
    Full,
    /// There is no such version, track or canary.
    Unknown,
    /// The version governs, so it cannot be discarded.
    InUse,
    /// There is a canary already.
    Busy,
    /// There is no version to go back to, or it governs already.
    NothingBefore,
    /// The version was rolled back: it cannot be used again under this number.
    Withdrawn,
    /// Going back to that version would undo a change that another authority has made since.
    OfAnother(Authority),
    /// More than 100 percent.
    Percent,
    /// A newer version governs: an older one would undo later changes of authorities without their consent. Use
    /// [`roll_back`](super::Rollout::roll_back) instead.
    Older,
}

impl fmt::Display for RolloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned(_) => "an authority has not signed this as its latest",
            Self::TakenBack(_) => "a text in it was taken back",
            Self::LeftOut(_) => "an authority that has signed a text is left out",
            Self::Full => "no room",
            Self::Unknown => "there is no such version, track or canary",
            Self::InUse => "the version governs",
            Self::Busy => "there is a canary already",
            Self::NothingBefore => "there is nothing to go back to",
            Self::Withdrawn => "it was rolled back",
            Self::OfAnother(_) => "another authority has changed its text since",
            Self::Percent => "more than 100 percent",
            Self::Older => "a newer version governs there",
        })
    }
}

impl core::error::Error for RolloutError {}
