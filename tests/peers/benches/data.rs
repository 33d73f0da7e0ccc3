//! A session's data beside snow's and boringtun's: sealing and opening 1,200 bytes, in one run.
//!
//! Not the same thing: ours seals in place, keeps what it has sealed until it is acknowledged, chains a hash over all
//! frames, which is one block of SHA-256 for each, and does a heartbeat for each batch. snow and boringtun copy their
//! content, have no retransmission and authenticate no header beside it.

use benches::{BATCH, Effort, Goal, Link, Pairs};
use iacp_core::crypto::{AwsLc, Portable, Provider, Suite};
use iacp_core::pss::OVERHEAD;
use peers::transport::{Batches, Snow, Transport};
use peers::wireguard::{Tunnel, packet};

/// No slower than the peer.
const GOAL: Goal = Goal::AtMost(1.0);

const LENGTH: u16 = 1_200;
const LOG: usize = BATCH * (LENGTH as usize + OVERHEAD);

fn main() {
    let mut pairs = Pairs::from_args("peer");
    provider::<Portable>(&mut pairs, "portable", GOAL, Goal::None);
    provider::<AwsLc>(&mut pairs, "aws-lc", GOAL, GOAL);
    pairs.finish();
}

fn provider<P: Provider>(pairs: &mut Pairs, name: &str, snow: Goal, boringtun: Goal) {
    for (suite, cipher) in [(Suite::ChaCha20Poly1305, "ChaChaPoly"), (Suite::Aes256Gcm, "AESGCM")] {
        let protocol = format!("Noise_XX_25519_{cipher}_SHA256");
        let peer = || Snow::new(&protocol).expect("snow knows it");
        beside::<P, _>(pairs, &format!("{name}, {cipher}, against snow"), suite, snow, peer());
        let tunnel = Tunnel::new().expect("the handshake works");
        beside::<P, _>(pairs, &format!("{name}, {cipher}, against boringtun"), suite, boringtun, tunnel);
    }
}

fn beside<P: Provider, T: Transport>(pairs: &mut Pairs, name: &str, suite: Suite, goal: Goal, peer: T) {
    let per = u32::try_from(BATCH).expect("a batch is short");
    let mut link = Link::<P, LOG>::new(suite, usize::from(LENGTH));
    let mut peer = Batches::new(peer, packet(LENGTH));
    let (mut ours, mut theirs) = (|n| link.seal(n) + link.open(n), |n| peer.seal(n) + peer.open(n));
    pairs.compare_timed(("seal and open", name), per, goal, Effort::Careful, &mut ours, &mut theirs);
}
