//! The model of coordination surfaces (`IoE §3.2`, `§3.2.1`, `§7`): how many there are, and how they grow.

use core::fmt;
use core::num::NonZeroU32;
use core::ops::RangeInclusive;

/// One of the five dimensions that scale independently of each other (`IoE §3.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Dimension {
    /// P: humans, devices, services, agents.
    Participants,
    /// M: modalities and streams, such as telemetry, media, commands, logs.
    Modalities,
    /// F: features and functions, such as recording, moderation, assistance, analytics.
    Functions,
    /// A: policy authorities and domains, such as organizations, jurisdictions, safety envelopes.
    Authorities,
    /// T: transport transitions, such as handover, protocol translation, a shift from edge to cloud.
    Transitions,
}

/// The size of an interaction in each dimension (`IoE §3.2`).
///
/// ```
/// use interaction_gov::measure::coordination::{Dimension, Dimensions};
///
/// assert_eq!(Dimensions::VIDEO_CONFERENCE.of(Dimension::Participants), 10);
/// assert_eq!(Dimensions::each(4).of(Dimension::Transitions), 4);
/// ```
// keeps: IOE-027 (§3.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Dimensions {
    /// P: participants.
    pub participants: u32,
    /// M: modalities or streams.
    pub modalities: u32,
    /// F: functions.
    pub functions: u32,
    /// A: policy authorities.
    pub authorities: u32,
    /// T: transport transitions.
    pub transitions: u32,
}

impl Dimensions {
    /// The draft's example, a video conference of an enterprise (`IoE §3.2.1`).
    ///
    /// The draft counts three transitions, and names an office, a mobile and a home network: from one to the next that
    /// is two. Its figures are computed with three, and so are these.
    // keeps: IOE-034 (§3.2.1), IOE-035 (§3.2.1), IOE-036 (§3.2.1), IOE-037 (§3.2.1), IOE-038 (§3.2.1)
    pub const VIDEO_CONFERENCE: Self =
        Self { participants: 10, modalities: 6, functions: 8, authorities: 4, transitions: 3 };

    /// The same size in every dimension.
    #[must_use]
    pub const fn each(size: u32) -> Self {
        Self { participants: size, modalities: size, functions: size, authorities: size, transitions: size }
    }

    /// The size in one dimension.
    #[must_use]
    pub const fn of(self, dimension: Dimension) -> u32 {
        match dimension {
            Dimension::Participants => self.participants,
            Dimension::Modalities => self.modalities,
            Dimension::Functions => self.functions,
            Dimension::Authorities => self.authorities,
            Dimension::Transitions => self.transitions,
        }
    }

    /// `C_int = P + M + F + A + T`: the binding points when everything is bound to one interaction (`IoE §3.2`).
    ///
    /// Five 32-bit numbers cannot overflow the sum.
    // keeps: IOE-031 (§3.2), IOE-041 (§3.2.1)
    #[must_use]
    pub const fn interaction_scoped(self) -> u64 {
        self.participants as u64
            + self.modalities as u64
            + self.functions as u64
            + self.authorities as u64
            + self.transitions as u64
    }

    /// `C_frag = k·P·M + k·F·(P+M) + k·A·(P+F) + k·T·(P+M+F)`: the coordination surfaces of a fragmented architecture
    /// by the draft's upper-bound model (`IoE §3.2`).
    ///
    /// Not every pair of dimensions is in it: authorities meet neither modalities nor transitions. In one dimension
    /// alone it is linear; it multiplies when several dimensions grow.
    ///
    /// The draft's own example does not follow from this formula. With k = 1 it gives 332, not 5,760, which is
    /// [`Self::worst_case`]; at k = 0.3 it gives 99.6, not 500 to 1,000.
    // keeps: IOE-028 (§3.2), IOE-032 (§3.2)
    #[must_use]
    pub const fn fragmented(self, k: Coupling) -> Thousandths {
        let [p, m] = [self.participants as u128, self.modalities as u128];
        let [f, a, t] = [self.functions as u128, self.authorities as u128, self.transitions as u128];
        // At most 1,000 · 8 · 2^64: far from the end of 128 bits.
        Thousandths(
            k.modalities.0 as u128 * p * m
                + k.functions.0 as u128 * f * (p + m)
                + k.authorities.0 as u128 * a * (p + f)
                + k.transitions.0 as u128 * t * (p + m + f),
        )
    }

    /// `P·M·F·A·T`, which the draft's example calls the worst case (`IoE §3.2.1`): 5,760 there. `None`: it does not fit
    /// 128 bits.
    ///
    /// It is the product of all five, whereas [`Self::fragmented`] multiplies no more than two: it is not a value of that
    /// formula at any coupling. 30 % of it is 1,728, and 186 times the 31 binding points make all of it. The draft's
    /// "16-32x" is its "500-1,000" divided by 31.
    // keeps: IOE-039 (§3.2.1), IOE-040 (§3.2.1), IOE-042 (§3.2.1)
    #[must_use]
    pub const fn worst_case(self) -> Option<u128> {
        // Four 32-bit numbers cannot overflow their product.
        let four =
            self.participants as u128 * self.modalities as u128 * self.functions as u128 * self.authorities as u128;
        four.checked_mul(self.transitions as u128)
    }

    /// The surfaces when each dimension is decomposed into groups of this size, each with a head (`IoE §7`): every
    /// member is bound to its head, and only heads coordinate, by [`Self::fragmented`].
    ///
    /// With groups of one, each member is a head, and nothing is gained. Larger groups cost less, by about the square
    /// of their size. Still, the number of heads grows with the interaction, and the order of growth between them stays
    /// the same.
    // keeps: IOE-122 (§7), IOE-123 (§7)
    #[must_use]
    pub const fn hierarchical(self, k: Coupling, group: NonZeroU32) -> Thousandths {
        let group = group.get();
        let heads = Self {
            participants: self.participants.div_ceil(group),
            modalities: self.modalities.div_ceil(group),
            functions: self.functions.div_ceil(group),
            authorities: self.authorities.div_ceil(group),
            transitions: self.transitions.div_ceil(group),
        };
        let members = self.interaction_scoped().saturating_sub(heads.interaction_scoped());
        Thousandths(1_000 * members as u128 + heads.fragmented(k).0)
    }
}

/// A share in parts per 1,000, from none to all.
///
/// ```
/// use interaction_gov::measure::coordination::PerMille;
///
/// assert_eq!(PerMille::new(300).map(PerMille::get), Some(300));
/// assert_eq!(PerMille::new(1_001), None, "more than all");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PerMille(u16);

impl PerMille {
    /// All.
    pub const ALL: Self = Self(1_000);

    /// A share in parts per 1,000; `None` above 1,000.
    #[must_use]
    pub const fn new(parts: u16) -> Option<Self> {
        if parts <= Self::ALL.0 { Some(Self(parts)) } else { None }
    }

    /// The parts per 1,000.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// The k of [`Dimensions::fragmented`], one for each of its terms: the probability that a possible coordination is
/// necessary (`IoE §3.2`).
///
/// The draft's formula has the same k four times, but its text speaks of several "k values". A cache that spares
/// coordination lowers its k (`IoE §7`). No k but zero changes the order of growth.
///
/// ```
/// use interaction_gov::measure::coordination::{Coupling, Dimensions, PerMille};
///
/// let third = Coupling::each(PerMille::new(300).ok_or("a share")?);
/// assert_eq!(Dimensions::VIDEO_CONFERENCE.fragmented(third).to_string(), "99.600");
/// let cached = Coupling { modalities: PerMille::new(0).ok_or("a share")?, ..third };
/// assert!(Dimensions::VIDEO_CONFERENCE.fragmented(cached) < Dimensions::VIDEO_CONFERENCE.fragmented(third));
/// # Ok::<(), &str>(())
/// ```
// keeps: IOE-029 (§3.2), IOE-033 (§3.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Coupling {
    /// Of modalities with participants: k·P·M.
    pub modalities: PerMille,
    /// Of functions with participants and modalities: k·F·(P+M).
    pub functions: PerMille,
    /// Of authorities with participants and functions: k·A·(P+F).
    pub authorities: PerMille,
    /// Of transitions with participants, modalities and functions: k·T·(P+M+F).
    pub transitions: PerMille,
}

impl Coupling {
    /// Everything that could be coordinated has to be: k = 1.
    pub const FULL: Self = Self::each(PerMille::ALL);
    /// What the draft calls typical: 0.1 to 0.8.
    pub const TYPICAL: RangeInclusive<PerMille> = PerMille(100)..=PerMille(800);

    /// The same k in every term.
    #[must_use]
    pub const fn each(k: PerMille) -> Self {
        Self { modalities: k, functions: k, authorities: k, transitions: k }
    }
}

/// A count in parts of 1,000: the draft's k are fractions.
///
/// ```
/// use interaction_gov::measure::coordination::Thousandths;
///
/// assert_eq!(Thousandths(99_600).to_string(), "99.600");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Thousandths(pub u128);

impl fmt::Display for Thousandths {
    /// As a decimal number with three digits after the point, such as 99.600.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// How the number of coordination surfaces grows (`IoE Appendix A`, step 7).
///
/// ```
/// use interaction_gov::measure::coordination::Growth;
///
/// assert_eq!(Growth::of(|size| size.interaction_scoped().into()), Growth::Additive);
/// let pairs = Growth::of(|size| u128::from(size.participants) * u128::from(size.modalities));
/// assert_eq!(pairs, Growth::Multiplicative);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Growth {
    /// As bindings to a single interaction primitive grow: at most in proportion.
    ///
    /// Appendix A.1 requires that |C| "grows sub-linearly". Taken literally, the draft's own C_int, a sum, would fail
    /// that, so growth in proportion passes.
    Additive,
    /// As a cross-product grows: by more than in proportion.
    Multiplicative,
}

impl Growth {
    /// How a count of surfaces grows when all dimensions grow together.
    ///
    /// Doubling every dimension doubles what additive growth adds, and quadruples what a product of two adds. It is
    /// seen at sizes of a million and more, where fixed costs and remainders of a division no longer matter. One 64th
    /// more than double is put down to rounding.
    ///
    /// A count may come in whole surfaces or in thousandths. One of [`u128::MAX`] stands for "too many to count", which
    /// is multiplicative growth.
    // keeps: IOE-030 (§3.2), IOE-145 (App. A 7)
    pub fn of(count: impl Fn(Dimensions) -> u128) -> Self {
        const FAR: u32 = 1 << 20;
        let [once, twice, four_times] = [1, 2, 4].map(|factor| count(Dimensions::each(FAR * factor)));
        let first = twice.saturating_sub(once);
        let second = four_times.saturating_sub(twice);
        if four_times < u128::MAX && second <= first.saturating_mul(2).saturating_add(first / 32) {
            Self::Additive
        } else {
            Self::Multiplicative
        }
    }

    /// The growth in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Additive => "additive: bindings to a single interaction primitive",
            Self::Multiplicative => "multiplicative: cross-product synchronization",
        }
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
