//! A server over TLS that ends with the test's process. Each connection brings one request.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub type Stream = StreamOwned<ServerConnection, TcpStream>;

/// Where it is, `https://…`, and its certificate (RFC 7468).
pub struct Serving {
    pub at: String,
    pub certificate: String,
}

fn pem(der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("-----BEGIN CERTIFICATE-----");
    for (number, three) in der.chunks(3).enumerate() {
        if number % 16 == 0 {
            text.push('\n');
        }
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let there = digit <= three.len();
            text.push(if there { char::from(DIGITS[bits >> (18 - 6 * digit) & 63]) } else { '=' });
        }
    }
    text + "\n-----END CERTIFICATE-----\n"
}

/// Answers each request, given its path.
pub fn serve(address: IpAddr, answer: impl Fn(&str, &mut Stream) -> io::Result<()> + Send + Sync + 'static) -> Serving {
    let listener = TcpListener::bind((address, 0)).expect("a port");
    let at = format!("https://{}", listener.local_addr().expect("an address"));
    let own = rcgen::generate_simple_self_signed(vec![address.to_string()]).expect("a certificate");
    let key = own.signing_key.serialize_der().try_into().expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_single_cert(vec![own.cert.der().clone()], key);
    let (config, answer) = (Arc::new(config.expect("a certificate and its key")), Arc::new(answer));
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, answer) = (Arc::clone(&config), Arc::clone(&answer));
            // A client that is not content hangs up: that is no failure of the server's.
            thread::spawn(move || drop(one(stream, config, &*answer)));
        }
    });
    Serving { at, certificate: pem(own.cert.der()) }
}

fn one(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    answer: &impl Fn(&str, &mut Stream) -> io::Result<()>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).map_err(io::Error::other)?;
    answer(head.split(' ').nth(1).unwrap_or_default(), &mut stream)?;
    stream.conn.send_close_notify();
    stream.flush()
}
