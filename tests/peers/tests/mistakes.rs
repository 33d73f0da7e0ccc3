//! What Cedar reports about the mistakes in mistakes.txt. `MISTAKES=print` prints it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cedar_policy::{PolicySet, Schema, ValidationMode, Validator};

const SCHEMA: &str = r#"
entity Human, Device, Service, Agent = { consentRecording: Bool, posture: String, hour: Long, name: String };
entity Stream, Function;
action join, speak, record, transcribe, export appliesTo { principal: [Human, Device, Service, Agent], resource: [Stream] };
"#;

/// All messages of Cedar about a text, with their help texts.
fn words(text: &str) -> Vec<String> {
    fn told(error: &dyn miette::Diagnostic) -> String {
        let help = error.help().map(|help| format!(" (help: {help})")).unwrap_or_default();
        format!("{error}{help}").split_whitespace().collect::<Vec<_>>().join(" ")
    }
    let policies = match text.parse::<PolicySet>() {
        Ok(policies) => policies,
        Err(errors) => return errors.iter().map(|error| told(error)).collect(),
    };
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("a schema");
    let result = Validator::new(schema).validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|error| told(error));
    let warnings = result.validation_warnings().map(|warning| format!("warning: {}", told(warning)));
    // The same message comes for each kind of entity, in any order; it is kept once.
    let kinds = ["Agent", "Device", "Human", "Service"];
    let one = |said: String| {
        kinds.iter().fold(said, |said, kind| said.replace(&format!("type `{kind}` not"), "type `Human` not"))
    };
    errors.map(one).chain(warnings).collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn cedar_says_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/mistakes.txt");
    let table = std::fs::read_to_string(path).expect("a table");
    let mut anew = String::new();
    for line in table.lines().filter(|line| !line.starts_with("cedar says |")) {
        let _ = writeln!(anew, "{line}");
        if let Some(text) = line.strip_prefix("cedar | ") {
            let said = words(&text.replace("\\u{202e}", "\u{202e}"));
            let said = if said.is_empty() { vec!["(nothing)".to_owned()] } else { said };
            for said in said {
                let _ = writeln!(anew, "cedar says | {}", said.replace('\u{202e}', "\\u{202e}"));
            }
        }
    }
    if std::env::var_os("MISTAKES").is_some() {
        std::fs::write(path, &anew).expect("written");
    }
    // To no action is "dance" nearer than to the others: Cedar suggests any of them.
    let settled = |line: &str| match line.split_once(" (help: did you mean") {
        Some((said, _)) if said.ends_with("`Action::\"dance\"`") => said.to_owned(),
        _ => line.to_owned(),
    };
    let said =
        |text: &str| text.lines().filter(|line| line.starts_with("cedar says |")).map(settled).collect::<Vec<_>>();
    assert_eq!(said(&table), said(&anew), "MISTAKES=print writes it anew");
}
