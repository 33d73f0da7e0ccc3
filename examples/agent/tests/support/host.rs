//! Hosts and their agents, as processes that end with their test.

use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::{PATIENCE, Running, agent, lines};

/// A program with `--json`: its events, as they come.
pub struct Told {
    running: Running,
    events: Receiver<String>,
}

impl Told {
    pub fn start(args: &[&str]) -> Self {
        Self::start_by(&mut agent(), args)
    }

    fn start_by(program: &mut Command, args: &[&str]) -> Self {
        let mut child = json(program.args(args)).spawn().expect("the program starts");
        let events = lines(child.stdout.take().expect("piped"));
        Self { running: Running(child), events }
    }

    /// The same, and its standard input.
    pub fn start_fed(args: &[&str]) -> (Self, ChildStdin) {
        let mut child = json(agent().args(args)).stdin(Stdio::piped()).spawn().expect("the program starts");
        let events = lines(child.stdout.take().expect("piped"));
        let input = child.stdin.take().expect("piped");
        (Self { running: Running(child), events }, input)
    }

    /// The next event of this kind that fits; what comes before it is passed over.
    pub fn until(&self, event: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.events.recv_timeout(left).unwrap_or_else(|error| panic!("no event {event}: {error}"));
            let told: Value = serde_json::from_str(&line).expect("an object on a line");
            if told["event"] == event && fits(&told) {
                return told;
            }
        }
    }

    /// The next event of this kind.
    pub fn next(&self, event: &str) -> Value {
        self.until(event, |_| true)
    }

    /// SIGSTOP: it does nothing more, and what it has to do is still to come.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("there is kill").success());
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.running.0.kill().expect("it can be killed");
        self.running.0.wait().expect("it has ended");
    }

    /// SIGTERM, and the end of it.
    pub fn stop(self) -> bool {
        self.signal("-TERM");
        self.ended()
    }

    /// Waits for its end; whether it was a success.
    pub fn ended(mut self) -> bool {
        let (done, waits) = channel();
        let pid = self.running.0.id();
        thread::spawn(move || {
            if waits.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        });
        let status = self.running.0.wait().expect("it ends");
        drop::<std::sync::mpsc::Sender<()>>(done);
        status.success()
    }
}

fn json(command: &mut Command) -> &mut Command {
    command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::inherit())
}

/// A host.
pub struct Host {
    pub told: Told,
    pub state: PathBuf,
    pub at: String,
}

impl Host {
    /// Starts one in this folder, at this address.
    pub fn start(state: &Path, bind: &str) -> Self {
        Self::start_by(&mut agent(), state, bind)
    }

    /// The same over QUIC.
    pub fn start_over_quic(state: &Path, bind: &str) -> Self {
        Self::start_with(&mut agent(), state, &["--bind", bind, "--transport", "quic"])
    }

    /// The same by another command that ends in the program.
    pub fn start_by(program: &mut Command, state: &Path, bind: &str) -> Self {
        Self::start_with(program, state, &["--bind", bind])
    }

    fn start_with(program: &mut Command, state: &Path, options: &[&str]) -> Self {
        let told = Told::start_by(program, &[&["host", "--state", &state.to_string_lossy()][..], options].concat());
        let up = told.next("host_up");
        Self { told, state: state.to_owned(), at: up["at"].as_str().expect("an address").to_owned() }
    }

    /// An agent of this host that takes files; its EID, and whether it had that before.
    pub fn listen(&self, out: &Path) -> (Told, String, bool) {
        let told = Told::start(&["local", "listen", "--state", &self.dir(), "--out", &out.to_string_lossy()]);
        let registered = told.next("registered");
        let eid = registered["eid"].as_str().expect("an EID").to_owned();
        (told, eid, registered["again"] == true)
    }

    /// An agent of this host that sends a file.
    pub fn send(&self, to: &str, file: &Path, options: &[&str]) -> Told {
        let (state, file) = (self.dir(), file.to_string_lossy());
        let args = [&["local", "send", "--state", &state, "--to", to][..], options, &[&file]].concat();
        Told::start(&args)
    }

    /// An agent of this host that follows what others share; its EID.
    pub fn follow(&self, options: &[&str]) -> (Told, ChildStdin, String) {
        let state = self.dir();
        let (told, input) = Told::start_fed(&[&["local", "follow", "--state", &state][..], options].concat());
        let eid = told.next("registered")["eid"].as_str().expect("an EID").to_owned();
        (told, input, eid)
    }

    /// An agent of this host that shares an endpoint.
    pub fn share(&self, to: &str, options: &[&str]) -> (Told, ChildStdin) {
        let state = self.dir();
        Told::start_fed(&[&["local", "share", "--state", &state, "--to", to][..], options].concat())
    }

    /// What the host says of itself.
    pub fn status(&self) -> Value {
        let output = super::run(&["control", "--state", &self.dir(), "status"]);
        super::succeeded(&output);
        serde_json::from_slice(&output.stdout).expect("an object")
    }

    pub fn dir(&self) -> String {
        self.state.to_string_lossy().into_owned()
    }

    /// The files of its agents.
    pub fn agents(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state.join("agents")).expect("readable");
        let paths = entries.map(|entry| entry.expect("readable").path());
        // What begins with a dot is being written.
        paths.filter(|path| path.file_name().is_none_or(|name| name.as_encoded_bytes()[0] != b'.')).collect()
    }
}
