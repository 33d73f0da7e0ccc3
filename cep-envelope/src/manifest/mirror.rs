//! Mirrored fields, one by one: each disagreement has a name (`CEP §6`, `CEP §12`).

use core::fmt;

use crate::surface::Surface;
use crate::time::TimeFragment;
use crate::words::list;

/// The longest time fragment: `2026-05-14t06-41-48z`.
pub(super) const MAX_FRAGMENT: usize = 20;
/// The longest context or profile (`CEP §5.2`).
pub(super) const MAX_SEGMENT: usize = 48;
/// The longest priority (`CEP §5.2`).
pub(super) const MAX_PRIORITY: usize = 32;

/// The parts of a surface that a manifest mirrors (`CEP §11.2`). The extension is not among them: it is not sealed.
///
/// ```
/// use cep_envelope::Surface;
/// use cep_envelope::manifest::SurfaceParts;
///
/// let surface = Surface::parse("2026-05-16.backup.home.normal")?;
/// let parts = SurfaceParts::from(surface);
/// assert_eq!((parts.time, parts.context, parts.profile, parts.priority), ("2026-05-16", "backup", "home", "normal"));
/// # Ok::<(), cep_envelope::SurfaceError>(())
/// ```
// keeps: CEP-126 (§11.2)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SurfaceParts<'a> {
    /// The time fragment, in any of its three forms.
    pub time: &'a str,
    /// The context.
    pub context: &'a str,
    /// The profile.
    pub profile: &'a str,
    /// The priority: a hint.
    pub priority: &'a str,
}

impl<'a> From<Surface<'a>> for SurfaceParts<'a> {
    fn from(surface: Surface<'a>) -> Self {
        Self {
            time: surface.time_text(),
            context: surface.context(),
            profile: surface.profile(),
            priority: surface.priority(),
        }
    }
}

impl SurfaceParts<'_> {
    pub(super) fn has_time(&self) -> bool {
        TimeFragment::parse(self.time).is_some()
    }

    /// Compares, with `self` as the truth.
    ///
    /// Times are equal if they are the same value at the precision of the coarser one, in whatever form they are
    /// written. The time need not exist in the calendar. All other parts are equal if their bytes are.
    pub(super) fn compare(&self, hint: &SurfaceParts<'_>) -> Disagreements {
        let same_time = match (TimeFragment::parse(self.time), TimeFragment::parse(hint.time)) {
            (Some(time), Some(other)) => {
                let same_clock = time.clock().zip(other.clock()).is_none_or(|(clock, other)| clock == other);
                time.date() == other.date() && same_clock
            }
            _ => false,
        };
        Disagreements::default()
            .with_unless(same_time, Disagreement::TimeFragment)
            .with_unless(self.context == hint.context, Disagreement::Context)
            .with_unless(self.profile == hint.profile, Disagreement::Profile)
            .with_unless(self.priority == hint.priority, Disagreement::Priority)
    }
}

/// A field in which two planes disagree.
///
/// An example is at [`Disagreements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Disagreement {
    /// The surface's time and the sealed time fragment.
    TimeFragment,
    /// The surface's context and the sealed one.
    Context,
    /// The surface's profile and the sealed one.
    Profile,
    /// The surface's priority and the sealed one.
    Priority,
    /// The notice's schema and the sealed one.
    Schema,
    /// The notice's sender and the sender to whom the signer's key is bound.
    Sender,
    /// The notice's recipient and the object's.
    Recipient,
    /// The notice's name for the object and the name under which it came.
    EnvelopeName,
    /// The notice's reference names another surface than the notice does.
    EnvelopeRef,
}

impl Disagreement {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TimeFragment,
        Self::Context,
        Self::Profile,
        Self::Priority,
        Self::Schema,
        Self::Sender,
        Self::Recipient,
        Self::EnvelopeName,
        Self::EnvelopeRef,
    ];

    /// A name for logs and people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimeFragment => "time-fragment",
            Self::Context => "context",
            Self::Profile => "profile",
            Self::Priority => "priority",
            Self::Schema => "schema",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::EnvelopeName => "envelope-name",
            Self::EnvelopeRef => "envelope-ref",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::TimeFragment => 1,
            Self::Context => 1 << 1,
            Self::Profile => 1 << 2,
            Self::Priority => 1 << 3,
            Self::Schema => 1 << 4,
            Self::Sender => 1 << 5,
            Self::Recipient => 1 << 6,
            Self::EnvelopeName => 1 << 7,
            Self::EnvelopeRef => 1 << 8,
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of disagreements.
///
/// A carrier renamed an object: what was sealed holds, and the difference has a name.
///
/// ```
/// use cep_envelope::Surface;
/// use cep_envelope::digest::Digest;
/// use cep_envelope::manifest::{CausalParent, Disagreement, Disagreements, Manifest, SealedTime};
///
/// let manifest = Manifest {
///     schema: "note-v1",
///     surface: Surface::parse("2026-05-16.backup.home.normal")?.into(),
///     sealed_created_at: SealedTime::parse("2026-05-16T06:41:48Z")?,
///     content_digest: Digest::of(b"an object"),
///     causal_parent: CausalParent::Root,
///     signer: None,
///     recipient: None,
/// };
/// let came_as = Surface::parse("2026-05-16.urgent.home.high")?;
/// let differ: Disagreements = manifest.compare_surface(&came_as.into());
/// assert!(differ.contains(Disagreement::Context) && !differ.contains(Disagreement::Profile));
/// assert_eq!(differ.to_string(), "context, priority");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// keeps: CEP-133 (§12)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct Disagreements(u16);

impl Disagreements {
    /// All four mirrored fields.
    pub const SURFACE: Self = Self(
        Disagreement::TimeFragment.bit()
            | Disagreement::Context.bit()
            | Disagreement::Profile.bit()
            | Disagreement::Priority.bit(),
    );

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this disagreement is in the set.
    #[must_use]
    pub const fn contains(self, one: Disagreement) -> bool {
        self.0 & one.bit() != 0
    }

    /// These and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// These, and one more.
    pub const fn with(self, one: Disagreement) -> Self {
        Self(self.0 | one.bit())
    }

    /// The disagreements without a finding of their own: neither in a mirrored field nor in the schema.
    pub(crate) const fn of_notice_alone(self) -> Self {
        Self(self.0 & !(Self::SURFACE.0 | Disagreement::Schema.bit()))
    }

    pub(crate) const fn with_unless(self, agrees: bool, one: Disagreement) -> Self {
        if agrees { self } else { self.with(one) }
    }

    /// Each of them, in the order of [`Disagreement::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Disagreement> {
        Disagreement::ALL.into_iter().filter(move |one| self.contains(*one))
    }
}

impl fmt::Display for Disagreements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.iter())
    }
}
