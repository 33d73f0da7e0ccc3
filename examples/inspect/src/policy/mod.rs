//! `inspect policy`: whether policies are valid, and what they permit to whom, and why.

mod cases;
mod compile;
mod difference;
mod layout;
mod question;
mod space;
mod table;
mod what_if;
mod why_not;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use interaction_gov::policy::{Effect, Policy, PolicyError};
use interaction_gov::vocabulary::Vocabulary;
use serde_json::{Value, json};

use crate::texts::{self, Complaint};

/// Checks policies, one text for each authority, and answers who may do what by them, and why.
///
/// Errors are reported as FILE:LINE:COLUMN, and the exit code is then 1. A question is answered as if every
/// authority could be asked and decided for itself. A denial is an answer: the exit code is 0.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    tool: Option<Tool>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(clap::Subcommand, Debug)]
enum Tool {
    Test(cases::Arguments),
    Diff(difference::Arguments),
    Fmt(layout::Arguments),
    Compile(compile::Arguments),
}

#[derive(clap::Args, Debug)]
struct Ask {
    /// The policies, in the order in which they are composed.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The names in which the policies are written.
    #[arg(long, value_name = "FILE", required = true)]
    vocabulary: Option<PathBuf>,
    #[command(flatten)]
    question: question::Given,
    /// Prints one JSON object; of what is wrong, one for each thing, a line each.
    #[arg(long)]
    json: bool,
}

/// 1,024 rules: more than people keep in mind.
type Index = Box<Policy<16>>;

/// The policy of one authority.
struct Part<'a> {
    path: &'a Path,
    text: &'a str,
    lines: Vec<&'a str>,
    name: &'a str,
    /// This policy alone, as if no other authority were asked.
    alone: Index,
}

impl Part<'_> {
    /// A line of its text, with single blanks, and with control characters escaped.
    fn quote(&self, line: u16) -> String {
        let line = usize::from(line).checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or_default();
        texts::printable(&line.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// `corporate.policy:6`.
    fn place(&self, line: u16) -> String {
        format!("{}:{line}", texts::shown(self.path))
    }

    /// The line that limits what the authority is asked about.
    fn scope(&self) -> Option<u16> {
        let (line, text) = texts::statements(&self.lines).nth(texts::HEAD)?;
        u16::try_from(line).ok().filter(|_| text.split_whitespace().next() == Some("over"))
    }
}

/// Everything that was read.
struct Policies<'a> {
    vocabulary: &'a Vocabulary<'a>,
    parts: Vec<Part<'a>>,
    together: Index,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A question with a name that the vocabulary does not have, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    match &arguments.tool {
        None => ask(&arguments.ask),
        Some(Tool::Test(arguments)) => cases::run(arguments),
        Some(Tool::Diff(arguments)) => difference::run(arguments),
        Some(Tool::Fmt(arguments)) => layout::run(arguments),
        Some(Tool::Compile(arguments)) => compile::run(arguments),
    }
}

fn ask(Ask { files, vocabulary, question, json }: &Ask) -> Result<ExitCode> {
    with_vocabulary(vocabulary.as_deref().unwrap_or(Path::new("")), *json, |vocabulary| {
        let texts = texts_of(files);
        let policies = match read_policies(&texts, vocabulary) {
            Ok(policies) => policies,
            Err(complaints) => return refuse(&complaints, *json),
        };
        let out = &mut BufWriter::new(io::stdout().lock());
        match question.asked() {
            Some(asked) => asked.answer(&policies, *json, out)?,
            None if *json => writeln!(out, "{}", policies.summary())?,
            None => policies.summarise(out)?,
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

fn refuse(complaints: &[Complaint], json: bool) -> Result<ExitCode> {
    texts::tell(complaints, json).map(|()| ExitCode::FAILURE)
}

/// Reads a vocabulary and continues with it, or prints what is wrong with it.
fn with_vocabulary(
    path: &Path,
    json: bool,
    go_on: impl FnOnce(&Vocabulary<'_>) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let names = match texts::read(path) {
        Ok(names) => names,
        Err(complaint) => return refuse(&[complaint], json),
    };
    match Vocabulary::read(&names) {
        Ok(vocabulary) => go_on(&vocabulary),
        Err(_) => refuse(&texts::wrong_with_vocabulary(path, &names), json),
    }
}

/// Files, and what is in them.
type Texts = Vec<(PathBuf, Result<String, Complaint>)>;

fn texts_of(files: &[PathBuf]) -> Texts {
    files.iter().map(|path| (path.clone(), texts::read(path))).collect()
}

/// Reads policies, or returns everything that is wrong with them.
fn read_policies<'a>(texts: &'a Texts, vocabulary: &'a Vocabulary<'a>) -> Result<Policies<'a>, Vec<Complaint>> {
    let (mut complaints, mut parts) = (Vec::new(), Vec::new());
    for (path, text) in texts {
        let part = text.as_ref().map_err(|error| vec![error.clone()]).and_then(|text| part(path, text, vocabulary));
        match part {
            Ok(part) => parts.push(part),
            Err(wrong) => complaints.extend(wrong),
        }
    }
    if complaints.is_empty() {
        compose(parts, vocabulary).map_err(|complaint| vec![complaint])
    } else {
        Err(complaints)
    }
}

fn part<'a>(path: &'a Path, text: &'a str, vocabulary: &'a Vocabulary<'a>) -> Result<Part<'a>, Vec<Complaint>> {
    let mut alone: Index = Box::default();
    match alone.add(text, vocabulary) {
        Ok(authority) => {
            Ok(Part { path, text, lines: text.lines().collect(), name: vocabulary.name(authority), alone })
        }
        Err(_) => {
            let check = |text: &str| Index::default().add(text, vocabulary).map(|_| ());
            Err(texts::wrong(path, text, Some(vocabulary), check))
        }
    }
}

fn compose<'a>(parts: Vec<Part<'a>>, vocabulary: &'a Vocabulary<'a>) -> Result<Policies<'a>, Complaint> {
    let mut together: Index = Box::default();
    for (at, part) in parts.iter().enumerate() {
        together.add(part.text, vocabulary).map_err(|error| {
            let first = texts::statements(&part.lines).next();
            let line = first.and_then(|(line, _)| u16::try_from(line).ok()).unwrap_or(u16::MAX);
            let before = parts.iter().take(at).find(|before| before.name == part.name);
            match (error, before) {
                (PolicyError::Twice(_), Some(before)) => {
                    let error = format!("{} has a part already: {}", part.name, texts::shown(before.path));
                    Complaint::at(part.path, (line, 1), error)
                }
                _ => Complaint::about(part.path, error),
            }
        })?;
    }
    Ok(Policies { vocabulary, parts, together })
}

impl Policies<'_> {
    /// Each authority's version, permits and denies.
    fn authorities(&self) -> impl Iterator<Item = (&Part<'_>, u32, usize, usize, String)> {
        self.parts.iter().zip(self.together.members()).map(|(part, member)| {
            let count = |effect| self.together.rules_of(member).filter(|rule| rule.effect == effect).count();
            (part, member.version, count(Effect::Permit), count(Effect::Deny), hex::encode(member.digest))
        })
    }

    fn summarise(&self, out: &mut impl Write) -> Result<()> {
        let lines: Vec<Vec<String>> = self
            .authorities()
            .map(|(part, version, permits, denies, _)| {
                let asked = part.scope().map_or("asked about everything".into(), |line| part.quote(line));
                let rules = format!("{permits} permit, {denies} deny");
                vec![part.name.into(), format!("version {version}"), rules, texts::shown(part.path), asked]
            })
            .collect();
        table::print_columns("", &lines, out)?;
        writeln!(out, "digest {}", hex::encode(self.together.digest()))?;
        Ok(())
    }

    fn summary(&self) -> Value {
        let authorities: Vec<_> = self
            .authorities()
            .map(|(part, version, permits, denies, digest)| {
                let scope = part.scope().map(|line| part.quote(line));
                json!({
                    "authority": part.name, "file": texts::shown(part.path), "version": version, "scope": scope,
                    "permits": permits, "denies": denies, "digest": digest,
                })
            })
            .collect();
        json!({ "ok": true, "authorities": authorities, "digest": hex::encode(self.together.digest()) })
    }
}
