//! Two authorities' policies, and the files that hold them.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::path::PathBuf;

pub const NAMES: &str = "\
actions      join, speak, record, transcribe, export
own          join, speak
modalities   audio, video, chat
functions    recording, transcription, captions
regions      de, fr, us
consents     recording, analysis
postures     unmanaged, managed, hardened      # the lowest first
obligations  notify, watermark
authorities  corporate, privacy
";

pub const CORPORATE: &str = "\
authority corporate
version 1
deny   export below posture hardened
permit join, speak for human, agent with posture managed
permit record by recording with consent recording oblige notify, watermark
permit transcribe by transcription, captions with provenance verified
permit export
keep   any within de, fr, us
";

pub const PRIVACY: &str = "\
authority privacy
version 1
over   record, transcribe, export
deny   transcribe on chat
permit record, transcribe with consent recording oblige notify
keep   audio, video within de, fr
";

/// A folder of one test's own.
pub struct Place(PathBuf);

impl Place {
    pub fn new(name: &str) -> Self {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&place).expect("a directory");
        Self(place)
    }

    /// A folder with the vocabulary and both policies.
    pub fn governed(name: &str) -> Self {
        let place = Self::new(name);
        place.file("names", NAMES);
        place.file("corporate.policy", CORPORATE);
        place.file("privacy.policy", PRIVACY);
        place
    }

    /// Writes a file, and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), content).expect("written");
        self.path(name)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("text").to_owned()
    }
}
