//! Adds to each id in a citation the section of its requirement, where the section is missing.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use conformance::{Lists, rust_files, with_sections};

fn main() -> ExitCode {
    let paths: Vec<String> = env::args().skip(1).collect();
    if paths.is_empty() {
        eprintln!("usage: conformance FOLDER… (writes the section behind each citation that names none)");
        return ExitCode::FAILURE;
    }
    match paths.iter().try_for_each(|path| rewrite(Path::new(path))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn rewrite(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let lists = Lists::read()?;
    let signed = |section: &str| match section.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("§{section}"),
        false => section.to_owned(),
    };
    let sections: BTreeMap<&str, String> =
        (lists.requirements.iter()).filter_map(|row| Some((row.id.as_str(), signed(row.sections().next()?)))).collect();
    for (name, text) in rust_files(folder)? {
        let write = |line: &str| with_sections(line, |id| sections.get(id).cloned());
        let mut written: Vec<String> = text.lines().map(write).collect();
        written.push(String::new());
        let written = written.join("\n");
        if written != text {
            fs::write(folder.join(&name), written)?;
            println!("{}", folder.join(&name).display());
        }
    }
    Ok(())
}
