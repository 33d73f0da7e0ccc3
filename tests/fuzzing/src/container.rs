//! Containers of a file drop: TAR in Zstandard, built of entries and edited, or any bytes.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Component;

use dropbox::Format;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tar::{Archive, Builder, EntryType, Header};

use crate::vectors::Named;

/// Names, some of which lead elsewhere, are another one's, or are none.
const NAMES: [&str; 16] = [
    "a",
    "b/c",
    "folder/",
    "A",
    "./a",
    "a/",
    "../a",
    "/a",
    "a/../b",
    "a\\b",
    "C:a",
    "a\nb",
    "..",
    ".",
    "folder/letter",
    "\u{e4}",
];
const KINDS: [EntryType; 8] = [
    EntryType::Regular,
    EntryType::Regular,
    EntryType::Regular,
    EntryType::Directory,
    EntryType::Symlink,
    EntryType::Link,
    EntryType::Fifo,
    EntryType::XHeader,
];
/// How many entries an archive of this target has at most.
const MOST: usize = 32;
/// The first byte of an input: any bytes follow, or an archive is built of the bytes that follow, and packed.
const BUILT: u8 = 1;
/// What a container may unpack to, at least, and for each of its bytes.
const LEAST: usize = 64 << 10;
const RATIO: usize = 200;

/// Why an archive that was built is to be refused, if it is: its entries are name, kind, size.
fn is_sound(entries: &[[u8; 3]]) -> bool {
    let mut names = BTreeSet::new();
    let mut all = true;
    for [name, kind, _] in entries {
        let name = NAMES[usize::from(*name) % NAMES.len()];
        let plain = matches!(KINDS[usize::from(*kind) % KINDS.len()], EntryType::Regular | EntryType::Directory);
        let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let elsewhere = name.starts_with('/') || parts.contains(&"..") || name.contains(['\\', ':', '\n']);
        all &= plain && !elsewhere && names.insert(parts.join("/").to_lowercase());
    }
    all && !entries.is_empty()
}

fn archive(entries: &[[u8; 3]]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for [name, kind, size] in entries {
        let name = NAMES[usize::from(*name) % NAMES.len()].as_bytes();
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(KINDS[usize::from(*kind) % KINDS.len()]);
        header.set_mode(0o644);
        header.set_size((*size).into());
        header.set_cksum();
        builder.append(&header, &vec![*size; usize::from(*size)][..]).expect("into memory");
    }
    builder.into_inner().expect("into memory")
}

fn built(entries: &[[u8; 3]]) -> Vec<u8> {
    compress_to_vec(&archive(entries)[..], CompressionLevel::Fastest)
}

/// See [`crate::container()`]. Whether the input is a sound container.
pub fn run(bytes: &[u8]) -> bool {
    let [how, rest @ ..] = bytes else { return false };
    if how & BUILT == 0 {
        return judged(rest);
    }
    // A number of entries, the entries, and edits of the packed bytes: place, and what is there.
    let [count, rest @ ..] = rest else { return false };
    let entries = &rest.as_chunks::<3>().0[..usize::from(*count).min(MOST).min(rest.len() / 3)];
    let mut packed = built(entries);
    let edits = rest[3 * entries.len()..].as_chunks::<3>().0;
    for [high, low, is] in edits {
        let place = usize::from(u16::from_be_bytes([*high, *low])) % packed.len();
        packed[place] ^= is;
    }
    let is_edited = edits.iter().any(|[.., is]| *is != 0);
    let found = judged(&packed);
    assert!(is_edited || found == is_sound(entries), "{entries:?}: {:?}", Format::TarZstd.sound(&packed));
    found
}

/// Any bytes are a container or not. What is one is small enough, and holds nothing but files and folders, each once and each below the
/// folder into which it is unpacked: another way to read it finds the same.
fn judged(packed: &[u8]) -> bool {
    if Format::TarZstd.sound(packed).is_err() {
        return false;
    }
    let mut unpacked = Vec::new();
    let mut decoder = StreamingDecoder::new(packed).expect("it is sound");
    decoder.read_to_end(&mut unpacked).expect("it is sound");
    assert!(unpacked.len() <= packed.len() * RATIO + LEAST, "{} of {} bytes", unpacked.len(), packed.len());
    let mut names = BTreeSet::new();
    for entry in Archive::new(&unpacked[..]).entries().expect("it is sound") {
        let entry = entry.expect("it is sound");
        assert!(matches!(entry.header().entry_type(), EntryType::Regular | EntryType::Directory));
        let path = entry.path().expect("it is sound").into_owned();
        assert!(path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)), "{path:?}");
        assert!(names.insert(path), "each is there once");
    }
    assert!(!names.is_empty());
    true
}

fn of_entries(entries: &[[u8; 3]]) -> Vec<u8> {
    [&[BUILT, u8::try_from(entries.len()).expect("few")], entries.concat().as_slice()].concat()
}

/// Sound ones, one for each reason to refuse, and packed bytes.
pub(crate) fn seeds() -> Named {
    let letter = [[2, 3, 0], [14, 0, 6]];
    let mut seeds = vec![
        ("letter".to_owned(), of_entries(&letter)),
        ("several".to_owned(), of_entries(&[[0, 0, 200], [1, 0, 9], [15, 1, 0]])),
        ("empty".to_owned(), of_entries(&[])),
        ("twice".to_owned(), of_entries(&[[0, 0, 1], [3, 0, 1]])),
        ("edited".to_owned(), [of_entries(&letter), vec![0, 20, 1]].concat()),
        ("packed".to_owned(), [vec![0], built(&letter)].concat()),
        ("followed".to_owned(), [vec![0], built(&letter), vec![0]].concat()),
    ];
    seeds.extend((3..8).map(|kind| (format!("kind-{kind}"), of_entries(&[[0, kind, 0]]))));
    seeds.extend((6..13).map(|name| (format!("name-{name}"), of_entries(&[[name, 0, 1]]))));
    seeds
}
