//! `inspect policy test`: what policies have to say, written beside them, and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory as _, Parser};
use serde_json::{Value, json};

use super::question::{Given, Judgement, Question, Said};
use super::{Policies, read_policies, refuse, space, texts_of, with_vocabulary};
use crate::names::names;
use crate::texts::{self, Complaint, shown};

/// Checks that policies answer what is expected of them, case by case
///
/// A file of cases says whose texts it is about, what is given, and what is expected:
///
///   vocabulary names.vocabulary            # beside this file
///   policy     corporate.policy
///   policy     regional-privacy.policy
///
///   given  kind human in de posture managed
///   may    join                            expect permit
///   may    record on audio by recording    expect deny     because corporate
///   may    record on audio by recording consent recording
///          expect permit oblige notify, watermark
///          because corporate: permit record
///
/// `given` holds until the next `given`; the words are the options of `inspect policy`. Expected is permit, deny (whatever the
/// reason), no-rule, residency or not-asked; `oblige` lists all that a permit obliges to, or none. `because` says which authority
/// speaks, and words that stand in the line that decides. The exit code is 0 if all is as expected.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The cases
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Tells which rules decide no case; if there are some, the exit code is 1
    #[arg(long)]
    coverage: bool,
    /// Prints a JSON object for each case, and one of all, a line each
    #[arg(long)]
    json: bool,
}

/// A question in the options of `inspect policy`.
#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    given: Given,
}

/// The content of a file of cases.
struct Cases {
    vocabulary: PathBuf,
    policies: Vec<PathBuf>,
    cases: Vec<Case>,
}

/// The expected answer to one question.
struct Case {
    line: u16,
    action: String,
    words: String,
    given: Given,
    expected: Option<Expected>,
    because: Option<(String, String)>,
}

#[derive(Clone)]
struct Expected {
    /// `None`: anything but a permit.
    said: Option<Said>,
    obliges: Option<BTreeSet<String>>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// An output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for path in &arguments.files {
        let text = match texts::read(path) {
            Ok(text) => text,
            Err(complaint) => return refuse(&[complaint], arguments.json),
        };
        let cases = match read(path, &text) {
            Ok(cases) => cases,
            Err(complaint) => return refuse(&[complaint], arguments.json),
        };
        let done = with_vocabulary(&cases.vocabulary, arguments.json, |vocabulary| {
            let texts = texts_of(&cases.policies);
            match read_policies(&texts, vocabulary) {
                Ok(policies) => check(arguments, path, &cases, &policies),
                Err(complaints) => refuse(&complaints, arguments.json),
            }
        })?;
        if done != ExitCode::SUCCESS {
            code = done;
        }
    }
    Ok(code)
}

/// A word, and the byte of its line at which it begins.
type Word = (usize, String);
/// What is wrong, and the byte of its line at which.
type Wrong = (usize, String);

/// The words of a line without its comment; a list is one word, whatever blanks stand at its commas.
fn words(line: &str) -> Vec<Word> {
    let said = line.split('#').next().unwrap_or_default();
    let mut words: Vec<Word> = Vec::new();
    for word in said.split_whitespace() {
        let at = word.as_ptr() as usize - line.as_ptr() as usize;
        match words.last_mut() {
            Some((_, list)) if list.ends_with(',') || word.starts_with(',') => list.push_str(word),
            _ => words.push((at, word.to_owned())),
        }
    }
    words
}

fn read(path: &Path, text: &str) -> Result<Cases, Complaint> {
    let beside = |name: &str| path.parent().unwrap_or(Path::new("")).join(name);
    let mut read = Cases { vocabulary: PathBuf::new(), policies: Vec::new(), cases: Vec::new() };
    let mut given: Vec<Word> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let complain = |at: usize, error: String| {
            let column = u16::try_from(at + 1).unwrap_or(u16::MAX);
            Complaint::at(path, (number, column), error)
        };
        let all = words(line);
        let Some(((at, statement), rest)) = all.split_first() else { continue };
        match (statement.as_str(), rest) {
            ("vocabulary", [(_, name)]) if read.vocabulary.as_os_str().is_empty() => read.vocabulary = beside(name),
            ("policy", [(_, name)]) => read.policies.push(beside(name)),
            ("given", rest) => {
                pairs(&[], rest).map_err(|(at, error)| complain(at, error))?;
                given = rest.to_vec();
            }
            ("may", rest) => {
                let end = rest.iter().position(|(_, word)| matches!(word.as_str(), "expect" | "because"));
                let (asked, expected) = rest.split_at(end.unwrap_or(rest.len()));
                let Some(((_, action), more)) = asked.split_first() else {
                    return Err(complain(*at, "may what?".into()));
                };
                let options = pairs(&given, more).map_err(|(at, error)| complain(at, error))?;
                let line = [vec!["--may".to_owned(), action.clone()], options].concat();
                let Line { given } = Line::try_parse_from(line).map_err(|error| complain(*at, first_line(&error)))?;
                let words = asked.iter().map(|(_, word)| word.as_str()).collect::<Vec<_>>().join(" ");
                let (action, expects) = (action.clone(), None);
                read.cases.push(Case { line: number, action, words, given, expected: expects, because: None });
                expect(&mut read, expected).map_err(|(at, error)| complain(at, error))?;
            }
            ("expect" | "because", _) => expect(&mut read, &all).map_err(|(at, error)| complain(at, error))?,
            ("vocabulary" | "policy", _) => return Err(complain(*at, "one file, and one vocabulary".into())),
            _ => {
                let known = "vocabulary, policy, given, may, expect, because";
                return Err(complain(
                    *at,
                    format!("there is no statement '{}'; there are {known}", statement.escape_debug()),
                ));
            }
        }
    }
    let silent = read.cases.iter().find(|case| case.expected.is_none() && case.because.is_none());
    if let Some(case) = silent {
        return Err(Complaint::at(path, (case.line, 1), "nothing is expected of it"));
    }
    if read.vocabulary.as_os_str().is_empty() || read.policies.is_empty() || read.cases.is_empty() {
        return Err(Complaint::about(path, "a vocabulary, a policy and a case are needed"));
    }
    Ok(read)
}

/// The part of clap's message that describes the error.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").replace("'--", "'")
}

/// `on audio by recording` as options; a later value replaces an earlier one.
fn pairs(given: &[Word], more: &[Word]) -> Result<Vec<String>, Wrong> {
    let command = Line::command();
    let takes = |word: &str| {
        let mut options = command.get_arguments().filter(|option| option.get_action().takes_values());
        options.any(|option| option.get_long() == Some(word) && !matches!(word, "may" | "table"))
    };
    let mut said: BTreeMap<&str, &str> = BTreeMap::new();
    for words in [given, more] {
        let mut fresh = BTreeSet::new();
        for pair in words.chunks(2) {
            let [(at, word), rest @ ..] = pair else { continue };
            if !takes(word) {
                let all = command.get_arguments().filter_map(clap::Arg::get_long).filter(|word| takes(word));
                let all = all.collect::<Vec<_>>().join(", ");
                return Err((*at, format!("there is no word '{}'; there are {all}", word.escape_debug())));
            }
            let [(_, value)] = rest else { return Err((*at, format!("'{word}' needs a value"))) };
            if !fresh.insert(word) {
                return Err((*at, format!("'{word}' stands there twice")));
            }
            said.insert(word, value);
        }
    }
    Ok(said.into_iter().flat_map(|(word, value)| [format!("--{word}"), value.to_owned()]).collect())
}

/// `expect permit oblige notify because corporate: permit record`.
fn expect(read: &mut Cases, words: &[Word]) -> Result<(), Wrong> {
    let Some((first, _)) = words.first() else { return Ok(()) };
    let Some(case) = read.cases.last_mut() else { return Err((*first, "there is no question in front of it".into())) };
    let mut left = words.iter().map(|(at, word)| (*at, word.as_str())).peekable();
    while let Some((at, word)) = left.next() {
        match word {
            "expect" => {
                let (at, said) = left.next().unwrap_or((at, ""));
                let said = match said {
                    "permit" => Some(Said::Permit),
                    "deny" => None,
                    "no-rule" => Some(Said::NoRule),
                    "residency" => Some(Said::Residency),
                    "not-asked" => Some(Said::NotAsked),
                    _ => return Err((at, "expect permit, deny, no-rule, residency or not-asked".into())),
                };
                let mut obliges = None;
                if left.next_if(|(_, word)| *word == "oblige").is_some() {
                    let (_, list) = left.next().ok_or((at, "oblige what?".to_owned()))?;
                    obliges = Some(list.split(',').filter(|one| *one != "none").map(str::to_owned).collect());
                }
                let twice = case.expected.replace(Expected { said, obliges }).is_some();
                if twice {
                    return Err((at, "it is expected twice".into()));
                }
            }
            "because" => {
                let (_, authority) = left.next().ok_or((at, "because of which authority?".to_owned()))?;
                let rest: Vec<_> = left.by_ref().map(|(_, word)| word).collect();
                if case.because.is_some() || (!rest.is_empty() && !authority.ends_with(':')) {
                    return Err((at, "because AUTHORITY, or because AUTHORITY: words of its line".into()));
                }
                case.because = Some((authority.trim_end_matches(':').to_owned(), rest.join(" ")));
            }
            _ => return Err((at, "expect or because must stand here".into())),
        }
    }
    Ok(())
}

fn check(arguments: &Arguments, path: &Path, cases: &Cases, policies: &Policies<'_>) -> Result<ExitCode> {
    let (mut questions, mut wrong) = (Vec::new(), Vec::new());
    for case in &cases.cases {
        match case.given.question("may", &case.action, policies) {
            Ok(question) => questions.push((case, question)),
            Err(error) => wrong.push(Complaint::at(path, (case.line, 1), format!("{error:#}").replace("--", ""))),
        }
    }
    if !wrong.is_empty() {
        return refuse(&wrong, arguments.json);
    }
    let out = &mut BufWriter::new(io::stdout().lock());
    let file = shown(path);
    if !arguments.json {
        writeln!(out, "{file}")?;
    }
    let mut failed = 0;
    let mut decided = BTreeSet::new();
    for (case, question) in &questions {
        let judgement = question.judge(policies);
        for voice in &judgement.voices {
            if let (Said::Permit | Said::Deny | Said::Residency, Some(line)) = (voice.said, voice.line) {
                decided.insert((voice.part.name.to_owned(), line));
            }
        }
        let wrong = case.wrong(&judgement, policies);
        failed += usize::from(!wrong.is_empty());
        if arguments.json {
            writeln!(out, "{}", case.object(&file, question, &judgement, &wrong, policies))?;
            continue;
        }
        let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
        writeln!(out, "  {verdict:<6} {:>4}  may {}", case.line, texts::printable(&case.words))?;
        for wrong in &wrong {
            writeln!(out, "               {wrong}")?;
        }
        if !wrong.is_empty() {
            for reason in judgement.reasons(policies) {
                writeln!(out, "               {}: {reason}", judgement.together.word())?;
            }
        }
    }
    let mut rules: Vec<_> = space::rules(&policies.together)
        .filter_map(|(authority, rule)| {
            let name = policies.vocabulary.name(authority);
            policies.parts.iter().find(|part| part.name == name).map(|part| (part, rule.line))
        })
        .collect();
    rules.sort_by_key(|(part, line)| (policies.parts.iter().position(|one| one.name == part.name), *line));
    let silent: Vec<String> = rules
        .iter()
        .filter(|(part, line)| !decided.contains(&(part.name.to_owned(), *line)))
        .map(|(part, line)| format!("{}: {}", part.place(*line), part.quote(*line)))
        .collect();
    let (count, covered) = (cases.cases.len(), rules.len() - silent.len());
    if arguments.json {
        let object = json!({
            "ok": failed == 0, "file": file, "cases": count, "failed": failed, "rules": rules.len(),
            "decide_no_case": arguments.coverage.then_some(&silent),
        });
        writeln!(out, "{object}")?;
    } else {
        let also = if failed > 0 { format!(", {failed} not") } else { String::new() };
        writeln!(out, "{} of {count} cases as expected{also}", count - failed)?;
        if arguments.coverage {
            writeln!(
                out,
                "{covered} of {} rules decide a case{}",
                rules.len(),
                if silent.is_empty() { "" } else { "; these do not:" }
            )?;
            for rule in &silent {
                writeln!(out, "  {rule}")?;
            }
        }
    }
    out.flush()?;
    let bad = failed > 0 || (arguments.coverage && !silent.is_empty());
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Case {
    /// Everything that is not as expected.
    fn wrong(&self, judgement: &Judgement<'_>, policies: &Policies<'_>) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(Expected { said, obliges }) = &self.expected {
            let fits = match said {
                Some(said) => judgement.together == *said,
                None => judgement.together != Said::Permit,
            };
            if !fits {
                let expected = said.map_or("deny", Said::word);
                wrong.push(format!("expected {expected}, and it is {}", judgement.together.word()));
            }
            let really: BTreeSet<String> = names(policies.vocabulary, judgement.obligations()).into_iter().collect();
            if let Some(obliges) = obliges.as_ref().filter(|obliges| fits && **obliges != really) {
                let list = |set: &BTreeSet<String>| match set.iter().cloned().collect::<Vec<_>>() {
                    none if none.is_empty() => "nothing".to_owned(),
                    some => some.join(", "),
                };
                wrong.push(format!("expected to oblige to {}, and it does to {}", list(obliges), list(&really)));
            }
        }
        if let Some((authority, line)) = &self.because {
            let against = judgement.against.map(|authority| policies.vocabulary.name(authority));
            let speaks = |name: &str| name == authority && against.is_none_or(|against| against == name);
            let voice = judgement.voices.iter().find(|voice| speaks(voice.part.name) && voice.said != Said::NotAsked);
            let there = |line: &str, words: &str| spaced(line).contains(&spaced(words));
            match voice.map(|voice| voice.line.map(|line| voice.part.quote(line))) {
                None => {
                    let others = against.map_or("it does not speak".to_owned(), |against| format!("it is {against}"));
                    wrong.push(format!("expected because of {authority}, and {others}"));
                }
                Some(Some(quote)) if there(&quote, line) => {}
                Some(None) if line.is_empty() => {}
                Some(_) => wrong.push(format!("expected because of a line with '{line}', and it is another")),
            }
        }
        wrong
    }

    fn object(
        &self,
        file: &str,
        question: &Question,
        judgement: &Judgement<'_>,
        wrong: &[String],
        policies: &Policies<'_>,
    ) -> Value {
        json!({
            "ok": wrong.is_empty(), "file": file, "line": self.line, "may": self.words,
            "question": question.object(policies), "said": judgement.together.word(),
            "obliges_to": names(policies.vocabulary, judgement.obligations()),
            "why": judgement.reasons(policies), "wrong": wrong,
        })
    }
}

/// With one blank between words, and one on each side of a comma.
fn spaced(text: &str) -> String {
    text.replace(',', " , ").split_whitespace().collect::<Vec<_>>().join(" ")
}
