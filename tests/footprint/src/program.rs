//! What a program takes of a microcontroller that is no session: a sealed manifest, verified; an interaction, governed.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use crate::image::{Feature, Image, Section};
use crate::qemu::{self, Cost};

/// A program of `firmware/`.
#[derive(Debug)]
pub struct Program {
    /// What it is about.
    pub title: &'static str,
    /// How it is built, and what the harness alone is built with.
    pub features: &'static [Feature],
    /// The function that makes the steps, which is no part of what is measured.
    pub measures: &'static str,
    /// The steps that are measured.
    pub steps: &'static [&'static str],
    /// Those of them that come again and again, and count with the variables.
    pub often: &'static [&'static str],
    /// What it may take.
    pub budgets: Budgets,
}

/// The most that a program may take, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Budgets {
    /// Code and constants, without the harness.
    pub flash: u32,
    /// Variables, without the harness.
    pub ram: u32,
    /// The stack of any step.
    pub stack: u32,
    /// Variables, and the stack of what comes again and again.
    pub in_all: u32,
}

/// A key is bound, the outer object read, the signature verified, the content matched.
pub const MANIFEST: Program = Program {
    title: "A sealed manifest, Ed25519 for size",
    features: &[Feature::Envelope, Feature::OptSize],
    measures: "envelope::all",
    steps: &["bind", "read", "verify"],
    often: &["read", "verify"],
    budgets: Budgets { flash: 40 << 10, ram: 0, stack: 8 << 10, in_all: 8 << 10 },
};

/// A compiled policy is linked, an interaction begins in place, a device joins, and what it does is decided, with records.
pub const INTERACTION: Program = Program {
    title: "A governed interaction, its policy compiled on a host",
    features: &[Feature::Policy],
    measures: "policy::all",
    steps: &["link", "create", "join", "decide", "permits"],
    often: &["decide", "permits"],
    // Of the goal, 8 KiB in all and 4 KiB of stack, a decision has both; flash is what was measured, and a twentieth.
    budgets: Budgets { flash: 43_900, ram: 6 << 10, stack: 4 << 10, in_all: 8 << 10 },
};

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Bytes of code and constants.
    pub flash: u32,
    /// Bytes of variables that begin as zeros.
    pub zeroed: u32,
    /// Bytes of variables whose initial values are in flash.
    pub initialised: u32,
    /// Step by step, if there is a QEMU.
    pub steps: Vec<(&'static str, Cost)>,
    /// Bytes that values take.
    pub sizes: Vec<(String, u32)>,
    /// Why nothing was run.
    pub not_run: Option<String>,
}

impl Program {
    /// Builds the program, for size as firmware is, and runs it.
    ///
    /// # Errors
    /// It does not build, or finds something wrong. That there is no QEMU is no error.
    pub fn measure(&self, target_dir: &Path) -> anyhow::Result<Measured> {
        let harness = Image::build(target_dir, &[&[Feature::Baseline], self.features].concat())?.sections()?;
        let image = Image::build(target_dir, self.features)?;
        let all = image.sections()?;
        let bytes = |section: &Section| {
            let of = |sections: &std::collections::BTreeMap<_, u32>| sections.get(section).copied().unwrap_or(0);
            of(&all).saturating_sub(of(&harness))
        };
        let flash: u32 = [Section::Text, Section::Constants, Section::Initialised].iter().map(bytes).sum();
        let code = image.code()?;
        let measures = code.functions().filter(|function| function.name.ends_with(self.measures));
        let flash = flash - measures.map(|function| function.size).sum::<u32>();
        let (run, not_run) = match qemu::version() {
            Ok(_) => (Some(qemu::run(image.path()).context("in QEMU")?), None),
            Err(absent) => (None, Some(absent)),
        };
        let step = |name: &&'static str| Some((*name, run.as_ref()?.most(name)?));
        let steps = self.steps.iter().filter_map(step).collect();
        let sizes = run.iter().flat_map(|run| run.sizes.clone()).collect();
        let (zeroed, initialised) = (bytes(&Section::Zeroed), bytes(&Section::Initialised));
        Ok(Measured { flash, zeroed, initialised, steps, sizes, not_run })
    }
}

impl Measured {
    /// The most stack of any step.
    #[must_use]
    pub fn stack(&self) -> u32 {
        self.steps.iter().map(|(_, cost)| cost.stack).max().unwrap_or(0)
    }

    /// All variables, and the most stack of what comes again and again.
    #[must_use]
    pub fn in_all(&self, program: &Program) -> u32 {
        let often = self.steps.iter().filter(|(name, _)| program.often.contains(name));
        self.ram() + often.map(|(_, cost)| cost.stack).max().unwrap_or(0)
    }

    /// All variables.
    #[must_use]
    pub const fn ram(&self) -> u32 {
        self.zeroed + self.initialised
    }

    /// What is above its budget, or was not measured: a line for each.
    #[must_use]
    pub fn violations(&self, program: &Program, budgets: Budgets) -> Vec<String> {
        let Budgets { flash, ram, stack, in_all } = budgets;
        let measured = [
            ("flash", self.flash, flash),
            ("RAM", self.ram(), ram),
            ("stack", self.stack(), stack),
            ("RAM and stack", self.in_all(program), in_all),
        ];
        let above = measured.into_iter().filter(|(_, bytes, budget)| bytes > budget);
        let mut violations: Vec<String> =
            above.map(|(what, bytes, budget)| format!("{what}: {bytes} is more than the budget of {budget}")).collect();
        if self.not_run.is_none() && self.steps.len() != program.steps.len() {
            violations.push("a step is missing".into());
        }
        violations
    }

    /// As a table.
    #[must_use]
    pub fn table(&self, program: &Program) -> String {
        let Budgets { flash, ram, stack, in_all } = program.budgets;
        let mut text = format!("{}: bytes, and budgets\n", program.title);
        let rows = [
            ("flash", self.flash, flash),
            ("RAM", self.ram(), ram),
            ("RAM and stack, often", self.in_all(program), in_all),
        ];
        for (what, bytes, budget) in rows {
            let _ = writeln!(text, "  {what:<24}{bytes:>8}{budget:>8}");
        }
        for (name, Cost { stack: bytes, instructions }) in &self.steps {
            let _ = writeln!(
                text,
                "  {:<24}{bytes:>8}{stack:>8}{instructions:>12} instructions",
                format!("stack of {name}")
            );
        }
        for (name, bytes) in &self.sizes {
            let _ = writeln!(text, "  {:<24}{bytes:>8}", format!("size of {name}"));
        }
        text
    }
}
