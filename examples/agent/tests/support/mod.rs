//! The built program, as a user runs it.
#![allow(dead_code, reason = "no test uses all of it")]

pub mod host;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use iacp_core::crypto::{Portable, Provider, Secret32};
use serde_json::Value;

/// Longer than anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

pub const ALICE: [u8; 32] = [0xa1; 32];
pub const BOB: [u8; 32] = [0xb0; 32];
pub const CAROL: [u8; 32] = [0xca; 32];

pub fn eid(seed: [u8; 32]) -> String {
    hex::encode(Portable::public_key(&Portable::signing_key(&Secret32::new(seed))))
}

pub fn at(listener: &Listener) -> String {
    format!("{}@{}", listener.eid, listener.at)
}

/// Somewhere to work, and a file in it.
pub fn place(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, content).expect("written");
    (place, file)
}

/// The program.
pub fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agent"));
    command.stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// Runs it to its end.
pub fn run(args: &[&str]) -> Output {
    agent().args(args).output().expect("the program starts")
}

/// Runs what a user has got wrong: one clear line, and no success.
pub fn complaint(args: &[&str]) -> String {
    let output = run(args);
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(output.stdout.is_empty(), "{args:?}: {:?}", output.stdout);
    assert_eq!(text.trim_end().lines().count(), 1, "{args:?}: {text}");
    assert!(text.starts_with("agent: "), "{args:?}: {text}");
    text
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A listening agent.
pub struct Listener {
    running: Running,
    lines: Receiver<String>,
    errors: Receiver<String>,
    pub eid: String,
    pub at: String,
    pub transport: &'static str,
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // The listener may have gone; the pipe is emptied all the same.
            let _ = sender.send(line);
        }
    });
    receiver
}

impl Listener {
    /// Starts one; `options` go behind those that it needs.
    pub fn start(transport: &'static str, options: &[&str]) -> Self {
        Self::start_as("listen", transport, options)
    }

    /// The same with another command that listens.
    pub fn start_as(subcommand: &str, transport: &'static str, options: &[&str]) -> Self {
        Self::start_at(subcommand, transport, "127.0.0.1:0", options)
    }

    /// The same at this address.
    pub fn start_at(subcommand: &str, transport: &'static str, bind: &str, options: &[&str]) -> Self {
        let mut command = agent();
        command.args([subcommand, "--bind", bind, "--transport", transport]).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (out, err) = (lines(child.stdout.take().expect("piped")), lines(child.stderr.take().expect("piped")));
        let running = Running(child);
        let eid = out.recv_timeout(PATIENCE).expect("the first line is the EID");
        assert_eq!(eid.len(), 64, "{eid}");
        let at = loop {
            let line = err.recv_timeout(PATIENCE).expect("the address is told");
            if let Some((_, at)) = line.split_once(&format!("listening on {transport} ")) {
                break at.to_owned();
            }
        };
        Self { running, lines: out, errors: err, eid, at, transport }
    }

    /// The next line of its timeline with this text in it.
    pub fn complains(&self, text: &str) -> String {
        loop {
            let line = self.errors.recv_timeout(PATIENCE).expect("it says so");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends it.
    pub fn ends(&mut self) {
        self.running.0.kill().expect("it can be killed");
        self.running.0.wait().expect("it has ended");
    }

    /// Sends a file there and waits for the end of it.
    pub fn send(&self, file: &Path) -> Output {
        self.begin(&self.at, file).wait_with_output().expect("it ends")
    }

    /// Sends a file, by way of another address; the output is the sender's EID's business alone.
    pub fn begin(&self, at: &str, file: &Path) -> Child {
        let mut command = agent();
        command.args(["send", "--to", &format!("{}@{at}", self.eid), "--transport", self.transport]).arg(file);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
    }

    /// The report of the next file.
    pub fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a report");
        serde_json::from_str(&line).expect("an object on a line")
    }

    /// Asserts that nothing else was reported, and that the process lives: one more file comes, and is what it reports next.
    pub fn has_nothing_more(&self) {
        let (_place, marker, name) = marker();
        succeeded(&self.send(&marker));
        let report = self.next();
        assert_eq!(report["sha256"], name, "another report came before: {report}");
    }

    /// The same for a listener that judges handoffs: the marker is a stranger's.
    pub fn has_judged_nothing_more(&self) {
        let (_place, marker, name) = marker();
        let to = format!("{}@{}", self.eid, self.at);
        let mut stranger = agent();
        stranger.args(["handoff", "--to", &to, "--transport", self.transport, "--no-wait"]).arg(&marker);
        succeeded(&stranger.output().expect("the program starts"));
        let report = self.next();
        assert_eq!(report["content"], format!("sha256:{name}"), "another report came before: {report}");
    }
}

/// A file that no test sends, and its SHA-256.
fn marker() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let place = tempfile::tempdir().expect("a directory");
    let (path, content) = (place.path().join("marker"), b"nothing came before this");
    std::fs::write(&path, content).expect("written");
    (place, path, sha256(content))
}

/// Tells that something is not tested on this machine. Not `eprintln!`, which is only shown for tests that fail.
pub fn not_tested(what: &str) {
    use std::io::Write;
    writeln!(std::io::stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
}

/// Asserts success.
pub fn succeeded(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

/// Some bytes that never come twice the same way, and are the same in every run.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// SHA-256, as the program prints it.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
