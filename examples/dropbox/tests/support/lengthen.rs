//! A journal with as many lines as are wanted.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use cep_envelope::digest::Digest;

/// Makes a journal so long. It has two lines, which are the pattern of all others: one in so many is about an object of its own, as the
/// first is, and the others are like the second.
pub fn lengthen(journal: &Path, lines: usize, objects: usize) -> io::Result<()> {
    let text = fs::read_to_string(journal)?;
    let patterns: Vec<&str> = text.split_inclusive('\n').collect();
    let member = |line: &str, name: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line");
        line[name].as_str().expect("it has this member").to_owned()
    };
    let ids = [member(patterns[0], "id"), member(patterns[1], "id")];
    let (manifest, after) = (member(patterns[0], "manifest"), member(patterns[1], "after"));
    let mut last = Digest::of(patterns[1].as_bytes()).to_string();
    let mut file = BufWriter::new(OpenOptions::new().append(true).open(journal)?);
    for number in 2..lines {
        let which = usize::from(number % objects != 0);
        let mut line = patterns[which].replace(&ids[which], &format!("{number:016x}"));
        if which == 0 {
            line = line.replace(&manifest, &Digest::of(&number.to_be_bytes()).to_string());
        }
        line = line.replace("\"after\":null", &format!("\"after\":\"{last}\""));
        line = line.replace(&format!("\"after\":\"{after}\""), &format!("\"after\":\"{last}\""));
        last = Digest::of(line.as_bytes()).to_string();
        file.write_all(line.as_bytes())?;
    }
    file.flush()
}
