//! Equivalence: the canonical form, the two measures, and what would pass one of them alone.

use iacp_core::dhi::equivalence::{Canonical, Parity};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// Nodes as lists of texts.
fn parity(nodes: &[&[&str]]) -> Parity {
    let mut canonical = Canonical::new();
    for node in nodes {
        node.iter().for_each(|text| canonical.text(text));
        canonical.node_end();
    }
    canonical.finish()
}

/// The profile's words, in the plainest way: split, join, hash, count.
fn oracle(nodes: &[String]) -> ([u8; 32], f64) {
    let is_space = |c: char| matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' ' | '\u{a0}');
    let canonical: Vec<String> = nodes
        .iter()
        .map(|node| node.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        .filter(|node| !node.is_empty())
        .collect();
    let mut hash = Sha256::new();
    for node in &canonical {
        hash.update(node);
        hash.update([0xff]);
    }
    let text = canonical.concat();
    let total = text.len() as f64;
    let counts = (0..=255_u8).map(|byte| text.bytes().filter(|other| *other == byte).count() as f64);
    let entropy: f64 = counts.filter(|count| *count > 0.0).map(|count| -(count / total) * (count / total).log2()).sum();
    (hash.finalize().into(), entropy)
}

#[test]
fn white_space_is_one_blank_and_none_at_the_ends() {
    // shows: IACP-052 (§4.1.4.1)
    let plain = parity(&[&["a b"]]);
    for text in [" a b", "a  b ", "\ta\r\n\u{c}b\n", "a\u{a0}b", "\u{a0} a \u{a0} b\u{a0}"] {
        assert_eq!(parity(&[&[text]]), plain, "{text:?}");
    }
    assert_eq!(parity(&[&["a", " ", "b"]]), plain, "a run may be cut");
    assert_eq!(parity(&[&["a ", " b"]]), plain);
    assert_eq!(parity(&[&[], &["a b"], &[" \n"], &["\u{a0}"]]), plain, "empty nodes vanish");
    for other in ["a\u{2003}b", "a\u{b}b", "ab", "a\u{2028}b", "\u{c2}a b"] {
        assert_ne!(parity(&[&[other]]).digest(), plain.digest(), "{other:?}");
    }
}

#[test]
fn unicode_is_left_as_it_is() {
    // shows: IACP-052 (§4.1.4.1)
    assert!(!parity(&[&["\u{e4}"]]).is_equivalent(&parity(&[&["a\u{308}"]])));
}

#[test]
fn the_hash_is_over_nodes_in_order_and_nothing_else() {
    // shows: IACP-051 (§4.1.4.1)
    let mut hash = Sha256::new();
    hash.update(b"Title\xffText of two\xff");
    assert_eq!(parity(&[&[" Title "], &["Text\n of ", "two"]]).digest()[..], hash.finalize()[..]);
    let empty: [u8; 32] = Sha256::digest(b"").into();
    assert_eq!((parity(&[]).digest(), parity(&[]).entropy()), (&empty, 0.0));
    assert_eq!(Canonical::default().finish(), parity(&[]));
}

/// The attack *Equal entropy, other cuts, separators inside text*.
#[test]
fn other_cuts_another_order_and_separators_in_the_text_are_told_apart() {
    // shows: IACP-049 (§1.2), IACP-053 (§4.1.4.1)
    let page = parity(&[&["ab"], &["c"]]);
    for other in [&[&["a"][..], &["bc"]][..], &[&["c"], &["ab"]], &[&["abc"]], &[&["a"], &["b"], &["c"]]] {
        let other = parity(other);
        assert_eq!(page.metric(&other), 0.0, "the entropy does not see it");
        assert!(!page.is_equivalent(&other), "the hash does");
    }
    assert!(!parity(&[&["a\u{ff}b"]]).is_equivalent(&parity(&[&["a"], &["b"]])), "U+00FF is two bytes, neither is FF");
    assert!(page.is_equivalent(&parity(&[&["a", "b"], &["c"]])));
}

#[test]
fn entropy_is_in_bits_per_byte() {
    // shows: IACP-049 (§1.2), IACP-050 (§4.1.4.1)
    let entropy = |text: &str| parity(&[&[text]]).entropy();
    assert_eq!(entropy("aaaa"), 0.0);
    for length in 1..200 {
        let bits = entropy(&"a".repeat(length));
        assert!(
            (0.0..1e-12).contains(&bits),
            "{length} times one letter: {bits}, and rounding makes it no less than 0"
        );
    }
    assert_eq!(entropy("abab"), 1.0);
    assert_eq!(entropy("abcdefgh"), 3.0);
    assert_eq!(entropy("ab").to_bits(), 1.0_f64.to_bits(), "to the bit, on every platform");
    let text = "ab".repeat(1_000);
    assert!(parity(&[&[&text]]).metric(&parity(&[&[&format!("{text}a")]])) <= 0.001);
    assert!(parity(&[&["ab"]]).metric(&parity(&[&["aab"]])) > 0.001);
}

proptest! {
    #[test]
    fn any_text_cut_anywhere_is_what_the_profile_says(
        nodes in prop::collection::vec("[ab\u{e4}\u{ff}\u{c2}\u{a0}\u{20ac} \t\n]{0,120}", 0..6),
        cut in 1_usize..90,
    ) {
        let mut canonical = Canonical::new();
        for node in &nodes {
            let characters: Vec<char> = node.chars().collect();
            for piece in characters.chunks(cut) {
                canonical.text(&piece.iter().collect::<String>());
            }
            canonical.node_end();
        }
        let found = canonical.finish();
        let (digest, entropy) = oracle(&nodes);
        prop_assert_eq!(found.digest(), &digest);
        prop_assert!((found.entropy() - entropy).abs() < 1e-9, "{} and {}", found.entropy(), entropy);
    }

    #[test]
    fn long_texts_are_hashed_and_counted_whole(text in "[a-z ]{900,1100}") {
        let (digest, entropy) = oracle(std::slice::from_ref(&text));
        let found = parity(&[&[&text]]);
        prop_assert_eq!(found.digest(), &digest);
        prop_assert!((found.entropy() - entropy).abs() < 1e-9);
    }
}
