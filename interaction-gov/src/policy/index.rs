//! The index: rows of bits, one bit for each rule. It is all that is kept of the rules' conditions.

use core::ops::Range;

use super::facts::{Facts, Kind, On, Provenance};
use super::rule::{Conditions, Effect, Rule, Test, Tests, settle};
use crate::bytes::{FieldError, Reader, Writer, attempt};
use crate::list::List;
use crate::time::Time;
use crate::vocabulary::{Action, Function, Modality, Obligation, Posture, Region, Role, Set};

/// How many different tests the rules of a policy can have together.
pub const TESTS: usize = 64;
/// How many kinds of regions the rules of a policy can tell apart.
pub const PLACES: usize = 32;

/// A row for each value of each fact. A bit is set where the rule does not exclude the value.
pub(super) struct Index<const W: usize> {
    actions: [[u64; W]; 31],
    kinds: [[u64; W]; 4],
    /// None, and each.
    roles: [[u64; W]; 16],
    modalities: [[u64; W]; 16],
    functions: [[u64; W]; 32],
    postures: [[u64; W]; 4],
    provenances: [[u64; W]; 3],
    /// The tests, and for each the rules that ask for it.
    tests: List<Test, TESTS>,
    asking: [[u64; W]; TESTS],
    /// Which of them change by themselves.
    hours: u64,
    /// Regions that no rule tells apart are one place; the first place is what is not known.
    places: [u8; 128],
    used: u8,
    /// Rules that hold for a place, and keeps that it is outside of.
    inside: [[u64; W]; PLACES],
    outside: [[u64; W]; PLACES],
    /// Denies and keeps, for which it suffices that they may hold; keeps alone; permits that oblige.
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

/// The rows that belong to some facts.
pub(super) struct Rows<'i, const W: usize> {
    index: &'i Index<W>,
    /// What one row of each kind says: most words are 0 after these.
    simple: [&'i [u64; W]; 8],
    /// What takes more than a row: a stream that is not said, roles, several places or an unknown one, where data go, and the
    /// tests that failed.
    unsaid: bool,
    roles: Set<Role>,
    law: Option<u32>,
    goes: u32,
    failed: u64,
}

/// The place of the lowest bit of a word.
pub(super) fn bit(word: usize, bits: u64) -> Option<usize> {
    (bits != 0).then(|| word * 64 + usize::try_from(bits.trailing_zeros()).unwrap_or(64))
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

/// The first words of the first rows.
const fn read_rows<const W: usize>(
    rows: &mut [[u64; W]],
    number: usize,
    words: usize,
    from: &mut Reader<'_>,
) -> Result<(), FieldError> {
    let (mut rows, mut number) = (rows, number);
    while number > 0
        && let Some((row, others)) = rows.split_first_mut()
    {
        let (mut row, mut left) = (row.as_mut_slice(), words);
        while left > 0
            && let Some((word, rest)) = row.split_first_mut()
        {
            *word = attempt!(from.u64());
            (row, left) = (rest, left - 1);
        }
        (rows, number) = (others, number - 1);
    }
    Ok(())
}

impl<const W: usize> Index<W> {
    pub const fn new() -> Self {
        Self {
            actions: [[0; W]; 31],
            kinds: [[0; W]; 4],
            roles: [[0; W]; 16],
            modalities: [[0; W]; 16],
            functions: [[0; W]; 32],
            postures: [[0; W]; 4],
            provenances: [[0; W]; 3],
            tests: List::new(),
            asking: [[0; W]; TESTS],
            hours: 0,
            places: [0; 128],
            used: 0,
            inside: [[0; W]; PLACES],
            outside: [[0; W]; PLACES],
            forbids: [0; W],
            keeps: [0; W],
            oblige: [0; W],
            says: [[Says::NOTHING; 64]; W],
        }
    }

    /// Row by row, where it stands.
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

    /// The place of a region. All are one, until a rule tells them apart.
    fn place(&self, region: Region) -> u8 {
        self.places.get(usize::from(region.0)).copied().unwrap_or_default()
    }

    /// Tells these regions from all others. Whether there is room for it.
    fn tell_apart(&mut self, regions: Set<Region>) -> bool {
        if self.used == 0 {
            // What is not known stands apart from all that is.
            self.used = 2;
            self.places = [1; 128];
            if let Some(unknown) = self.places.last_mut() {
                *unknown = 0;
            }
            for rows in [&mut self.inside, &mut self.outside] {
                let [unknown, known, ..] = rows;
                *known = *unknown;
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

    /// How many kinds of places there are rows for: one, where no rule asks for any.
    const fn kinds_of_places(&self) -> usize {
        if self.used == 0 { 1 } else { self.used as usize }
    }

    /// The rows that say which rules a fact leaves, in the order of their bytes: those of the tests and places that there are.
    fn write_rows(&self, words: usize, to: &mut Writer<'_>) {
        let (tests, places) = (self.tests.len(), self.kinds_of_places());
        let ones = [self.forbids, self.keeps, self.oblige];
        let all: [&[[u64; W]]; 11] = [
            &self.actions,
            &self.kinds,
            &self.roles,
            &self.modalities,
            &self.functions,
            &self.postures,
            &self.provenances,
            self.asking.get(..tests).unwrap_or_default(),
            self.inside.get(..places).unwrap_or_default(),
            self.outside.get(..places).unwrap_or_default(),
            &ones,
        ];
        let rows = all.into_iter().flatten().flat_map(|row| row.get(..words).unwrap_or_default());
        rows.for_each(|word| to.u64(*word));
    }

    /// What its first words say, in bytes.
    pub fn write(&self, words: usize, to: &mut Writer<'_>) {
        to.u8(u8::try_from(self.tests.len()).unwrap_or(u8::MAX));
        self.tests.iter().for_each(|test| to.put(&test.bytes()));
        to.u8(self.used);
        to.put(&self.places);
        self.write_rows(words, to);
        for Says { id, line, obligations } in self.says.get(..words).unwrap_or_default().as_flattened() {
            to.u32(*id);
            to.u16(*line);
            to.u16(*obligations);
        }
    }

    /// The same from bytes, into an index of no rules.
    pub const fn read(&mut self, words: usize, from: &mut Reader<'_>) -> Result<(), FieldError> {
        attempt!(Test::read_all(from, &mut self.tests));
        let (mut tests, mut bit) = (self.tests.as_slice(), 1);
        while let Some((test, rest)) = tests.split_first() {
            if matches!(test, Test::Hours(..)) {
                self.hours |= bit;
            }
            (tests, bit) = (rest, bit << 1);
        }
        self.used = attempt!(from.u8());
        self.places = attempt!(from.take());
        let mut places = self.places.as_slice();
        while let Some((place, rest)) = places.split_first() {
            if *place as usize >= self.kinds_of_places() {
                return Err(FieldError::Field("place"));
            }
            places = rest;
        }
        let (tests, places) = (self.tests.count() as usize, self.kinds_of_places());
        if places > PLACES {
            return Err(FieldError::Field("places"));
        }
        let mut ones = [[0; W]; 3];
        attempt!(read_rows(&mut self.actions, usize::MAX, words, from));
        attempt!(read_rows(&mut self.kinds, usize::MAX, words, from));
        attempt!(read_rows(&mut self.roles, usize::MAX, words, from));
        attempt!(read_rows(&mut self.modalities, usize::MAX, words, from));
        attempt!(read_rows(&mut self.functions, usize::MAX, words, from));
        attempt!(read_rows(&mut self.postures, usize::MAX, words, from));
        attempt!(read_rows(&mut self.provenances, usize::MAX, words, from));
        attempt!(read_rows(&mut self.asking, tests, words, from));
        attempt!(read_rows(&mut self.inside, places, words, from));
        attempt!(read_rows(&mut self.outside, places, words, from));
        attempt!(read_rows(&mut ones, usize::MAX, words, from));
        [self.forbids, self.keeps, self.oblige] = ones;
        let (mut says, mut left) = (self.says.as_mut_slice(), words);
        while left > 0
            && let Some((word, rest)) = says.split_first_mut()
        {
            let mut rules = word.as_mut_slice();
            while let Some((rule, others)) = rules.split_first_mut() {
                *rule =
                    Says { id: attempt!(from.u32()), line: attempt!(from.u16()), obligations: attempt!(from.u16()) };
                rules = others;
            }
            (says, left) = (rest, left - 1);
        }
        Ok(())
    }

    /// Enters a rule at its place, over whatever stood there. Whether there is room for what it tells apart; if not, it may
    /// tell more apart than before, which changes no decision.
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
        for place in 0..PLACES {
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

    /// Takes rules out again, from one place on.
    pub fn forget(&mut self, from: usize, tests: usize) {
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
        let places = |rows: &[[u64; W]; PLACES], wanted: bool| -> Set<Region> {
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
        // Levels that no vocabulary has are not told apart.
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

    /// The rows of some facts. A number that no vocabulary has meets no rule.
    pub fn rows(&self, facts: &Facts) -> Rows<'_, W> {
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
        // One place, as most often: the same to forbid and to permit.
        let places = self.places_of(facts.law);
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
            goes: self.places_of(facts.goes),
            failed,
        }
    }

    fn places_of(&self, regions: Set<Region>) -> u32 {
        regions.iter().fold(0, |bits, region| bits | 1_u32.checked_shl(u32::from(self.place(region))).unwrap_or(0))
    }

    /// When a test of any rule in these words next changes by itself.
    pub fn changes(&self, now: Time, words: Range<usize>) -> Time {
        if self.hours == 0 {
            return Time::NEVER;
        }
        let asked = |row: &[u64; W]| row.get(words.clone()).unwrap_or_default().iter().any(|word| *word != 0);
        let tests = self.tests.iter().zip(&self.asking).filter(|(_, row)| asked(row));
        tests.map(|(test, _)| test.changes(now)).min().unwrap_or(Time::NEVER)
    }
}

impl<const W: usize> Rows<'_, W> {
    /// The first rule of some words that holds.
    pub fn first(&self, words: Range<usize>) -> Option<usize> {
        let mut at = words.start;
        if words.len() == 1 {
            return bit(at, self.word(at));
        }
        while at < words.end {
            let four = at / 4;
            let next = (four + 1) * 4;
            // Four words at a time: most of them are 0 by one row of each kind.
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

    /// What is left in any of four words by what one row of each kind says.
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

    /// Which of these hold by what takes more than a row.
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
            // Of several places one suffices to forbid, and all are needed to permit. An unknown one may be any.
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
            let (mut outside, mut left) = (0, self.goes);
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
