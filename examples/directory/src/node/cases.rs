//! The open trials of a node, in a file that outlives it: what a node has accepted, it tries to the end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use iacp_core::directory::node::SavedCase;

/// Writes all open trials; a crash in the middle leaves what was written before.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, cases: impl Iterator<Item = SavedCase>) -> io::Result<()> {
    let bytes: Vec<u8> = cases.flat_map(|case| *case.bytes()).collect();
    if bytes.is_empty() && !path.exists() {
        return Ok(());
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// Reads them; without a file there are none.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn read(path: &Path) -> io::Result<Vec<SavedCase>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let (cases, rest) = bytes.as_chunks::<{ SavedCase::LEN }>();
    if !rest.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidData, "no saved trials: it ends inside one"));
    }
    Ok(cases.iter().map(|case| SavedCase::from_bytes(*case)).collect())
}
