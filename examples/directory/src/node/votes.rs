//! The votes of a node, in a file that outlives it: a vote stands there before it is signed, and no other one follows it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};

use iacp_core::directory::name::Root;
use iacp_core::directory::node::Trust;
use iacp_core::directory::{Class, Voters};
use iacp_core::governance::window::Outcome;
use iacp_wire::{DhtKey, Digest, Eid};

use super::overlay::Overlay;
use crate::Chosen;

/// One line for each vote: accusation, offender, outcome.
pub struct Votes {
    file: Option<File>,
    /// The length of the file's whole lines; none after a write that failed and could not be taken back.
    whole: Option<u64>,
    cast: BTreeMap<[u8; 32], Outcome>,
}

impl Votes {
    /// Reads what the node voted before. Without a file the votes last as long as the node.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(mut file: Option<File>) -> io::Result<Self> {
        let mut cast = BTreeMap::new();
        if let Some(file) = &mut file {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            // A line that was cut off when the node ended is no vote: it was not signed either.
            for (id, outcome) in text.lines().filter_map(parsed) {
                cast.entry(id).or_insert(outcome);
            }
            if !text.is_empty() && !text.ends_with('\n') {
                writeln!(file)?;
            }
        }
        let whole = file.as_ref().map(File::metadata).transpose()?.map_or(0, |file| file.len());
        Ok(Self { file, whole: Some(whole), cast })
    }

    /// Writes a vote down. The one that stands already may be written again.
    ///
    /// # Errors
    /// The file cannot be written, or another vote on the accusation stands in it.
    pub fn write_down(&mut self, id: &Digest, offender: &Eid, outcome: Outcome) -> io::Result<()> {
        match self.cast.get(&id.0) {
            Some(cast) if *cast == outcome => return Ok(()),
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {}
        }
        if let Some(file) = &mut self.file {
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let line = format!("{} {} {}\n", hex(&id.0), hex(&offender.0), outcome as u8);
            // A line that was written in part is taken back: the next one would be glued to it, and not be read after a restart.
            let whole = self.whole.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_all());
            if let Err(error) = written {
                self.whole = file.set_len(whole).and_then(|()| file.sync_all()).is_ok().then_some(whole);
                return Err(error);
            }
            self.whole = Some(whole + line.len() as u64);
        }
        self.cast.insert(id.0, outcome);
        Ok(())
    }
}

/// Accusation and outcome of a line.
fn parsed(line: &str) -> Option<([u8; 32], Outcome)> {
    let mut words = line.split_whitespace();
    let (id, _, outcome) = (words.next()?, words.next()?, words.next()?);
    let mut bytes = [0; 32];
    if id.len() != 2 * bytes.len() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(id.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some((bytes, Outcome::from_code(outcome.parse().ok()?)?))
}

/// What the node asks of its program: the nodes of the DHT, and its own votes.
pub struct Known<'a> {
    /// The nodes that are known.
    pub overlay: &'a Overlay,
    /// What this one voted.
    pub votes: &'a Votes,
    /// The roots that its operator has paid for by naming them: SHA-256 of each ROOT body.
    pub pinned: &'a [Digest],
}

impl Trust for Known<'_> {
    fn paid(&self, root: &Root<'_>) -> bool {
        self.pinned.contains(&root.state::<Chosen>())
    }

    fn voted(&self, accusation: &Digest) -> Option<Outcome> {
        self.votes.cast.get(&accusation.0).copied()
    }

    fn responsible(&self, class: Class, key: &DhtKey) -> Option<Voters> {
        self.overlay.responsible(class, key)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn a_file_that_takes_no_line_gets_no_vote_signed() {
        let full = OpenOptions::new().append(true).open("/dev/full").expect("Linux has it");
        let mut votes = Votes { file: Some(full), whole: Some(0), cast: BTreeMap::new() };
        for number in [7, 7, 8] {
            votes.write_down(&Digest([number; 32]), &Eid([9; 32]), Outcome::Guilty).expect_err("there is no room");
        }
        assert!(
            votes.cast.is_empty() && votes.whole.is_none(),
            "after a line that cannot be taken back there is no other"
        );
    }

    #[test]
    fn a_vote_is_read_back_and_no_other_one_follows_it() {
        let path = std::env::temp_dir().join(format!("iacp-votes-{}", std::process::id()));
        let open = || OpenOptions::new().create(true).read(true).append(true).open(&path).expect("a file");
        let [id, other] = [Digest([7; 32]), Digest([8; 32])];
        let offender = Eid([9; 32]);
        let mut votes = Votes::read(Some(open())).expect("an empty file");
        votes.write_down(&id, &offender, Outcome::Guilty).expect("the first vote");
        // The node ends in the middle of a line.
        open().write_all(b"0808 09").expect("room");
        let mut votes = Votes::read(Some(open())).expect("a file of votes");
        assert!(votes.write_down(&id, &offender, Outcome::Cleared).is_err(), "after a restart too");
        votes.write_down(&id, &offender, Outcome::Guilty).expect("the same again");
        votes.write_down(&other, &offender, Outcome::Cleared).expect("another accusation");
        let votes = Votes::read(Some(open())).expect("a file of votes");
        let known = Known { overlay: &Overlay::default(), votes: &votes, pinned: &[] };
        let cast = [id, other, Digest([1; 32])].map(|id| known.voted(&id));
        assert_eq!(cast, [Some(Outcome::Guilty), Some(Outcome::Cleared), None]);
        std::fs::remove_file(&path).expect("the file is there");
    }
}
