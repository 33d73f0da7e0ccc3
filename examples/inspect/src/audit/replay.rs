//! Every decision of a trail, made once more from the texts.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use interaction_gov::audit::{Governing, Record, Replayed, replay};
use interaction_gov::policy::Policy;
use interaction_gov::vocabulary::{Authority, Vocabulary};

use crate::texts;

type Index = Box<Policy<16>>;

/// No more policies are made of the texts than this.
const MOST: usize = 4_096;

/// The policies that can be made of some texts, and what was found so far.
pub struct Replay {
    policies: Vec<Index>,
    /// What governs, by the records of the trail.
    governing: Governing,
    pub same: u64,
    pub differ: u64,
}

impl Replay {
    /// Of these texts: in each policy one version of each authority, or none.
    pub fn of(files: &[PathBuf], vocabulary: &Vocabulary<'_>) -> Result<Self> {
        let mut by_authority: Vec<(Authority, Vec<String>)> = Vec::new();
        for path in files {
            let text = texts::read(path).map_err(|complaint| anyhow!(complaint.to_string()))?;
            let authority = Index::default().add(&text, vocabulary).with_context(|| texts::shown(path))?;
            match by_authority.iter_mut().find(|(known, _)| *known == authority) {
                Some((_, versions)) => versions.push(text),
                None => by_authority.push((authority, vec![text])),
            }
        }
        by_authority.sort_by_key(|(authority, _)| *authority);
        let mut policies = vec![Index::default()];
        for (_, versions) in &by_authority {
            let mut more = Vec::new();
            for policy in &policies {
                for text in versions {
                    let mut longer = policy.clone();
                    longer.add(text, vocabulary).context("texts that do not fit together")?;
                    more.push(longer);
                }
            }
            policies.append(&mut more);
            ensure!(policies.len() <= MOST, "more than {MOST} policies can be made of these texts");
        }
        Ok(Self { policies, governing: Governing::default(), same: 0, differ: 0 })
    }

    /// The next record; returns what is wrong with its recorded decision.
    pub fn record(&mut self, record: &Record) -> Option<String> {
        // Without any text nothing is decided again.
        if self.policies.len() < 2 {
            return None;
        }
        if let Err(untold) = self.governing.hear(record) {
            self.differ += 1;
            return Some(format!("{untold}"));
        }
        let mut another = false;
        for policy in &self.policies {
            match replay(record, policy) {
                Replayed::NotDecided => return None,
                Replayed::AnotherPolicy => another = true,
                Replayed::Same => {
                    self.same += 1;
                    return None;
                }
                differs @ Replayed::Differs(..) => {
                    self.differ += 1;
                    return Some(differs.to_string());
                }
            }
        }
        self.differ += u64::from(another);
        another.then(|| "none of the texts make the policy by which it was decided".into())
    }

    /// How many changes of the control plane are not recorded one by one in the trail.
    pub const fn untold(&self) -> u32 {
        self.governing.untold()
    }
}
