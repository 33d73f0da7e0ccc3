//! The gateway is `agent`, the program of the host: `agent host` on the other end of the line, and `agent local collect` in a
//! process of its own. Both are killed on the way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use iacp_wire::Eid;

use crate::device::Device;
use crate::gateway::Stable;
use crate::image::Image;
use crate::story::Story;
use crate::trail::Told;
use crate::wire::Faults;
use crate::{AWAY, Arguments, Ends, RESET_AT, RESTART_AT, verdict};

/// The names of the two ends of the line.
const GATEWAY: &str = "192.0.2.1:4227";
const DEVICE: &str = "192.0.2.2:4227";
/// The process that takes the items is killed when so many have come.
const KILLED_AT: u64 = 450;
/// How long a program may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds `agent`.
fn build() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).context("no folder above")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "agent", "--manifest-path"]).arg(root.join("Cargo.toml"));
    if !command.arg("--target-dir").arg(&target).status()?.success() {
        bail!("`agent` does not build");
    }
    Ok(target.join("debug").join("agent"))
}

/// A program that tells its steps as lines of JSON.
struct Process {
    child: Child,
    events: mpsc::Receiver<serde_json::Value>,
}

impl Process {
    fn start(program: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let lines = BufReader::new(child.stdout.take().context("no pipe")?).lines();
        let (sender, events) = mpsc::channel();
        thread::spawn(move || {
            for event in lines.map_while(Result::ok).filter_map(|line| serde_json::from_str(&line).ok()) {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, events })
    }

    /// Waits for an event of this kind.
    fn wait(&self, kind: &str) -> Result<serde_json::Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).with_context(|| format!("`agent` does not say {kind}"))?;
            if event["event"] == kind {
                return Ok(event);
            }
        }
    }

    /// What it has said since, for people.
    fn tell(&self, place: &str, story: &Story) {
        for event in self.events.try_iter().filter(|event| event["event"] == "note") {
            story.tell(place, event["what"].as_str().unwrap_or_default());
        }
    }

    /// SIGKILL.
    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Carries bytes from one end of the line to the other, while both are there.
fn pump(mut from: TcpStream, to: Arc<Mutex<Option<TcpStream>>>, faults: Arc<Mutex<Faults>>) {
    let mut buffer = [0; 512];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
        let carried: Vec<u8> = buffer[..length].iter().filter_map(|byte| faults.carry(*byte)).collect();
        drop(faults);
        // Where nothing listens, it is lost.
        if let Some(to) = to.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = to.write_all(&carried);
        }
    }
}

/// What `agent local collect` has written, as it grows.
struct Items {
    path: PathBuf,
    read: usize,
}

impl Items {
    /// Takes over what is new, and says whether each item is the next one.
    fn take(&mut self, stable: &mut Stable, story: &Story) -> Result<bool> {
        let text = std::fs::read(&self.path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut in_order = true;
        for line in text[self.read..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry: serde_json::Value = serde_json::from_slice(line)?;
            in_order &= entry["item"] == stable.items;
            stable.keep(&hex(entry["content"].as_str().unwrap_or_default())?, story);
        }
        self.read = whole;
        Ok(in_order)
    }
}

fn hex(text: &str) -> Result<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()).collect();
    bytes.context("content that is no hexadecimal number")
}

pub fn run(arguments: &Arguments, program: &Path, image: Image, story: &Story) -> Result<bool> {
    let agent = build()?;
    let folder = tempfile::tempdir()?;
    let (state, out) = (folder.path().join("host"), folder.path().join("items"));
    let (state, path) = (state.display().to_string(), out.display().to_string());
    let port = TcpListener::bind("127.0.0.1:0")?;
    let line = format!("serial:tcp:{}", port.local_addr()?);
    let host = ["host", "--state", &state, "--transport", &line, "--bind", GATEWAY, "--far", DEVICE];
    let collect = ["local", "collect", "--state", &state, "--out", &path, "--sender-at", DEVICE];

    // Its end of the line, as long as there is one.
    let near = Arc::new(Mutex::new(None));
    let faults = Arc::new(Mutex::new(Faults::new(arguments.faults, arguments.seed)));
    let (ends, far) = (Arc::clone(&near), Arc::new(Mutex::new(None)));
    let (to_device, counted) = (Arc::clone(&far), Arc::clone(&faults));
    thread::spawn(move || {
        while let Ok((stream, _)) = port.accept() {
            *ends.lock().unwrap_or_else(PoisonError::into_inner) = stream.try_clone().ok();
            pump(stream, Arc::clone(&to_device), Arc::clone(&counted));
            *ends.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    });

    let mut hosting = Some(Process::start(&agent, &host)?);
    hosting.as_ref().context("started")?.wait("host_up")?;
    let mut collecting = Process::start(&agent, &collect)?;
    let registered = collecting.wait("registered")?;
    let eid = registered["eid"].as_str().context("an agent without an EID")?;
    let gateway = Eid(hex(eid)?.try_into().ok().context("an EID of another length")?);
    story.tell("gateway", &format!("`agent host` is on the line; the EID of its agent begins with {}", &eid[..8]));

    let (mut stable, told) = (Stable::new(arguments.seed), Told::default());
    let mut items = Items { path: out, read: 0 };
    let (mut device, stream) = Device::start(program, &gateway, arguments.seed, &told, story)?;
    stream.set_nodelay(true)?;
    *far.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream.try_clone()?);
    let (to_gateway, counted) = (Arc::clone(&near), Arc::clone(&faults));
    thread::spawn(move || pump(stream, to_gateway, counted));

    let until = Instant::now() + Duration::from_secs(arguments.limit);
    let (mut away, mut restarted, mut killed, mut reset, mut in_order) = (None, false, false, false, true);
    let mut said = 0;
    let status = loop {
        if Instant::now() > until {
            story.tell("demo", &format!("{} readings after {} s: gives up", stable.readings.len(), arguments.limit));
            break None;
        }
        thread::sleep(Duration::from_millis(5));
        in_order &= items.take(&mut stable, story)?;
        collecting.tell("agent", story);
        let count = stable.items;
        if count / 200 != said / 200 {
            story.tell("agent", &format!("{count} items are on its disk"));
        }
        said = count;
        if !restarted && count >= RESTART_AT {
            story.tell("gateway", &format!("`agent host` is killed at {count} items"));
            (hosting, away, restarted) = (None, Some(Instant::now()), true);
        }
        if hosting.is_none() && away.is_some_and(|since: Instant| since.elapsed() > AWAY) {
            let process = Process::start(&agent, &host)?;
            process.wait("host_up")?;
            story.tell("gateway", "`agent host` is started again, with its folder and nothing else");
            hosting = Some(process);
        }
        if !killed && count >= KILLED_AT {
            story.tell("agent", &format!("is killed at {count} items, and started again"));
            collecting.kill();
            collecting = Process::start(&agent, &collect)?;
            killed = true;
        }
        if !reset && count >= RESET_AT {
            story.tell("device", &format!("is reset at {count} items"));
            device.reset()?;
            reset = true;
        }
        if let Some(status) = device.ended()? {
            break Some(status);
        }
    };
    let parted = device.has_parted();
    device.stop();
    in_order &= items.take(&mut stable, story)?;
    if !in_order {
        story.tell("demo", "an item came out of its turn, or twice");
    }
    stable.resumed = u32::from(restarted) + u32::from(reset);
    let ends =
        Ends { status, disturbed: restarted && killed && reset, parted: parted && in_order, inside: None, image };
    let faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
    verdict(&stable, &faults, &told, &ends, story)
}
