//! Other people's handshakes and messages on the same board, with the same options: `others/`, a workspace of its own.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Serialize;

use crate::image::{Board, Image, Section};
use crate::nodes::{self, NODES};
use crate::peer;
use crate::program::Measured;
use crate::qemu::{self, Peer};
use crate::table::grouped;

/// The libraries: feature of `others/`, title.
const OTHERS: [(&str, &str); 3] = [
    ("lakers", "lakers 0.8, EDHOC with P-256, both roles, no messages"),
    ("snow", "snow 0.10, Noise XX, both roles, heap"),
    ("tls", "embedded-tls 0.19, TLS 1.3, PSK with P-256, client alone"),
];

/// The columns of messages: how ours and how theirs are called.
const MESSAGES: [(&str, &str); 4] =
    [("send-64", "seal-64"), ("open-64", "open-64"), ("send-1024", "seal-1024"), ("open-1024", "open-1024")];

/// One line of the comparison. What is not there is not measured, or the library has it not.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Which library.
    pub title: String,
    /// Bytes of code and constants, without the harness.
    pub flash: u32,
    /// Bytes of variables, and of heap in use after the handshake.
    pub ram: u32,
    /// The most bytes of stack of any step.
    pub stack: Option<u32>,
    /// Instructions of the handshake at the side that begins it.
    pub initiator: Option<u32>,
    /// The same at the other side.
    pub responder: Option<u32>,
    /// Instructions to seal and to open 64 bytes, and 1,024.
    pub messages: [Option<u32>; 4],
    /// What a reader must know.
    pub note: Option<String>,
}

/// Measures all: ours first.
///
/// # Errors
/// Ours does not build or run. That another one does not is a note in its line.
pub fn measure(target_dir: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for node in NODES.iter().filter(|node| node.board == Board::Mps2) {
        lines.push(ours(node.title, &nodes::measure(node, target_dir)?.0));
    }
    for (feature, title) in OTHERS {
        lines.push(theirs(feature, title, &target_dir.join("others")).unwrap_or_else(|error| Line {
            title: title.to_owned(),
            flash: 0,
            ram: 0,
            stack: None,
            initiator: None,
            responder: None,
            messages: [None; 4],
            note: Some(format!("{error:#}")),
        }));
    }
    Ok(lines)
}

fn ours(title: &str, measured: &Measured) -> Line {
    let step = |name: &str| {
        let found = measured.steps.iter().find(|(step, _)| step == name);
        found.map(|(_, cost)| cost.instructions)
    };
    // The first heartbeat of the responder confirms the keys; the initiator answers it.
    let sum = |names: &[&str]| names.iter().map(|name| step(name)).sum();
    Line {
        title: format!("ours: {title}, both roles"),
        flash: measured.flash,
        ram: measured.ram(),
        stack: (!measured.steps.is_empty()).then(|| measured.stack()),
        initiator: sum(&["initiate", "acknowledge", "heartbeat-in", "heartbeat-out"]),
        responder: sum(&["answer", "accept", "heartbeat-out", "heartbeat-in"]),
        messages: MESSAGES.map(|(name, _)| step(name)),
        note: None,
    }
}

fn theirs(feature: &str, title: &str, target_dir: &Path) -> anyhow::Result<Line> {
    let build = |features: &[&str]| Image::build_package(target_dir, "others", Board::Mps2, false, features);
    let harness = build(&["baseline"])?.sections()?;
    let image = build(&[feature])?;
    let all = image.sections()?;
    let bytes = |kinds: &[Section]| -> u32 {
        let of = |kind: &Section| {
            let [all, harness] = [&all, &harness].map(|sections| sections.get(kind).copied().unwrap_or(0));
            all.saturating_sub(harness)
        };
        kinds.iter().map(of).sum()
    };
    let flash = bytes(&[Section::Text, Section::Constants, Section::Initialised]);
    let ram = bytes(&[Section::Initialised, Section::Zeroed]);
    let (mut run, mut note) = (None, None);
    match qemu::version() {
        Err(absent) => note = Some(absent),
        Ok(_) if feature == "tls" => run = Some(qemu::run(Board::Mps2, image.path(), &mut OpenSsl::start()?)?),
        Ok(_) => run = Some(qemu::run(Board::Mps2, image.path(), &mut ())?),
    }
    let step = |name: &str| Some(run.as_ref()?.most(name)?.instructions);
    let stack = run.iter().flat_map(|run| run.steps.values()).flat_map(|steps| steps.values()).map(|cost| cost.stack);
    // Of the memory that a heap has, only what is in use counts.
    let heap = run.as_ref().and_then(|run| Some((*run.sizes.get("heap")?, *run.sizes.get("heap-of-both-sides")?)));
    Ok(Line {
        title: title.to_owned(),
        flash,
        ram: heap.map_or(ram, |(has, uses)| ram.saturating_sub(has) + uses),
        stack: stack.max(),
        initiator: step("initiator"),
        responder: step("responder"),
        messages: MESSAGES.map(|(_, name)| step(name)),
        note,
    })
}

/// As a table.
#[must_use]
pub fn table(lines: &[Line]) -> String {
    let cell = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), grouped);
    let heads = ["flash", "RAM", "stack", "initiator", "responder", "seal 64", "open 64", "seal 1024", "open 1024"];
    let mut text = format!("{:<76}", "thumbv7em, opt-level z: bytes, and instructions");
    text.extend(heads.map(|head| format!("{head:>12}")));
    for line in lines {
        text += &format!("\n{:<76}", line.title);
        let first = [Some(line.flash), Some(line.ram), line.stack, line.initiator, line.responder];
        text.extend(first.into_iter().chain(line.messages).map(|number| format!("{:>12}", cell(number))));
        if let Some(note) = &line.note {
            text += &format!("\n    {note}");
        }
    }
    text + "\n"
}

/// OpenSSL as a server on the loopback, which sends each line back, turned around.
struct OpenSsl {
    server: Child,
    stream: TcpStream,
}

impl OpenSsl {
    fn start() -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Command::new("openssl")
            .args(["s_server", "-tls1_3", "-nocert", "-psk_identity", "node", "-rev", "-quiet", "-naccept", "1"])
            .args(["-psk", &"aa".repeat(32), "-accept", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("openssl is needed as the server")?;
        for _ in 0..100 {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                return Ok(Self { server, stream });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        server.kill()?;
        server.wait()?;
        bail!("openssl does not listen");
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may be at its end already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Peer for OpenSsl {
    fn hear(&mut self, words: &[&str]) -> anyhow::Result<()> {
        let ["datagram", _, hex] = words else { bail!("an unexpected line: {words:?}") };
        Ok(self.stream.write_all(&peer::bytes(hex)?)?)
    }

    fn ask(&mut self, _: u64) -> anyhow::Result<Option<(u8, Vec<u8>)>> {
        let mut buffer = vec![0; 1_200];
        let length = self.stream.read(&mut buffer).context("openssl says nothing")?;
        buffer.truncate(length);
        Ok(Some((0, buffer)))
    }
}
