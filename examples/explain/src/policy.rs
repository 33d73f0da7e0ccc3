//! The policy of one authority, in the words of a vocabulary (`IoE R2`).

use std::fmt;
use std::path::Path;

use interaction_gov::policy::{Effect, Policy};
use interaction_gov::vocabulary::Vocabulary;
use serde::Serialize;

use crate::texts::{self, Complaint, HEAD, printable, statements};

/// 1,024 rules: more than people keep in mind.
type Index = Box<Policy<16>>;

/// A policy that was read, in the order in which its parts are printed.
#[derive(Serialize)]
pub struct Said {
    /// Whose policy it is.
    pub authority: String,
    /// Its version.
    pub version: u32,
    /// The line that limits what the authority is asked about; without one it is asked about everything.
    pub scope: Option<String>,
    /// How many rules permit.
    pub permits: usize,
    /// How many rules deny.
    pub denies: usize,
    /// SHA-256 of the text, in hex.
    pub digest: String,
    /// Its rules: the line, the effect, and the words.
    #[serde(skip)]
    pub rules: Vec<(u16, Effect, String)>,
}

/// Reads a policy. Complaints name the texts `vocabulary` and `policy`.
///
/// # Errors
///
/// Everything that is wrong with the vocabulary, or with the policy.
pub fn read(vocabulary: &str, policy: &str) -> Result<Said, Vec<Complaint>> {
    let names =
        Vocabulary::read(vocabulary).map_err(|_| texts::wrong_with_vocabulary(Path::new("vocabulary"), vocabulary))?;
    let mut index = Index::default();
    let authority = index.add(policy, &names).map_err(|_| {
        let check = |text: &str| Index::default().add(text, &names).map(|_| ());
        texts::wrong(Path::new("policy"), policy, Some(&names), check)
    })?;
    let lines: Vec<&str> = policy.lines().collect();
    let quote = |line: usize| {
        let line = line.checked_sub(1).and_then(|at| lines.get(at)).copied().unwrap_or_default();
        printable(&line.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let scope = statements(&lines).nth(HEAD);
    let scope = scope.filter(|(_, text)| text.split_whitespace().next() == Some("over")).map(|(line, _)| quote(line));
    let member = index.members().iter().find(|member| member.authority == authority);
    let rules: Vec<_> = member.into_iter().flat_map(|member| index.rules_of(member)).collect();
    let count = |effect| rules.iter().filter(|rule| rule.effect == effect).count();
    let mut shown: Vec<_> = rules.iter().map(|rule| (rule.line, rule.effect, quote(rule.line.into()))).collect();
    shown.sort_by_key(|(line, ..)| *line);
    shown.dedup();
    Ok(Said {
        authority: names.name(authority).to_owned(),
        version: member.map_or(0, |member| member.version),
        scope,
        permits: count(Effect::Permit),
        denies: count(Effect::Deny),
        digest: hex::encode(member.map_or([0; 32], |member| member.digest)),
        rules: shown,
    })
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authority, version, scope, permits, denies, digest, rules } = self;
        let scope = scope.as_deref().unwrap_or("asked about everything");
        writeln!(f, "{authority}  version {version}  {permits} permit, {denies} deny  {scope}")?;
        for (line, _, words) in rules {
            writeln!(f, "  {line:>4}  {words}")?;
        }
        writeln!(f, "digest {digest}")
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    const NAMES: &str = "actions join, record\nauthorities clinic";

    #[test]
    fn a_policy_is_counted_and_its_rules_have_their_lines() {
        let text = "authority clinic\nversion 3\n\npermit   join # always\ndeny record\n";
        let said = read(NAMES, text).ok().expect("a policy");
        assert_eq!((said.authority.as_str(), said.version, said.permits, said.denies), ("clinic", 3, 1, 1));
        let lines: Vec<_> = said.rules.iter().map(|(line, effect, _)| (*line, effect.name())).collect();
        assert_eq!(lines, [(4, "permit"), (5, "deny")]);
        assert!(said.to_string().contains("   4  permit join # always\n"), "{said}");
        assert!(said.scope.is_none());
        let scoped = read(NAMES, "authority clinic\nversion 3\nover  any\npermit join\n").ok().expect("a policy");
        assert_eq!(scoped.scope.as_deref(), Some("over any"));
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_with_what_may_have_been_meant() {
        let told = |names: &str, text: &str| -> Vec<String> {
            read(names, text).err().expect("a mistake").iter().map(ToString::to_string).collect()
        };
        let typos = told(NAMES, "authority clinic\nversion 3\npermit jion\ndeny recrod\n");
        assert_eq!(typos.len(), 2);
        assert!(typos[0].starts_with("policy:3:8: ") && typos[0].contains("did you mean 'join'?"), "{typos:?}");
        assert!(typos[1].starts_with("policy:4:6: ") && typos[1].contains("did you mean 'record'?"), "{typos:?}");
        assert!(told("action join", "")[0].starts_with("vocabulary:1:"));
    }
}
