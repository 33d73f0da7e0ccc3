//! Processes of a test: directory nodes, hosts and agents, which end with it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod hosts;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than anything takes on a machine that has other things to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The program `agent`: the one that the variable AGENT names, or the one that cargo makes of this tree.
pub fn agent() -> PathBuf {
    if let Some(path) = std::env::var_os("AGENT") {
        return path.into();
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "agent", "--message-format", "json-render-diagnostics"]);
    let output = build.current_dir(&tree).stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "agent cannot be built; AGENT=PATH names one that is");
    let lines = String::from_utf8(output.stdout).expect("text");
    let built = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = built.filter(|what| what["target"]["name"] == "agent");
    let mut paths = programs.filter_map(|what| what["executable"].as_str().map(PathBuf::from));
    paths.next_back().expect("cargo says where it put the program")
}

/// A folder that is removed with its test.
pub struct Place(pub PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iacp-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process, and the lines of its standard output.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub fn start(program: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the program starts");
        let (sender, lines) = channel();
        let out = child.stdout.take().expect("piped");
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // The test may be over; the pipe is emptied all the same.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// The next line.
    pub fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next event that fits; what comes before it is passed over.
    pub fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).unwrap_or_else(|error| panic!("{what}: {error}"));
            let told: Value = serde_json::from_str(&line).expect("an object on a line");
            if fits(&told) {
                return told;
            }
        }
    }

    /// The next event of this kind.
    pub fn next(&self, event: &str) -> Value {
        self.until(event, |told| told["event"] == event)
    }

    /// SIGKILL, and the end of it.
    pub fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
