//! The file that is sent, a frame's worth at a time.

use std::io::{self, Cursor};
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};

/// A file that is being read, or what is sent in the place of one.
pub struct Source {
    name: String,
    size: u64,
    file: Box<dyn AsyncRead + Unpin>,
    chunk: Vec<u8>,
    limit: usize,
    ended: bool,
    hash: Sha256,
    read: u64,
}

impl Source {
    /// Opens a file.
    pub async fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let file = File::open(path).await.with_context(|| format!("cannot read {shown}"))?;
        let metadata = file.metadata().await.with_context(|| format!("cannot read {shown}"))?;
        if metadata.is_dir() {
            bail!("cannot read {shown}: it is a directory");
        }
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self::new(name, metadata.len(), Box::new(BufReader::with_capacity(256 * 1024, file))))
    }

    /// Bytes that are here already.
    pub fn of_bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self::new(name.to_owned(), bytes.len() as u64, Box::new(Cursor::new(bytes)))
    }

    fn new(name: String, size: u64, file: Box<dyn AsyncRead + Unpin>) -> Self {
        Self { name, size, file, chunk: Vec::new(), limit: 1, ended: false, hash: Sha256::new(), read: 0 }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file system says. What was read may differ, if the file changes meanwhile.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// How much goes into a frame.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Whether [`Self::fill`] has something to do.
    pub fn wants(&self) -> bool {
        !self.ended && self.chunk.len() < self.limit
    }

    /// Reads on; a call that is given up has lost nothing.
    pub async fn fill(&mut self) -> io::Result<()> {
        while self.wants() {
            let room = self.limit - self.chunk.len();
            let mut piece = (&mut self.file).take(room as u64);
            self.ended = piece.read_buf(&mut self.chunk).await? == 0;
        }
        Ok(())
    }

    /// The next content, if it has been read.
    pub fn ready(&self) -> Option<&[u8]> {
        (!self.chunk.is_empty() && !self.wants()).then_some(&self.chunk)
    }

    /// It is on its way.
    pub fn taken(&mut self) {
        self.hash.update(&self.chunk);
        self.read += self.chunk.len() as u64;
        self.chunk.clear();
    }

    /// All of it is on its way.
    pub fn exhausted(&self) -> bool {
        self.ended && self.chunk.is_empty()
    }

    /// How much is on its way, or there.
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// What was sent: its SHA-256 and its length.
    pub fn sent(&self) -> (String, u64) {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        (hex::encode(digest), self.read)
    }
}
