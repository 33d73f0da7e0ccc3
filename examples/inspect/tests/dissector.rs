//! The Wireshark dissector shows of every golden frame what `inspect frame --json` shows, field by field.

mod program;
mod tshark;

use std::{fs, path::Path};

use program::run;
use serde_json::Value;

/// Frames of docs/vectors.json: `frames` has every message, written by hand; `refused` has the same frames damaged.
fn vectors(list: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vectors.json");
    let vectors: Value = serde_json::from_slice(&fs::read(path).expect("the vectors")).expect("JSON");
    let frames = vectors[list].as_array().expect("a list").iter();
    frames.map(|frame| frame["hex"].as_str().expect("hex").to_owned()).collect()
}

/// A capture of link type USER0: a header of 24 bytes, and 16 before each frame.
fn capture(frames: &[String]) -> Vec<u8> {
    const USER0: u32 = 147;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut bytes = words(&[0xA1B2_C3D4, 0x0004_0002, 0, 0, 65_535, USER0]);
    for frame in frames {
        let frame = hex::decode(frame).expect("hex");
        let length = u32::try_from(frame.len()).expect("a frame is short");
        bytes.extend(words(&[0, 0, length, length]));
        bytes.extend(frame);
    }
    bytes
}

/// What tshark shows of frames, if it is installed.
fn dissected(frames: &[String], name: &str) -> Option<Vec<Value>> {
    let folder = std::env::temp_dir().join(format!("iacp-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let pcap = folder.join("frames.pcap");
    let (lua, complaints, ok) = run(&["dissector"], b"");
    assert!(ok, "{complaints}");
    fs::write(&pcap, capture(frames)).expect("written");
    let shown = tshark::dissected(&lua, &pcap, &folder, &[]);
    let _ = fs::remove_dir_all(&folder);
    assert!(shown.as_ref().is_none_or(|shown| shown.len() == frames.len()));
    shown
}

#[test]
fn tshark_shows_every_field_of_every_golden_frame() {
    let frames = vectors("frames");
    assert!(frames.len() > 40, "only {} golden frames", frames.len());
    let Some(shown) = dissected(&frames, "golden") else { return };

    let mut compared = 0;
    for (hex, shown) in frames.iter().zip(&shown) {
        let (said, complaints, ok) = run(&["frame", "--json", hex], b"");
        assert!(ok, "{complaints}");
        let said: Value = serde_json::from_str(&said).expect("JSON");
        compared += tshark::compare(shown, &said);
    }
    assert!(compared > 200, "only {compared} fields were compared");
}

#[test]
fn tshark_says_malformed_of_every_frame_that_is_refused() {
    let frames = vectors("refused");
    assert!(frames.len() > 400, "only {} frames", frames.len());
    let Some(shown) = dissected(&frames, "refused") else { return };
    for (frame, shown) in frames.iter().zip(shown) {
        assert!(shown.to_string().contains("iacp.malformed"), "{frame}: {shown}");
    }
}
