//! What is configured beside the rules (`IoE R5`): it stands in the texts, is signed with them, and rolls with them.

/// How long things hold. Of several authorities' words the shortest counts.
///
/// ```text
/// set lease 10000          milliseconds
/// set validation 60000     milliseconds
/// set recovery 10000       milliseconds
/// set heads 256            records
/// ```
// keeps: IOE-082
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Settings {
    /// How long a permit holds before it is decided again, in milliseconds.
    pub lease_ms: u32,
    /// How long a participant's validation holds at most, in milliseconds.
    pub validation_ms: u32,
    /// How long a failed function has to recover, in milliseconds.
    pub recovery_ms: u32,
    /// After how many records the head of a chain is to be signed.
    pub head_every: u32,
}

impl Default for Settings {
    /// Ten seconds, a minute, ten seconds, 256 records.
    fn default() -> Self {
        Self { lease_ms: 10_000, validation_ms: 60_000, recovery_ms: 10_000, head_every: 256 }
    }
}

/// Something that an authority configures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Lease,
    Validation,
    Recovery,
    Heads,
}

/// What was said; whatever nobody says is as by default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said([Option<u32>; 4]);

impl Said {
    /// The shortest counts.
    pub fn set(&mut self, setting: Setting, number: u32) {
        if let Some(place) = self.0.get_mut(setting as usize) {
            *place = Some(place.map_or(number, |before| before.min(number)));
        }
    }

    pub fn and(mut self, other: Self) -> Self {
        for (place, other) in self.0.iter_mut().zip(other.0) {
            *place = match (*place, other) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        self
    }

    pub fn settings(&self) -> Settings {
        let Settings { lease_ms, validation_ms, recovery_ms, head_every } = Settings::default();
        let [lease, validation, recovery, heads] = self.0;
        Settings {
            lease_ms: lease.unwrap_or(lease_ms),
            validation_ms: validation.unwrap_or(validation_ms),
            recovery_ms: recovery.unwrap_or(recovery_ms),
            head_every: heads.unwrap_or(head_every),
        }
    }
}
