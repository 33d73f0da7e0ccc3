//! The settings of the caller: limits, and the needs of the agent.

use core::fmt;

use crate::scope::Scope;

/// T_eval, in milliseconds.
pub const T_EVAL: u32 = 15_000;
/// MAX_FLOAT_BUF, in bytes.
pub const MAX_FLOAT_BUF: u32 = 4_194_304;

/// A limit above the draft's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AboveLimit {
    /// More than 15,000 ms.
    TEval,
    /// More than 4,194,304 bytes.
    FloatBuf,
}

words! {
    AboveLimit {
        Self::TEval => "T_eval may not be above 15,000 ms",
        Self::FloatBuf => "MAX_FLOAT_BUF may not be above 4,194,304 bytes",
    }
}

impl core::error::Error for AboveLimit {}

/// The limits of one ingestion.
///
/// ```
/// use iacp_core::dhi::pipeline::{AboveLimit, Limits};
///
/// let device = Limits::DRAFT.with_t_eval(4_000)?.with_float_buf(65_536)?;
/// assert_eq!(device.t_eval(), 4_000);
/// assert_eq!(Limits::DRAFT.with_t_eval(15_001), Err(AboveLimit::TEval));
/// # Ok::<(), AboveLimit>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    t_eval: u32,
    float_buf: u32,
    /// Whether the agent's own URI may be `http`.
    pub http: bool,
    /// Whether 404 and 410 of the well-known URI end the ingestion, as `IACP §4.1.2.1` literally says.
    pub absent_ends: bool,
    /// Whether the document is compared with the web page before it is delivered.
    pub equivalence: bool,
    /// The narrowest scope to which even the agent's own URI may lead.
    pub scope_at_least: Scope,
}

impl Limits {
    /// The draft's limits: `https` alone, and any scope that the agent names.
    pub const DRAFT: Self = Self {
        t_eval: T_EVAL,
        float_buf: MAX_FLOAT_BUF,
        http: false,
        absent_ends: false,
        equivalence: false,
        scope_at_least: Scope::Host,
    };

    /// A lower T_eval, in milliseconds.
    ///
    /// # Errors
    /// It is above the draft's.
    // keeps: IACP-032 (§4.1.2.1)
    pub const fn with_t_eval(self, milliseconds: u32) -> Result<Self, AboveLimit> {
        if milliseconds > T_EVAL { Err(AboveLimit::TEval) } else { Ok(Self { t_eval: milliseconds, ..self }) }
    }

    /// A lower MAX_FLOAT_BUF, in bytes. A shorter buffer lowers it too.
    ///
    /// # Errors
    /// It is above the draft's.
    // keeps: IACP-033 (§4.1.2.1)
    pub const fn with_float_buf(self, bytes: u32) -> Result<Self, AboveLimit> {
        if bytes > MAX_FLOAT_BUF { Err(AboveLimit::FloatBuf) } else { Ok(Self { float_buf: bytes, ..self }) }
    }

    /// T_eval, in milliseconds.
    #[must_use]
    pub const fn t_eval(&self) -> u32 {
        self.t_eval
    }

    /// MAX_FLOAT_BUF, in bytes.
    #[must_use]
    pub const fn float_buf(&self) -> u32 {
        self.float_buf
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DRAFT
    }
}

/// A set of media that text alone does not have.
///
/// An agent that has to see a picture, and would like to hear the sound:
///
/// ```
/// use iacp_core::dhi::pipeline::{Media, Requirement};
///
/// let needs = Requirement { required: Media::RASTER.and(Media::VECTOR), wanted: Media::AUDIO };
/// assert_eq!(needs.required.to_string(), "raster, vector");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Media(pub u8);

impl fmt::Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.pad("none");
        }
        let names = Self::KINDS.iter().filter(|(kind, _)| self.0 & kind.0 != 0).map(|(_, name)| *name);
        names.enumerate().try_for_each(|(at, name)| write!(f, "{}{name}", if at == 0 { "" } else { ", " }))
    }
}

impl Media {
    /// Nothing of the kind.
    pub const NONE: Self = Self(0);
    /// Raster images.
    pub const RASTER: Self = Self(0x01);
    /// Vector images.
    pub const VECTOR: Self = Self(0x02);
    /// Sound.
    pub const AUDIO: Self = Self(0x04);
    /// Moving pictures.
    pub const VIDEO: Self = Self(0x08);
    /// Visual layout.
    pub const LAYOUT: Self = Self(0x10);
    /// Scripts that run.
    pub const SCRIPT: Self = Self(0x20);
    /// Forms to fill in.
    pub const FORMS: Self = Self(0x40);
    /// Other binary files.
    pub const BINARY: Self = Self(0x80);

    /// Each of the kinds, by name.
    pub const KINDS: [(Self, &'static str); 8] = [
        (Self::RASTER, "raster"),
        (Self::VECTOR, "vector"),
        (Self::AUDIO, "audio"),
        (Self::VIDEO, "video"),
        (Self::LAYOUT, "layout"),
        (Self::SCRIPT, "script"),
        (Self::FORMS, "forms"),
        (Self::BINARY, "binary"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The media that the agent needs (`IACP §4.1.2.2`): required ones force the legacy path, wanted ones do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Requirement {
    /// Must be there.
    pub required: Media,
    /// Would be good to have.
    pub wanted: Media,
}
