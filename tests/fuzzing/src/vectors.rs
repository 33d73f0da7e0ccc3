//! Seeds and words from docs/vectors.json: damaged frames, and inputs of targets whose bodies are in `fuzz/`.

use std::collections::BTreeSet;

use interaction_gov::audit::{FORMAT, Kind, Record};
use interaction_gov::identity::InteractionId;
use interaction_gov::time::Time;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../docs/vectors.json");

/// What makes a target quick, beside what [`crate::TARGETS`] have.
pub struct Corpus {
    /// The name of the fuzz target.
    pub name: &'static str,
    /// Inputs from which to begin: name and bytes.
    pub seeds: Vec<(String, Vec<u8>)>,
    /// Words that inputs are made of: name and bytes.
    pub words: Vec<(String, Vec<u8>)>,
}

/// Policies in the names of the target `policy`, with every kind of clause.
const POLICIES: [&str; 6] = [
    "permit join\npermit speak for human as host in de with consent recording\ndeny record in fr\n",
    "permit join, speak on audio, video for human, device, service, agent named early\n",
    "permit record by recording with posture high with provenance verified oblige notify\ndeny any below posture high\n",
    "over any own\nkeep audio within de, fr for human\npermit record with stream-consent recording with own-consent recording\n",
    "permit speak with second-consent recording with present host\ndeny speak without consent recording\n",
    "set lease 60\nset validation 60\nset recovery 60\nset heads 5\npermit join from 0800 to 1800 below provenance stated\n",
];

/// The target writes the head of a policy itself; the ten bytes in front of the text are the request.
fn policy(number: usize, text: &str) -> (String, Vec<u8>) {
    (format!("policy-{number}"), [&[0; 10], text.as_bytes()].concat())
}

/// A trail with a record of each kind.
fn trail() -> Vec<u8> {
    let record = |(sequence, kind): (u32, &Kind)| {
        let mut record = Record::fact(InteractionId::recorded([7; 16]), sequence, Time(1_000), *kind);
        if sequence == 0 {
            record.subject = FORMAT;
        }
        record.write()
    };
    (0..).zip(Kind::ALL).flat_map(record).collect()
}

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn numbered<'v>(name: &str, texts: impl IntoIterator<Item = &'v str>) -> Vec<(String, Vec<u8>)> {
    texts
        .into_iter()
        .enumerate()
        .map(|(number, text)| (format!("{name}-{number:03}"), text.as_bytes().to_vec()))
        .collect()
}

/// Frames that are refused, each for another reason or in another field.
#[must_use]
pub fn refused_frames() -> Vec<(String, Vec<u8>)> {
    let vectors = vectors();
    let frames = list(&vectors["refused"]).filter_map(|frame| bytes(frame["hex"].as_str()?));
    frames.enumerate().map(|(number, frame)| (format!("refused-{number:03}"), frame)).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    digits?.chunks(2).map(|pair| u8::try_from(pair.first()? << 4 | pair.get(1)?).ok()).collect()
}

/// Damaged frames; seeds and words of names, manifests, notices, policies and trails.
#[must_use]
pub fn corpora() -> Vec<Corpus> {
    let vectors = vectors();
    let envelope = &vectors["envelope"];
    let text = |name: &str| envelope[name].as_str().unwrap_or_default().to_owned();
    let (manifest, outer) = (text("manifest"), text("outer"));
    let notice = format!(
        r#"{{"from_agent":"root_ai","to_agent":"{}","poll_type":"PUSH","metadata":{{"envelope_name":"{}","envelope_ref":"drop:/inbox/{}","schema":"aint-send-v2","verification_state":"referenced"}}}}"#,
        text("recipient"),
        text("name"),
        text("name"),
    );
    let members = |json: &str| {
        let value: Value = serde_json::from_str(json).unwrap_or_default();
        let inside = value["metadata"].clone();
        let names = [value, inside].into_iter().filter_map(|value| value.as_object().cloned());
        names.flat_map(|object| object.into_iter().map(|(name, _)| format!("\"{name}\":"))).collect::<Vec<_>>()
    };
    let words = |words: &[String]| numbered("word", words.iter().map(String::as_str));
    vec![
        Corpus { name: "frame", seeds: refused_frames(), words: Vec::new() },
        Corpus {
            name: "surface",
            seeds: numbered("name", list(&vectors["surfaces"]).filter_map(|surface| surface["name"].as_str())),
            words: numbered("word", ["20260514t064148z.", "2026-05-14.", "t06-41-48z", ".a", "T", "Z", "-"]),
        },
        Corpus {
            name: "manifest",
            seeds: numbered("manifest", [manifest.as_str(), outer.as_str()]),
            words: words(&[members(&manifest), members(&outer), vec!["\"sha256:".into(), "null".into()]].concat()),
        },
        Corpus { name: "notification", seeds: numbered("notice", [notice.as_str()]), words: words(&members(&notice)) },
        Corpus {
            name: "policy",
            seeds: POLICIES.iter().enumerate().map(|(number, text)| policy(number, text)).collect(),
            words: numbered("word", POLICIES.iter().flat_map(|text| text.split_whitespace()).collect::<BTreeSet<_>>()),
        },
        Corpus { name: "trail", seeds: vec![("trail".into(), trail())], words: Vec::new() },
    ]
}
