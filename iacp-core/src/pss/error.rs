//! Why a call did nothing.

use core::fmt;

/// The buffer is too small; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooSmall {
    /// How many bytes would do.
    pub needed: usize,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the buffer is too small: {} bytes are needed", self.needed)
    }
}

impl core::error::Error for TooSmall {}

/// Why content cannot be sent. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SendError {
    /// The handshake or the contract is not complete, or the session is disconnected, reconciling or over.
    NotNow,
    /// This side has finished.
    Finished,
    /// The peer's window or the delta log is full: try again when something is acknowledged.
    Full,
    /// Longer than one frame, or than the delta log, can hold.
    TooLong,
    /// A resume record: only the LL-Entity sends one, as the first frame of a session with RESUME.
    Kind,
    /// The key has sealed as many frames as allowed and could not be renewed: the session ends.
    KeySpent,
}

words! {
    SendError {
        Self::NotNow => "the session does not take data now",
        Self::Finished => "this side has finished",
        Self::Full => "window or delta log is full",
        Self::TooLong => "content: too long for one frame",
        Self::Kind => "kind: a resume record is sent by send_resume alone",
        Self::KeySpent => "the key has sealed as much as it may",
    }
}

impl core::error::Error for SendError {}

/// Why a session does not begin. Nothing has changed.
///
/// A session that has just begun refuses what it cannot do yet:
///
/// ```
/// use iacp_core::pss::{NotNow, Reason, Role, SendError, StartError, TermsError, TooSmall, WrongIdentity};
/// # use iacp_core::pss::{Capabilities, ContentKind, Session};
/// # use iacp_core::{crypto::Portable, identity::Identity, time::Mono};
/// # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
/// # let mut rng = ChaCha8Rng::seed_from_u64(1);
/// # let now = Mono(0);
/// # let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
/// # let bob_at = ([192, 0, 2, 2], 4227).into();
/// # let none = Capabilities::NONE;
/// let mut session = Session::<Portable, 4096, 8>::IDLE;
/// assert_eq!(session.initiate(now, &alice, alice.eid(), bob_at, none, &mut rng), Err(StartError::OwnEid));
/// session.initiate(now, &alice, bob.eid(), bob_at, none, &mut rng)?;
/// assert_eq!(session.initiate(now, &alice, bob.eid(), bob_at, none, &mut rng), Err(StartError::Busy));
///
/// assert_eq!(session.send(now, ContentKind::Anml, b"too early"), Err(SendError::NotNow));
/// assert_eq!(session.reconnect(now, bob_at), Err(NotNow));
/// assert_eq!(session.accept_terms(now, &alice), Err(TermsError::NothingProposed));
/// assert_eq!(session.handle_deadline(now, &bob, &mut rng), Err(WrongIdentity));
/// let Err(TooSmall { needed }) = session.poll_transmit(now, &mut []) else { return Err("no buffer is enough".into()) };
///
/// // Nothing has changed: the PSS_INIT is still due.
/// assert_eq!((session.role(), session.next_deadline()), (Role::Initiator, Some((now, Reason::Transmit))));
/// assert!(session.poll_transmit(now, &mut vec![0; needed])?.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StartError {
    /// This memory holds a session that is under way. One that has ended may be replaced, even before
    /// [`Event::Released`](crate::pss::SessionEvent::Released); its last frame is then not repeated any more.
    Busy,
    /// The peer has our own EID.
    OwnEid,
    /// The peer's EID is not a key of prime order: no signature of it can be verified.
    PeerKey,
}

words! {
    StartError {
        Self::Busy => "this memory holds a session that is under way",
        Self::OwnEid => "the peer has our own EID",
        Self::PeerKey => "peer: its EID is no key",
    }
}

impl core::error::Error for StartError {}

/// Why the application's answer to terms is not accepted. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TermsError {
    /// No proposal of the peer waits for an answer.
    NothingProposed,
    /// It is the peer's turn, or the last turn was used.
    NotOurTurn,
    /// The receive window has no room for a frame.
    Window,
    /// The identity is not the session's.
    Identity,
}

words! {
    TermsError {
        Self::NothingProposed => "no proposal of the peer's waits for an answer",
        Self::NotOurTurn => "it is not our turn, or the last turn was used",
        Self::Window => "receive_window: at least one frame",
        Self::Identity => "the identity is not the session's",
    }
}

impl core::error::Error for TermsError {}

/// The identity passed to a call is not the session's. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WrongIdentity;

impl fmt::Display for WrongIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("the identity is not the session's")
    }
}

impl core::error::Error for WrongIdentity {}

/// The session is not in a state in which this can be done. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NotNow;

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("not in this state of the session")
    }
}

impl core::error::Error for NotNow {}
