//! What a judge reports.

use std::path::PathBuf;

use cep_envelope::decision::Outcome;
use serde::Serialize;

/// What was found out about one handoff, and what follows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The draft's word.
    pub outcome: &'static str,
    /// Whether the object goes on, on its line or on a branch.
    pub continues: bool,
    /// The highest rung of the ladder.
    pub proven: &'static str,
    /// The decision in words.
    pub why: String,
    pub deciding: Vec<&'static str>,
    pub findings: Vec<&'static str>,
    /// Who sealed it; empty as long as that is not proven.
    pub sender: Option<String>,
    /// Who sealed it, by the notice.
    pub claimed_sender: Option<String>,
    /// Whose session brought it.
    pub carried_by: String,
    /// Its name, by the notice.
    pub name: Option<String>,
    /// The digest of the manifest, if its sender is proven.
    pub manifest: Option<String>,
    /// The digest of the content that came.
    pub content: String,
    pub bytes: u64,
    /// Where the content is kept.
    pub kept: Option<PathBuf>,
    /// What was decided about it the first time, if this is a replay of what was approved.
    #[serde(skip)]
    pub before: Option<Outcome>,
}
