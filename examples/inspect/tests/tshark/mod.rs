//! What tshark shows of a capture, compared with what `inspect frame --json` prints.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Write, stderr};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What tshark shows of each packet; nothing if it is not installed, in which case a notice is printed. `folder` is for
/// the script, and `ports` are read as IACP beside 4227.
pub fn dissected(lua: &str, pcap: &Path, folder: &Path, ports: &[u16]) -> Option<Vec<Value>> {
    if Command::new("tshark").arg("--version").output().is_err() {
        // Not `eprintln!`, which is only shown for tests that fail.
        let what = "the dissector: tshark is not installed (apt-get install tshark)";
        writeln!(stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
        return None;
    }
    let script = folder.join("iacp.lua");
    fs::write(&script, lua).expect("written");
    let mut command = Command::new("tshark");
    command.arg("-X").arg(format!("lua_script:{}", script.display()));
    for port in ports {
        command.arg("-d").arg(format!("udp.port=={port},iacp"));
    }
    command.args(["-T", "json", "--no-duplicate-keys", "-r"]).arg(pcap).env("HOME", folder);
    let output = command.output().expect("tshark runs");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !complaints.contains("Lua"), "{complaints}");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// What stands directly in the protocol's tree, by filter name, as tshark prints it.
fn flat(layers: &Value) -> BTreeMap<&str, &str> {
    let tree = layers["iacp"].as_object().unwrap_or_else(|| panic!("it is dissected: {layers}"));
    tree.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Compares one packet with the object that `inspect frame --json` prints of its frame; returns how many fields were
/// compared.
pub fn compare(shown: &Value, said: &Value) -> usize {
    let name = said["type"].as_str().expect("a name");
    let flat = flat(&shown["_source"]["layers"]);
    // A frame inside of it may be malformed: that is shown in the branch of its field.
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
    }
    let own = flat.keys().filter(|key| key.starts_with(&prefix)).count();
    let empty = fields.iter().filter(|field| field[1] == "").count();
    assert_eq!(own, fields.len() - empty, "{name}: it shows no other field of the message");
    let tlvs = said["tlvs"].as_array().expect("a list").len();
    // Those of a frame inside of it stand in the branch of its field.
    let tree = shown["_source"]["layers"]["iacp"].as_object().expect("it is dissected");
    let own = tree.iter().filter(|(key, _)| !key.starts_with(&prefix)).map(|(_, value)| value.to_string());
    let found: usize = own.map(|text| text.matches("\"iacp.tlv.type\"").count()).sum();
    assert_eq!(found, tlvs, "{name}: TLVs");
    fields.len()
}
