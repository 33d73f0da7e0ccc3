//! Files of another implementation: what tibet-drop 0.3.4 and tibet-continuityd 0.6.17 write.
//!
//! ```text
//! "TBZ" | 0x01 | blocks, u32 | length, u32 | manifest in CBOR | length, u32 | block | …     one file, nothing beside it
//! "TBZ" | 0x85 | …                                                                          tbz-packer, before it
//! 0xaa or 0xab | 0x61 "v" 0x01 | …                             a seed: a map in canonical CBOR, its signature a member
//! ```
//!
//! Lengths are big-endian. The manifest is inside, signed in another way and about other members than `CEP §6` has (docs/tibet.md
//! has a table), so no sealed manifest comes beside such a file, and none is waited for. What the manifest says is a claim here:
//! it is told to the reader of the decision, and proves nothing. A seed (UPIP) is what two of them say before a transfer; it is no
//! object of the draft's either.

use ciborium::Value;

/// What helps with a bundle.
const ADVICE: &str = "'tibet-drop verify' checks the bundle itself; to let it go on here, its sender seals it ('dropbox seal FILE') or \
     puts a manifest beside it";
/// What helps with a seed.
const ADVICE_ON_SEED: &str = "'tibet-drop seed-inspect' checks the seed itself; the transfer that it speaks of is made by tibet-drop; to let the \
     seed go on here as an object, its sender seals it ('dropbox seal FILE')";

/// How every bundle begins.
const MAGIC: &[u8] = b"TBZ";
/// How both kinds of seeds begin, in canonical CBOR: a map of 10 or 11 members, of which the first is the version, 1.
const SEEDS: [&[u8]; 2] = [b"\xaa\x61v\x01", b"\xab\x61v\x01"];
/// The longest seed, in bytes.
const LONGEST_SEED: usize = 512;
/// The longest manifest that is read, in bytes.
const LONGEST_MANIFEST: usize = 64 << 10;
/// How deep a manifest may be nested: a map, the list of blocks, a block.
const DEEPEST: usize = 8;
/// The longest text of a manifest that is repeated, in bytes.
const LONGEST_TEXT: usize = 128;
/// The members that a bundle's manifest has in common with a sealed manifest's surface, in the order of a surface.
const SURFACE: [&str; 4] = ["surface_time_fragment", "surface_context", "surface_profile", "surface_priority"];

/// How many bytes of a file tell what it is.
pub(crate) const BEGINNING: u64 = 4;

/// Whether a file with this beginning is one of theirs, beside which no manifest comes.
pub(crate) fn is_theirs(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC) || is_seed(beginning)
}

fn is_seed(beginning: &[u8]) -> bool {
    SEEDS.iter().any(|seed| beginning.starts_with(seed))
}

/// What helps.
pub(crate) fn advice(file: &[u8]) -> &'static str {
    if is_seed(file) { ADVICE_ON_SEED } else { ADVICE }
}

/// What a file of theirs says of itself, in words; nothing if it is none.
pub(crate) fn in_words(name: &[u8], file: &[u8]) -> Option<String> {
    if is_seed(file) {
        return Some(match seed(file) {
            Ok(words) => format!("a seed of tibet-drop; {words}"),
            Err(why) => format!("it begins like a seed of tibet-drop, and {why}"),
        });
    }
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
    let members = Members::read(manifest, "its manifest is no CBOR", "its manifest is no CBOR map")?;
    let text = |name: &str| members.text(name);
    let surface: Option<Vec<_>> = SURFACE.into_iter().map(text).collect();
    Ok(Manifest {
        sender: text("sender_aint"),
        receiver: text("receiver_aint"),
        created: text("created_at"),
        blocks: total - 1,
        surface: surface.map(|parts| parts.join(".")),
    })
}

/// The members of a CBOR map.
struct Members(Vec<(Value, Value)>);

impl Members {
    fn read(mut cbor: &[u8], no_cbor: &'static str, no_map: &'static str) -> Result<Self, &'static str> {
        let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut cbor, DEEPEST).map_err(|_| no_cbor)?;
        match value {
            Value::Map(members) if cbor.is_empty() => Ok(Self(members)),
            _ => Err(no_map),
        }
    }

    /// A text that is short enough to be repeated.
    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(key, _)| key.as_text() == Some(name))?;
        value.as_text().filter(|text| text.len() <= LONGEST_TEXT).map(str::to_owned)
    }
}

fn said(text: &Option<String>) -> String {
    text.clone().map_or_else(|| "none".into(), |text| format!("'{text}'"))
}

/// What a seed says.
fn seed(file: &[u8]) -> Result<String, &'static str> {
    if file.len() > LONGEST_SEED {
        return Err("is longer than the 512 bytes of one");
    }
    let members = Members::read(file, "is no CBOR", "is no CBOR map")?;
    let sender = said(&members.text("from"));
    match members.text("kind").as_deref() {
        Some("airdrop_handshake") => Ok(format!("it claims that {sender} offers a transfer")),
        Some("airdrop_consent") => {
            Ok(format!("it claims that {sender} answers {} to one", said(&members.text("consent"))))
        }
        _ => Err("is of no kind that is known"),
    }
}

impl Manifest {
    fn words(&self, name: &[u8]) -> String {
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

    const HANDSHAKE: &[u8] = include_bytes!("../tests/tibet/2026-05-16.handshake.claude.normal.upip");
    const CONSENT: &[u8] = include_bytes!("../tests/tibet/2026-05-16.consent.claude.normal.upip");

    #[test]
    fn a_seed_that_the_real_package_signed_is_named_and_harms_nothing_however_it_is_changed() {
        assert_eq!(words(NAME, HANDSHAKE), "a seed of tibet-drop; it claims that 'jasper.aint' offers a transfer");
        assert_eq!(words(NAME, CONSENT), "a seed of tibet-drop; it claims that 'bob.aint' answers 'accept' to one");
        assert!(advice(CONSENT).contains("seed-inspect") && advice(BUNDLE).contains("tibet-drop verify"));
        for seed in [HANDSHAKE, CONSENT] {
            for end in 4..seed.len() {
                assert!(words(NAME, &seed[..end]).ends_with("and is no CBOR"), "{end}");
            }
            assert!(words(NAME, &[seed, b"x"].concat()).ends_with("and is no CBOR map"));
            assert!(words(NAME, &[seed, &[0; 512]].concat()).ends_with("longer than the 512 bytes of one"));
            for place in 4..seed.len() {
                let mut changed = seed.to_vec();
                changed[place] ^= 0x55;
                assert!(words(NAME, &changed).contains("a seed of tibet-drop"), "{place}");
            }
        }
        // Ten members, nested without end.
        assert!(words(NAME, &[b"\xaa\x61v\x01", &[0x81; 400][..]].concat()).ends_with("is no CBOR"));
        assert!(words(NAME, b"\xaa\x61v\x01\x62ts\xbb\xff\xff\xff\xff\xff\xff\xff\xff").ends_with("is no CBOR"));
        // A map like theirs that says nothing that they say.
        let other: Vec<u8> =
            [&b"\xaa\x61v\x01"[..], &(b'b'..b'k').flat_map(|key| [0x61, key, 0]).collect::<Vec<_>>()].concat();
        assert!(words(NAME, &other).ends_with("is of no kind that is known"));
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
