//! The rows that belong to some facts, and which rules they leave.

use core::ops::Range;

use super::Index;
use crate::policy::facts::{Facts, On};
use crate::time::Time;
use crate::vocabulary::{Region, Role, Set};

/// The rows that belong to some facts.
pub struct Rows<'i, const W: usize, const T: usize, const K: usize> {
    index: &'i Index<W, T, K>,
    /// One row of each kind: the intersection of these leaves most words 0.
    simple: [&'i [u64; W]; 8],
    /// The conditions that need more than one row: a stream that is not said, roles, several places or an unknown one,
    /// destinations, and the tests that failed.
    unsaid: bool,
    roles: Set<Role>,
    law: Option<u32>,
    goes: Set<Region>,
    failed: u64,
}

/// The place of the lowest bit of a word.
pub fn bit(word: usize, bits: u64) -> Option<usize> {
    (bits != 0).then(|| word * 64 + usize::try_from(bits.trailing_zeros()).unwrap_or(64))
}

impl<const W: usize, const T: usize, const K: usize> Index<W, T, K> {
    /// The rows of some facts. A number that no vocabulary has matches no rule.
    pub fn rows(&self, facts: &Facts) -> Rows<'_, W, T, K> {
        let none = &const { [0; W] };
        let optional = |number: Option<u8>| number.map_or(0, |number| usize::from(number).saturating_add(1));
        let action = self.actions.get(usize::from(facts.action.0)).unwrap_or(none);
        // Where one row is not enough, the row of the action is repeated, which changes nothing.
        let on = match facts.on {
            On::Stream(modality) => self.modalities.get(optional(Some(modality.0))).unwrap_or(none),
            On::Nothing => self.modalities.first().unwrap_or(none),
            On::Unsaid => action,
        };
        let roles = if facts.roles.is_empty() { self.roles.first().unwrap_or(none) } else { action };
        // Usually there is one known place; then forbidding and permitting use the same row.
        let places = self.places_of(facts.law_or_unknown());
        let one = places.is_power_of_two() && places != 1;
        let inside = self.inside.get(places.trailing_zeros() as usize).filter(|_| one).unwrap_or(action);
        let mut failed = 0;
        for (number, test) in self.tests.iter().enumerate() {
            failed |= u64::from(!test.holds(facts)) << (number % 64);
        }
        Rows {
            index: self,
            simple: [
                action,
                on,
                inside,
                roles,
                self.kinds.get(facts.kind as usize).unwrap_or(none),
                self.functions.get(optional(facts.function.map(|function| function.0))).unwrap_or(none),
                self.postures.get(usize::from(facts.posture.0)).unwrap_or(none),
                self.provenances.get(facts.provenance as usize).unwrap_or(none),
            ],
            unsaid: facts.on == On::Unsaid,
            roles: facts.roles,
            law: (!one).then_some(places),
            goes: facts.goes,
            failed,
        }
    }

    fn places_of(&self, regions: Set<Region>) -> u32 {
        regions.iter().fold(0, |bits, region| bits | 1_u32.checked_shl(u32::from(self.place(region))).unwrap_or(0))
    }

    /// Whether any test changes with time.
    pub const fn has_hours(&self) -> bool {
        self.hours != 0
    }

    /// When a test of any rule in these words next changes with time.
    pub fn changes(&self, now: Time, words: Range<usize>) -> Time {
        let asked = |row: &[u64; W]| row.get(words.clone()).unwrap_or_default().iter().any(|word| *word != 0);
        let tests = self.tests.iter().zip(&self.asking).filter(|(_, row)| asked(row));
        tests.map(|(test, _)| test.changes(now)).min().unwrap_or(Time::NEVER)
    }
}

impl<const W: usize, const T: usize, const K: usize> Rows<'_, W, T, K> {
    /// The first rule of some words that holds.
    pub fn first(&self, words: Range<usize>) -> Option<usize> {
        let mut at = words.start;
        if words.len() == 1 {
            return bit(at, self.word(at));
        }
        while at < words.end {
            let four = at / 4;
            let next = (four + 1) * 4;
            // Four words at a time: one row of each kind leaves most of them 0.
            if self.four(four) != 0 {
                let found = (at..next.min(words.end)).find_map(|word| bit(word, self.word(word)));
                if found.is_some() {
                    return found;
                }
            }
            at = next;
        }
        None
    }

    /// Whether one row of each kind leaves anything in four words.
    fn four(&self, four: usize) -> u64 {
        let at = |row: &[u64; W]| row.as_chunks::<4>().0.get(four).copied();
        let mut left = [u64::MAX; 4];
        for row in self.simple {
            let Some(words) = at(row) else { return u64::MAX };
            left.iter_mut().zip(words).for_each(|(left, word)| *left &= word);
        }
        left.iter().fold(0, |any, word| any | word)
    }

    /// The rules of a word that hold.
    pub fn word(&self, word: usize) -> u64 {
        let at = |row: &[u64; W]| row.get(word).copied().unwrap_or(0);
        let bits = self.simple.iter().fold(u64::MAX, |bits, row| bits & at(row));
        if bits == 0 { 0 } else { self.rest(word, bits) }
    }

    /// Of these rules, those that also meet the conditions that need more than one row.
    fn rest(&self, word: usize, mut bits: u64) -> u64 {
        let index = self.index;
        let at = |row: &[u64; W]| row.get(word).copied().unwrap_or(0);
        let forbids = at(&index.forbids);
        if self.unsaid {
            // It may be any stream.
            bits &= forbids | index.modalities.first().map_or(0, at);
        }
        if !self.roles.is_empty() {
            let anything = index.roles.first().map_or(0, at);
            let row = |role: Role| index.roles.get(usize::from(role.0) + 1).map_or(0, at);
            bits &= self.roles.iter().fold(anything, |roles, role| roles | row(role));
        }
        if let Some(law) = self.law {
            // Of several places, one is enough to forbid, and all are needed to permit. An unknown place may be any.
            let (mut one, mut all) = (if law & 1 == 0 { 0 } else { u64::MAX }, u64::MAX);
            let mut left = law;
            while left != 0 {
                let row = index.inside.get(left.trailing_zeros() as usize).map_or(0, at);
                (one, all, left) = (one | row, all & row, left & (left - 1));
            }
            bits &= (forbids & one) | (!forbids & all);
        }
        let keeps = at(&index.keeps);
        if bits & keeps != 0 {
            let (mut outside, mut left) = (0, index.places_of(self.goes));
            while left != 0 {
                outside |= index.outside.get(left.trailing_zeros() as usize).map_or(0, at);
                left &= left - 1;
            }
            bits &= !keeps | outside;
        }
        let mut failed = self.failed;
        while failed != 0 && bits != 0 {
            bits &= !index.asking.get(failed.trailing_zeros() as usize).map_or(0, at);
            failed &= failed - 1;
        }
        bits
    }

    /// The keeps of a word that hold.
    pub fn keeps(&self, word: usize) -> u64 {
        self.word(word) & self.index.keeps.get(word).copied().unwrap_or(0)
    }

    /// The permits of a word that hold and oblige.
    pub fn obliging(&self, word: usize) -> u64 {
        match self.index.oblige.get(word) {
            Some(oblige) if *oblige != 0 => self.word(word) & oblige,
            _ => 0,
        }
    }
}
