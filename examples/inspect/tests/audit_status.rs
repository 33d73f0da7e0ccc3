//! The exit code of `inspect audit`: a row for each way in which a trail can be whole, wrong or not fully shown (`IoE
//! R6`).

mod govern;
mod program;
mod trail;

use govern::Place;
use trail::{PLANE, call, head_line, key};

// Everything is shown; something is wrong; the command line is wrong; something is not shown.
const WHOLE: i32 = 0;
const WRONG: i32 = 1;
const USAGE: i32 = 2;
const NOT_SHOWN: i32 = 3;

#[test]
fn every_status_says_what_was_verified() {
    let place = Place::governed("audit-status");
    let (call, other) = (call(7), call(8));
    let line = |at: usize, signer: u8| head_line(&call.heads[at], signer) + "\n";
    let mut altered = call.records.clone();
    altered[5][50] ^= 1;
    let mut swapped = call.records.clone();
    swapped.swap(4, 5);
    let files = [
        ("whole.trail", call.trail()),
        ("other.trail", other.trail()),
        ("altered.trail", altered.concat()),
        ("swapped.trail", swapped.concat()),
        ("cut.trail", call.records[..8].concat()),
        ("begun.trail", call.records[..7].concat()),
        ("torn.trail", call.trail()[..1_000].to_vec()),
        ("empty.trail", Vec::new()),
        ("heads", call.heads().into()),
        ("other.heads", other.heads().into()),
        ("early.heads", (line(0, PLANE) + &line(1, PLANE)).into()),
        ("forged.heads", (line(0, PLANE) + &line(1, PLANE) + &line(2, 8)).into()),
        ("no.heads", Vec::new()),
        ("other.policy", govern::CORPORATE.replace("permit export", "permit any on video").into()),
    ];
    for (name, content) in files {
        place.file(name, content);
    }
    let key = hex::encode(key(PLANE));
    let (this, another) = ("07".repeat(16), "08".repeat(16));
    let rows: [(&str, &str, &[&str], i32); 24] = [
        ("a whole trail", "whole.trail", &["--heads", "heads", "--key", &key], WHOLE),
        ("and it is this one's", "whole.trail", &["--heads", "heads", "--key", &key, "--interaction", &this], WHOLE),
        ("as far as it goes", "begun.trail", &["--heads", "early.heads", "--key", &key, "--unfinished"], WHOLE),
        (
            "by its texts",
            "whole.trail",
            &["--heads", "heads", "--key", &key, "--replay", "corporate.policy", "privacy.policy"],
            WHOLE,
        ),
        ("altered", "altered.trail", &["--heads", "heads", "--key", &key], WRONG),
        ("moved", "swapped.trail", &["--heads", "heads", "--key", &key], WRONG),
        ("cut behind a head", "cut.trail", &["--heads", "heads", "--key", &key], WRONG),
        ("cut at a head", "begun.trail", &["--heads", "heads", "--key", &key], WRONG),
        (
            "cut at a head, and said to go on",
            "begun.trail",
            &["--heads", "heads", "--key", &key, "--unfinished"],
            WRONG,
        ),
        ("torn within a record", "torn.trail", &["--heads", "no.heads", "--key", &key], WRONG),
        ("without a record", "empty.trail", &["--heads", "no.heads", "--key", &key], WRONG),
        ("another's trail", "other.trail", &["--heads", "heads", "--key", &key], WRONG),
        ("another's heads", "whole.trail", &["--heads", "other.heads", "--key", &key], WRONG),
        ("another's, whole", "other.trail", &["--heads", "other.heads", "--key", &key, "--interaction", &this], WRONG),
        (
            "not the one that is asked for",
            "whole.trail",
            &["--heads", "heads", "--key", &key, "--interaction", &another],
            WRONG,
        ),
        ("a forged head", "whole.trail", &["--heads", "forged.heads", "--key", &key], WRONG),
        (
            "by other texts",
            "whole.trail",
            &["--heads", "heads", "--key", &key, "--replay", "other.policy", "privacy.policy"],
            WRONG,
        ),
        ("no such file", "nowhere.trail", &["--heads", "heads", "--key", &key], WRONG),
        ("a key that is none", "whole.trail", &["--heads", "heads", "--key", "07"], USAGE),
        ("without a key", "whole.trail", &["--heads", "heads"], NOT_SHOWN),
        ("without heads", "whole.trail", &["--key", &key], NOT_SHOWN),
        ("with emptied heads", "whole.trail", &["--heads", "no.heads", "--key", &key], NOT_SHOWN),
        ("with heads of its beginning", "whole.trail", &["--heads", "early.heads", "--key", &key], NOT_SHOWN),
        ("unfinished, and nobody says so", "begun.trail", &["--heads", "early.heads", "--key", &key], NOT_SHOWN),
    ];
    for (what, trail, options, expected) in rows {
        let named = |option: &&str| {
            if option.contains(['.', 'h']) && !option.starts_with("--") {
                place.path(option)
            } else {
                (*option).to_owned()
            }
        };
        let options: Vec<String> = options.iter().map(named).collect();
        let replays = options.iter().any(|option| option == "--replay");
        let names = place.path("names");
        let vocabulary: &[&str] = if replays { &["--vocabulary", &names] } else { &[] };
        let trail = place.path(trail);
        let args: Vec<&str> = ["audit", &trail]
            .into_iter()
            .chain(vocabulary.iter().copied())
            .chain(options.iter().map(String::as_str))
            .collect();
        for json in [&[][..], &["--json"]] {
            let output = program::inspect(&[&args, json].concat(), b"");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(expected), "{what}: {told}");
        }
    }
}
