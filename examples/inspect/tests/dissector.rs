//! The Wireshark dissector says of every golden frame what `inspect frame --json` says, field by field.

mod program;

use std::collections::BTreeMap;
use std::process::Command;
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

/// What stands directly in the protocol's tree, by filter name, as tshark prints it.
fn flat(layers: &Value) -> BTreeMap<&str, &str> {
    let tree = layers["iacp"].as_object().expect("it is dissected");
    tree.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// What tshark shows of frames; nothing if it is not installed, which is said loudly.
fn dissected(frames: &[String], name: &str) -> Option<Vec<Value>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("\n!!!\n!!! the dissector is NOT tested: tshark is not installed (apt-get install tshark)\n!!!\n");
        return None;
    }
    let folder = std::env::temp_dir().join(format!("iacp-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let (script, pcap) = (folder.join("iacp.lua"), folder.join("frames.pcap"));
    let (lua, complaints, ok) = run(&["dissector"], b"");
    assert!(ok, "{complaints}");
    fs::write(&script, lua).expect("written");
    fs::write(&pcap, capture(frames)).expect("written");
    let output = Command::new("tshark")
        .arg("-X")
        .arg(format!("lua_script:{}", script.display()))
        .args(["-T", "json", "--no-duplicate-keys", "-r"])
        .arg(&pcap)
        .env("HOME", &folder)
        .output()
        .expect("tshark runs");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let _ = fs::remove_dir_all(&folder);
    assert!(output.status.success() && !complaints.contains("Lua"), "{complaints}");
    let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(shown.len(), frames.len());
    Some(shown)
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
        let name = said["type"].as_str().expect("a name");
        let flat = flat(&shown["_source"]["layers"]);
        // A frame inside of it may be malformed: that stands in the branch of its field.
        assert!(shown["_source"]["layers"]["iacp"].get("_ws.expert").is_none(), "{name}: {shown}");
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => text.parse(),
        };
        for (field, key) in [("version", "version"), ("code", "type"), ("flags", "flags")] {
            assert_eq!(number(flat[format!("iacp.{key}").as_str()]).ok(), said[field].as_u64(), "{name}: {field}");
        }
        let bytes = |text: &str| text.replace(':', "");
        let cookie = flat.get("iacp.responder_cookie").map(|cookie| bytes(cookie));
        assert_eq!(cookie.as_deref(), said["responder_cookie"].as_str(), "{name}");
        let prefix = format!("iacp.{}.", name.to_lowercase().replace(' ', "_"));
        let fields = said["fields"].as_array().expect("a list");
        for field in fields {
            let (field, value) = (field[0].as_str().expect("a name"), &field[1]);
            let shown = flat.get(format!("{prefix}{field}").as_str()).copied().unwrap_or_default();
            let shown = match value {
                Value::Number(_) => shown.to_owned(),
                // Text is shown as text there, and as hex here.
                _ if field == "legacy_target_uri" => hex::encode(shown),
                _ => bytes(shown),
            };
            assert_eq!(shown, plain(value), "{name}: {field}");
            compared += 1;
        }
        let own = flat.keys().filter(|key| key.starts_with(&prefix)).count();
        let empty = fields.iter().filter(|field| field[1] == "").count();
        assert_eq!(own, fields.len() - empty, "{name}: it shows no other field of the message");
        let tlvs = said["tlvs"].as_array().expect("a list").len();
        assert_eq!(shown.to_string().matches("\"iacp.tlv.type\"").count(), tlvs, "{name}: TLVs");
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
