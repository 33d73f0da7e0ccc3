//! Our handshake beside snow's XX: both sides, in memory, on one machine in one run.
//!
//! Not the same thing: XX has two X25519 key pairs and six X25519 operations and proves identities by them alone. Ours
//! signs each of its three frames, verifies them strictly, and holds nothing on the responder's side until the third.

use benches::{Effort, Endpoints, Goal, Pairs};
use iacp_core::crypto::{AwsLc, Portable, Provider};
use iacp_core::pss::Capabilities;
use peers::noise::Noise;

fn main() {
    let mut pairs = Pairs::from_args("snow");
    for (suite, capabilities) in [("AESGCM", Capabilities::NONE), ("ChaChaPoly", Capabilities::CHACHA20_POLY1305)] {
        beside::<Portable>(&mut pairs, "portable", suite, capabilities);
        beside::<AwsLc>(&mut pairs, "aws-lc", suite, capabilities);
    }
    pairs.finish();
}

fn beside<P: Provider>(pairs: &mut Pairs, provider: &str, suite: &str, capabilities: Capabilities) {
    let mut ends = Endpoints::<P>::new(capabilities);
    let protocol = format!("Noise_XX_25519_{suite}_SHA256");
    let mut noise = Noise::new(&protocol).expect("snow knows it");
    let name = format!("{provider}, against {protocol}");
    let ours = || ends.handshake::<8_192, 16>();
    pairs.compare(("handshake", &name), Goal::None, Effort::Careful, ours, || noise.handshake().expect("XX works"));
}
