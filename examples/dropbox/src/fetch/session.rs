//! An `iacp:` reference: the agent program asks for it, over a session with the agent that the reference names.
//!
//! What that program leaves is read like anything else that came from a peer: bounded, and only regular files.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use cep_envelope::Surface;
use cep_envelope::digest::Digest;
use cep_envelope::manifest::{MAX_OUTER, SealedManifest};
use cep_envelope::notification::{MAX_REF, Reference, Resolver};

use super::Fetched;
use crate::folders::{random, read_bounded};
use crate::inbox::Half;

/// How often the program is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How much longer than the time that it was given the program may take to end.
const MARGIN: Duration = Duration::from_secs(7);
/// The longest complaint that is repeated, in bytes.
const COMPLAINT: u64 = 2_000;

/// Fetches `iacp:` references by the agent program.
#[derive(Clone, Debug)]
pub struct BySession {
    /// The program: `agent`.
    pub program: PathBuf,
    /// Where the agent of the reference listens, IP:PORT.
    pub at: String,
    /// What carries the session's frames: `quic` or `udp`.
    pub transport: String,
    /// A file with the seed of our own identity; without it a new one is made, for which hardly any object is sealed.
    pub seed_file: Option<PathBuf>,
    /// The longest object, in bytes.
    pub longest: u64,
    /// For how long all of it may take.
    pub time: Duration,
}

/// A folder of our own, gone when it is dropped.
struct Private(PathBuf);

impl Private {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("dropbox-fetch-{}", hex::encode(random::<8>()?)));
        DirBuilder::new().mode(0o700).create(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl BySession {
    /// The agent program beside this one.
    ///
    /// # Errors
    /// There is none.
    pub fn program_beside() -> Result<PathBuf> {
        let own = std::env::current_exe().context("the path of this program")?;
        let beside = own.with_file_name("agent");
        ensure!(beside.is_file(), "there is no program {}: say where 'agent' is (--agent)", beside.display());
        Ok(beside)
    }

    fn run(&self, reference: &str, into: &Path) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("fetch").arg(reference).args(["--at", &self.at, "--transport", &self.transport]);
        command.args(["--max-bytes", &self.longest.to_string(), "--timeout", &self.time.as_secs().max(1).to_string()]);
        if let Some(seed) = &self.seed_file {
            command.arg("--seed-file").arg(seed);
        }
        command.arg("--into").arg(into).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| self.program.display().to_string())?;
        let stderr = child.stderr.take().context("it has no standard error")?;
        // Read to its end, so that the program never waits for us; kept as far as it is worth repeating.
        let reading = thread::spawn(move || {
            let (mut kept, mut stderr) = (Vec::new(), stderr);
            let _ = stderr.by_ref().take(1 << 20).read_to_end(&mut kept);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            kept
        });
        // One that is ended may have left others that hold its standard error: those are not waited for.
        if self.wait(&mut child)? {
            return Ok(());
        }
        let complaint = reading.join().unwrap_or_default();
        let text = String::from_utf8_lossy(&complaint).into_owned();
        let last = text.lines().rev().find(|line| line.starts_with("agent: ")).or_else(|| text.lines().next_back());
        let last = last.unwrap_or("it says nothing");
        let last = last.strip_prefix("agent: ").unwrap_or(last);
        let last: String = last.chars().take(usize::try_from(COMPLAINT)?).collect();
        bail!("{}: {}", self.program.display(), last.escape_debug())
    }

    /// Whether the program ended well. It is ended when it takes too long.
    fn wait(&self, child: &mut Child) -> Result<bool> {
        let until = Instant::now().checked_add(self.time.saturating_add(MARGIN)).context("--timeout is too long")?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            if Instant::now() >= until {
                let _ = child.kill();
                let _ = child.wait();
                bail!("it takes longer than {} s (--timeout)", self.time.as_secs());
            }
            thread::sleep(LOOK);
        }
    }
}

/// The surface of an `iacp:EID/NAME`.
fn name_in(reference: &str) -> Result<&str> {
    let shown = || format!("'{}'", reference.escape_debug());
    ensure!(reference.len() <= MAX_REF, "the reference is longer than {MAX_REF} bytes");
    let (eid, name) = is_session(reference)
        .then(|| reference.split_at(5).1.split_once('/'))
        .flatten()
        .with_context(|| format!("{}: it is not iacp:EID/NAME", shown()))?;
    ensure!(eid.len() == 64 && hex::decode(eid).is_ok(), "{}: its EID is not 64 hexadecimal digits", shown());
    Surface::parse(name).map_err(|error| anyhow!("{}: its name is no surface: {error}", shown()))?;
    Ok(name)
}

/// Whether an agent is asked for this reference.
#[must_use]
pub fn is_session(reference: &str) -> bool {
    reference.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("iacp"))
}

// keeps: CEP-022 (§3.2), CEP-113 (§10)
impl Resolver for BySession {
    type Object = Fetched;
    type Error = anyhow::Error;

    fn fetch(&mut self, reference: Reference<'_>, name: &str) -> Result<Fetched> {
        let reference = reference.untrusted();
        let named = name_in(reference)?;
        ensure!(name.is_empty() || name == named, "the reference names another object: '{}'", named.escape_debug());
        let folder = Private::new()?;
        self.run(reference, &folder.0)?;
        let file = |half: Half| folder.0.join(format!("{named}{}", half.suffix()));
        let outer = read_bounded(&file(Half::Manifest), MAX_OUTER as u64).context("the manifest that came")?;
        let object = read_bounded(&file(Half::Object), self.longest).context("the object that came")?;
        let sealed = SealedManifest::parse(&outer)
            .map_err(|error| anyhow!("its manifest: what came is no outer object: {error}"))?;
        let (digest, claimed) = (Digest::of(&object), sealed.unverified().content_digest);
        ensure!(
            digest == claimed,
            "what came is not what its manifest names: {} bytes with {digest}, not {claimed}",
            object.len()
        );
        let manifest = Digest::of(sealed.signed_bytes());
        Ok(Fetched { name: named.to_owned(), object, outer, digest, manifest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_a_session_names_an_agent_and_a_surface() {
        let (eid, name) = ("0a".repeat(32), "20260514t064148z.message.jasper.normal.tza");
        assert_eq!(name_in(&format!("iacp:{eid}/{name}")).expect("a reference"), name);
        assert_eq!(name_in(&format!("IACP:{eid}/{name}")).expect("a reference"), name);
        for reference in [
            format!("https:{eid}/{name}"),
            format!("iacp:{eid}"),
            format!("iacp:/{name}"),
            format!("iacp:{eid}/"),
            format!("iacp:{eid}/../{name}"),
            format!("iacp:--into=x/{name}"),
            format!("iacp:{eid}/{}", "x".repeat(1_100)),
        ] {
            assert!(name_in(&reference).is_err(), "{reference}");
        }
    }
}
