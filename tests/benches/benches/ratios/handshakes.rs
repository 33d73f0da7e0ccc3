//! A whole handshake, both sides, against the public-key operations that it consists of.

use benches::{BareHandshake, Effort, Endpoints, Goal, Pairs};
use iacp_core::crypto::{AwsLc, Portable, Provider};
use iacp_core::pss::Capabilities;

pub fn run(pairs: &mut Pairs) {
    provider::<Portable>(pairs, "portable");
    provider::<AwsLc>(pairs, "aws-lc");
}

fn provider<P: Provider>(pairs: &mut Pairs, name: &str) {
    let mut ends = Endpoints::<P>::new(Capabilities::NONE);
    let bare = BareHandshake::<P>::default();
    let handshake = || ends.handshake::<8_192, 16>();
    pairs.compare(("handshake", name), Goal::AtMost(1.10), Effort::Careful, handshake, || bare.run());
}
