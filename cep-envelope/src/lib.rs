//! Continuity envelopes: what a receiver needs to decide whether a delivered object may continue.
//!
//! *Name is hint, content is truth*: a [`Surface`] sorts and groups, a [`Notification`](notification::Notification)
//! claims, a [`VerifiedManifest`](manifest::VerifiedManifest) proves, a [`Ladder`](ladder::Ladder) has how much is
//! proven, and a [`Receiver`](decision::Receiver) decides, with its memory, the [`Lineage`](lineage::Lineage).
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

pub mod decision;
pub mod digest;
pub mod drift;
mod finding;
#[cfg(feature = "arbitrary")]
pub mod generate;
pub mod json;
pub mod ladder;
pub mod lineage;
pub mod manifest;
pub mod notification;
mod outcome;
mod state;
mod surface;
mod time;

pub use state::VerificationState;
pub use surface::{
    Change, Changes, ComposeError, Group, NormaliseError, NormaliseReason, Normalised, Parts, Segment, Surface,
    SurfaceError, SurfaceReason, Warning, Warnings, normalise,
};
pub use time::{CalendarError, Clock, Date, Moment, Precision, TimeFragment, TimeOrder};

// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
