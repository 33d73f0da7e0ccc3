//! The index: rows of bits, one bit for each rule. The conditions of rules are kept only in this form.

mod bytes;
mod rows;

pub(super) use rows::{Rows, bit};

use super::facts::{Kind, Provenance};
use super::rule::{Conditions, Effect, Rule, Test, Tests, settle};
use crate::list::List;
use crate::vocabulary::{Action, Function, Modality, Obligation, Posture, Region, Role, Set};

/// How many different tests the rules of a policy can have together.
pub const TESTS: usize = 64;
/// How many kinds of regions the rules of a policy can distinguish.
pub const PLACES: usize = 32;

/// A row for each value of each fact. A bit is set where the rule does not exclude the value.
pub(super) struct Index<const W: usize, const T: usize, const K: usize> {
    actions: [[u64; W]; 31],
    kinds: [[u64; W]; 4],
    /// None, and each.
    roles: [[u64; W]; 16],
    modalities: [[u64; W]; 16],
    functions: [[u64; W]; 32],
    postures: [[u64; W]; 4],
    provenances: [[u64; W]; 3],
    /// The tests, and for each the rules that require it.
    tests: List<Test, T>,
    asking: [[u64; W]; T],
    /// Which of the tests change with time.
    hours: u64,
    /// Regions that no rule distinguishes are one place; the first place is the unknown region.
    places: [u8; 128],
    used: u8,
    /// The rules that hold for a place, and the keeps that do not include it.
    inside: [[u64; W]; K],
    outside: [[u64; W]; K],
    /// Denies and keeps, which decide even if they only may hold; keeps alone; permits with obligations.
    forbids: [u64; W],
    keeps: [u64; W],
    oblige: [u64; W],
    says: [[Says; 64]; W],
}

/// What a rule says when it holds.
#[derive(Clone, Copy)]
pub(super) struct Says {
    pub id: u32,
    pub line: u16,
    pub obligations: u16,
}

impl Says {
    const NOTHING: Self = Self { id: 0, line: 0, obligations: 0 };

    pub fn obligations(self) -> Set<Obligation> {
        Set::from_bits(self.obligations.into())
    }
}

fn bit_of(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
}

fn put(row: Option<&mut [u64]>, at: usize, holds: bool) {
    if let Some(word) = row.and_then(|row| row.get_mut(at / 64)) {
        let bit = 1_u64 << (at % 64);
        *word = if holds { *word | bit } else { *word & !bit };
    }
}

impl<const W: usize, const T: usize, const K: usize> Index<W, T, K> {
    pub const fn new() -> Self {
        // A set of places is the bits of a `u32`, one of tests those of a `u64`.
        const { assert!(0 < K && K <= 32 && T <= 64) };
        Self {
            actions: [[0; W]; 31],
            kinds: [[0; W]; 4],
            roles: [[0; W]; 16],
            modalities: [[0; W]; 16],
            functions: [[0; W]; 32],
            postures: [[0; W]; 4],
            provenances: [[0; W]; 3],
            tests: List::new(),
            asking: [[0; W]; T],
            hours: 0,
            places: [0; 128],
            used: 0,
            inside: [[0; W]; K],
            outside: [[0; W]; K],
            forbids: [0; W],
            keeps: [0; W],
            oblige: [0; W],
            says: [[Says::NOTHING; 64]; W],
        }
    }

    /// Copies row by row, in place.
    pub fn copy_from(&mut self, other: &Self) {
        (self.actions, self.kinds, self.roles) = (other.actions, other.kinds, other.roles);
        self.modalities = other.modalities;
        self.functions = other.functions;
        (self.postures, self.provenances) = (other.postures, other.provenances);
        self.tests = other.tests;
        self.asking = other.asking;
        (self.hours, self.places, self.used) = (other.hours, other.places, other.used);
        self.inside = other.inside;
        self.outside = other.outside;
        (self.forbids, self.keeps, self.oblige) = (other.forbids, other.keeps, other.oblige);
        self.says = other.says;
    }

    /// The place of a region. All regions are one place until a rule distinguishes them.
    fn place(&self, region: Region) -> u8 {
        self.places.get(usize::from(region.0)).copied().unwrap_or_default()
    }

    /// Distinguishes these regions from all others. Returns whether there is room for that.
    fn tell_apart(&mut self, regions: Set<Region>) -> bool {
        if self.used == 0 {
            if K < 2 {
                return false;
            }
            // The unknown region gets a place of its own.
            self.used = 2;
            self.places = [1; 128];
            if let Some(unknown) = self.places.last_mut() {
                *unknown = 0;
            }
            for rows in [&mut self.inside, &mut self.outside] {
                if let [unknown, known, ..] = rows.as_mut_slice() {
                    *known = *unknown;
                }
            }
        }
        for place in 0..self.used {
            let of_place = |(number, other): (u8, &u8)| (*other == place).then_some(Region(number));
            let all: Set<Region> = (0..128).zip(&self.places).filter_map(of_place).collect();
            let these = all.and(regions);
            if these.is_empty() || these == all {
                continue;
            }
            let (from, to) = (usize::from(place), usize::from(self.used));
            for rows in [&mut self.inside, &mut self.outside] {
                let Some(row) = rows.get(from).copied() else { return false };
                match rows.get_mut(to) {
                    Some(new) => *new = row,
                    None => return false,
                }
            }
            for region in these.iter() {
                if let Some(place) = self.places.get_mut(usize::from(region.0)) {
                    *place = self.used;
                }
            }
            self.used += 1;
        }
        true
    }

    /// The number of places that have rows: one if no rule names a region.
    const fn kinds_of_places(&self) -> usize {
        if self.used == 0 { 1 } else { self.used as usize }
    }

    /// Enters a rule at its place and replaces the one there. Returns whether there is room for its tests and places;
    /// if not, the index may distinguish more regions than before, which changes no decision.
    pub fn enter(&mut self, at: usize, rule: &Rule) -> bool {
        let conditions = &rule.conditions;
        let (is_keep, is_permit) = (rule.effect == Effect::Keep, rule.effect == Effect::Permit);
        if at >= W * 64 || !conditions.regions.is_none_or(|regions| self.tell_apart(regions)) {
            return false;
        }
        if is_keep && !self.tell_apart(rule.within) {
            return false;
        }
        for test in &conditions.tests {
            if !self.tests.contains(test) && self.tests.push(*test).is_err() {
                return false;
            }
        }
        let hours = |(_, test): &(u8, &Test)| matches!(test, Test::Hours(..));
        self.hours = (0..64).zip(&self.tests).filter(hours).fold(0, |bits, (number, _)| bits | 1 << number);
        let numbers = || 0..32_u8;
        for (number, row) in numbers().zip(&mut self.actions) {
            put(Some(row), at, conditions.actions.contains(Action(number)));
        }
        for (kind, row) in Kind::ALL.into_iter().zip(&mut self.kinds) {
            put(Some(row), at, conditions.has_kind(kind));
        }
        let mut roles = self.roles.iter_mut();
        put(roles.next().map(<[u64; W]>::as_mut_slice), at, conditions.roles.is_none());
        for (number, row) in numbers().zip(roles) {
            put(Some(row), at, conditions.roles.is_none_or(|these| these.contains(Role(number))));
        }
        let mut modalities = self.modalities.iter_mut();
        put(modalities.next().map(<[u64; W]>::as_mut_slice), at, conditions.modalities.is_none());
        for (number, row) in numbers().zip(modalities) {
            put(Some(row), at, conditions.modalities.is_none_or(|these| these.contains(Modality(number))));
        }
        let mut functions = self.functions.iter_mut();
        put(functions.next().map(<[u64; W]>::as_mut_slice), at, conditions.functions.is_none());
        for (number, row) in numbers().zip(functions) {
            put(Some(row), at, conditions.functions.is_none_or(|these| these.contains(Function(number))));
        }
        for (number, row) in numbers().zip(&mut self.postures) {
            put(Some(row), at, conditions.has_posture(Posture(number)));
        }
        for (provenance, row) in Provenance::ALL.into_iter().zip(&mut self.provenances) {
            put(Some(row), at, conditions.has_provenance(provenance));
        }
        for (test, row) in self.tests.iter().zip(&mut self.asking) {
            put(Some(row), at, conditions.tests.contains(test));
        }
        for place in 0..K {
            let region = self.places.iter().position(|other| usize::from(*other) == place);
            let region = region.and_then(|number| u8::try_from(number).ok()).map(Region);
            let inside = conditions.regions.is_none_or(|these| region.is_some_and(|region| these.contains(region)));
            let outside = is_keep && region.is_some_and(|region| !rule.within.contains(region));
            put(self.inside.get_mut(place).map(<[u64; W]>::as_mut_slice), at, inside);
            put(self.outside.get_mut(place).map(<[u64; W]>::as_mut_slice), at, outside);
        }
        put(Some(&mut self.forbids), at, !is_permit);
        put(Some(&mut self.keeps), at, is_keep);
        put(Some(&mut self.oblige), at, is_permit && !rule.obligations.is_empty());
        if let Some(says) = self.says.get_mut(at / 64).and_then(|word| word.get_mut(at % 64)) {
            let obligations = u16::try_from(rule.obligations.bits() & 0xFFFF).unwrap_or_default();
            *says = Says { id: rule.id, line: rule.line, obligations };
        }
        true
    }

    /// Which kinds of regions the rules tell apart: the kind of each region, and how many there are.
    pub const fn apart(&self) -> ([u8; 128], u8) {
        (self.places, self.used)
    }

    /// Removes the rules from one place on. The others tell only these kinds of regions apart.
    pub fn forget(&mut self, from: usize, tests: usize, apart: ([u8; 128], u8)) {
        (self.places, self.used) = apart;
        let nothing = Rule {
            effect: Effect::Permit,
            conditions: Conditions { actions: Set::EMPTY, ..Conditions::ANY },
            within: Set::EMPTY,
            obligations: Set::EMPTY,
            line: 0,
            id: 0,
        };
        for at in from..W * 64 {
            let _ = self.enter(at, &nothing);
        }
        self.tests.truncate(tests);
    }

    /// How many tests there are.
    pub fn tests(&self) -> usize {
        self.tests.len()
    }

    /// What a rule says.
    pub fn says(&self, at: usize) -> Option<Says> {
        self.says.get(at / 64).and_then(|word| word.get(at % 64)).copied()
    }

    /// What a rule does.
    pub fn effect(&self, at: usize) -> Effect {
        match (bit_of(&self.forbids, at), bit_of(&self.keeps, at)) {
            (false, _) => Effect::Permit,
            (true, false) => Effect::Deny,
            (true, true) => Effect::Keep,
        }
    }

    /// A rule, read back from its column.
    pub fn rule(&self, at: usize) -> Option<Rule> {
        let says = self.says(at)?;
        let effect = self.effect(at);
        fn set<T: crate::vocabulary::Name, const W: usize>(rows: &[[u64; W]], at: usize) -> Set<T> {
            (0..).zip(rows).filter(|(_, row)| bit_of(&row[..], at)).map(|(number, _)| T::numbered(number)).collect()
        }
        fn some<T: crate::vocabulary::Name, const W: usize>(rows: &[[u64; W]], at: usize) -> Option<Set<T>> {
            let (none, rows) = rows.split_first()?;
            (!bit_of(&none[..], at)).then(|| set(rows, at))
        }
        let bits = |rows: &[[u64; W]]| {
            (0..8_u8).zip(rows).filter(|(_, row)| bit_of(&row[..], at)).fold(0, |bits, (number, _)| bits | 1 << number)
        };
        let places = |rows: &[[u64; W]; K], wanted: bool| -> Set<Region> {
            let here = |region: &Region| {
                rows.get(usize::from(self.place(*region))).is_some_and(|row| bit_of(&row[..], at) == wanted)
            };
            (0..127).map(Region).filter(here).collect()
        };
        let anywhere = self.inside.get(usize::from(self.place(Region::UNKNOWN))).is_none_or(|row| bit_of(&row[..], at));
        let mut tests = Tests::new();
        for (test, row) in self.tests.iter().zip(&self.asking) {
            if bit_of(&row[..], at) {
                let _ = tests.push(*test);
                settle(&mut tests);
            }
        }
        let mut postures = bits(&self.postures);
        // Levels that no vocabulary has are ignored.
        postures &= 0xF;
        let actions: Set<Action> = set(&self.actions, at);
        let all = (0..31).map(Action).collect();
        let conditions = Conditions {
            actions: if actions == all { Set::ALL } else { actions },
            kinds: bits(&self.kinds),
            roles: some(&self.roles, at),
            modalities: some(&self.modalities, at),
            functions: some(&self.functions, at),
            regions: (!anywhere).then(|| places(&self.inside, true)),
            tests,
            postures,
            provenances: bits(&self.provenances),
        };
        let within = if effect == Effect::Keep { places(&self.outside, false) } else { Set::EMPTY };
        Some(Rule { effect, conditions, within, obligations: says.obligations(), line: says.line, id: says.id })
    }
}
