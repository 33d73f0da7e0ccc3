//! TAR in Zstandard: `container-verified` by a check that reads the whole of it.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use cep_envelope::decision::Outcome;
use dropbox::Format;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use support::*;
use tar::{Builder, EntryType, Header};

/// An archive of these entries. Names are written as they are, whatever they say.
fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/passwd").expect("short");
        }
        header.set_cksum();
        builder.append(&header, *bytes).expect("appended");
    }
    builder.into_inner().expect("an archive")
}

fn packed(unpacked: &[u8]) -> Vec<u8> {
    compress_to_vec(unpacked, CompressionLevel::Fastest)
}

fn good() -> Vec<u8> {
    packed(&archive(&[("folder/", EntryType::Directory, b""), ("folder/letter", EntryType::Regular, b"letter")]))
}

fn refused(object: &[u8]) -> String {
    Format::TarZstd.sound(object).expect_err("refused")
}

// shows: CEP-085 (§7)
#[test]
fn a_container_is_verified_by_a_check_and_broken_by_one() {
    let mut place = Place::new();
    place.settings.container = Format::TarZstd;
    let object = good();
    let sealed = seal(sealing(60), &object);
    place.drop(&sealed, &object);
    let line = place.run_one();
    assert_eq!((line.outcome.0, line.proven.as_str()), (Outcome::Continue, "continuation-approved"));
    // What Alice has sealed is what came, and it is no container.
    for (context, object, why) in [
        ("bytes", b"object".to_vec(), "no Zstandard"),
        ("link", packed(&archive(&[("a", EntryType::Symlink, b"")])), "'a' is a link"),
    ] {
        let sealed = seal(dropbox::Sealing { context, ..sealing(50) }, &object);
        place.drop(&sealed, &object);
        let line = place.run_one();
        assert_eq!((line.outcome.0, line.proven.as_str()), (Outcome::Quarantine, "digest-matched"), "{context}");
        assert_eq!(line.deciding, ["container-broken"]);
        assert!(line.words.contains(why), "{}", line.words);
    }
}

#[test]
fn path_tricks_links_and_devices_are_refused() {
    for name in ["../x", "a/../../x", "/etc/passwd", "..", "a\\..\\x", "C:x", "a\nb"] {
        assert!(refused(&packed(&archive(&[(name, EntryType::Regular, b"x")]))).contains("leads elsewhere"), "{name}");
    }
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Block,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::GNUSparse,
        EntryType::Continuous,
    ] {
        let why = refused(&packed(&archive(&[("a", kind, b"")])));
        assert!(why.contains("is a link") || why.contains("neither file nor folder"), "{kind:?}: {why}");
    }
    for (one, twice) in [("a", "a"), ("a", "A"), ("a", "./a"), ("a/b", "a//b"), ("a/b", "./a/./B")] {
        let both = [(one, EntryType::Regular, &b"x"[..]), (twice, EntryType::Regular, b"y")];
        assert!(refused(&packed(&archive(&both))).contains("there twice"));
    }
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let zeros = vec![0; 64 << 20];
    let bomb = packed(&archive(&[("zeros", EntryType::Regular, &zeros)]));
    assert!((bomb.len() as u64) * 200 < zeros.len() as u64, "{}", bomb.len());
    assert!(refused(&bomb).contains("more than is allowed"));
    let many: Vec<_> = (0..10_001).map(|number| number.to_string()).collect();
    let mut noise = 1_u64;
    let bytes: Vec<Vec<u8>> = many
        .iter()
        .map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.to_le_bytes().repeat(4)
        })
        .collect();
    let many: Vec<_> =
        many.iter().zip(&bytes).map(|(name, bytes)| (name.as_str(), EntryType::Regular, bytes.as_slice())).collect();
    let why = refused(&packed(&archive(&many)));
    assert!(why.contains("more than 10000 entries") || why.contains("more than is allowed"), "{why}");
}

#[test]
fn no_cut_no_byte_more_and_no_other_byte_makes_another_sound_container() {
    let object = good();
    assert_eq!(Format::TarZstd.sound(&object), Ok(()));
    for end in 0..object.len() {
        refused(&object[..end]);
    }
    refused(&[&object[..], b"\0"].concat());
    refused(&[&object[..], &object[..]].concat());
    refused(&packed(&[archive(&[("a", EntryType::Regular, b"x")]), b"more".to_vec()].concat()));
    refused(&packed(b""));
    refused(&packed(&[0; 1024]));
    // Any byte: never a panic, whatever it says.
    for at in 0..object.len() {
        for bit in 0..8 {
            let mut other = object.clone();
            other[at] ^= 1 << bit;
            let _ = Format::TarZstd.sound(&other);
        }
    }
}

/// What people have: GNU tar and zstd, where they are installed.
#[test]
fn what_other_programs_pack_is_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("letters")).expect("a folder");
    std::fs::write(folder.path().join("letters/one"), "letter".repeat(1_000)).expect("written");
    let tar = Command::new("tar").args(["--format=ustar", "-cf", "-", "letters"]).current_dir(folder.path()).output();
    let Ok(tar) = tar else { return not_tested("what GNU tar packs: tar is missing") };
    assert_eq!(Format::TarZstd.sound(&packed(&tar.stdout)), Ok(()));
    let zstd = Command::new("zstd").args(["-19", "-q", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut zstd) = zstd else { return not_tested("what zstd packs: zstd is missing") };
    zstd.stdin.take().expect("a pipe").write_all(&tar.stdout).expect("written");
    let packed = zstd.wait_with_output().expect("it ends");
    assert_eq!(Format::TarZstd.sound(&packed.stdout), Ok(()));
}
