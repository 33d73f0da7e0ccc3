//! The drawings in ARCHITECTURE.md match the tables.

use std::process::Command;

fn drawing(machine: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_inspect")).args(["machines", machine, "--mermaid"]).output();
    String::from_utf8(output.expect("inspect runs").stdout).expect("text")
}

#[test]
fn the_drawings_are_drawn_from_the_tables() {
    let text = include_str!("../../../ARCHITECTURE.md");
    let mut drawings = 0;
    for part in text.split("<!-- machine: ").skip(1) {
        let (name, rest) = part.split_once(" -->\n").expect("a name");
        let (drawn, _) = rest.split_once("<!-- end -->").expect("an end");
        let expected = format!("```mermaid\n{}```\n", drawing(name));
        assert!(drawn == expected, "ARCHITECTURE.md should draw {name} like this:\n{expected}");
        drawings += 1;
    }
    assert_eq!(drawings, 3);
}
