//! A real browser: headless Chromium, whose only way into the network is the container's proxy.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use iacp_core::dhi::pipeline::MAX_FLOAT_BUF;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// Names under which Chromium is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// A page that is not ready after this many milliseconds is taken as it is.
const READY: u32 = 10_000;
/// The browser is ended after this time.
const PATIENCE: Duration = Duration::from_secs(25);

/// Chromium on this host.
pub struct Chromium(PathBuf);

/// Chromium, if a folder of `PATH` has it.
#[must_use]
pub fn find() -> Option<Chromium> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    places.into_iter().find(|place| place.is_file()).map(Chromium)
}

impl Chromium {
    /// Loads a page through the proxy; the document as it is when scripts have run.
    ///
    /// # Errors
    /// The browser does not start, takes too long, or its page is longer than 4 MiB.
    pub async fn browse(&self, proxy: SocketAddr, url: &str) -> Result<Vec<u8>> {
        let profile = tempfile::tempdir().context("a folder for the browser's profile")?;
        let mut command = Command::new(&self.0);
        command
            .args(["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-default-apps"])
            .args(["--disable-domain-reliability", "--disable-breakpad", "--no-pings", "--disable-extensions"])
            .args(["--disable-quic", "--force-webrtc-ip-handling-policy=disable_non_proxied_udp"])
            .arg(format!("--proxy-server=http://{proxy}"))
            // Loopback is no exception: everything goes through the gate.
            .arg("--proxy-bypass-list=<-loopback>")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--timeout={READY}"))
            .args(["--dump-dom", url])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            // Chromium's own sandbox does not start under root.
            command.arg("--no-sandbox");
        }
        let mut child = command.spawn().context("Chromium")?;
        let most = u64::from(MAX_FLOAT_BUF) + 1;
        let mut output = child.stdout.take().context("Chromium's output")?.take(most);
        let mut page = vec![];
        tokio::time::timeout(PATIENCE, output.read_to_end(&mut page)).await.context("Chromium takes too long")??;
        ensure!(u64::try_from(page.len())? < most, "the page is longer than 4 MiB");
        tokio::time::timeout(PATIENCE, child.wait()).await.context("Chromium does not end")??;
        Ok(page)
    }
}
