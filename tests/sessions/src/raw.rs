//! A session of the library's without an LL-Entity: it sends ERP_STREAM to a host, and seals what an LL-Entity never
//! would.

use std::net::SocketAddr;

use iacp_core::crypto::Portable;
use iacp_core::identity::Identity;
use iacp_core::pss::{Capabilities, Session};
use iacp_core::time::Mono;
use iacp_wire::message::ErpStream;
use iacp_wire::{Eid, Frame, Message};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// The length of ERP_STREAM around an inner frame.
pub const ROUTING: usize = 76;

/// See the module.
pub struct Raw {
    /// Its key.
    pub identity: Identity<Portable>,
    /// Its session.
    pub session: Session<Portable, 8192, 16>,
    /// Where it is.
    pub at: SocketAddr,
    /// The generation that it names.
    pub generation: u64,
    /// Its randomness.
    pub rng: ChaCha8Rng,
    to: SocketAddr,
}

impl Raw {
    /// A stranger at `at` that opens a session with an agent of the host at `to`.
    ///
    /// # Panics
    /// Never: the session's memory is free.
    #[must_use]
    pub fn open(now: Mono, seed: u64, at: SocketAddr, (peer, to): (Eid, SocketAddr), offer: Capabilities) -> Self {
        let identity = Identity::generate(&mut ChaCha8Rng::seed_from_u64(seed));
        Self::open_as(now, identity, seed, at, (peer, to), offer)
    }

    /// The same under a key that another party has, too.
    ///
    /// # Panics
    /// Never: the session's memory is free.
    #[must_use]
    pub fn open_as(
        now: Mono,
        identity: Identity<Portable>,
        seed: u64,
        at: SocketAddr,
        (peer, to): (Eid, SocketAddr),
        offer: Capabilities,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 1);
        let mut session = Session::IDLE;
        session.initiate(now, &identity, peer, to, offer, &mut rng).expect("its memory is free");
        Self { identity, session, at, generation: 0, rng, to }
    }

    /// The next thing that it sends, in ERP_STREAM.
    ///
    /// # Panics
    /// Never: the buffers are long enough.
    pub fn says(&mut self, now: Mono) -> Option<Vec<u8>> {
        let _ = self.session.handle_deadline(now, &self.identity, &mut self.rng);
        let mut out = [0; 1_200];
        let inner = self.session.poll_transmit(now, &mut out).expect("there is room")?.bytes.to_vec();
        let (source_eid, destination_eid) = (self.identity.eid(), self.session.peer());
        let head = ErpStream { source_eid, destination_eid, generation_counter: self.generation.into() };
        let mut bytes = vec![0; 1_300];
        let length = Frame::new(Message::ErpStream { head: &head, inner: &inner }).write(&mut bytes).expect("it fits");
        bytes.truncate(length);
        Some(bytes)
    }

    /// What the host has sent it, in ERP_STREAM.
    pub fn hears(&mut self, now: Mono, bytes: &mut [u8]) {
        if let Some(inner) = bytes.get_mut(ROUTING..) {
            let _ = self.session.handle(now, &self.identity, self.to, inner);
        }
    }
}
