//! The worked request (`IACP §5.3.1`): a frame inside its proof of work. The frame keeps its bytes and signatures, and
//! the proof is over 84 bytes of the form that discovery uses, so one miner serves both.

use iacp_wire::message::{DiscoveryReq, WorkedRequest};
use iacp_wire::{DhtKey, Digest, X25519Key};
use zerocopy::{FromBytes, IntoBytes};

use super::kind::Class;
use super::name::CLOCKS;
use crate::crypto::Provider;
use crate::discovery::pow::{Miner, trailing_zero_bits};
use crate::time::UnixTime;

/// Why a worked request goes no further, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum NotWorked {
    /// The claim is not a class and number of bits. Silence answers it.
    Claim,
    /// It claims fewer bits than are demanded: ERROR WORK_TOO_LOW names them.
    TooLow,
    /// Its time is more than 30 s from the clock. Silence answers it.
    Time,
    /// The digest lacks the claimed zero bits. Silence answers it.
    Proof,
    /// The work was done for another frame. Silence answers it.
    Frame,
}

words! {
    NotWorked {
        Self::Claim => "pow_target_threshold: no class and bits",
        Self::TooLow => "pow_target_threshold: fewer bits than demanded",
        Self::Time => "timestamp: outside the window of 30 seconds",
        Self::Proof => "pow_nonce: the digest lacks the claimed zero bits",
        Self::Frame => "frame_digest: not that of the inner frame",
    }
}

impl core::error::Error for NotWorked {}

/// The claim field. Its first bit keeps a proof for a node from being one for discovery.
#[must_use]
pub const fn claim(class: Class, bits: u8) -> u32 {
    u32::from_be_bytes([0x80 + class as u8, 0, 0, bits])
}

/// What the work is bound to.
#[must_use]
pub fn frame_digest<P: Provider>(inner: &[u8]) -> Digest {
    Digest(P::sha256(&[b"IACP/1 work\0", inner]))
}

/// The checks that cost nothing: the claim against what is demanded, and the time.
///
/// # Errors
/// The first check that fails.
// keeps: IACP-116 (§5.3.1), IACP-118 (§5.3.1), IACP-119 (§5.3.1)
pub fn check_claim(head: &WorkedRequest, now: UnixTime, demanded: u32) -> Result<(), NotWorked> {
    let [class, 0, 0, bits] = head.pow_target_threshold.get().to_be_bytes() else { return Err(NotWorked::Claim) };
    if !(0x80..0x84).contains(&class) {
        return Err(NotWorked::Claim);
    }
    if u32::from(bits) < demanded {
        return Err(NotWorked::TooLow);
    }
    if UnixTime(head.timestamp.get()).distance(now) > CLOCKS { Err(NotWorked::Time) } else { Ok(()) }
}

/// The work itself: two blocks of SHA-256. Gives the digest, which a node remembers so that one proof counts once.
///
/// # Errors
/// The digest lacks the claimed zero bits.
pub fn check_proof<P: Provider>(head: &WorkedRequest) -> Result<[u8; 32], NotWorked> {
    let digest = P::sha256(&[head.as_bytes()]);
    let claimed = head.pow_target_threshold.get() & 0xFF;
    if trailing_zero_bits(&digest) < claimed { Err(NotWorked::Proof) } else { Ok(digest) }
}

/// Whether the work was done for this frame.
///
/// # Errors
/// It was done for another.
pub fn check_frame<P: Provider>(head: &WorkedRequest, inner: &[u8]) -> Result<(), NotWorked> {
    if frame_digest::<P>(inner) == head.frame_digest { Ok(()) } else { Err(NotWorked::Frame) }
}

/// A search for the nonce of a request about a key, as many tries at a time as the caller has time for.
///
/// A client works for a frame, and a node checks the work:
///
/// ```
/// use iacp_core::directory::Class;
/// use iacp_core::directory::work::{NotWorked, Worker, check_claim, check_frame, check_proof};
/// # use iacp_core::crypto::ChaChaOnly;
/// # use iacp_core::time::UnixTime;
/// # use iacp_wire::DhtKey;
/// # let now = UnixTime(1_790_000_010_000);
///
/// let frame = b"the registration"; // with its own signature
/// let nonce = 0; // random, in real life
/// let mut worker = Worker::new::<ChaChaOnly>(Class::Identities, DhtKey([7; 32]), 8, now, nonce, frame);
/// let head = loop {
///     if let Some(head) = worker.step(1_000) {
///         break head;
///     }
/// };
/// check_claim(&head, now, 8)?;
/// check_proof::<ChaChaOnly>(&head)?;
/// check_frame::<ChaChaOnly>(&head, frame)?;
/// assert_eq!(check_claim(&head, now, 9), Err(NotWorked::TooLow));
/// assert_eq!(check_frame::<ChaChaOnly>(&head, b"another frame"), Err(NotWorked::Frame));
/// # Ok::<(), NotWorked>(())
/// ```
#[derive(Debug)]
pub struct Worker(Miner);

impl Worker {
    /// Begins with a nonce; random ones keep two workers apart.
    #[must_use]
    pub fn new<P: Provider>(class: Class, key: DhtKey, bits: u8, now: UnixTime, nonce: u64, inner: &[u8]) -> Self {
        Self(Miner::new(DiscoveryReq {
            target_space_coordinate: key,
            ephemeral_public_key: X25519Key(frame_digest::<P>(inner).0),
            timestamp: now.0.into(),
            pow_nonce: nonce.into(),
            pow_target_threshold: claim(class, bits).into(),
        }))
    }

    /// Tries that many nonces; gives the head of the worked request when one is found.
    pub fn step(&mut self, tries: u32) -> Option<WorkedRequest> {
        let proven = self.0.step(tries)?;
        WorkedRequest::read_from_bytes(proven.as_bytes()).ok()
    }
}

const _: () = assert!(WorkedRequest::LEN == DiscoveryReq::LEN);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ChaChaOnly as Chosen;
    use crate::discovery::check;

    const NOW: UnixTime = UnixTime(1_790_000_000_000);

    fn worked(bits: u8, inner: &[u8]) -> WorkedRequest {
        let mut worker = Worker::new::<Chosen>(Class::Namespaces, DhtKey([5; 32]), bits, NOW, 0, inner);
        loop {
            if let Some(found) = worker.step(1 << 12) {
                return found;
            }
        }
    }

    // shows: IACP-116 (§5.3.1), IACP-118 (§5.3.1), IACP-119 (§5.3.1)
    #[test]
    fn work_is_checked_against_what_is_demanded_and_the_frame_that_it_is_for() {
        let head = worked(10, b"frame");
        assert_eq!(check_claim(&head, NOW, 10), Ok(()));
        assert!(check_proof::<Chosen>(&head).is_ok());
        assert_eq!(check_frame::<Chosen>(&head, b"frame"), Ok(()));

        assert_eq!(check_claim(&head, NOW, 11), Err(NotWorked::TooLow));
        for far in [NOW.0 - 30_001, NOW.0 + 30_001, 0, u64::MAX] {
            assert_eq!(check_claim(&head, UnixTime(far), 10), Err(NotWorked::Time), "{far}");
        }
        for near in [NOW.0 - 30_000, NOW.0 + 30_000] {
            assert_eq!(check_claim(&head, UnixTime(near), 10), Ok(()), "{near}");
        }
        assert_eq!(check_frame::<Chosen>(&head, b"fraud"), Err(NotWorked::Frame));
        // Claiming more, or another key, class or time, undoes the work.
        let changes: [fn(&mut WorkedRequest); 4] = [
            |head| head.pow_target_threshold = claim(Class::Namespaces, 24).into(),
            |head| head.pow_target_threshold = claim(Class::Spaces, 23).into(),
            |head| (head.storage_key.0[0], head.pow_target_threshold) = (1, claim(Class::Namespaces, 22).into()),
            |head| (head.timestamp, head.pow_target_threshold) = (1.into(), claim(Class::Namespaces, 21).into()),
        ];
        for change in changes {
            let mut changed = head;
            change(&mut changed);
            assert_eq!(check_proof::<Chosen>(&changed), Err(NotWorked::Proof));
        }
    }

    #[test]
    fn a_claim_is_a_class_and_bits_and_nothing_else() {
        let mut head = worked(1, b"");
        for wrong in [0x0000_0001, 0x8401_0001, 0x8001_0001, 0x8000_0101, 0x8400_0001, 0x7F00_0018, 0xFF00_0018] {
            head.pow_target_threshold = wrong.into();
            assert_eq!(check_claim(&head, NOW, 0), Err(NotWorked::Claim), "{wrong:#010x}");
        }
    }

    #[test]
    fn a_proof_for_a_node_is_none_for_discovery() {
        let head = worked(4, b"frame");
        let mut datagram = [0; 88];
        datagram[..4].copy_from_slice(&[0x10, 0x10, 0, 84]);
        datagram[4..].copy_from_slice(head.as_bytes());
        assert!(check::<Chosen>(&datagram, NOW, 4).is_err());
    }

    #[test]
    fn a_digest_with_just_the_claimed_bits_is_a_proof() {
        let mut seen = [false; 2];
        for number in 0..16 {
            let head = worked(4, &[number]);
            let digest = check_proof::<Chosen>(&head).expect("worked for");
            seen[usize::from(trailing_zero_bits(&digest) > 4)] = true;
        }
        assert_eq!(seen, [true; 2], "some have just so many and some have more");
    }
}
