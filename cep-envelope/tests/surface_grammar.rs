//! The parser accepts exactly the language of the grammar; the matcher is built from the grammar's text.

mod abnf;

use std::collections::BTreeSet;

use abnf::{GRAMMAR, Matcher, Verdict};
use cep_envelope::{Surface, SurfaceError, SurfaceReason};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

const NAMES: [&str; 8] = [
    "20260516t120000z.build.signed-json.high",
    "20260516T120000Z.build.signed-json.high.retry-2",
    "2026-05-16t12-00-00z.a.b.c",
    "2026-05-16T12-00-00z.a.b.c.d",
    "2026-05-16.2026-05-16.20260516t120000z.2026.0",
    "2026-99-99.-.--.---.-",
    "00000000t999999z.0.1.2",
    "9999-99-99t99-99-99z.z9.z-.-z.9z",
];

/// The longest name that each rule allows.
fn longest() -> String {
    let segment = |length| "a".repeat(length);
    ["2026-05-16t12-00-00z", &segment(48), &segment(48), &segment(32), &segment(48)].join(".")
}

/// The parser and the matcher agree, also on the byte of the error.
fn agree(matcher: &Matcher, name: &[u8]) -> Result<(), SurfaceError> {
    let parsed = Surface::parse_bytes(name);
    match (matcher.judge(name), parsed) {
        (Verdict::Derived, Ok(surface)) => assert_eq!(surface.as_str().as_bytes(), name),
        (Verdict::Stuck(place), Err(error)) => {
            assert_eq!(error.offset, place, "{error} in {:?}", name.escape_ascii().to_string());
            assert_eq!(error.reason == SurfaceReason::Ended, place == name.len(), "{error}");
        }
        (verdict, parsed) => panic!("{verdict:?}, but {parsed:?} of {:?}", name.escape_ascii().to_string()),
    }
    if let Ok(text) = std::str::from_utf8(name) {
        assert_eq!(Surface::parse(text), parsed, "both entries say the same");
    }
    parsed.map(|_| ())
}

#[test]
fn the_judge_reads_the_grammar() {
    let matcher = Matcher::new(
        r#"a = 2*3b [ "." c ] / %x30-31
        b = "X" / ( "y" c )
        c = %x7A"#
            .replace("        ", "")
            .as_str(),
    );
    for (text, verdict) in [
        ("xx", Verdict::Derived),
        ("XxX", Verdict::Derived),
        ("yzYzx.z", Verdict::Derived),
        ("0", Verdict::Derived),
        ("1", Verdict::Derived),
        ("", Verdict::Stuck(0)),
        ("2", Verdict::Stuck(0)),
        ("x", Verdict::Stuck(1)),
        ("xxxx", Verdict::Stuck(3)),
        ("yZ", Verdict::Stuck(1)),
        ("xx.", Verdict::Stuck(3)),
        ("xx.zz", Verdict::Stuck(4)),
        ("01", Verdict::Stuck(1)),
    ] {
        assert_eq!(matcher.judge(text.as_bytes()), verdict, "{text}");
    }
}

// shows: CEP-050 (§5.2), CEP-060 (§5.3)
#[test]
fn the_longest_name_has_200_bytes() {
    let matcher = Matcher::new(GRAMMAR);
    assert_eq!(matcher.longest(), Surface::LONGEST);
    let name = longest();
    assert_eq!(name.len(), 200);
    assert_eq!(agree(&matcher, name.as_bytes()), Ok(()));
    for byte in 0..=u8::MAX {
        let mut longer = name.clone().into_bytes();
        longer.push(byte);
        assert_eq!(agree(&matcher, &longer).map_err(|error| error.offset), Err(200));
    }
}

// shows: CEP-039 (§5.2), CEP-040 (§5.2), CEP-131 (§12)
#[test]
fn every_prefix_is_judged_alike() {
    let matcher = Matcher::new(GRAMMAR);
    for name in NAMES.into_iter().chain([longest().as_str()]) {
        for end in 0..=name.len() {
            let _ = agree(&matcher, &name.as_bytes()[..end]);
        }
        assert_eq!(agree(&matcher, name.as_bytes()), Ok(()), "{name}");
    }
}

// shows: CEP-048 (§5.2), CEP-049 (§5.2)
#[test]
fn every_change_of_one_byte_is_judged_alike() {
    let matcher = Matcher::new(GRAMMAR);
    let mut reasons = BTreeSet::new();
    for name in NAMES.into_iter().chain([longest().as_str()]) {
        let name = name.as_bytes();
        for place in 0..=name.len() {
            for byte in 0..=u8::MAX {
                let (before, after) = name.split_at(place);
                let with = [before, &[byte], after].concat();
                let instead = [before, &[byte], after.get(1..).unwrap_or_default()].concat();
                for changed in [with, instead] {
                    if let Err(error) = agree(&matcher, &changed) {
                        reasons.insert(error.reason.to_string());
                    }
                }
            }
            let without = [&name[..place], name.get(place + 1..).unwrap_or_default()].concat();
            let _ = agree(&matcher, &without);
        }
    }
    assert_eq!(reasons.len(), 8, "every reason occurs: {reasons:?}");
}

// shows: CEP-038 (§5.1), CEP-041 (§5.2), CEP-042 (§5.2), CEP-043 (§5.2)
// shows: CEP-044 (§5.2), CEP-045 (§5.2), CEP-046 (§5.2), CEP-047 (§5.2)
#[test]
fn a_million_near_misses_are_judged_alike() {
    let matcher = Matcher::new(GRAMMAR);
    let mut near = NearMisses { rng: ChaCha8Rng::seed_from_u64(5_234), name: Vec::new() };
    let mut taken = 0;
    for _ in 0..1_000_000 {
        taken += u32::from(agree(&matcher, near.next()).is_ok());
    }
    assert!((200_000..800_000).contains(&taken), "{taken} were names");
}

/// Names of the grammar, most of them with a few wrong bytes.
struct NearMisses {
    rng: ChaCha8Rng,
    name: Vec<u8>,
}

impl NearMisses {
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.rng.next_u32()).expect("32 bits fit") % limit
    }

    fn next(&mut self) -> &[u8] {
        self.name.clear();
        self.time();
        // From one segment too few to one too many; three and four segments are valid.
        for segment in 0..[2, 3, 3, 3, 3, 4, 4, 4, 4, 5][self.below(10)] {
            self.name.push(b'.');
            self.segment(segment);
        }
        for _ in 0..[0, 0, 1, 1, 2][self.below(5)] {
            self.spoil();
        }
        &self.name
    }

    fn time(&mut self) {
        for sign in ["########t######z", "####-##-##t##-##-##z", "####-##-##"][self.below(3)].bytes() {
            let digit = b"0123456789"[self.below(10)];
            let upper_case = sign.is_ascii_lowercase() && self.below(8) == 0;
            self.name.push(match sign {
                b'#' => digit,
                _ if upper_case => sign.to_ascii_uppercase(),
                _ => sign,
            });
        }
    }

    fn segment(&mut self, segment: usize) {
        let limit = if segment == 2 { 32 } else { 48 };
        let length = match self.below(40) {
            0 => 0,
            1 => limit + 1,
            2 => limit,
            3 => limit - 1,
            _ => 1 + self.below(12),
        };
        for _ in 0..length {
            let sign = b"abcdefghijklmnopqrstuvwxyz0123456789-----0123tz"[self.below(47)];
            self.name.push(sign);
        }
    }

    fn spoil(&mut self) {
        const SIGNS: &[u8] = b"..--09azTZtz:/\\ _`{@AZ;$'\"\0\n\x7f\x80\xc3\xff";
        if self.name.is_empty() {
            return;
        }
        let place = self.below(self.name.len());
        let sign =
            if self.below(4) == 0 { self.rng.next_u32().to_le_bytes()[0] } else { SIGNS[self.below(SIGNS.len())] };
        match self.below(7) {
            0 => drop(self.name.remove(place)),
            1 | 2 => self.name.insert(place, sign),
            3 => self.name.truncate(place),
            4 => self.name[place] = self.name[place].to_ascii_uppercase(),
            5 => {
                let other = self.below(self.name.len());
                self.name.swap(place, other);
            }
            _ => self.name[place] = sign,
        }
    }
}
