//! `inspect policy diff`: what another text changes, over all possible questions.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use interaction_gov::policy::Facts;
use interaction_gov::vocabulary::{Action, Vocabulary};
use serde_json::{Value, json};

use super::question::{Judgement, Question, Said};
use super::space::{Meaning, Space};
use super::{Policies, read_policies, with_vocabulary};
use crate::names::name;

/// What two versions of a policy answer differently, over every question that there is
///
/// For each action: what becomes permitted, denied, obliged, each with the shortest question that shows it, in
/// the words of `inspect policy test`, and the lines that decide it before and after. Who speaks for itself is asked; delegation
/// is not looked at. The exit code is 0 if every answer is the same, 3 if some differ, 1 if a text is wrong.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The policy as it is
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy as it would be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The other authorities' policies, which stay as they are
    #[arg(long = "with", value_name = "FILE,...", value_delimiter = ',')]
    others: Vec<PathBuf>,
    /// The names in which the policies are written
    #[arg(long, value_name = "FILE")]
    vocabulary: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// The exit status where answers differ.
const DIFFERENT: u8 = 3;

/// What becomes of a question.
struct Change<'p> {
    action: Action,
    becomes: String,
    facts: Facts,
    before: Judgement<'p>,
    after: Judgement<'p>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// An output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    with_vocabulary(&arguments.vocabulary, arguments.json, |vocabulary| {
        let all = |one: &PathBuf| [std::slice::from_ref(one), &arguments.others].concat();
        let texts = (super::texts_of(&all(&arguments.old)), super::texts_of(&all(&arguments.new)));
        let before = match read_policies(&texts.0, vocabulary) {
            Ok(policies) => policies,
            Err(complaints) => return super::refuse(&complaints, arguments.json),
        };
        let after = match read_policies(&texts.1, vocabulary) {
            Ok(policies) => policies,
            Err(complaints) => return super::refuse(&complaints, arguments.json),
        };
        let changes = changes(vocabulary, &before, &after)?;
        let out = &mut BufWriter::new(io::stdout().lock());
        if arguments.json {
            let changes: Vec<Value> = changes.iter().map(|change| change.object(&before, &after)).collect();
            writeln!(out, "{}", json!({ "ok": true, "same": changes.is_empty(), "changes": changes }))?;
        } else if changes.is_empty() {
            writeln!(out, "every question has the same answer")?;
        } else {
            for change in &changes {
                change.print(&before, &after, out)?;
            }
        }
        out.flush()?;
        Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
    })
}

/// Every kind of change of every action, each by its smallest example.
fn changes<'p>(
    vocabulary: &Vocabulary<'_>,
    before: &'p Policies<'p>,
    after: &'p Policies<'p>,
) -> Result<Vec<Change<'p>>> {
    let space = Space::of(vocabulary, &[before, after]);
    let (old, new): (Meaning, Meaning) = (space.meaning(before), space.meaning(after));
    let both = old.permitted.and(&new.permitted);
    let mut kinds = vec![
        ("permitted".to_owned(), new.permitted.and_not(&old.permitted)),
        ("denied".to_owned(), old.permitted.and_not(&new.permitted)),
    ];
    for ((obligation, old), (_, new)) in old.obliged.iter().zip(&new.obliged) {
        let obligation = name(vocabulary, *obligation);
        kinds.push((format!("obliged to {obligation}"), both.and(new).and_not(old)));
        kinds.push((format!("no longer obliged to {obligation}"), both.and(old).and_not(new)));
    }
    let mut changes = Vec::new();
    let rules_decide = |action: &Action| !vocabulary.always().contains(*action);
    for action in vocabulary.all().map(|(action, _)| action).filter(rules_decide) {
        let about = space.about(action);
        for (becomes, where_) in &kinds {
            let Some(facts) = space.smallest(&about.and(where_)) else { continue };
            let question = Question { facts };
            let change = Change {
                action,
                becomes: becomes.clone(),
                facts,
                before: question.judge(before),
                after: question.judge(after),
            };
            // Checks the example against the policies themselves.
            ensure!(
                change.is_one(),
                "{}: the search and the policies disagree; please report this",
                change.words(vocabulary)
            );
            changes.push(change);
        }
    }
    Ok(changes)
}

impl Change<'_> {
    fn is_one(&self) -> bool {
        self.before.together != self.after.together || self.before.obligations() != self.after.obligations()
    }

    fn words(&self, vocabulary: &Vocabulary<'_>) -> String {
        Question { facts: self.facts }.words(vocabulary)
    }

    fn print(&self, before: &Policies<'_>, after: &Policies<'_>, out: &mut impl Write) -> Result<()> {
        let vocabulary = before.vocabulary;
        writeln!(out, "{} becomes {}", vocabulary.name(self.action), self.becomes)?;
        writeln!(out, "  may {}", self.words(vocabulary))?;
        for (when, judgement, policies) in [("before", &self.before, before), ("after", &self.after, after)] {
            for (at, line) in judgement.reasons(policies).into_iter().enumerate() {
                writeln!(out, "  {:<7} {line}", if at == 0 { when } else { "" })?;
            }
        }
        writeln!(out)?;
        Ok(())
    }

    fn object(&self, before: &Policies<'_>, after: &Policies<'_>) -> Value {
        let vocabulary = before.vocabulary;
        let question = Question { facts: self.facts };
        json!({
            "action": vocabulary.name(self.action),
            "becomes": self.becomes,
            "may": self.words(vocabulary),
            "question": question.object(before),
            "before": { "permitted": self.before.together == Said::Permit, "why": self.before.reasons(before) },
            "after": { "permitted": self.after.together == Said::Permit, "why": self.after.reasons(after) },
        })
    }
}
