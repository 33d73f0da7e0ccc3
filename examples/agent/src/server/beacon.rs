//! What makes an agent findable: it answers searches for its topic, and asks for more work the more of them there are.

use std::net::SocketAddr;

use iacp_core::discovery::{Discoverable, NotAccepted, check};
use iacp_core::guard::Difficulty;
use iacp_core::time::{Mono, UnixTime};
use iacp_wire::DhtKey;

use crate::keys::{self, Crypto, Identity};

/// How many more bits of work a search must show when a table is full.
pub const GAMMA: u32 = 4;

/// Room for an answer, in bytes.
pub const ANSWER: usize = 96;

/// The searches that were answered and wait for the identity behind them, and what a search must show.
pub struct Beacon {
    space: DhtKey,
    difficulty: Difficulty,
    pub waiting: Discoverable<8, 64>,
}

impl Beacon {
    /// Answers searches in this space that show a proof of `bits` bits, or of up to [`GAMMA`] more under load.
    pub fn new(space: DhtKey, bits: u32, now: Mono) -> Self {
        Self { space, difficulty: Difficulty::new(bits, GAMMA, now), waiting: Discoverable::default() }
    }

    /// Answers a DISCOVERY_REQ. Returns the answer's length; `None` if another topic is looked for.
    ///
    /// # Errors
    /// The proof does not hold, shows too little work for the load of the moment, or was seen before. Nothing is stored.
    pub fn answer(
        &mut self,
        now: Mono,
        unix: UnixTime,
        identity: &Identity,
        from: SocketAddr,
        request: &[u8],
        out: &mut [u8; ANSWER],
    ) -> Result<Option<usize>, NotAccepted> {
        let bits = self.difficulty.observe(now, &self.waiting.loads(unix));
        let proven = check::<Crypto>(request, unix, bits)?;
        if proven.space() != self.space {
            return Ok(None);
        }
        self.waiting.accept(&proven, from, now, unix, identity, &mut keys::rng(), out).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use iacp_core::discovery::{AWAIT_IDENTITY, Search, space_of_topic};

    use super::*;

    const BITS: u32 = 6;
    const UNIX: UnixTime = UnixTime(1_790_000_000_000);

    /// A search with `bits` bits of work, and the beacon's answer.
    fn ask(beacon: &mut Beacon, identity: &Identity, now: Mono, bits: u32) -> Result<Option<usize>, NotAccepted> {
        let space = space_of_topic::<Crypto>("topic");
        let unix = UnixTime(UNIX.0 + now.0);
        let (mut search, mut miner) = Search::<1>::begin::<Crypto>(space, unix, bits, &mut keys::rng());
        let proven = std::iter::repeat_with(|| miner.step(1_000)).find_map(|found| found).expect("it goes on");
        let (mut request, mut out) = ([0; 88], [0; ANSWER]);
        let length = search.request::<Crypto>(&proven, &mut request).expect("long enough");
        beacon.answer(now, unix, identity, ([192, 0, 2, 1], 4227).into(), &request[..length], &mut out)
    }

    // shows: IACP-117 (§5.3.1)
    #[test]
    fn the_work_that_is_asked_for_rises_with_the_load_and_falls_slowly() {
        let identity = keys::identity(None).expect("a new one");
        let mut beacon = Beacon::new(space_of_topic::<Crypto>("topic"), BITS, Mono(0));
        for number in 0..8 {
            // A quarter of the slots is one bit.
            let bits = BITS + number / 2;
            let less = ask(&mut beacon, &identity, Mono(0), bits - 1);
            assert_eq!(less, Err(NotAccepted::Threshold), "{number} slots in use");
            assert!(matches!(ask(&mut beacon, &identity, Mono(0), bits), Ok(Some(ANSWER))), "{number} slots in use");
        }
        assert_eq!(ask(&mut beacon, &identity, Mono(0), BITS + 3), Err(NotAccepted::Threshold));
        assert_eq!(ask(&mut beacon, &identity, Mono(0), BITS + GAMMA), Err(NotAccepted::NoSlot));

        // No identity showed itself: the slots are free, and the difficulty falls by one bit in ten seconds.
        let later = Mono(AWAIT_IDENTITY + 1);
        assert_eq!(beacon.waiting.handle_deadline(later), 8);
        assert_eq!(ask(&mut beacon, &identity, later, BITS + 3), Err(NotAccepted::Threshold));
        assert!(ask(&mut beacon, &identity, Mono(Difficulty::FALL), BITS + 3).is_ok());
        assert!(ask(&mut beacon, &identity, Mono(10 * Difficulty::FALL), BITS).is_ok());
    }
}
