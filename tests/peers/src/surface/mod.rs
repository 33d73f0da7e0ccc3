//! Surfaces (`CEP §5.2`), read by parsers of four makes: ours, and the same grammar in regex, winnow and pest.
//!
//! All take exactly the same names and give the same segments, which the tests show. Ours gives more, which can only
//! make it slower: the time as numbers, the warnings, and where and why a name is refused.

mod by_pest;
mod by_regex;
mod by_winnow;
mod names;

pub use by_pest::parse as pest;
pub use by_regex::Parser as Regex;
pub use by_winnow::parse as winnow;
pub use names::{Kind, NAMES};

use cep_envelope::Surface;

/// What a name consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments<'a> {
    /// In one of its three forms.
    pub time: &'a str,
    /// What the object is about.
    pub context: &'a str,
    /// How it is to be read.
    pub profile: &'a str,
    /// The priority that the sender claims.
    pub priority: &'a str,
    /// Whatever else.
    pub extension: Option<&'a str>,
}

/// Our parser.
#[must_use]
pub fn ours(name: &str) -> Option<Segments<'_>> {
    let surface = Surface::parse(name).ok()?;
    Some(Segments {
        time: surface.time_text(),
        context: surface.context(),
        profile: surface.profile(),
        priority: surface.priority(),
        extension: surface.extension(),
    })
}

#[cfg(test)]
mod tests {
    use cep_envelope::{SurfaceError, SurfaceReason};
    use rand_chacha::ChaCha8Rng;
    use rand_core::{Rng, SeedableRng};

    use super::*;

    /// What all of them say.
    fn agreed<'a>(regex: &mut Regex, name: &'a str) -> Option<Segments<'a>> {
        let said = ours(name);
        assert_eq!(regex.parse(name), said, "regex: {name:?}");
        assert_eq!(winnow(name), said, "winnow: {name:?}");
        assert_eq!(pest(name), said, "pest: {name:?}");
        said
    }

    #[test]
    fn all_read_the_measured_names_alike() {
        let mut regex = Regex::default();
        for (kind, name) in NAMES {
            assert_eq!(agreed(&mut regex, name).is_some(), *kind == Kind::Valid, "{name}");
        }
        let read = agreed(&mut regex, "20260514t064148z.message.jasper.normal.tza").expect("the draft's example");
        assert_eq!((read.time, read.context, read.profile), ("20260514t064148z", "message", "jasper"));
        assert_eq!((read.priority, read.extension), ("normal", Some("tza")));
    }

    #[test]
    fn the_measured_names_are_what_they_are_said_to_be() {
        assert!(NAMES.iter().any(|(kind, name)| *kind == Kind::Valid && name.len() == Surface::LONGEST));
        for (kind, name) in NAMES {
            let half = name.len() / 2;
            match (kind, Surface::parse(name)) {
                (Kind::Valid, Ok(_)) => {}
                (Kind::FailsEarly, Err(error)) => assert!(error.offset < half, "{error}"),
                (Kind::FailsLate, Err(error)) => assert!(error.offset > half, "{error}"),
                (_, other) => panic!("{name}: {other:?}"),
            }
        }
        let too_long = |(_, name): &&(Kind, &str)| {
            matches!(Surface::parse(name), Err(SurfaceError { reason: SurfaceReason::TooLong, .. }))
        };
        assert_eq!(NAMES.iter().filter(too_long).count(), 1);
    }

    #[test]
    fn all_read_near_misses_alike() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut regex = Regex::default();
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..1_000 {
            for (_, name) in NAMES {
                let name = near(name, &mut rng);
                match agreed(&mut regex, &name) {
                    Some(_) => taken += 1,
                    None => refused += 1,
                }
            }
        }
        assert!(taken > 1_000 && refused > 1_000, "{taken} taken, {refused} refused");
    }

    /// The name with a character or two changed, taken away or put in, some of the characters being ones that no name
    /// may contain.
    fn near(name: &str, rng: &mut ChaCha8Rng) -> String {
        let mut name: Vec<char> = name.chars().collect();
        let mut below = |limit: usize| usize::try_from(rng.next_u32()).expect("32 bits") % limit;
        for _ in 0..=below(2) {
            let sign = ['a', 'z', '0', '9', '-', '.', 't', 'T', 'z', 'Z', 'é', '\n'][below(12)];
            let place = below(name.len());
            match below(4) {
                0 => name[place] = sign,
                1 => name.insert(place, sign),
                2 => name.push(sign),
                _ => drop(name.remove(place)),
            }
        }
        name.into_iter().collect()
    }
}
