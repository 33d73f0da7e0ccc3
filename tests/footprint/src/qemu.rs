//! Runs the program on an emulated board.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

const QEMU: &str = "qemu-system-arm";
/// A run takes a second. One that takes this long has lost its way.
const LIMIT: Duration = Duration::from_secs(120);

/// What one step took, at most, in one suite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Bytes of stack, the frame of the function that makes the step included.
    pub stack: u32,
    /// Instructions, approximately.
    pub instructions: u32,
}

/// What the program printed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Instructions to a tick of the timer: 40 at the board's 25 MHz, or the counts mean nothing.
    pub per_tick: u32,
    /// Bytes that values take.
    pub sizes: BTreeMap<String, u32>,
    /// By suite and step; of a step that is made several times, the most.
    pub steps: BTreeMap<String, BTreeMap<String, Cost>>,
    /// What a ranking has found, if there was one.
    pub found: [u32; 3],
}

impl Run {
    /// The most that a step took in any suite.
    #[must_use]
    pub fn most(&self, step: &str) -> Option<Cost> {
        let costs = self.steps.values().filter_map(|steps| steps.get(step));
        costs.copied().reduce(Cost::most)
    }

    /// Bytes of a session besides those that its type's two numbers ask for, and bytes for each frame in flight.
    #[must_use]
    pub fn session(&self) -> Option<(u32, u32)> {
        let size = |name: &str| self.sizes.get(name).copied();
        let (session, larger) = (size("session")?, size("session-of-twice-the-frames")?);
        let (log, frames) = (size("log")?, size("frames")?);
        let frame = larger.checked_sub(session)?.checked_div(frames)?;
        Some((session.checked_sub(log)?.checked_sub(frames * frame)?, frame))
    }

    /// The first of these for a provider without AES.
    #[must_use]
    pub fn session_without_aes(&self) -> Option<u32> {
        let (fixed, _) = self.session()?;
        let saved = self.sizes.get("session")?.checked_sub(*self.sizes.get("session-without-aes")?)?;
        fixed.checked_sub(saved)
    }
}

impl Cost {
    fn most(self, other: Self) -> Self {
        Self { stack: self.stack.max(other.stack), instructions: self.instructions.max(other.instructions) }
    }
}

/// The version of QEMU.
///
/// # Errors
/// It is not installed.
pub fn version() -> Result<String, String> {
    let absent = || format!("{QEMU} is not installed (Debian's package of the same name)");
    let output = Command::new(QEMU).arg("--version").output().map_err(|_| absent())?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().ok_or_else(absent)?.to_owned())
}

/// Runs the program and reads what it prints.
///
/// # Errors
/// It fails, does not end, or prints something else.
pub fn run(program: &Path) -> anyhow::Result<Run> {
    let mut child = Command::new(QEMU)
        .args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel"])
        .arg(program)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(QEMU)?;
    let started = Instant::now();
    // It prints less than a pipe holds.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("not at its end after {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let (mut printed, mut complaint) = (String::new(), String::new());
    child.stdout.take().context("no pipe")?.read_to_string(&mut printed)?;
    child.stderr.take().context("no pipe")?.read_to_string(&mut complaint)?;
    if !status.success() {
        bail!("{status}, {}, after:\n{printed}", complaint.trim());
    }
    read(&printed)
}

/// Reads what the program printed.
///
/// # Errors
/// A line is malformed, or the last one is missing.
pub fn read(printed: &str) -> anyhow::Result<Run> {
    let mut run = Run::default();
    for line in printed.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["per-tick", number] => run.per_tick = number.parse()?,
            ["size", name, bytes] => drop(run.sizes.insert((*name).to_owned(), bytes.parse()?)),
            ["step", suite, step, stack, instructions] => {
                let steps = run.steps.entry((*suite).to_owned()).or_default();
                let cost = steps.entry((*step).to_owned()).or_default();
                *cost = cost.most(Cost { stack: stack.parse()?, instructions: instructions.parse()? });
            }
            ["found", one, two, three] => run.found = [one.parse()?, two.parse()?, three.parse()?],
            ["end"] => return Ok(run),
            _ => bail!("an unexpected line: {line}"),
        }
    }
    bail!("the last line is missing after:\n{printed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_step_counts() {
        let run = read("per-tick 40\nstep a send 100 9\nstep a send 80 12 \nstep b send 90 1\nend\n").expect("it ends");
        assert_eq!(run.steps["a"]["send"], Cost { stack: 100, instructions: 12 });
        assert_eq!(run.most("send"), Some(Cost { stack: 100, instructions: 12 }));
        assert_eq!(run.most("open"), None);
    }

    #[test]
    fn what_breaks_off_is_no_measurement() {
        assert!(read("per-tick 40\nstep a send 100 9\n").is_err());
        assert!(read("step a send much 9\nend\n").is_err());
        assert!(read("hello\nend\n").is_err());
    }

    #[test]
    fn fixed_bytes_are_those_without_log_and_frames() {
        let sizes = "size session 3000\nsize session-of-twice-the-frames 3400\nsize log 2048\nsize frames 4\nend\n";
        assert_eq!(read(sizes).expect("it ends").session(), Some((3000 - 2048 - 400, 100)));
    }
}
