//! Seeds from docs/vectors.json: damaged frames, names and manifests.

use serde_json::Value;

/// Inputs or words, each with its name.
pub(crate) type Named = Vec<(String, Vec<u8>)>;

const VECTORS: &str = include_str!("../../../docs/vectors.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Texts as bytes, each with a name and its number.
pub(crate) fn numbered<'v>(name: &str, texts: impl IntoIterator<Item = &'v str>) -> Named {
    let texts = texts.into_iter().enumerate();
    texts.map(|(number, text)| (format!("{name}-{number:03}"), text.as_bytes().to_vec())).collect()
}

/// Frames that are refused, each for another reason or in another field.
#[must_use]
pub fn refused_frames() -> Named {
    let vectors = vectors();
    let frames = list(&vectors["refused"]).filter_map(|frame| bytes(frame["hex"].as_str()?));
    frames.enumerate().map(|(number, frame)| (format!("refused-{number:03}"), frame)).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = hex.chars().map(|digit| digit.to_digit(16)).collect();
    digits?.chunks(2).map(|pair| u8::try_from(pair.first()? << 4 | pair.get(1)?).ok()).collect()
}

/// Names.
pub(crate) fn surfaces() -> Named {
    numbered("name", list(&vectors()["surfaces"]).filter_map(|surface| surface["name"].as_str()))
}

/// A member of the envelope.
pub(crate) fn envelope(name: &str) -> String {
    vectors()["envelope"][name].as_str().unwrap_or_default().to_owned()
}

/// The names of the members of a JSON object and of its metadata, as they stand in a text.
pub(crate) fn members(json: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let inside = value["metadata"].clone();
    let names = [value, inside].into_iter().filter_map(|value| value.as_object().cloned());
    names.flat_map(|object| object.into_iter().map(|(name, _)| format!("\"{name}\":"))).collect()
}
