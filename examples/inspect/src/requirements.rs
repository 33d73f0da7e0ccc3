//! `inspect requirements`: what the drafts demand, where it is kept and shown, what is still open, and why the rest is
//! cited nowhere.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use conformance::{Kind, Place, Row, source_root, table};
use serde_json::json;

/// Lists the requirements of the drafts, where each is kept and shown, or why it is not.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
    /// Only this requirement, for example IACP-084; may be given more than once.
    #[arg(long, value_name = "ID")]
    id: Vec<String>,
    /// Only what stands in this section or below it, for example §4.2.6, A.22, R5, or with its draft "CEP 5.2"; may be
    /// given more than once.
    #[arg(long, value_name = "SECTION")]
    section: Vec<String>,
}

/// Runs the subcommand.
///
/// # Errors
///
/// An id that does not exist, a source tree that cannot be read, or an output that cannot be written.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let rows = select(table().context("the requirements table")?, &arguments.id, &arguments.section)?;
    let mut out = io::stdout().lock();
    let written = if arguments.json { write_json(&mut out, &rows) } else { write_table(&mut out, &rows) };
    match written.and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        result => result.map(|()| ExitCode::SUCCESS).context("standard output"),
    }
}

fn select(rows: Vec<Row>, ids: &[String], sections: &[String]) -> Result<Vec<Row>> {
    if let Some(id) = ids.iter().find(|id| !rows.iter().any(|row| names(row, id))) {
        bail!("there is no requirement {id}");
    }
    if let Some(section) = sections.iter().find(|section| !rows.iter().any(|row| row.requirement.stands_in(section))) {
        bail!("no requirement stands in section {section}");
    }
    let is_chosen = |row: &Row| {
        ids.iter().any(|id| names(row, id)) || sections.iter().any(|section| row.requirement.stands_in(section))
    };
    let all = ids.is_empty() && sections.is_empty();
    Ok(rows.into_iter().filter(|row| all || is_chosen(row)).collect())
}

fn names(row: &Row, id: &str) -> bool {
    row.requirement.id.eq_ignore_ascii_case(id)
}

fn write_json(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let places = |places: &[Place]| places.iter().map(ToString::to_string).collect::<Vec<_>>();
    for Row { requirement, kept, shown, open, uncited } in rows {
        let object = json!({
            "id": requirement.id,
            "section": requirement.section,
            "kind": requirement.kind.name(),
            "requirement": requirement.text,
            "kept": places(kept),
            "shown": places(shown),
            "open": open,
            "uncited": uncited,
        });
        writeln!(out, "{object}")?;
    }
    Ok(())
}

fn write_table(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    let width = rows.iter().map(|row| row.requirement.section.chars().count()).max().unwrap_or_default();
    for Row { requirement, kept, shown, open, uncited } in rows {
        let (id, kind, section) = (&requirement.id, requirement.kind, &requirement.section);
        writeln!(out, "{id:<8}  {kind:<6}  {section:<width$}  {}", requirement.text)?;
        for (label, places) in [("kept", kept), ("shown", shown)] {
            if !places.is_empty() {
                let places: Vec<_> = places.iter().map(ToString::to_string).collect();
                writeln!(out, "          {label:<6}  {}", places.join(", "))?;
            }
        }
        if let Some(why) = open {
            writeln!(out, "          open    {why}")?;
        }
        if let Some(why) = uncited {
            writeln!(out, "          why     {why}")?;
        }
    }
    writeln!(out, "\n{}", summary(rows))?;
    if source_root().is_none() {
        writeln!(out, "No source tree here: places are not listed.")?;
    }
    Ok(())
}

fn summary(rows: &[Row]) -> String {
    let count = |test: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| test(row)).count();
    let of_kind = |kind: Kind| count(&|row| row.requirement.kind == kind);
    let must = |test: &dyn Fn(&Row) -> bool| count(&|row| row.requirement.kind == Kind::Must && test(row));
    let met = must(&|row| row.open.is_none() && !row.kept.is_empty() && !row.shown.is_empty());
    let open = must(&|row| row.open.is_some());
    format!(
        "{} requirements: {} MUST ({met} kept and shown, {} not yet both, {open} open), {} SHOULD, {} MAY, {} FACT; \
         {} cited in all, {} with the reason why not",
        rows.len(),
        of_kind(Kind::Must),
        of_kind(Kind::Must) - met - open,
        of_kind(Kind::Should),
        of_kind(Kind::May),
        of_kind(Kind::Fact),
        count(&|row| !row.kept.is_empty() || !row.shown.is_empty()),
        count(&|row| row.uncited.is_some()),
    )
}

#[cfg(test)]
mod tests {
    use conformance::{Kind, Place, Requirement, Row};

    use super::{select, write_json, write_table};

    fn rows() -> Vec<Row> {
        let row = |id: &str, kind| Row {
            requirement: Requirement { id: id.into(), section: "§4.2".into(), kind, text: "demand".into() },
            kept: vec![],
            shown: vec![],
            open: None,
            uncited: None,
        };
        let place = |line| vec![Place { file: "a.rs".into(), line }];
        vec![
            Row { kept: place(3), shown: place(9), ..row("IACP-001", Kind::Must) },
            Row { open: Some("not built yet".into()), ..row("IACP-002", Kind::Must) },
            Row { uncited: Some("defines a word".into()), ..row("CEP-001", Kind::Fact) },
        ]
    }

    fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("a vector takes everything");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_table_names_places_and_reasons() {
        let expected = "\
IACP-001  MUST    §4.2  demand
          kept    a.rs:3
          shown   a.rs:9
IACP-002  MUST    §4.2  demand
          open    not built yet
CEP-001   FACT    §4.2  demand
          why     defines a word

3 requirements: 2 MUST (1 kept and shown, 0 not yet both, 1 open), 0 SHOULD, 0 MAY, 1 FACT; 1 cited in all, 1 with the \
reason why not
";
        assert!(text(|out| write_table(out, &rows())).starts_with(expected));
    }

    #[test]
    fn json_is_one_object_per_line() {
        let printed = text(|out| write_json(out, &rows()));
        let lines: Vec<serde_json::Value> =
            printed.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0]["kept"][0], "a.rs:3");
        assert_eq!(lines[1]["open"], "not built yet");
        assert!(lines[2]["open"].is_null());
        assert_eq!(lines[2]["uncited"], "defines a word");
    }

    #[test]
    fn ids_and_sections_select_and_must_exist() {
        let ids = |ids: &[&str], sections: &[&str]| -> Option<Vec<String>> {
            let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            let chosen = select(rows(), &own(ids), &own(sections)).ok()?;
            Some(chosen.into_iter().map(|row| row.requirement.id).collect())
        };
        let found = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        assert_eq!(ids(&["iacp-002"], &[]), found(&["IACP-002"]));
        assert_eq!(ids(&[], &["§4"]), found(&["IACP-001", "IACP-002", "CEP-001"]));
        assert_eq!(ids(&[], &["CEP 4.2"]), found(&["CEP-001"]));
        assert_eq!(ids(&["IACP-001"], &["CEP 4.2"]), found(&["IACP-001", "CEP-001"]));
        assert_eq!(ids(&[], &[]), found(&["IACP-001", "IACP-002", "CEP-001"]));
        assert_eq!(ids(&["IACP-999"], &[]), None);
        assert_eq!(ids(&[], &["§9"]), None);
    }
}
