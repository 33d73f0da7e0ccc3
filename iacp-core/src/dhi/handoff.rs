//! The hand-off to a sandboxed browser (`IACP §4.1.4.2`, `§4.1.4.3`).

use core::fmt;

use iacp_wire::{WriteError, layout::HandOffContext};

use crate::identity::Derivative;

/// What made the hand-off necessary: the first field of a Hand-off Context Object.
// keeps: IACP-055 (§4.1.4.3)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u16)]
pub enum Trigger {
    /// No ANML was found.
    AnmlAbsent = 1,
    /// The agent requires media that ANML does not have.
    RichMediaRequired = 2,
    /// T_eval ran out.
    EvaluationTimeout = 3,
    /// The document is longer than MAX_FLOAT_BUF.
    BufferOverflow = 4,
    /// The ANML document and the web page are not equivalent.
    EquivalenceFailed = 5,
    /// The content was declared as ANML, but is not.
    StructureInvalid = 6,
}

impl Trigger {
    /// Every trigger, by code.
    pub const ALL: [Self; 6] = [
        Self::AnmlAbsent,
        Self::RichMediaRequired,
        Self::EvaluationTimeout,
        Self::BufferOverflow,
        Self::EquivalenceFailed,
        Self::StructureInvalid,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The trigger of a code.
    #[must_use]
    pub fn of(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| trigger.code() == code)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnmlAbsent => "ANML_ABSENT",
            Self::RichMediaRequired => "RICH_MEDIA_REQUIRED",
            Self::EvaluationTimeout => "EVALUATION_TIMEOUT",
            Self::BufferOverflow => "BUFFER_OVERFLOW",
            Self::EquivalenceFailed => "EQUIVALENCE_FAILED",
            Self::StructureInvalid => "STRUCTURE_INVALID",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The decision for the legacy path: its cause and its URL. It becomes a Hand-off Context Object with the derivative
/// that the LL-Entity made for it; an EID cannot be put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandOff<'m> {
    /// The cause.
    pub trigger: Trigger,
    /// The agent's URI, without user information and fragment.
    pub url: &'m str,
}

impl HandOff<'_> {
    /// Writes the Hand-off Context Object to the front of `buffer`, and returns its length: 70 bytes and the URL.
    ///
    /// ```
    /// use iacp_core::crypto::Portable;
    /// use iacp_core::dhi::handoff::{HandOff, Trigger};
    /// use iacp_core::identity::{Derivative, Identity};
    /// use iacp_core::time::Mono;
    /// use iacp_wire::layout::HandOffContext;
    /// # use rand_chacha::ChaCha8Rng;
    /// # use rand_core::SeedableRng;
    /// # let mut rng = ChaCha8Rng::seed_from_u64(1);
    ///
    /// let agent = Identity::<Portable>::generate(&mut rng);
    /// let kept = Derivative::new::<Portable>(&agent.eid(), None, Mono(0), 60_000, &mut rng);
    /// let mut buffer = [0; 128];
    /// let hand_off = HandOff { trigger: Trigger::AnmlAbsent, url: "https://example.org/" };
    /// let length = hand_off.write(&kept, &mut buffer)?;
    /// let object = HandOffContext::parse(&buffer[..length])?;
    /// assert_eq!((object.trigger_type, object.target_url), (1, "https://example.org/"));
    /// assert_ne!(object.esd_eid.0, agent.eid().0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The buffer is too small.
    // keeps: IACP-054 (§4.1.1), IACP-058 (§4.1.4.3)
    pub fn write(&self, derivative: &Derivative, buffer: &mut [u8]) -> Result<usize, WriteError> {
        let object = HandOffContext {
            trigger_type: self.trigger.code(),
            esd_eid: derivative.esd_eid().digest(),
            session_hash: derivative.session_hash(),
            target_url: self.url,
        };
        object.write(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ChaChaOnly;
    use crate::time::Mono;
    use iacp_wire::{Digest, Eid};
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn an_object_has_the_derivative_and_nowhere_the_eid() {
        // shows: IACP-054 (§4.1.1), IACP-055 (§4.1.4.3), IACP-058 (§4.1.4.3)
        let (eid, session) = (Eid(*b"this is the agent's own EID, yes"), Digest(*b"this is its session's plain hash"));
        let kept = Derivative::new::<ChaChaOnly>(&eid, Some(&session), Mono(0), 1, &mut ChaCha8Rng::seed_from_u64(3));
        for trigger in Trigger::ALL {
            let mut buffer = [0; 100];
            let hand_off = HandOff { trigger, url: "https://example.org/a?b" };
            let length = hand_off.write(&kept, &mut buffer).expect("it fits");
            let object = HandOffContext::parse(&buffer[..length]).expect("a whole object");
            assert_eq!(Trigger::of(object.trigger_type), Some(trigger));
            assert_eq!((object.esd_eid, object.session_hash), (kept.esd_eid().digest(), kept.session_hash()));
            assert_eq!(object.target_url, "https://example.org/a?b");
            assert!(!buffer.windows(32).any(|window| window == eid.0 || window == session.0));
            assert!(hand_off.write(&kept, &mut buffer[..length - 1]).is_err());
        }
        assert_eq!((Trigger::of(0), Trigger::of(7)), (None, None));
    }
}
