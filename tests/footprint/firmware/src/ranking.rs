//! A ranking of made nodes, as numbers: scores, what is streamed, queued and pruned, and the best path. Every machine has to find
//! the same; the host compiles this file too (`../../tests/ranking.rs`).

use iacp_core::dhi::extraction::{Ape, FAST_PATH, Placement, Queued, THETA_BASE};
use iacp_core::dhi::path::{Dag, Scratch, best_path};
use iacp_core::dhi::relevance::{Assertion, Request, Share, Weights, relevance, reputation};

/// As embeddings are, of the usual length.
const LENGTH: usize = 384;
/// The number of the last node.
const LAST: u32 = 95;
const NODES: usize = LAST as usize + 1;

/// FNV-1a over what was found.
struct Sum(u64);

impl Sum {
    fn add(&mut self, number: u64) {
        for byte in number.to_be_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Numbers from a seed.
struct Dice(u32);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn share(&mut self) -> Share {
        let parts = u16::try_from(self.next() % 10_001).unwrap_or(0);
        Share::new(parts).unwrap_or(Share::ZERO)
    }

    /// From the smallest to the largest value of an `f32`, subnormal ones included.
    fn element(&mut self, wild: bool) -> f32 {
        let bits = self.next();
        // An exponent of all ones is infinite or not a number.
        if wild && (bits >> 23) & 0xFF != 0xFF { f32::from_bits(bits) } else { (bits >> 8) as f32 / 8_388_608.0 - 1.0 }
    }

    fn assertion(&mut self) -> Assertion {
        let [signer, path, ..] = self.next().to_be_bytes();
        Assertion { path_length: u16::from(path % 8), signer: [signer; 32], value: self.share() }
    }
}

/// The score of each node: the first ones like the request, more or less; the last ones of any elements at all.
fn scores(sum: &mut Sum) -> [Share; NODES] {
    let mut dice = Dice(0x2545_F491);
    let mut asked = [0.0; LENGTH];
    asked.iter_mut().for_each(|element| *element = dice.element(false));
    let mut scores = [Share::ZERO; NODES];
    let (mut node, request) = ([0.0_f32; LENGTH], Request::new(&asked));
    for (number, score) in scores.iter_mut().enumerate() {
        let (wild, near) = (number % 8 == 7, number as f32 / NODES as f32);
        for (element, like) in node.iter_mut().zip(&asked) {
            *element = if wild { dice.element(true) } else { like * near + dice.element(false) * (1.0 - near) };
        }
        let similarity = request.as_ref().ok().and_then(|request| request.similarity(&node).ok());
        let said = dice.next() % 12;
        let curators = reputation((0..said).map(|_| dice.assertion()));
        let similarity = similarity.unwrap_or(Share::ZERO);
        // Of those that are vouched for in everything the cosine alone decides whether they are streamed at once.
        let (curators, history) = if number % 3 == 2 { (Share::ONE, Share::ONE) } else { (curators, dice.share()) };
        *score = relevance(&Weights::DEFAULT, similarity, curators, history);
        sum.add(u64::from(similarity.parts()) << 32 | u64::from(curators.parts()) << 16 | u64::from(score.parts()));
    }
    scores
}

/// What becomes of the nodes, in their order.
fn extraction(scores: &[Share; NODES], sum: &mut Sum) {
    let mut queue = [Queued::FREE; 16];
    let mut ape = Ape::new(&mut queue, 3);
    for (number, score) in (0..).zip(scores) {
        sum.add(match ape.judge(number, *score) {
            Placement::Pruned => 0,
            Placement::Stream => 1,
            Placement::Queued => 2,
            Placement::Displaced(node) => u64::from(node) + 3,
        });
        if number % 11 == 10 {
            ape.done();
            sum.add(ape.take().map_or(u64::MAX, u64::from));
        }
    }
    while ape.waiting() > 0 {
        ape.done();
        sum.add(ape.take().map_or(u64::MAX, u64::from));
    }
}

/// The best path from the first node to the last one, each leading to a few that follow.
fn path(scores: &[Share; NODES], sum: &mut Sum) {
    let mut edges = [(0, 0); NODES * 3];
    for (place, edge) in (0_u32..).zip(&mut edges) {
        let (from, step) = (place / 3, [1, 5, 12][place as usize % 3]);
        *edge = (from, (from + step).min(LAST));
    }
    // The last node leads nowhere.
    let edges = edges.get(..(NODES - 1) * 3).unwrap_or_default();
    let mut scratch = [Scratch::FREE; NODES];
    let dag = Dag { hrp: scores, edges, theta: Share::new(1).unwrap_or(THETA_BASE) };
    match best_path(&dag, 0, LAST, &mut scratch) {
        Ok(route) => {
            sum.add(route.cost);
            route.nodes.iter().for_each(|node| sum.add(u64::from(*node)));
        }
        Err(_) => sum.add(u64::MAX),
    }
}

/// What was found, in two halves; and how many of the scores are on the fast path.
pub fn found() -> [u32; 3] {
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    let scores = scores(&mut sum);
    extraction(&scores, &mut sum);
    path(&scores, &mut sum);
    let fast = scores.iter().map(|score| u32::from(*score >= FAST_PATH)).sum();
    let [a, b, c, d, e, f, g, h] = sum.0.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]), fast]
}
