//! What was handled already. A broker delivers a message more than once: with QoS 1, when it was retained, after its own restart.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use cep_envelope::digest::Digest;

/// Notifications that are remembered; an older one that comes again is handled again, and then its object is a replay.
const MOST: usize = 4_096;
/// The length of a line: a digest and its end.
const LINE: u64 = 72;

/// The last 4,096 notifications that were handled, in a file with one digest in each line if they are to outlive the process.
pub struct Seen {
    order: VecDeque<Digest>,
    known: HashSet<[u8; 32]>,
    file: Option<(PathBuf, File, usize)>,
}

impl Seen {
    /// Remembers nothing yet, and nothing over the end of the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { order: VecDeque::new(), known: HashSet::new(), file: None }
    }

    /// Remembers what is in the file, and writes down what follows. A last line that was never finished is forgotten.
    ///
    /// # Errors
    /// The file cannot be used, or a line is no digest.
    pub fn open(path: &Path) -> Result<Self> {
        let unfit = || format!("--seen {}", path.display());
        let mut seen = Self::in_memory();
        let mut text = String::new();
        match fs::metadata(path) {
            Ok(about) => {
                ensure!(about.is_file(), "{}: no regular file", unfit());
                let file = File::open(path).with_context(unfit)?;
                file.take(LINE * 4 * MOST as u64).read_to_string(&mut text).with_context(unfit)?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(unfit),
        }
        let whole = text.rfind('\n').map_or("", |end| text.split_at(end + 1).0);
        for (number, line) in whole.lines().enumerate() {
            let digest = Digest::parse(line).map_err(|error| anyhow::anyhow!("{error}"));
            seen.remember(digest.with_context(|| format!("{}: line {}", unfit(), number + 1))?);
        }
        let file = seen.written_anew(path).with_context(unfit)?;
        seen.file = Some((path.to_owned(), file, 0));
        Ok(seen)
    }

    /// The file with what is remembered now and nothing else, open for more.
    fn written_anew(&self, path: &Path) -> std::io::Result<File> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let mut file = File::create(&new)?;
        let text: String = self.order.iter().map(|digest| format!("{digest}\n")).collect();
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        OpenOptions::new().append(true).open(path)
    }

    fn remember(&mut self, digest: Digest) {
        if self.known.insert(*digest.as_bytes()) {
            self.order.push_back(digest);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(oldest.as_bytes());
            }
        }
    }

    /// Whether this notification was handled.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.known.contains(digest.as_bytes())
    }

    /// It was handled.
    ///
    /// # Errors
    /// It is remembered until the process ends, and may not be on the disk.
    pub fn add(&mut self, digest: Digest) -> Result<()> {
        self.remember(digest);
        let Some((path, file, added)) = &mut self.file else { return Ok(()) };
        let unfit = format!("--seen {}", path.display());
        *added += 1;
        if *added > 2 * MOST {
            let path = path.clone();
            let file = self.written_anew(&path).with_context(|| unfit)?;
            self.file = Some((path, file, 0));
            return Ok(());
        }
        writeln!(file, "{digest}").and_then(|()| file.sync_data()).with_context(|| unfit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    #[test]
    fn what_was_handled_is_known_after_a_restart_and_a_torn_line_is_not() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("seen");
        let mut seen = Seen::open(&path).expect("opened");
        for number in 0..3 {
            assert!(!seen.has(&digest(number)));
            seen.add(digest(number)).expect("written");
        }
        drop(seen);
        OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(b"sha256:00")).expect("torn");
        let mut seen = Seen::open(&path).expect("opened");
        assert!((0..3).all(|number| seen.has(&digest(number))));
        seen.add(digest(3)).expect("written");
        assert!(Seen::open(&path).is_ok_and(|seen| seen.has(&digest(3))));
        fs::write(&path, "nothing\n").expect("written");
        assert!(Seen::open(&path).is_err());
        assert!(Seen::open(place.path()).is_err(), "a folder");
    }

    #[test]
    fn memory_and_file_are_bounded() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("seen");
        fs::write(&path, (0..3 * MOST).map(|number| format!("{}\n", digest(number))).collect::<String>())
            .expect("written");
        let seen = Seen::open(&path).expect("opened");
        assert!(seen.has(&digest(3 * MOST - 1)) && seen.has(&digest(2 * MOST)) && !seen.has(&digest(2 * MOST - 1)));
        assert_eq!(fs::metadata(&path).expect("it is there").len(), LINE * MOST as u64);
    }
}
