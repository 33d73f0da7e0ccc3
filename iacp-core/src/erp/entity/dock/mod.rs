//! An agent moves to another host with its key and its sessions (`IACP §5.6`).
//!
//! ```text
//!  importing host                                exporting host
//!    offer ── DOCK_OFFER ──────────────────────▶ lock       nothing has changed but that it is asked to store it
//!                                                persisted  "exported, bound g + 3"
//!    import ◀───────────────────────── blob ──── export     g + 1 is signed for the importer, records are sealed and wiped
//!    persisted  bound g + 3                      60 s: MIGRATION_VECTOR once, frames go on by ERP_DEFLECT
//!    TRANSITION, BOUND, new handshakes
//! ```

mod export;
mod import;
mod renew;
mod shared;

use super::LlEntity;
use super::docking::{OfferSlot, Word};
use super::event::Persist;
use crate::crypto::Provider;
use crate::time::Mono;

pub use import::Docked;

/// How long keys that another host has handed over are used, in milliseconds.
const IMPORTED: u64 = 300_000;
/// How many times a new handshake is tried.
const RENEWALS: u8 = 3;

impl<P: Provider, const LOG: usize, const FRAMES: usize, const SPENT: usize> LlEntity<'_, P, LOG, FRAMES, SPENT> {
    /// Whether this context is on its way to another host: it signs no generation and is given up for no other EID.
    pub(super) fn is_docking(&self, slot: u32) -> bool {
        self.docking.as_ref().is_some_and(|docking| self.agents.handle(slot) == Some(docking.agent))
    }

    /// The context ends before it was exported.
    pub(super) fn forget_docking(&mut self, slot: u32) {
        if self.is_docking(slot) {
            self.docking = None;
        }
    }

    /// This memory may be a copy. Its export is given up, and the word "exported" is taken back, whatever this memory knows of it:
    /// it may have got to stable storage since the copy was made. So may the binding for the importing host have got out.
    pub(super) fn renew_docking(&mut self) {
        self.offers.iter_mut().for_each(|slot| *slot = OfferSlot::EMPTY);
        self.offers_until = None;
        let Some(docking) = self.docking.as_mut() else { return };
        docking.word = Word::Withdrawn;
        if let Some(agent) = self.agents.get_mut(docking.agent) {
            agent.counter.restart(docking.bound);
            docking.bound = agent.counter.next();
        }
    }

    /// What of an export is to be stored.
    pub(super) fn ask_to_store_export(&mut self, slot: u32) -> Option<Persist> {
        if !self.is_docking(slot) {
            return None;
        }
        let docking = self.docking.as_mut()?;
        match docking.word {
            Word::Wanted => {
                docking.word = Word::Asked;
                Some(Persist::Exported(docking.bound))
            }
            Word::Withdrawn => {
                docking.word = Word::WithdrawalAsked;
                Some(Persist::Kept(docking.bound))
            }
            Word::Asked | Word::Stored | Word::WithdrawalAsked => None,
        }
    }

    /// It is on stable storage.
    pub(super) fn export_stored(&mut self, now: Mono, slot: u32, bound: u64, what: Persist) {
        if !self.is_docking(slot) {
            return;
        }
        let Some(docking) = self.docking.as_mut().filter(|docking| docking.bound == bound) else { return };
        match (docking.word, what) {
            (Word::Asked, Persist::Exported(_)) => docking.word = Word::Stored,
            (Word::WithdrawalAsked, Persist::Kept(_)) => {
                self.docking = None;
                if let Some(agent) = self.agents.at_mut(slot) {
                    agent.counter.persisted(bound);
                }
                // The host may have moved in the meantime.
                self.move_agent(now, slot);
                self.settle_agent(now, slot);
            }
            _ => {}
        }
    }
}
