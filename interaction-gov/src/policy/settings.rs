//! What is configured beside the rules (`IoE R5`): it stands in the texts, is signed with them, and rolls with them.

/// How long things hold. Of several authorities' words the shortest counts; who is not asked about everything can make it
/// shorter, and not longer than it would be without a word.
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

/// What was said by whoever is asked about everything, and by all others; what nobody says is as by default.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    by_all: [Option<u32>; 4],
    by_some: [Option<u32>; 4],
}

impl Said {
    /// One authority says this.
    pub fn set(&mut self, setting: Setting, number: u32) {
        if let Some(place) = self.by_all.get_mut(setting as usize) {
            *place = shorter(*place, Some(number));
        }
    }

    /// With what another authority says.
    pub fn and(mut self, other: Self, asked_about_everything: bool) -> Self {
        let places = if asked_about_everything { &mut self.by_all } else { &mut self.by_some };
        for (place, said) in places.iter_mut().zip(other.by_all) {
            *place = shorter(*place, said);
        }
        self
    }

    pub fn settings(&self) -> Settings {
        let Settings { lease_ms, validation_ms, recovery_ms, head_every } = Settings::default();
        let mut numbers = [lease_ms, validation_ms, recovery_ms, head_every];
        for ((number, all), some) in numbers.iter_mut().zip(self.by_all).zip(self.by_some) {
            let by_all = all.unwrap_or(*number);
            *number = some.map_or(by_all, |some| some.min(by_all));
        }
        let [lease_ms, validation_ms, recovery_ms, head_every] = numbers;
        Settings { lease_ms, validation_ms, recovery_ms, head_every }
    }
}

fn shorter(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
