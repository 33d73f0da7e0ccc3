//! A drop that watches: what the system does not tell of is found all the same.

mod support;

use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use dropbox::{Half, Sealed, Sealing};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use support::*;

/// Longer than anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(240);
/// Objects that come at once.
const OBJECTS: usize = 2_000;

/// The real program, which looks by itself once in a week: within this test, only if the system tells it to.
struct Running(Child);

impl Running {
    fn start(place: &Place) -> Self {
        let keys = place.folder.path().join("keys.json");
        dropbox::Keys::add_to_file(&keys, binding(&alice())).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
        command.arg("run").arg(place.settings.folders.root()).args(["--name", BOB, "--rescan", "604800"]);
        // Nor is anything taken without its manifest, however long the rest takes.
        command.args(["--grace", "604800", "--keys"]);
        command.arg(keys).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    fn until(&mut self, what: &str, is_so: impl Fn() -> bool) {
        let since = Instant::now();
        while !is_so() {
            assert!(since.elapsed() < PATIENCE, "not yet: {what}");
            assert!(self.0.try_wait().expect("a child").is_none(), "it has ended");
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has nothing more to do: it has used no time for a while. If that is too early, less is shown.
    fn is_idle(&mut self) {
        let used = |pid: Pid| {
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
            stat.split(' ').skip(13).take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        let (mut before, mut same) = (used(self.pid()), 0);
        while same < 10 {
            sleep(Duration::from_millis(20));
            let now = used(self.pid());
            same = if now == before { same + 1 } else { 0 };
            before = now;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A queue of the system's like the one that the program reads, not read until the end.
fn watch(place: &Place) -> OwnedFd {
    let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("a queue");
    inotify::add_watch(&queue, place.inbox(), WatchFlags::OPEN).expect("watched");
    queue
}

/// Whether events were lost.
fn has_overflowed(queue: OwnedFd) -> bool {
    let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
    let mut events = Reader::new(queue, &mut buffer);
    loop {
        match events.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => return true,
            Ok(_) => {}
            Err(Errno::WOULDBLOCK) => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Fills the queues with events that are no change: the program does not look because of them.
fn overflow(place: &Place) {
    let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").expect("a limit");
    let most: usize = most.trim().parse().expect("a number");
    // Of two names in turn: what equals the event before it takes no place in a queue.
    let names = [".one", ".other"].map(|name| place.put(name, b""));
    for number in 0..=most {
        File::open(&names[number % 2]).expect("opened");
    }
}

fn decided(place: &Place) -> usize {
    entries(&place.settings.folders.outcome(Outcome::Continue)).len()
}

fn number(number: usize) -> (Sealed, String) {
    let (context, object) = (format!("n{number}"), format!("object {number}"));
    (seal(Sealing { context: &context, ..sealing(60) }, object.as_bytes()), object)
}

#[test]
fn thousands_of_objects_that_come_while_events_are_lost_do_not_wait() {
    let place = Place::new();
    let mut running = Running::start(&place);
    let (first, object) = number(OBJECTS);
    place.drop(&first, object.as_bytes());
    running.until("the first object", || decided(&place) == 1);
    for name in [".one", ".other"] {
        place.put(name, b"");
    }
    running.is_idle();

    kill_process(running.pid(), Signal::STOP).expect("stopped");
    let queue = watch(&place);
    overflow(&place);
    // No event tells of any of these. The manifests of some come later.
    let objects: Vec<_> = (0..OBJECTS).map(number).collect();
    let manifest = |sealed: &Sealed| place.inbox().join(format!("{}{}", sealed.name, Half::Manifest.suffix()));
    for (number, (sealed, object)) in objects.iter().enumerate() {
        place.put(&sealed.name, object.as_bytes());
        if number % 10 != 0 {
            fs::write(manifest(sealed), &sealed.outer).expect("written");
        }
    }
    assert!(has_overflowed(queue), "this queue has the same events and the same limit");
    kill_process(running.pid(), Signal::CONT).expect("it goes on");
    let whole = OBJECTS - OBJECTS / 10;
    running.until("what was whole while events were lost", || decided(&place) == 1 + whole);

    for (sealed, _) in objects.iter().step_by(10) {
        fs::write(manifest(sealed), &sealed.outer).expect("written");
    }
    running.until("what has become whole since", || decided(&place) == 1 + OBJECTS);
    running.until("the end of the last one", || entries(&place.settings.folders.work()).is_empty());
    drop(running);
    assert_eq!(place.journal().len(), 1 + OBJECTS, "each is decided once");
}
