//! The ranking of nodes is the same on every machine (`IACP §4.1.3`): on the host and on a Cortex-M4, which has no hardware for
//! the floats of the cosine.

#[path = "../firmware/src/ranking.rs"]
mod ranking;

use std::io::{Write, stderr};
use std::path::Path;

use footprint::image::{Board, Feature, Image, TARGET, target_is_available};
use footprint::qemu;

/// What every machine finds: two halves of a sum over all scores, verdicts and the best path, and how many nodes are streamed at
/// once by their score.
const FOUND: [u32; 3] = [2_409_555_019, 479_300_650, 16];

#[test]
fn the_host_finds_what_is_written_down() {
    // shows: IACP-043 (§4.1.3.1)
    assert_eq!(ranking::found(), FOUND);
}

#[test]
fn a_microcontroller_finds_the_same() {
    // shows: IACP-043 (§4.1.3.1)
    let absent = if target_is_available() { qemu::version().err() } else { Some(format!("{TARGET} is absent")) };
    if let Some(why) = absent {
        return writeln!(stderr(), "\n*** NOT TESTED: ranking: {why} ***").expect("standard error is open");
    }
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ranking");
    let image = Image::build(&target_dir, &[Feature::Ranking]).unwrap_or_else(|error| panic!("{error:?}"));
    let run = qemu::run(Board::Mps2, image.path(), &mut ()).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(run.found, FOUND);
}
