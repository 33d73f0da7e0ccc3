//! What a session takes of a microcontroller: stack, instructions, flash and RAM, against a budget.
//!
//! The program in `firmware/` holds both sides of a session. It is built for a Cortex-M4 as firmware is (optimised for
//! size, linked as a whole, `panic = "abort"`) and runs in QEMU, where it measures the peak stack of each step and counts
//! its instructions; see its `meter.rs` for how, and for how exact that is. Flash and RAM are read from its ELF file,
//! and so are the frames of its functions.
//!
//! `cargo run -p footprint` prints the table, `--json` the same for programs, `--frames` where the stack goes. The one
//! table of budgets is [`budget::BUDGETS`].

pub mod budget;
pub mod image;
pub mod nodes;
pub mod others;
pub mod peer;
pub mod program;
pub mod qemu;
pub mod table;
pub mod thumb;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use image::{Board, Feature, Image, Section};
use qemu::Run;

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Footprint {
    /// Bytes of each kind in flash and in RAM, without what the harness itself takes.
    pub image: BTreeMap<Section, u32>,
    /// Bytes of code, by crate, the harness included.
    pub code: BTreeMap<String, u32>,
    /// Why there is no [`Self::run`].
    pub not_run: Option<String>,
    /// What the emulated machine measured.
    pub run: Option<Run>,
    /// The bound that the call graph gives for the stack of each step: the deepest chain, whether it is ever executed
    /// or not. It does not include calls through tables of functions; there are none on these paths.
    pub bounds: BTreeMap<String, u32>,
}

impl Footprint {
    /// Builds the program, runs it and reads it.
    ///
    /// # Errors
    /// It does not build, or does not hold its conversation. That there is no QEMU is no error.
    pub fn measure(target_dir: &Path, features: &[Feature]) -> anyhow::Result<(Self, Image)> {
        let harness = Image::build(target_dir, &[&[Feature::Baseline], features].concat())?.sections()?;
        let image = Image::build(target_dir, features)?;
        let mut sections = image.sections()?;
        for (section, bytes) in &mut sections {
            *bytes = bytes.saturating_sub(harness.get(section).copied().unwrap_or(0));
        }
        let (run, not_run) = match qemu::version() {
            Ok(_) => (Some(qemu::run(Board::Mps2, image.path(), &mut ()).context("in QEMU")?), None),
            Err(absent) => (None, Some(absent)),
        };
        let code = image.code()?;
        let bound = |step: &budget::Step| {
            let bounds = step.functions.iter().filter_map(|function| code.deepest(function));
            Some((step.name.to_owned(), bounds.map(|chain| chain.bytes).max()?))
        };
        let bounds = budget::STEPS.iter().filter_map(bound).collect();
        let footprint = Self { image: sections, code: image.code_by_crate()?, not_run, run, bounds };
        Ok((footprint, image))
    }
}
