//! Texts that people write for machines: read from files, with the report of what is wrong with them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result};
pub use explain::texts::{Complaint, HEAD, printable, shown, statements, wrong, wrong_with_vocabulary};

/// No text that people write is longer, in bytes.
const LONGEST: u64 = 4 << 20;

/// Replaces a file by another one, so that no half-written file is ever in its place.
///
/// # Errors
///
/// It cannot be written.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let mut beside = path.to_owned().into_os_string();
    beside.push(".new");
    fs::write(&beside, content)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", shown(path)))
}

/// Prints complaints: objects on standard output, or lines on standard error.
///
/// # Errors
///
/// An output that cannot be written.
pub fn tell(complaints: &[Complaint], json: bool) -> Result<()> {
    for complaint in complaints {
        if json {
            writeln!(io::stdout(), "{}", serde_json::to_string(complaint)?)?;
        } else {
            writeln!(io::stderr(), "{complaint}")?;
        }
    }
    Ok(())
}

/// Reads a text.
///
/// # Errors
///
/// The file cannot be read, is too long, or is not UTF-8.
pub fn read(path: &Path) -> Result<String, Complaint> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| Complaint::about(path, error))?;
    if bytes.len() as u64 > LONGEST {
        return Err(Complaint::about(path, "longer than any text that people write"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n');
        let column = line.clone().next_back().map_or(0, <[u8]>::len) + 1;
        let [line, column] = [line.count(), column].map(|number| u16::try_from(number).unwrap_or(u16::MAX));
        Complaint::at(path, (line, column), "not UTF-8")
    })
}
