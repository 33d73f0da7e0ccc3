//! The index: rows of bits, one bit for each rule.

use super::rule::{Effect, Facts, Kind, Provenance, Rule};
use crate::vocabulary::{Action, Consent, Function, Modality, Posture, Region, Set};

/// A row for each value of each fact. A bit is set where the rule does not exclude the value.
#[derive(Clone)]
pub(super) struct Index<const W: usize> {
    actions: [[u64; W]; 31],
    kinds: [[u64; W]; 4],
    /// None, and each.
    modalities: [[u64; W]; 16],
    functions: [[u64; W]; 32],
    regions: [[u64; W]; 32],
    postures: [[u64; W]; 4],
    provenances: [[u64; W]; 3],
    /// Rules that ask for a consent; rules that ask for its absence.
    with_consents: [[u64; W]; 16],
    without_consents: [[u64; W]; 16],
    /// Consents that any rule asks for; whose absence any rule asks for.
    asked: (Set<Consent>, Set<Consent>),
}

/// The rows that belong to some facts.
pub(super) struct Rows<'i, const W: usize> {
    index: &'i Index<W>,
    all: [&'i [u64; W]; 7],
    lacking: Set<Consent>,
    given: Set<Consent>,
}

impl<const W: usize> Index<W> {
    pub const fn new() -> Self {
        Self {
            actions: [[0; W]; 31],
            kinds: [[0; W]; 4],
            modalities: [[0; W]; 16],
            functions: [[0; W]; 32],
            regions: [[0; W]; 32],
            postures: [[0; W]; 4],
            provenances: [[0; W]; 3],
            with_consents: [[0; W]; 16],
            without_consents: [[0; W]; 16],
            asked: (Set::EMPTY, Set::EMPTY),
        }
    }

    /// Enters a rule at its place.
    pub fn enter(&mut self, at: usize, rule: &Rule) {
        let conditions = &rule.conditions;
        let (word, bit) = (at / 64, 1_u64 << (at % 64));
        let set = |row: Option<&mut [u64; W]>, holds: bool| {
            if let Some(word) = row.and_then(|row| row.get_mut(word))
                && holds
            {
                *word |= bit;
            }
        };
        let numbers = || 0..32_u8;
        for (number, row) in numbers().zip(&mut self.actions) {
            set(Some(row), conditions.actions.contains(Action(number)));
        }
        for (kind, row) in Kind::ALL.into_iter().zip(&mut self.kinds) {
            set(Some(row), conditions.has_kind(kind));
        }
        let mut modalities = self.modalities.iter_mut();
        set(modalities.next(), conditions.modalities.is_none());
        for (number, row) in numbers().zip(modalities) {
            set(Some(row), conditions.modalities.is_none_or(|these| these.contains(Modality(number))));
        }
        let mut functions = self.functions.iter_mut();
        set(functions.next(), conditions.functions.is_none());
        for (number, row) in numbers().zip(functions) {
            set(Some(row), conditions.functions.is_none_or(|these| these.contains(Function(number))));
        }
        let mut regions = self.regions.iter_mut();
        set(regions.next(), conditions.regions.is_none() || rule.effect == Effect::Deny);
        for (number, row) in numbers().zip(regions) {
            set(Some(row), conditions.regions.is_none_or(|these| these.contains(Region(number))));
        }
        for (number, row) in numbers().zip(&mut self.postures) {
            set(Some(row), conditions.has_posture(Posture(number)));
        }
        for (provenance, row) in Provenance::ALL.into_iter().zip(&mut self.provenances) {
            set(Some(row), conditions.has_provenance(provenance));
        }
        for (number, row) in numbers().zip(&mut self.with_consents) {
            set(Some(row), conditions.with_consents.contains(Consent(number)));
        }
        for (number, row) in numbers().zip(&mut self.without_consents) {
            set(Some(row), conditions.without_consents.contains(Consent(number)));
        }
        let (with, without) = self.asked;
        self.asked = (with.or(conditions.with_consents), without.or(conditions.without_consents));
    }

    /// A number that no vocabulary has meets no rule.
    pub fn rows(&self, facts: &Facts) -> Rows<'_, W> {
        let none = &const { [0; W] };
        let optional = |number: Option<u8>| number.map_or(0, |number| usize::from(number).saturating_add(1));
        let (with, without) = self.asked;
        Rows {
            index: self,
            all: [
                self.actions.get(usize::from(facts.action.0)).unwrap_or(none),
                self.kinds.get(facts.kind as usize).unwrap_or(none),
                self.modalities.get(optional(facts.modality.map(|modality| modality.0))).unwrap_or(none),
                self.functions.get(optional(facts.function.map(|function| function.0))).unwrap_or(none),
                self.regions.get(optional(facts.region.map(|region| region.0))).unwrap_or(none),
                self.postures.get(usize::from(facts.posture.0)).unwrap_or(none),
                self.provenances.get(facts.provenance as usize).unwrap_or(none),
            ],
            lacking: with.without(facts.consents),
            given: without.and(facts.consents),
        }
    }
}

impl<const W: usize> Rows<'_, W> {
    /// The rules of a word that hold.
    pub fn word(&self, word: usize) -> u64 {
        let at = |row: &[u64; W]| row.get(word).copied().unwrap_or(0);
        let mut bits = self.all.iter().fold(u64::MAX, |bits, row| bits & at(row));
        if bits != 0 {
            bits &= !excluded(&self.index.with_consents, self.lacking, at);
            bits &= !excluded(&self.index.without_consents, self.given, at);
        }
        bits
    }
}

/// The rules that one of these consents excludes.
fn excluded<const W: usize>(rows: &[[u64; W]; 16], consents: Set<Consent>, at: impl Fn(&[u64; W]) -> u64) -> u64 {
    let mut left = consents.bits();
    let mut bits = 0;
    while left != 0 {
        let row = usize::try_from(left.trailing_zeros()).ok().and_then(|number| rows.get(number));
        bits |= row.map_or(0, &at);
        left &= left - 1;
    }
    bits
}
