//! Frames: the judge, the golden frames as seeds, and their headers and TLVs as words.

#[path = "../../../iacp-wire/tests/figures/mod.rs"]
mod figures;
#[path = "../../../iacp-wire/tests/oracle/mod.rs"]
mod oracle;

pub(crate) use oracle::judge;

use crate::vectors::{Named, refused_frames};

fn named(number: usize, sample: &figures::Sample) -> String {
    let name: String = sample.message_type.name().chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    format!("{number:02}-{}", name.to_lowercase())
}

/// The golden frame of each message, and frames that are refused.
pub(crate) fn seeds() -> Named {
    let golden = figures::all().enumerate().map(|(number, sample)| (named(number, sample), sample.encoded()));
    golden.chain(refused_frames()).collect()
}

/// The first four bytes of each golden frame, and each of its TLVs.
pub(crate) fn words() -> Named {
    let mut words = Vec::new();
    for (number, sample) in figures::all().enumerate() {
        words.push((format!("header-{}", named(number, sample)), figures::hex(sample.header)));
        for (place, tlv) in sample.tlvs.iter().enumerate() {
            words.push((format!("tlv-{place}-{}", named(number, sample)), figures::hex(tlv)));
        }
    }
    words
}
