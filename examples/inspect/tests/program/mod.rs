//! The program, run as a user runs it.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the program with `input` on its standard input.
pub fn inspect(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_inspect"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    // What is given on the command line leaves standard input alone.
    let _ = writer.join().expect("the writer ends");
    output
}

/// Standard output, standard error, and whether the program succeeded.
pub fn run(args: &[&str], input: &[u8]) -> (String, String, bool) {
    let Output { status, stdout, stderr } = inspect(args, input);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    assert!(matches!(status.code(), Some(0 | 1 | 3)), "{status}");
    (text(stdout), text(stderr), status.success())
}
