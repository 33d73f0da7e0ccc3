//! The codes of a record: what happened, and what was decided (PROFILE 10.13).

use crate::codes::codes;
use crate::policy::Answer;

codes! {
    /// What happened.
    RecordKind {
        /// The interaction was created.
        Created = 1, "created";
        /// The state of the interaction changed: the code of the event is in `action`.
        Moved = 2, "moved";
        /// A participant joined.
        Joined = 3, "joined";
        /// A participant left, or was made to leave.
        Left = 4, "left";
        /// A participant was validated again.
        Revalidated = 5, "revalidated";
        /// A participant's consents changed.
        Consented = 6, "consented";
        /// A transition: transport, protocol, infrastructure.
        Transition = 7, "transition";
        /// A protocol identifier was bound, or rebound after a break.
        Bound = 8, "bound";
        /// A function or computation began.
        Invoked = 9, "invoked";
        /// A function or computation ended, or was cancelled.
        Ended = 10, "ended";
        /// A component failed.
        Failed = 11, "failed";
        /// A component works again.
        Recovered = 12, "recovered";
        /// From this record on, another policy governs the interaction.
        Policy = 13, "policy";
        /// An action was decided.
        Decided = 14, "decided";
        /// The place of a computation was decided.
        Placed = 15, "placed";
        /// The route of data was decided.
        Routed = 16, "routed";
        /// A measurement.
        Telemetry = 17, "telemetry";
        /// A function produced an output: its digest is the `subject`.
        Output = 18, "output";
        /// From this record on, a participant sends and receives the streams that the record names.
        Flow = 19, "flow";
        /// From this record on, a function runs for another participant.
        HandedOver = 20, "handed over";
        /// A participant was made to leave, and cannot join again.
        Banned = 21, "banned";
        /// Some tightenings took effect without a record, for want of room: their number is in `count`.
        Gap = 22, "gap";
        /// Some refusals of strangers were not recorded one by one: their number is in `count`.
        Spared = 23, "spared";
        /// From this record on, something else governs: another version, or other authorities can be asked or speak for
        /// each other.
        Governs = 24, "governs";
        /// The clock was set: all validations and permits that rested on the earlier time have to be renewed.
        Clock = 25, "clock";
        /// The interaction was restored from a snapshot.
        Restored = 26, "restored";
        /// The control plane changed: `action` has the code of the [`Change`](super::Change).
        Changed = 27, "changed";
    }
}

codes! {
    /// What was decided, and why.
    Verdict {
        /// The record states a fact, not a decision.
        Fact = 0, "fact";
        /// Permitted.
        Permit = 1, "permitted";
        /// A rule denies it.
        DeniedByRule = 2, "a rule denies it";
        /// No rule permits it.
        NotPermitted = 3, "no rule permits it";
        /// No authority is asked about it.
        NobodyAsked = 4, "no authority is asked about it";
        /// The interaction is not active.
        NotActive = 5, "the interaction is not active";
        /// The participant has not joined, or has left.
        NoParticipant = 6, "no such participant";
        /// The participant's validation has lapsed.
        Lapsed = 7, "the participant's validation has lapsed";
        /// The function is not bound, has ended or has failed.
        NoFunction = 8, "the function is not running";
        /// No policy governs the interaction.
        NoPolicy = 9, "no policy governs it";
        /// An authority cannot be asked.
        Unreachable = 10, "an authority cannot be asked";
        /// Data or computation may not go there.
        Residency = 11, "it may not go there";
        /// No place is left that all authorities allow.
        NoPlace = 12, "no place is allowed by all";
        /// The clock went backwards.
        ClockBack = 13, "the clock went backwards";
        /// There is no room for the record. This verdict is only returned, never recorded.
        AuditFull = 14, "there is no room for the record";
        /// There is no room for another participant, function or the like.
        NoRoom = 15, "there is no room";
        /// The request contradicts the state: a second seat for one name, or a function that acts for another
        /// participant.
        Conflict = 16, "it contradicts what is there";
        /// The permit that the function runs on is over.
        NoLease = 17, "the permit that it runs on is over";
        /// The clock is further ahead than is believed.
        ClockAhead = 18, "the clock is too far ahead";
        /// The participant was banned, or too many were banned, so that no participant is admitted any more.
        Banned = 19, "the participant was banned";
        /// An action that nothing prevents.
        Always = 20, "always permitted";
    }
}

impl Verdict {
    /// Whether the action may be done.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(self, Self::Permit | Self::Always)
    }

    /// The verdict that this answer of the authorities is.
    pub(crate) const fn of(answer: Answer) -> Self {
        match answer {
            Answer::Permit => Self::Permit,
            Answer::Deny => Self::DeniedByRule,
            Answer::NoRule => Self::NotPermitted,
            Answer::Residency => Self::Residency,
            Answer::Unreachable => Self::Unreachable,
            Answer::NobodyAsked => Self::NobodyAsked,
        }
    }
}
