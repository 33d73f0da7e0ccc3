//! Contextual history (`IACP §4.1.3.1`): how often resources below a prefix of a URI were worth the request.

use sha2::{Digest, Sha256};

use super::relevance::Share;
use super::uri::Uri;

/// The most path segments that are distinguished.
const SEGMENTS_MAX: usize = 8;
/// C where nothing is known.
const UNKNOWN: Share = match Share::new(5_000) {
    Some(share) => share,
    None => Share::ZERO,
};

/// The record of one prefix.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    key: [u8; 16],
    tries: u16,
    successes: u16,
}

impl Known {
    /// Nothing.
    pub const FREE: Self = Self { key: [0; 16], tries: 0, successes: 0 };
}

/// Past success by prefix, in the caller's memory. When it is full, the prefix with the fewest tries is replaced.
///
/// ```
/// use iacp_core::dhi::history::{History, Known};
/// use iacp_core::dhi::uri::Uri;
///
/// let mut known = [Known::FREE; 128];
/// let mut history = History::new(&mut known);
/// let mut uri = Uri::EMPTY;
/// uri.read("https://example.org/articles/2041")?;
/// assert_eq!(history.convergence(&uri).parts(), 5_000);
/// history.record(&uri, true);
/// uri.read("https://example.org/articles/7")?;
/// assert_eq!(history.convergence(&uri).parts(), 6_000, "numbers are alike");
/// # Ok::<(), iacp_core::dhi::uri::UriError>(())
/// ```
pub struct History<'m> {
    known: &'m mut [Known],
}

/// The digests of a URI's prefixes, shortest first: origin, then segment by segment; segments of digits are `#`.
fn prefixes(uri: &Uri) -> impl Iterator<Item = [u8; 16]> + use<'_> {
    let path = uri.path().split('?').next().unwrap_or_default();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).take(SEGMENTS_MAX);
    let mut hash = Sha256::new_with_prefix(uri.origin());
    core::iter::once(None).chain(segments.map(Some)).map(move |segment| {
        if let Some(segment) = segment {
            let is_number = segment.bytes().all(|byte| byte.is_ascii_digit());
            hash.update(b"/");
            hash.update(if is_number { "#" } else { segment });
        }
        let digest: [u8; 32] = hash.clone().finalize().into();
        digest.first_chunk().copied().unwrap_or_default()
    })
}

impl<'m> History<'m> {
    /// A history in the caller's memory; its contents are kept.
    pub const fn new(known: &'m mut [Known]) -> Self {
        Self { known }
    }

    /// C: `(10,000·successes + 20,000) / (tries + 4)` of the longest prefix that is known; 5,000 if none is.
    // keeps: IACP-045 (§4.1.3.1)
    #[must_use]
    pub fn convergence(&self, uri: &Uri) -> Share {
        let find = |key: [u8; 16]| self.known.iter().find(|known| known.tries > 0 && known.key == key);
        prefixes(uri).filter_map(find).last().map_or(UNKNOWN, |known| {
            let successes = 10_000 * u64::from(known.successes) + 20_000;
            Share::at_most_one(successes / (u64::from(known.tries) + 4))
        })
    }

    /// Counts a try, and whether it succeeded, at each prefix.
    pub fn record(&mut self, uri: &Uri, is_success: bool) {
        for key in prefixes(uri) {
            let place = match self.known.iter().position(|known| known.tries > 0 && known.key == key) {
                Some(at) => self.known.get_mut(at),
                None => {
                    let least = self.known.iter_mut().min_by_key(|known| known.tries);
                    least.map(|known| {
                        *known = Known { key, ..Known::FREE };
                        known
                    })
                }
            };
            let Some(known) = place else { return };
            if known.tries == u16::MAX {
                (known.tries, known.successes) = (known.tries / 2, known.successes / 2);
            }
            known.tries += 1;
            known.successes += u16::from(is_success);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        let mut uri = Uri::EMPTY;
        uri.read(text).expect(text);
        uri
    }

    #[test]
    fn the_longest_known_prefix_decides() {
        // shows: IACP-045 (§4.1.3.1)
        let mut known = [Known::FREE; 64];
        let mut history = History::new(&mut known);
        for _ in 0..6 {
            history.record(&uri("https://a.example/good/x"), true);
            history.record(&uri("https://a.example/bad/x"), false);
        }
        let c = |text: &str| history.convergence(&uri(text)).parts();
        assert_eq!(c("https://a.example/good/other"), 8_000);
        assert_eq!(c("https://a.example/bad/other?q"), 2_000);
        assert_eq!(c("https://a.example/third"), 5_000, "six of twelve at the origin");
        assert_eq!(c("https://b.example/good/x"), 5_000, "nothing is known");
    }

    #[test]
    fn counts_are_halved_and_stay_in_proportion() {
        let mut known = [Known::FREE; 2];
        let mut history = History::new(&mut known);
        let place = uri("https://a.example/");
        for number in 0..200_000_u32 {
            history.record(&place, number % 4 != 0);
        }
        let c = history.convergence(&place).parts();
        assert!((7_400..=7_600).contains(&c), "{c}");
    }

    #[test]
    fn a_full_table_forgets_what_was_tried_least() {
        let mut known = [Known::FREE; 3];
        let mut history = History::new(&mut known);
        for _ in 0..9 {
            history.record(&uri("https://often.example/"), true);
        }
        for number in 0..50 {
            let mut text = heapless::String::<40>::new();
            core::fmt::write(&mut text, format_args!("https://h{number}.example/")).expect("it fits");
            history.record(&uri(&text), false);
        }
        assert!(history.convergence(&uri("https://often.example/")).parts() > 8_000);
        let mut history = History::new(&mut []);
        history.record(&uri("https://a.example/"), true);
        assert_eq!(history.convergence(&uri("https://a.example/")).parts(), 5_000, "no memory, no history");
    }
}
