//! Auxiliary functions and computations: bound to the interaction, with no identity or policy of their own (`IoE R3`).

use crate::lease::Lease;
pub use crate::number::Binding;
use crate::number::Seat;
use crate::policy::{On, Provenance};
use crate::time::Time;
use crate::vocabulary::{Action, Function, Region};

/// Several of them, each once.
///
/// ```
/// use interaction_gov::function::{Binding, Bindings};
///
/// // Each has to be stopped by the application.
/// let cancelled = Bindings::default();
/// assert!(cancelled.is_empty() && !cancelled.contains(Binding(0)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "what is cancelled has to be stopped"]
pub struct Bindings(heapless::Vec<Binding, 32>);

impl Bindings {
    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this binding is in the set.
    #[must_use]
    pub fn contains(&self, binding: Binding) -> bool {
        self.0.contains(&binding)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Binding> {
        self.0.iter().copied()
    }

    /// At most 32 run, so each has its bit.
    pub(crate) fn add(&mut self, binding: Binding) {
        if !self.contains(binding) {
            let _ = self.0.push(binding);
        }
    }
}

/// What it means for an interaction that a function fails.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use interaction_gov::function::{Invocation, Role};
/// use interaction_gov::lifecycle::State;
/// use interaction_gov::policy::Provenance;
/// use interaction_gov::proof::Component;
/// use interaction_gov::vocabulary::Function;
///
/// let Setting { plane, mut log, mut call, seat } = setting();
/// let action = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// let captions = Invocation {
///     action,
///     function: Function(0),
///     on: On::Stream(Modality(0)),
///     seat,
///     parent: None,
///     sites: &[Region(0)],
///     component: Component { digest: [7; 32], statement: b"" },
///     role: Role::Core,
/// };
/// let unknown = |_: &Component<'_>| Provenance::None;
/// let (_, binding) = call.invoke(Time(2), &captions, &unknown, &plane, &mut log);
/// let binding = binding.ok_or("it is permitted")?;
/// assert_eq!(call.fail(Time(3), binding, &plane, &mut log)?, State::Suspended, "without it the interaction stands still");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// If it fails, the interaction is suspended. Accessibility can be such a function.
    Core,
    /// If it fails, the interaction is degraded: everything that does not need it goes on.
    Auxiliary,
}

/// A request to run a function or computation within the interaction.
///
/// ```
/// use interaction_gov::function::{Invocation, Role};
/// use interaction_gov::participant::Seat;
/// use interaction_gov::policy::On;
/// use interaction_gov::proof::Component;
/// use interaction_gov::vocabulary::Vocabulary;
///
/// let names = Vocabulary::read("actions record\nmodalities audio\nfunctions recording\nregions de, fr\nauthorities host")?;
/// let (action, function) = (names.find("record").ok_or("an action")?, names.find("recording").ok_or("a function")?);
/// let sites = [names.find("fr").ok_or("a region")?, names.find("de").ok_or("a region")?];
/// let recording = Invocation {
///     action,
///     function,
///     on: On::Stream(names.find("audio").ok_or("a stream")?),
///     seat: Seat(0),
///     parent: None,
///     sites: &sites, // in France if all permit it, else in Germany
///     component: Component { digest: [7; 32], statement: b"signed by its publisher" },
///     role: Role::Auxiliary,
/// };
/// assert!(recording.on.stream().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: IOE-100 (§4.8 R8)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// The action that it does, as policies name it.
    pub action: Action,
    /// The function.
    pub function: Function,
    /// The stream that it runs on.
    pub on: On,
    /// The participant for which it runs, and on whose standing.
    pub seat: Seat,
    /// The running function that delegated it, if one did.
    pub parent: Option<Binding>,
    /// The regions where it could run, the preferred one first: it runs in the first one where all authorities permit
    /// it.
    pub sites: &'a [Region],
    /// What computes.
    pub component: crate::proof::Component<'a>,
    /// What its failure means.
    pub role: Role,
}

/// How a running function is.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use interaction_gov::function::{Health, Invocation, Role};
/// # use interaction_gov::policy::Provenance;
/// # use interaction_gov::proof::Component;
/// # use interaction_gov::vocabulary::Function;
/// #
/// # let Setting { plane, mut log, mut call, seat } = setting();
/// # let action = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// # let captions = Invocation {
/// #     action,
/// #     function: Function(0),
/// #     on: On::Stream(Modality(0)),
/// #     seat,
/// #     parent: None,
/// #     sites: &[Region(0)],
/// #     component: Component { digest: [7; 32], statement: b"" },
/// #     role: Role::Core,
/// # };
/// # let unknown = |_: &Component<'_>| Provenance::None;
/// # let (_, binding) = call.invoke(Time(2), &captions, &unknown, &plane, &mut log);
/// # let binding = binding.ok_or("it is permitted")?;
/// assert_eq!(call.running(binding).ok_or("it runs")?.health(), Health::Running);
/// call.fail(Time(3), binding, &plane, &mut log)?;
/// let failed = Health::Failed { recover_by: Time(10_003) };
/// assert_eq!(call.running(binding).ok_or("it may recover")?.health(), failed);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Health {
    /// It runs.
    Running,
    /// It has failed, and must recover in time.
    Failed {
        /// The end of its time to recover.
        recover_by: Time,
    },
}

/// A function or computation that runs within the interaction.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/call.rs"));
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use interaction_gov::function::{Invocation, Role};
/// # use interaction_gov::policy::Provenance;
/// # use interaction_gov::proof::Component;
/// # use interaction_gov::vocabulary::Function;
/// #
/// # let Setting { plane, mut log, mut call, seat } = setting();
/// # let action = Vocabulary::read(NAMES)?.find("join").ok_or("an action")?;
/// # let captions = Invocation {
/// #     action,
/// #     function: Function(0),
/// #     on: On::Stream(Modality(0)),
/// #     seat,
/// #     parent: None,
/// #     sites: &[Region(0)],
/// #     component: Component { digest: [7; 32], statement: b"" },
/// #     role: Role::Core,
/// # };
/// # let unknown = |_: &Component<'_>| Provenance::None;
/// # let (_, binding) = call.invoke(Time(2), &captions, &unknown, &plane, &mut log);
/// # let binding = binding.ok_or("it is permitted")?;
/// let running = call.running(binding).ok_or("it runs")?;
/// assert_eq!((running.seat(), running.site(), running.on()), (seat, Region(0), On::Stream(Modality(0))));
/// assert!(call.holds(running.lease(), Time(3), &plane));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    pub(crate) number: Binding,
    pub(crate) action: Action,
    pub(crate) function: Function,
    pub(crate) on: On,
    pub(crate) seat: Seat,
    pub(crate) parent: Option<Binding>,
    pub(crate) site: Region,
    pub(crate) provenance: Provenance,
    /// SHA-256 of what computes.
    pub(crate) component: [u8; 32],
    pub(crate) role: Role,
    pub(crate) health: Health,
    pub(crate) lease: Lease,
}

impl Running {
    /// The function.
    #[must_use]
    pub const fn function(&self) -> Function {
        self.function
    }

    /// The stream that it runs on.
    #[must_use]
    pub const fn on(&self) -> On {
        self.on
    }

    /// The region in which it runs.
    #[must_use]
    pub const fn site(&self) -> Region {
        self.site
    }

    /// The participant for which it runs.
    #[must_use]
    pub const fn seat(&self) -> Seat {
        self.seat
    }

    /// Whether it works or has failed.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// The permit that it runs on.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        &self.lease
    }
}
