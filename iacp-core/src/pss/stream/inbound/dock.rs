//! The receiving half for another host that continues the session, and from one.

use super::{Early, Inbound, Place};
use crate::crypto::{Provider, Suite};
use crate::pss::stream::frame::HEARTBEATS;
use crate::pss::stream::keys::{KeyState, Way};

/// The receiving half for another host that continues it. Held content that is not consumed is left out: the peer sends
/// it again.
pub(crate) struct Heard {
    pub(crate) key: KeyState,
    /// See `Inbound::leaving`.
    pub(crate) leaving: Option<u64>,
    pub(crate) first: u64,
    pub(crate) expected: u64,
    /// The rolling hash at E.
    pub(crate) chain: [u8; 32],
    pub(crate) newest: u64,
    /// The whole sequence of the newest heartbeat that was taken; 0 if none was.
    pub(crate) heartbeat: u64,
    pub(crate) fin: Option<u64>,
}

/// A frame above E that was accepted and delivered.
pub(crate) struct Ahead {
    pub(crate) sequence: u64,
    pub(crate) chain: [u8; 32],
    pub(crate) tag: [u8; 16],
}

impl<P: Provider, const FRAMES: usize> Inbound<P, FRAMES> {
    /// For the host that takes the session over.
    pub(crate) fn export(&self) -> Heard {
        let holds = !self.consumed.is_none();
        let fin = self.fin.get().filter(|fin| !holds || *fin < self.expected);
        Heard {
            key: self.key.export(),
            leaving: self.leaving.get(),
            first: self.first,
            expected: self.expected,
            chain: self.chain(),
            newest: if holds { self.expected } else { self.newest },
            heartbeat: self.echo(),
            fin,
        }
    }

    /// The accepted frames above E; none if this side holds.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = Ahead> {
        let end = if self.consumed.is_none() { self.newest } else { self.expected };
        (self.expected..end).filter(|sequence| self.is_here(*sequence)).filter_map(|sequence| {
            let early = self.early.get(Self::index(sequence))?;
            Some(Ahead { sequence, chain: early.chain, tag: early.tag })
        })
    }

    /// Continues where another host has stopped. `None` if its frames do not fit here; then the memory must be wiped.
    pub(crate) fn import(
        &mut self,
        heard: &Heard,
        (way, suite, window): (Way, Suite, u32),
        (hold, resume): (bool, bool),
        ahead: impl Iterator<Item = Ahead>,
    ) -> Option<()> {
        self.clear_places();
        self.resume = resume;
        (self.first, self.expected, self.come, self.newest) =
            (heard.first, heard.expected, heard.expected, heard.newest);
        (self.fin, self.leaving) = (heard.fin.into(), heard.leaving.into());
        self.heartbeats = match heard.heartbeat {
            0 => 0,
            newest => newest.checked_sub(HEARTBEATS)?.checked_add(1)?,
        };
        self.consumed = hold.then_some(heard.expected).into();
        self.set_window(window);
        let end = heard.expected.checked_add(FRAMES as u64)?;
        for Ahead { sequence, chain, tag } in ahead {
            if hold || sequence <= heard.expected || sequence >= end.min(heard.newest) {
                return None;
            }
            *self.early.get_mut(Self::index(sequence))? = Early { chain, tag, state: Place::Own };
        }
        if heard.newest > end || (heard.newest > heard.expected && !self.is_here(heard.newest - 1)) {
            return None;
        }
        self.key.import(&heard.key, way, suite, &heard.chain);
        Some(())
    }
}
