//! Brokers, a server of objects, and a receiver.
#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../../dropbox/tests/support/https.rs"]
mod https;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cep_envelope::decision::Outcome;
use cep_envelope::manifest::CausalParent;
use dropbox::{Dropbox, Folders, Keys, Sealed, Sealing, Settings, Told, Unhindered};
use ed25519_compact::{KeyPair, Seed};
use jiff::{SignedDuration, Timestamp};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use tempfile::TempDir;

/// Longer than anything takes on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that ends with its test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A broker's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Mosquitto,
}

/// The embedded broker, and mosquitto where it is installed.
pub fn kinds() -> Vec<Kind> {
    let mosquitto = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
    if mosquitto.iter().any(|path| Path::new(path).exists()) {
        return vec![Kind::Embedded, Kind::Mosquitto];
    }
    // Not `eprintln!`, which is only shown for tests that fail.
    let what = "a second broker: mosquitto is not installed (apt-get install mosquitto)";
    writeln!(std::io::stderr(), "\n*** NOT TESTED: {what} ***\n").expect("standard error is open");
    vec![Kind::Embedded]
}

/// A broker on an address of its own.
pub struct Broker {
    pub kind: Kind,
    pub at: SocketAddr,
    config: PathBuf,
    running: Option<Running>,
}

impl Broker {
    /// `number` tells the tests of a process apart: each has an address of the loopback network for itself, so that no port is taken.
    pub fn start(kind: Kind, place: &Place, number: u8) -> Self {
        let [.., high, low] = std::process::id().to_be_bytes();
        let number = number * 2 + u8::from(kind == Kind::Mosquitto);
        let at = SocketAddr::from(([127, 64 + number, high, low.clamp(1, 254)], 18_830));
        let config = place.folder.path().join("mosquitto.conf");
        let listener = format!(
            "listener {} {}\nallow_anonymous true\npersistence false\nmax_queued_messages 1000\n",
            at.port(),
            at.ip()
        );
        fs::write(&config, listener).expect("written");
        let mut broker = Self { kind, at, config, running: None };
        broker.start_again();
        broker
    }

    pub fn start_again(&mut self) {
        let mut command = match self.kind {
            Kind::Embedded => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt"));
                command.args(["broker", "--bind", &self.at.to_string()]);
                command
            }
            Kind::Mosquitto => {
                let mut command = Command::new("/usr/sbin/mosquitto");
                command.arg("-c").arg(&self.config);
                command
            }
        };
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        self.running = Some(Running(child));
        let since = Instant::now();
        while TcpStream::connect_timeout(&self.at, Duration::from_secs(1)).is_err() {
            let running = self.running.as_mut().expect("it was started");
            assert!(running.0.try_wait().expect("asked").is_none(), "{:?} on {} has ended", self.kind, self.at);
            assert!(since.elapsed() < PATIENCE, "{:?} on {} does not answer", self.kind, self.at);
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn dies(&mut self) {
        self.running = None;
    }

    /// Publishes anything, with QoS 1, and returns when the broker has acknowledged it or ended the connection.
    pub fn publish(&self, payload: &[u8], retain: bool) -> bool {
        let mut options =
            MqttOptions::new(format!("test-{:?}", Instant::now()), self.at.ip().to_string(), self.at.port());
        options.set_max_packet_size(16 << 20, 16 << 20);
        let (client, mut connection) = Client::new(options, 4);
        client.publish(mqtt::topic_of("bob"), QoS::AtLeastOnce, retain, payload).expect("room");
        let since = Instant::now();
        loop {
            assert!(since.elapsed() < PATIENCE, "the broker does not answer");
            match connection.recv_timeout(Duration::from_millis(200)) {
                Ok(Ok(Event::Incoming(Packet::PubAck(_)))) => return true,
                Ok(Err(_)) => return false,
                _ => {}
            }
        }
    }
}

/// A listener.
pub struct Listener {
    running: Running,
    lines: Receiver<String>,
    /// Lines about notifications that came before the line about the subscription.
    early: RefCell<VecDeque<String>>,
}

impl Listener {
    pub fn start(place: &Place, broker: &Broker, options: &[&str]) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_mqtt")), place, broker.at, options)
    }

    /// A command that becomes the program.
    pub fn of(mut command: Command, place: &Place, at: SocketAddr, options: &[&str]) -> Self {
        command.args(["listen", "--broker", &at.to_string(), "--name", "bob"]);
        if !options.contains(&"--timeout") {
            command.args(["--timeout", "40"]);
        }
        command.arg("--into").arg(place.inbox()).args(options);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let (stdout, (sender, lines)) = (child.stdout.take().expect("piped"), channel());
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { running: Running(child), lines, early: RefCell::default() }
    }

    /// With what is usual here.
    pub fn usual(place: &Place, broker: &Broker, server: &Server) -> Self {
        let (ca, seen) = (server.ca.to_string_lossy(), place.folder.path().join("seen"));
        let listener = Self::start(place, broker, &["--ca", &ca, "--scope", "host", "--seen", &seen.to_string_lossy()]);
        listener.subscribed();
        listener
    }

    /// Waits for the line about the subscription. A broker may send what it retains before it acknowledges the subscription (MQTT 3.1.1,
    /// 3.8.4): such lines are for `until`.
    pub fn subscribed(&self) {
        let since = Instant::now();
        loop {
            let line = self.line(since);
            if line.starts_with("subscribed") {
                return;
            }
            if !line.starts_with("lost") {
                self.early.borrow_mut().push_back(line);
            }
        }
    }

    fn line(&self, since: Instant) -> String {
        self.lines.recv_timeout(PATIENCE.saturating_sub(since.elapsed())).expect("a line")
    }

    /// The next line of this kind; lines about a broker that is gone, and about messages that came before, are passed over.
    pub fn until(&self, what: &str) -> String {
        let since = Instant::now();
        loop {
            let early = self.early.borrow_mut().pop_front();
            let line = early.unwrap_or_else(|| self.line(since));
            if let Some(about) = line.strip_prefix(what) {
                return about.trim().to_owned();
            }
            // With QoS 1 a broker may bring a message more than once, and a retained one besides.
            let passed = ["lost", "subscribed", "kept", "again"].iter().any(|known| line.starts_with(known));
            assert!(passed, "expected '{what}', and it says: {line}");
        }
    }

    /// The status with which it ends.
    pub fn ends(mut self) -> bool {
        let since = Instant::now();
        loop {
            if let Some(status) = self.running.0.try_wait().expect("asked") {
                return status.success();
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A broker that says what a test wants it to say, to one connection after the other.
pub struct Scripted(TcpListener);

/// One connection of it.
pub struct Said {
    stream: TcpStream,
    /// The session is a clean one.
    pub clean: bool,
}

impl Scripted {
    pub fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("an address"))
    }

    pub fn at(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    /// The next connection, without a subscription yet.
    pub fn connected(&self) -> Said {
        let (stream, _) = self.0.accept().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut said = Said { stream, clean: false };
        let (kind, connect) = said.packet().expect("CONNECT");
        assert_eq!(kind, 0x10);
        // The protocol's name and number, then the flags (MQTT 3.1.1, 3.1.2).
        said.clean = connect[7] & 2 != 0;
        said.bytes(&[0x20, 2, 0, 0]);
        said
    }

    /// The next connection. The subscription is answered with this code.
    pub fn next(&self, code: u8) -> Said {
        let mut said = self.connected();
        let (kind, subscribe) = said.packet().expect("SUBSCRIBE");
        assert_eq!(kind, 0x82);
        said.bytes(&[0x90, 3, subscribe[0], subscribe[1], code]);
        said
    }
}

impl Said {
    /// What the listener says next, or nothing at the end.
    pub fn packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let (mut first, mut length, mut shift) = ([0; 1], 0_usize, 0);
        self.stream.read_exact(&mut first).ok()?;
        loop {
            let mut more = [0; 1];
            self.stream.read_exact(&mut more).ok()?;
            length |= usize::from(more[0] & 0x7f) << shift;
            shift += 7;
            if more[0] < 0x80 {
                break;
            }
        }
        let mut packet = vec![0; length];
        self.stream.read_exact(&mut packet).ok()?;
        Some((first[0], packet))
    }

    /// Sends any bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("sent");
    }

    /// Ends the connection with RST: what came in it was not read.
    pub fn breaks_off(self) {
        self.stream.peek(&mut [0]).expect("something has come");
    }

    /// Answers the next sign of life.
    pub fn answers_a_ping(&mut self) {
        assert_eq!(self.packet().expect("PINGREQ").0, 0xc0);
        self.bytes(&[0xd0, 0]);
    }

    /// Sends a message with this number, or with QoS 0.
    pub fn publish(&mut self, number: Option<u16>, payload: &[u8]) {
        let topic = mqtt::topic_of("bob");
        let mut packet = u16::try_from(topic.len()).expect("short").to_be_bytes().to_vec();
        packet.extend(topic.bytes());
        packet.extend(number.into_iter().flat_map(u16::to_be_bytes));
        packet.extend(payload);
        let (low, high) = (packet.len() % 128, packet.len() / 128);
        let length = [u8::try_from(low).expect("low") | 0x80, u8::try_from(high).expect("below 16,384")];
        self.bytes(&[&[if number.is_some() { 0x32 } else { 0x30 }][..], &length, &packet].concat());
    }

    /// The number of the next message that is acknowledged; none if the connection ends.
    pub fn acknowledged(&mut self) -> Option<u16> {
        loop {
            match self.packet()? {
                (0x40, number) => return Some(u16::from_be_bytes([number[0], number[1]])),
                (0xe0, _) => return None,
                (0xc0, _) => self.bytes(&[0xd0, 0]),
                (kind, _) => panic!("an unexpected packet: {kind:#x}"),
            }
        }
    }
}

/// Bob's folders.
pub struct Place {
    pub folder: TempDir,
}

fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn inbox(&self) -> PathBuf {
        self.folder.path().join("drop/inbox")
    }

    /// Bob's drop decides about what is in his inbox; he knows alice.
    pub fn decided(&self) -> Vec<(String, Outcome)> {
        let keys = self.folder.path().join("keys.json");
        let alice = hex::encode(*key(1).pk);
        fs::write(&keys, format!(r#"[{{"sender":"alice","signer":"alice-1","key":"{alice}"}}]"#)).expect("written");
        let folders = Folders::make(&self.folder.path().join("drop")).expect("folders");
        let settings = Settings::new(folders, "bob", Keys::load(&keys).expect("keys")).expect("settings");
        let mut lines = Vec::new();
        let mut drop = Dropbox::open(settings, Unhindered).expect("opened");
        drop.pass(Timestamp::now, |told| {
            if let Told::Decided(line) = told {
                lines.push((line.name.clone(), line.outcome.0));
            }
            std::ops::ControlFlow::Continue(())
        })
        .expect("nothing fails");
        lines.sort();
        lines
    }
}

/// An object of alice's for bob; `context` tells it from others of the same second.
pub fn sealed(context: &str, object: &[u8]) -> Sealed {
    let sealing = Sealing {
        signer: "alice-1",
        recipient: "bob",
        schema: "file-v1",
        context,
        profile: "alice",
        priority: "normal",
        extension: None,
        parent: CausalParent::Root,
        at: Timestamp::now() - SignedDuration::from_secs(5),
    };
    sealing.seal(object, &key(1)).expect("sealed")
}

pub fn notice_to(recipient: &str, name: &str, reference: &str) -> Vec<u8> {
    let notice = format!(
        r#"{{"from_agent":"alice","to_agent":"{recipient}","poll_type":"PUSH","metadata":{{"envelope_name":"{name}","envelope_ref":"{reference}","schema":"file-v1","verification_state":"referenced"}}}}"#
    );
    notice.into_bytes()
}

pub fn notice(name: &str, reference: &str) -> Vec<u8> {
    notice_to("bob", name, reference)
}

/// A server over TLS, which has what it is given.
pub struct Server {
    pub at: String,
    pub ca: PathBuf,
    pages: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Server {
    pub fn start(place: &Place) -> Self {
        let pages = Arc::new(Mutex::new(BTreeMap::<String, Vec<u8>>::new()));
        let theirs = Arc::clone(&pages);
        let serving = https::serve(IpAddr::V4(Ipv4Addr::LOCALHOST), move |path, stream| {
            let page = theirs.lock().expect("whole").get(path).cloned();
            let (status, body) = page.map_or((404, Vec::new()), |page| (200, page));
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
            stream.write_all(&body)
        });
        let ca = place.folder.path().join("ca.pem");
        fs::write(&ca, &serving.certificate).expect("written");
        Self { at: serving.at, ca, pages }
    }

    /// Has this object from now on; its notification.
    pub fn give(&self, sealed: &Sealed, object: &[u8]) -> Vec<u8> {
        let mut pages = self.pages.lock().expect("whole");
        pages.insert(format!("/{}", sealed.name), object.to_vec());
        pages.insert(format!("/{}+manifest.json", sealed.name), sealed.outer.clone());
        notice(&sealed.name, &format!("{}/{}", self.at, sealed.name))
    }
}
