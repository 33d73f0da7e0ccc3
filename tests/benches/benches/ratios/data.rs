//! Sealing and opening in a session, against the AEAD of the same provider; and, at the length of a datagram, against
//! all the cryptography that a frame consists of, which leaves what our own code takes.

use benches::{BATCH, Bare, BareLink, Effort, Goal, Link, Pairs};
use iacp_core::crypto::{AwsLc, Portable, Provider, Suite};
use iacp_core::pss::OVERHEAD;

/// At least this part of the AEAD's throughput, at 1,200 bytes.
const GOAL: Goal = Goal::Throughput(0.85);

const SHORT: usize = 64;
const DATAGRAM: usize = 1_200;
const LONG: usize = 16_384;

const fn batch(length: usize) -> usize {
    BATCH * (length + OVERHEAD)
}

pub fn run(pairs: &mut Pairs) {
    provider::<Portable>(pairs, "portable");
    provider::<AwsLc>(pairs, "aws-lc");
}

fn provider<P: Provider>(pairs: &mut Pairs, name: &str) {
    length::<P, { batch(SHORT) }>(pairs, name, Suite::Aes256Gcm, SHORT, Goal::None);
    length::<P, { batch(DATAGRAM) }>(pairs, name, Suite::Aes256Gcm, DATAGRAM, GOAL);
    length::<P, { batch(LONG) }>(pairs, name, Suite::Aes256Gcm, LONG, Goal::None);
    length::<P, { batch(DATAGRAM) }>(pairs, name, Suite::ChaCha20Poly1305, DATAGRAM, GOAL);
}

fn length<P: Provider, const LOG: usize>(pairs: &mut Pairs, provider: &str, suite: Suite, length: usize, goal: Goal) {
    let suite_name = match suite {
        Suite::Aes256Gcm => "AES-256-GCM",
        Suite::ChaCha20Poly1305 => "ChaCha20-Poly1305",
    };
    let name = format!("{provider}, {suite_name}, {length} bytes");
    let per = u32::try_from(BATCH).expect("a batch is short");
    let mut link = Link::<P, LOG>::new(suite, length);
    let mut content = BareLink::<P>::new(Bare::Content, suite, length);
    let (mut ours, mut bare) = (|n| link.seal(n), |n| content.seal(n));
    pairs.compare_timed(("seal", &name), per, goal, Effort::Careful, &mut ours, &mut bare);
    let (mut ours, mut bare) = (|n| link.open(n), |n| content.open(n));
    pairs.compare_timed(("open", &name), per, goal, Effort::Careful, &mut ours, &mut bare);
    if length != DATAGRAM {
        return;
    }
    let mut frame = BareLink::<P>::new(Bare::Frame, suite, length);
    let (mut ours, mut bare) = (|n| link.seal(n), |n| frame.seal(n));
    pairs.compare_timed(("seal, own code", &name), per, Goal::None, Effort::Careful, &mut ours, &mut bare);
    let (mut ours, mut bare) = (|n| link.open(n), |n| frame.open(n));
    pairs.compare_timed(("open, own code", &name), per, Goal::None, Effort::Careful, &mut ours, &mut bare);
}
