//! Objects that are fetched by reference: from a server of this test, over real TLS.

#[path = "support/https.rs"]
mod https;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use cep_envelope::decision::Outcome;
use dropbox::{Half, Sealed};
use https::Serving;
use serde_json::Value;
use support::*;

/// How a path is answered.
#[derive(Clone)]
enum Reply {
    /// These bytes, with their length.
    Whole(Vec<u8>),
    /// These bytes, without a length, until the connection ends.
    Endless(Vec<u8>),
    /// Another length than there are bytes.
    Lying(Vec<u8>, u64),
    /// A header besides.
    With(&'static str, Vec<u8>),
    Redirect(String),
    Status(u16),
    /// Some of it, and then nothing.
    Stalls(Vec<u8>),
}

/// A server of these pages.
fn serve(address: IpAddr, pages: impl IntoIterator<Item = (String, Reply)>) -> Serving {
    let pages: BTreeMap<String, Reply> = pages.into_iter().collect();
    https::serve(address, move |path, stream| {
        let (status, headers, body) = match pages.get(path).cloned().unwrap_or(Reply::Status(404)) {
            Reply::Whole(body) => (200, format!("Content-Length: {}\r\n", body.len()), body),
            Reply::Endless(body) => (200, String::new(), body),
            Reply::Lying(body, length) => (200, format!("Content-Length: {length}\r\n"), body),
            Reply::With(header, body) => (200, format!("Content-Length: {}\r\n{header}\r\n", body.len()), body),
            Reply::Redirect(to) => (302, format!("Location: {to}\r\nContent-Length: 0\r\n"), Vec::new()),
            Reply::Status(status) => (status, "Content-Length: 0\r\n".into(), Vec::new()),
            Reply::Stalls(body) => {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
                stream.write_all(&body)?;
                stream.flush()?;
                thread::sleep(Duration::from_secs(20));
                return Ok(());
            }
        };
        write!(stream, "HTTP/1.1 {status} X\r\n{headers}Connection: close\r\n\r\n")?;
        stream.write_all(&body)
    })
}

/// Bob, and what his server's owner has sealed for him.
struct World {
    place: Place,
    sealed: Sealed,
}

const OBJECT: &[u8] = b"what Alice has sealed";
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

impl World {
    fn new() -> Self {
        Self { place: Place::new(), sealed: seal(sealing(60), OBJECT) }
    }

    fn name(&self) -> &str {
        &self.sealed.name
    }

    fn outer(&self) -> Reply {
        Reply::Whole(self.sealed.outer.clone())
    }

    /// A manifest beside an object that is answered in some way.
    fn pages(&self, object: Reply) -> [(String, Reply); 2] {
        [(format!("/{}", self.name()), object), (format!("/{}+manifest.json", self.name()), self.outer())]
    }

    fn fetch(&self, server: &Serving, what: &str, options: &[&str]) -> Output {
        let ca = self.place.folder.path().join("ca.pem");
        fs::write(&ca, &server.certificate).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
        command.args(["fetch", what, "--into"]).arg(self.place.inbox()).arg("--ca").arg(ca).args(options);
        // A proxy of the environment is not asked.
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").stdin(Stdio::null());
        command.output().expect("it starts")
    }

    /// One clear line, status 1, and nothing in the inbox.
    fn refused(&self, server: &Serving, what: &str, options: &[&str], why: &str) {
        let output = self.fetch(server, what, options);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{text}");
        assert!(text.starts_with("dropbox: ") && text.trim_end().lines().count() == 1, "{text}");
        assert!(text.contains(why), "{why:?}: {text}");
        self.place.inbox_is_empty();
    }
}

// shows: CEP-022 (§3.2), CEP-113 (§10)
#[test]
fn what_is_fetched_is_judged_like_everything_else() {
    let world = World::new();
    let server = serve(LOOPBACK, world.pages(Reply::Whole(OBJECT.to_vec())));
    let reference = format!("{}/{}", server.at, world.name());
    let output = world.fetch(&server, &reference, &["--scope", "host", "--json"]);
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).expect("an object");
    assert_eq!((said["name"].as_str(), said["bytes"].as_u64()), (Some(world.name()), Some(21)));
    assert_eq!(said["manifest_digest"].as_str(), Some(&*world.sealed.digest.to_string()));
    let line = world.place.run_one();
    assert_eq!(line.outcome.0, Outcome::Continue, "{}", line.words);
    assert_eq!(world.place.find(OBJECT).len(), 1);

    // The same once more is a replay, whatever way it came.
    assert!(world.fetch(&server, &reference, &["--scope", "host"]).status.success());
    assert!(!world.place.run_one().outcome.0.approves());
}

#[test]
fn a_notification_s_reference_is_fetched_and_the_notification_comes_along() {
    let world = World::new();
    let object = (format!("/some/where?for=bob&name={}", world.name()), Reply::Endless(OBJECT.to_vec()));
    let server =
        serve(LOOPBACK, [object, (format!("/some/where+manifest.json?for=bob&name={}", world.name()), world.outer())]);
    let reference = format!("{}/some/where?for=bob&name={}", server.at, world.name());
    let notice = format!(
        r#"{{"from_agent":"alice","to_agent":"bob","poll_type":"PUSH","metadata":{{"envelope_name":"{}","envelope_ref":"{reference}","schema":"file-v1","verification_state":"referenced"}}}}"#,
        world.name()
    );
    let path = world.place.folder.path().join("notice");
    fs::write(&path, &notice).expect("written");
    let path = path.to_str().expect("text");
    let path = format!("--notice={path}");
    world.refused(&server, &path, &[], "which reaches this host alone");
    let output = world.fetch(&server, &path, &["--scope", "host"]);
    assert!(output.status.success(), "{output:?}");
    let there = world.place.inbox().join(format!("{}{}", world.name(), Half::Notice.suffix()));
    assert_eq!(fs::read_to_string(there).expect("it is there"), notice);
    let line = world.place.run_one();
    assert_eq!((line.outcome.0, line.notice.as_deref()), (Outcome::Continue, None), "{}", line.words);
}

#[test]
fn a_reference_that_is_not_to_be_fetched_is_told_with_its_reason() {
    let world = World::new();
    let server = serve(LOOPBACK, world.pages(Reply::Whole(OBJECT.to_vec())));
    let at = format!("{}/{}", server.at, world.name());
    let own = &["--scope", "host"][..];
    world.refused(&server, &at.replace("https", "http"), own, "only https: is fetched");
    world.refused(&server, &format!("iacp:{}/{}", "0".repeat(64), world.name()), own, "--at is needed");
    world.refused(&server, &format!("/var/lib/inbox/{}", world.name()), own, "a path on another machine");
    world.refused(&server, &at, &[], "--scope");
    world.refused(&server, &at, &["--scope", "host", "--from", "good.example"], "which no --from names");
    world.refused(&server, &format!("{}/nothing", server.at), own, "ends with no surface");
    world.refused(&server, &at, &["--scope", "host", "--name", "../x"], "is no surface");
    world.refused(&server, &at, &["--scope", "host", "--manifest", "file:///etc/passwd"], "'file:' is not fetched");
    world.refused(&server, &at, &["--scope", "host", "--max-bytes", "20"], "longer than 20 bytes");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dropbox"));
    let output = command.args(["fetch", &at, "--scope", "host", "--into"]).arg(world.place.inbox()).output();
    let text = String::from_utf8(output.expect("it starts").stderr).expect("text");
    assert!(text.contains("certificate"), "another's certificate is not trusted: {text}");
    world.place.inbox_is_empty();
}

#[test]
fn whatever_a_server_does_nothing_unfinished_reaches_the_inbox() {
    let long = vec![b'x'; 300_000];
    let cases: Vec<(Reply, &[&str], &str)> = vec![
        (Reply::Status(404), &[], "the server answers 404"),
        (Reply::Status(206), &[], "the server answers 206"),
        (Reply::Whole(b"something else".to_vec()), &[], "is not what its manifest names"),
        (Reply::Whole(Vec::new()), &[], "is not what its manifest names"),
        (Reply::Whole(long.clone()), &["--max-bytes", "1000"], "longer than 1000 bytes"),
        (Reply::Endless(long), &["--max-bytes", "1000"], "longer than 1000 bytes"),
        (Reply::Lying(OBJECT.to_vec(), u64::MAX), &[], "longer than"),
        (Reply::Lying(OBJECT.to_vec(), 1_000), &[], ""),
        (Reply::With("Content-Encoding: gzip", OBJECT.to_vec()), &[], "packs what it sends"),
        (Reply::Stalls(OBJECT.to_vec()), &["--timeout", "2"], "longer than 2 s"),
        (Reply::Redirect("http://127.0.0.1:1/x".into()), &[], "not https:"),
        (Reply::Redirect("file:///etc/passwd".into()), &[], ""),
    ];
    for (reply, options, why) in cases {
        let world = World::new();
        let server = serve(LOOPBACK, world.pages(reply));
        let options = [&["--scope", "host"], options].concat();
        world.refused(&server, &format!("{}/{}", server.at, world.name()), &options, why);
    }
    let world = World::new();
    let bad = [(format!("/{}+manifest.json", world.name()), Reply::Whole(b"{}".to_vec()))];
    let server = serve(LOOPBACK, bad);
    world.refused(&server, &format!("{}/{}", server.at, world.name()), &["--scope", "host"], "no outer object");
    let endless = [(format!("/{}+manifest.json", world.name()), Reply::Endless(vec![b'['; 100_000]))];
    let server = serve(LOOPBACK, endless);
    world.refused(&server, &format!("{}/{}", server.at, world.name()), &["--scope", "host"], "longer than");
}

#[test]
fn redirects_are_followed_a_few_times_and_in_circles_never() {
    let world = World::new();
    let mut pages = world.pages(Reply::Whole(OBJECT.to_vec())).to_vec();
    pages.push((format!("/a/{}", world.name()), Reply::Redirect(format!("../{}", world.name()))));
    pages.push(("/round".into(), Reply::Redirect("/round".into())));
    let server = serve(LOOPBACK, pages);
    let manifest = format!("{}/{}+manifest.json", server.at, world.name());
    let options = ["--scope", "host", "--name", world.name(), "--manifest", &manifest];
    world.refused(&server, &format!("{}/round", server.at), &options, "redirects more than 3 times");
    let output = world.fetch(&server, &format!("{}/a/{}", server.at, world.name()), &options);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.place.run_one().outcome.0, Outcome::Continue);
}

/// The address by which this host would ask others, if it has one. No packet is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified() && TcpListener::bind((own, 0)).is_ok()).then_some(own)
}

#[test]
fn a_redirect_to_a_narrower_scope_is_not_followed() {
    let Some(own) = own_address() else {
        return not_tested("a redirect inwards over real sockets: this host has no address but loopback");
    };
    let world = World::new();
    let inside = serve(LOOPBACK, world.pages(Reply::Whole(OBJECT.to_vec())));
    let name = world.name().to_owned();
    let outside = serve(own, world.pages(Reply::Redirect(format!("{}/{name}", inside.at))));
    let both = Serving { at: outside.at.clone(), certificate: outside.certificate + &inside.certificate };
    world.refused(&both, &format!("{}/{name}", outside.at), &["--scope", "host"], "which reaches this host alone");
    // The other server is fine, if it is asked itself.
    assert!(world.fetch(&both, &format!("{}/{name}", inside.at), &["--scope", "host"]).status.success());
}
