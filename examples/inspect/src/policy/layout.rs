//! `inspect policy fmt`: one form for all texts.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::texts::{self, shown};

/// Lays policies out: verbs and comments below each other, one blank between words, one after a comma
///
/// It is done before a text is signed: the digest of another layout is another digest. Words, lines and their order stay, and so
/// do the rules' names. The exit code is 1 if --check finds a text that is laid out otherwise.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The policies or vocabularies
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Changes nothing, and tells which texts are laid out otherwise
    #[arg(long)]
    check: bool,
}

/// Runs the subcommand.
///
/// # Errors
///
/// A file that cannot be read or written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for path in &arguments.files {
        let text = match texts::read(path) {
            Ok(text) => text,
            Err(complaint) => {
                texts::tell(&[complaint], false)?;
                code = ExitCode::FAILURE;
                continue;
            }
        };
        let better = laid_out(&text);
        if better == text {
            continue;
        }
        if arguments.check {
            writeln!(io::stdout(), "{}", shown(path))?;
            code = ExitCode::FAILURE;
        } else {
            texts::replace(path, better.as_bytes())?;
        }
    }
    Ok(code)
}

/// A line: its statement, and its comment.
struct Line {
    words: Vec<String>,
    comment: Option<String>,
}

impl Line {
    fn of(line: &str) -> Self {
        let (said, comment) = match line.split_once('#') {
            Some((said, comment)) => (said, Some(format!("# {}", comment.trim()).trim_end().to_owned())),
            None => (line, None),
        };
        let words = said.replace(',', " , ").split_whitespace().map(str::to_owned).collect();
        Self { words, comment }
    }

    /// What follows the verb, with one blank between words.
    fn rest(&self) -> String {
        let rest = self.words.get(1..).unwrap_or_default();
        rest.iter().fold(String::new(), |text, word| {
            let blank = if text.is_empty() || word == "," { "" } else { " " };
            text + blank + word
        })
    }
}

fn laid_out(text: &str) -> String {
    let lines: Vec<Line> = text.lines().map(Line::of).collect();
    let verb = |line: &Line| line.words.first().map_or(0, String::len);
    let width = lines.iter().map(verb).max().unwrap_or_default();
    let said = |line: &Line| match line.words.first() {
        Some(verb) => format!("{verb:<width$} {}", line.rest()).trim_end().to_owned(),
        None => String::new(),
    };
    // Comments of consecutive lines are aligned.
    let mut columns = vec![0; lines.len()];
    let remarks = |line: &Line| !line.words.is_empty() && line.comment.is_some();
    let mut from = 0;
    for run in lines.chunk_by(|one, next| remarks(one) == remarks(next)) {
        let column = run.iter().map(|line| said(line).chars().count()).max().unwrap_or_default();
        for place in columns.iter_mut().skip(from).take(run.len()) {
            *place = column;
        }
        from += run.len();
    }
    let mut better = String::new();
    for (line, column) in lines.iter().zip(columns) {
        let words = said(line);
        match &line.comment {
            Some(comment) if words.is_empty() => better += comment,
            Some(comment) => better += &format!("{words:<column$}  {comment}"),
            None => better += &words,
        }
        better.push('\n');
    }
    while better.contains("\n\n\n") {
        better = better.replace("\n\n\n", "\n\n");
    }
    format!("{}\n", better.trim_matches('\n'))
}
