//! The whole decision about a delivery, from a notification's bytes on, against the bare SHA-256 of its object.

use std::hint::black_box;

use benches::{ComparesBytes, Effort, Envelope, Goal, Pairs, known, objects};
use cep_envelope::lineage::{Lineage, Parent};
use cep_envelope::manifest::{Manifest, SealedManifest};
use cep_envelope::notification::Notification;
use iacp_core::crypto::Portable;

const MIB: usize = 1 << 20;

pub fn run(pairs: &mut Pairs) {
    let envelope = Envelope::<Portable>::new(MIB);
    let (judge, hash) = (|| envelope.judge(), || envelope.hash());
    pairs.compare(("decide", "1 MiB, to its SHA-256"), Goal::None, Effort::Careful, judge, hash);
    let name = "1 MiB, verified by AWS-LC, to its SHA-256";
    let fast = || envelope.judge_with(&ComparesBytes);
    pairs.compare(("decide", name), Goal::AtMost(1.05), Effort::Careful, fast, hash);
    let both = || (envelope.verify(), envelope.hash());
    let name = "1 MiB, to its SHA-256 and one strict verification";
    pairs.compare(("decide", name), Goal::None, Effort::Careful, judge, both);
    let large = Envelope::<Portable>::new(16 * MIB);
    let (judge, hash) = (|| large.judge(), || large.hash());
    pairs.compare(("decide", "16 MiB, to its SHA-256"), Goal::None, Effort::Careful, judge, hash);
    let none = Envelope::<Portable>::new(0);
    pairs.compare(
        ("decide", "0 bytes, to one strict verification"),
        Goal::None,
        Effort::Careful,
        || none.judge(),
        || none.verify(),
    );

    let bytes = envelope.notification();
    read(pairs, "a notification", bytes, || Notification::read(black_box(bytes)).map(black_box).is_ok());
    let bytes = envelope.manifest();
    read(pairs, "a manifest", bytes, || Manifest::read(black_box(bytes)).map(black_box).is_ok());
    let bytes = envelope.sealed();
    read(pairs, "an outer object", bytes, || SealedManifest::parse(black_box(bytes)).map(black_box).is_ok());

    let (few, many) = (look_ups(1_000), look_ups(100_000));
    pairs.compare(("look up", "a parent among 100,000, to one among 1,000"), Goal::None, Effort::Careful, many, few);
}

/// Reading, against one copy of the bytes.
fn read(pairs: &mut Pairs, what: &str, bytes: &[u8], read: impl FnMut() -> bool) {
    let mut buffer = vec![0; bytes.len()];
    let copy = || {
        buffer.copy_from_slice(black_box(bytes));
        black_box(buffer.as_slice());
    };
    pairs.compare(("read", &format!("{what}, {} bytes", bytes.len())), Goal::None, Effort::Brief, read, copy);
}

/// Looks up one object after the other.
fn look_ups(count: u32) -> impl FnMut() {
    let objects = objects(count);
    let lineage = known(&objects);
    let mut next = 0;
    move || {
        next = (next + 1) % objects.len();
        let parent = lineage.parent(black_box(&objects[next]));
        assert!(matches!(parent, Parent::Approved(_)));
        black_box(parent);
    }
}
