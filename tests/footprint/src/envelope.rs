//! What a sealed manifest takes of a microcontroller, apart from a session: read, verified, its content matched.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::image::{Feature, Image, Section};
use crate::qemu::{self, Cost};

/// The most flash, in bytes: code and constants, Ed25519 and SHA-256 among them, without the harness and the object.
pub const FLASH: u32 = 40 << 10;
/// The most stack of any step, in bytes.
pub const STACK: u32 = 8 << 10;
/// The steps that are measured.
pub const STEPS: [&str; 3] = ["bind", "read", "verify"];

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Envelope {
    /// Bytes of code and constants.
    pub flash: u32,
    /// Step by step, if there is a QEMU.
    pub steps: Vec<(&'static str, Cost)>,
    /// Why nothing was run.
    pub not_run: Option<String>,
}

impl Envelope {
    /// Builds the program, for size as firmware does, and runs it.
    ///
    /// # Errors
    /// It does not build, or finds something wrong. That there is no QEMU is no error.
    pub fn measure(target_dir: &Path) -> anyhow::Result<Self> {
        let flash = |features: &[Feature]| -> anyhow::Result<(u32, Image)> {
            let image = Image::build(target_dir, features)?;
            let in_flash = |section: &Section| *section != Section::Zeroed;
            let sections = image.sections()?;
            Ok((sections.iter().filter(|(section, _)| in_flash(section)).map(|(_, bytes)| bytes).sum(), image))
        };
        let (harness, _) = flash(&[Feature::Baseline, Feature::Envelope, Feature::OptSize])?;
        let (all, image) = flash(&[Feature::Envelope, Feature::OptSize])?;
        // The function that measures the steps is no receiver's.
        let code = image.code()?;
        let measures = code.functions().filter(|function| function.name.ends_with("envelope::all"));
        let harness = harness + measures.map(|function| function.size).sum::<u32>();
        let (run, not_run) = match qemu::version() {
            Ok(_) => (Some(qemu::run(image.path()).context("in QEMU")?), None),
            Err(absent) => (None, Some(absent)),
        };
        let step = |name: &'static str| Some((name, run.as_ref()?.most(name)?));
        let steps = STEPS.into_iter().filter_map(step).collect();
        Ok(Self { flash: all.saturating_sub(harness), steps, not_run })
    }

    /// What is above its budget, or was not measured: a line for each.
    #[must_use]
    pub fn violations(&self, flash: u32, stack: u32) -> Vec<String> {
        let mut violations = Vec::new();
        if self.flash > flash {
            violations.push(format!("flash: {} is more than the budget of {flash}", self.flash));
        }
        let above = self.steps.iter().filter(|(_, cost)| cost.stack > stack);
        violations
            .extend(above.map(|(name, cost)| format!("{name}: {} bytes of stack, the budget is {stack}", cost.stack)));
        if self.not_run.is_none() && self.steps.len() != STEPS.len() {
            violations.push("a step is missing".into());
        }
        violations
    }

    /// As a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("A sealed manifest: {} bytes of flash (budget {FLASH}), Ed25519 for size\n", self.flash);
        for (name, Cost { stack, instructions }) in &self.steps {
            let _ =
                writeln!(text, "  {name:<10}{stack:>8} bytes of stack (budget {STACK}){instructions:>12} instructions");
        }
        text
    }
}
