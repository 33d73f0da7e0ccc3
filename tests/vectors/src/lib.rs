//! Test vectors for other implementations of PROFILE.
//!
//! `docs/vectors.json` holds every frame, derivation and signature of a discovery and of two sessions, golden frames of
//! every message, frames that are refused, names, an envelope and a policy. The library makes them; [`reader`] reads
//! them again, written from PROFILE alone. Where the two disagree, nothing is written.

pub mod frames;
pub mod objects;
pub mod reader;
pub mod scenes;
pub mod tape;

use serde_json::{Value, json};

/// All of them.
#[must_use]
pub fn all() -> Value {
    json!({
        "about": "Test vectors of PROFILE.md. Byte strings are hexadecimal. Sections are PROFILE's.",
        "names": objects::names(),
        "discovery": scenes::discovery(),
        "sessions": [scenes::session(false), scenes::session(true)],
        "frames": frames::golden(),
        "refused": frames::refused(),
        "surfaces": objects::surfaces(),
        "envelope": objects::envelope(),
        "policy": objects::policy(),
    })
}
