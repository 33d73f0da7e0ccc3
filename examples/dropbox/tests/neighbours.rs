//! Other processes and other accounts: leases, copying programs, senders under other accounts.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use dropbox::{Folders, Half, Keys, Line, Sealed, Sealing, Settings, Unhindered};
use jiff::{SignedDuration, Timestamp};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::*;

const PATIENCE: Duration = Duration::from_secs(120);

fn outcome(line: &Line) -> (Outcome, Vec<&str>) {
    (line.outcome.0, line.deciding.iter().map(String::as_str).collect())
}

fn manifest_of(sealed: &Sealed) -> String {
    format!("{}{}", sealed.name, Half::Manifest.suffix())
}

// Leases.

/// A process that holds a lease on a file, as its owner may.
struct Lease(Child);

impl Lease {
    fn on(path: &Path) -> Option<Self> {
        let script = "$SIG{IO} = 'IGNORE'; open(F, '+<', $ARGV[0]) or die; fcntl(F, 1024, 1) or die; $| = 1; \
                      print \"held\\n\"; sleep 600";
        let mut child = Command::new("perl").args(["-e", script]).arg(path).stdout(Stdio::piped()).spawn().ok()?;
        let mut said = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut said).ok()?;
        let lease = Self(child);
        (said == "held\n").then_some(lease)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_lease_on_an_object_stops_neither_the_drop_nor_its_start() {
    let place = Place::new();
    let (held, free) = (seal(sealing(60), b"held"), seal(Sealing { context: "free", ..sealing(50) }, b"free"));
    place.drop(&held, b"held");
    let Some(lease) = Lease::on(&place.inbox().join(&held.name)) else {
        return not_tested("a lease: perl, or a file system with leases, is missing");
    };
    place.drop(&free, b"free");
    let mut drop = place.open(Unsynced);
    let mut now = Timestamp::now();
    let heard = hear(&mut drop, now);
    assert_eq!(heard.lines.iter().map(|line| &line.name).collect::<Vec<_>>(), [&free.name]);
    assert!(heard.stuck.len() == 1 && heard.stuck[0].contains("a lease"), "{heard:?}");
    for _ in 0..5 {
        std::mem::drop(drop);
        drop = place.open(Unsynced);
        now += SignedDuration::from_secs(60);
        let heard = hear(&mut drop, now);
        assert_eq!((heard.lines.len(), heard.stuck.len()), (0, 1), "{heard:?}");
    }
    std::mem::drop(lease);
    now += SignedDuration::from_secs(61);
    assert_eq!(
        outcome(&hear(&mut drop, Timestamp::now()).lines.pop().unwrap_or_else(|| hear(&mut drop, now).lines.remove(0))),
        (Outcome::Continue, vec![])
    );
}

// Copying programs.

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(path: &Path) -> &str {
    path.to_str().expect("text")
}

/// The real program watches, and other programs copy: whole, in pieces with pauses, and moved over what was there.
#[test]
fn no_copying_program_loses_an_object_to_a_watching_drop() {
    let place = Place::new();
    let keys = place.folder.path().join("keys.json");
    Keys::add_to_file(&keys, binding(&alice())).expect("written");
    let root = text(place.settings.folders.root()).to_owned();
    let mut running =
        program(&["run", &root, "--name", BOB, "--keys", text(&keys), "--rescan", "1"]).spawn().expect("started");
    let staged = place.folder.path().join("staged");
    fs::create_dir(&staged).expect("a folder");
    let ways = [
        // A pipe with pauses; the manifest last, then first.
        "p() { head -c 40 \"$1\"; sleep 0.01; tail -c +41 \"$1\"; }; p $S/o | cat > $I/$N; p $S/m | cat > $I/$M",
        "p() { head -c 40 \"$1\"; sleep 0.01; tail -c +41 \"$1\"; }; p $S/m | cat > $I/$M; p $S/o | cat > $I/$N",
        "cp $S/o $I/$N; cp $S/m $I/$M",
        // Over what was there, as a file system over a network does it; and staged.
        "head -c 9 $S/o > $I/$N; head -c 9 $S/m > $I/$M; cp $S/o $I/.o; mv $I/.o $I/$N; cp $S/m $I/.m; mv $I/.m $I/$M",
        "cp $S/m $I/$M.part; cp $S/o $I/$N.part; mv $I/$N.part $I/$N; mv $I/$M.part $I/$M",
        "dd if=$S/o of=$I/$N bs=16 status=none; dd if=$S/m of=$I/$M bs=16 status=none",
    ];
    let mut names = Vec::new();
    for (number, way) in ways.iter().cycle().take(ways.len() * 4).enumerate() {
        let object = format!("{}", number + 1_000).repeat(100);
        let context = format!("n{number}");
        let sealed = seal(Sealing { context: &context, ..sealing(60) }, object.as_bytes());
        fs::write(staged.join("o"), &object).expect("written");
        fs::write(staged.join("m"), &sealed.outer).expect("written");
        let copied = Command::new("sh")
            .arg("-ec")
            .arg(way)
            .env("S", &staged)
            .env("I", place.inbox())
            .env("N", &sealed.name)
            .env("M", manifest_of(&sealed))
            .status()
            .expect("a shell");
        assert!(copied.success(), "{way}");
        names.push((sealed.name, *way));
    }
    let since = Instant::now();
    while place.journal().len() < names.len() && since.elapsed() < PATIENCE {
        sleep(Duration::from_millis(50));
    }
    running.kill().expect("killed");
    running.wait().expect("ended");
    let journal = place.journal();
    for (name, way) in names {
        let line =
            journal.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("{name} is not taken: {way}"));
        assert_eq!(outcome(line), (Outcome::Continue, vec![]), "{way}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start() {
    let place = Place::new();
    let keys = place.folder.path().join("keys.json");
    Keys::add_to_file(&keys, binding(&alice())).expect("written");
    let root = text(place.settings.folders.root()).to_owned();
    let complaint = |arguments: &[&str]| {
        let output = program(arguments).output().expect("it starts");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    for name in ["", "a\nb", "a\"b"] {
        assert!(
            complaint(&["run", &root, "--name", name, "--keys", text(&keys), "--once"]).contains("--name"),
            "{name:?}"
        );
        assert!(Settings::new(Folders::make(Path::new(&root)).expect("folders"), name, Keys::default()).is_err());
    }
    let fifo = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a FIFO");
    fifo(&place.settings.folders.journal());
    let said = complaint(&["run", &root, "--name", BOB, "--keys", text(&keys), "--once"]);
    assert!(said.contains("journal.jsonl") && said.contains("no regular file"), "{said}");
    let keys = place.folder.path().join("fifo.json");
    fifo(&keys);
    let said = complaint(&["run", &root, "--name", BOB, "--keys", text(&keys), "--once"]);
    assert!(said.contains("fifo.json") && said.contains("no regular file"), "{said}");
}

// Two accounts.

#[test]
fn sender_and_receiver_in_two_accounts() {
    const RECEIVER: u32 = 54_321;
    const SENDER: u32 = 54_322;
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let at = |name: &str| folder.path().join(name);
    if chown(folder.path(), Some(RECEIVER), Some(RECEIVER)).is_err() {
        return not_tested("two accounts: that takes root");
    }
    let open = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
    open(folder.path(), 0o755);
    fs::copy(env!("CARGO_BIN_EXE_dropbox"), at("dropbox")).expect("copied");
    let as_user = |user: u32, arguments: &[&str]| -> Output {
        let mut command = Command::new(at("dropbox"));
        command.uid(user).gid(user).args(arguments).current_dir(folder.path()).stdin(Stdio::null());
        command.output().expect("it starts")
    };
    fs::create_dir(at("sender")).expect("a folder");
    chown(at("sender"), Some(SENDER), Some(SENDER)).expect("given");
    fs::write(at("sender/letter"), b"letter").expect("written");
    let made =
        as_user(SENDER, &["keygen", "--sender", "alice", "--keys", "sender/keys.json", "--seed-file", "sender/seed"]);
    assert!(made.status.success(), "{made:?}");
    let run = || as_user(RECEIVER, &["run", "drop", "--name", BOB, "--keys", "sender/keys.json", "--once"]);
    assert!(run().status.success());
    // Others may put something into the inbox; only its owner, and the receiver, may take it out.
    open(&at("drop/inbox"), 0o1733);
    let seal = |parent: &str, extension: &str| {
        let fixed = ["seal", "sender/letter", "--seed-file", "sender/seed", "--signer", "alice", "--recipient", BOB];
        let more = [
            "--into",
            "drop/inbox",
            "--outbox",
            "sender/outbox",
            "--parent",
            parent,
            "--extension",
            extension,
            "--json",
        ];
        let output = as_user(SENDER, &[&fixed[..], &more[..]].concat());
        assert!(output.status.success(), "{output:?}");
        let sealed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (
            sealed["name"].as_str().expect("a name").to_owned(),
            sealed["manifest_digest"].as_str().expect("a digest").to_owned(),
        )
    };
    let (root, digest) = seal("root", "one");
    assert!(run().status.success());
    // The sender cannot look into what was taken, and needs not: the digest names the parent.
    assert!(as_user(SENDER, &["status", "drop"]).status.code() == Some(1));
    let (child, _) = seal(&digest, "two");
    // A file that the receiver may not read stays where it is, and is told, until it may.
    open(&at("drop/inbox").join(&child), 0o600);
    let output = run();
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&child) && said.contains("may not read it"), "{said}");
    open(&at("drop/inbox").join(&child), 0o644);
    assert!(run().status.success());
    let journal = fs::read_to_string(at("drop/journal.jsonl")).expect("a journal");
    let lines: Vec<Line> = journal.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    let decided: Vec<_> = lines.iter().map(|line| (line.name.as_str(), outcome(line))).collect();
    let goes_on = || (Outcome::Continue, vec![]);
    assert_eq!(decided, [(root.as_str(), goes_on()), (child.as_str(), goes_on())]);
}

/// A small file system, where this account may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder.path());
        let mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_disk_that_is_really_full_loses_nothing_and_the_drop_goes_on() {
    let Some(disk) = SmallDisk::mount("256k") else {
        return not_tested("a disk of a few pages: that takes root and the right to mount");
    };
    let place = Place::of(tempfile::tempdir_in(disk.0.path()).expect("a folder"));
    let sealed = seal(sealing(60), b"object");
    place.drop(&sealed, b"object");
    let mut dropbox = place.open(Unhindered);
    let filler = disk.0.path().join("filler");
    let mut file = fs::File::create(&filler).expect("made");
    while file.write_all(&[0; 4_096]).is_ok() {}
    drop(file);
    let start = Timestamp::now();
    let heard = hear(&mut dropbox, start);
    assert!(heard.lines.is_empty(), "{heard:?}");
    assert!(heard.stuck.iter().any(|why| why.contains("No space left")), "{heard:?}");
    fs::remove_file(&filler).expect("removed");
    let heard = hear(&mut dropbox, start + SignedDuration::from_mins(5));
    assert_eq!(heard.lines.iter().map(outcome).collect::<Vec<_>>(), [(Outcome::Continue, vec![])], "{heard:?}");
    assert!(heard.stuck.is_empty(), "{heard:?}");
}
