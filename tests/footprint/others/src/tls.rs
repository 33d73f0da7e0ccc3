//! TLS 1.3 by embedded-tls, with a pre-shared key and P-256, AES-128-GCM: the client alone, since the library has no
//! server. The host's peer is OpenSSL. Certificates are not checked, as the library documents for pre-shared keys.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_tls::blocking::TlsConnection;
use embedded_tls::{Aes128GcmSha256, TlsConfig, TlsContext, TlsError, UnsecureProvider};
use rand_core::Rng as _;

use crate::Side;
use crate::counter::Counter;
use crate::host::{Datagram, Host, tell};
use crate::meter::Meter;
use crate::report::{Report, fail};

/// The longest record that is taken, and the longest that is sent.
const RECORD: usize = 2_048;

struct Numbers(Counter);

impl rand_core_06::RngCore for Numbers {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        self.0.fill_bytes(to);
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.0.fill_bytes(to);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Numbers {}

/// A stream through the host. What it costs is counted with the step: some 20 instructions for a byte.
struct Stream<'s> {
    host: Host,
    report: Report,
    datagram: &'s mut Datagram,
    taken: usize,
}

impl ErrorType for Stream<'_> {
    type Error = ErrorKind;
}

impl Read for Stream<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        if self.taken == self.datagram.length {
            self.taken = 0;
            if self.host.ask(&mut self.report, 0, self.datagram).is_none() {
                return Ok(0);
            }
        }
        let there = self.datagram.bytes().get(self.taken..).unwrap_or_default();
        let length = there.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..length), there.get(..length)) {
            to.copy_from_slice(from);
        }
        self.taken += length;
        Ok(length)
    }
}

impl Write for Stream<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        tell(&mut self.report, "datagram", 0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn or<T>(result: Result<T, TlsError>, why: &str) -> T {
    match result {
        Ok(value) => value,
        Err(_) => fail(why),
    }
}

pub fn all(meter: &mut Meter, report: &mut Report) {
    static mut MEMORY: ([u8; RECORD], [u8; RECORD], Datagram) = ([0; RECORD], [0; RECORD], Datagram::EMPTY);
    // SAFETY: this function runs once.
    let (input, output, datagram) = unsafe { &mut *(&raw mut MEMORY) };
    let stream = Stream { host: Host::open(), report: Report::open(), datagram, taken: 0 };
    let mut client = Side::NONE;
    let config = TlsConfig::new().with_psk(&[0xaa; 32], &[b"node"]).with_server_name("localhost");
    let mut connection = TlsConnection::new(stream, input, output);
    let opened = client.step(meter, || {
        let provider = UnsecureProvider::new::<Aes128GcmSha256>(Numbers(Counter(1)));
        connection.open(TlsContext::new(&config, provider))
    });
    or(opened, "the handshake fails");
    client.tell(report, "initiator");
    for (length, seal, open) in [(64, "seal-64", "open-64"), (1_024, "seal-1024", "open-1024")] {
        // The peer turns each line around.
        let mut text = [b'a'; 1_024];
        text[length - 1] = b'\n';
        let text = &text[..length];
        let (mut sender, mut receiver) = (Side::NONE, Side::NONE);
        let sent = sender.step(meter, || connection.write_all(text).is_ok() && connection.flush().is_ok());
        let mut back = [0; 1_024];
        let read = receiver.step(meter, || {
            let mut length = 0;
            while length < text.len() {
                match connection.read(&mut back[length..]) {
                    Ok(0) | Err(_) => break,
                    Ok(more) => length += more,
                }
            }
            length
        });
        if !sent || back.get(..read) != Some(text) {
            fail("not what was sent");
        }
        sender.tell(report, seal);
        receiver.tell(report, open);
    }
}
