//! `cargo bench -p benches --bench interpreter`: relevance, Link fields and equivalence of the interpreter, each against the bare work.

use std::hint::black_box;

use benches::{Effort, Goal, Pairs};
use iacp_core::dhi::equivalence::Canonical;
use iacp_core::dhi::link::links;
use iacp_core::dhi::relevance::{Request, Share, Weights, relevance};
use nom_language::error::VerboseError;
use nom_rfc8288::complete::link_lenient;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

const NODES: usize = 10_000;
const DIMENSIONS: usize = 384;
/// Text of one comparison. Short enough that most samples fit between two turns of other processes.
const TEXT: usize = 65_536;

fn main() {
    let mut pairs = Pairs::from_args("bare");
    scores(&mut pairs);
    fields(&mut pairs);
    texts(&mut pairs);
    pairs.finish();
}

/// What a reader of the formula writes first.
fn plain(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The same in eight sums, which the compiler turns into vector instructions.
fn lanes(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    for (a, b) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum()
}

fn scores(pairs: &mut Pairs) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut vectors = |count: usize| -> Vec<f32> {
        let part = |bits: u32| f32::from(u16::try_from(bits >> 16).expect("16 bits")) / 32_768.0 - 1.0;
        (0..count * DIMENSIONS).map(|_| part(rng.next_u32())).collect()
    };
    let (nodes, asked) = (vectors(2 * NODES), vectors(1));
    let request = Request::new(&asked).expect("finite");
    let half = Share::new(5_000).expect("below one");
    let score = |nodes: &[f32]| -> u64 {
        let shares = nodes.chunks_exact(DIMENSIONS).map(|node| {
            let similarity = request.similarity(black_box(node)).expect("comparable");
            relevance(&Weights::DEFAULT, similarity, half, half)
        });
        shares.map(|share| u64::from(share.parts())).sum()
    };
    let dot = |product: fn(&[f32], &[f32]) -> f32| -> f32 {
        nodes[..NODES * DIMENSIONS]
            .chunks_exact(DIMENSIONS)
            .map(|node| product(black_box(&asked), black_box(node)))
            .sum()
    };
    let ten_thousand = || score(&nodes[..NODES * DIMENSIONS]);
    let goal = Goal::AtMost(1.3);
    pairs.compare(("relevance", "10,000 nodes, to a plain dot product"), goal, Effort::Careful, ten_thousand, || {
        dot(plain)
    });
    let name = "10,000 nodes, to a dot product of f32 in eight lanes";
    pairs.compare(("relevance", name), Goal::None, Effort::Careful, ten_thousand, || dot(lanes));
    let name = "20,000 nodes, to twice 10,000";
    let twice = || (ten_thousand(), ten_thousand());
    pairs.compare(("relevance", name), Goal::AtMost(1.1), Effort::Careful, || score(&nodes), twice);
}

/// Fields as servers send them.
const FIELDS: [&str; 5] = [
    r#"<https://api.github.com/repositories/1300192/issues?page=2>; rel="prev", <https://api.github.com/repositories/1300192/issues?page=4>; rel="next", <https://api.github.com/repositories/1300192/issues?page=515>; rel="last", <https://api.github.com/repositories/1300192/issues?page=1>; rel="first""#,
    r#"<https://example.com/wp-json/>; rel="https://api.w.org/", <https://example.com/wp-json/wp/v2/pages/2>; rel="alternate"; title="JSON"; type="application/json", <https://example.com/>; rel=shortlink"#,
    r#"</f.woff2>;rel=preload;as=font;type="font/woff2";crossorigin;nopush,</s.css>; rel=preload; as=style;"#,
    r#"<http://a.example/>;rel="original", <http://arxiv.example/timemap/link/http://a.example/>; rel="timemap"; type="application/link-format"; from="Sat, 03 Jun 2000 00:00:00 GMT""#,
    r#"<https://example.com/page.anml>; rel="alternate"; type="application/anml+xml"; title="For \"agents\"""#,
];

fn fields(pairs: &mut Pairs) {
    let ours = || {
        let found = FIELDS.iter().flat_map(|field| links(black_box(field.as_bytes())));
        found.map(|link| link.expect("well-formed")).filter(|link| link.anml().is_some()).count()
    };
    let theirs = || {
        let found = FIELDS.iter().map(|field| link_lenient::<VerboseError<&str>>(black_box(field)));
        found.map(|links| links.expect("well-formed").len()).sum::<usize>()
    };
    assert_eq!(ours(), 1);
    pairs.compare(("Link", "five fields, to nom-rfc8288"), Goal::AtMost(0.5), Effort::Careful, ours, theirs);
}

/// Words in nodes of 300 bytes at most, joined by this.
fn words(gap: char) -> Vec<String> {
    let words =
        ["the", "agent", "reads", "hypermedia", "of", "a", "page", "and", "interpreter", "equivalence", "caf\u{e9}"];
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut below = |limit: usize| usize::try_from(rng.next_u32()).expect("32 bits") % limit;
    let (mut nodes, mut length): (Vec<String>, usize) = (vec![], 0);
    while length < TEXT {
        let (count, mut node, mut line) = (4 + below(90), String::new(), 0);
        for _ in 0..count {
            let word = words[below(words.len())];
            line += word.len() + 1;
            if !node.is_empty() {
                node.push(if line > 80 { gap } else { ' ' });
            }
            line = if line > 80 { 0 } else { line };
            node.push_str(word);
        }
        length += node.len();
        nodes.push(node);
    }
    nodes
}

fn texts(pairs: &mut Pairs) {
    for (name, gap, goal) in [
        ("64 KiB of text, to its SHA-256", ' ', Goal::AtMost(2.0)),
        ("the same in lines of 80 bytes", '\n', Goal::AtMost(2.0)),
    ] {
        let nodes = words(gap);
        let text = nodes.concat();
        let canonical = || {
            let mut canonical = Canonical::new();
            for node in &nodes {
                canonical.text(black_box(node));
                canonical.node_end();
            }
            canonical.finish()
        };
        let hash = || Sha256::digest(black_box(text.as_bytes()));
        pairs.compare(("equivalence", name), goal, Effort::Careful, canonical, hash);
    }
}
