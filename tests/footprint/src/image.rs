//! Builds the program, and reads its ELF file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use object::elf::SHF_ALLOC;
use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind};
use serde::Serialize;

use crate::thumb::Code;

/// What the program is built for, if nothing else is said.
pub const TARGET: &str = Board::Mps2.target();

/// A board that QEMU emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Board {
    /// Arm MPS2 with the image AN386: a Cortex-M4, 4 MiB of each memory.
    Mps2,
    /// BBC micro:bit: a Cortex-M0, 256 KiB of flash, 16 KiB of RAM.
    Microbit,
}

impl Board {
    /// What programs are built for.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Mps2 => "thumbv7em-none-eabihf",
            Self::Microbit => "thumbv6m-none-eabi",
        }
    }

    /// As QEMU calls it.
    #[must_use]
    pub const fn machine(self) -> &'static str {
        match self {
            Self::Mps2 => "mps2-an386",
            Self::Microbit => "microbit",
        }
    }

    /// Instructions to two ticks of its timer, at one nanosecond each.
    #[must_use]
    pub const fn per_two_ticks(self) -> u32 {
        match self {
            Self::Mps2 => 80,
            Self::Microbit => 125,
        }
    }
}

/// The smaller code of SHA-256, which a library cannot choose.
const COMPACT: &str = "--cfg=sha2_backend_soft=\"compact\"";

/// Where RAM begins in the program's `memory.x`.
const RAM: u64 = 0x2000_0000;

/// Whether the standard library of [`TARGET`] is there, or could be installed.
#[must_use]
pub fn target_is_available() -> bool {
    board_is_available(Board::Mps2)
}

/// Whether the standard library of a board's target is there, or could be installed.
#[must_use]
pub fn board_is_available(board: Board) -> bool {
    let target = board.target();
    let is_there = || {
        let printed = Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
        printed.is_ok_and(|output| {
            output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
        })
    };
    let install = || Command::new("rustup").args(["target", "add", target]).status();
    is_there() || (install().is_ok_and(|status| status.success()) && is_there())
}

/// A variant of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Feature {
    /// The harness alone, without a session.
    Baseline,
    /// A sealed manifest instead of a session.
    Envelope,
    /// A whole decision of a receiver instead of a session.
    Decision,
    /// A governed interaction instead of a session.
    Policy,
    /// A ranking of nodes instead of a session.
    Ranking,
    /// Sessions that this side begins, with the host as their peer.
    Initiator,
    /// Sessions that this side accepts.
    Responder,
    /// Frames, parsed.
    Parse,
    /// The vectors of strict verification.
    Strict,
    /// ed25519-compact for size instead of speed.
    OptSize,
    /// salty instead of ed25519-compact.
    Salty,
}

impl Feature {
    const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Envelope => "envelope",
            Self::Decision => "decision",
            Self::Policy => "policy",
            Self::Ranking => "ranking",
            Self::Initiator => "initiator",
            Self::Responder => "responder",
            Self::Parse => "parse",
            Self::Strict => "strict",
            Self::OptSize => "opt_size",
            Self::Salty => "salty",
        }
    }
}

/// What bytes of the image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Code and vectors, in flash.
    Text,
    /// Constants, in flash.
    Constants,
    /// Initial values of variables, in flash; and the variables, in RAM.
    Initialised,
    /// Variables that begin as zero or unset, in RAM.
    Zeroed,
}

/// A program that was built.
pub struct Image {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Image {
    /// Builds the program.
    ///
    /// # Errors
    /// The output of the compiler.
    pub fn build(target_dir: &Path, features: &[Feature]) -> anyhow::Result<Self> {
        Self::build_for(target_dir, Board::Mps2, false, features)
    }

    /// Reads a program that was built elsewhere.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), bytes })
    }

    /// Builds the program for a board, with the compact code of SHA-256 or without.
    ///
    /// # Errors
    /// The output of the compiler.
    pub fn build_for(target_dir: &Path, board: Board, compact: bool, features: &[Feature]) -> anyhow::Result<Self> {
        let names: Vec<_> = features.iter().map(|feature| feature.name()).collect();
        Self::build_package(target_dir, "firmware", board, compact, &names)
    }

    /// Builds the program of a package beside this one.
    ///
    /// # Errors
    /// The output of the compiler.
    pub fn build_package(
        target_dir: &Path,
        package: &str,
        board: Board,
        compact: bool,
        features: &[&str],
    ) -> anyhow::Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join(package).join("Cargo.toml");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--release", "--quiet", "--target", board.target()]);
        command.arg("--manifest-path").arg(&manifest);
        // A directory of its own: the build that runs this holds the lock of the other one.
        command.arg("--target-dir").arg(target_dir);
        for feature in features {
            command.args(["--features", feature]);
        }
        // The program is built in one way, whatever the tests are built with.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let is_ours =
                ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_"].iter().any(|prefix| text.starts_with(prefix));
            if is_ours || text.ends_with("RUSTFLAGS") {
                command.env_remove(name);
            }
        }
        if compact {
            command.env("RUSTFLAGS", COMPACT);
        }
        let output = command.output().context("cargo")?;
        if !output.status.success() {
            bail!("{} does not build:\n{}", manifest.display(), String::from_utf8_lossy(&output.stderr));
        }
        let path = target_dir.join(board.target()).join("release").join(package);
        Self::read(&path)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn parse(&self) -> anyhow::Result<ElfFile32<'_, Endianness>> {
        ElfFile32::parse(self.bytes.as_slice()).context("not an ELF file of 32 bits")
    }

    /// Bytes of each kind.
    ///
    /// # Errors
    /// It is malformed.
    pub fn sections(&self) -> anyhow::Result<BTreeMap<Section, u32>> {
        let mut sizes = BTreeMap::new();
        for section in self.parse()?.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
            if !sh_flags.contains(SHF_ALLOC) {
                continue;
            }
            let kind = match (section.address() >= RAM, section.kind()) {
                (true, SectionKind::UninitializedData) => Section::Zeroed,
                (true, _) => Section::Initialised,
                (false, SectionKind::Text) => Section::Text,
                (false, _) if section.name()? == ".vector_table" => Section::Text,
                (false, _) => Section::Constants,
            };
            *sizes.entry(kind).or_default() += u32::try_from(section.size())?;
        }
        Ok(sizes)
    }

    /// Its functions, with their frames and calls.
    ///
    /// # Errors
    /// It is malformed.
    pub fn code(&self) -> anyhow::Result<Code> {
        Ok(Code::read(&self.parse()?)?)
    }

    /// Bytes of code by the crate that a function's name begins with. A generic function belongs to the crate that
    /// wrote it, whatever it was inlined into.
    ///
    /// # Errors
    /// It is malformed.
    pub fn code_by_crate(&self) -> anyhow::Result<BTreeMap<String, u32>> {
        let mut sizes = BTreeMap::new();
        for function in self.code()?.functions() {
            *sizes.entry(crate_of(&function.name).to_owned()).or_default() += function.size;
        }
        Ok(sizes)
    }

    /// Bytes of code by the module that a function's name begins with, as [`Self::code_by_crate`], and the number of functions.
    ///
    /// # Errors
    /// It is malformed.
    pub fn code_by_module(&self) -> anyhow::Result<BTreeMap<String, (u32, usize)>> {
        let mut sizes = BTreeMap::<_, (u32, usize)>::new();
        for function in self.code()?.functions() {
            let entry = sizes.entry(module_of(&function.name)).or_default();
            *entry = (entry.0 + function.size, entry.1 + 1);
        }
        Ok(sizes)
    }

    /// The largest named constants: name and bytes.
    ///
    /// # Errors
    /// It is malformed.
    pub fn constants(&self, number: usize) -> anyhow::Result<Vec<(String, u32)>> {
        let mut constants = Vec::new();
        for symbol in self.parse()?.symbols() {
            if symbol.kind() == SymbolKind::Data && symbol.address() < RAM {
                let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
                constants.push((name, u32::try_from(symbol.size())?));
            }
        }
        constants.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
        constants.truncate(number);
        Ok(constants)
    }
}

/// The crate of a demangled name. What has no path is of the compiler's own library, or of the assembler.
fn crate_of(name: &str) -> &str {
    let path = name.trim_start_matches(['<', '&', '[', '(']).trim_start_matches("mut ");
    match path.split_once("::") {
        Some((first, _)) if first.chars().all(|c| c.is_alphanumeric() || c == '_') => first,
        Some(_) => "core",
        None => "compiler_builtins",
    }
}

/// The module of a demangled name, at most three deep.
fn module_of(name: &str) -> String {
    let path = name.trim_start_matches(['<', '&', '[', '(']).trim_start_matches("mut ");
    let is_module = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let mut parts: Vec<_> = path.split("::").take_while(is_module).collect();
    if parts.len() == path.split("::").count() {
        // The last one is the function.
        parts.pop();
    }
    parts.truncate(3);
    if parts.is_empty() { crate_of(name).to_owned() } else { parts.join("::") }
}

#[cfg(test)]
mod tests {
    use super::{crate_of, module_of};

    #[test]
    fn a_function_belongs_to_a_module_of_at_most_three_parts() {
        assert_eq!(module_of("<iacp_core::pss::session::Session<P,_,_>>::send"), "iacp_core::pss::session");
        assert_eq!(module_of("iacp_core::erp::entity::news::opened"), "iacp_core::erp::entity");
        assert_eq!(module_of("salty::hash::hash_blocks"), "salty::hash");
        assert_eq!(module_of("memcpy"), "compiler_builtins");
    }

    #[test]
    fn a_function_belongs_to_the_crate_that_its_name_begins_with() {
        assert_eq!(crate_of("<iacp_core::pss::session::Session<P,_,_>>::send"), "iacp_core");
        assert_eq!(crate_of("aes::soft::fixslice::aes256_encrypt"), "aes");
        assert_eq!(crate_of("<[u8] as core::fmt::Debug>::fmt"), "core");
        assert_eq!(crate_of("memcpy"), "compiler_builtins");
    }
}
