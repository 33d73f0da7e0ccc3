//! The surface: the visible name of an object (`CEP §5`).
//!
//! ```text
//! <time-fragment>.<context>.<profile>.<priority>[.<extension>]
//! ```
//!
//! A surface sorts, groups and hints. It does not define what the object is: the sealed object does, and counts
//! wherever the two disagree (`CEP §6`). The grammar is that of version 1; a name carries no version.
// keeps: CEP-039 (§5.2), CEP-131 (§12)

mod compose;
mod error;
mod normalise;
mod scan;
mod set;

use core::fmt;

pub use compose::{ComposeError, Parts};
pub use error::{Segment, SurfaceError, SurfaceReason, Warning, Warnings};
pub use normalise::{Change, Changes, NormaliseError, NormaliseReason, Normalised, normalise};

use crate::time::{TimeFragment, TimeOrder};

/// A name of exactly the grammar's language (`CEP §5.2`), borrowed.
///
/// Two surfaces are equal if their bytes are. They have no order of their own: an order that agrees with equality would
/// have to rank priorities, and a priority is only a hint. Sort by [`Surface::time_order`]:
///
/// ```
/// # use cep_envelope::Surface;
/// let mut names = [
///     Surface::parse("20260516t120000z.b.p.low")?,
///     Surface::parse("2026-05-16.a.p.high")?,
///     Surface::parse("2026-05-15t23-59-59z.c.p.low")?,
/// ];
/// names.sort_by_key(Surface::time_order);
/// assert_eq!(names.map(|name| name.context()), ["c", "a", "b"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Surface<'a> {
    name: &'a str,
    layout: scan::Layout,
}

impl<'a> Surface<'a> {
    /// The length of the longest name of the grammar, in bytes, which is also the hard limit of `CEP §5.3`.
    // keeps: CEP-050 (§5.2)
    pub const LONGEST: usize = 200;

    /// Reads a name.
    ///
    /// ```
    /// # use cep_envelope::Surface;
    /// let surface = Surface::parse("2026-05-16.build.signed-json.high.retry-2")?;
    /// assert_eq!((surface.context(), surface.extension()), ("build", Some("retry-2")));
    /// let refused = Surface::parse("2026-05-16..x.y").map_err(|error| error.to_string());
    /// assert_eq!(refused, Err("context: is empty (byte 11)".into()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first byte with which no surface goes on.
    pub fn parse(name: &'a str) -> Result<Self, SurfaceError> {
        Ok(Self { name, layout: scan::scan(name.as_bytes())? })
    }

    /// Reads a name that need not be text.
    ///
    /// # Errors
    ///
    /// The first byte with which no surface goes on.
    pub fn parse_bytes(name: &'a [u8]) -> Result<Self, SurfaceError> {
        let layout = scan::scan(name)?;
        // All names of the grammar are ASCII.
        Ok(Self { name: core::str::from_utf8(name).unwrap_or_default(), layout })
    }

    /// The whole name, as it was read.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.name
    }

    /// The time that the name claims. It alone decides nothing (`CEP §9`).
    // keeps: CEP-035 (§5)
    #[must_use]
    pub const fn time(&self) -> TimeFragment {
        self.layout.time
    }

    /// The time fragment, as it stands in the name.
    // keeps: CEP-104 (§9)
    #[must_use]
    pub fn time_text(&self) -> &'a str {
        let [end, ..] = self.layout.ends;
        self.name.get(..usize::from(end)).unwrap_or_default()
    }

    /// What the object is about: 1 to 48 of `a-z`, `0-9` and `-`.
    #[must_use]
    pub fn context(&self) -> &'a str {
        let [time, context, ..] = self.layout.ends;
        self.between(time, context)
    }

    /// How the object is to be read: 1 to 48 of `a-z`, `0-9` and `-`.
    #[must_use]
    pub fn profile(&self) -> &'a str {
        let [_, context, profile, _] = self.layout.ends;
        self.between(context, profile)
    }

    /// How urgent the sender calls it: 1 to 32 of `a-z`, `0-9` and `-`. A hint without a vocabulary: nothing in this
    /// crate reads it.
    // keeps: CEP-036 (§5)
    #[must_use]
    pub fn priority(&self) -> &'a str {
        let [.., profile, priority] = self.layout.ends;
        self.between(profile, priority)
    }

    /// Whatever else the sender adds: 1 to 48 of `a-z`, `0-9` and `-`. Never to be trusted.
    #[must_use]
    pub fn extension(&self) -> Option<&'a str> {
        let [.., priority] = self.layout.ends;
        if self.layout.has_extension { self.name.get(usize::from(priority) + 1..) } else { None }
    }

    /// The oddities of the name.
    #[must_use]
    pub const fn warnings(&self) -> Warnings {
        self.layout.warnings
    }

    /// The key to sort by: the time, across its three forms, and nothing else. A stable sort keeps names of equal time
    /// in their order of arrival.
    #[must_use]
    pub const fn time_order(&self) -> TimeOrder {
        self.layout.time.order()
    }

    /// The group to which it belongs.
    // keeps: CEP-034 (§5)
    #[must_use]
    pub fn group(&self) -> Group<'a> {
        Group { context: self.context(), profile: self.profile() }
    }

    /// The parts, of which [`Surface::compose`] makes the name again, `t` and `z` in lower case.
    #[must_use]
    pub fn parts(&self) -> Parts<'a> {
        Parts {
            time: self.time(),
            context: self.context(),
            profile: self.profile(),
            priority: self.priority(),
            extension: self.extension(),
        }
    }

    /// The text after the dot at `dot`, up to `end`.
    fn between(&self, dot: u8, end: u8) -> &'a str {
        self.name.get(usize::from(dot) + 1..usize::from(end)).unwrap_or_default()
    }
}

impl<'a> TryFrom<&'a str> for Surface<'a> {
    type Error = SurfaceError;

    fn try_from(name: &'a str) -> Result<Self, SurfaceError> {
        Self::parse(name)
    }
}

impl fmt::Display for Surface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// Surfaces of one context and one profile belong together, whatever their times and priorities.
///
/// ```
/// use cep_envelope::{Group, Surface};
///
/// let [one, other] = ["2026-05-16.backup.home.normal", "2026-05-17.backup.home.high"].map(Surface::parse);
/// assert_eq!(one?.group(), Group { context: "backup", profile: "home" });
/// assert_eq!(one?.group(), other?.group());
/// # Ok::<(), cep_envelope::SurfaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group<'a> {
    /// The context that they share.
    pub context: &'a str,
    /// The profile that they share.
    pub profile: &'a str,
}
