//! Equivalence of a document with the web page that it represents (`IACP §4.1.4.1`): entropy, and SHA-256 over
//! canonical text nodes. Both sides are read as streams; no tree is built.

use sha2::{Digest, Sha256};

/// The end of a node in the hash: a byte that does not occur in UTF-8.
const NODE_END: u8 = 0xff;
/// The number of bytes that are examined together, as long as they are already canonical.
const CHUNK: usize = 64;
/// A chunk and the byte after it.
const WINDOW: usize = CHUNK + 1;
/// The amount of text that is hashed and counted at once, in bytes.
const WAITING: usize = 256;
/// The greatest difference of entropies, in bits per byte.
const ENTROPY_MAX: f64 = 0.001;

/// The state of reading a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    /// A node with only white space so far.
    Nothing,
    Text,
    /// White space that counts if text follows.
    Space,
}

/// Text nodes as they come, depth first and left to right.
///
/// The caller passes text with character references resolved, and marks the ends of nodes. A run of white space (tab,
/// line feed, form feed, carriage return, blank, no-break space) becomes one blank, and is removed at the start and the
/// end of a node; a node of only white space does not count. Unicode is left as it is.
///
/// ```
/// use iacp_core::dhi::equivalence::{Canonical, Parity};
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
/// let (page, tree): (Parity, Parity) = (page.finish(), tree.finish());
/// assert!(page.is_equivalent(&tree) && page.metric(&tree) == 0.0);
/// ```
#[derive(Clone)]
pub struct Canonical {
    hash: Sha256,
    counts: Counts,
    within: Within,
    /// Text that waits until there is more of it, so that short runs cost as little as long ones.
    waiting: [u8; WAITING],
    count: usize,
}

impl Default for Canonical {
    fn default() -> Self {
        Self::new()
    }
}

/// How often each byte occurred, in two halves, so that equal neighbours do not wait for each other. A count that wraps
/// at 2^32 does so in the same way for equal texts; for unequal texts the hash decides.
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
        // The end of a node does not count as text.
        even.iter().zip(odd).take(usize::from(NODE_END)).map(|(even, odd)| u64::from(*even) + u64::from(*odd))
    }
}

#[inline]
fn count(counts: &mut [u32; 256], byte: u8) {
    if let Some(count) = counts.get_mut(usize::from(byte)) {
        *count = count.wrapping_add(1);
    }
}

/// The length of the white space character at the start of some text: 0, 1, or 2 for U+00A0.
const fn gap(bytes: &[u8]) -> usize {
    match bytes {
        [b'\t' | b'\n' | 0x0c | b'\r' | b' ', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        _ => 0,
    }
}

/// Marks the places where a chunk may have something other than text and single blanks before text: 1 at white space
/// other than a blank, at controls, at the first byte of U+00A0, and at a blank before one of these or another blank.
/// There are no branches, so that the compiler can process many bytes at a time.
#[inline]
fn doubts(window: &[u8; WINDOW]) -> [u8; CHUNK] {
    let mut doubts = [0_u8; CHUNK];
    for ((doubt, byte), next) in doubts.iter_mut().zip(window).zip(window.iter().skip(1)) {
        let ends = u8::from(*next <= b' ') | u8::from(*next == 0xc2);
        *doubt = u8::from(*byte < b' ') | u8::from(*byte == 0xc2) | (u8::from(*byte == b' ') & ends);
    }
    doubts
}

/// The places of the ones, ascending, found a word at a time.
fn places(doubts: &[u8; CHUNK]) -> impl Iterator<Item = usize> + '_ {
    doubts.as_chunks::<8>().0.iter().enumerate().flat_map(|(index, word)| {
        let mut word = u64::from_le_bytes(*word);
        core::iter::from_fn(move || {
            let place = (word != 0).then(|| index * 8 + word.trailing_zeros() as usize / 8);
            word &= word.wrapping_sub(1);
            place
        })
    })
}

/// How many bytes at the start of `text` are already canonical. `text` must not begin with white space, and the result
/// does not end with it.
fn run(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let doubts = rest.first_chunk().map_or_else(
            || {
                // The bytes after the text are marked as doubtful, and so is a blank at its end.
                let mut window = [b'\n'; WINDOW];
                window.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                doubts(&window)
            },
            doubts,
        );
        if doubts.iter().fold(0, |all, doubt| all | doubt) == 0 {
            at += CHUNK;
            continue;
        }
        for place in places(&doubts) {
            let ends = match rest.get(place..) {
                None | Some([]) => return text.len(),
                Some([b' ', behind @ ..]) => behind.is_empty() || gap(behind) > 0,
                Some(behind) => gap(behind) > 0,
            };
            if ends {
                return at + place;
            }
        }
        at += CHUNK;
    }
}

impl Canonical {
    /// No text yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hash: Sha256::new(),
            counts: Counts([[0; 256]; 2]),
            within: Within::Nothing,
            waiting: [0; WAITING],
            count: 0,
        }
    }

    /// The next text of the node. Cut it anywhere between characters.
    // keeps: IACP-052 (§4.1.4.1)
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

    /// Ends the node. White space at its end does not count.
    // keeps: IACP-051 (§4.1.4.1), IACP-052 (§4.1.4.1)
    pub fn node_end(&mut self) {
        if self.within != Within::Nothing {
            self.put(&[NODE_END]);
        }
        self.within = Within::Nothing;
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.waiting.get_mut(self.count..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.count += now.len();
            bytes = later;
            if self.count == WAITING {
                self.take();
            }
        }
    }

    /// Hashes and counts what waits.
    fn take(&mut self) {
        let waiting = self.waiting.get(..self.count).unwrap_or_default();
        self.hash.update(waiting);
        self.counts.add(waiting);
        self.count = 0;
    }

    /// The result for the text: its digest and its entropy. An open node ends here.
    #[must_use]
    pub fn finish(mut self) -> Parity {
        self.node_end();
        self.take();
        Parity { entropy: entropy(self.counts.totals()), digest: self.hash.finalize().into() }
    }
}

/// Bits per byte: `log2(N) − (Σ c·log2(c)) / N` over the counts that are not zero, ascending by byte; 0 without text, and where
/// rounding makes it less.
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
    (libm::log2(total) - sum / total).max(0.0)
}

/// The digest and the entropy of a text.
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
    // keeps: IACP-049 (§1.2), IACP-050 (§4.1.4.1)
    #[must_use]
    pub fn metric(&self, other: &Self) -> f64 {
        (self.entropy - other.entropy).abs()
    }

    /// Whether the two texts are equivalent: metric at most 0.001, and equal digests.
    // keeps: IACP-049 (§1.2), IACP-053 (§4.1.4.1)
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.metric(other) <= ENTROPY_MAX && self.digest == other.digest
    }
}
