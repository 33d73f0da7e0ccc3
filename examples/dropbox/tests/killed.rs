//! The real program, killed at random moments.

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use cep_envelope::decision::Outcome;
use dropbox::{Half, Sealing};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use support::*;

/// Objects of one line.
const OBJECTS: usize = 300;
/// Processes at most, until one may finish.
const KILLS: usize = 400;

#[test]
fn a_line_of_objects_survives_whatever_moment_the_program_is_killed_at() {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).expect("randomness");
    let seed = u64::from_le_bytes(seed);
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);

    let place = Place::new();
    let keys = place.folder.path().join("keys.json");
    dropbox::Keys::add_to_file(&keys, binding(&alice())).expect("written");
    let mut line = Vec::new();
    for number in 0..OBJECTS {
        let seconds = i64::try_from(OBJECTS - number).expect("few");
        let parent = line.last().map_or(sealing(0).parent, |(parent, _)| child_of(parent));
        let object = format!("object {number}");
        line.push((seal(Sealing { parent, ..sealing(seconds) }, object.as_bytes()), object));
    }
    for (sealed, object) in &line {
        place.drop(sealed, object.as_bytes());
    }

    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
        command.arg("run").arg(place.settings.folders.root()).args(["--name", BOB, "--once"]).arg("--keys").arg(&keys);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let (mut kills, mut under_way) = (0, 0);
    // Whatever the machine, so long that some objects are decided in most processes, and not all in one.
    let mut longest = 2_000;
    while kills < KILLS && !entries(&place.inbox()).is_empty() {
        let before = entries(&place.inbox()).len();
        let mut child = run().spawn().expect("it starts");
        std::thread::sleep(Duration::from_micros(random.next_u64() % longest));
        child.kill().expect("killed");
        // Killed, or done before it could be.
        let status = child.wait().expect("it ends");
        assert!(status.success() || status.code().is_none(), "seed {seed}: {status}");
        kills += 1;
        under_way += usize::from(!entries(&place.settings.folders.work()).is_empty());
        let taken = before - entries(&place.inbox()).len();
        longest = if taken == 0 { (longest * 2).min(4_000_000) } else { (longest / 2).max(500) };
    }
    println!("{kills} kills, {under_way} of them with an object under way");
    assert!(under_way > 0, "seed {seed}: no process was killed with an object under way in {kills} kills");
    assert!(run().status().expect("it starts").success());

    place.inbox_is_empty();
    place.nothing_is_under_way();
    let journal = place.journal();
    assert_eq!(journal.len(), OBJECTS);
    assert_eq!(place.decided().len(), OBJECTS);
    for ((sealed, object), decided) in line.iter().zip(&journal) {
        // Each continues the one before: had one been lost or decided twice, none after it could.
        assert_eq!((&decided.name, decided.outcome.0), (&sealed.name, Outcome::Continue), "seed {seed}");
        let folder = place.folder_of(decided);
        let manifest = folder.join(format!("{}{}", sealed.name, Half::Manifest.suffix()));
        assert_eq!(place.find(object.as_bytes()), [(Outcome::Continue, folder.join(&sealed.name))], "seed {seed}");
        assert_eq!(place.find(&sealed.outer), [(Outcome::Continue, manifest)], "seed {seed}");
    }
}
