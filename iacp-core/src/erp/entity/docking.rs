//! What is kept of contexts on their way from host to host.

use crate::erp::dock::{Checked, Offer};
use crate::slots::Handle;
use crate::time::Mono;

/// One context that a host has offered to take over. Its key opens one blob, and is never on stable storage.
pub struct OfferSlot {
    pub(super) offer: Option<Offer>,
    pub(super) until: Mono,
}

impl OfferSlot {
    /// No offer.
    pub const EMPTY: Self = Self { offer: None, until: Mono(0) };
}

/// How far the word "exported" is on its way to stable storage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Wanted,
    Asked,
    Stored,
    /// The export was given up, and that is to be stored.
    Withdrawn,
    WithdrawalAsked,
}

/// The context that is handed over.
pub(super) struct Docking {
    pub(super) agent: Handle,
    pub(super) offer: Checked,
    /// Every generation below may have been signed, here or there.
    pub(super) bound: u64,
    pub(super) word: Word,
}
