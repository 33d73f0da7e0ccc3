//! What is configured beside the rules (`IoE R5`): it stands in the texts, is signed with them, and rolls with them.

/// How long things hold. Of several authorities' words the shortest counts; each counts within its scope alone, and one that
/// is not asked about everything can make it shorter, and not longer than it would be without a word.
///
/// ```text
/// set lease 10000          milliseconds
/// set validation 60000     milliseconds
/// set recovery 10000       milliseconds
/// set heads 256            records; only where everything is in the scope
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

/// What one authority said; 0 where it said nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said(pub [u32; 4]);

impl Said {
    pub fn set(&mut self, setting: Setting, number: u32) {
        if let Some(place) = self.0.get_mut(setting as usize) {
            *place = if *place == 0 { number } else { number.min(*place) };
        }
    }
}

/// What several authorities say together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Together {
    by_all: Said,
    by_some: Said,
}

impl Together {
    /// With what another authority says, that is asked.
    pub fn and(&mut self, other: Said, asked_about_everything: bool) {
        let said = if asked_about_everything { &mut self.by_all } else { &mut self.by_some };
        for (place, number) in said.0.iter_mut().zip(other.0).filter(|(_, number)| *number > 0) {
            *place = if *place == 0 { number } else { number.min(*place) };
        }
    }

    pub fn settings(&self) -> Settings {
        let Settings { lease_ms, validation_ms, recovery_ms, head_every } = Settings::default();
        let mut numbers = [lease_ms, validation_ms, recovery_ms, head_every];
        for ((number, all), some) in numbers.iter_mut().zip(self.by_all.0).zip(self.by_some.0) {
            let by_all = if all > 0 { all } else { *number };
            *number = if some > 0 { some.min(by_all) } else { by_all };
        }
        let [lease_ms, validation_ms, recovery_ms, _] = numbers;
        let head_every = if self.by_all.0[3] > 0 { self.by_all.0[3] } else { head_every };
        Settings { lease_ms, validation_ms, recovery_ms, head_every }
    }
}
