//! The record: 87 bytes, so that it and the hash before it fill two blocks of SHA-256.
//!
//! ```text
//!  0      16    20        28   29      30     32
//!  +------+-----+---------+----+-------+------+
//!  |  id  | seq | time ms |kind|verdict| seat |
//!  +------+-----+---------+----+-------+------+
//! 32     33       34       35   36     37   38   39      40         41        42      43
//!  +------+--------+--------+----+------+----+----+-------+----------+---------+-------+
//!  |action|modality|function|goes|region|kind|home|posture|provenance|authority|speaker|
//!  +------+--------+--------+----+------+----+----+-------+----------+---------+-------+
//! 43     45          47       49      51       55              63         71           87
//!  +------+-----------+--------+-------+--------+---------------+----------+------------+
//!  | line |obligations|consents|binding|policy #|policy's digest| until ms |   subject  |
//!  +------+-----------+--------+-------+--------+---------------+----------+------------+
//! ```
//!
//! Numbers are big-endian. A field that does not apply is all ones, and sets are bits.

use crate::identity::InteractionId;
use crate::time::Time;

/// The length of a record, in bytes.
pub const RECORD: usize = 87;

/// What the first record of every trail says it is about.
pub const FORMAT: [u8; 16] = *b"IoE/1 audit\0\0\0\0\0";

/// A record as bytes.
pub type Bytes = [u8; RECORD];

macro_rules! codes {
    ($(#[$attribute:meta])* $kind:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum $kind { $($(#[$doc])* $variant = $code,)+ }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The code in a record.
            #[must_use]
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// What a code stands for.
            #[must_use]
            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.code() == code)
            }

            /// It in words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl core::fmt::Display for $kind {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

codes! {
    /// What happened.
    Kind {
        /// The interaction was created.
        Created = 1, "created";
        /// Its state moved: the code of the event is in `action`.
        Moved = 2, "moved";
        /// A participant joined.
        Joined = 3, "joined";
        /// A participant left, or was made to.
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
        /// The interaction is governed by another policy from here on.
        Policy = 13, "policy";
        /// An action was decided.
        Decided = 14, "decided";
        /// A place for a computation was decided.
        Placed = 15, "placed";
        /// A way for data was decided.
        Routed = 16, "routed";
        /// A measurement.
        Telemetry = 17, "telemetry";
        /// An output of a function: its digest is the subject.
        Output = 18, "output";
    }
}

codes! {
    /// What was decided, and why.
    Verdict {
        /// It is a fact, not a decision.
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
        /// There is no room for the record. It is told, and nowhere written.
        AuditFull = 14, "there is no room for the record";
        /// There is no room for one more of them.
        NoRoom = 15, "there is no room";
        /// It contradicts what is there: a second seat for one name, a function that acts for another.
        Conflict = 16, "it contradicts what is there";
        /// The permit that the function runs on is over.
        NoLease = 17, "the permit that it runs on is over";
    }
}

impl Verdict {
    /// Whether the action may be done.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(self, Self::Permit)
    }
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// The interaction.
    pub interaction: InteractionId,
    /// Its place in the chain, the first being 0.
    pub sequence: u32,
    /// When.
    pub time: Time,
    /// What happened.
    pub kind: Kind,
    /// What was decided.
    pub verdict: Verdict,
    /// Which participant: its seat.
    pub seat: Option<u16>,
    /// What was to be done; or the code of whatever else the kind says.
    pub action: Option<u8>,
    /// On which stream.
    pub modality: Option<u8>,
    /// By which function.
    pub function: Option<u8>,
    /// Where it goes, in law: of several regions the first.
    pub goes: Option<u8>,
    /// Where the participant is, in law.
    pub region: Option<u8>,
    /// What the participant is.
    pub participant: Option<u8>,
    /// Whose it is.
    pub home: Option<u8>,
    /// How secure it is.
    pub posture: Option<u8>,
    /// What is known about the computation.
    pub provenance: Option<u8>,
    /// In whose place it was decided.
    pub authority: Option<u8>,
    /// Who spoke: another one, if that was delegated.
    pub speaker: Option<u8>,
    /// By which line of the speaker's policy.
    pub line: Option<u16>,
    /// What has to be done with it.
    pub obligations: u16,
    /// What everybody consents to.
    pub consents: u16,
    /// Which function binding.
    pub binding: Option<u16>,
    /// The number of the policy version.
    pub policy: Option<u32>,
    /// The first bytes of its digest.
    pub digest: [u8; 8],
    /// Until when a permit holds.
    pub until: Option<Time>,
    /// What it is about: the first bytes of a digest or an identifier; of a decision the regions where it goes, as bits in
    /// the first four bytes; of a computation 13 bytes of its digest, its role, and two bytes for what has delegated it; of
    /// the beginning [`FORMAT`].
    pub subject: [u8; 16],
}

impl Record {
    /// A fact about an interaction, and nothing else yet.
    #[must_use]
    pub const fn fact(interaction: InteractionId, sequence: u32, time: Time, kind: Kind) -> Self {
        Self {
            interaction,
            sequence,
            time,
            kind,
            verdict: Verdict::Fact,
            seat: None,
            action: None,
            modality: None,
            function: None,
            goes: None,
            region: None,
            participant: None,
            home: None,
            posture: None,
            provenance: None,
            authority: None,
            speaker: None,
            line: None,
            obligations: 0,
            consents: 0,
            binding: None,
            policy: None,
            digest: [0xFF; 8],
            until: None,
            subject: [0xFF; 16],
        }
    }

    /// The record as bytes.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut bytes = [0xFF; RECORD];
        let mut to = &mut bytes[..];
        put(&mut to, self.interaction.as_bytes());
        put(&mut to, &self.sequence.to_be_bytes());
        put(&mut to, &self.time.0.to_be_bytes());
        put(&mut to, &[self.kind.code(), self.verdict.code()]);
        put(&mut to, &self.seat.unwrap_or(u16::MAX).to_be_bytes());
        for field in [
            self.action,
            self.modality,
            self.function,
            self.goes,
            self.region,
            self.participant,
            self.home,
            self.posture,
            self.provenance,
            self.authority,
            self.speaker,
        ] {
            put(&mut to, &[field.unwrap_or(u8::MAX)]);
        }
        put(&mut to, &self.line.unwrap_or(u16::MAX).to_be_bytes());
        put(&mut to, &self.obligations.to_be_bytes());
        put(&mut to, &self.consents.to_be_bytes());
        put(&mut to, &self.binding.unwrap_or(u16::MAX).to_be_bytes());
        put(&mut to, &self.policy.unwrap_or(u32::MAX).to_be_bytes());
        put(&mut to, &self.digest);
        put(&mut to, &self.until.map_or(u64::MAX, |until| until.0).to_be_bytes());
        put(&mut to, &self.subject);
        bytes
    }

    /// Reads a record. `None` if its kind or its verdict has no meaning.
    #[must_use]
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let mut from = &bytes[..];
        let interaction = InteractionId::recorded(take(&mut from)?);
        let sequence = u32::from_be_bytes(take(&mut from)?);
        let time = Time(u64::from_be_bytes(take(&mut from)?));
        let [kind, verdict] = take(&mut from)?;
        let seat = short(&mut from)?;
        let mut small = || take(&mut from).map(|[byte]: [u8; 1]| (byte != u8::MAX).then_some(byte));
        let (action, modality, function, goes) = (small()?, small()?, small()?, small()?);
        let (region, participant, home) = (small()?, small()?, small()?);
        let (posture, provenance) = (small()?, small()?);
        let (authority, speaker) = (small()?, small()?);
        let line = short(&mut from)?;
        let obligations = u16::from_be_bytes(take(&mut from)?);
        let consents = u16::from_be_bytes(take(&mut from)?);
        let binding = short(&mut from)?;
        let policy = u32::from_be_bytes(take(&mut from)?);
        let digest = take(&mut from)?;
        let until = u64::from_be_bytes(take(&mut from)?);
        Some(Self {
            interaction,
            sequence,
            time,
            kind: Kind::from_code(kind)?,
            verdict: Verdict::from_code(verdict)?,
            seat,
            action,
            modality,
            function,
            goes,
            region,
            participant,
            home,
            posture,
            provenance,
            authority,
            speaker,
            line,
            obligations,
            consents,
            binding,
            policy: (policy != u32::MAX).then_some(policy),
            digest,
            until: (until != u64::MAX).then_some(Time(until)),
            subject: take(&mut from)?,
        })
    }
}

/// The subject of a decision: all regions where it goes.
pub(crate) fn regions(bits: u32) -> [u8; 16] {
    let mut subject = [0xFF; 16];
    if let (Some(first), true) = (subject.first_chunk_mut(), bits != 0) {
        *first = bits.to_be_bytes();
    }
    subject
}

/// The subject of a computation: 13 bytes of its digest, its role, and what has delegated it.
pub(crate) fn computation(digest: &[u8; 32], role: u8, parent: Option<u16>) -> [u8; 16] {
    let mut subject: [u8; 16] = digest.first_chunk().copied().unwrap_or_default();
    if let Some([to_role, to_parent @ ..]) = subject.last_chunk_mut::<3>() {
        (*to_role, *to_parent) = (role, parent.unwrap_or(u16::MAX).to_be_bytes());
    }
    subject
}

/// Writes as much as there is room for: the fields together are exactly a record.
fn put(to: &mut &mut [u8], bytes: &[u8]) {
    let (head, tail) = core::mem::take(to).split_at_mut_checked(bytes.len()).unwrap_or_default();
    for (to, from) in head.iter_mut().zip(bytes) {
        *to = *from;
    }
    *to = tail;
}

fn take<const N: usize>(from: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = from.split_first_chunk()?;
    *from = tail;
    Some(*head)
}

fn short(from: &mut &[u8]) -> Option<Option<u16>> {
    let number = u16::from_be_bytes(take(from)?);
    Some((number != u16::MAX).then_some(number))
}
