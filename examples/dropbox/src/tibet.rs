//! Bundles of another implementation: what tibet-drop 0.3.4 and tibet-continuityd 0.6.17 write.
//!
//! ```text
//! "TBZ" | 0x01 | blocks, u32 | length, u32 | manifest in CBOR | length, u32 | block | …     one file, nothing beside it
//! "TBZ" | 0x85 | …                                                                          tbz-packer, before it
//! ```
//!
//! Lengths are big-endian. The manifest is inside, signed in another way and about other members than `CEP §6` has (docs/tibet.md
//! has a table), so no sealed manifest comes beside such a file, and none is waited for. What the manifest says is a claim here:
//! it is told to the reader of the decision, and proves nothing.

use ciborium::Value;

/// What helps.
pub(crate) const ADVICE: &str = "'tibet-drop verify' checks the bundle itself; to let it go on here, its sender seals it ('dropbox seal FILE') or \
     puts a manifest beside it";

/// How every bundle begins.
const MAGIC: &[u8] = b"TBZ";
/// The longest manifest that is read, in bytes.
const LONGEST_MANIFEST: usize = 64 << 10;
/// How deep a manifest may be nested: a map, the list of blocks, a block.
const DEEPEST: usize = 8;
/// The longest text of a manifest that is repeated, in bytes.
const LONGEST_TEXT: usize = 128;
/// The members that a bundle's manifest has in common with a sealed manifest's surface, in the order of a surface.
const SURFACE: [&str; 4] = ["surface_time_fragment", "surface_context", "surface_profile", "surface_priority"];

/// Whether a file with this beginning is such a bundle.
pub(crate) fn is_bundle(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// What a bundle says of itself, in words; nothing if the file is none.
pub(crate) fn in_words(name: &[u8], file: &[u8]) -> Option<String> {
    let rest = file.strip_prefix(MAGIC)?;
    Some(match rest.first() {
        Some(1) => match read(rest) {
            Ok(manifest) => format!("a bundle of tibet-drop; {}", manifest.words(name)),
            Err(why) => format!("a bundle of tibet-drop, and {why}"),
        },
        Some(0x85) => "a bundle of tbz-packer, which tibet-drop reads no more".into(),
        _ => "a TBZ bundle of an unknown version".into(),
    })
}

/// What is claimed.
struct Manifest {
    sender: Option<String>,
    receiver: Option<String>,
    created: Option<String>,
    blocks: usize,
    surface: Option<String>,
}

/// Four bytes, and what follows them.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
}

fn read(versioned: &[u8]) -> Result<Manifest, &'static str> {
    const SHORT: &str = "it ends too early";
    let (_, rest) = versioned.split_first().ok_or(SHORT)?;
    let (total, rest) = length(rest).ok_or(SHORT)?;
    let (long, rest) = length(rest).ok_or(SHORT)?;
    if long > LONGEST_MANIFEST {
        return Err("its manifest is longer than 65536 bytes");
    }
    let (manifest, mut rest) = rest.split_at_checked(long).ok_or(SHORT)?;
    for _ in 1..total {
        let (long, block) = length(rest).ok_or(SHORT)?;
        rest = block.get(long..).ok_or(SHORT)?;
    }
    if total == 0 || !rest.is_empty() {
        return Err("something follows its blocks");
    }
    let mut cbor = manifest;
    let value: Value =
        ciborium::de::from_reader_with_recursion_limit(&mut cbor, DEEPEST).map_err(|_| "its manifest is no CBOR")?;
    let Value::Map(members) = value else { return Err("its manifest is no CBOR map") };
    let text = |name: &str| {
        let (_, value) = members.iter().find(|(key, _)| key.as_text() == Some(name))?;
        value.as_text().filter(|text| text.len() <= LONGEST_TEXT).map(str::to_owned)
    };
    let surface: Option<Vec<_>> = SURFACE.into_iter().map(text).collect();
    Ok(Manifest {
        sender: text("sender_aint"),
        receiver: text("receiver_aint"),
        created: text("created_at"),
        blocks: total - 1,
        surface: surface.map(|parts| parts.join(".")),
    })
}

impl Manifest {
    fn words(&self, name: &[u8]) -> String {
        let said = |text: &Option<String>| text.clone().map_or_else(|| "none".into(), |text| format!("'{text}'"));
        let created = self.created.as_ref().map(|at| format!(", of {at}")).unwrap_or_default();
        let named = match &self.surface {
            None => "names no surface".to_owned(),
            Some(surface) if name.strip_prefix(surface.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'.')) => {
                "names the surface that its file has".to_owned()
            }
            Some(surface) => format!("names another surface, '{surface}'"),
        };
        format!(
            "its own manifest claims sender {}, receiver {}, {} blocks{created}, and {named}",
            said(&self.sender),
            said(&self.receiver),
            self.blocks
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &[u8] = b"2026-05-14.tcd-send.claude.normal.tza";
    const BUNDLE: &[u8] = include_bytes!("../tests/tibet/2026-05-14.tcd-send.claude.normal.tza");
    const BARE: &[u8] = include_bytes!("../tests/tibet/2026-05-14.bare.claude.normal.tza");
    const RESEALED: &[u8] = include_bytes!("../tests/tibet/2026-05-15.resealed.tza.normal.tza");
    const LEGACY: &[u8] = include_bytes!("../tests/tibet/2026-05-11.legacy.claude.normal.tza");

    fn words(name: &[u8], file: &[u8]) -> String {
        in_words(name, file).expect("a bundle")
    }

    #[test]
    fn what_the_real_packages_wrote_is_read() {
        let claims = "its own manifest claims sender 'jasper.aint', receiver 'bob.aint'";
        let told = words(NAME, BUNDLE);
        assert!(
            told.contains(claims) && told.contains("2 blocks") && told.ends_with("the surface that its file has"),
            "{told}"
        );
        let told = words(b"2026-05-15.resealed.tza.normal.tza", RESEALED);
        assert!(told.contains(claims) && told.contains("1 blocks"), "{told}");
        let told = words(b"2026-05-14.bare.claude.normal.tza", BARE);
        assert!(told.contains(claims) && told.ends_with("names no surface"), "{told}");
        let told = words(b"2026-05-14.tcd-send.claude.urgent.tza", BUNDLE);
        assert!(told.ends_with("names another surface, '2026-05-14.tcd-send.claude.normal'"), "{told}");
        assert!(words(NAME, LEGACY).contains("tbz-packer"));
        assert_eq!(in_words(NAME, b"{\"a\":1}"), None);
    }

    #[test]
    fn whatever_follows_the_magic_is_told_and_harms_nothing() {
        for end in 4..BUNDLE.len() {
            let told = words(NAME, BUNDLE.get(..end).expect("shorter"));
            assert!(told.ends_with("it ends too early"), "{end}: {told}");
        }
        assert!(words(NAME, &[BUNDLE, b"x"].concat()).ends_with("something follows its blocks"));
        for version in [0, 2, 0x84, 0xff] {
            assert!(words(NAME, &[b'T', b'B', b'Z', version, 0]).contains("unknown version"));
        }
        let with = |manifest: &[u8]| {
            let long = u32::try_from(manifest.len()).expect("short").to_be_bytes();
            [b"TBZ\x01\0\0\0\x01", &long[..], manifest].concat()
        };
        assert!(words(NAME, &with(b"")).ends_with("no CBOR"));
        assert!(words(NAME, &with(&[0x81; 60_000])).ends_with("no CBOR"), "deeply nested");
        assert!(words(NAME, &with(&[0x01])).ends_with("no CBOR map"));
        // A map that claims 2^64 - 1 members, and a text of as many bytes.
        assert!(words(NAME, &with(b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff")).ends_with("no CBOR"));
        assert!(words(NAME, &with(b"\xa1\x7b\xff\xff\xff\xff\xff\xff\xff\xff")).ends_with("no CBOR"));
        assert!(words(NAME, &with(&[0; 65_537])).ends_with("longer than 65536 bytes"));
        assert!(
            words(NAME, b"TBZ\x01\0\0\0\0\0\0\0\x01\xa0").ends_with("something follows its blocks"),
            "no blocks at all"
        );
        for place in 0..BUNDLE.len() {
            let mut changed = BUNDLE.to_vec();
            changed[place] ^= 0x55;
            assert!(in_words(NAME, &changed).is_some() || place < 3);
        }
    }
}
