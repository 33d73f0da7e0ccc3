//! One process of this program, and what it says.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result};
use rand_core::Rng;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::keys;
use crate::telling::step::Step;

/// A process on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    HostA,
    HostB,
    HostC,
    Alice,
    Bob,
}

impl Role {
    /// What the timeline calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HostA => "host A",
            Self::HostB => "host B",
            Self::HostC => "host C",
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }
}

/// What a process says.
#[derive(Debug)]
pub enum Said {
    Step(Step),
    Trouble(String),
    /// It has ended, or says nothing more.
    Ended,
}

/// A process. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// Tells it from earlier ones of the same role.
    pub serial: u32,
}

impl Process {
    /// Starts this program with these arguments and `--json`; what it says is sent on.
    pub fn start(
        role: Role,
        serial: u32,
        arguments: &[&str],
        saying: UnboundedSender<(Role, u32, Said)>,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.args(arguments).arg("--json").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a process")?;
        let Some(out) = child.stdout.take() else { anyhow::bail!("a process without output") };
        let process = Self { child, serial };
        let reading = thread::Builder::new().name("stage".into()).spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(said) = read(&line)
                    && saying.send((role, serial, said)).is_err()
                {
                    return;
                }
            }
            let _ = saying.send((role, serial, Said::Ended));
        });
        reading.context("no thread for a process")?;
        Ok(process)
    }

    /// SIGKILL, and the end of it.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill().context("cannot kill a process")?;
        self.child.wait().context("cannot wait for a process")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An object on a line.
fn read(line: &str) -> Option<Said> {
    if let Ok(step) = serde_json::from_str(line) {
        return Some(Said::Step(step));
    }
    let value: Value = serde_json::from_str(line).ok()?;
    (value["event"] == "trouble").then(|| Said::Trouble(value["what"].as_str().unwrap_or_default().to_owned()))
}

/// A folder that is removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("agent-{:016x}", keys::rng().next_u64()));
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_troubles_are_read_as_the_timeline_writes_them() {
        let step = read(r#"{"ms":5,"who":"host","event":"moves","from":"a","to":"b"}"#);
        assert!(matches!(step, Some(Said::Step(Step::Moves { from, to })) if (&*from, &*to) == ("a", "b")));
        let trouble = read(r#"{"ms":5,"who":"host","event":"trouble","what":"full"}"#);
        assert!(matches!(trouble, Some(Said::Trouble(what)) if what == "full"));
        assert!(read(r#"{"ms":5,"who":"host","event":"summary"}"#).is_none());
        assert!(read("noise").is_none());
    }
}
