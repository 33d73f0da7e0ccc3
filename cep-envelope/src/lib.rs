//! Continuity envelopes: what a receiver needs to decide whether a delivered object may continue.
//!
//! *Name is hint, content is truth*: a [`Surface`] sorts and groups, a [`Notification`](notification::Notification)
//! claims, a [`VerifiedManifest`](manifest::VerifiedManifest) proves, a [`Ladder`](ladder::Ladder) records how much is
//! proven, and a [`Receiver`](decision::Receiver) decides, with its memory, the [`Lineage`](lineage::Lineage).
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `ed25519` (default) | `Strict`, the verification of signatures in portable code. Without it, the platform implements `Signatures` |
//! | `opt_size` | smaller and slower field arithmetic |
//! | `arbitrary` | `generate`: texts for fuzzers, well-formed and nearly so. It allocates |
//! | `defmt` | `defmt::Format` on errors and plain values |
//!
//! The README has an example that compiles.
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
mod words;

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
