//! Equivalence of a document with the web page that it stands for (`IACP §4.1.4.1`): entropy, and SHA-256 over canonical text
//! nodes. Both sides are read as streams; there is no tree.

use sha2::{Digest, Sha256};

/// What ends a node in the hash: a byte that UTF-8 does not have.
const NODE_END: u8 = 0xff;
/// Bytes that wait to be hashed and counted together.
const BLOCK: usize = 256;
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
    counts: [u64; 256],
    block: [u8; BLOCK],
    filled: usize,
    within: Within,
}

impl Default for Canonical {
    fn default() -> Self {
        Self::new()
    }
}

/// Ends of a run of text: the white space of ASCII, and the first byte of U+00A0.
const fn is_special(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | b' ' | 0xc2)
}

impl Canonical {
    /// No text yet.
    #[must_use]
    pub fn new() -> Self {
        Self { hash: Sha256::new(), counts: [0; 256], block: [0; BLOCK], filled: 0, within: Within::Nothing }
    }

    /// The next text of the node. Cut it anywhere between characters.
    // keeps: IACP-052
    pub fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some((first, behind)) = rest.split_first() {
            let is_no_break = *first == 0xc2 && behind.first() == Some(&0xa0);
            if is_no_break || (is_special(*first) && *first != 0xc2) {
                if self.within == Within::Text {
                    self.within = Within::Space;
                }
                rest = behind.get(usize::from(is_no_break)..).unwrap_or_default();
                continue;
            }
            if self.within == Within::Space {
                self.put(b" ");
            }
            self.within = Within::Text;
            // What begins here is text, whatever its first byte.
            let length = behind.iter().position(|byte| is_special(*byte)).unwrap_or(behind.len());
            let (run, behind) = rest.split_at(length.saturating_add(1));
            self.put(run);
            rest = behind;
        }
    }

    /// The node is over. White space at its end does not count.
    // keeps: IACP-051, IACP-052
    pub fn node_end(&mut self) {
        if self.within != Within::Nothing {
            self.flush();
            self.hash.update([NODE_END]);
        }
        self.within = Within::Nothing;
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.block.get_mut(self.filled..).unwrap_or_default();
            let (now, later) = bytes.split_at(bytes.len().min(room.len()));
            room.iter_mut().zip(now).for_each(|(to, from)| *to = *from);
            self.filled += now.len();
            bytes = later;
            if self.filled == BLOCK {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        let block = self.block.get(..self.filled).unwrap_or_default();
        self.hash.update(block);
        for byte in block {
            if let Some(count) = self.counts.get_mut(usize::from(*byte)) {
                *count += 1;
            }
        }
        self.filled = 0;
    }

    /// What is left of the text: its digest and its entropy. An open node ends here.
    #[must_use]
    pub fn finish(mut self) -> Parity {
        self.node_end();
        self.flush();
        Parity { digest: self.hash.finalize().into(), entropy: entropy(&self.counts) }
    }
}

/// Bits per byte: `log2(N) − (Σ c·log2(c)) / N` over the counts that are not zero, ascending by byte; 0 without text.
#[expect(clippy::cast_precision_loss, reason = "2^53 bytes of text are not read")]
fn entropy(counts: &[u64; 256]) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let sum = counts.iter().filter(|count| **count > 0).fold(0.0, |sum, count| {
        let count = *count as f64;
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
