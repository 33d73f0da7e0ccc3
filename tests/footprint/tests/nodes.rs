//! Size is a test: what a session node takes of a microcontroller stays within its budget; and its image has no heap,
//! and no call into the panic machinery that received bytes could reach, except those that are named here.

use std::io::{Write, stderr};
use std::path::Path;

use footprint::image::{Board, Feature, Image, board_is_available};
use footprint::nodes::{self, NODES};
use footprint::peer::List;
use footprint::program::{self, Budgets, Program};
use footprint::qemu;

/// Not `eprintln!`, which is only shown for tests that fail.
fn say(line: &str) {
    writeln!(stderr(), "\n{line}").expect("standard error is open");
}

/// What a step with bytes from outside begins with.
const ROOTS: [&str; 5] = [
    "node::steps::receive",
    "node::steps::answer",
    "node::steps::accept",
    "node::steps::transmit",
    "node::steps::deadline",
];

/// Those that a node which only opens sessions does not have.
const OF_A_RESPONDER: [&str; 2] = ["node::steps::answer", "node::steps::accept"];

/// What calls into the panic machinery although the call is never reached: arithmetic of other libraries over arrays of
/// fixed length, whose indices the compiler cannot prove to be in range at opt-level "z". No length and no index of
/// theirs is a received one. `tests/no-panic` shows the same of all but salty.
const ELSEWHERE: [&str; 7] = [
    // RustCrypto's: blocks of a cipher, also where they are inlined.
    "cipher::stream::StreamCipher::try_apply_keystream",
    "iacp_core::crypto::chacha::Stream::new",
    // SHA-512 and scalars, and 64 bytes of a signature.
    "salty::",
    "iacp_salty::sign",
    // The same of the other library, which is inlined there.
    "ed25519_compact::",
    "iacp_core::crypto::curve::",
    "digest::",
];

/// The harness. No received byte leads there; the search takes any odd constant for the address of a function.
const HARNESS: [&str; 4] =
    ["firmware::meter::", "firmware::node::all", "firmware::node::steps::identity", "firmware::host::"];

/// The machinery itself, and core's functions that lead there and nowhere else: an index, a zip of chunks.
fn is_panic(name: &str) -> bool {
    let parts = [
        "panic",
        "unwrap_failed",
        "expect_failed",
        "SliceIndex<[T]>>::index",
        "ops::index::Index",
        "copy_from_slice_impl",
        "ZipImpl<A,B>>::new",
        "Iterator::zip",
    ];
    parts.iter().any(|part| name.contains(part)) || name.ends_with("_fail")
}

fn opens_only(node: &Program) -> bool {
    !node.features.contains(&Feature::Responder)
}

fn check_image(node: &Program, image: &Image) {
    let code = image.code().expect("code");
    let heap = ["__rust_alloc", "__rg_alloc", "__rdl_alloc", "alloc::", "malloc"];
    let on_the_heap = code.functions().find(|function| heap.iter().any(|name| function.name.contains(name)));
    assert!(on_the_heap.is_none(), "{}: {on_the_heap:?}", node.title);

    // The search sees what is there: all of the roots, and the calls that are named above.
    let is_root = |name: &str| ROOTS.iter().any(|root| name.ends_with(root));
    for root in ROOTS.iter().filter(|root| !(opens_only(node) && OF_A_RESPONDER.contains(root))) {
        assert!(code.functions().any(|function| function.name.ends_with(root)), "{root} is not there");
    }
    let calls = code.calls(is_root, is_panic);
    assert!(calls.iter().any(|(caller, _)| caller.contains("chacha::Stream::new")), "{}: {calls:#?}", node.title);
    let unexpected: Vec<_> = calls
        .iter()
        .filter(|(caller, _)| !ELSEWHERE.iter().chain(&HARNESS).any(|name| caller.contains(name)))
        .collect();
    assert!(unexpected.is_empty(), "{}: {unexpected:#?}", node.title);
}

fn check_budgets(node: &Program, target_dir: &Path) {
    let (measured, image, peers) = nodes::measure(node, target_dir).unwrap_or_else(|error| panic!("{error:?}"));
    say(&measured.table(node));
    let found = measured.violations(node, node.budgets);
    assert!(found.is_empty(), "{}: {found:#?}", node.title);
    check_image(node, &image);
    if let Some(why) = &measured.not_run {
        return say(&format!("*** NOT TESTED: stack: {why} ***"));
    }
    // Both peers had a short one, and a long one where there is room for it, and sent them back.
    let echoed: &[usize] = if node.board == Board::Microbit { &[64, 64] } else { &[64, 64, 1_024, 1_024] };
    assert_eq!(peers.echoed(), echoed);
    // Each budget can fail: with one byte less than measured it does.
    let exact =
        Budgets { flash: measured.flash, ram: measured.ram(), stack: measured.stack(), in_all: measured.in_all(node) };
    assert!(measured.violations(node, exact).is_empty());
    for budgets in [
        Budgets { flash: exact.flash - 1, ..exact },
        Budgets { ram: exact.ram - 1, ..exact },
        Budgets { stack: exact.stack - 1, ..exact },
        Budgets { in_all: exact.in_all - 1, ..exact },
    ] {
        assert_eq!(measured.violations(node, budgets).len(), 1, "{budgets:?}");
    }
}

#[test]
fn session_nodes_take_no_more_than_their_budget() {
    // Where `cargo run -p footprint` builds them, too.
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("footprint");
    for node in NODES {
        if board_is_available(node.board) {
            check_budgets(&node, &target_dir);
        } else {
            say(&format!("*** NOT TESTED: {}: {} is absent ***", node.title, node.board.target()));
        }
    }

    // In the same directory, for its libraries are built by now: frames of all kinds, parsed.
    let frames = nodes::FRAMES;
    if !board_is_available(frames.board) {
        return say(&format!("*** NOT TESTED: {}: {} is absent ***", frames.title, frames.board.target()));
    }
    let measured = nodes::measure_frames(&target_dir).unwrap_or_else(|error| panic!("{error:?}"));
    say(&measured.table(&frames));
    let found = measured.violations(&frames, frames.budgets);
    assert!(found.is_empty(), "{found:#?}");

    // And a whole decision of a receiver.
    let decision = program::DECISION;
    let measured = decision.measure(&target_dir.join("compact"), &mut ()).unwrap_or_else(|error| panic!("{error:?}"));
    say(&measured.table(&decision));
    let found = measured.violations(&decision, decision.budgets);
    assert!(found.is_empty(), "{found:#?}");

    // And the vectors of strict verification on the assembly of salty, which hosts do not run.
    if qemu::version().is_err() {
        return say("*** NOT TESTED: strict verification on the assembly of salty: QEMU is absent ***");
    }
    let image = Image::build_for(&target_dir.join("compact"), Board::Mps2, true, &[Feature::Strict, Feature::Salty]);
    let image = image.unwrap_or_else(|error| panic!("{error:?}"));
    let (mut list, expected) = List::strict().expect("the vectors");
    qemu::run(Board::Mps2, image.path(), &mut list).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(list.verdicts, expected);
}
