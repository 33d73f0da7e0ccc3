//! Heuristic Relevancy Probability (`IACP §4.1.3.1`): the likelihood that a node has what the agent asks for. It is
//! computed in integers, so that all platforms rank alike; only the cosine uses floats, in one fixed order.

use core::fmt;

/// A value from 0 to 1, in parts per 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Share(u16);

impl Share {
    /// 0
    pub const ZERO: Self = Self(0);
    /// 1
    pub const ONE: Self = Self(10_000);

    /// `parts` per 10,000; `None` above 1.
    #[must_use]
    pub const fn new(parts: u16) -> Option<Self> {
        if parts > Self::ONE.0 { None } else { Some(Self(parts)) }
    }

    /// Parts per 10,000.
    #[must_use]
    pub const fn parts(self) -> u16 {
        self.0
    }

    /// `parts` per 10,000, but at most 1.
    pub(super) fn at_most_one(parts: u64) -> Self {
        Self(u16::try_from(parts).map_or(Self::ONE.0, |parts| parts.min(Self::ONE.0)))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04}", self.0 / 10_000, self.0 % 10_000)
    }
}

/// The weights do not sum to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotNormalised {
    /// Their sum, in parts per 10,000.
    pub sum: u32,
}

impl fmt::Display for NotNormalised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the weights sum to {} parts and not to 10,000", self.sum)
    }
}

impl core::error::Error for NotNormalised {}

/// w1, w2 and w3; they sum to one.
///
/// ```
/// use iacp_core::dhi::relevance::{NotNormalised, Share, Weights, relevance};
///
/// let share = |parts| Share::new(parts).ok_or("from 0 to 10,000");
/// let hrp = relevance(&Weights::DEFAULT, share(9_000)?, share(8_000)?, share(5_000)?);
/// assert_eq!(hrp.parts(), 4_050 + 2_800 + 1_000);
/// assert_eq!(Weights::new(5_000, 5_000, 1), Err(NotNormalised { sum: 10_001 }));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights([u16; 3]);

impl Weights {
    /// 0.45, 0.35, 0.20: a node for which no curator vouches reaches 0.65 at most, so it is never fetched at once.
    pub const DEFAULT: Self = Self([4_500, 3_500, 2_000]);

    /// Weights of similarity, reputation and history, in parts per 10,000.
    ///
    /// # Errors
    /// They do not sum to 10,000.
    // keeps: IACP-042 (§4.1.3.1)
    pub const fn new(similarity: u16, reputation: u16, history: u16) -> Result<Self, NotNormalised> {
        let sum = similarity as u32 + reputation as u32 + history as u32;
        if sum == 10_000 { Ok(Self([similarity, reputation, history])) } else { Err(NotNormalised { sum }) }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// HRP(n) = w1·S + w2·R + w3·C, rounded down.
// keeps: IACP-042 (§4.1.3.1)
#[must_use]
pub fn relevance(weights: &Weights, similarity: Share, reputation: Share, history: Share) -> Share {
    let values = [similarity, reputation, history];
    let sum: u64 = weights.0.iter().zip(values).map(|(weight, value)| u64::from(*weight) * u64::from(value.0)).sum();
    Share::at_most_one(sum / 10_000)
}

/// Two vectors that have no cosine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotComparable {
    /// They differ in length.
    Length,
    /// One has an element that is infinite or not a number.
    NotFinite,
}

words! {
    NotComparable {
        Self::Length => "the vectors differ in length",
        Self::NotFinite => "a vector has an element that is infinite or no number",
    }
}

impl core::error::Error for NotComparable {}

/// Eight sums in a fixed order: element `i` goes to sum `i mod 8`.
type Lanes = [f64; 8];

fn total(lanes: &Lanes) -> f64 {
    let [l0, l1, l2, l3, l4, l5, l6, l7] = *lanes;
    ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
}

/// The agent's request as an embedding (`A`), with its length computed once.
///
/// ```
/// use iacp_core::dhi::relevance::{NotComparable, Request, Share};
///
/// let request = Request::new(&[1.0, 0.0])?;
/// assert_eq!(request.similarity(&[2.0, 0.0])?, Share::ONE);
/// assert_eq!(request.similarity(&[1.0, 1.0])?.parts(), 7_071);
/// assert_eq!(request.similarity(&[-1.0, 0.0])?, Share::ZERO);
/// assert_eq!(request.similarity(&[f32::NAN, 0.0]), Err(NotComparable::NotFinite));
/// # Ok::<(), NotComparable>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    vector: &'a [f32],
    square: f64,
}

impl<'a> Request<'a> {
    /// The embedding of a request.
    ///
    /// # Errors
    /// An element is not finite.
    pub fn new(vector: &'a [f32]) -> Result<Self, NotComparable> {
        let (_, square) = products(vector, vector);
        square.is_finite().then_some(Self { vector, square }).ok_or(NotComparable::NotFinite)
    }

    /// S: the cosine of the request and of a node's anchor text; 0 below 0, and for a vector of zeros.
    ///
    /// # Errors
    /// The vectors differ in length, or an element is not finite.
    // keeps: IACP-043 (§4.1.3.1)
    pub fn similarity(&self, node: &[f32]) -> Result<Share, NotComparable> {
        if node.len() != self.vector.len() {
            return Err(NotComparable::Length);
        }
        let (dot, square) = products(self.vector, node);
        // Squares of finite f32 are finite in f64, and so is any sum of them that fits into memory.
        if !square.is_finite() {
            return Err(NotComparable::NotFinite);
        }
        let length = libm::sqrt(self.square) * libm::sqrt(square);
        if length == 0.0 {
            return Ok(Share::ZERO);
        }
        Ok(rounded(dot / length))
    }
}

/// `⌊10,000·cos + 0.5⌋`, limited to 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10,000")]
fn rounded(cosine: f64) -> Share {
    Share::at_most_one((cosine.clamp(0.0, 1.0) * 10_000.0 + 0.5) as u64)
}

/// `a·b` and `b·b`, without fused multiply-add, for vectors of one length.
fn products(a: &[f32], b: &[f32]) -> (f64, f64) {
    let (mut dots, mut squares): (Lanes, Lanes) = ([0.0; 8], [0.0; 8]);
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        add(&mut dots, &mut squares, a, b);
    }
    // Zeros add nothing.
    let (mut a, mut b) = ([0.0; 8], [0.0; 8]);
    a.iter_mut().zip(a_rest).for_each(|(to, from)| *to = *from);
    b.iter_mut().zip(b_rest).for_each(|(to, from)| *to = *from);
    add(&mut dots, &mut squares, &a, &b);
    (total(&dots), total(&squares))
}

#[inline]
fn add(dots: &mut Lanes, squares: &mut Lanes, a: &[f32; 8], b: &[f32; 8]) {
    for (((dot, square), a), b) in dots.iter_mut().zip(squares).zip(a).zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        *dot += a * b;
        *square += b * b;
    }
}

/// The most curators of whose statements R is the mean.
const CURATORS_MAX: usize = 8;

/// A curator's verified statement about a resource.
///
/// ```
/// use iacp_core::dhi::relevance::{Assertion, Share, reputation};
///
/// let by = |signer, parts| {
///     let value = Share::new(parts).ok_or("from 0 to 10,000")?;
///     Ok::<_, &str>(Assertion { path_length: 12, signer: [signer; 32], value })
/// };
/// let statements = [by(1, 9_000)?, by(2, 5_000)?, by(1, 0)?];
/// assert_eq!(reputation(statements).parts(), 7_000, "one statement of each curator counts, its first");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Length of the curator's namespace path, in bytes.
    pub path_length: u16,
    /// The key that signed.
    pub signer: [u8; 32],
    /// The value of the statement.
    pub value: Share,
}

/// R: the mean of the curators' statements, one for each curator (the first that is given), of at most eight curators:
/// those with the longest paths, then the smaller signers. 0 without any. The caller has verified each, and that its
/// path resolves.
// keeps: IACP-044 (§4.1.3.1)
#[must_use]
pub fn reputation(assertions: impl IntoIterator<Item = Assertion>) -> Share {
    let mut best = heapless::Vec::<Assertion, CURATORS_MAX>::new();
    let rank = |one: &Assertion| (core::cmp::Reverse(one.path_length), one.signer);
    for assertion in assertions {
        if best.iter().any(|known| known.signer == assertion.signer) {
            continue;
        }
        if let Err(assertion) = best.push(assertion)
            && let Some(worst) = best.iter_mut().max_by_key(|one| rank(one))
            && rank(&assertion) < rank(worst)
        {
            *worst = assertion;
        }
    }
    let sum: u64 = best.iter().map(|assertion| u64::from(assertion.value.0)).sum();
    Share::at_most_one(sum / (best.len().max(1) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(parts: u16) -> Share {
        Share::new(parts).expect("at most one")
    }

    /// The attack *A page that vouches for itself*: without a curator's statement no node reaches the fast path.
    #[test]
    fn weights_sum_to_one_and_scores_stay_within_zero_and_one() {
        // shows: IACP-042 (§4.1.3.1)
        assert_eq!(Share::new(10_001), None);
        assert_eq!(Weights::new(10_000, 0, 1), Err(NotNormalised { sum: 10_001 }));
        assert_eq!(Weights::new(u16::MAX, u16::MAX, u16::MAX), Err(NotNormalised { sum: 196_605 }));
        for first in (0..=10_000).step_by(500) {
            for second in (0..=10_000 - first).step_by(500) {
                let weights = Weights::new(first, second, 10_000 - first - second).expect("they do");
                assert_eq!(relevance(&weights, Share::ONE, Share::ONE, Share::ONE), Share::ONE);
                assert_eq!(relevance(&weights, Share::ZERO, Share::ZERO, Share::ZERO), Share::ZERO);
                assert_eq!(relevance(&weights, Share::ONE, Share::ZERO, Share::ZERO), share(first));
            }
        }
        let unvouched = relevance(&Weights::DEFAULT, Share::ONE, Share::ZERO, Share::ONE);
        assert_eq!(unvouched, share(6_500), "below the fast path");
    }

    #[test]
    fn the_cosine_is_the_same_however_long_and_however_scaled() {
        // shows: IACP-043 (§4.1.3.1)
        for length in 0..40_u8 {
            let vector: heapless::Vec<f32, 40> = (0..length).map(|i| f32::from(i % 7) - 2.5).collect();
            let request = Request::new(&vector).expect("finite");
            let expected = if length == 0 { Share::ZERO } else { Share::ONE };
            for scale in [1.0, 1e-20, 1e18] {
                let scaled: heapless::Vec<f32, 40> = vector.iter().map(|value| value * scale).collect();
                assert_eq!(request.similarity(&scaled), Ok(expected), "{length} elements times {scale}");
            }
            let turned: heapless::Vec<f32, 40> = vector.iter().map(|value| -value).collect();
            assert_eq!(request.similarity(&turned), Ok(Share::ZERO));
        }
        let largest = [f32::MAX; 384];
        assert_eq!(Request::new(&largest).and_then(|request| request.similarity(&largest)), Ok(Share::ONE));
    }

    #[test]
    fn the_order_of_additions_is_the_one_that_the_profile_names() {
        // shows: IACP-043 (§4.1.3.1)
        let (mut a, mut b) = ([0.0_f32; 21], [0.0_f32; 21]);
        let mut state = 1_u32;
        for (a, b) in a.iter_mut().zip(&mut b) {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                f32::from((state >> 16) as u16) - 32_768.0
            };
            (*a, *b) = (next() * 1e-3, next() * 1e7);
        }
        let mut lanes = [0.0_f64; 8];
        for (i, (a, b)) in a.iter().zip(&b).enumerate() {
            lanes[i % 8] += f64::from(*a) * f64::from(*b);
        }
        assert_eq!(products(&a, &b).0.to_bits(), total(&lanes).to_bits());
    }

    /// The attack *NaN, infinities, cycles, zero scores*: the first two.
    #[test]
    fn what_is_no_number_is_refused_wherever_it_stands() {
        for at in 0..9 {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut vector = [1.0_f32; 9];
                vector[at] = bad;
                assert_eq!(Request::new(&vector).err(), Some(NotComparable::NotFinite));
                let request = Request::new(&[1.0; 9]).expect("finite");
                assert_eq!(request.similarity(&vector), Err(NotComparable::NotFinite));
                assert_eq!(request.similarity(&vector[..8]), Err(NotComparable::Length));
            }
        }
        assert_eq!(Request::new(&[0.0; 9]).and_then(|zero| zero.similarity(&[1.0; 9])), Ok(Share::ZERO));
    }

    #[test]
    fn reputation_is_the_mean_of_eight_curators_one_word_each() {
        // shows: IACP-044 (§4.1.3.1)
        let word = |path_length, signer, value| Assertion { path_length, signer: [signer; 32], value: share(value) };
        assert_eq!(reputation([]), Share::ZERO);
        assert_eq!(reputation([word(3, 1, 4_000), word(9, 1, 10_000), word(1, 2, 6_000)]), share(5_000));
        let crowd = (0..100).map(|signer| word(3, signer, 0));
        let vouched = (100..108).map(|signer| word(20, signer, 9_000));
        assert_eq!(reputation(crowd.clone().chain(vouched.clone())), share(9_000), "longer paths first");
        assert_eq!(reputation(vouched.chain(crowd)), share(9_000), "in any order");
        let equal = (0..20).rev().map(|signer| word(5, signer, if signer < 8 { 8_000 } else { 0 }));
        assert_eq!(reputation(equal), share(8_000), "then the smaller signers");
    }
}
