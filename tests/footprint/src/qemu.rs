//! Runs the program on an emulated board.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use crate::image::Board;

const QEMU: &str = "qemu-system-arm";
/// A run takes a second on the large board, and half a minute on the small one. One that takes this long has lost its way.
const LIMIT: Duration = Duration::from_secs(300);

/// What a program talks with.
pub trait Peer {
    /// A line of the program's that is no measurement.
    ///
    /// # Errors
    /// It is not what was to come; the run ends.
    fn hear(&mut self, words: &[&str]) -> anyhow::Result<()>;

    /// The program asks for a datagram at this time of its clock, in milliseconds: of which peer, and its bytes.
    ///
    /// # Errors
    /// Something went wrong; the run ends.
    fn ask(&mut self, now: u64) -> anyhow::Result<Option<(u8, Vec<u8>)>>;
}

/// No peer: the program speaks of itself alone.
impl Peer for () {
    fn hear(&mut self, words: &[&str]) -> anyhow::Result<()> {
        bail!("an unexpected line: {}", words.join(" "))
    }

    fn ask(&mut self, _: u64) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
        Ok(None)
    }
}

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
    /// Instructions to two ticks of the timer: as the board has them, or the counts mean nothing.
    pub per_two_ticks: u32,
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

/// Runs the program on a board, with a peer, and reads what it prints.
///
/// # Errors
/// It fails, does not end, or prints something else; or the peer does not agree with it.
pub fn run(board: Board, program: &Path, peer: &mut dyn Peer) -> anyhow::Result<Run> {
    let mut child = Command::new(QEMU)
        .args(["-machine", board.machine(), "-display", "none", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting-config", "enable=on,target=native", "-icount", "shift=0", "-kernel"])
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context(QEMU)?;
    let result = talk(&mut child, peer);
    // Dead or not: after this it is.
    let _ = child.kill();
    child.wait()?;
    let mut complaint = String::new();
    child.stderr.take().context("no pipe")?.read_to_string(&mut complaint)?;
    result.with_context(|| format!("on {}: {}", board.machine(), complaint.trim()))
}

fn talk(child: &mut Child, peer: &mut dyn Peer) -> anyhow::Result<Run> {
    let output = BufReader::new(child.stdout.take().context("no pipe")?);
    let mut input = child.stdin.take().context("no pipe")?;
    let (send, lines) = channel();
    // It ends with the program's output.
    std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
    let end = Instant::now() + LIMIT;
    let mut run = Run::default();
    loop {
        let line = match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => bail!("not at its end after {LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("the last line is missing after {run:?}"),
        };
        match run.read(&line, peer)? {
            Said::Something => {}
            Said::Await(now) => {
                let (from, datagram) = peer.ask(now)?.unwrap_or_default();
                let [low, high] = u16::try_from(datagram.len())?.to_le_bytes();
                input.write_all(&[from, low, high])?;
                input.write_all(&datagram)?;
                input.flush()?;
            }
            Said::End => return Ok(run),
        }
    }
}

/// What a line was.
enum Said {
    Something,
    Await(u64),
    End,
}

impl Run {
    fn read(&mut self, line: &str, peer: &mut dyn Peer) -> anyhow::Result<Said> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.as_slice() {
            ["per-tick", number] => self.per_two_ticks = number.parse()?,
            ["size", name, bytes] => drop(self.sizes.insert((*name).to_owned(), bytes.parse()?)),
            ["step", suite, step, stack, instructions] => {
                let steps = self.steps.entry((*suite).to_owned()).or_default();
                let cost = steps.entry((*step).to_owned()).or_default();
                *cost = cost.most(Cost { stack: stack.parse()?, instructions: instructions.parse()? });
            }
            ["found", one, two, three] => self.found = [one.parse()?, two.parse()?, three.parse()?],
            ["await", now] => return Ok(Said::Await(now.parse()?)),
            ["end"] => return Ok(Said::End),
            _ => peer.hear(&words)?,
        }
        Ok(Said::Something)
    }
}

/// Reads what a program without a peer printed.
#[cfg(test)]
fn read(printed: &str) -> anyhow::Result<Run> {
    let mut run = Run::default();
    for line in printed.lines() {
        if matches!(run.read(line, &mut ())?, Said::End) {
            return Ok(run);
        }
    }
    bail!("the last line is missing after:\n{printed}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_a_step_counts() {
        let run = read("per-tick 80\nstep a send 100 9\nstep a send 80 12 \nstep b send 90 1\nend\n").expect("it ends");
        assert_eq!(run.steps["a"]["send"], Cost { stack: 100, instructions: 12 });
        assert_eq!(run.most("send"), Some(Cost { stack: 100, instructions: 12 }));
        assert_eq!(run.most("open"), None);
    }

    #[test]
    fn what_breaks_off_is_no_measurement() {
        assert!(read("per-tick 80\nstep a send 100 9\n").is_err());
        assert!(read("step a send much 9\nend\n").is_err());
        assert!(read("hello\nend\n").is_err());
    }

    #[test]
    fn fixed_bytes_are_those_without_log_and_frames() {
        let sizes = "size session 3000\nsize session-of-twice-the-frames 3400\nsize log 2048\nsize frames 4\nend\n";
        assert_eq!(read(sizes).expect("it ends").session(), Some((3000 - 2048 - 400, 100)));
    }
}
