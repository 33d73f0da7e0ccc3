//! What stays in the folder beside the finished files: the bytes of a transfer so far, and what it is.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use super::{DAY, FINISHED, Intake, Kept, UNFINISHED};
use crate::host::storage::replace;

impl Intake {
    pub(super) fn part_path(&self, number: &str) -> PathBuf {
        self.folder.join(format!(".{number}.part"))
    }

    /// A process was ended when the file had its name, and before that was written down.
    pub(super) fn is_whole(&self, number: &str, kept: &Kept) -> bool {
        let whole = fs::metadata(self.folder.join(&kept.sha256)).is_ok_and(|file| file.len() == kept.size);
        whole && !self.part_path(number).exists()
    }

    pub(super) fn journal(&self, number: &str) -> PathBuf {
        self.folder.join(format!(".{number}.json"))
    }

    /// The bytes of a transfer so far, open at the end.
    pub(super) fn part(&self, number: &str, new: bool) -> io::Result<File> {
        let path = self.part_path(number);
        let mut file = File::options().read(true).write(true).create(new).truncate(false).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    }

    pub(super) fn keep(&self, number: &str, kept: &Kept) -> io::Result<()> {
        replace(&self.journal(number), &serde_json::to_vec(kept)?)
    }

    pub(super) fn kept(&self, number: &str) -> Result<Option<Kept>> {
        match fs::read(self.journal(number)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context("cannot read what is kept"),
        }
    }

    /// All transfers, those that changed last in front.
    pub(super) fn transfers(&self) -> io::Result<Vec<(String, Kept)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy().into_owned();
            let number = name.strip_prefix('.').and_then(|name| name.strip_suffix(".json"));
            let Some(number) = number.filter(|number| number.len() == 32) else { continue };
            let when = fs::metadata(&entry)?.modified()?;
            if let Ok(kept) = serde_json::from_slice(&fs::read(&entry)?) {
                found.push((when, number.to_owned(), kept));
            }
        }
        found.sort_by(|(one, ..), (other, ..)| other.cmp(one));
        Ok(found.into_iter().map(|(_, number, kept)| (number, kept)).collect())
    }

    /// Deletes the oldest unfinished transfers, so that senders that never return cannot fill the disk.
    /// The transfer with the number `now` is the one that has just come.
    pub(super) fn prune(&self, now: &str) -> io::Result<()> {
        let (finished, mut unfinished): (Vec<_>, Vec<_>) =
            self.transfers()?.into_iter().partition(|(_, kept)| kept.done);
        // Whatever strangers offer costs no long transfer its place.
        unfinished.sort_by_cached_key(|(number, _)| {
            let part = fs::metadata(self.part_path(number)).ok();
            let since = part.as_ref().and_then(|part| SystemTime::now().duration_since(part.modified().ok()?).ok());
            std::cmp::Reverse((since.is_none_or(|since| since < DAY), part.map_or(0, |part| part.len())))
        });
        let too_many = finished.iter().skip(FINISHED).chain(unfinished.iter().skip(UNFINISHED));
        for (number, _) in too_many {
            let mut live = self.streams.values().filter_map(|stream| stream.transfer.as_ref());
            if number != now && !live.any(|transfer| transfer.number == *number) {
                let _ = fs::remove_file(self.part_path(number));
                fs::remove_file(self.journal(number))?;
            }
        }
        Ok(())
    }
}
