//! Settings beside the rules (`IoE R5`): they stand in the texts, are signed with them, and are rolled out and back
//! with them.

/// How long permits and validations hold. Of several authorities' settings the shortest counts, each within its scope
/// only. An authority that is not asked about everything can shorten a value, but cannot make it longer than the
/// default.
///
/// ```text
/// set lease 10000          milliseconds
/// set validation 60000     milliseconds
/// set recovery 10000       milliseconds
/// set heads 256            records; only where everything is in the scope
/// ```
///
/// ```
/// use interaction_gov::policy::{Policy, Settings};
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions join\nauthorities clinic, host")?;
/// let mut policy = Policy::<2>::new();
/// policy.add("authority clinic\nversion 1\npermit join\nset lease 5000", &names)?;
/// policy.add("authority host\nversion 1\npermit join\nset lease 7000", &names)?;
/// assert_eq!(policy.common_settings(), Settings { lease_ms: 5_000, ..Settings::default() });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IOE-082 (§4.5 R5)
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

/// The settings of one authority; 0 where it has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said(pub [u32; 4]);

impl Said {
    pub fn set(&mut self, setting: Setting, number: u32) {
        if let Some(place) = self.0.get_mut(setting as usize) {
            *place = if *place == 0 { number } else { number.min(*place) };
        }
    }
}

impl Said {
    /// How long a permit holds; 0 if it is not set.
    pub const fn lease(self) -> u32 {
        let Self([lease, ..]) = self;
        lease
    }
}

/// One setting of several authorities together; 0 if none of them has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shortest {
    by_all: u32,
    by_some: u32,
}

impl Shortest {
    /// Adds the setting of another authority that is asked.
    pub fn and(&mut self, number: u32, asked_about_everything: bool) {
        let said = if asked_about_everything { &mut self.by_all } else { &mut self.by_some };
        if number > 0 && (*said == 0 || number < *said) {
            *said = number;
        }
    }

    /// The value that counts, with this default.
    pub fn or(self, nothing_said: u32) -> u32 {
        let by_all = self.by_those_asked_about_everything(nothing_said);
        if self.by_some > 0 { self.by_some.min(by_all) } else { by_all }
    }

    const fn by_those_asked_about_everything(self, nothing_said: u32) -> u32 {
        if self.by_all > 0 { self.by_all } else { nothing_said }
    }
}

/// The settings of several authorities together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Together([Shortest; 4]);

impl Together {
    /// Adds the settings of another authority that is asked.
    pub fn and(&mut self, other: Said, asked_about_everything: bool) {
        self.0.iter_mut().zip(other.0).for_each(|(said, number)| said.and(number, asked_about_everything));
    }

    pub fn settings(&self) -> Settings {
        let Settings { lease_ms, validation_ms, recovery_ms, head_every } = Settings::default();
        let Self([lease, validation, recovery, heads]) = self;
        Settings {
            lease_ms: lease.or(lease_ms),
            validation_ms: validation.or(validation_ms),
            recovery_ms: recovery.or(recovery_ms),
            // There is one chain for all actions, so only the authorities that are asked about everything count.
            head_every: heads.by_those_asked_about_everything(head_every),
        }
    }
}
