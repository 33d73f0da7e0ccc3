//! `iacp:` references: what the program beside this one leaves is checked like everything else. The real one is in the tests of
//! `agent`; here it is a script that does what it should, or something else.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use cep_envelope::decision::Outcome;
use dropbox::{Half, Sealed};
use serde_json::Value;
use support::*;

const OBJECT: &[u8] = b"what Alice gives out";

struct World {
    place: Place,
    sealed: Sealed,
    program: PathBuf,
    asked: PathBuf,
}

impl World {
    /// A program that does this; `$INTO` is where it is to put things, `$HAVE` a folder with the object and its manifest.
    fn new(script: &str) -> Self {
        let (place, sealed) = (Place::new(), seal(sealing(60), OBJECT));
        let (folder, have) = (place.folder.path().to_owned(), place.folder.path().join("have"));
        fs::create_dir(&have).expect("a folder");
        fs::write(have.join(&sealed.name), OBJECT).expect("written");
        fs::write(have.join(format!("{}{}", sealed.name, Half::Manifest.suffix())), &sealed.outer).expect("written");
        let (program, asked) = (folder.join("agent"), folder.join("asked"));
        let text = format!(
            "#!/bin/sh\necho \"$@\" > '{}'\nwhile [ \"$1\" != --into ]; do shift; done\nINTO=$2 HAVE='{}' NAME='{}'\n{script}\n",
            asked.display(),
            have.display(),
            sealed.name
        );
        fs::write(&program, text).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it may run");
        Self { place, sealed, program, asked }
    }

    fn reference(&self) -> String {
        format!("iacp:{}/{}", "0a".repeat(32), self.sealed.name)
    }

    fn fetch(&self, reference: &str, options: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
        command.args(["fetch", reference, "--into"]).arg(self.place.inbox()).arg("--agent").arg(&self.program);
        command.args(options).stdin(Stdio::null()).output().expect("it starts")
    }

    fn refused(&self, reference: &str, options: &[&str], why: &str) {
        let output = self.fetch(reference, options);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
        assert!(text.starts_with("dropbox: ") && text.trim_end().lines().count() == 1, "{text}");
        assert!(text.contains(why), "{why:?}: {text}");
        self.place.inbox_is_empty();
    }
}

const AT: [&str; 2] = ["--at", "127.0.0.1:4227"];

// shows: CEP-022 (§3.2), CEP-113 (§10)
#[test]
fn what_an_agent_gives_out_is_judged_like_everything_else() {
    let world = World::new("cp \"$HAVE\"/* \"$INTO\"");
    let options = [&AT[..], &["--transport", "udp", "--max-bytes", "1000", "--timeout", "9", "--json"]].concat();
    let output = world.fetch(&world.reference(), &options);
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
    assert_eq!((said["name"].as_str(), said["bytes"].as_u64()), (Some(&*world.sealed.name), Some(20)));
    let asked = fs::read_to_string(&world.asked).expect("it was asked");
    for part in [&*world.reference(), "--at 127.0.0.1:4227", "--transport udp", "--max-bytes 1000", "--timeout 9"] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    let line = world.place.run_one();
    assert_eq!(line.outcome.0, Outcome::Continue, "{}", line.words);
    // By a notification, too; and then it is a replay.
    let notice = format!(
        r#"{{"from_agent":"alice","to_agent":"bob","poll_type":"PUSH","metadata":{{"envelope_name":"{}","envelope_ref":"{}","schema":"file-v1","verification_state":"referenced"}}}}"#,
        world.sealed.name,
        world.reference()
    );
    let path = world.place.folder.path().join("notice");
    fs::write(&path, notice).expect("written");
    let output = world.fetch(&format!("--notice={}", path.display()), &AT);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.place.run_one().deciding, ["replayed"]);
}

#[test]
fn whatever_the_program_does_nothing_unfinished_reaches_the_inbox() {
    for (script, why) in [
        ("", "the manifest that came"),
        ("cp \"$HAVE/$NAME\" \"$INTO\"", "the manifest that came"),
        ("cp \"$HAVE\"/*.json \"$INTO\"", "the object that came"),
        ("cp \"$HAVE\"/* \"$INTO\"; echo x >> \"$INTO/$NAME\"", "is not what its manifest names"),
        ("cp \"$HAVE\"/* \"$INTO\"; echo '{}' > \"$INTO/$NAME+manifest.json\"", "no outer object"),
        ("cp \"$HAVE\"/* \"$INTO\"; head -c 2000 /dev/zero > \"$INTO/$NAME\"", "longer than 1000 bytes"),
        ("cp \"$HAVE\"/* \"$INTO\"; rm \"$INTO/$NAME\"; mkfifo \"$INTO/$NAME\"", "no regular file"),
        ("cp \"$HAVE\"/* \"$INTO\"; exit 3", "it says nothing"),
        ("echo 'something before' >&2; echo 'agent: no agent is there' >&2; exit 1", "no agent is there"),
    ] {
        let world = World::new(script);
        world.refused(&world.reference(), &[&AT[..], &["--max-bytes", "1000"]].concat(), why);
    }
}

#[test]
fn a_program_that_hangs_is_ended() {
    let world = World::new("exec sleep 300");
    let since = Instant::now();
    world.refused(&world.reference(), &[&AT[..], &["--timeout", "1"]].concat(), "longer than 1 s");
    assert!(since.elapsed().as_secs() < 200, "it was not ended");
}

#[test]
fn what_a_user_gets_wrong_is_named() {
    let world = World::new("cp \"$HAVE\"/* \"$INTO\"");
    world.refused(&world.reference(), &[], "--at is needed");
    world.refused(&world.reference(), &[&AT[..], &["--manifest", "https://host/x"]].concat(), "--manifest");
    world.refused(
        &world.reference(),
        &[&AT[..], &["--name", "20260514t064148z.message.x.normal.tza"]].concat(),
        "names another object",
    );
    world.refused(&format!("iacp:00/{}", world.sealed.name), &AT, "its EID is not 64 hexadecimal digits");
    world.refused(&format!("iacp:{}/../x", "0a".repeat(32)), &AT, "no surface");
    assert!(!world.asked.exists(), "the program is asked for none of these");
    fs::remove_file(&world.program).expect("removed");
    world.refused(&world.reference(), &AT, "agent: No such file");
}
