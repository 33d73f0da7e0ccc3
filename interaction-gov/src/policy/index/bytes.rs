//! The index as bytes in a compiled policy.

use super::Index;
use crate::bytes::{FieldError, Reader, Writer, attempt};
use crate::policy::rule::Test;

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

impl<const W: usize, const T: usize, const K: usize> Index<W, T, K> {
    /// The rows of the index in the order of their bytes; of tests and places only those that are used.
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

    /// Writes its first words as bytes.
    pub fn write(&self, words: usize, to: &mut Writer<'_>) {
        to.u8(u8::try_from(self.tests.len()).unwrap_or(u8::MAX));
        self.tests.iter().for_each(|test| to.put(&test.bytes()));
        to.u8(self.used);
        to.put(&self.places);
        self.write_rows(words, to);
        for super::Says { id, line, obligations } in self.says.get(..words).unwrap_or_default().as_flattened() {
            to.u32(*id);
            to.u16(*line);
            to.u16(*obligations);
        }
    }

    /// Reads the same bytes into an index without rules.
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
        if places > K {
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
                *rule = super::Says {
                    id: attempt!(from.u32()),
                    line: attempt!(from.u16()),
                    obligations: attempt!(from.u16()),
                };
                rules = others;
            }
            (says, left) = (rest, left - 1);
        }
        Ok(())
    }
}
