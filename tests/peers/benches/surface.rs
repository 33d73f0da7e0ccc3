//! Our parser of surfaces beside parsers of three other makes, on the same names in one run.

use std::hint::black_box;

use benches::{Effort, Goal, Pairs};
use peers::surface::{Kind, NAMES, Regex, ours, pest, winnow};

/// Five times as fast as each of them.
const GOAL: Goal = Goal::Throughput(5.0);

fn main() {
    let mut pairs = Pairs::from_args("peer");
    let all: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
    against_each(&mut pairs, &format!("all {} names", all.len()), &all, GOAL, Effort::Careful);
    for (kind, title) in [
        (Kind::Valid, "surfaces"),
        (Kind::FailsEarly, "names that fail early"),
        (Kind::FailsLate, "names that fail late"),
    ] {
        let names: Vec<_> = NAMES.iter().filter(|(of, _)| *of == kind).map(|(_, name)| *name).collect();
        against_each(&mut pairs, &format!("{} {title}", names.len()), &names, Goal::None, Effort::Brief);
    }
    pairs.finish();
}

fn against_each(pairs: &mut Pairs, title: &str, names: &[&str], goal: Goal, effort: Effort) {
    let mut regex = Regex::default();
    let all = || names.iter().filter(|name| black_box(ours(black_box(name))).is_some()).count();
    let name = |peer| format!("{title}, against {peer}");
    let peer = || names.iter().filter(|name| black_box(regex.parse(black_box(name))).is_some()).count();
    pairs.compare(("surface", &name("regex")), goal, effort, all, peer);
    let peer = || names.iter().filter(|name| black_box(winnow(black_box(name))).is_some()).count();
    pairs.compare(("surface", &name("winnow")), goal, effort, all, peer);
    let peer = || names.iter().filter(|name| black_box(pest(black_box(name))).is_some()).count();
    pairs.compare(("surface", &name("pest")), goal, effort, all, peer);
}
