//! What a dishonest relay does. It holds the bytes of two handoffs, and a key of its own.

use anyhow::{Context, Result};
use clap::ValueEnum;
use iacp_wire::Eid;

use crate::content::parts::{self, Parts};
use crate::handoff::sealing::{self, Envelope};
use crate::keys::Sealer;

/// Each of these is noticed, and none is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tampering {
    /// Changes a bit of the content
    Content,
    /// Changes the name in the notice: urgent instead of normal
    Name,
    /// Changes the same word in the sealed manifest
    Manifest,
    /// Puts the first object's manifest beside the second object's content
    Swap,
    /// Hands on the first object again
    Replay,
    /// Seals the content as her own
    Impostor,
}

impl Tampering {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Content => "changes a bit of the content",
            Self::Name => "calls the object urgent in its name",
            Self::Manifest => "calls the object urgent in its manifest",
            Self::Swap => "puts the first object's manifest beside the second one's content",
            Self::Replay => "hands on the first object again instead",
            Self::Impostor => "seals the content as her own",
        }
    }

    /// The stream that goes on instead of what came.
    pub fn apply(self, came: &Parts, first: &Envelope, own: &Sealer, to: &Eid) -> Result<Vec<u8>> {
        let (mut notice, mut outer, mut content) = (came.notice.clone(), came.outer.clone(), came.content.clone());
        match self {
            Self::Content => *content.last_mut().context("there is no content to change")? ^= 1,
            Self::Name => notice = urgent(&notice),
            Self::Manifest => outer = urgent(&outer),
            Self::Swap => outer.clone_from(&first.outer),
            Self::Replay => return Ok(first.stream.clone()),
            Self::Impostor => return Ok(sealing::envelope(own, to, &content, None)?.stream),
        }
        parts::write(&notice, &outer, &content).context("too long")
    }
}

/// The priority is `urgent` wherever it was `normal`. Both words have six letters.
fn urgent(json: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(json).replace("normal", "urgent").into_bytes()
}
