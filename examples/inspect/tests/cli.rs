//! The built program, as a user runs it.

use std::process::{Command, Output};

use iacp_core::tables::MACHINES;
use interaction_gov::lifecycle::ROWS;

fn inspect(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_inspect")).args(args).output().expect("the program starts")
}

/// What a run that must succeed prints.
fn shown(args: &[&str]) -> String {
    let output = inspect(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

// shows: IACP-165 (B.7)
#[test]
fn discovery_as_json_is_the_six_mappings_of_the_draft() {
    let expected = [
        r#"{"machine":"discovery","state":"LISTEN","event":"RX_DISCOVERY_REQ","next":"VALIDATING_POW"}"#,
        r#"{"machine":"discovery","state":"VALIDATING_POW","event":"POW_FAILURE","next":"LISTEN"}"#,
        r#"{"machine":"discovery","state":"VALIDATING_POW","event":"POW_SUCCESS","next":"AWAIT_IDENTITY"}"#,
        r#"{"machine":"discovery","state":"AWAIT_IDENTITY","event":"RX_PSS_INIT_(SFC=1)","next":"PSS_NEGOTIATING"}"#,
        r#"{"machine":"discovery","state":"AWAIT_IDENTITY","event":"RX_PSS_INIT_(SFC=0)","next":"ESTABLISHED"}"#,
        r#"{"machine":"discovery","state":"AWAIT_IDENTITY","event":"IDENTITY_TIMEOUT","next":"LISTEN"}"#,
    ];
    assert_eq!(shown(&["machines", "discovery", "--json"]).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn all_machines_as_json_are_every_row_of_every_table() {
    let all = shown(&["machines", "--json"]);
    let mut lines = all.lines();
    for machine in MACHINES {
        for row in machine.rows {
            let line: serde_json::Value = serde_json::from_str(lines.next().expect("a line per row")).expect("JSON");
            let expected = serde_json::json!({
                "machine": machine.name, "state": row.state, "event": row.event, "next": row.next,
            });
            assert_eq!(line, expected);
        }
    }
    for (state, event, next) in ROWS {
        let line: serde_json::Value = serde_json::from_str(lines.next().expect("a line per row")).expect("JSON");
        let expected = serde_json::json!({
            "machine": "interaction", "state": state.name(), "event": event.name(), "next": next.name(),
        });
        assert_eq!(line, expected);
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn without_a_name_every_machine_is_listed_with_its_section() {
    let list = shown(&["machines"]);
    assert_eq!(list.lines().count(), 1 + MACHINES.len() + 1);
    assert!(
        list.lines().last().is_some_and(|line| line.starts_with("interaction ") && line.contains("IoE §2.2")),
        "{list}"
    );
    for (line, machine) in list.lines().skip(1).zip(MACHINES) {
        assert!(line.starts_with(machine.name) && line.contains(machine.section), "{line}");
    }
}

#[test]
fn a_table_shows_every_transition_and_marks_what_is_ours() {
    for machine in MACHINES {
        let table = shown(&["machines", machine.name]);
        for row in machine.rows {
            let parts = [row.state, row.event, row.next, row.note];
            assert!(table.lines().any(|line| parts.iter().all(|part| line.contains(part))), "{row:?} in\n{table}");
        }
    }
    let table = shown(&["machines", "pss-session"]);
    assert_eq!(table.lines().filter(|line| line.starts_with("* ")).count(), 6 + 1, "six rows and the legend");
}

#[test]
fn mermaid_draws_every_arrow() {
    let drawing = shown(&["machines", "escrow", "--mermaid"]);
    let expected = "\
stateDiagram-v2
    %% escrow (IACP §5.5.2)
    [*] --> STATE_NOMINAL
    STATE_NOMINAL --> STATE_CHALLENGED : PoM Published
    STATE_CHALLENGED --> STATE_SLASHED : Escrow Epoch Expires
    STATE_CHALLENGED --> STATE_NOMINAL : Verified Rebuttal [text]
    STATE_SLASHED --> [*]
";
    assert_eq!(drawing, expected);

    let workflow = shown(&["machines", "workflow", "--mermaid"]);
    assert!(workflow.contains("    state \"ERP_DEFLECT (0x0E)\" as ERP_DEFLECT_0x0E\n"), "{workflow}");
    assert!(workflow.contains("    BOUND --> ERP_DEFLECT_0x0E : Routing Failure\n"), "{workflow}");
}

#[test]
fn dot_dashes_what_is_ours() {
    let drawing = shown(&["machines", "erp-context", "--dot"]);
    assert!(drawing.contains("\"BOUND\" -> \"TRANSITION\" [label = \"Network Churn\"];"), "{drawing}");
    assert!(
        drawing.contains("\"TRANSITION\" -> \"TRANSITION\" [label = \"Network Churn\", style = dashed];"),
        "{drawing}"
    );
    assert_eq!(drawing.matches("style = dashed").count(), 12);
}

#[test]
fn an_unknown_machine_is_one_line_that_names_the_known_ones() {
    let output = inspect(&["machines", "dicsovery"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let complaint = String::from_utf8(output.stderr).expect("text");
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(complaint.contains("\"dicsovery\""), "{complaint}");
    for machine in MACHINES {
        assert!(complaint.contains(machine.name), "{complaint}");
    }
}

#[test]
fn a_drawing_needs_a_name_and_one_format() {
    for args in [&["machines", "--mermaid"][..], &["machines", "--dot"], &["machines", "escrow", "--json", "--dot"]] {
        assert_eq!(inspect(args).status.code(), Some(2), "{args:?}");
    }
}
