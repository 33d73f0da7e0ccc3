//! What a program takes of a microcontroller: a sealed manifest, verified; an interaction, governed; a node with two sessions;
//! frames, parsed.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::image::{Board, Feature, Image, Section};
use crate::qemu::{self, Cost, Peer};

/// A program of `firmware/`.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What it is about.
    pub title: &'static str,
    /// Where it runs.
    pub board: Board,
    /// Whether SHA-256 is the compact code of its crate.
    pub compact: bool,
    /// How it is built, and what the harness alone is built with.
    pub features: &'static [Feature],
    /// What the names of functions contain that make the steps, and are no part of what is measured.
    pub measures: &'static [&'static str],
    /// The steps that are measured; if none is named, all that the program names.
    pub steps: &'static [&'static str],
    /// Those of them that come again and again, and count with the variables.
    pub often: &'static [&'static str],
    /// What it may take.
    pub budgets: Budgets,
    /// The most instructions of a step; of the name "" for each that is not named.
    pub limits: &'static [(&'static str, u32)],
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
    board: Board::Mps2,
    compact: false,
    features: &[Feature::Envelope, Feature::OptSize],
    measures: &["envelope::all"],
    steps: &["bind", "read", "verify"],
    often: &["read", "verify"],
    budgets: Budgets { flash: 40 << 10, ram: 0, stack: 8 << 10, in_all: 8 << 10 },
    limits: &[("bind", 2_300_000), ("read", 52_000), ("verify", 3_900_000)],
};

/// A receiver decides about a file of six bytes, by its name, its sealed manifest, its content and its own memory.
pub const DECISION: Program = Program {
    title: "A decision about an object, Ed25519 for size",
    board: Board::Mps2,
    compact: true,
    features: &[Feature::Decision, Feature::OptSize],
    measures: &["decision::all"],
    steps: &["decide"],
    often: &["decide"],
    budgets: Budgets { flash: 48 << 10, ram: 3 << 10, stack: 7_600, in_all: 10_800 },
    limits: &[("decide", 4_060_000)],
};

/// A compiled policy is linked, an interaction begins in place, a device joins, and what it does is decided, with records.
pub const INTERACTION: Program = Program {
    title: "A governed interaction, its policy compiled on a host",
    board: Board::Mps2,
    compact: false,
    features: &[Feature::Policy],
    measures: &["policy::all"],
    steps: &["link", "create", "join", "decide", "permits"],
    often: &["decide", "permits"],
    // Of the goal, 8 KiB in all and 4 KiB of stack, a decision has both; flash is what was measured, and a twentieth.
    budgets: Budgets { flash: 44_000, ram: 6 << 10, stack: 4 << 10, in_all: 8 << 10 },
    limits: &[("link", 15_600), ("create", 15_200), ("join", 45_300), ("decide", 15_200), ("permits", 300)],
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
    pub steps: Vec<(String, Cost)>,
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
    pub fn measure(&self, target_dir: &Path, peer: &mut dyn Peer) -> anyhow::Result<Measured> {
        self.measure_image(target_dir, peer).map(|(measured, _)| measured)
    }

    /// The same, with the image.
    ///
    /// # Errors
    /// As [`Self::measure`].
    pub fn measure_image(&self, target_dir: &Path, peer: &mut dyn Peer) -> anyhow::Result<(Measured, Image)> {
        let build = |features: &[Feature]| Image::build_for(target_dir, self.board, self.compact, features);
        let harness = build(&[&[Feature::Baseline], self.features].concat())?.sections()?;
        let image = build(self.features)?;
        let all = image.sections()?;
        let bytes = |section: &Section| {
            let of = |sections: &std::collections::BTreeMap<_, u32>| sections.get(section).copied().unwrap_or(0);
            of(&all).saturating_sub(of(&harness))
        };
        let flash: u32 = [Section::Text, Section::Constants, Section::Initialised].iter().map(bytes).sum();
        let code = image.code()?;
        let measures = |name: &str| self.measures.iter().any(|part| name.contains(part));
        let script: u32 =
            code.functions().filter(|function| measures(&function.name)).map(|function| function.size).sum();
        let flash = flash.saturating_sub(script);
        let (run, not_run) = match qemu::version() {
            Ok(_) => (Some(qemu::run(self.board, image.path(), peer).context("in QEMU")?), None),
            Err(absent) => (None, Some(absent)),
        };
        if let Some(run) = &run
            && run.per_two_ticks != self.board.per_two_ticks()
        {
            bail!("{} instructions to two ticks of the timer: counts would mean nothing", run.per_two_ticks);
        }
        let step = |name: &str| Some((name.to_owned(), run.as_ref()?.most(name)?));
        let mut steps: Vec<_> = self.steps.iter().filter_map(|name| step(name)).collect();
        if self.steps.is_empty() {
            // Those that the program names.
            let names = run.iter().flat_map(|run| run.steps.values()).flat_map(|steps| steps.keys());
            steps.extend(names.filter_map(|name| step(name)));
        }
        let sizes = run.iter().flat_map(|run| run.sizes.clone()).collect();
        let (zeroed, initialised) = (bytes(&Section::Zeroed), bytes(&Section::Initialised));
        Ok((Measured { flash, zeroed, initialised, steps, sizes, not_run }, image))
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
        let often = self.steps.iter().filter(|(name, _)| program.often.contains(&name.as_str()));
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
        for (name, cost) in &self.steps {
            let limit = |wanted: &str| program.limits.iter().find(|(name, _)| *name == wanted).map(|(_, limit)| *limit);
            match limit(name).or_else(|| limit("")) {
                Some(limit) if cost.instructions <= limit => {}
                Some(limit) => {
                    violations.push(format!("{name}: {} instructions are more than {limit}", cost.instructions));
                }
                None => violations.push(format!("{name}: no limit of its instructions")),
            }
        }
        if self.not_run.is_none() && self.steps.len() < program.steps.len().max(1) {
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
