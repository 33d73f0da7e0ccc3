//! Equivalence of a document with the web page that it stands for (`IACP §4.1.4.1`): entropy, and SHA-256 over canonical text
//! nodes. Both sides are read as streams; there is no tree.

use sha2::{Digest, Sha256};

/// What ends a node in the hash: a byte that UTF-8 does not have.
const NODE_END: u8 = 0xff;
/// Bytes that are looked at together, while they are as the canonical text has them.
const CHUNK: usize = 64;
/// A chunk and the byte behind it.
const WINDOW: usize = CHUNK + 1;
/// The greatest difference of entropies, in bits per byte.
const ENTROPY_MAX: f64 = 0.001;

/// Where a text is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// A node of which nothing was seen but white space.
    Nothing,
    Text,
    /// White space that counts if text follows.
    Space,
}

/// Text nodes as they come, depth first and left to right.
///
/// The caller gives text with character references resolved, and says where a node ends. A run of white space (tab, line
/// feed, form feed, carriage return, blank, no-break space) is one blank and none at a node's ends; Unicode is left as it is;
/// a node of nothing else does not count.
///
/// ```
/// use iacp_core::dhi::equivalence::Canonical;
///
/// let (mut page, mut tree) = (Canonical::new(), Canonical::new());
/// for text in ["  Hello,\n\t", "\u{a0}world  "] {
///     page.text(text);
/// }
/// page.node_end();
/// page.text("   ");
/// page.node_end();
/// tree.text("Hello, world");
/// tree.node_end();
/// assert!(page.finish().is_equivalent(&tree.finish()));
/// ```
#[derive(Clone)]
pub struct Canonical {
    hash: Sha256,
    counts: Counts,
    within: Within,
}

impl Default for Canonical {
    fn default() -> Self {
        Self::new()
    }
}

/// How often each byte occurred, in two halves, so that equal neighbours do not wait for each other. A count that wraps at
/// 2^32 wraps alike in equal texts, and of unequal ones the hash decides.
#[derive(Clone)]
struct Counts([[u32; 256]; 2]);

impl Counts {
    fn add(&mut self, bytes: &[u8]) {
        let [even, odd] = &mut self.0;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            // One load for eight bytes.
            let mut word = u64::from_le_bytes(*word);
            for _ in 0..4 {
                count(even, word.to_le_bytes()[0]);
                count(odd, word.to_le_bytes()[1]);
                word >>= 16;
            }
        }
        rest.iter().for_each(|byte| count(even, *byte));
    }

    fn totals(&self) -> impl Iterator<Item = u64> + Clone + '_ {
        let [even, odd] = &self.0;
        even.iter().zip(odd).map(|(even, odd)| u64::from(*even) + u64::from(*odd))
    }
}

#[inline]
fn count(counts: &mut [u32; 256], byte: u8) {
    if let Some(count) = counts.get_mut(usize::from(byte)) {
        *count = count.wrapping_add(1);
    }
}

/// The white space with which some text begins, in bytes: 0, 1, or 2 for U+00A0.
const fn gap(bytes: &[u8]) -> usize {
    match bytes {
        [b'\t' | b'\n' | 0x0c | b'\r' | b' ', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        _ => 0,
    }
}

/// Whether a chunk has nothing but text and single blanks with text behind them. Bytes that may be something else (controls,
/// and the first one of U+00A0) count as no text. Without branches, so that the compiler takes many bytes at a time.
#[inline]
fn is_plain(window: &[u8; WINDOW]) -> bool {
    let mut other = [0_u8; CHUNK];
    for ((other, byte), next) in other.iter_mut().zip(window).zip(window.iter().skip(1)) {
        let ends = u8::from(*next <= b' ') | u8::from(*next == 0xc2);
        *other = u8::from(*byte < b' ') | u8::from(*byte == 0xc2) | (u8::from(*byte == b' ') & ends);
    }
    other.iter().fold(0, |all, one| all | one) == 0
}

/// How many bytes of `text`, which does not begin with white space, are canonical as they are, up to a byte of text.
fn run(text: &[u8]) -> usize {
    let mut rest = text;
    loop {
        while rest.first_chunk().is_some_and(is_plain) {
            rest = rest.get(CHUNK..).unwrap_or_default();
        }
        if rest.len() < WINDOW && rest.last() != Some(&b' ') {
            let mut window = [b'.'; WINDOW];
            match (window.first_chunk_mut(), text.last_chunk::<CHUNK>()) {
                // A copy of fixed length; what it has before the rest is looked at twice.
                (Some(to), Some(last)) => *to = *last,
                _ => window.iter_mut().zip(rest).for_each(|(to, from)| *to = *from),
            }
            if is_plain(&window) {
                return text.len();
            }
        }
        // Something is in this chunk: byte by byte.
        for _ in 0..CHUNK {
            let ends = match rest {
                [] => true,
                [b' ', behind @ ..] => behind.is_empty() || gap(behind) > 0,
                _ => gap(rest) > 0,
            };
            if ends {
                return text.len() - rest.len();
            }
            rest = rest.get(1..).unwrap_or_default();
        }
    }
}

impl Canonical {
    /// No text yet.
    #[must_use]
    pub fn new() -> Self {
        Self { hash: Sha256::new(), counts: Counts([[0; 256]; 2]), within: Within::Nothing }
    }

    /// The next text of the node. Cut it anywhere between characters.
    // keeps: IACP-052
    pub fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let gap = gap(rest);
            if gap > 0 {
                if self.within == Within::Text {
                    self.within = Within::Space;
                }
                rest = rest.get(gap..).unwrap_or_default();
                continue;
            }
            if self.within == Within::Space {
                self.put(b" ");
            }
            self.within = Within::Text;
            let (run, behind) = rest.split_at(run(rest));
            self.put(run);
            rest = behind;
        }
    }

    /// The node is over. White space at its end does not count.
    // keeps: IACP-051, IACP-052
    pub fn node_end(&mut self) {
        if self.within != Within::Nothing {
            self.hash.update([NODE_END]);
        }
        self.within = Within::Nothing;
    }

    fn put(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.counts.add(bytes);
    }

    /// What is left of the text: its digest and its entropy. An open node ends here.
    #[must_use]
    pub fn finish(mut self) -> Parity {
        self.node_end();
        Parity { entropy: entropy(self.counts.totals()), digest: self.hash.finalize().into() }
    }
}

/// Bits per byte: `log2(N) − (Σ c·log2(c)) / N` over the counts that are not zero, ascending by byte; 0 without text.
#[expect(clippy::cast_precision_loss, reason = "2^53 bytes of text are not read")]
fn entropy(counts: impl Iterator<Item = u64> + Clone) -> f64 {
    let total: u64 = counts.clone().sum();
    if total == 0 {
        return 0.0;
    }
    let sum = counts.filter(|count| *count > 0).fold(0.0, |sum, count| {
        let count = count as f64;
        sum + count * libm::log2(count)
    });
    let total = total as f64;
    libm::log2(total) - sum / total
}

/// What is kept of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parity {
    digest: [u8; 32],
    entropy: f64,
}

impl Parity {
    /// SHA-256 over the canonical nodes.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Shannon entropy of the canonical text, in bits per byte.
    #[must_use]
    pub const fn entropy(&self) -> f64 {
        self.entropy
    }

    /// The Equivalence Verification Metric: the absolute difference of the entropies, in bits per byte.
    // keeps: IACP-049, IACP-050
    #[must_use]
    pub fn metric(&self, other: &Self) -> f64 {
        (self.entropy - other.entropy).abs()
    }

    /// Whether the two texts are equivalent: metric at most 0.001, and equal digests.
    // keeps: IACP-049, IACP-053
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.metric(other) <= ENTROPY_MAX && self.digest == other.digest
    }
}
