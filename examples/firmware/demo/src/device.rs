//! The emulated board: built, started, reset, and listened to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use defmt_decoder::{DecodeError, Table};
use iacp_wire::Eid;

use crate::maker::maker;
use crate::missing;
use crate::story::Story;
use crate::trail::Told;

const QEMU: &str = "qemu-system-arm";
const TARGET: &str = "thumbv7em-none-eabihf";
/// Where `node/src/retained.rs` reads what the maker has written.
const PAGE: u32 = 0x003f_f000;
/// Where the RAM of the board begins, and its length: `node/memory.x`.
const RAM: (u32, u32) = (0x2000_0000, 4 << 20);
/// The end of the RAM, where the stack is, is painted at each start: what has another colour later was written.
const PAINTED: u32 = 64 << 10;
const COLOUR: u8 = 0xA5;

/// Whether there are an emulator and a compiler for its processor.
///
/// # Errors
/// What is missing, and how to get it.
pub fn available() -> Result<()> {
    if Command::new(QEMU).arg("--version").stdout(Stdio::null()).status().is_err() {
        return Err(missing(QEMU, "install Debian's package of that name, or QEMU for Arm from qemu.org"));
    }
    let printed = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let there = || Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir();
    if !there() {
        let added = Command::new("rustup").args(["target", "add", TARGET]).status();
        if !added.is_ok_and(|status| status.success()) || !there() {
            return Err(missing(TARGET, &format!("rustup target add {TARGET}")));
        }
    }
    Ok(())
}

/// Builds the firmware.
///
/// # Errors
/// It does not build.
pub fn build() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no folder above")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| folder.join("target"), PathBuf::from);
    let mut command = Command::new(cargo);
    // As `.cargo/config.toml` has it, from wherever this runs.
    command.env("DEFMT_LOG", "info");
    command.env(
        "CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS",
        r#"--cfg sha2_backend_soft="compact" -Clink-arg=--icf=all"#,
    );
    command.args(["build", "--quiet", "--release", "--target", TARGET, "--package", "node", "--manifest-path"]);
    let status = command.arg(folder.join("Cargo.toml")).arg("--target-dir").arg(&target).status()?;
    if !status.success() {
        bail!("the firmware does not build");
    }
    Ok(target.join(TARGET).join("release").join("node"))
}

pub struct Device {
    child: Child,
    control: BufReader<UnixStream>,
    listener: Option<JoinHandle<()>>,
    parted: Arc<AtomicBool>,
    /// Holds the socket, the page and what is saved of the memory.
    folder: tempfile::TempDir,
}

impl Device {
    /// Starts the board; its serial port is the stream.
    ///
    /// # Errors
    /// The emulator does not start.
    pub fn start(program: &Path, gateway: &Eid, seed: u64, told: &Told, story: &Story) -> Result<(Self, TcpStream)> {
        let folder = tempfile::tempdir()?;
        let (page, socket) = (folder.path().join("page"), folder.path().join("control"));
        let maker = maker(seed);
        std::fs::write(
            &page,
            [maker.generator.expose(), &gateway.0, maker.sealing.expose()].map(|part| *part).concat(),
        )?;
        let paint = folder.path().join("paint");
        std::fs::write(&paint, [COLOUR; PAINTED as usize])?;
        let port = TcpListener::bind("127.0.0.1:0")?;
        let mut child = Command::new(QEMU)
            .args(["-machine", "mps2-an386", "-display", "none", "-monitor", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            .arg("-serial")
            .arg(format!("tcp:{}", port.local_addr()?))
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", socket.display()))
            .arg("-device")
            .arg(format!("loader,file={},addr={PAGE:#x},force-raw=on", page.display()))
            .arg("-device")
            .arg(format!("loader,file={},addr={:#x},force-raw=on", paint.display(), RAM.0 + RAM.1 - PAINTED))
            .arg("-kernel")
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context(QEMU)?;
        let words = child.stdout.take().context("no pipe")?;
        let parted = Arc::new(AtomicBool::new(false));
        let listener = listen(words, &std::fs::read(program)?, (told.clone(), parted.clone(), story.clone()))?;
        let (stream, _) = port.accept().context("the emulator does not open its serial port")?;
        let control = BufReader::new(reach(&socket)?);
        let mut device = Self { child, control, listener: Some(listener), parted, folder };
        device.command("qmp_capabilities", "")?;
        Ok((device, stream))
    }

    /// Presses the reset button.
    ///
    /// # Errors
    /// The emulator does not hear.
    pub fn reset(&mut self) -> Result<()> {
        self.command("system_reset", "")
    }

    /// Everything that is in its RAM now: variables, stack, and what has been left there.
    ///
    /// # Errors
    /// The emulator does not hear.
    pub fn memory(&mut self) -> Result<Vec<u8>> {
        let dump = self.folder.path().join("memory");
        let (start, length) = RAM;
        let arguments = format!(r#","arguments":{{"val":{start},"size":{length},"filename":"{}"}}"#, dump.display());
        self.command("pmemsave", &arguments)?;
        Ok(std::fs::read(dump)?)
    }

    /// How deep the stack has been since the last start, by the whole RAM.
    pub fn stack(memory: &[u8]) -> usize {
        let painted = memory.rchunks(PAINTED as usize).next().unwrap_or_default();
        painted.len() - painted.iter().position(|byte| *byte != COLOUR).unwrap_or(painted.len())
    }

    /// The device has said that its session is over, and none that has begun since.
    pub fn has_parted(&self) -> bool {
        self.parted.load(Ordering::Relaxed)
    }

    fn command(&mut self, name: &str, arguments: &str) -> Result<()> {
        self.control.get_mut().write_all(format!("{{\"execute\":\"{name}\"{arguments}}}\n").as_bytes())?;
        // Events come between; the answer has `return`.
        let mut line = String::new();
        for _ in 0..100 {
            line.clear();
            self.control.read_line(&mut line)?;
            if line.contains("\"return\"") {
                return Ok(());
            }
        }
        bail!("{QEMU} does not answer {name}: {line}")
    }

    /// The exit status of the firmware, once it has ended.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn ended(&mut self) -> Result<Option<i32>> {
        Ok(self.child.try_wait()?.map(|status| status.code().unwrap_or(-1)))
    }

    /// Ends the emulator, and waits for the device's last words.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop();
    }
}

fn reach(socket: &Path) -> Result<UnixStream> {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > until => return Err(error).context("the emulator's control socket"),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Tells what the device says with defmt, and keeps its records: the words are in the program's file, numbers come from the device.
fn listen(
    mut words: impl Read + Send + 'static,
    program: &[u8],
    (told, parted, story): (Told, Arc<AtomicBool>, Story),
) -> Result<JoinHandle<()>> {
    let table = Table::parse(program)?.context("the firmware has no words of defmt")?;
    Ok(std::thread::spawn(move || {
        let mut decoder = table.new_stream_decoder();
        let mut buffer = [0; 1_024];
        while let Ok(count @ 1..) = words.read(&mut buffer) {
            decoder.received(&buffer[..count]);
            loop {
                match decoder.decode() {
                    Ok(frame) => {
                        let words = frame.display_message().to_string();
                        // Its own words, see `node/src/sensor.rs`.
                        match words.as_str() {
                            it if it.starts_with("the session is over") => parted.store(true, Ordering::Relaxed),
                            it if it.starts_with("the line goes on") => parted.store(false, Ordering::Relaxed),
                            _ => {}
                        }
                        match words.strip_prefix("record ") {
                            Some(record) if told.take(record).is_some() => {}
                            _ => story.tell("device", &words),
                        }
                    }
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) if table.encoding().can_recover() => {}
                    Err(DecodeError::Malformed) => return story.break_off(),
                }
            }
        }
    }))
}
